/*
 * Workers, and the requests that wait for them.  A request is handed to a worker
 * that has said HELLO, oldest first; the worker answers once, and is gone.  When
 * it ends without an answer the request that it had is the only one that
 * pays for it.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "speech/front_int.h"
#include "speech/slog.h"

#define WORKERS	(sizeof(((struct vg_front *)0)->workers) / \
		    sizeof(((struct vg_front *)0)->workers[0]))

static char	payload[VG_IPC_PAYLOAD];

void
vg_dispatch_add(struct vg_front *f, const struct vg_ipc *msg, int fd)
{
	struct vg_worker	*w;
	size_t			 i;

	if (fd == -1)
		return;
	for (i = 0; i < WORKERS; i++) {
		w = &f->workers[i];
		if (w->id != 0)
			continue;
		if (msg->arg >= VG_POOLS || msg->id == 0 ||
		    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
			break;
		w->id = msg->id;
		w->fd = fd;
		w->idle = 0;
		w->pool = (enum vg_pool)msg->arg;
		w->req = NULL;
		return;
	}
	close(fd);
}

static void
forget(struct vg_worker *w)
{
	if (w->req != NULL)
		w->req->worker = NULL;
	close(w->fd);
	w->id = 0;
	w->fd = -1;
	w->idle = 0;
	w->req = NULL;
}

/* The worker ended without a word. */
static void
died(struct vg_worker *w)
{
	struct vg_request	*r = w->req;

	forget(w);
	if (r == NULL)
		return;
	if (w->pool == VG_POOL_DECODE)
		vg_answer_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		    "audio_undecodable", "The audio cannot be decoded.");
	else
		vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
		    "worker_failed", "The request could not be served.");
}

void
vg_dispatch_read(struct vg_front *f, struct vg_worker *w)
{
	struct vg_request	*r;
	struct vg_ipc		 msg;
	size_t			 len;
	int			 fds[VG_IPC_FDS], rc, i;

	(void)f;
	rc = vg_ipc_recv(w->fd, &msg, payload, sizeof(payload), &len, fds);
	for (i = 0; i < VG_IPC_FDS; i++) {
		/* A worker has none to give. */
		if (fds[i] != -1)
			close(fds[i]);
	}
	if (rc == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (rc != 1) {
		died(w);
		return;
	}
	if (msg.kind == VG_IPC_HELLO && w->req == NULL) {
		w->idle = 1;
		return;
	}
	r = w->req;
	if (msg.kind != VG_IPC_RESULT || r == NULL) {
		died(w);
		return;
	}
	forget(w);
	r->route->result(r, &msg, payload, len);
}

/* Hands the request over; the worker may just have died: try the next one. */
static int
hand_over(struct vg_worker *w, struct vg_request *r)
{
	struct vg_ipc	msg = { .kind = VG_IPC_JOB, .id = w->id,
			    .milli = r->milli };
	int		fds[VG_IPC_FDS];
	size_t		nfds = 0;

	if (r->pool == VG_POOL_DECODE)
		fds[nfds++] = r->up.fd;
	fds[nfds++] = r->out_fd;
	if (vg_ipc_send(w->fd, &msg, r->body,
	    r->pool == VG_POOL_TTS ? r->body_len : 0, fds, nfds) == -1) {
		forget(w);
		return (-1);
	}
	w->idle = 0;
	w->req = r;
	r->worker = w;
	r->stage = VG_STAGE_RUNNING;
	return (0);
}

void
vg_dispatch_run(struct vg_front *f)
{
	struct vg_request	*r;
	size_t			 i;

	for (r = f->head; r != NULL; r = r->next) {
		for (i = 0; i < WORKERS && r->stage == VG_STAGE_QUEUED; i++) {
			if (f->workers[i].id != 0 && f->workers[i].idle &&
			    f->workers[i].pool == r->pool)
				(void)hand_over(&f->workers[i], r);
		}
	}
}

void
vg_dispatch_cancel(struct vg_request *r)
{
	struct vg_ipc	msg = { .kind = VG_IPC_KILL };

	if (r->worker == NULL)
		return;
	/* It may be in the middle of minutes of work for nobody. */
	msg.id = r->worker->id;
	if (vg_ipc_send(r->f->ctl, &msg, NULL, 0, NULL, 0) == -1)
		vg_slog("a worker could not be ended");
	forget(r->worker);
}

unsigned int
vg_dispatch_count(const struct vg_front *f, enum vg_pool pool, int busy)
{
	const struct vg_worker	*w;
	unsigned int		 n = 0;
	size_t			 i;

	for (i = 0; i < WORKERS; i++) {
		w = &f->workers[i];
		if (w->id != 0 && w->pool == pool &&
		    (w->req != NULL || (w->idle && !busy)))
			n++;
	}
	return (n);
}
