/*
 * The loader of tests/cases. It is as strict as the parsers that it feeds: a
 * misspelt escape or an unreadable file fails the test and is never skipped,
 * as a case that silently tests something else is worse than none.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

struct buffer {
	uint8_t	*p;
	size_t	len;
	size_t	size;
};

static int
put(struct buffer *b, const uint8_t *data, size_t len)
{
	uint8_t	*p;
	size_t	size;

	if (len > CASE_INPUT_MAX - b->len)
		return (-1);
	if (b->len + len > b->size) {
		size = (b->len + len) * 2;
		p = realloc(b->p, size);
		if (p == NULL)
			return (-1);
		b->p = p;
		b->size = size;
	}
	memcpy(b->p + b->len, data, len);
	b->len += len;

	return (0);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);

	return (-1);
}

static int	decode(struct buffer *, const char *, size_t, bool);

/* \{N:TEXT} with s past the brace: how many bytes it took, or 0. */
static size_t
repeat(struct buffer *b, const char *s, size_t len)
{
	struct buffer	piece = { NULL, 0, 0 };
	const char	*end = memchr(s, '}', len);
	char		*colon;
	unsigned long	n;
	size_t		used = 0;

	if (end == NULL)
		return (0);
	n = strtoul(s, &colon, 10);
	if (colon == s || colon >= end || *colon != ':' || n > CASE_INPUT_MAX)
		return (0);
	if (decode(&piece, colon + 1, (size_t)(end - colon) - 1, false) == -1)
		goto out;
	for (; n > 0; n--) {
		if (put(b, piece.p, piece.len) == -1)
			goto out;
	}
	used = (size_t)(end - s) + 1;
out:
	free(piece.p);

	return (used);
}

static int
decode(struct buffer *b, const char *s, size_t len, bool top)
{
	size_t	i, used;
	uint8_t	c;
	int	high, low;

	for (i = 0; i < len; i++) {
		c = (uint8_t)s[i];
		if (c == '\n')
			continue;
		if (c < 0x20 || c > 0x7e)
			return (-1);
		if (c == '\\') {
			if (++i == len)
				return (-1);
			switch (s[i]) {
			case 'r':
				c = '\r';
				break;
			case 'n':
				c = '\n';
				break;
			case 't':
				c = '\t';
				break;
			case '\\':
				break;
			case 'x':
				if (len - i < 3)
					return (-1);
				high = hex(s[i + 1]);
				low = hex(s[i + 2]);
				if (high == -1 || low == -1)
					return (-1);
				c = (uint8_t)(high * 16 + low);
				i += 2;
				break;
			case '{':
				if (!top)
					return (-1);
				used = repeat(b, s + i + 1, len - i - 1);
				if (used == 0)
					return (-1);
				i += used;
				continue;
			default:
				return (-1);
			}
		}
		if (put(b, &c, 1) == -1)
			return (-1);
	}

	return (0);
}

int
case_decode(const char *text, size_t len, uint8_t **out, size_t *outlen)
{
	struct buffer	b = { NULL, 0, 0 };

	if (decode(&b, text, len, true) == -1) {
		free(b.p);
		return (-1);
	}

	/* Exactly as large as it is, so that ASan sees the first byte past. */
	*out = malloc(b.len > 0 ? b.len : 1);
	if (*out != NULL && b.len > 0)
		memcpy(*out, b.p, b.len);
	*outlen = b.len;
	free(b.p);

	return (*out != NULL ? 0 : -1);
}

char *
case_read_file(const char *path, size_t *len)
{
	FILE	*f;
	char	*text = NULL;
	long	size;

	f = fopen(path, "rb");
	if (f == NULL)
		return (NULL);
	if (fseek(f, 0, SEEK_END) == -1 || (size = ftell(f)) < 0 ||
	    fseek(f, 0, SEEK_SET) == -1)
		goto out;
	text = malloc((size_t)size + 1);
	if (text == NULL)
		goto out;
	if (fread(text, 1, (size_t)size, f) != (size_t)size) {
		free(text);
		text = NULL;
		goto out;
	}
	text[size] = '\0';
	*len = (size_t)size;
out:
	(void)fclose(f);

	return (text);
}

static int
parse_expect(struct test_case *tc)
{
	char	*line, *next, *colon;

	for (line = tc->text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		colon = strchr(line, ':');
		if (colon == NULL || tc->nlines == CASE_LINES_MAX)
			return (-1);
		*colon++ = '\0';
		while (*colon == ' ')
			colon++;
		tc->lines[tc->nlines].key = line;
		tc->lines[tc->nlines++].value = colon;
	}

	return (tc->nlines > 0 ? 0 : -1);
}

static int
load(struct test_case *tc, const char *dir, const char *name)
{
	char	path[1024], *text = NULL;
	size_t	len;
	int	rc = -1;

	memset(tc, 0, sizeof(*tc));
	if (strlen(name) >= sizeof(tc->name) ||
	    (size_t)snprintf(tc->dir, sizeof(tc->dir), "%s/%s", dir, name) >=
	    sizeof(tc->dir))
		goto out;
	memcpy(tc->name, name, strlen(name) + 1);

	(void)snprintf(path, sizeof(path), "%s/expect", tc->dir);
	tc->text = case_read_file(path, &len);
	if (tc->text == NULL || parse_expect(tc) == -1)
		goto out;

	(void)snprintf(path, sizeof(path), "%s/input", tc->dir);
	text = case_read_file(path, &len);
	if (text == NULL ||
	    case_decode(text, len, &tc->input, &tc->input_len) == -1)
		goto out;
	rc = 0;
out:
	free(text);

	return (rc);
}

static int
visible(const struct dirent *e)
{
	return (e->d_name[0] != '.' && strcmp(e->d_name, "README.md") != 0);
}

int
cases_each(const char *area, int (*fn)(const struct test_case *, void *),
    void *arg, size_t *count)
{
	struct test_case	tc;
	struct dirent		**names;
	const char		*base = getenv("CASES_DIR");
	char			dir[256];
	int			i, n, failed = 0;

	*count = 0;
	(void)snprintf(dir, sizeof(dir), "%s/%s",
	    base != NULL ? base : "tests/cases", area);
	n = scandir(dir, &names, visible, alphasort);
	if (n == -1) {
		fprintf(stderr, "%s: cannot be read\n", dir);
		return (1);
	}

	for (i = 0; i < n; i++) {
		(*count)++;
		if (load(&tc, dir, names[i]->d_name) == -1) {
			fprintf(stderr, "%s/%s: cannot be loaded\n", dir,
			    names[i]->d_name);
			failed++;
		} else if (fn(&tc, arg) != 0) {
			failed++;
		}
		free(tc.input);
		free(tc.text);
		free(names[i]);
	}
	free(names);

	return (failed);
}

const char *
case_get_nth(const struct test_case *tc, const char *key, size_t n)
{
	size_t	i;

	for (i = 0; i < tc->nlines; i++) {
		if (strcmp(tc->lines[i].key, key) == 0 && n-- == 0)
			return (tc->lines[i].value);
	}

	return (NULL);
}

const char *
case_get(const struct test_case *tc, const char *key)
{
	return (case_get_nth(tc, key, 0));
}

bool
case_allows(const char *value, const char *word)
{
	size_t	n = strlen(word);

	while (value != NULL) {
		if (strncmp(value, word, n) == 0 &&
		    (value[n] == '|' || value[n] == '\0'))
			return (true);
		value = strchr(value, '|');
		if (value != NULL)
			value++;
	}

	return (false);
}
