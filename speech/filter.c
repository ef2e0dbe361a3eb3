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

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "speech/sandbox.h"

#define K	(1u << VG_ROLE_KEEPER)
#define F	(1u << VG_ROLE_FRONT)
#define D	(1u << VG_ROLE_DECODE)
#define S	(1u << VG_ROLE_STT)
#define T	(1u << VG_ROLE_TTS)
#define WORKERS	(D | S | T)
#define ALL	(K | F | WORKERS)

#define FORK_FLAGS	(CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)

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
