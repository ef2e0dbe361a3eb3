/*
 * The keeper's processes: when each is made, what it holds, and when one that
 * crashed is replaced.  A worker that has done its job ends with 0 and is
 * replaced at once.  One that crashed is replaced at once too, the first few
 * times; then a little later and later, up to VG_BACKOFF_MAX_MS, so that a crash
 * loop costs no more than a few forks a second while a pool still comes back
 * within a second.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "speech/front.h"
#include "speech/keeper_int.h"
#include "speech/slog.h"
#include "speech/worker.h"

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

void
vg_procs_front(struct keeper *k)
{
	int	pair[2], keep[2];
	pid_t	pid;

	/* Neither side may be stopped by the other one. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, pair) == -1) {
		k->front_due = vg_now_ms() + VG_RETRY_MS;
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
		k->front_due = vg_now_ms() + VG_RETRY_MS;
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

	s->due = vg_now_ms() + VG_RETRY_MS;
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

void
vg_procs_fill(struct keeper *k)
{
	long long	now = vg_now_ms();
	unsigned int	p, i;

	if (k->front == 0 && k->drain_until == 0 && now >= k->front_due)
		vg_procs_front(k);
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

void
vg_procs_kill_all(struct keeper *k)
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
	vg_procs_kill_all(k);
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

void
vg_procs_reap(struct keeper *k)
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

void
vg_procs_kill(struct keeper *k, uint32_t id)
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
