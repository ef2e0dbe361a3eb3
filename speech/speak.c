/*
 * POST /v1/audio/speech: JSON with `model`, `input` (1 to 4096 characters) and
 * optionally `voice`, `response_format` (wav, the default here) and `speed`.
 */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

#include "speech/front_int.h"
#include "speech/spoken.h"

static void	finish(struct vg_request *);
static void	result(struct vg_request *, const struct vg_ipc *, const char *,
		    size_t);

const struct vg_route	vg_route_speak = {
	.path = "/v1/audio/speech", .method = "POST", .queued = 1,
	.begin = vg_jsonbody_begin, .data = vg_jsonbody_data,
	.finish = finish, .result = result,
};

static void
bad(struct vg_request *r, const char *code, const char *message)
{
	vg_answer_error(r, MHD_HTTP_BAD_REQUEST, code, message);
}

/* An optional string: absent, or exactly `only`. */
static int
is_or_absent(const json_t *root, const char *key, const char *only)
{
	const json_t	*v = json_object_get(root, key);

	return (v == NULL || (json_is_string(v) &&
	    strcmp(json_string_value(v), only) == 0));
}

/* The text, checked; sets the answer when something is wrong. */
static const char *
input_of(struct vg_request *r, const json_t *root)
{
	const json_t	*v = json_object_get(root, "input");
	const json_t	*speed = json_object_get(root, "speed");
	const char	*text = json_string_value(v);
	double		 factor = 1.0;
	size_t		 chars;

	if (vg_jsonbody_model(r, root, VG_MODEL_TTS) == -1)
		return (NULL);
	chars = text != NULL ? vg_spoken_chars(text) : 0;
	if (chars == 0 || chars > VG_TTS_CHARS_MAX) {
		bad(r, "invalid_input",
		    "\"input\" must be a string of 1 to 4096 characters.");
		return (NULL);
	}
	if (!is_or_absent(root, "voice", VG_VOICE_TTS)) {
		bad(r, "unknown_voice", "\"voice\" must be " VG_VOICE_TTS ".");
		return (NULL);
	}
	if (!is_or_absent(root, "response_format", "wav")) {
		bad(r, "unsupported_format", "\"response_format\" must be wav.");
		return (NULL);
	}
	if (speed != NULL) {
		factor = json_is_number(speed) ? json_number_value(speed) : 0;
		if (!(factor >= VG_SPEED_MIN && factor <= VG_SPEED_MAX)) {
			bad(r, "invalid_speed",
			    "\"speed\" must be a number from 0.25 to 4.0.");
			return (NULL);
		}
	}
	r->milli = (uint32_t)(factor * 1000.0);
	return (text);
}

static void
finish(struct vg_request *r)
{
	json_t		*root = vg_jsonbody_parse(r);
	const char	*text;
	char		*copy = NULL;

	if (root == NULL)
		return;
	text = input_of(r, root);
	if (text == NULL)
		goto out;
	copy = strdup(text);
	r->out_fd = memfd_create("speech", MFD_CLOEXEC);
	if (copy == NULL || r->out_fd == -1) {
		free(copy);
		vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal",
		    "The request could not be served.");
		goto out;
	}
	free(r->body);
	r->body = copy;
	r->body_len = strlen(copy);
	r->pool = VG_POOL_TTS;
	r->stage = VG_STAGE_QUEUED;
out:
	json_decref(root);
}

static void
result(struct vg_request *r, const struct vg_ipc *msg, const char *payload,
    size_t len)
{
	(void)payload;
	(void)len;
	if (msg->arg == VG_RESULT_OK && msg->bytes != 0 &&
	    msg->bytes <= VG_TTS_OUT_MAX)
		vg_answer_audio(r, msg->bytes);
	else
		vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
		    "synthesis_failed", "The text could not be spoken.");
}
