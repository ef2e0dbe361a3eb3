/*
 * From bytes to a request: the head is read and parsed here, once, by
 * core/head.h; what Kore gets to see is written anew (edge_feed.c). The bytes
 * that came with the head are content up to Content-Length, and surplus after
 * that: then the request is answered and the connection ends.
 */

#include <sys/param.h>

#include "edge/edge_int.h"

static void	head_done(struct vg_conn *);

/* Bytes of a body when there is no header hook to say more. */
#define DEFAULT_BODY_LIMIT	65536

void
vg_head_readable(struct vg_conn *conn)
{
	struct connection	*c = conn->c;
	ssize_t			n;

	do {
		n = vg_io_read(conn, conn->buf + conn->len,
		    vg_door.head_size - conn->len);
		if (n == VG_READ_AGAIN)
			return;
		if (n == VG_READ_LOST || (n == VG_READ_EOF && conn->len == 0)) {
			kore_connection_disconnect(c);
			return;
		}
		if (n == VG_READ_EOF) {
			vg_refuse_with(conn, 400, "bad_request",
			    "The request ended before its head did.");
			return;
		}

		/* The first request's time runs from the connection's start. */
		if (conn->phase == VG_PHASE_IDLE && conn->nrequests > 0)
			vg_conn_phase(conn, VG_PHASE_HEAD,
			    vg_door.limits.header_ms);
		conn->phase = VG_PHASE_HEAD;
		conn->len += (size_t)n;

		if (conn->overflow) {
			vg_refuse_with(conn, 503, "overloaded",
			    "There are too many connections; try again later.");
			return;
		}
		if (conn->turned_away) {
			vg_refuse_with(conn, 503, "shutting_down", NULL);
			return;
		}

		switch (vg_head_feed(&conn->head, conn->buf, conn->len)) {
		case VG_HEAD_DONE:
			head_done(conn);
			return;
		case VG_HEAD_REFUSED:
			vg_refuse_head(conn, conn->head.reason);
			return;
		case VG_HEAD_NEED_MORE:
			if (conn->len == vg_door.head_size) {
				vg_refuse_head(conn, VG_HEAD_FIELDS_LARGE);
				return;
			}
			break;
		}
	} while (c->evt.flags & KORE_EVENT_READ);
}

static enum vg_edge_decision
ask(struct vg_edge_request *er)
{
	if (vg_door.hooks.header != NULL)
		return (vg_door.hooks.header(er));
	er->body_limit = DEFAULT_BODY_LIMIT;
	return (VG_EDGE_RECEIVE);
}

/* The head is whole and well-formed. */
static void
head_done(struct vg_conn *conn)
{
	struct vg_edge_request	*er = &conn->er;
	struct vg_edge_refusal	why;
	enum vg_edge_decision	decision;
	uint64_t		here = conn->len - conn->head.length;

	if (conn->https_port != 0) {
		vg_refuse_redirect(conn);
		return;
	}

	conn->nrequests++;
	vg_door.counts.requests++;
	conn->left = conn->head.content_length;
	if (conn->head.close || conn->head.http10 ||
	    (vg_door.limits.requests != 0 &&
	    conn->nrequests >= vg_door.limits.requests))
		conn->close = true;
	if (here > conn->left) {
		conn->close = true;
		conn->linger = true;
		vg_door.counts.surplus++;
	}
	vg_conn_phase(conn, VG_PHASE_RUN, 0);

	memset(&why, 0, sizeof(why));
	memset(er, 0, sizeof(*er));
	if ((er->req = vg_feed(conn, &why)) == NULL) {
		vg_refuse_send(conn, &why);
		return;
	}
	er->c = conn->c;
	er->head = &conn->head;
	er->bytes = conn->buf;
	er->tls = conn->tls;

	decision = ask(er);
	if (!vg_conn_alive(conn) || er->req == NULL)
		return;

	if (decision == VG_EDGE_REFUSE) {
		er->req->flags |= HTTP_REQUEST_DELETE;
		er->req = NULL;
		vg_door.runnable = true;
		vg_refuse_send(conn, &er->refusal);
		return;
	}

	if (decision == VG_EDGE_RECEIVE && conn->left > er->body_limit) {
		er->refusal.status = 413;
		er->refusal.word = "payload_too_large";
		decision = VG_EDGE_ANSWER;
	}

	if (decision == VG_EDGE_RECEIVE && conn->left > 0) {
		vg_body_begin(conn);
		return;
	}

	/* A body that will not be read: none of it may become a request. */
	if (here < conn->left) {
		conn->close = true;
		conn->linger = true;
	}
	vg_door.runnable = true;
	vg_io_whole(conn);
}
