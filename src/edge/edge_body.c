/*
 * Request bodies.
 *
 * Kore gathers a body in memory, or copies it to a file and hashes it on the
 * way, and a request's handler starts when it is whole. Here the bytes go to a
 * sink as they come, from one buffer that all connections of a worker share:
 * an upload costs no memory at the door. The length is counted here alone, so
 * it cannot wrap: no more than what is left of it is ever given away, and one
 * byte more than that is asked for, to know of surplus.
 *
 * A body that ends otherwise than whole (refused by its sink, too slow, cut
 * off) still runs its request: the handler then finds er->refusal and answers
 * as it answers everything, and the connection closes after it. Only where the
 * client is lost does nothing run.
 *
 * What a body costs is the kernel's work, and how it is asked for decides how
 * much that is. The bytes are read to the place of an aligned buffer that they
 * will have in their file (er->sink_at), so that pages are copied as pages: a
 * copy between places that differ within a page is several times slower on some
 * processors, and a write of whole, aligned pages needs the file system once for
 * many. And a sender that keeps the socket full is waited for until there is a
 * buffer's worth (SO_RCVLOWAT): each read costs an acknowledgement. Should it
 * pause, the next tick takes what there is and waits for single bytes again, so
 * that deadlines and the minimum rate see what has come.
 *
 * A fast sender may not keep the others waiting: after VG_EDGE_TURN bytes it is
 * the other bodies' turn, and after VG_EDGE_TURN_ALL of all of them that of
 * everything else.
 */

#include <sys/param.h>
#include <sys/socket.h>

#include <stdlib.h>

#include "edge/edge_int.h"

#define CONTINUE	"HTTP/1.1 100 Continue\r\n\r\n"

static bool	give(struct vg_conn *, const uint8_t *, size_t);

static _Alignas(VG_EDGE_BUFFER) uint8_t	buffer[VG_EDGE_BUFFER];

/* er->req is new, conn->left not 0; bytes may be there behind the head. */
void
vg_body_begin(struct vg_conn *conn)
{
	struct connection	*c = conn->c;
	struct http_request	*req = conn->er.req;
	size_t			here;

	conn->er.body_end = VG_BODY_COMING;
	vg_door.counts.bodies++;
	req->flags &= (uint16_t)~HTTP_REQUEST_COMPLETE;
	http_request_sleep(req);
	vg_conn_phase(conn, VG_PHASE_BODY, vg_door.limits.body_ms);

	here = conn->len - conn->head.length;
	here = (size_t)MIN((uint64_t)here, conn->left);
	if (here > 0) {
		if (!give(conn, conn->buf + conn->head.length, here))
			return;
		if (conn->left == 0) {
			vg_body_end(conn, VG_BODY_COMPLETE);
			return;
		}
	} else if (conn->head.expect_continue && !conn->head.http10) {
		conn->continue_due = true;
		if (!conn->er.hold_continue && !vg_body_continue(conn))
			return;
	}

	if (vg_conn_alive(conn) && (c->evt.flags & KORE_EVENT_READ))
		vg_body_readable(conn);
}

/*
 * RFC 9110 section 10.1.1: to a client that waits for it, once, and not when its
 * body has begun. False: the client is lost.
 */
bool
vg_body_continue(struct vg_conn *conn)
{
	struct connection	*c = conn->c;

	if (!conn->continue_due)
		return (true);
	conn->continue_due = false;
	net_send_queue(c, CONTINUE, sizeof(CONTINUE) - 1);
	if (net_send_flush(c))
		return (true);
	if (vg_conn_alive(conn))
		kore_connection_disconnect(c);
	return (false);
}

/* Wake us for a buffer's worth of bytes, or for one. */
static void
patience(struct vg_conn *conn, bool on)
{
	int	bytes = on ? VG_EDGE_PATIENCE : 1;

	if (conn->patient == on)
		return;
	conn->patient = on;
	/* Without it there are only more events. */
	(void)setsockopt(conn->c->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes,
	    sizeof(bytes));
	/* What came meanwhile has raised no event. */
	if (!on)
		conn->c->evt.flags |= KORE_EVENT_READ;
}

/* On each tick of a body: a sender that was waited for and has paused. */
void
vg_body_tick(struct vg_conn *conn)
{
	if (conn->patient && conn->received_mark == conn->er.body_received) {
		patience(conn, false);
		vg_conn_ready(conn);
	}
	conn->received_mark = conn->er.body_received;
}

/* False: the body is no longer being received. */
static bool
give(struct vg_conn *conn, const uint8_t *bytes, size_t len)
{
	struct vg_edge_request	*er = &conn->er;
	const struct vg_body_sink *sink = er->sink;
	struct vg_edge_refusal	why;

	conn->left -= len;
	er->body_received += len;
	if (sink == NULL || sink->data == NULL)
		return (true);

	memset(&why, 0, sizeof(why));
	if (sink->data(er->sink_arg, bytes, len, &why) == 0)
		return (er->body_end == VG_BODY_COMING);

	if (er->body_end == VG_BODY_COMING) {
		er->refusal = why;
		if (why.status == 0) {
			er->refusal.status = 400;
			er->refusal.word = "bad_request";
		}
		vg_body_end(conn, VG_BODY_REFUSED);
	}
	return (false);
}

void
vg_body_readable(struct vg_conn *conn)
{
	struct vg_edge_request	*er = &conn->er;
	size_t			turn = 0, at, want;
	ssize_t			n;
	bool			surplus;

	while (turn < VG_EDGE_TURN && vg_door.turn < VG_EDGE_TURN_ALL) {
		at = (size_t)(er->sink_at % sizeof(buffer));
		want = (size_t)MIN(conn->left, (uint64_t)(sizeof(buffer) - at));
		/* One byte more than is left shows whether there is surplus. */
		n = vg_io_fill(conn, buffer + at, want,
		    want < sizeof(buffer) - at ? want + 1 : want);
		if (n == VG_READ_AGAIN)
			return;
		if (n == VG_READ_LOST) {
			kore_connection_disconnect(conn->c);
			return;
		}
		if (n == VG_READ_EOF) {
			er->refusal.status = 400;
			er->refusal.word = "bad_request";
			er->refusal.text =
			    "The request ended before its content did.";
			vg_body_end(conn, VG_BODY_CUT);
			return;
		}

		conn->continue_due = false;
		turn += (size_t)n;
		vg_door.turn += (size_t)n;
		surplus = ((uint64_t)n > conn->left);
		if (surplus) {
			n--;
			conn->close = true;
			conn->linger = true;
			vg_door.counts.surplus++;
		}
		if (!give(conn, buffer + at, (size_t)n))
			return;
		if (conn->left == 0) {
			vg_body_end(conn, VG_BODY_COMPLETE);
			return;
		}
		if (conn->left < 2 * VG_EDGE_PATIENCE)
			patience(conn, false);
		else if (n >= VG_EDGE_FAST)
			patience(conn, true);
		if (!(conn->c->evt.flags & KORE_EVENT_READ))
			return;
	}

	vg_conn_ready(conn);
}

/* However it ends: told once, and the request runs if there is a client. */
void
vg_body_end(struct vg_conn *conn, enum vg_body_end how)
{
	struct vg_edge_request	*er = &conn->er;
	struct http_request	*req = er->req;

	if (er->body_end != VG_BODY_COMING)
		return;
	er->body_end = how;
	conn->continue_due = false;
	vg_door.counts.bodies--;

	if (er->sink != NULL) {
		if (how == VG_BODY_COMPLETE) {
			if (er->sink->end != NULL)
				er->sink->end(er->sink_arg);
		} else if (er->sink->abort != NULL) {
			er->sink->abort(er->sink_arg, how);
		}
	}
	if (how == VG_BODY_GONE || !vg_conn_alive(conn))
		return;
	patience(conn, false);

	if (how != VG_BODY_COMPLETE) {
		conn->close = true;
		conn->linger = true;
	}
	vg_conn_phase(conn, VG_PHASE_RUN, 0);
	http_request_wakeup(req);
	req->flags |= HTTP_REQUEST_COMPLETE;
	vg_door.runnable = true;
	vg_io_whole(conn);
}
