/*
 * Making foreign bytes harmless before a person or a program reads them.
 *
 * A log line is read by terminals, by grep and by log collectors, and each can
 * be attacked through it: a newline forges a second line, an escape sequence
 * repaints the terminal, a right-to-left override shows words that are not
 * there, an invalid byte makes a collector drop the record (CWE-117, CWE-150).
 * So nothing but printable, valid UTF-8 passes; everything else becomes a
 * visible escape that tells which byte it was.
 *
 * There is one walk over the text and three spellings of an escape: for a
 * quoted piece of a log line, for a bare one, and for JSON. Invalid UTF-8 cannot
 * be told in JSON (RFC 8259 8.1), there it is the replacement character.
 *
 * Nothing is allocated: a line must still be written when memory is short.
 */

#include <stdio.h>
#include <string.h>

#include "core/logesc.h"

#define ESCAPE_MAX	12	/* bytes of the longest escape, with the NUL */

enum style {
	STYLE_QUOTED,
	STYLE_BARE,
	STYLE_JSON
};

static bool	code_is_hidden(uint32_t);
static size_t	escape_one(char *, const char *, size_t, enum style, size_t *);
static size_t	escape_cut(char *, size_t, const char *, size_t, enum style);
static int	escape_all(char *, size_t, const char *, size_t, enum style);

size_t
vg_log_escape(char *buf, size_t size, const char *text, size_t len)
{
	return (escape_cut(buf, size, text, len, STYLE_QUOTED));
}

size_t
vg_log_clean(char *buf, size_t size, const char *text, size_t len)
{
	return (escape_cut(buf, size, text, len, STYLE_BARE));
}

int
vg_log_escape_all(char *buf, size_t size, const char *text, size_t len)
{
	return (escape_all(buf, size, text, len, STYLE_QUOTED));
}

int
vg_json_escape(char *buf, size_t size, const char *text, size_t len)
{
	return (escape_all(buf, size, text, len, STYLE_JSON));
}

size_t
vg_utf8_char(const char *text, size_t len, uint32_t *code)
{
	const unsigned char	*p;
	uint32_t		c, min;
	size_t			i, need;

	if (len == 0)
		return (0);

	p = (const unsigned char *)text;
	if (p[0] < 0x80) {
		*code = p[0];
		return (1);
	}

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		need = 2;
		min = 0x80;
		c = p[0] & 0x1fU;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		need = 3;
		min = 0x800;
		c = p[0] & 0x0fU;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		need = 4;
		min = 0x10000;
		c = p[0] & 0x07U;
	} else {
		return (0);
	}

	if (len < need)
		return (0);

	for (i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (0);
		c = (c << 6) | (p[i] & 0x3fU);
	}

	/* Overlong forms, surrogates and beyond Unicode: RFC 3629 3. */
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return (0);

	*code = c;
	return (need);
}

const char *
vg_log_level_name(enum vg_log_level level)
{
	switch (level) {
	case VG_LOG_DEBUG:
		return ("debug");
	case VG_LOG_INFO:
		return ("info");
	case VG_LOG_NOTICE:
		return ("notice");
	case VG_LOG_WARNING:
		return ("warning");
	case VG_LOG_ERROR:
		break;
	}

	return ("error");
}

/*
 * Characters beyond ASCII that change how a line is shown or split without
 * being seen themselves. All lie below U+10000, which \uNNNN relies on.
 */
static bool
code_is_hidden(uint32_t c)
{
	return ((c >= 0x80 && c <= 0x9f) ||	/* C1 controls */
	    c == 0xad ||			/* soft hyphen */
	    c == 0x61c ||			/* arabic letter mark */
	    (c >= 0x200b && c <= 0x200f) ||	/* zero width, marks */
	    (c >= 0x2028 && c <= 0x202e) ||	/* separators, overrides */
	    (c >= 0x2060 && c <= 0x206f) ||	/* isolates, deprecated */
	    c == 0xfeff ||			/* byte order mark */
	    (c >= 0xfff0 && c <= 0xfffb) ||	/* interlinear marks */
	    c == 0xfffe || c == 0xffff);
}

/*
 * Writes the spelling of the character at TEXT to OUT (ESCAPE_MAX bytes),
 * returns its length, and in *USED how many bytes of TEXT it stands for.
 */
static size_t
escape_one(char *out, const char *text, size_t len, enum style style,
    size_t *used)
{
	uint32_t	c;
	int		n;

	*used = vg_utf8_char(text, len, &c);
	if (*used == 0) {
		*used = 1;
		if (style == STYLE_JSON)
			n = snprintf(out, ESCAPE_MAX, "\\ufffd");
		else
			n = snprintf(out, ESCAPE_MAX, "\\x%02x",
			    (unsigned)(unsigned char)text[0]);
		return ((size_t)n);
	}

	if (c == '\n')
		n = snprintf(out, ESCAPE_MAX, "\\n");
	else if (c == '\r')
		n = snprintf(out, ESCAPE_MAX, "\\r");
	else if (c == '\t')
		n = snprintf(out, ESCAPE_MAX, "\\t");
	else if ((c == '"' || c == '\\') && style != STYLE_BARE)
		n = snprintf(out, ESCAPE_MAX, "\\%c", (char)c);
	else if (c < 0x20 || c == 0x7f || code_is_hidden(c)) {
		if (style == STYLE_JSON)
			n = snprintf(out, ESCAPE_MAX, "\\u%04x", c);
		else if (c < 0x80)
			n = snprintf(out, ESCAPE_MAX, "\\x%02x", c);
		else
			n = snprintf(out, ESCAPE_MAX, "\\u{%04x}", c);
	} else {
		memcpy(out, text, *used);
		n = (int)*used;
	}

	return ((size_t)n);
}

static size_t
escape_cut(char *buf, size_t size, const char *text, size_t len,
    enum style style)
{
	static const char	dots[] = "...";
	char			piece[ESCAPE_MAX];
	size_t			i, n, used, out, fallback;

	if (size == 0)
		return (0);

	/* FALLBACK: the last whole character after which the dots still fit. */
	out = 0;
	fallback = 0;
	for (i = 0; i < len; i += used) {
		n = escape_one(piece, text + i, len - i, style, &used);
		if (out + n >= size) {
			if (size >= sizeof(dots)) {
				out = fallback;
				memcpy(buf + out, dots, sizeof(dots) - 1);
				out += sizeof(dots) - 1;
			}
			break;
		}
		memcpy(buf + out, piece, n);
		out += n;
		if (out + sizeof(dots) <= size)
			fallback = out;
	}

	buf[out] = '\0';
	return (out);
}

static int
escape_all(char *buf, size_t size, const char *text, size_t len,
    enum style style)
{
	char		piece[ESCAPE_MAX];
	size_t		i, n, used, out;

	if (size == 0)
		return (-1);

	out = 0;
	for (i = 0; i < len; i += used) {
		/* Nearly all that comes stands for itself. */
		if (text[i] >= ' ' && text[i] <= '~' && text[i] != '"' &&
		    text[i] != '\\' && size - out > 1) {
			buf[out++] = text[i];
			used = 1;
			continue;
		}
		n = escape_one(piece, text + i, len - i, style, &used);
		if (n >= size - out) {
			buf[0] = '\0';
			return (-1);
		}
		memcpy(buf + out, piece, n);
		out += n;
	}

	buf[out] = '\0';
	return ((int)out);
}
