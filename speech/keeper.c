/*
 * The keeper makes processes and ends them, and does nothing else: no byte of a
 * request, a recording or a reply ever passes through it, so it can be the one
 * that holds the models and may fork.  It is single-threaded, as whoever forks
 * must be.
 *
 *	keeper ---- front (HTTP)
 *	   |          |  one socket pair to each worker
 *	   +------- decode workers, stt workers, tts workers
 *
 * A worker that has done its job ends with 0 and is replaced at once.  One that
 * crashed is replaced at once too, the first few times; then a little later and
 * later, up to VG_BACKOFF_MAX_MS, so that a crash loop costs no more than a
 * few forks a second while a pool still comes back within a second.
 *
 * No child survives the keeper: each has asked the kernel for SIGKILL at its
 * parent's death, and besides reads an end of file where its orders came from.
 */
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "speech/decode.h"
#include "speech/front.h"
#include "speech/keeper.h"
#include "speech/limits.h"
#include "speech/recognise.h"
#include "speech/slog.h"
#include "speech/synth.h"
#include "speech/worker.h"

#define TICK_MS		1000
#define RETRY_MS	100

struct slot {
	pid_t		pid;		/* 0: empty */
	uint32_t	id;
	long long	due;		/* empty: when to fill it */
	int		ordered;	/* we ended it ourselves */
};

struct pool {
	struct slot	slots[VG_WORKERS_MAX];
	unsigned int	crashes;	/* in a row */
	long long	last_crash;
};

struct keeper {
	const struct vg_options	*o;
	struct pool		 pools[VG_POOLS];
	pid_t			 self;
	pid_t			 front;
	long long		 front_due;
	unsigned int		 front_crashes;
	int			 listener;
	int			 ctl;		/* to the front */
	int			 sigfd;
	int			 ready;
	int			 loaded;
	int			 status;	/* exit code, once over */
	int			 over;
	long long		 drain_until;	/* 0: not draining */
	uint32_t		 next_id;
	uint16_t		 port;
	int			 port_fd;
	char			 port_tmp[PATH_MAX];
};

/* Waiting time after the n-th crash in a row. */
static long long
backoff(unsigned int crashes)
{
	long long	ms = VG_BACKOFF_FIRST_MS;

	if (crashes <= VG_BACKOFF_FREE)
		return (0);
	for (crashes -= VG_BACKOFF_FREE; crashes > 1 &&
	    ms < VG_BACKOFF_MAX_MS; crashes--)
		ms *= 2;
	return (ms < VG_BACKOFF_MAX_MS ? ms : VG_BACKOFF_MAX_MS);
}

/*
 * Standard input and output of a child lead nowhere (descriptor 0 does already);
 * its standard error too, unless it writes the log.
 */
static void
mute(int log)
{
	(void)dup2(STDIN_FILENO, STDOUT_FILENO);
#if !VG_SANITIZED
	if (!log)
		(void)dup2(STDIN_FILENO, STDERR_FILENO);
#else
	(void)log;
#endif
}

static void
start_front(struct keeper *k)
{
	int	pair[2], keep[2];
	pid_t	pid;

	/* Neither side may be stopped by the other one. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, pair) == -1) {
		k->front_due = vg_now_ms() + RETRY_MS;
		return;
	}
	pid = fork();
	if (pid == 0) {
		keep[0] = k->listener < pair[1] ? k->listener : pair[1];
		keep[1] = k->listener < pair[1] ? pair[1] : k->listener;
		if (vg_sandbox_child(k->self, "speech-front", keep, 2) == -1)
			_exit(0);
		mute(1);
		vg_front_main(k->o, k->listener, pair[1]);
	}
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		k->front_due = vg_now_ms() + RETRY_MS;
		return;
	}
	k->front = pid;
	k->ctl = pair[0];
}

/* Hands the worker's socket to the front. */
static int
introduce(struct keeper *k, enum vg_pool pool, uint32_t id, int sock)
{
	struct vg_ipc	msg = { .kind = VG_IPC_WORKER, .id = id,
			    .arg = (uint32_t)pool };

	return (vg_ipc_send(k->ctl, &msg, NULL, 0, &sock, 1));
}

static void
start_worker(struct keeper *k, enum vg_pool pool, struct slot *s)
{
	static const char *const names[] = { "speech-decode", "speech-stt",
	    "speech-tts" };
	int	pair[2];
	pid_t	pid;

	s->due = vg_now_ms() + RETRY_MS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return;
	s->id = ++k->next_id;
	pid = fork();
	if (pid == 0) {
		if (vg_sandbox_child(k->self, names[pool], &pair[1], 1) == -1)
			_exit(0);
		mute(0);
		vg_worker_main(pool, pair[1], s->id, k->o);
	}
	close(pair[1]);
	if (pid != -1) {
		s->pid = pid;
		s->ordered = 0;
		if (introduce(k, pool, s->id, pair[0]) == -1) {
			s->ordered = 1;
			(void)kill(pid, SIGKILL);
		}
	}
	close(pair[0]);
}

static void
fill(struct keeper *k)
{
	long long	now = vg_now_ms();
	unsigned int	p, i;

	if (k->front == 0 && k->drain_until == 0 && now >= k->front_due)
		start_front(k);
	if (k->front == 0 || !k->loaded)
		return;
	for (p = 0; p < VG_POOLS; p++) {
		for (i = 0; i < k->o->workers; i++) {
			if (k->pools[p].slots[i].pid == 0 &&
			    now >= k->pools[p].slots[i].due)
				start_worker(k, (enum vg_pool)p,
				    &k->pools[p].slots[i]);
		}
	}
}

static void
kill_workers(struct keeper *k)
{
	unsigned int	p, i;
	struct slot	*s;

	for (p = 0; p < VG_POOLS; p++) {
		for (i = 0; i < VG_WORKERS_MAX; i++) {
			s = &k->pools[p].slots[i];
			if (s->pid != 0) {
				s->ordered = 1;
				(void)kill(s->pid, SIGKILL);
			}
		}
	}
}

static void
front_ended(struct keeper *k, int status)
{
	k->front = 0;
	close(k->ctl);
	k->ctl = -1;
	if (k->drain_until != 0) {
		k->over = 1;
		return;
	}
	vg_slog("front ended (%s %d), replacing it",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!k->ready && ++k->front_crashes > VG_BACKOFF_FREE) {
		vg_slog("the front does not start, giving up");
		k->status = VG_EXIT_SOFTWARE;
		k->over = 1;
		return;
	}
	k->front_due = vg_now_ms() + backoff(++k->front_crashes);
	/* Their sockets ended with the front. */
	kill_workers(k);
}

static void
worker_ended(struct keeper *k, enum vg_pool pool, struct slot *s, int status)
{
	struct pool	*p = &k->pools[pool];
	long long	 now = vg_now_ms(), wait = 0;
	pid_t		 pid = s->pid;

	s->pid = 0;
	s->due = now;
	if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || s->ordered)
		return;

	if (now - p->last_crash > VG_BACKOFF_CALM_MS)
		p->crashes = 0;
	p->last_crash = now;
	wait = backoff(++p->crashes);
	s->due = now + wait;
	vg_slog("worker replaced: pool=%s pid=%d %s=%d in %lld ms",
	    vg_pool_name(pool), (int)pid,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    wait);
	if (!k->ready && p->crashes > VG_START_CRASHES_MAX) {
		vg_slog("pool %s does not start, giving up",
		    vg_pool_name(pool));
		k->status = VG_EXIT_SOFTWARE;
		k->over = 1;
	}
}

static void
reap(struct keeper *k)
{
	unsigned int	p, i;
	int		status;
	pid_t		pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k->front) {
			front_ended(k, status);
			continue;
		}
		for (p = 0; p < VG_POOLS; p++) {
			for (i = 0; i < VG_WORKERS_MAX; i++) {
				if (k->pools[p].slots[i].pid == pid)
					worker_ended(k, (enum vg_pool)p,
					    &k->pools[p].slots[i], status);
			}
		}
	}
}

static int
port_file_open(struct keeper *k)
{
	int	n;

	k->port_fd = -1;
	if (k->o->port_file == NULL)
		return (0);
	/* A stale one must not be taken for ours. */
	(void)unlink(k->o->port_file);
	n = snprintf(k->port_tmp, sizeof(k->port_tmp), "%s.%d.tmp",
	    k->o->port_file, (int)k->self);
	if (n < 0 || (size_t)n >= sizeof(k->port_tmp))
		return (-1);
	k->port_fd = open(k->port_tmp, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0644);
	return (k->port_fd == -1 ? -1 : 0);
}

static void
announce(struct keeper *k)
{
	char	line[80];
	int	n;

	if (k->ready)
		return;
	k->ready = 1;
	n = snprintf(line, sizeof(line), "%u\n", (unsigned int)k->port);
	if (k->port_fd != -1) {
		if (write(k->port_fd, line, (size_t)n) != n ||
		    rename(k->port_tmp, k->o->port_file) == -1)
			vg_slog("the port file cannot be written: %s",
			    strerror(errno));
		close(k->port_fd);
		k->port_fd = -1;
	}
	vg_slog("ready on %s port %u", k->o->host, (unsigned int)k->port);
	if (k->o->port == 0 && write(STDOUT_FILENO, line, (size_t)n) != n)
		vg_slog("the port cannot be printed: %s", strerror(errno));
}

static void
kill_worker(struct keeper *k, uint32_t id)
{
	unsigned int	p, i;
	struct slot	*s;

	for (p = 0; p < VG_POOLS; p++) {
		for (i = 0; i < VG_WORKERS_MAX; i++) {
			s = &k->pools[p].slots[i];
			if (s->pid != 0 && s->id == id) {
				s->ordered = 1;
				(void)kill(s->pid, SIGKILL);
			}
		}
	}
}

static void
front_says(struct keeper *k)
{
	struct vg_ipc	msg;
	size_t		len;
	int		fds[VG_IPC_FDS], i;

	while (k->ctl != -1 &&
	    vg_ipc_recv(k->ctl, &msg, NULL, 0, &len, fds) == 1) {
		for (i = 0; i < VG_IPC_FDS; i++) {
			if (fds[i] != -1)
				close(fds[i]);
		}
		if (msg.kind == VG_IPC_READY)
			announce(k);
		else if (msg.kind == VG_IPC_KILL)
			kill_worker(k, msg.id);
		else if (msg.kind == VG_IPC_DRAINED && k->drain_until != 0)
			k->over = 1;
	}
}

static void
signalled(struct keeper *k)
{
	struct signalfd_siginfo	si;
	struct vg_ipc		msg = { .kind = VG_IPC_DRAIN };

	while (read(k->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD || si.ssi_signo == SIGHUP)
			continue;
		/* The second time means now. */
		if (k->drain_until != 0 || k->front == 0 || !k->ready ||
		    vg_ipc_send(k->ctl, &msg, NULL, 0, NULL, 0) == -1) {
			k->over = 1;
			continue;
		}
		vg_slog("draining");
		k->drain_until = vg_now_ms() + VG_DRAIN_SECONDS * 1000;
	}
	reap(k);
}

static int
wait_ms(const struct keeper *k)
{
	long long	now = vg_now_ms(), until = now + TICK_MS;
	unsigned int	p, i;

	if (k->drain_until != 0 && k->drain_until < until)
		until = k->drain_until;
	if (k->front == 0 && k->front_due < until)
		until = k->front_due;
	for (p = 0; k->front != 0 && p < VG_POOLS; p++) {
		for (i = 0; i < k->o->workers; i++) {
			if (k->pools[p].slots[i].pid == 0 &&
			    k->pools[p].slots[i].due < until)
				until = k->pools[p].slots[i].due;
		}
	}
	return (until > now ? (int)(until - now) : 0);
}

static void
loop(struct keeper *k)
{
	struct pollfd	pfd[2];

	while (!k->over) {
		fill(k);
		pfd[0].fd = k->sigfd;
		pfd[0].events = POLLIN;
		pfd[1].fd = k->ctl;	/* -1 is ignored */
		pfd[1].events = POLLIN;
		if (poll(pfd, 2, wait_ms(k)) == -1 && errno != EINTR)
			break;
		signalled(k);
		front_says(k);
		if (k->drain_until != 0 && vg_now_ms() >= k->drain_until) {
			vg_slog("the drain took too long");
			k->over = 1;
		}
	}
}

/* Signals as a descriptor; blocked here, unblocked again in each child. */
static int
signals_open(void)
{
	sigset_t	set;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return (-1);
	return (signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

static int
load(struct keeper *k)
{
	if (vg_synth_load() == -1) {
		vg_slog("flite's voice cannot be prepared");
		return (-1);
	}
	if (vg_recognise_load(k->o->model_dir) == -1) {
		vg_slog("the model in %s cannot be loaded", k->o->model_dir);
		return (-1);
	}
	vg_decode_warm_up();
	k->loaded = 1;
	return (0);
}

int
vg_keeper_run(const struct vg_options *o, int listener, uint16_t port)
{
	static struct keeper	k;

	k.o = o;
	k.self = getpid();
	k.listener = listener;
	k.port = port;
	k.ctl = -1;
	k.sigfd = signals_open();
	if (k.sigfd == -1 || vg_sandbox_prepare() == -1) {
		vg_slog("the sandbox cannot be prepared");
		return (VG_EXIT_SOFTWARE);
	}
	if (port_file_open(&k) == -1) {
		vg_slog("--port-file %s cannot be written: %s", o->port_file,
		    strerror(errno));
		return (VG_EXIT_CONFIG);
	}

	/* The front answers (503, starting) while the models load. */
	start_front(&k);
	if (load(&k) == -1) {
		k.status = VG_EXIT_CONFIG;
		goto out;
	}
	if (vg_sandbox_limits(VG_ROLE_KEEPER, 0) == -1 ||
	    vg_sandbox_enter(VG_ROLE_KEEPER) == -1) {
		vg_slog("the sandbox cannot be entered: %s", strerror(errno));
		k.status = VG_EXIT_SOFTWARE;
		goto out;
	}
	loop(&k);
out:
	if (k.front != 0)
		(void)kill(k.front, SIGKILL);
	kill_workers(&k);
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (k.port_fd != -1)
		(void)unlink(k.port_tmp);
	if (k.ready && o->port_file != NULL)
		(void)unlink(o->port_file);
	vg_slog("ended");
	return (k.status);
}
