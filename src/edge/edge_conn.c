/*
 * A connection at the door.
 *
 * Kore reads a connection through callbacks on a receive buffer, and what may
 * be read next is decided in five places of its http.c. Here it is one state,
 * the phase: IDLE, HEAD, BODY, RUN, SEND, and round again, or LINGER and gone.
 * In each phase exactly one kind of byte is expected; a byte at any other time
 * is surplus, and the connection ends after the response in hand. So nothing
 * that follows a request can be read as part of it, nor the other way round.
 *
 * Kore still owns the connection: its lists, its TLS handshake, its send queue
 * and its end. We stand in c->evt.handle, which all events come through, and in
 * c->disconnect, which every end goes through exactly once.
 *
 * A client that half-closes (FIN after its request) is answered. Kore's event
 * loop tells a FIN and a lost connection alike as "error"; poll(2) tells which.
 * That matters for reading too: epoll is edge triggered, and a short read means
 * that the socket is empty, unless a FIN was already behind the bytes.
 */

#include <stdlib.h>

#include "edge/edge_int.h"

static void	conn_disconnected(struct connection *);
static void	conn_next(struct vg_conn *);

static struct vg_conn_list	ready = TAILQ_HEAD_INITIALIZER(ready);

/* ms 0: no deadline. Who is turned away has one for all, since accept. */
void
vg_conn_phase(struct vg_conn *conn, enum vg_phase phase, uint64_t ms)
{
	conn->phase = phase;
	conn->since = vg_now();
	if (!conn->turned_away)
		conn->deadline = (ms != 0) ? conn->since + ms : 0;
}

/* c is on Kore's list; its fd, state, family and address are set. 0 / -1. */
int
vg_conn_start(struct connection *c, struct listener *l)
{
	struct vg_conn	*conn;

	conn = kore_calloc(1, sizeof(*conn));
	if ((conn->buf = malloc(vg_door.head_size)) == NULL) {
		kore_free(conn);
		return (-1);
	}

	conn->c = c;
	conn->tls = (l->server->tls != 0);
	conn->https_port = vg_setup_https_port(l->server);
	vg_head_init(&conn->head, &vg_door.limits.head);
	vg_conn_phase(conn, VG_PHASE_IDLE, conn->tls ?
	    vg_door.limits.handshake_ms : vg_door.limits.header_ms);

	c->write = conn->tls ? vg_io_write_tls : vg_io_write;
	c->evt.handle = vg_conn_event;
	c->hdlr_extra = conn;
	c->disconnect = conn_disconnected;

	return (0);
}

/* Kore's word that it is over, whoever ended it; Kore frees conn later. */
static void
conn_disconnected(struct connection *c)
{
	struct vg_conn	*conn = c->hdlr_extra;

	vg_body_end(conn, VG_BODY_GONE);
	if (conn->ready)
		TAILQ_REMOVE(&ready, conn, list);
	conn->ready = false;
	conn->er.req = NULL;
	vg_table_remove(conn);
	vg_accept_ended(conn);
	vg_door.counts.connections--;
	vg_door.buried = true;
	free(conn->buf);
	conn->buf = NULL;
}

/*
 * A handshake failed: a client that speaks plain HTTP is told what this port
 * speaks, in words that it knows. OpenSSL has sent it nothing.
 */
static bool
told_of_https(struct vg_conn *conn)
{
	struct connection	*c = conn->c;

	if (c->ssl == NULL ||
	    ERR_GET_REASON(ERR_peek_error()) != SSL_R_HTTP_REQUEST)
		return (false);
	ERR_clear_error();
	SSL_free(c->ssl);
	c->ssl = NULL;
	c->state = CONN_STATE_ESTABLISHED;
	c->proto = CONN_PROTO_HTTP;
	c->write = vg_io_write;
	conn->tls = false;
	vg_refuse_with(conn, 400, "bad_request", "This port speaks HTTPS.");
	return (true);
}

void
vg_conn_event(void *arg, int error)
{
	struct connection	*c = arg;
	struct vg_conn		*conn = c->hdlr_extra;

	if (!vg_conn_alive(conn))
		return;

	if (error && vg_io_lost(conn)) {
		kore_connection_disconnect(c);
		return;
	}

	/* TLS may have to write before it can read, and the other way round. */
	if (conn->tls)
		c->evt.flags |= KORE_EVENT_READ;

	if (c->state == CONN_STATE_TLS_SHAKE) {
		if (!c->handle(c) && vg_conn_alive(conn) &&
		    !told_of_https(conn))
			kore_connection_disconnect(c);
		return;
	}

	if (c->evt.flags & KORE_EVENT_READ)
		vg_conn_readable(conn);

	if (vg_conn_alive(conn) && !TAILQ_EMPTY(&c->send_queue) &&
	    !net_send_flush(c) && vg_conn_alive(conn))
		kore_connection_disconnect(c);
}

/* There may be bytes to read, or a FIN. */
void
vg_conn_readable(struct vg_conn *conn)
{
	if (conn->tls && !conn->shaken) {
		conn->shaken = true;
		vg_conn_phase(conn, VG_PHASE_IDLE, vg_door.limits.header_ms);
	}

	switch (conn->phase) {
	case VG_PHASE_IDLE:
	case VG_PHASE_HEAD:
		vg_head_readable(conn);
		break;
	case VG_PHASE_BODY:
		vg_body_readable(conn);
		break;
	case VG_PHASE_RUN:
	case VG_PHASE_SEND:
		vg_io_peek(conn);
		break;
	case VG_PHASE_LINGER:
		vg_io_linger_read(conn);
		break;
	}
}

/* The send queue is empty. */
void
vg_conn_flushed(struct vg_conn *conn)
{
	struct connection	*c = conn->c;

	if (conn->phase != VG_PHASE_SEND || !vg_conn_alive(conn))
		return;

	if (!conn->close && !(c->flags & CONN_CLOSE_EMPTY)) {
		conn_next(conn);
		return;
	}

	/* close(2) with bytes unread is a RST, which may overtake the answer. */
	if (!conn->linger && !conn->eof && (c->evt.flags & KORE_EVENT_READ))
		vg_io_peek(conn);
	if (!vg_conn_alive(conn))
		return;
	if (conn->linger && !conn->eof)
		vg_io_linger(conn);
	else
		kore_connection_disconnect(c);
}

/* The response has left: the next request. */
static void
conn_next(struct vg_conn *conn)
{
	conn->len = 0;
	conn->left = 0;
	conn->er.req = NULL;
	conn->er.body_end = VG_BODY_NONE;
	vg_head_init(&conn->head, &vg_door.limits.head);
	vg_conn_phase(conn, VG_PHASE_IDLE, vg_door.limits.idle_ms);

	if (conn->c->evt.flags & KORE_EVENT_READ)
		vg_conn_ready(conn);
}

/*
 * Bytes may be waiting that no event will tell of: they are looked at on the
 * next turn of the loop, not from within whatever is on the stack now.
 */
void
vg_conn_ready(struct vg_conn *conn)
{
	if (conn->ready)
		return;
	conn->ready = true;
	TAILQ_INSERT_TAIL(&ready, conn, list);
}

/* Those on the list now; what they put on it again waits for the next turn. */
void
vg_conn_run_ready(void)
{
	struct vg_conn	*conn;
	size_t		left = 0;

	/* Counted: any of them may be gone before its turn, the last one too. */
	TAILQ_FOREACH(conn, &ready, list)
		left++;
	for (; left > 0 && (conn = TAILQ_FIRST(&ready)) != NULL; left--) {
		TAILQ_REMOVE(&ready, conn, list);
		conn->ready = false;
		vg_conn_readable(conn);
	}
}

bool
vg_conn_is_ready(void)
{
	return (!TAILQ_EMPTY(&ready));
}
