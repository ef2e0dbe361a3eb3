/*
 * POST /v1/chat/completions: JSON with `model` and `messages`; non-streaming. The
 * answer is the listener's (listener.c), in the shape of a chat.completion.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <stdio.h>

#include "speech/front_int.h"
#include "speech/listener.h"

#define BYTES_PER_TOKEN	4	/* the usual rule of thumb; nothing is billed */

static void	finish(struct vg_request *);

const struct vg_route	vg_route_chat = {
	.path = "/v1/chat/completions", .method = "POST",
	.begin = vg_jsonbody_begin, .data = vg_jsonbody_data,
	.finish = finish,
};

static void
bad(struct vg_request *r, const char *code, const char *message)
{
	vg_answer_error(r, MHD_HTTP_BAD_REQUEST, code, message);
}

/* A message's text: a string, or an array with one text part. Borrowed. */
static const char *
content_of(const json_t *message)
{
	const json_t	*c = json_object_get(message, "content"), *part;
	const char	*type;

	if (json_is_string(c))
		return (json_string_value(c));
	if (json_is_null(c))
		return ("");
	if (json_array_size(c) != 1)
		return (NULL);
	part = json_array_get(c, 0);
	type = json_string_value(json_object_get(part, "type"));
	if (type == NULL || strcmp(type, "text") != 0)
		return (NULL);
	return (json_string_value(json_object_get(part, "text")));
}

static int
role_of(const json_t *message, enum vg_speaker *who)
{
	const char	*role = json_string_value(json_object_get(message,
			    "role"));

	if (role == NULL)
		return (-1);
	if (strcmp(role, "user") == 0)
		*who = VG_SPEAKER_USER;
	else if (strcmp(role, "assistant") == 0)
		*who = VG_SPEAKER_LISTENER;
	else if (strcmp(role, "system") == 0 ||
	    strcmp(role, "developer") == 0)
		*who = VG_SPEAKER_OTHER;
	else
		return (-1);
	return (0);
}

/* The conversation as the listener takes it; NULL with the answer set. */
static struct vg_turn *
turns_of(struct vg_request *r, const json_t *messages, size_t *bytes)
{
	struct vg_turn	*turns;
	size_t		 i, n = json_array_size(messages), users = 0;

	*bytes = 0;
	if (n == 0 || n > VG_MESSAGES_MAX) {
		bad(r, "invalid_messages",
		    "\"messages\" must be an array of 1 to 256 messages.");
		return (NULL);
	}
	turns = calloc(n, sizeof(*turns));
	if (turns == NULL) {
		vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal",
		    "The request could not be served.");
		return (NULL);
	}
	for (i = 0; i < n; i++) {
		turns[i].text = content_of(json_array_get(messages, i));
		if (turns[i].text == NULL ||
		    role_of(json_array_get(messages, i), &turns[i].who) == -1)
			break;
		*bytes += strlen(turns[i].text);
		users += turns[i].who == VG_SPEAKER_USER;
	}
	if (i < n || users == 0) {
		bad(r, "invalid_messages", "Each message needs a \"role\" "
		    "(system, user, assistant) and text as \"content\"; one "
		    "must be the user's.");
		free(turns);
		return (NULL);
	}
	return (turns);
}

static json_t *
completion(const struct vg_request *r, const char *text, size_t prompt_bytes)
{
	json_int_t	prompt, reply;
	char		id[48];

	prompt = (json_int_t)(prompt_bytes / BYTES_PER_TOKEN + 1);
	reply = (json_int_t)(strlen(text) / BYTES_PER_TOKEN + 1);
	(void)snprintf(id, sizeof(id), "chatcmpl-%lld-%lu",
	    (long long)time(NULL), r->number);
	return (json_pack("{s:s, s:s, s:I, s:s,"
	    " s:[{s:i, s:{s:s, s:s}, s:s}], s:{s:I, s:I, s:I}}",
	    "id", id, "object", "chat.completion",
	    "created", (json_int_t)time(NULL), "model", VG_MODEL_CHAT,
	    "choices", "index", 0, "message", "role", "assistant",
	    "content", text, "finish_reason", "stop",
	    "usage", "prompt_tokens", prompt, "completion_tokens", reply,
	    "total_tokens", prompt + reply));
}

static void
finish(struct vg_request *r)
{
	json_t		*root = vg_jsonbody_parse(r);
	const json_t	*n;
	struct vg_turn	*turns = NULL;
	char		*text = NULL;
	size_t		 bytes;

	if (root == NULL)
		return;
	if (vg_jsonbody_model(r, root, VG_MODEL_CHAT) == -1)
		goto out;
	n = json_object_get(root, "n");
	if (json_is_true(json_object_get(root, "stream")) ||
	    (n != NULL && json_integer_value(n) != 1)) {
		bad(r, "unsupported", "Only one answer, not streamed.");
		goto out;
	}
	turns = turns_of(r, json_object_get(root, "messages"), &bytes);
	if (turns == NULL)
		goto out;
	text = vg_listener_reply(turns,
	    json_array_size(json_object_get(root, "messages")));
	if (text == NULL)
		vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal",
		    "The request could not be served.");
	else
		vg_answer_json(r, completion(r, text, bytes));
out:
	free(text);
	free(turns);
	json_decref(root);
}
