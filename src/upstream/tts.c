/*
 * POST /v1/audio/speech: say it.
 *
 * WAV is asked for, which every server can make and every browser can play;
 * what comes may also be MP3, and is told by its bytes. It is written to the
 * caller's file as it comes.
 */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/ask.h"

#define SPEECH_FORMAT	"wav"

static enum vg_up_error	check(const struct vg_call_result *, void *);

int
vg_tts_ask(struct vg_ask *a, const char *text, int out_fd, size_t max,
    uint64_t deadline_ms)
{
	struct vg_exchange_spec	spec;
	json_t			*root;

	root = json_pack("{s:s, s:s, s:s, s:s}",
	    "model", vg_provider(VG_UP_TTS)->model,
	    "voice", vg_provider_voice(),
	    "input", text,
	    "response_format", SPEECH_FORMAT);
	if (root == NULL)
		return (-1);

	memset(&spec, 0, sizeof(spec));
	spec.kind = VG_UP_TTS;
	spec.path = "/v1/audio/speech";
	spec.json = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (spec.json == NULL)
		return (-1);
	spec.upload.fd = -1;
	spec.audio = true;
	spec.out_fd = out_fd;
	spec.answer_max = max;
	spec.deadline_ms = deadline_ms;
	spec.check = check;
	spec.done = vg_ask_done;
	spec.arg = a;

	return ((a->x = vg_exchange_start(&spec)) != NULL ? 0 : -1);
}

static enum vg_up_error
check(const struct vg_call_result *r, void *arg)
{
	struct vg_ask	*a;

	a = arg;
	a->audio_len = r->len;
	a->audio_ext = r->audio_ext;
	a->audio_type = r->audio_type;

	return (VG_UP_OK);
}
