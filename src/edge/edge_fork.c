/*
 * A child's first moments.
 *
 * Signals. Kore forks, and until the child comes to kore_signal_setup() it has
 * its parent's handlers: a SIGTERM that finds it there is noted as a parent
 * notes it, and is forgotten. The worker serves on, and the server never ends.
 * Here the signals that mean something wait from before the fork until the child
 * has handlers of its own.
 *
 * Orphans. A parent that was killed takes all with it: Kore tells them by the
 * end of a pipe, but each has inherited the others' ends and would never see it,
 * go on serving, and keep the port from whoever is started next. The kernel is
 * asked to tell them instead, at the fork and, since it forgets with a change of
 * user, once more after that; and each time the parent may have gone before.
 */

#include <sys/prctl.h>

#include <signal.h>
#include <unistd.h>

#include "edge/edge_int.h"

static pid_t	parent;
static sigset_t	before;		/* what was blocked before the fork */

pid_t
__wrap_fork(void)
{
	sigset_t	signals;
	pid_t		pid;

	parent = getpid();
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGQUIT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &signals, &before);

	if ((pid = __real_fork()) == 0)
		vg_edge_orphan();
	else
		(void)sigprocmask(SIG_SETMASK, &before, NULL);

	return (pid);
}

/* In the child; the parent's own call does not come from another file. */
void
__wrap_kore_signal_setup(void)
{
	__real_kore_signal_setup();
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void
vg_edge_orphan(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}
