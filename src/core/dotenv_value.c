/*
 * The three spellings of a value in a .env file: bare, single-quoted and
 * double-quoted. What each may hold, and why so little, is told in dotenv.c.
 */

#include <string.h>

#include "core/dotenv_value.h"

static int	read_escape(struct vg_dotenv_reader *, char *);

void
vg_dotenv_fault(struct vg_dotenv_reader *r, unsigned line, const char *what)
{
	vg_errors_add(r->errs, ".env", NULL, 0, "line %u: %s", line, what);
	r->ret = -1;
}

int
vg_dotenv_peek(const struct vg_dotenv_reader *r)
{
	if (r->at == r->len)
		return (-1);
	if (r->text[r->at] == '\r' && r->at + 1 < r->len &&
	    r->text[r->at + 1] == '\n')
		return ('\n');

	return ((unsigned char)r->text[r->at]);
}

void
vg_dotenv_blanks(struct vg_dotenv_reader *r)
{
	while (r->at < r->len && (r->text[r->at] == ' ' ||
	    r->text[r->at] == '\t'))
		r->at++;
}

int
vg_dotenv_bare(struct vg_dotenv_reader *r, size_t *len)
{
	size_t		n;
	int		c;

	n = 0;
	while ((c = vg_dotenv_peek(r)) != -1 && c != '\n') {
		if (c == '#' && (r->at == 0 || r->text[r->at - 1] == ' ' ||
		    r->text[r->at - 1] == '\t'))
			break;
		if (c == '\'' || c == '"' || c == '\\' || c == '$' ||
		    c == '`') {
			vg_dotenv_fault(r, r->line, "a value with a quote, backslash, "
			    "dollar or backtick must stand in 'single quotes'");
			return (-1);
		}
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			vg_dotenv_fault(r, r->line, "control bytes are not allowed");
			return (-1);
		}
		r->value[n++] = (char)c;
		r->at++;
	}

	while (n > 0 && (r->value[n - 1] == ' ' || r->value[n - 1] == '\t'))
		n--;

	*len = n;
	return (0);
}

int
vg_dotenv_single(struct vg_dotenv_reader *r, size_t *len)
{
	unsigned	line;
	size_t		n;
	char		c;

	line = r->line;
	n = 0;
	for (r->at++; r->at < r->len; r->at++) {
		c = r->text[r->at];
		if (c == '\'') {
			r->at++;
			*len = n;
			return (0);
		}
		if (c == '\0') {
			vg_dotenv_fault(r, r->line, "a NUL byte is not allowed");
			return (-1);
		}
		if (c == '\r' && vg_dotenv_peek(r) == '\n')
			continue;
		if (c == '\n')
			r->line++;
		r->value[n++] = c;
	}

	vg_dotenv_fault(r, line, "the single quote opened here is not closed");
	return (-1);
}

int
vg_dotenv_double(struct vg_dotenv_reader *r, size_t *len)
{
	unsigned	line;
	size_t		n;
	char		c;

	line = r->line;
	n = 0;
	for (r->at++; r->at < r->len; r->at++) {
		c = r->text[r->at];
		if (c == '"') {
			r->at++;
			*len = n;
			return (0);
		}
		if (c == '\0') {
			vg_dotenv_fault(r, r->line, "a NUL byte is not allowed");
			return (-1);
		}
		if (c == '$' || c == '`') {
			vg_dotenv_fault(r, r->line, "nothing is expanded here; write \\$ "
			    "or use 'single quotes'");
			return (-1);
		}
		if (c == '\r' && vg_dotenv_peek(r) == '\n')
			continue;
		if (c == '\n')
			r->line++;
		if (c == '\\' && read_escape(r, &c) == -1)
			return (-1);
		r->value[n++] = c;
	}

	vg_dotenv_fault(r, line, "the double quote opened here is not closed");
	return (-1);
}

/* At the backslash; leaves the reader at the last byte of the escape. */
static int
read_escape(struct vg_dotenv_reader *r, char *out)
{
	static const char	from[] = "nrt\\\"$`";
	static const char	to[] = "\n\r\t\\\"$`";
	const char		*p;

	if (r->at + 1 == r->len || r->text[r->at + 1] == '\0' ||
	    (p = strchr(from, r->text[r->at + 1])) == NULL) {
		vg_dotenv_fault(r, r->line, "the only escapes are \\n \\r \\t \\\\ "
		    "\\\" \\$ and \\`");
		return (-1);
	}

	r->at++;
	*out = to[p - from];
	return (0);
}
