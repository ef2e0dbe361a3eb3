/*
 * POST /v1/chat/completions: what to answer.
 *
 * The conversation goes along with every turn, since the interface has no
 * memory: the system prompt, of the turns so far the newest that fit, and what
 * was said now. Words of people are only ever the content of a message of
 * their own role; nothing is pasted into the prompt. The answer is asked for
 * whole: it must be judged before it is spoken.
 */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer.h"
#include "upstream/ask.h"

static enum vg_up_error	check(const struct vg_call_result *, void *);
static int	say(json_t *, const char *, const char *);
static size_t	first_that_fits(const struct vg_pipeline_turn *, size_t);
static char	*body_of(const struct vg_pipeline_turn *, size_t, const char *);

int
vg_chat_ask(struct vg_ask *a, const struct vg_pipeline_turn *turns,
    size_t nturns, const char *said, uint64_t deadline_ms)
{
	struct vg_exchange_spec	spec;

	memset(&spec, 0, sizeof(spec));
	spec.kind = VG_UP_CHAT;
	spec.path = "/v1/chat/completions";
	if ((spec.json = body_of(turns, nturns, said)) == NULL)
		return (-1);
	spec.upload.fd = -1;
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

	return (vg_answer_reply(r->body, r->len, &a->text));
}

static char *
body_of(const struct vg_pipeline_turn *turns, size_t nturns, const char *said)
{
	json_t	*root, *messages;
	char	*ret;
	size_t	i;

	ret = NULL;
	root = json_object();
	messages = json_array();

	if (json_object_set_new(root, "model",
	    json_string(vg_provider(VG_UP_CHAT)->model)) == -1 ||
	    json_object_set_new(root, "stream", json_false()) == -1)
		goto out;

	if (vg_provider_prompt()[0] != '\0' &&
	    say(messages, "system", vg_provider_prompt()) == -1)
		goto out;
	for (i = first_that_fits(turns, nturns); i < nturns; i++) {
		if (say(messages, turns[i].role, turns[i].text) == -1)
			goto out;
	}
	if (say(messages, "user", said) == -1 ||
	    json_object_set(root, "messages", messages) == -1)
		goto out;

	ret = json_dumps(root, JSON_COMPACT);
out:
	json_decref(messages);
	json_decref(root);

	return (ret);
}

static int
say(json_t *messages, const char *role, const char *content)
{
	json_t	*m;

	/* "s" refuses what is not UTF-8. */
	if ((m = json_pack("{s:s, s:s}", "role", role, "content", content)) ==
	    NULL)
		return (-1);

	return (json_array_append_new(messages, m));
}

static size_t
first_that_fits(const struct vg_pipeline_turn *turns, size_t nturns)
{
	size_t	i, n, bytes;

	bytes = 0;
	for (i = nturns; i > 0 && nturns - i < VG_CHAT_TURNS_MAX; i--) {
		n = strlen(turns[i - 1].text);
		if (n > VG_CHAT_HISTORY_MAX - bytes)
			break;
		bytes += n;
	}

	return (i);
}
