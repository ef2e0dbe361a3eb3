/*
 * Text as the synthesiser can take it.
 */
#ifndef VG_SPEECH_SPOKEN_H
#define VG_SPEECH_SPOKEN_H

#include <stddef.h>

/*
 * Rewrites UTF-8 `in` as printable ASCII in a new string (the caller frees):
 * typographic quotes, dashes, ellipses and accented Latin letters become their
 * plain form, line ends and other white space one space, anything else is left
 * out.  NULL when there is no memory.
 */
char	*vg_spoken_ascii(const char *in);

/*
 * The length in bytes of the next piece to speak at `text` (ASCII): up to the end
 * of a sentence, else of a clause, else of a word, and never more than `cap`.
 * 0 only at the end of the text.
 */
size_t	vg_spoken_next(const char *text, size_t cap);

/* The number of characters (code points) of valid UTF-8. */
size_t	vg_spoken_chars(const char *utf8);

#endif
