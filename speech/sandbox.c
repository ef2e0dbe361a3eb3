/*
 * The sandbox.  Three things together: no_new_privs, a seccomp filter that is a
 * list of what is allowed, and rlimits.
 *
 * The filters are written with libseccomp and not as BPF by hand.  It knows the
 * system call numbers and the calling conventions of every architecture that
 * Debian builds for, refuses foreign ones (x32, i386 on amd64), and can compare
 * arguments; a hand-written filter would have to be right about all of that
 * again, and what decides over safety here is the list, which stays readable.
 *
 * Filters are inherited over fork, and each one can only take away.  So the
 * keeper's filter is the union of all lists plus what forking needs, and each
 * child adds its own, much narrower one on top.  None of them allows to open a
 * file, to make or connect a socket, to run a program, to make memory
 * executable, or (but for the keeper) to make a process or to signal one: after
 * start the only way in or out is the descriptors that a process already holds
 * or is handed.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "speech/limits.h"
#include "speech/sandbox.h"

#define K	(1u << VG_ROLE_KEEPER)
#define F	(1u << VG_ROLE_FRONT)
#define D	(1u << VG_ROLE_DECODE)
#define S	(1u << VG_ROLE_STT)
#define T	(1u << VG_ROLE_TTS)
#define WORKERS	(D | S | T)
#define ALL	(K | F | WORKERS)

#define FORK_FLAGS	(CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)
#define CLOSE_FROM	3

struct rule {
	int		nr;
	unsigned int	roles;
};

/* Allowed whatever the arguments are. */
static const struct rule rules[] = {
	{ SCMP_SYS(read), ALL },
	{ SCMP_SYS(write), ALL },		/* memfds, the log */
	{ SCMP_SYS(writev), ALL },
	{ SCMP_SYS(pread64), F | WORKERS },
	{ SCMP_SYS(lseek), F | WORKERS },	/* memfds */
	{ SCMP_SYS(close), ALL },
	{ SCMP_SYS(recvmsg), ALL },		/* the job, descriptors */
	{ SCMP_SYS(sendmsg), ALL },
	{ SCMP_SYS(fstat), ALL },
	{ SCMP_SYS(brk), ALL },			/* malloc */
	{ SCMP_SYS(munmap), ALL },
	{ SCMP_SYS(mremap), ALL },
	{ SCMP_SYS(madvise), ALL },
	{ SCMP_SYS(futex), ALL },		/* pthread_once, stdio locks */
	{ SCMP_SYS(rt_sigreturn), ALL },
	{ SCMP_SYS(rt_sigprocmask), ALL },	/* abort() */
	{ SCMP_SYS(restart_syscall), ALL },
	{ SCMP_SYS(clock_gettime), ALL },	/* where there is no vDSO */
	{ SCMP_SYS(gettimeofday), ALL },
	{ SCMP_SYS(getrusage), S | T },		/* pocketsphinx's stopwatch */
	{ SCMP_SYS(getpid), ALL },
	{ SCMP_SYS(gettid), ALL },		/* abort() */
	{ SCMP_SYS(getrandom), ALL },		/* malloc's tcache */
	{ SCMP_SYS(exit), ALL },
	{ SCMP_SYS(exit_group), ALL },

	/* The front: an HTTP server on a socket that it was given. */
	{ SCMP_SYS(accept4), F },
	{ SCMP_SYS(recvfrom), F },
	{ SCMP_SYS(sendto), F },
	{ SCMP_SYS(sendfile), F },		/* synthesised audio */
	{ SCMP_SYS(shutdown), F },
	{ SCMP_SYS(setsockopt), F },
	{ SCMP_SYS(getsockopt), F },
	{ SCMP_SYS(getsockname), F },
	{ SCMP_SYS(fcntl), F },
	{ SCMP_SYS(poll), F | K },
	{ SCMP_SYS(ppoll), F | K },
	{ SCMP_SYS(epoll_create1), F },
	{ SCMP_SYS(epoll_ctl), F },
	{ SCMP_SYS(epoll_wait), F },
	{ SCMP_SYS(epoll_pwait), F },
	{ SCMP_SYS(eventfd2), F },
	{ SCMP_SYS(memfd_create), F },		/* recordings, audio */

	/* The keeper: makes processes, waits for them, ends them. */
	{ SCMP_SYS(wait4), K },
	{ SCMP_SYS(kill), K },
	{ SCMP_SYS(socketpair), K },
	{ SCMP_SYS(getppid), K },		/* a child: parent alive? */
	{ SCMP_SYS(set_robust_list), K },	/* glibc's fork() */
	{ SCMP_SYS(rseq), K },
	{ SCMP_SYS(set_tid_address), K },
	{ SCMP_SYS(rt_sigaction), K },
	{ SCMP_SYS(prlimit64), K },		/* a child's limits */
	{ SCMP_SYS(close_range), K },
	{ SCMP_SYS(dup2), K },			/* a child's standard files */
	{ SCMP_SYS(dup3), K },
	{ SCMP_SYS(rename), K },		/* the port file */
	{ SCMP_SYS(renameat), K },
	{ SCMP_SYS(unlink), K },
	{ SCMP_SYS(unlinkat), K },
#if VG_SANITIZED
	{ SCMP_SYS(mmap), ALL },
	{ SCMP_SYS(mprotect), ALL },
	{ SCMP_SYS(sigaltstack), ALL },
	{ SCMP_SYS(openat), ALL },
	{ SCMP_SYS(readlink), ALL },
	{ SCMP_SYS(sched_yield), ALL },
	{ SCMP_SYS(sched_getaffinity), ALL },
	{ SCMP_SYS(newfstatat), ALL },
	{ SCMP_SYS(getdents64), ALL },
	{ SCMP_SYS(ioctl), ALL },
	{ SCMP_SYS(getuid), ALL },
	{ SCMP_SYS(rt_sigaction), ALL },
	{ SCMP_SYS(prctl), ALL },
	{ SCMP_SYS(prlimit64), ALL },
	{ SCMP_SYS(clone), ALL },
	{ SCMP_SYS(wait4), ALL },
	{ SCMP_SYS(getppid), ALL },
#endif
};

/* prctl()s of a child between fork and its own filter. */
static const int prctls[] = {
	PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP,
};

static struct sock_fprog	programs[VG_ROLES];

/* Rules that look at arguments. */
static int
add_compared(scmp_filter_ctx ctx, enum vg_role role)
{
	size_t	i;
	int	rc = 0;

#if !VG_SANITIZED
	/* Memory, but none that can be executed. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* fstat() as glibc spells it. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
	    SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
#endif
	/* abort(), and no other signal to no one else, is tgkill(SIGABRT). */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    SCMP_A2(SCMP_CMP_EQ, SIGABRT, 0));

	if (role == VG_ROLE_KEEPER && !VG_SANITIZED) {
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_EQ, FORK_FLAGS, 0));
		for (i = 0; i < sizeof(prctls) / sizeof(prctls[0]); i++) {
			rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
			    SCMP_SYS(prctl), 1,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctls[i],
			    0));
		}
	}
	return (rc == 0 ? 0 : -1);
}

/* Turns the filter into a program that prctl() takes. */
static int
compile(scmp_filter_ctx ctx, struct sock_fprog *prog)
{
	struct sock_filter	*code = NULL;
	off_t			 size;
	int			 fd, ret = -1;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd == -1)
		return (-1);
	if (seccomp_export_bpf(ctx, fd) != 0)
		goto out;
	size = lseek(fd, 0, SEEK_END);
	if (size <= 0 || (size_t)size % sizeof(*code) != 0 ||
	    (size_t)size / sizeof(*code) > BPF_MAXINSNS)
		goto out;
	code = malloc((size_t)size);
	if (code == NULL)
		goto out;
	if (pread(fd, code, (size_t)size, 0) != size) {
		free(code);
		goto out;
	}
	prog->filter = code;
	prog->len = (unsigned short)((size_t)size / sizeof(*code));
	ret = 0;
out:
	close(fd);
	return (ret);
}

int
vg_sandbox_prepare(void)
{
	scmp_filter_ctx	ctx;
	unsigned int	role;
	size_t		i;
	int		rc;

	for (role = 0; role < VG_ROLES; role++) {
		ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
		if (ctx == NULL)
			return (-1);
		rc = 0;
		for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			/* The keeper's is the union of all. */
			if (role != VG_ROLE_KEEPER &&
			    (rules[i].roles & (1u << role)) == 0)
				continue;
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, rules[i].nr,
			    0);
			/* A call that this architecture has not. */
			if (rc == -EDOM || rc == -EEXIST)
				rc = 0;
			if (rc != 0)
				break;
		}
		if (rc == 0)
			rc = add_compared(ctx, (enum vg_role)role);
		if (rc == 0)
			rc = compile(ctx, &programs[role]);
		seccomp_release(ctx);
		if (rc != 0)
			return (-1);
	}
	return (0);
}

int
vg_sandbox_enter(enum vg_role role)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return (-1);
	return (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &programs[role],
	    0, 0));
}

static int
limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit	now, rl = { .rlim_cur = value, .rlim_max = value };

	/* Never ask for more than there is: that needs privileges. */
	if (getrlimit(what, &now) == -1)
		return (-1);
	if (now.rlim_max < value)
		rl.rlim_cur = rl.rlim_max = now.rlim_max;
	return (setrlimit(what, &rl));
}

/* The address space in use now, in bytes; 0 when it cannot be told. */
static rlim_t
address_space(void)
{
	static rlim_t	 size;
	unsigned long	 pages = 0;
	FILE		*fp;

	/* The keeper asks before its sandbox; its children inherit that. */
	if (size != 0)
		return (size);
	fp = fopen("/proc/self/statm", "re");
	if (fp == NULL)
		return (0);
	if (fscanf(fp, "%lu", &pages) != 1)
		pages = 0;
	fclose(fp);
	size = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
	return (size);
}

int
vg_sandbox_limits(enum vg_role role, unsigned int cpu_seconds)
{
	rlim_t	as = address_space(), out;

	if (limit(RLIMIT_CORE, 0) == -1)
		return (-1);
	if (role == VG_ROLE_KEEPER || role == VG_ROLE_FRONT)
		return (0);

	/* Shared memory counts as a file: what a worker may write. */
	out = role == VG_ROLE_TTS ? VG_TTS_OUT_MAX :
	    (rlim_t)VG_SECONDS_MAX * VG_STT_RATE * 2 + 4096;
	if (limit(RLIMIT_FSIZE, role == VG_ROLE_STT ? 0 : out) == -1 ||
	    limit(RLIMIT_NOFILE, VG_WORKER_NOFILE) == -1 ||
	    limit(RLIMIT_NPROC, 0) == -1 ||
	    limit(RLIMIT_MEMLOCK, 0) == -1)
		return (-1);
	if (cpu_seconds != 0 && limit(RLIMIT_CPU, cpu_seconds) == -1)
		return (-1);
	if (!VG_SANITIZED && as != 0 &&
	    limit(RLIMIT_AS, as + VG_WORKER_AS_SPARE) == -1)
		return (-1);
	return (0);
}

int
vg_sandbox_child(pid_t parent, const char *name, const int *keep, size_t nkeep)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE,
	    SIGQUIT, SIGUSR1, SIGUSR2 };
	sigset_t	 none;
	unsigned int	 from = CLOSE_FROM, fd;
	size_t		 i;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return (-1);
	/* It may have gone between fork() and here. */
	if (getppid() != parent)
		return (-1);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);

	/*
	 * Ctrl-C and a service manager reach the whole group; only the keeper
	 * obeys, and ends its children when their work is done.
	 */
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		return (-1);

	/* keep[] is in ascending order. */
	for (i = 0; i < nkeep; i++) {
		fd = (unsigned int)keep[i];
		if (fd > from && close_range(from, fd - 1, 0) == -1)
			return (-1);
		if (fd >= from)
			from = fd + 1;
	}
	return (close_range(from, ~0u, 0));
}

int
vg_sandbox_drop(const char *user)
{
	struct passwd	*pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL) {
		if (errno == 0)
			errno = ENOENT;
		return (-1);
	}
	if (geteuid() != 0 && geteuid() == pw->pw_uid)
		return (0);
	if (initgroups(pw->pw_name, pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return (-1);
	/* Make sure that there is no way back. */
	if (pw->pw_uid != 0 && setuid(0) != -1) {
		errno = EPERM;
		return (-1);
	}
	return (0);
}
