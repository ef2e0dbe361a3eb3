/*
 * The part of the sandbox around the filter (filter.c): resource limits, what a
 * child does first after fork, and giving up privileges.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <linux/close_range.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "speech/limits.h"
#include "speech/sandbox.h"

#define CLOSE_FROM	3

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
