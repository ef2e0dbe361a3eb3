/*
 * GET, HEAD /api/voice/audio/<uuid>
 *
 * In:	the id that a turn's audio_url ends in; Range (RFC 9110 14.2), If-Range,
 *	If-Match, If-None-Match.
 * Out:	200 or 206 with the sound; 304; 412; 416. Cache-Control: private,
 *	no-store.
 * Errors: 401, 403 with API keys; 404 audio_not_found once its session ended or
 *	its time ran out, and for whatever is no id; 405; 429; 503
 *	database_unavailable.
 */

#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "core/fields.h"
#include "core/range.h"
#include "gate/files.h"
#include "gate/gate.h"

int	route_voice_audio(struct http_request *);

struct asking {
	struct vg_request	*r;
	vg_ticket		ticket;
	enum vg_db_status	status;
	struct vg_audio		audio;
};

static const struct {
	const char	*ext;
	const char	*type;
} types[] = {
	{ "wav", "audio/wav" },
	{ "mp3", "audio/mpeg" },
	{ "ogg", "audio/ogg" },
	{ "webm", "audio/webm" },
	{ "m4a", "audio/mp4" },
	{ NULL, "application/octet-stream" }
};

static void
asking_free(void *arg)
{
	struct asking	*a = arg;

	vg_store_forget(a->ticket);
	free(a);
}

static void
found(void *arg, enum vg_db_status status, const struct vg_audio *audio)
{
	struct asking	*a = arg;

	a->ticket = 0;
	a->status = status;
	if (audio != NULL)
		a->audio = *audio;
	vg_resume(a->r);
}

static int
send_file(struct vg_request *r, const struct vg_audio *audio, int fd,
    uint64_t size)
{
	const char	*range, *if_range, *match, *none_match;
	struct vg_range	part = { 0, size == 0 ? 0 : size - 1, size };
	char		etag[VG_UUID_SIZE + 2], content_range[VG_RANGE_CONTENT_SIZE];
	size_t		i = 0;
	int		status = 200;

	/* A reply never changes: its id is its strong tag. */
	(void)snprintf(etag, sizeof(etag), "\"%s\"", audio->id);
	vg_reply_field(r, "ETag", "%s", etag);
	vg_reply_field(r, "Accept-Ranges", "bytes");
	match = vg_edge_header_list(r->req, "if-match");
	if (match != NULL && vg_field_if_match(match, strlen(match), etag) != 1) {
		(void)close(fd);
		return (vg_reply_problem(r, "precondition_failed", NULL));
	}
	none_match = vg_edge_header_list(r->req, "if-none-match");
	if (none_match != NULL && vg_field_none_match(none_match,
	    strlen(none_match), etag) == 1) {
		(void)close(fd);
		return (vg_reply_empty(r, 304));
	}
	range = vg_edge_header(r->req, "range");
	if_range = vg_edge_header(r->req, "if-range");
	if (range != NULL && r->req->method == HTTP_METHOD_GET &&
	    (if_range == NULL || vg_range_if_range(if_range, strlen(if_range),
	    etag))) {
		switch (vg_range_parse(range, strlen(range), size, &part)) {
		case VG_RANGE_PARTIAL:
			status = 206;
			(void)vg_range_content(content_range,
			    sizeof(content_range), &part, size);
			vg_reply_field(r, "Content-Range", "%s", content_range);
			break;
		case VG_RANGE_UNSATISFIABLE:
			(void)close(fd);
			(void)vg_range_content(content_range,
			    sizeof(content_range), NULL, size);
			vg_reply_field(r, "Content-Range", "%s", content_range);
			return (vg_reply_problem(r, "range_not_satisfiable", NULL));
		case VG_RANGE_IGNORE:
		default:
			break;
		}
	}
	while (types[i].ext != NULL && strcmp(types[i].ext, audio->ext))
		i++;
	return (vg_reply_file(r, status, types[i].type, fd, part.first,
	    part.length));
}

static int
answer(struct vg_request *r)
{
	struct asking	*a = r->priv;
	uint64_t	size;
	int		fd;

	if (a->status == VG_NOT_FOUND || a->status == VG_SESSION_GONE)
		return (vg_reply_problem(r, "audio_not_found", NULL));
	if (a->status != VG_DB_OK)
		return (vg_reply_away(r, a->status));
	/* It may lie on another machine's disk: not here is not found. */
	if ((fd = vg_files_open(a->audio.id, a->audio.ext, &size)) == -1)
		return (vg_reply_problem(r, "audio_not_found", NULL));
	return (send_file(r, &a->audio, fd, size));
}

static int
ask(struct vg_request *r)
{
	struct asking	*a;
	const char	*name;
	char		id[VG_UUID_SIZE];

	name = strrchr(r->req->path, '/') + 1;
	if (vg_uuid4_parse(id, name, strlen(name)) == -1)
		return (vg_reply_problem(r, "audio_not_found", NULL));
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (vg_reply_problem(r, "overloaded", NULL));
	a->r = r;
	r->priv = a;
	r->priv_free = asking_free;
	a->status = vg_audio_find(id, r->key.id, found, a, &a->ticket);
	if (a->status != VG_DB_OK)
		return (vg_reply_away(r, a->status));
	return (vg_wait(r, answer));
}

static const struct vg_route	voice_audio = {
	.name = "voice_audio",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_AUDIO,
	.class = "audio",
	.scope = VG_SCOPE_VOICE,
	.cache = "private, no-store",
	.handle = ask
};

int
route_voice_audio(struct http_request *req)
{
	return (vg_gate_serve(req, &voice_audio));
}
