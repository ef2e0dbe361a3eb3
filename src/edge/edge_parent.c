/*
 * The parent: what Kore's makes of signals and of children that ended, and
 * would leave a server behind that runs and does not serve.
 *
 * Signals. Kore keeps the last one only. A SIGINT to the whole group is followed
 * by the SIGCHLD of the first child that obeyed, and is forgotten: the workers
 * leave, the parent stays. Here each kind is kept until its turn, those that
 * end the server first.
 *
 * The end. Kore's parent passes a SIGTERM on to all and stops there: it delivers
 * no more messages between workers and keymgr, which ends at once, while workers
 * that drain still shake hands; and until the last has gone it holds the port
 * open, where nobody accepts. Here the port is closed first, then the workers are
 * told, and only when they have gone do the keymgr and the parent follow. They
 * are told again and again, and those that have not gone when their time to drain
 * is long over are killed: whatever state a worker is in, the server ends.
 *
 * The keymgr. Kore ends the server, with 0, when it was killed, and goes on
 * without it, every handshake failing, when it ended by itself. The workers have
 * all that they need, and a new keymgr sends them certificates as on SIGHUP: so
 * it is started again. One that keeps ending (its key was taken away, say) ends
 * the server, and not with 0.
 *
 * Channels. Kore's table of the channels to its children keeps that of a child
 * that has gone, and its pool hands the same block out again for the next one,
 * which is in the table twice then: each message comes twice, and the second
 * answer of the keymgr is taken for that to the next question. Two that died
 * at once even get each other's. So a block that was a channel is never used
 * again: some hundred bytes for each child that died. And the children that were
 * started meanwhile have a copy of its descriptor, so that epoll(7) may still
 * tell of it (there is no other way out than to have it do nothing).
 */

#include <sys/wait.h>

#include <signal.h>

#include "edge/edge_int.h"

#define KEYMGR_ENDS_MAX		5	/* within the span: then the server ends */
#define KEYMGR_SPAN_MS		60000
#define KNOWN_GROWTH		32	/* channels */
#define TOLD_AGAIN_MS		200
#define KILLED_AFTER_MS		10000	/* the end of their time to drain */

/* In the order of their turns. */
static const int	signals[] = {
	SIGTERM, SIGINT, SIGQUIT, SIGCHLD, SIGHUP, SIGUSR1
};

#define SIGNALS		(sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t	told[SIGNALS];

static struct {
	bool			ready;
	bool			draining;	/* the workers were told */
	uint64_t		drain_from;	/* ms */
	uint64_t		told_at;	/* ms */
	bool			failed;
	uint64_t		ended[KEYMGR_ENDS_MAX]; /* ms, a ring */
	unsigned		nended;
	struct connection	**known;	/* channels, ever; owned */
	size_t			nknown;
	size_t			size;
} parent;

static void
tell(int sig)
{
	size_t	i;

	for (i = 0; i < SIGNALS; i++) {
		if (signals[i] == sig)
			told[i] = 1;
	}
}

/*
 * Before there are children. Where Kore has its handler: SIGINT is ignored in the
 * background. One that came before this has its turn, too.
 */
void
__wrap_kore_worker_init(void)
{
	struct sigaction	sa;
	size_t			i;

	for (i = 0; i < SIGNALS; i++) {
		if (sigaction(signals[i], NULL, &sa) == -1)
			fatal("sigaction: %s", errno_s);
		if (sa.sa_handler != kore_signal)
			continue;
		sa.sa_handler = tell;
		if (sigaction(signals[i], &sa, NULL) == -1)
			fatal("sigaction: %s", errno_s);
	}
	tell(sig_recv);
	sig_recv = 0;
	__real_kore_worker_init();
}

static void
remember(struct connection *c)
{
	if (parent.nknown == parent.size) {
		parent.size += KNOWN_GROWTH;
		parent.known = kore_realloc(parent.known,
		    parent.size * sizeof(*parent.known));
	}
	parent.known[parent.nknown++] = c;
}

static bool
forget(const struct connection *c)
{
	size_t	i;

	for (i = 0; i < parent.nknown; i++) {
		if (parent.known[i] == c) {
			parent.known[i] = parent.known[--parent.nknown];
			return (true);
		}
	}
	return (false);
}

/* In the worker that drains, the parent, the keymgr: each holds the socket. */
void
vg_parent_listen_no_more(void)
{
	struct kore_server	*server;
	struct listener		*l;

	LIST_FOREACH(server, &kore_servers, list) {
		LIST_FOREACH(l, &server->listeners, list) {
			if (l->fd != -1)
				(void)close(l->fd);
			l->fd = -1;
		}
	}
}

/* The keymgr, at its start: Kore forgets them and leaves them open. */
void
__wrap_kore_server_closeall(void)
{
	vg_parent_listen_no_more();
	__real_kore_server_closeall();
}

static void
drain_begin(uint64_t now)
{
	parent.draining = true;
	parent.drain_from = now;
	vg_parent_listen_no_more();
	/* What a worker says at its end would be taken for a wish to end all. */
	kore_msg_unregister(KORE_MSG_SHUTDOWN);
}

/* Those that have gone are not started again; whether any is left. */
static bool
drain_goes_on(uint64_t now)
{
	struct kore_worker	*kw;
	u_int16_t		idx;
	int			status, sig = 0;
	bool			left = false;

	if (now - parent.drain_from > vg_door.limits.drain_ms + KILLED_AFTER_MS)
		sig = SIGKILL;
	else if (parent.told_at == 0 || now - parent.told_at >= TOLD_AGAIN_MS)
		sig = SIGTERM;
	if (sig != 0)
		parent.told_at = now;

	for (idx = 0; idx < worker_count; idx++) {
		kw = kore_worker_data((u_int8_t)idx);
		if (idx == KORE_WORKER_KEYMGR_IDX || !kw->running ||
		    kw->pid <= 0)
			continue;
		if (waitpid(kw->pid, &status, WNOHANG) == 0) {
			left = true;
			if (sig == SIGKILL)
				kore_log(LOG_ERR, "worker %d (pid %d) does not "
				    "end and is killed", kw->id, kw->pid);
			if (sig != 0)
				(void)kill(kw->pid, sig);
			continue;
		}
		kw->running = 0;
		kw->pid = 0;
	}
	return (left);
}

/* Of the parent's loop: the first turn comes after Kore has set everything up. */
void
vg_parent_wait(u_int64_t timer)
{
	struct kore_worker	*kw;
	uint64_t		now;
	u_int16_t		idx;
	size_t			i;

	if (!parent.ready) {
		parent.ready = true;
		for (idx = 0; idx < worker_count; idx++) {
			kw = kore_worker_data((u_int8_t)idx);
			if (kw->msg[0] != NULL)
				remember(kw->msg[0]);
		}
	}

	for (i = 0; i < SIGNALS; i++) {
		if (told[i] != 0)
			timer = 0;
	}
	__real_kore_platform_event_wait(timer);

	for (i = 0; i < SIGNALS && sig_recv == 0; i++) {
		if (told[i] != 0) {
			told[i] = 0;
			sig_recv = signals[i];
		}
	}

	now = kore_time_ms();
	if (!parent.draining && (sig_recv == SIGTERM || sig_recv == SIGINT ||
	    sig_recv == SIGQUIT))
		drain_begin(now);
	if (parent.draining)
		sig_recv = drain_goes_on(now) ? 0 : SIGTERM;
}

/* An event of a channel that is no more. */
static int
ignore(struct connection *c)
{
	(void)c;
	return (KORE_RESULT_OK);
}

void
__wrap_kore_msg_parent_add(struct kore_worker *kw)
{
	struct connection	*c;

	/* The pool gives back first what it was given last. */
	while (forget(c = kore_connection_new(NULL))) {
		c->proto = CONN_PROTO_MSG;	/* as the table expects; for nobody */
		c->state = CONN_STATE_DISCONNECTING;
		c->handle = ignore;
	}
	c->fd = -1;
	worker_active_connections++;
	kore_connection_remove(c);

	__real_kore_msg_parent_add(kw);
	remember(kw->msg[0]);
}

static void
keymgr_again(struct kore_worker *kw)
{
	uint64_t	now = kore_time_ms();
	uint64_t	*oldest = &parent.ended[parent.nended % KEYMGR_ENDS_MAX];

	if (parent.nended >= KEYMGR_ENDS_MAX &&
	    now - *oldest < KEYMGR_SPAN_MS) {
		kore_log(LOG_CRIT, "the keymgr ended %d times within %d s: "
		    "the server ends", KEYMGR_ENDS_MAX + 1,
		    KEYMGR_SPAN_MS / 1000);
		parent.failed = true;
		kw->running = 0;
		kw->pid = 0;
		(void)raise(SIGTERM);
		return;
	}
	*oldest = now;
	parent.nended++;

	kw->restarted = 1;
	kore_msg_parent_remove(kw);
	kore_worker_spawn(KORE_WORKER_KEYMGR_IDX, kw->id, kw->cpu);
	kore_msg_parent_add(kw);
}

/* A child has ended: is it the keymgr, then it is not Kore's to decide. */
void
__wrap_kore_worker_reap(void)
{
	struct kore_worker	*kw = kore_worker_data(KORE_WORKER_KEYMGR_IDX);
	siginfo_t		info;
	int			status;

	memset(&info, 0, sizeof(info));
	if (keymgr_active && kw->running && kw->pid > 0 &&
	    waitid(P_PID, (id_t)kw->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    0 && info.si_pid == kw->pid &&
	    waitpid(kw->pid, &status, 0) == kw->pid) {
		if (WIFSIGNALED(status))
			kore_log(LOG_ERR, "the keymgr (pid %d) was ended by "
			    "signal %d", kw->pid, WTERMSIG(status));
		else
			kore_log(LOG_ERR, "the keymgr (pid %d) ended with %d",
			    kw->pid, WEXITSTATUS(status));
		keymgr_again(kw);
	}
	__real_kore_worker_reap();
}

bool
vg_edge_failed(void)
{
	return (parent.failed);
}
