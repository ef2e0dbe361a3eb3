/*
 * What the listener makes of somebody's words.
 */
#ifndef VG_SPEECH_LISTENER_WORDS_H
#define VG_SPEECH_LISTENER_WORDS_H

#include <stddef.h>

#define VG_WORDS_MAX	600	/* words of a message; the last ones count */

/* A message as lower-case words. */
struct vg_words {
	char		*text;			/* owned */
	const char	*w[VG_WORDS_MAX];	/* into text, or static */
	unsigned char	 ends[VG_WORDS_MAX];	/* '.', '?', ',' after it, or 0 */
	size_t		 n;
};

/* A person or animal somebody may speak of. */
struct vg_relation {
	const char	*word;
	const char	*object;	/* him, her, them */
};

struct vg_feeling {
	const char	*word;		/* as people say it */
	const char	*adjective;	/* "you feel ..." */
	const char	*noun;		/* "the ..." */
	int		 good;
};

/* What is known of both; a NULL word ends (listener_lexicon.c). */
extern const struct vg_relation	vg_relations[];
extern const struct vg_feeling	vg_feelings[];

/* Splits text; 0, or -1 when there is no memory. */
int	vg_words_init(struct vg_words *ws, const char *text);
void	vg_words_free(struct vg_words *ws);

/*
 * Does `pattern` stand anywhere in words from..to (not including `to`)?  A
 * pattern is words with a space between; "a|b" is either; "*" is up to three
 * words of any kind.  Returns the index of its first word, or -1.
 */
int	vg_words_find(const struct vg_words *ws, size_t from, size_t to,
	    const char *pattern);

/* The relation that is spoken of as one's own ("my father"), or NULL. */
const struct vg_relation *vg_words_relation(const struct vg_words *ws,
	    size_t from, size_t to);

/* The feeling named, or NULL; *negated as in "not happy". */
const struct vg_feeling *vg_words_feeling(const struct vg_words *ws,
	    size_t from, size_t to, int *negated);

/*
 * Words from..to seen from the other side ("i miss my father" becomes "you miss
 * your father"), without a capital or a full stop, into out.  0, or -1 when it
 * does not fit.
 */
int	vg_words_reflect(const struct vg_words *ws, size_t from, size_t to,
	    char *out, size_t size);

#endif
