/*
 * flite reads ASCII, and its time grows faster than the length of an utterance:
 * 4,000 characters without a full stop keep a core busy for long.  So text
 * is first made ASCII in the way that a reader would speak it, and then cut where
 * a reader would breathe.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "speech/spoken.h"

#define ASCII_GROWTH	3	/* the longest replacement of two bytes */

static const struct {
	uint32_t	 from, to;	/* code points */
	const char	*ascii;
} ranges[] = {
	{ 0x00a0, 0x00a0, " " }, { 0x00a9, 0x00a9, "" },
	{ 0x00ab, 0x00ab, "\"" }, { 0x00bb, 0x00bb, "\"" },
	{ 0x00b4, 0x00b4, "'" },
	{ 0x00c0, 0x00c5, "A" }, { 0x00c6, 0x00c6, "AE" },
	{ 0x00c7, 0x00c7, "C" }, { 0x00c8, 0x00cb, "E" },
	{ 0x00cc, 0x00cf, "I" }, { 0x00d1, 0x00d1, "N" },
	{ 0x00d2, 0x00d6, "O" }, { 0x00d8, 0x00d8, "O" },
	{ 0x00d9, 0x00dc, "U" }, { 0x00dd, 0x00dd, "Y" },
	{ 0x00df, 0x00df, "ss" },
	{ 0x00e0, 0x00e5, "a" }, { 0x00e6, 0x00e6, "ae" },
	{ 0x00e7, 0x00e7, "c" }, { 0x00e8, 0x00eb, "e" },
	{ 0x00ec, 0x00ef, "i" }, { 0x00f1, 0x00f1, "n" },
	{ 0x00f2, 0x00f6, "o" }, { 0x00f8, 0x00f8, "o" },
	{ 0x00f9, 0x00fc, "u" }, { 0x00fd, 0x00fd, "y" },
	{ 0x00ff, 0x00ff, "y" },
	{ 0x0152, 0x0152, "OE" }, { 0x0153, 0x0153, "oe" },
	{ 0x2000, 0x200a, " " },
	{ 0x2010, 0x2012, "-" }, { 0x2013, 0x2015, ", " },
	{ 0x2018, 0x201b, "'" }, { 0x201c, 0x201f, "\"" },
	{ 0x2022, 0x2022, ", " }, { 0x2026, 0x2026, "..." },
	{ 0x2028, 0x2029, " " }, { 0x202f, 0x202f, " " },
	{ 0x2032, 0x2032, "'" }, { 0x2033, 0x2033, "\"" },
	{ 0x20ac, 0x20ac, " euro " }, { 0x00a3, 0x00a3, " pound " },
	{ 0x3000, 0x3000, " " },
};

/* One code point of UTF-8; a malformed byte counts as one, U+FFFD. */
static size_t
code_point(const unsigned char *p, uint32_t *cp)
{
	size_t	i, n;

	if (p[0] < 0x80) {
		*cp = p[0];
		return (1);
	}
	n = p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 ? 3 :
	    p[0] >= 0xc2 ? 2 : 0;
	*cp = 0xfffd;
	if (n == 0 || p[0] >= 0xf5)
		return (1);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (1);
	}
	*cp = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++)
		*cp = (*cp << 6) | (p[i] & 0x3fu);
	return (n);
}

static const char *
replacement(uint32_t cp)
{
	size_t	i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (cp >= ranges[i].from && cp <= ranges[i].to)
			return (ranges[i].ascii);
	}
	return ("");
}

char *
vg_spoken_ascii(const char *in)
{
	const unsigned char	*p = (const unsigned char *)in;
	const char		*r;
	char			*out;
	size_t			 n = 0;
	uint32_t		 cp;

	out = malloc(strlen(in) * ASCII_GROWTH + 1);
	if (out == NULL)
		return (NULL);
	while (*p != '\0') {
		p += code_point(p, &cp);
		if (cp > ' ' && cp < 0x7f) {
			out[n++] = (char)cp;
			continue;
		}
		r = cp == ' ' || (cp >= '\t' && cp <= '\r') ? " " :
		    replacement(cp);
		for (; *r != '\0'; r++) {
			/* One space, and none to begin with. */
			if (*r == ' ' && (n == 0 || out[n - 1] == ' '))
				continue;
			out[n++] = *r;
		}
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return (out);
}

static int
closes(char c)
{
	return (c == '"' || c == '\'' || c == ')' || c == ']');
}

size_t
vg_spoken_next(const char *text, size_t cap)
{
	size_t	i, end, clause = 0, word = 0;

	for (i = 0; i < cap; i++) {
		if (text[i] == '\0')
			return (i);
		end = i + 1;
		while (end < cap && closes(text[end]))
			end++;
		/* A mark counts only at the end of a word: "3.14", "U.S." */
		if (text[end] == ' ' || text[end] == '\0') {
			if (text[i] == '!' || text[i] == '?' ||
			    text[i] == '.')
				return (end);
			if (text[i] == ',' || text[i] == ';' ||
			    text[i] == ':')
				clause = end;
		}
		if (text[i] == ' ')
			word = i + 1;
	}
	/* Full: where a reader would breathe. */
	return (clause != 0 ? clause : word != 0 ? word : cap);
}

size_t
vg_spoken_chars(const char *utf8)
{
	size_t	n = 0;

	for (; *utf8 != '\0'; utf8++)
		n += ((unsigned char)*utf8 & 0xc0) != 0x80;
	return (n);
}
