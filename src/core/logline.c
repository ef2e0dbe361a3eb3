/*
 * One log line, as text for people or as JSON for collectors.
 *
 * Both forms carry the same fields in the same order, so that a rule written
 * for one can be rewritten for the other. The line is built in the caller's
 * buffer: no allocation, one write(2) of the whole line, and what does not fit
 * is left out field by field, never cut inside one. A cut JSON line would be
 * no JSON at all, and a collector would drop it: the record of an attack is
 * lost by making it long. Room for the end of the line is therefore kept back
 * from the start, and a line that lost a field says so.
 */

#include <stdio.h>
#include <string.h>

#include "core/decimal.h"
#include "core/logesc.h"
#include "core/timestamp.h"

/* Bytes kept back: `,"truncated":true}` or ` truncated=true`, newline, NUL. */
#define TAIL_RESERVE	24

static size_t	line_room(const struct vg_logline *);
static int	line_put(struct vg_logline *, const char *, size_t);
static int	line_key(struct vg_logline *, const char *);
static void	line_bare(struct vg_logline *, const char *, const char *);
static bool	value_is_plain(const char *, size_t);

void
vg_logline_begin(struct vg_logline *line, char *buf, size_t size,
    enum vg_log_format format, enum vg_log_level level, int64_t now_us,
    const char *msg)
{
	char		when[VG_RFC3339_SIZE];
	const char	*name;
	int		n;

	line->buf = buf;
	line->size = size;
	line->len = 0;
	line->format = format;
	line->truncated = false;

	name = vg_log_level_name(level);
	if (vg_rfc3339_format(when, sizeof(when), now_us, 3) == -1)
		(void)snprintf(when, sizeof(when), "-");

	if (format == VG_LOG_TEXT) {
		(void)line_put(line, when, strlen(when));
		(void)line_put(line, " ", 1);
		(void)line_put(line, name, strlen(name));
		(void)line_put(line, " ", 1);
		line->len += vg_log_clean(buf + line->len, line_room(line) + 1,
		    msg, strlen(msg));
		return;
	}

	n = snprintf(buf, size, "{\"time\":\"%s\",\"level\":\"%s\"", when, name);
	line->len = (size_t)n;
	vg_logline_str(line, "msg", msg);
}

void
vg_logline_str(struct vg_logline *line, const char *key, const char *value)
{
	if (value == NULL) {
		line_bare(line, key,
		    line->format == VG_LOG_JSON ? "null" : "-");
		return;
	}

	vg_logline_mem(line, key, value, strlen(value));
}

void
vg_logline_mem(struct vg_logline *line, const char *key, const char *value,
    size_t len)
{
	size_t		start;
	bool		plain, quote;
	int		n;

	start = line->len;
	plain = value_is_plain(value, len);
	quote = line->format == VG_LOG_JSON || !plain;

	if (line_key(line, key) == -1)
		goto cut;
	if (quote && line_put(line, "\"", 1) == -1)
		goto cut;

	if (plain) {
		if (line_put(line, value, len) == -1)
			goto cut;
		n = 0;
	} else if (line->format == VG_LOG_JSON) {
		n = vg_json_escape(line->buf + line->len, line_room(line) + 1,
		    value, len);
	} else {
		n = vg_log_escape_all(line->buf + line->len,
		    line_room(line) + 1, value, len);
	}
	if (n == -1)
		goto cut;
	line->len += (size_t)n;

	if (quote && line_put(line, "\"", 1) == -1)
		goto cut;
	return;

cut:
	line->len = start;
	line->truncated = true;
}

void
vg_logline_int(struct vg_logline *line, const char *key, int64_t value)
{
	char		text[VG_DECIMAL_MAX + 1];

	text[vg_decimal(text, value)] = '\0';
	line_bare(line, key, text);
}

void
vg_logline_bool(struct vg_logline *line, const char *key, bool value)
{
	line_bare(line, key, value ? "true" : "false");
}

const char *
vg_logline_end(struct vg_logline *line, size_t *len)
{
	const char	*tail;
	size_t		n;

	if (line->format == VG_LOG_JSON)
		tail = line->truncated ? ",\"truncated\":true}\n" : "}\n";
	else
		tail = line->truncated ? " truncated=true\n" : "\n";

	/* line_room() has always kept TAIL_RESERVE back for this. */
	n = strlen(tail);
	memcpy(line->buf + line->len, tail, n + 1);
	line->len += n;

	if (len != NULL)
		*len = line->len;
	return (line->buf);
}

static size_t
line_room(const struct vg_logline *line)
{
	if (line->len + TAIL_RESERVE >= line->size)
		return (0);

	return (line->size - line->len - TAIL_RESERVE);
}

static int
line_put(struct vg_logline *line, const char *text, size_t len)
{
	if (len > line_room(line))
		return (-1);

	memcpy(line->buf + line->len, text, len);
	line->len += len;
	return (0);
}

static int
line_key(struct vg_logline *line, const char *key)
{
	const char	*before, *after;

	before = line->format == VG_LOG_JSON ? ",\"" : " ";
	after = line->format == VG_LOG_JSON ? "\":" : "=";

	if (line_put(line, before, strlen(before)) == -1 ||
	    line_put(line, key, strlen(key)) == -1 ||
	    line_put(line, after, strlen(after)) == -1)
		return (-1);

	return (0);
}

/* A value of our own that needs neither quotes nor escapes. */
static void
line_bare(struct vg_logline *line, const char *key, const char *value)
{
	size_t		start;

	start = line->len;
	if (line_key(line, key) == -1 ||
	    line_put(line, value, strlen(value)) == -1) {
		line->len = start;
		line->truncated = true;
	}
}

/*
 * What needs neither quotes nor escapes, in text and in JSON: letters, digits,
 * and of the rest % ( ) * + , - . / : ; @ [ ] _ ~. A bit for each, as every
 * byte of every line is asked.
 */
static bool
char_is_plain(char c)
{
	static const uint64_t	plain[4] = {
		UINT64_C(0x0fffff2000000000), UINT64_C(0x47fffffeafffffff), 0, 0
	};
	unsigned char		u = (unsigned char)c;

	return ((plain[u >> 6] >> (u & 63) & 1) != 0);
}

static bool
value_is_plain(const char *value, size_t len)
{
	size_t		i;

	if (len == 0)
		return (false);

	for (i = 0; i < len; i++) {
		if (!char_is_plain(value[i]))
			return (false);
	}

	return (true);
}
