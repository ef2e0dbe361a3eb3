/* What the application may ask and say about a request at the door. */

#include <string.h>
#include <strings.h>

#include "edge/edge_int.h"

static struct vg_conn *
conn_of(const struct http_request *req)
{
	struct vg_conn	*conn;

	if (req == NULL || (conn = vg_conn_of(req->owner)) == NULL ||
	    conn->er.req != req || !vg_conn_alive(conn))
		return (NULL);
	return (conn);
}

struct vg_edge_request *
vg_edge_of(const struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	return (conn != NULL ? &conn->er : NULL);
}

/*
 * The byte behind a value is its line end or the blank before it, and the head
 * has been parsed: it may become the string's NUL.
 */
const char *
vg_edge_header_next(const struct http_request *req, const char *name,
    size_t *index)
{
	struct vg_conn	*conn = conn_of(req);
	struct vg_span	value;

	if (conn == NULL || !vg_head_get_next(&conn->head, conn->buf, name,
	    index, &value))
		return (NULL);

	conn->buf[value.off + value.len] = '\0';
	return ((const char *)conn->buf + value.off);
}

const char *
vg_edge_header(const struct http_request *req, const char *name)
{
	size_t	index = 0;

	return (vg_edge_header_next(req, name, &index));
}

const char *
vg_edge_header_list(const struct http_request *req, const char *name)
{
	static char	list[VG_HEAD_BYTES_CAP + 1];
	const char	*first, *next;
	size_t		index = 0, n, len;

	if ((first = vg_edge_header_next(req, name, &index)) == NULL ||
	    (next = vg_edge_header_next(req, name, &index)) == NULL)
		return (first);

	/* Each line took more of the head than its value and two bytes. */
	n = strlen(first);
	memcpy(list, first, n);
	for (; next != NULL; next = vg_edge_header_next(req, name, &index)) {
		len = strlen(next);
		if (len + 2 >= sizeof(list) - n)
			break;
		memcpy(list + n, ", ", 2);
		memcpy(list + n + 2, next, len);
		n += 2 + len;
	}
	list[n] = '\0';
	return (list);
}

void
vg_edge_continue(struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	if (conn != NULL && conn->er.body_end == VG_BODY_COMING)
		(void)vg_body_continue(conn);
}

void
vg_edge_body_stop(struct http_request *req, int status, const char *word,
    const char *text)
{
	struct vg_conn	*conn = conn_of(req);

	if (conn == NULL || conn->er.body_end != VG_BODY_COMING)
		return;
	memset(&conn->er.refusal, 0, sizeof(conn->er.refusal));
	conn->er.refusal.status = status;
	conn->er.refusal.word = word;
	conn->er.refusal.text = text;
	vg_body_end(conn, VG_BODY_REFUSED);
}

void
vg_edge_close_after(struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	if (conn != NULL)
		conn->close = true;
}

bool
vg_edge_must_close(const struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	/* What was said once stays so. */
	if (conn != NULL && vg_door.draining)
		conn->close = true;
	return (conn == NULL || conn->close || conn->eof);
}

void
vg_edge_answered(struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	if (conn == NULL)
		return;
	conn->er.req = NULL;
	conn->sent_mark = vg_io_sent(conn);
	vg_conn_phase(conn, VG_PHASE_SEND, vg_door.limits.stall_ms);
}

bool
vg_edge_half_closed(const struct http_request *req)
{
	struct vg_conn	*conn = conn_of(req);

	return (conn != NULL && conn->eof);
}
