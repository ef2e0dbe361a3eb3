/*
 * Bytes in and out of a connection, plain and TLS.
 *
 * Kore's net_read() reads until the socket says "again": one system call too
 * many for each request. epoll is edge triggered, so a read that got less than
 * it asked for has emptied the socket, and the next byte will raise an event
 * (epoll(7)). A FIN that came with the bytes would not: then the event said so
 * (EPOLLRDHUP), and reading goes on to the end.
 *
 * Lingering: when a response leaves before the request was read whole, close(2)
 * would make the kernel send a RST, and a client that is still writing would
 * lose the answer (RFC 9112 section 9.6). So we send our FIN first, and for a
 * bounded time and amount throw away what still comes; MSG_TRUNC does that
 * without copying a byte.
 */

#include <sys/param.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include "edge/edge_int.h"

#define LINGER_TURN	1048576		/* bytes thrown away before others' turn */
#define TLS_WRITE_MAX	16384		/* bytes, one record's content */

static ssize_t
read_tls(struct vg_conn *conn, uint8_t *buf, size_t len, bool peek)
{
	struct connection	*c = conn->c;
	int			want, r;

	want = (int)MIN(len, (size_t)INT_MAX);
	do {
		ERR_clear_error();
		errno = 0;
		r = peek ? SSL_peek(c->ssl, buf, want) :
		    SSL_read(c->ssl, buf, want);
		if (r > 0)
			return (r);
		r = SSL_get_error(c->ssl, r);
	} while (r == SSL_ERROR_SYSCALL && errno == EINTR);

	switch (r) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		c->evt.flags &= ~KORE_EVENT_READ;
		return (VG_READ_AGAIN);
	case SSL_ERROR_ZERO_RETURN:
		conn->eof = true;
		c->evt.flags &= ~KORE_EVENT_READ;
		return (VG_READ_EOF);
	default:
		/* A FIN without close_notify may hide a cut: not an end. */
		return (VG_READ_LOST);
	}
}

static ssize_t
read_plain(struct vg_conn *conn, uint8_t *buf, size_t len, int flags)
{
	struct connection	*c = conn->c;
	ssize_t			r;

	do {
		r = recv(c->fd, buf, len, flags);
	} while (r == -1 && errno == EINTR);

	if (r > 0) {
		if ((size_t)r < len && !conn->fin_near)
			c->evt.flags &= ~KORE_EVENT_READ;
		return (r);
	}

	if (r == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
		return (VG_READ_LOST);

	c->evt.flags &= ~KORE_EVENT_READ;
	if (r == -1)
		return (VG_READ_AGAIN);
	conn->eof = true;
	return (VG_READ_EOF);
}

/* Bytes read, or VG_READ_*; never 0 for len 0. */
ssize_t
vg_io_read(struct vg_conn *conn, uint8_t *buf, size_t len)
{
	return (conn->tls ? read_tls(conn, buf, len, false) :
	    read_plain(conn, buf, len, 0));
}

/*
 * The same for a body: a TLS record is at most 16 KiB, so the next ones that
 * are here are taken too, until there is ENOUGH; never more than MAX bytes.
 */
ssize_t
vg_io_fill(struct vg_conn *conn, uint8_t *buf, size_t enough, size_t max)
{
	size_t	got = 0;
	ssize_t	r;

	do {
		if ((r = vg_io_read(conn, buf + got, max - got)) <= 0)
			break;
		got += (size_t)r;
	} while (conn->tls && got < enough);
	if (got == 0)
		return (r);
	/* An end after bytes is found again by the next read. */
	if (r == VG_READ_EOF || r == VG_READ_LOST)
		conn->c->evt.flags |= KORE_EVENT_READ;
	return ((ssize_t)got);
}

/* Kore's c->write; it asks for 8 KiB at a time, which need not be obeyed. */
int
vg_io_write(struct connection *c, size_t len, size_t *written)
{
	struct vg_conn	*conn = c->hdlr_extra;
	ssize_t		r;

	len = c->snb->b_len - c->snb->s_off;
	do {
		r = send(c->fd, c->snb->buf + c->snb->s_off, len, MSG_NOSIGNAL);
	} while (r == -1 && errno == EINTR);

	if (r == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return (KORE_RESULT_ERROR);
		c->evt.flags &= ~KORE_EVENT_WRITE;
		return (KORE_RESULT_OK);
	}

	conn->sent += (size_t)r;
	*written = (size_t)r;
	return (KORE_RESULT_OK);
}

int
vg_io_write_tls(struct connection *c, size_t len, size_t *written)
{
	struct vg_conn	*conn = c->hdlr_extra;

	len = MIN(c->snb->b_len - c->snb->s_off, (size_t)TLS_WRITE_MAX);
	if (!net_write_tls(c, len, written))
		return (KORE_RESULT_ERROR);
	if (c->evt.flags & KORE_EVENT_WRITE)
		conn->sent += *written;
	return (KORE_RESULT_OK);
}

/* Something that grows with each byte sent, sendfile(2)'s too. */
uint64_t
vg_io_sent(const struct vg_conn *conn)
{
	const struct netbuf	*nb = TAILQ_FIRST(&conn->c->send_queue);
	uint64_t		sent = conn->sent;

	if (nb != NULL && (nb->flags & NETBUF_IS_FILEREF) && nb->fd_off > 0)
		sent += (uint64_t)nb->fd_off;
	return (sent);
}

/* Kore's loop saw an error, a hangup or just a FIN: is the peer lost? */
bool
vg_io_lost(struct vg_conn *conn)
{
	struct pollfd	pfd;

	pfd.fd = conn->c->fd;
	pfd.events = POLLRDHUP;
	pfd.revents = 0;
	if (poll(&pfd, 1, 0) == -1)
		return (errno != EINTR);
	if (pfd.revents & (POLLERR | POLLHUP | POLLNVAL))
		return (true);
	if (pfd.revents & POLLRDHUP)
		conn->fin_near = true;
	return (false);
}

/* The request is whole: did more come along, that no event will tell of? */
void
vg_io_whole(struct vg_conn *conn)
{
	struct connection	*c = conn->c;

	/*
	 * Over TLS the flag stays until a read found nothing: what was sent in
	 * one go is read as one, however it was cut into records.
	 */
	if (conn->fin_near || (c->evt.flags & KORE_EVENT_READ) != 0)
		vg_io_peek(conn);
}

/* Nothing should come now. A byte: surplus. A FIN: answer, then close. */
void
vg_io_peek(struct vg_conn *conn)
{
	uint8_t		byte;
	ssize_t		r;

	if (conn->linger || conn->eof)
		return;

	r = conn->tls ? read_tls(conn, &byte, 1, true) :
	    read_plain(conn, &byte, 1, MSG_PEEK);
	switch (r) {
	case VG_READ_AGAIN:
		break;
	case VG_READ_EOF:
		conn->close = true;
		if (conn->phase == VG_PHASE_RUN)
			conn->since = vg_now();
		break;
	case VG_READ_LOST:
		kore_connection_disconnect(conn->c);
		break;
	default:
		conn->close = true;
		conn->linger = true;
		vg_door.counts.surplus++;
		break;
	}
}

/* The response has left: our FIN, then wait for theirs. */
void
vg_io_linger(struct vg_conn *conn)
{
	struct connection	*c = conn->c;

	if (!vg_accept_told(conn)) {
		kore_connection_disconnect(c);
		return;
	}
	if (conn->tls) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl);
	}
	if (shutdown(c->fd, SHUT_WR) == -1) {
		kore_connection_disconnect(c);
		return;
	}

	free(conn->buf);
	conn->buf = NULL;
	conn->er.req = NULL;
	vg_conn_phase(conn, VG_PHASE_LINGER, VG_EDGE_LINGER_MS);
	vg_io_linger_read(conn);
}

void
vg_io_linger_read(struct vg_conn *conn)
{
	static uint8_t	scratch[VG_EDGE_BUFFER];
	size_t		turn = 0;
	ssize_t		r;

	/* TLS records too: what they hold does not matter any more. */
	do {
		r = read_plain(conn, scratch, sizeof(scratch), MSG_TRUNC);
		if (r == VG_READ_AGAIN)
			return;
		if (r == VG_READ_EOF || r == VG_READ_LOST)
			break;
		turn += (size_t)r;
		conn->thrown += (uint64_t)r;
		if (conn->thrown > VG_EDGE_LINGER_BYTES)
			break;
		if (turn >= LINGER_TURN) {
			vg_conn_ready(conn);
			return;
		}
	} while (conn->c->evt.flags & KORE_EVENT_READ);

	if (r == VG_READ_EOF || r == VG_READ_LOST ||
	    conn->thrown > VG_EDGE_LINGER_BYTES)
		kore_connection_disconnect(conn->c);
}
