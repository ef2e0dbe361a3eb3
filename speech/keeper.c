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
#include "speech/keeper.h"
#include "speech/keeper_int.h"
#include "speech/limits.h"
#include "speech/recognise.h"
#include "speech/slog.h"
#include "speech/synth.h"
#include "speech/worker.h"

#define TICK_MS		1000

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
			vg_procs_kill(k, msg.id);
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
	vg_procs_reap(k);
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
		vg_procs_fill(k);
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
	vg_procs_front(&k);
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
	vg_procs_kill_all(&k);
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (k.port_fd != -1)
		(void)unlink(k.port_tmp);
	if (k.ready && o->port_file != NULL)
		(void)unlink(o->port_file);
	vg_slog("ended");
	return (k.status);
}
