/*
 * Answers, in OpenAI's shapes.  Messages are fixed texts: nothing that a client
 * sent is ever part of one.
 */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "speech/front_int.h"
#include "speech/slog.h"

#define TYPE_JSON	"application/json"
#define TYPE_TEXT	"text/plain; charset=utf-8"
#define TYPE_WAV	"audio/wav"

static void
set(struct vg_request *r, unsigned int status, const char *type, char *text)
{
	if (r->status != 0) {
		free(text);
		return;
	}
	r->type = type;
	r->answer = text;
	r->answer_len = text != NULL ? strlen(text) : 0;
	/* An answer that could not be made is still one. */
	r->status = text != NULL ? status : MHD_HTTP_INTERNAL_SERVER_ERROR;
	vg_endpoint_done(r);
}

static const char *
error_type(unsigned int status)
{
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		return ("overloaded_error");
	return (status >= 500 ? "server_error" : "invalid_request_error");
}

void
vg_answer_error(struct vg_request *r, unsigned int status, const char *code,
    const char *message)
{
	json_t	*root;
	char	*text = NULL;

	root = json_pack("{s:{s:s, s:s, s:n, s:s}}", "error", "message",
	    message, "type", error_type(status), "param", "code", code);
	if (root != NULL)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	set(r, status, TYPE_JSON, text);
}

void
vg_answer_json(struct vg_request *r, json_t *root)
{
	char	*text = NULL;

	if (root != NULL)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	set(r, MHD_HTTP_OK, TYPE_JSON, text);
}

void
vg_answer_text(struct vg_request *r, const char *text)
{
	size_t	 len = strlen(text) + 2;
	char	*line = malloc(len);

	if (line != NULL)
		(void)snprintf(line, len, "%s\n", text);
	set(r, MHD_HTTP_OK, TYPE_TEXT, line);
}

void
vg_answer_audio(struct vg_request *r, uint32_t bytes)
{
	if (r->status != 0)
		return;
	r->status = MHD_HTTP_OK;
	r->type = TYPE_WAV;
	r->answer_len = bytes;
	vg_endpoint_done(r);
}

/* The body: audio from its memfd, or text, which the response then owns. */
static struct MHD_Response *
response(struct vg_request *r)
{
	struct MHD_Response	*res;

	if (r->answer == NULL && r->status == MHD_HTTP_OK) {
		res = MHD_create_response_from_fd(r->answer_len, r->out_fd);
		if (res != NULL)
			r->out_fd = -1;
		return (res);
	}
	res = MHD_create_response_from_buffer(r->answer_len,
	    r->answer, MHD_RESPMEM_MUST_FREE);
	if (res != NULL)
		r->answer = NULL;
	return (res);
}

enum MHD_Result
vg_answer_send(struct vg_request *r)
{
	struct MHD_Response	*res;
	enum MHD_Result		 ret;
	char			 id[32];

	res = response(r);
	if (res == NULL)
		return (MHD_NO);
	(void)snprintf(id, sizeof(id), "%lu", r->number);
	if (r->type != NULL)
		(void)MHD_add_response_header(res, "Content-Type", r->type);
	(void)MHD_add_response_header(res, "X-Request-ID", id);
	(void)MHD_add_response_header(res, "Cache-Control", "no-store");
	(void)MHD_add_response_header(res, "X-Content-Type-Options", "nosniff");
	if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		(void)MHD_add_response_header(res, "Retry-After",
		    VG_RETRY_AFTER);
	if (r->allow != NULL)
		(void)MHD_add_response_header(res, "Allow", r->allow);
	if (r->f->draining)
		(void)MHD_add_response_header(res, "Connection", "close");
	ret = MHD_queue_response(r->conn, r->status, res);
	MHD_destroy_response(res);

	if (!r->logged) {
		r->logged = 1;
		vg_slog("req=%lu %s %u %lld ms", r->number,
		    r->route != NULL ? r->route->path : "-", r->status,
		    vg_now_ms() - r->t0);
	}
	return (ret);
}
