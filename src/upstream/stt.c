/*
 * POST /v1/audio/transcriptions: what was said.
 *
 * A form of three fields: the model, the format of the answer, and the
 * recording as a file. The file's name is ours, never the client's: servers
 * tell the container by its ending, which comes from the recording's first bytes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer.h"
#include "upstream/ask.h"

static enum vg_up_error	check(const struct vg_call_result *, void *);

int
vg_stt_ask(struct vg_ask *a, const struct vg_pipeline_in *in,
    uint64_t deadline_ms)
{
	struct vg_exchange_spec	spec;
	int			n;

	n = snprintf(a->filename, sizeof(a->filename), "audio.%s",
	    in->audio_ext);
	if (n < 0 || (size_t)n >= sizeof(a->filename))
		return (-1);
	if ((a->model = strdup(vg_provider(VG_UP_STT)->model)) == NULL)
		return (-1);

	memset(a->fields, 0, sizeof(a->fields));
	a->fields[0].name = "model";
	a->fields[0].value = a->model;
	a->fields[1].name = "response_format";
	a->fields[1].value = "json";

	memset(&spec, 0, sizeof(spec));
	spec.kind = VG_UP_STT;
	spec.path = "/v1/audio/transcriptions";
	spec.upload.fd = in->audio_fd;
	spec.upload.len = in->audio_len;
	spec.upload.filename = a->filename;
	spec.upload.type = in->audio_type;
	spec.upload.fields = a->fields;
	spec.out_fd = -1;
	spec.answer_max = VG_ANSWER_JSON_MAX;
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
	free(a->text);

	return (vg_answer_transcript(r->body, r->len, &a->text));
}
