/*
 * POST /api/session/end
 *
 * In:	application/json {"session_id":<UUIDv4>}.
 * Out:	204. Its audio is removed here at once and on other instances by their
 *	notification; its id is refused from then on. When the process dies after
 *	the commit, the janitor removes what is left.
 * Errors: 400 bad_request, validation_failed; 401; 403; 404 session_not_found; 405;
 *	413; 415; 429; 503 database_unavailable.
 */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/fields.h"
#include "gate/files.h"
#include "gate/gate.h"

int	route_session_end(struct http_request *);

struct ending {
	struct vg_request	*r;
	vg_ticket		ticket;
	enum vg_db_status	status;
};

static void
ending_free(void *arg)
{
	struct ending	*e = arg;

	/* Not forgotten: a client that left still wants its session ended. */
	e->r = NULL;
	if (e->ticket == 0)
		free(e);
}

static void
ended(void *arg, enum vg_db_status status, const char (*audio)[VG_UUID_SIZE],
    size_t naudio)
{
	struct ending	*e = arg;

	e->ticket = 0;
	e->status = status;
	if (status == VG_DB_OK)
		vg_files_remove(audio, naudio);
	if (e->r == NULL)
		free(e);
	else
		vg_resume(e->r);
}

static int
answer(struct vg_request *r)
{
	struct ending	*e = r->priv;

	if (e->status == VG_SESSION_GONE)
		return (vg_reply_problem(r, "session_not_found", NULL));
	if (e->status != VG_DB_OK)
		return (vg_reply_away(r, e->status));
	return (vg_reply_empty(r, 204));
}

/* The session's id out of the content; NULL after an answer. */
static const char *
session_id(struct vg_request *r, json_t *root, char id[VG_UUID_SIZE])
{
	const char	*text = json_string_value(json_object_get(root,
	    "session_id"));
	char		copy[VG_UUID_SIZE];

	/* The conf's validator is what the other routes use, too. */
	if (text == NULL || strlen(text) != VG_UUID_LEN)
		return (NULL);
	memcpy(copy, text, sizeof(copy));
	if (!kore_validator_run(r->req, "v_uuid", copy) ||
	    vg_uuid4_parse(id, text, VG_UUID_LEN) == -1)
		return (NULL);
	return (id);
}

static int
end(struct vg_request *r)
{
	struct vg_media_type	media;
	struct ending		*e;
	json_t			*root;
	const char		*type, *ok;
	char			id[VG_UUID_SIZE];

	type = vg_edge_header(r->req, "content-type");
	if (type == NULL || vg_field_media_type(&media, type, strlen(type)) == -1 ||
	    !vg_media_type_is(&media, "application", "json"))
		return (vg_reply_problem(r, "unsupported_media_type",
		    "The content must be application/json."));
	root = r->content.len == 0 ? NULL : json_loadb(r->content.bytes,
	    r->content.len, JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL)
		return (vg_reply_problem(r, "bad_request",
		    "The content is not valid JSON."));
	ok = session_id(r, root, id);
	json_decref(root);
	if (ok == NULL)
		return (vg_reply_problem(r, "validation_failed",
		    "session_id must be a UUID, version 4."));
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (vg_reply_problem(r, "overloaded", NULL));
	e->r = r;
	e->status = vg_session_end(id, r->key.id, ended, e, &e->ticket);
	if (e->status != VG_DB_OK) {
		enum vg_db_status	status = e->status;

		free(e);
		return (status == VG_SESSION_GONE ?
		    vg_reply_problem(r, "session_not_found", NULL) :
		    vg_reply_away(r, status));
	}
	r->priv = e;
	r->priv_free = ending_free;
	return (vg_wait(r, answer));
}

static const struct vg_route	session_end = {
	.name = "session_end",
	.methods = HTTP_METHOD_POST,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_SESSION,
	.class = "session_end",
	.scope = VG_SCOPE_SESSION,
	.handle = end
};

int
route_session_end(struct http_request *req)
{
	return (vg_gate_serve(req, &session_end));
}
