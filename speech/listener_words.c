/*
 * Words, and what they name.  Everything here works on what a recogniser gives as
 * well as on typed text: no capitals, no punctuation to rely on, and the odd word
 * that was heard wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech/listener_words.h"
#include "speech/spoken.h"

#define GAP_MAX		3	/* words that "*" stands for */
#define NEGATION_REACH	3	/* words between "not" and the feeling */
#define ADJECTIVES_MAX	2	/* between "my" and the person */

/* Words that change sides; with "i" before it, "was" does too. */
static const struct {
	const char	*from, *to;
} mirror[] = {
	{ "i", "you" }, { "me", "you" }, { "my", "your" },
	{ "mine", "yours" }, { "myself", "yourself" },
	{ "we", "you" }, { "us", "you" }, { "our", "your" },
	{ "ours", "yours" }, { "ourselves", "yourselves" },
	{ "i'm", "you are" }, { "i've", "you have" }, { "i'll", "you will" },
	{ "i'd", "you would" }, { "we're", "you are" }, { "we've", "you have" },
	{ "we'll", "you will" }, { "we'd", "you would" }, { "am", "are" },
	{ "your", "my" }, { "yours", "mine" }, { "yourself", "myself" },
	{ "you're", "I am" }, { "you've", "I have" }, { "you'll", "I will" },
	{ "you'd", "I would" },
};

/* Is word one of the words of list (up to its first space), "a|b|c"? */
static int
is_one_of(const char *word, const char *list)
{
	size_t		 n, len = strlen(word);
	const char	*p;

	for (p = list;; p += n + 1) {
		n = strcspn(p, "| ");
		if (n == len && strncmp(p, word, len) == 0)
			return (1);
		if (p[n] != '|')
			return (0);
	}
}

/* What is written without its apostrophe, or heard wrong. */
static void
mend(struct vg_words *ws)
{
	static const struct {
		const char	*from, *to;
	} spelling[] = {
		{ "dont", "don't" }, { "cant", "can't" }, { "im", "i'm" },
		{ "ive", "i've" }, { "didnt", "didn't" }, { "wont", "won't" },
		{ "isnt", "isn't" }, { "wasnt", "wasn't" }, { "cannot", "can't" },
	};
	size_t	i, k;

	for (i = 0; i < ws->n; i++) {
		for (k = 0; k < sizeof(spelling) / sizeof(spelling[0]); k++) {
			if (strcmp(ws->w[i], spelling[k].from) == 0)
				ws->w[i] = spelling[k].to;
		}
		/* "feeling sad" is often heard as "feeling said". */
		if (i > 0 && strcmp(ws->w[i], "said") == 0 &&
		    is_one_of(ws->w[i - 1], "feel|feeling|felt|so|very|i'm"))
			ws->w[i] = "sad";
	}
}

static int
is_word_byte(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' ||
	    c == '-');
}

int
vg_words_init(struct vg_words *ws, const char *text)
{
	char	*p, *start;

	memset(ws, 0, sizeof(*ws));
	ws->text = vg_spoken_ascii(text);
	if (ws->text == NULL)
		return (-1);
	for (p = ws->text; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	for (p = ws->text; *p != '\0';) {
		if (!is_word_byte(*p)) {
			if (ws->n > 0 && ws->ends[ws->n - 1] != '?' &&
			    strchr(".!?,;:", *p) != NULL)
				ws->ends[ws->n - 1] = *p == '?' ? '?' :
				    *p == '.' || *p == '!' ? '.' : ',';
			*p++ = '\0';
			continue;
		}
		start = p;
		while (is_word_byte(*p))
			p++;
		/* The end of a long message is what is answered. */
		if (ws->n == VG_WORDS_MAX) {
			memmove(ws->w, ws->w + 1,
			    (VG_WORDS_MAX - 1) * sizeof(ws->w[0]));
			memmove(ws->ends, ws->ends + 1, VG_WORDS_MAX - 1);
			ws->n--;
		}
		while (*start == '\'' || *start == '-') {
			if (++start == p)
				break;
		}
		if (start != p) {
			ws->ends[ws->n] = 0;
			ws->w[ws->n++] = start;
		}
	}
	mend(ws);
	return (0);
}

void
vg_words_free(struct vg_words *ws)
{
	free(ws->text);
	memset(ws, 0, sizeof(*ws));
}

/* Does the pattern match at exactly `at`? */
static int
matches(const struct vg_words *ws, size_t at, size_t to, const char *pattern)
{
	size_t		 len, skip;

	len = strcspn(pattern, " ");
	if (len == 1 && pattern[0] == '*') {
		for (skip = 0; skip <= GAP_MAX; skip++) {
			if (matches(ws, at + skip, to, pattern + 2))
				return (1);
		}
		return (0);
	}
	if (at >= to || !is_one_of(ws->w[at], pattern))
		return (0);
	if (pattern[len] == '\0')
		return (1);
	/* A phrase does not reach over the end of a sentence. */
	if (ws->ends[at] == '.' || ws->ends[at] == '?')
		return (0);
	return (matches(ws, at + 1, to, pattern + len + 1));
}

int
vg_words_find(const struct vg_words *ws, size_t from, size_t to,
    const char *pattern)
{
	size_t	i;

	for (i = from; i < to; i++) {
		if (matches(ws, i, to, pattern))
			return ((int)i);
	}
	return (-1);
}

const struct vg_relation *
vg_words_relation(const struct vg_words *ws, size_t from, size_t to)
{
	size_t	i, k, j;

	for (i = from; i < to; i++) {
		if (!is_one_of(ws->w[i], "my|our"))
			continue;
		for (j = i + 1; j < to && j <= i + 1 + ADJECTIVES_MAX; j++) {
			for (k = 0; vg_relations[k].word != NULL; k++) {
				if (strcmp(ws->w[j], vg_relations[k].word) == 0)
					return (&vg_relations[k]);
			}
		}
	}
	return (NULL);
}

const struct vg_feeling *
vg_words_feeling(const struct vg_words *ws, size_t from, size_t to,
    int *negated)
{
	size_t	i, j, k;

	*negated = 0;
	for (i = from; i < to; i++) {
		for (k = 0; vg_feelings[k].word != NULL; k++) {
			if (strcmp(ws->w[i], vg_feelings[k].word) != 0)
				continue;
			/* "lost my keys", "it hurt him": not how one feels. */
			if (is_one_of(ws->w[i], "lost|hurt|better|content|mad|"
			    "empty|calm|stuck") &&
			    (i == from || !is_one_of(ws->w[i - 1],
			    "i'm|am|feel|feeling|felt|so|very|really|was|been|"
			    "much|a|bit|completely|totally|and")))
				continue;
			for (j = i; j-- > from && j + NEGATION_REACH >= i;) {
				if (is_one_of(ws->w[j], "not|never|don't|"
				    "isn't|wasn't|didn't|can't|hardly|no"))
					*negated = 1;
			}
			return (&vg_feelings[k]);
		}
	}
	return (NULL);
}

/* "you": the one who acts ("I") or the one acted upon ("me")? */
static const char *
turn_you(const struct vg_words *ws, size_t i, size_t from, size_t to)
{
	static const char	verbs[] = "are|were|have|do|don't|did|didn't|can|"
	    "can't|could|will|won't|would|should|must|may|might|had|think|know|"
	    "said|say|want|need|understand|never|always|just|really|feel|mean|"
	    "told|asked|ask|listen|sound|seem|keep|make|help|helped|aren't";

	if (i > from && is_one_of(ws->w[i - 1], "to|for|with|from|of|about|at|"
	    "tell|told|thank|ask|asked|hate|love|like|need|trust"))
		return ("me");
	if (i + 1 < to && is_one_of(ws->w[i + 1], verbs))
		return ("I");
	return (i == from ? "I" : "me");
}

static const char *
reflected(const struct vg_words *ws, size_t i, size_t from, size_t to)
{
	const char	*w = ws->w[i], *before = i > from ? ws->w[i - 1] : "";
	const char	*earlier = i > from + 1 ? ws->w[i - 2] : "";
	int		 i_before, you_before;
	size_t		 k;

	i_before = strcmp(before, "i") == 0 ||
	    (strcmp(earlier, "i") == 0 &&
	    is_one_of(before, "really|just|always|never|still|also"));
	you_before = strcmp(before, "you") == 0 && i > from &&
	    strcmp(turn_you(ws, i - 1, from, to), "I") == 0;
	if (strcmp(w, "was") == 0 && i_before)
		return ("were");
	if (strcmp(w, "wasn't") == 0 && i_before)
		return ("weren't");
	if (strcmp(w, "are") == 0 && you_before)
		return ("am");
	if (strcmp(w, "were") == 0 && you_before)
		return ("was");
	if (strcmp(w, "you") == 0)
		return (turn_you(ws, i, from, to));
	/* "i'd been": had, not would. */
	if (strcmp(w, "i'd") == 0 && i + 1 < to &&
	    is_one_of(ws->w[i + 1], "been|had|never|lost|gone|done|better"))
		return ("you had");
	for (k = 0; k < sizeof(mirror) / sizeof(mirror[0]); k++) {
		if (strcmp(w, mirror[k].from) == 0)
			return (mirror[k].to);
	}
	return (w);
}

int
vg_words_reflect(const struct vg_words *ws, size_t from, size_t to, char *out,
    size_t size)
{
	const char	*w;
	size_t		 i, len = 0;
	int		 n;

	if (size == 0)
		return (-1);
	out[0] = '\0';
	for (i = from; i < to; i++) {
		w = reflected(ws, i, from, to);
		n = snprintf(out + len, size - len, "%s%s%s",
		    i > from ? " " : "", w,
		    ws->ends[i] == ',' && i + 1 < to ? "," : "");
		if (n < 0 || (size_t)n >= size - len)
			return (-1);
		len += (size_t)n;
	}
	return (0);
}
