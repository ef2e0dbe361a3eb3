/*
 * POST /v1/audio/transcriptions: multipart/form-data with `file` and `model`, and
 * optionally `response_format` (json, text, verbose_json) and `language` (en);
 * other fields of OpenAI's are taken and have no effect.
 *
 * The recording goes straight into a memfd as it arrives and is never looked at
 * here: a decoder gets that memfd, sealed, and an empty one for its samples,
 * which is sealed in turn before a recogniser gets it.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "speech/front_int.h"

#define PP_BUFFER	(16u * 1024u)	/* bytes, MHD's parser */
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MEDIA_TYPE	"multipart/form-data"

static void	begin(struct vg_request *);
static void	data(struct vg_request *, const char *, size_t);
static void	finish(struct vg_request *);
static void	result(struct vg_request *, const struct vg_ipc *, const char *,
		    size_t);

const struct vg_route	vg_route_transcribe = {
	.path = "/v1/audio/transcriptions", .method = "POST", .queued = 1,
	.begin = begin, .data = data, .finish = finish, .result = result,
};

static void
bad(struct vg_request *r, const char *code, const char *message)
{
	vg_answer_error(r, MHD_HTTP_BAD_REQUEST, code, message);
}

static void
broken(struct vg_request *r)
{
	vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal",
	    "The request could not be served.");
}

static int
memory_file(const char *name)
{
	return (memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

static void
store(struct vg_request *r, const char *p, size_t len)
{
	ssize_t	n;

	while (len != 0) {
		n = write(r->up.fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			r->up.failed = 1;
			return;
		}
		p += n;
		len -= (size_t)n;
		r->up.len += (size_t)n;
	}
}

/* A piece of a short field; too long a value is refused. */
static void
field(struct vg_request *r, char *out, const char *p, uint64_t off, size_t len)
{
	if (off + len >= VG_FIELD_MAX || memchr(p, '\0', len) != NULL) {
		bad(r, "invalid_field", "A form field is not valid.");
		return;
	}
	memcpy(out + off, p, len);
	out[off + len] = '\0';
}

/*
 * MHD's parser has a piece of a part: of one that is cut behind its header the
 * first is empty, and the next begins at 0 too. So parts are told apart by their
 * first byte; those without one cost nothing, and are not counted.
 */
static enum MHD_Result
part(void *cls, enum MHD_ValueKind kind, const char *key, const char *filename,
    const char *content_type, const char *transfer_encoding, const char *p,
    uint64_t off, size_t len)
{
	struct vg_request	*r = cls;

	(void)kind;
	(void)filename;
	(void)content_type;
	(void)transfer_encoding;
	if (r->status != 0 || key == NULL)
		return (MHD_NO);
	if (off == 0 && len > 0 && ++r->up.parts > VG_PARTS_MAX) {
		bad(r, "too_many_parts", "The form has too many parts.");
		return (MHD_NO);
	}
	if (strcmp(key, "file") == 0) {
		r->up.has_file = 1;
		if (off == 0 && len > 0 && r->up.files++ != 0) {
			bad(r, "duplicate_file", "\"file\" is there twice.");
			return (MHD_NO);
		}
		store(r, p, len);
	} else if (strcmp(key, "model") == 0)
		field(r, r->up.model, p, off, len);
	else if (strcmp(key, "response_format") == 0)
		field(r, r->up.format, p, off, len);
	else if (strcmp(key, "language") == 0)
		field(r, r->up.language, p, off, len);
	return (r->status == 0 ? MHD_YES : MHD_NO);
}

static void
begin(struct vg_request *r)
{
	const char	*type = MHD_lookup_connection_value(r->conn,
			    MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);

	if (type == NULL ||
	    strncasecmp(type, MEDIA_TYPE, strlen(MEDIA_TYPE)) != 0) {
		vg_answer_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
		    "unsupported_media_type",
		    "The body must be multipart/form-data.");
		return;
	}
	r->up.pp = MHD_create_post_processor(r->conn, PP_BUFFER, part, r);
	if (r->up.pp == NULL) {
		bad(r, "invalid_multipart", "The multipart body is malformed.");
		return;
	}
	r->up.fd = memory_file("recording");
	if (r->up.fd == -1)
		broken(r);
}

static void
data(struct vg_request *r, const char *p, size_t len)
{
	if (MHD_post_process(r->up.pp, p, len) != MHD_YES)
		bad(r, "invalid_multipart", "The multipart body is malformed.");
}

/* What is wrong with the fields, or nothing. */
static void
check(struct vg_request *r)
{
	const char	*f = r->up.format;

	if (!r->up.has_file)
		bad(r, "missing_file", "\"file\" is missing.");
	else if (r->up.len == 0)
		bad(r, "empty_file", "\"file\" is empty.");
	else if (r->up.model[0] == '\0')
		bad(r, "missing_model", "\"model\" is missing.");
	else if (strcmp(r->up.model, VG_MODEL_STT) != 0)
		vg_answer_error(r, MHD_HTTP_NOT_FOUND, "model_not_found",
		    "There is no such model here; see /v1/models.");
	else if (f[0] != '\0' && strcmp(f, "json") != 0 &&
	    strcmp(f, "text") != 0 && strcmp(f, "verbose_json") != 0)
		bad(r, "unsupported_format",
		    "\"response_format\" must be json, text or verbose_json.");
	else if (r->up.language[0] != '\0' &&
	    strcmp(r->up.language, "en") != 0)
		bad(r, "unsupported_language",
		    "This model knows English (\"en\") only.");
}

static void
finish(struct vg_request *r)
{
	enum MHD_Result	whole = MHD_destroy_post_processor(r->up.pp);

	r->up.pp = NULL;
	if (r->status != 0)
		return;
	if (whole != MHD_YES) {
		bad(r, "invalid_multipart", "The multipart body is malformed.");
		return;
	}
	check(r);
	if (r->status != 0)
		return;
	r->out_fd = memory_file("samples");
	if (r->up.failed || r->out_fd == -1 ||
	    fcntl(r->up.fd, F_ADD_SEALS, SEALS) == -1) {
		broken(r);
		return;
	}
	r->pool = VG_POOL_DECODE;
	r->stage = VG_STAGE_QUEUED;
}

/* The decoder is done: its samples go to a recogniser. */
static void
decoded(struct vg_request *r, const struct vg_ipc *msg)
{
	switch (msg->arg) {
	case VG_RESULT_OK:
		break;
	case VG_RESULT_NOT_AUDIO:
		vg_answer_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		    "audio_undecodable",
		    "The file is none of WAV, MP3, WebM, OGG and M4A.");
		return;
	case VG_RESULT_TOO_LONG:
		vg_answer_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		    "audio_too_long", "The recording is too long.");
		return;
	case VG_RESULT_UNDECODABLE:
		vg_answer_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		    "audio_undecodable", "The audio cannot be decoded.");
		return;
	default:
		broken(r);
		return;
	}
	close(r->up.fd);
	r->up.fd = -1;
	/* From here on nobody can change them, the decoder least of all. */
	if (fcntl(r->out_fd, F_ADD_SEALS, SEALS) == -1) {
		broken(r);
		return;
	}
	r->milli = msg->milli;
	r->pool = VG_POOL_STT;
	r->stage = VG_STAGE_QUEUED;
}

static json_t *
verbose(const char *text, double seconds)
{
	json_t	*segments = json_array();

	if (text[0] != '\0')
		(void)json_array_append_new(segments, json_pack(
		    "{s:i, s:f, s:f, s:s}", "id", 0, "start", 0.0, "end",
		    seconds, "text", text));
	return (json_pack("{s:s, s:s, s:f, s:s, s:o}", "task", "transcribe",
	    "language", "english", "duration", seconds, "text", text,
	    "segments", segments));
}

static void
result(struct vg_request *r, const struct vg_ipc *msg, const char *payload,
    size_t len)
{
	static char	text[VG_STT_TEXT_MAX];

	if (r->pool == VG_POOL_DECODE) {
		decoded(r, msg);
		return;
	}
	if (msg->arg != VG_RESULT_OK || len >= sizeof(text)) {
		broken(r);
		return;
	}
	memcpy(text, payload, len);
	text[len] = '\0';
	if (strcmp(r->up.format, "text") == 0)
		vg_answer_text(r, text);
	else if (strcmp(r->up.format, "verbose_json") == 0)
		vg_answer_json(r, verbose(text, (double)r->milli / 1000.0));
	else
		vg_answer_json(r, json_pack("{s:s}", "text", text));
	/* Not for the next one to find. */
	explicit_bzero(text, len);
}
