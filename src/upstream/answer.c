/*
 * What providers answer, read strictly.
 *
 * An answer comes from a program that others run, and its words were chosen by
 * a model that a stranger talks to: both are input. It must be one JSON object
 * with the one member of the one type that is asked for; anything else is
 * garbage, whatever its status said. The words lose what a reader cannot see
 * but a terminal, a log or the next model would act upon: control characters,
 * overrides of the writing direction, the invisible tag characters.
 */

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer.h"

#define JSON_FLAGS	(JSON_REJECT_DUPLICATES)

static enum vg_up_error	take(json_t *, bool, size_t, char **);
static size_t	decode(const unsigned char *, uint32_t *);
static bool	is_blank(uint32_t);
static bool	is_line(uint32_t);
static bool	is_unwanted(uint32_t);
static size_t	cut(char *, size_t, size_t);

enum vg_up_error
vg_answer_transcript(const char *body, size_t len, char **text)
{
	enum vg_up_error	ret;
	json_t			*root;

	*text = NULL;
	if ((root = json_loadb(body, len, JSON_FLAGS, NULL)) == NULL)
		return (VG_UP_GARBAGE);

	ret = take(json_object_get(root, "text"), false, VG_TRANSCRIPT_MAX,
	    text);
	json_decref(root);

	return (ret);
}

enum vg_up_error
vg_answer_reply(const char *body, size_t len, char **text)
{
	enum vg_up_error	ret;
	json_t			*root, *first, *message;

	*text = NULL;
	if ((root = json_loadb(body, len, JSON_FLAGS, NULL)) == NULL)
		return (VG_UP_GARBAGE);

	first = json_array_get(json_object_get(root, "choices"), 0);
	message = json_object_get(first, "message");
	ret = take(json_object_get(message, "content"), true, VG_REPLY_MAX,
	    text);
	json_decref(root);

	if (ret == VG_UP_OK && (*text)[0] == '\0') {
		free(*text);
		*text = NULL;
		ret = VG_UP_GARBAGE;
	}

	return (ret);
}

size_t
vg_answer_clean(char *text, bool lines, size_t max)
{
	unsigned char	*in;
	char		*out;
	uint32_t	c;
	size_t		n, breaks;
	bool		gap;

	in = (unsigned char *)text;
	out = text;
	breaks = 0;
	gap = false;

	while (*in != '\0') {
		n = decode(in, &c);
		if (is_line(c)) {
			/* CR LF is one. */
			if (!(c == '\r' && in[1] == '\n'))
				breaks++;
			gap = true;
		} else if (is_blank(c)) {
			gap = true;
		} else if (!is_unwanted(c)) {
			/* What is written is never more than what was read. */
			if (gap && out != text) {
				if (lines && breaks > 0) {
					*out++ = '\n';
					if (breaks > 1)
						*out++ = '\n';
				} else
					*out++ = ' ';
			}
			gap = false;
			breaks = 0;
			memmove(out, in, n);
			out += n;
		}
		in += n;
	}
	*out = '\0';

	return (cut(text, (size_t)(out - text), max));
}

static enum vg_up_error
take(json_t *value, bool lines, size_t max, char **text)
{
	if (!json_is_string(value))
		return (VG_UP_GARBAGE);
	/* Jansson has refused NUL and what is not UTF-8. */
	if ((*text = strdup(json_string_value(value))) == NULL)
		return (VG_UP_LOCAL);
	(void)vg_answer_clean(*text, lines, max);

	return (VG_UP_OK);
}

/* One character and its length. A byte that begins none is U+FFFF. */
static size_t
decode(const unsigned char *s, uint32_t *c)
{
	size_t	n, i;

	if (s[0] < 0x80) {
		*c = s[0];
		return (1);
	}

	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4) {
		*c = 0xffff;
		return (1);
	}

	*c = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*c = 0xffff;
			return (i);
		}
		*c = *c << 6 | (s[i] & 0x3fu);
	}

	return (n);
}

static bool
is_blank(uint32_t c)
{
	return (c == ' ' || c == '\t' || c == 0xa0 || c == 0x3000 ||
	    (c >= 0x2000 && c <= 0x200a));
}

static bool
is_line(uint32_t c)
{
	return (c == '\n' || c == '\r' || c == 0x0b || c == 0x0c ||
	    c == 0x85 || c == 0x2028 || c == 0x2029);
}

static bool
is_unwanted(uint32_t c)
{
	return (c < 0x20 || (c >= 0x7f && c <= 0x9f) ||	/* controls */
	    c == 0xad || c == 0x061c ||
	    c == 0x200b || c == 0x200e || c == 0x200f ||
	    (c >= 0x202a && c <= 0x202e) ||		/* overrides */
	    (c >= 0x2060 && c <= 0x206f) ||		/* isolates */
	    c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	    (c >= 0xe0000 && c <= 0xe0fff) ||		/* tags */
	    (c & 0xfffe) == 0xfffe);			/* none at all */
}

/* The best place to stop within max bytes. */
static size_t
cut(char *text, size_t len, size_t max)
{
	size_t	i, at;

	if (len <= max)
		return (len);

	/* Never inside a character. */
	at = max;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;

	/* A sentence's end in the last half, or else a blank there. */
	for (i = at; i > max / 2; i--) {
		if ((text[i] == ' ' || text[i] == '\n') &&
		    strchr(".!?", text[i - 1]) != NULL) {
			at = i;
			goto out;
		}
	}
	for (i = at; i > max / 2; i--) {
		if (text[i] == ' ' || text[i] == '\n') {
			at = i;
			break;
		}
	}
out:
	while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\n'))
		at--;
	text[at] = '\0';

	return (at);
}
