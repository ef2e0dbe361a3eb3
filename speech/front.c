/*
 * The front's process: libmicrohttpd for HTTP (a library that others fuzz and
 * mend, rather than a parser of our own), driven from one poll(2) loop in one
 * thread.  One thread means that the sandbox can do without clone(), that no lock
 * is needed, and that all state stands in struct vg_front.
 *
 * Time is bounded three ways: MHD closes connections that say nothing; the loop
 * closes connections that trickle a head for longer than that; and a request has
 * one deadline, from its head to its answer, after which its worker is ended.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "speech/front.h"
#include "speech/front_int.h"
#include "speech/sandbox.h"
#include "speech/slog.h"

#define TICK_MS		250	/* how late a deadline may be noticed */
#define WORKERS		(sizeof(((struct vg_front *)0)->workers) / \
			    sizeof(((struct vg_front *)0)->workers[0]))
#define POLLS		(2 + WORKERS + VG_CONNECTIONS_MAX)

static void
connection(void *cls, struct MHD_Connection *conn, void **ctx,
    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo	*info;
	struct vg_front			*f = cls;
	struct vg_conn			*c = *ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		info = MHD_get_connection_info(conn,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		if (c == NULL || info == NULL) {
			free(c);
			return;
		}
		c->fd = info->connect_fd;
		c->since = vg_now_ms();
		c->next = f->conns;
		if (c->next != NULL)
			c->next->prev = c;
		f->conns = c;
		*ctx = c;
		return;
	}
	if (c == NULL)
		return;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		f->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	free(c);
	*ctx = NULL;
}

static int
daemon_start(struct vg_front *f)
{
	const union MHD_DaemonInfo	*info;

	f->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, vg_endpoint_handler, f,
	    MHD_OPTION_LISTEN_SOCKET, f->listener,
	    MHD_OPTION_CONNECTION_LIMIT, VG_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)VG_CONN_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)VG_IDLE_SECONDS,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_NOTIFY_COMPLETED, vg_endpoint_completed, f,
	    MHD_OPTION_NOTIFY_CONNECTION, connection, f,
	    MHD_OPTION_END);
	if (f->daemon == NULL)
		return (-1);
	info = MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return (-1);
	f->mhd_fd = info->epoll_fd;
	return (0);
}

static void
keeper_says(struct vg_front *f)
{
	struct vg_ipc	msg;
	size_t		len;
	int		fds[VG_IPC_FDS], rc;

	for (;;) {
		rc = vg_ipc_recv(f->ctl, &msg, NULL, 0, &len, fds);
		if (rc == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (rc != 1)
			_exit(0);	/* the keeper is gone */
		if (fds[1] != -1)
			close(fds[1]);
		if (msg.kind == VG_IPC_WORKER)
			vg_dispatch_add(f, &msg, fds[0]);
		else if (fds[0] != -1)
			close(fds[0]);
		if (msg.kind == VG_IPC_DRAIN && !f->draining) {
			f->draining = 1;
			/* Others cannot connect; the socket is the keeper's. */
			(void)MHD_quiesce_daemon(f->daemon);
			(void)shutdown(f->listener, SHUT_RDWR);
		}
	}
}

/* Gives up a request that has not been answered in its time. */
static void
expire(struct vg_request *r)
{
	if (r->stage == VG_STAGE_QUEUED || r->stage == VG_STAGE_RUNNING) {
		vg_dispatch_cancel(r);
		vg_answer_error(r, MHD_HTTP_GATEWAY_TIMEOUT,
		    "deadline_exceeded", "The request took too long.");
		return;
	}
	/* Receiving its body or sending its answer: no more of that. */
	if (r->client != -1)
		(void)shutdown(r->client, SHUT_RDWR);
	r->deadline += TICK_MS * 4;
}

static void
check_time(struct vg_front *f)
{
	struct vg_request	*r, *next;
	struct vg_conn		*c;
	long long		 now = vg_now_ms();

	for (r = f->head; r != NULL; r = next) {
		next = r->next;
		if (now >= r->deadline)
			expire(r);
	}
	for (c = f->conns; c != NULL; c = c->next) {
		if (!c->busy && now - c->since > (f->draining ? 0 :
		    VG_IDLE_SECONDS * 1000))
			(void)shutdown(c->fd, SHUT_RDWR);
	}
}

/* Tells the keeper what it waits for. */
static void
report(struct vg_front *f)
{
	struct vg_ipc	msg = { .kind = VG_IPC_READY };
	unsigned int	p;

	if (!f->ready) {
		for (p = 0; p < VG_POOLS; p++) {
			if (vg_dispatch_count(f, (enum vg_pool)p, 0) <
			    f->o->workers)
				break;
		}
		if (p == VG_POOLS) {
			f->ready = 1;
			(void)vg_ipc_send(f->ctl, &msg, NULL, 0, NULL, 0);
		}
	}
	if (f->draining && !f->said_drained && f->head == NULL) {
		f->said_drained = 1;
		msg.kind = VG_IPC_DRAINED;
		(void)vg_ipc_send(f->ctl, &msg, NULL, 0, NULL, 0);
	}
}

static int
wait_ms(struct vg_front *f)
{
	MHD_UNSIGNED_LONG_LONG	ms;

	if (MHD_get_timeout(f->daemon, &ms) == MHD_YES && ms < TICK_MS)
		return ((int)ms);
	return (TICK_MS);
}

/* The client of a waiting request hung up: nobody wants the answer. */
static void
hung_up(struct vg_request *r)
{
	vg_dispatch_cancel(r);
	r->gone = 1;
	vg_endpoint_done(r);
}

static void
step(struct vg_front *f)
{
	struct pollfd		 pfd[POLLS];
	struct vg_worker	*ws[WORKERS];
	struct vg_request	*rs[VG_CONNECTIONS_MAX], *r;
	size_t			 i, nw = 0, nr = 0;

	pfd[0].fd = f->mhd_fd;
	pfd[1].fd = f->ctl;
	pfd[0].events = pfd[1].events = POLLIN;
	for (i = 0; i < WORKERS; i++) {
		if (f->workers[i].id == 0)
			continue;
		pfd[2 + nw].fd = f->workers[i].fd;
		pfd[2 + nw].events = POLLIN;
		ws[nw++] = &f->workers[i];
	}
	for (r = f->head; r != NULL && nr < VG_CONNECTIONS_MAX; r = r->next) {
		if (!r->suspended || r->client == -1)
			continue;
		pfd[2 + nw + nr].fd = r->client;
		pfd[2 + nw + nr].events = POLLRDHUP;
		rs[nr++] = r;
	}
	for (i = 0; i < 2 + nw + nr; i++)
		pfd[i].revents = 0;
	if (poll(pfd, (nfds_t)(2 + nw + nr), wait_ms(f)) == -1 &&
	    errno != EINTR)
		_exit(VG_EXIT_SOFTWARE);

	/* Nothing here frees a request: that is done by MHD_run() alone. */
	for (i = 0; i < nr; i++) {
		if (pfd[2 + nw + i].revents != 0 && rs[i]->suspended)
			hung_up(rs[i]);
	}
	for (i = 0; i < nw; i++) {
		if (pfd[2 + i].revents != 0 && ws[i]->id != 0 &&
		    ws[i]->fd == pfd[2 + i].fd)
			vg_dispatch_read(f, ws[i]);
	}
	keeper_says(f);
	vg_dispatch_run(f);
	check_time(f);
	if (MHD_run(f->daemon) != MHD_YES)
		_exit(VG_EXIT_SOFTWARE);
	vg_dispatch_run(f);
	report(f);
}

void
vg_front_main(const struct vg_options *o, int listener, int ctl)
{
	static struct vg_front	f;

	f.o = o;
	f.listener = listener;
	f.ctl = ctl;
	if (vg_sandbox_limits(VG_ROLE_FRONT, 0) == -1 ||
	    daemon_start(&f) == -1 || vg_sandbox_enter(VG_ROLE_FRONT) == -1) {
		vg_slog("the front cannot start: %s", strerror(errno));
		_exit(VG_EXIT_SOFTWARE);
	}
	for (;;)
		step(&f);
}
