/*
 * POST /api/session/start
 *
 * In:	nothing; content is read and ignored.
 * Out:	200 {"session_id":<UUIDv4>,"message":…,"expires_at":<RFC 3339>}. The row is
 *	committed before the answer: when the process dies in between, a session
 *	that nobody knows expires by itself.
 * Errors: 401 with API keys; 403 insufficient_scope, origin_denied; 405, 413,
 *	429, 503 database_unavailable.
 */

#include <jansson.h>
#include <stdlib.h>

#include "core/timestamp.h"
#include "gate/gate.h"

#define MESSAGE	"Session started. I am here, and I am listening."

int	route_session_start(struct http_request *);

struct starting {
	struct vg_request	*r;
	vg_ticket		ticket;
	enum vg_db_status	status;
	int64_t			expires_us;
	char			id[VG_UUID_SIZE];
};

static void
starting_free(void *arg)
{
	struct starting	*s = arg;

	vg_store_forget(s->ticket);
	free(s);
}

static void
started(void *arg, enum vg_db_status status, const struct vg_session *session)
{
	struct starting	*s = arg;

	s->ticket = 0;
	s->status = status;
	if (session != NULL)
		s->expires_us = session->expires_us;
	vg_resume(s->r);
}

static int
answer(struct vg_request *r)
{
	struct starting	*s = r->priv;
	char		expires[VG_RFC3339_SIZE];

	if (s->status == VG_NOT_FOUND)
		return (vg_reply_key_invalid(r));
	if (s->status != VG_DB_OK)
		return (vg_reply_away(r, s->status));
	if (vg_rfc3339_format(expires, sizeof(expires), s->expires_us, 0) == -1)
		return (vg_reply_problem(r, "internal_error", NULL));
	return (vg_reply_json(r, 200, json_pack("{s:s, s:s, s:s}", "session_id",
	    s->id, "message", MESSAGE, "expires_at", expires)));
}

static int
start(struct vg_request *r)
{
	struct vg_session_new	ask = { 0 };
	struct starting		*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (vg_reply_problem(r, "overloaded", NULL));
	s->r = r;
	r->priv = s;
	r->priv_free = starting_free;
	vg_new_id(s->id);
	ask.id = s->id;
	ask.client = r->client;
	ask.api_key_id = r->key.id[0] != '\0' ? r->key.id : NULL;
	s->status = vg_session_start(&ask, started, s, &s->ticket);
	if (s->status != VG_DB_OK)
		return (vg_reply_away(r, s->status));
	return (vg_wait(r, answer));
}

static const struct vg_route	session_start = {
	.name = "session_start",
	.methods = HTTP_METHOD_POST,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_SESSION,
	.class = "session",
	.scope = VG_SCOPE_SESSION,
	.handle = start
};

int
route_session_start(struct http_request *req)
{
	return (vg_gate_serve(req, &session_start));
}
