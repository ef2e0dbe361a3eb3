#ifndef VG_ANSWER_H
#define VG_ANSWER_H

/* What providers answer, read strictly. Pure: Jansson only. */

#include "upstream/upstream.h"

#define VG_ANSWER_JSON_MAX	(256 * 1024)	/* bytes of a JSON answer */
#define VG_TRANSCRIPT_MAX	8192	/* bytes; the rest is cut off */
#define VG_REPLY_MAX		3900	/* bytes; speech takes 4096 characters */

/*
 * {"text": …}: VG_UP_OK with *text (free it), "" when nothing was said;
 * VG_UP_GARBAGE, VG_UP_LOCAL.
 */
enum vg_up_error	vg_answer_transcript(const char *body, size_t len,
			    char **text);
/* {"choices":[{"message":{"content": …}}]}: likewise, but never "". */
enum vg_up_error	vg_answer_reply(const char *body, size_t len,
			    char **text);

/*
 * Cleans UTF-8 in place: no control, format or bidirectional-override
 * characters, blanks collapsed to one, line breaks kept (two at most) or made
 * blanks, none at the ends; cut to MAX bytes at a sentence's end, a blank, or
 * at least between two characters. Returns the length.
 */
size_t	vg_answer_clean(char *text, bool lines, size_t max);

#endif
