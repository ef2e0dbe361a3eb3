/*
 * Answers that are made at the door, where no request exists that a handler
 * could answer: a malformed head, a timeout, no room, the way to https. The
 * application writes them (hooks.refuse), so that they look like all others.
 * The connection ends with each: after a head that was refused, nobody knows
 * where the next request would begin.
 */

#include <stdio.h>
#include <string.h>

#include "edge/edge_int.h"

#define HEAD		"HEAD "		/* how its request begins */
#define LOCATION_MAX	(VG_HEAD_REQUEST_LINE_MAX + 512)	/* bytes */

/* When the application has none: plain, but whole. */
static size_t
plain(const struct vg_edge_refusal *r, char *buf, size_t size)
{
	char	retry[32] = "";
	int	n;

	if (r->retry_after != 0)
		(void)snprintf(retry, sizeof(retry), "Retry-After: %u\r\n",
		    r->retry_after);
	n = snprintf(buf, size, "HTTP/1.1 %d %s\r\n%s%sConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n", r->status, http_status_text(r->status),
	    retry, r->fields != NULL ? r->fields : "");

	return ((n > 0 && (size_t)n < size) ? (size_t)n : 0);
}

/*
 * RFC 9110 section 9.3.2: no content in answer to HEAD. A method is the first
 * thing a client says and is case-sensitive: known also where the head was
 * refused, or not yet whole.
 */
static bool
is_head(const struct vg_conn *conn)
{
	return (conn->len >= sizeof(HEAD) - 1 &&
	    !memcmp(conn->buf, HEAD, sizeof(HEAD) - 1));
}

/* Queues it, flushes, and the connection ends when it has left. */
void
vg_refuse_send(struct vg_conn *conn, const struct vg_edge_refusal *why)
{
	static char		buf[VG_EDGE_RESPONSE_MAX + LOCATION_MAX];
	struct connection	*c = conn->c;
	struct vg_edge_refusal	r = *why;
	size_t			len = 0;

	if (r.status == 0) {
		r.status = 500;
		r.word = "internal_error";
	}
	if (r.status == 503 && r.retry_after == 0)
		r.retry_after = VG_EDGE_RETRY_S;
	r.head_only = is_head(conn);

	if (vg_door.hooks.refuse != NULL)
		len = vg_door.hooks.refuse(c, &r, buf, sizeof(buf));
	if (len == 0)
		len = plain(&r, buf, sizeof(buf));

	vg_door.counts.refused++;
	conn->close = true;
	conn->linger = true;
	conn->sent_mark = vg_io_sent(conn);
	vg_conn_phase(conn, VG_PHASE_SEND, vg_door.limits.stall_ms);
	net_send_queue(c, buf, len);
	if (!net_send_flush(c) && vg_conn_alive(conn))
		kore_connection_disconnect(c);
}

void
vg_refuse_with(struct vg_conn *conn, int status, const char *word,
    const char *text)
{
	struct vg_edge_refusal	r;

	memset(&r, 0, sizeof(r));
	r.status = status;
	r.word = word;
	r.text = text;
	vg_refuse_send(conn, &r);
}

void
vg_refuse_head(struct vg_conn *conn, enum vg_head_reason reason)
{
	vg_refuse_with(conn, vg_head_reason_status(reason),
	    vg_head_reason_word(reason), vg_head_reason_text(reason));
}

/*
 * The same target by https. Host and target are bytes that the parser checked:
 * no line end, no blank, no control; a target that is not a path has none.
 */
void
vg_refuse_redirect(struct vg_conn *conn)
{
	static char		location[LOCATION_MAX];
	const struct vg_head	*h = &conn->head;
	struct vg_edge_refusal	r;
	char			port[8] = "";
	int			n;

	memset(&r, 0, sizeof(r));
	if (h->host.len == 0) {
		vg_refuse_head(conn, VG_HEAD_HOST_MISSING);
		return;
	}
	if (conn->https_port != 443)
		(void)snprintf(port, sizeof(port), ":%u", conn->https_port);

	n = snprintf(location, sizeof(location),
	    "Location: https://%.*s%s%.*s%s%.*s\r\n",
	    (int)h->host.len, vg_head_text(conn->buf, h->host), port,
	    h->path.len > 0 ? (int)h->path.len : 1,
	    h->path.len > 0 ? vg_head_text(conn->buf, h->path) : "/",
	    h->has_query ? "?" : "",
	    h->has_query ? (int)h->query.len : 0,
	    vg_head_text(conn->buf, h->query));
	if (n < 0 || (size_t)n >= sizeof(location)) {
		vg_refuse_head(conn, VG_HEAD_REQUEST_LINE_LONG);
		return;
	}

	r.status = 308;
	r.word = "https_required";
	r.fields = location;
	vg_refuse_send(conn, &r);
}
