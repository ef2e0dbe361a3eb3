/*
 * New connections.
 *
 * Kore lets one worker at a time accept, up to sixteen in a go: of forty
 * connections that come together, one worker gets most. And when that worker is
 * full, or short of descriptors, its level-triggered listening socket keeps the
 * event loop spinning. Here every worker accepts, one connection each time it is
 * woken, and leaves it to a worker with fewer of them (edge_table.c); a failing
 * accept(2) makes it look away for a moment.
 *
 * Over a limit, a connection is still taken: left in the backlog it would wait
 * for nothing. A few of them at a time are told 503 with Retry-After, in little
 * time; what comes beyond is reset at once, which costs the least. Who is over a
 * limit is asked first: those few places are taken from nobody else, and have
 * room of their own (worker_max_connections, the descriptors), so that one
 * client with too many connections costs the others none.
 *
 * A worker that has no certificate yet, being new, takes no connection over TLS:
 * another one does, or it waits in the backlog for the moment until then.
 *
 * When the server ends, whoever is in the backlog is taken once more, all of
 * them, and told so (503, shutting_down), and the sockets are closed in every
 * process: the next client is refused, and goes elsewhere, instead of being
 * connected by the kernel and heard by nobody.
 *
 * One system call takes a connection: accept4(2) sets the flags, and TCP_NODELAY
 * is inherited from the listening socket.
 */

#include <sys/param.h>
#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "edge/edge_int.h"

#define LOG_EVERY_MS	60000		/* one line a minute about it */
#define LAST_MAX	8192		/* connections: more than any backlog */

static void	take(struct listener *, int, const struct sockaddr_storage *,
		    socklen_t);

/* Until vg_accept_resume(), called from the tick when the time has come. */
void
vg_accept_pause(uint64_t ms)
{
	if (vg_door.accept_at == 0)
		kore_platform_disable_accept();
	vg_door.accept_at = (ms == UINT64_MAX) ? ms : vg_now() + ms;
}

void
vg_accept_resume(void)
{
	if (vg_door.accept_at == 0 || vg_door.accept_at > vg_now())
		return;
	vg_door.accept_at = 0;
	kore_platform_enable_accept();
}

/* The keymgr sends them, some milliseconds after the worker's start. */
static bool
has_certificate(const struct kore_server *server)
{
	const struct kore_domain	*dom;

	TAILQ_FOREACH(dom, &server->domains, list) {
		if (dom->ssl_ctx == NULL)
			return (false);
	}
	return (true);
}

/* One came: who was waiting for it need not wait for the tick. */
void
vg_accept_certified(void)
{
	if (vg_door.accept_at != 0 && vg_door.accept_at != UINT64_MAX) {
		vg_door.accept_at = 1;
		vg_accept_resume();
	}
}

/* One connection. False: there is none, and errno says why. */
static bool
accept_one(struct listener *l)
{
	struct sockaddr_storage	addr;
	socklen_t		len = sizeof(addr);
	int			fd;

	fd = accept4(l->fd, (struct sockaddr *)&addr, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return (false);
	take(l, fd, &addr, len);
	return (true);
}

/*
 * The server ends. A connection that comes between the last accept(2) of the
 * last process and its close(2) is reset: some microseconds, which no order of
 * system calls takes away.
 */
void
vg_accept_last(void)
{
	struct kore_server	*server;
	struct listener		*l;
	int			left;

	/* epoll(7) goes by the socket, which others still have open. */
	vg_accept_pause(UINT64_MAX);
	LIST_FOREACH(server, &kore_servers, list) {
		if (server->tls && !has_certificate(server))
			continue;
		LIST_FOREACH(l, &server->listeners, list) {
			for (left = LAST_MAX; left > 0; left--) {
				if (!accept_one(l) && errno != EINTR &&
				    errno != ECONNABORTED && errno != EPROTO)
					break;
			}
		}
	}
	vg_parent_listen_no_more();
}

void
vg_accept_event(void *arg, int error)
{
	static uint64_t		told;
	struct listener		*l = arg;

	if (vg_door.accept_at != 0)
		return;
	if (l->server->tls && !has_certificate(l->server)) {
		vg_accept_pause(VG_EDGE_PAUSE_MS);
		return;
	}
	if (!error && vg_table_yield())
		return;

	if (accept_one(l))
		return;

	switch (errno) {
	case EAGAIN:
#if EWOULDBLOCK != EAGAIN
	case EWOULDBLOCK:
#endif
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
		return;
	default:
		if (told == 0 || vg_now() - told > LOG_EVERY_MS) {
			told = vg_now();
			kore_log(LOG_WARNING, "cannot accept connections: %s",
			    errno_s);
		}
		vg_accept_pause(VG_EDGE_PAUSE_MS);
		break;
	}
}

/* Kore has c; no close_notify, no FIN, no TIME_WAIT: it was never there. */
static void
reset(struct connection *c)
{
	struct linger	now = { .l_onoff = 1, .l_linger = 0 };

	vg_door.counts.turned_away++;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	kore_connection_remove(c);
}

static bool
over_limit(struct connection *c, const uint32_t cell[2])
{
	uint32_t	active;

	active = vg_door.counts.connections - vg_door.overflow - vg_door.told;
	if (active >= vg_door.limits.connections)
		return (true);
	return (vg_door.limits.per_client != 0 &&
	    vg_table_client(cell) >= vg_door.limits.per_client &&
	    (vg_door.hooks.trusted == NULL || !vg_door.hooks.trusted(c)));
}

/* To be told 503, with one deadline for all of it, the handshake too. */
static void
turn_away(struct vg_conn *conn)
{
	conn->turned_away = true;
	conn->deadline = conn->since + VG_EDGE_OVERFLOW_MS;
}

static void
take(struct listener *l, int fd, const struct sockaddr_storage *addr,
    socklen_t len)
{
	struct connection	*c;
	struct vg_conn		*conn;
	uint32_t		cell[2];
	bool			over;

	c = kore_connection_new(l);
	c->fd = fd;
	c->family = l->family;
	memcpy(&c->addr, addr, MIN((size_t)len, sizeof(c->addr)));
	c->handle = kore_connection_handle;
	worker_active_connections++;

	vg_table_find(c, cell);
	over = over_limit(c, cell);
	if ((over && vg_door.overflow >= VG_EDGE_OVERFLOW) ||
	    worker_active_connections >= worker_max_connections) {
		reset(c);
		return;
	}

	if (l->server->tls) {
		c->state = CONN_STATE_TLS_SHAKE;
		c->read = net_read_tls;
	} else {
		c->state = CONN_STATE_ESTABLISHED;
		c->proto = CONN_PROTO_HTTP;
		c->read = net_read;
	}
	if (vg_conn_start(c, l) == -1) {
		reset(c);
		return;
	}
	TAILQ_INSERT_TAIL(&connections, c, list);
	conn = c->hdlr_extra;
	conn->cell[0] = cell[0];
	conn->cell[1] = cell[1];
	vg_door.counts.accepted++;
	vg_door.counts.connections++;

	if (over) {
		vg_door.counts.turned_away++;
		vg_door.overflow++;
		conn->overflow = true;
		turn_away(conn);
	} else {
		vg_table_add(conn);
		if (vg_door.draining)
			turn_away(conn);
	}

	kore_platform_event_all(fd, c);
}

/*
 * A connection's answer has left and it would linger: one that was over a limit
 * gives its place to the next. False: it may not, too many do.
 */
bool
vg_accept_told(struct vg_conn *conn)
{
	if (!conn->overflow)
		return (true);
	if (vg_door.told >= VG_EDGE_TOLD)
		return (false);
	conn->overflow = false;
	vg_door.overflow--;
	conn->told = true;
	vg_door.told++;
	return (true);
}

/* It is over: what it held is free. */
void
vg_accept_ended(const struct vg_conn *conn)
{
	if (conn->overflow)
		vg_door.overflow--;
	if (conn->told)
		vg_door.told--;
}
