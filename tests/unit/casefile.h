#ifndef VG_TESTS_CASEFILE_H
#define VG_TESTS_CASEFILE_H

/*
 * Test cases as data: tests/cases/<area>/<name>/case holds lines of
 * `key: value`; # begins a comment line; \xNN and \\ are escapes. To add a case
 * is to add a folder. Paths are from the repository's root, or from where
 * VG_TEST_CASES points.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_LINES_MAX	64
#define CASE_VALUE_SIZE	4096

struct casefile {
	char	name[256];
	size_t	count;
	struct {
		char	key[48];
		char	value[CASE_VALUE_SIZE];
		size_t	len;
	} line[CASE_LINES_MAX];
};

/* The Nth value of KEY, or NULL. */
static inline const char *
case_get(const struct casefile *c, const char *key, size_t n, size_t *len)
{
	size_t		i;

	for (i = 0; i < c->count; i++) {
		if (strcmp(c->line[i].key, key) != 0 || n-- > 0)
			continue;
		if (len != NULL)
			*len = c->line[i].len;
		return (c->line[i].value);
	}

	return (NULL);
}

static inline unsigned
case_hex(char c)
{
	const char	*p;

	p = strchr("0123456789abcdef", c);
	return (p != NULL ? (unsigned)(p - "0123456789abcdef") : 0);
}

static inline size_t
case_unescape(char *out, const char *text)
{
	size_t		n;

	for (n = 0; *text != '\0' && n < CASE_VALUE_SIZE - 1; n++) {
		if (text[0] == '\\' && text[1] == 'x' && text[2] != '\0' &&
		    text[3] != '\0') {
			out[n] = (char)(case_hex(text[2]) << 4 |
			    case_hex(text[3]));
			text += 4;
		} else {
			if (text[0] == '\\' && text[1] == '\\')
				text++;
			out[n] = *text++;
		}
	}
	out[n] = '\0';

	return (n);
}

static inline int
case_read(struct casefile *c, const char *dir, const char *name)
{
	char		path[1024], line[CASE_VALUE_SIZE], *p;
	size_t		n;
	FILE		*fp;

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	(void)snprintf(path, sizeof(path), "%s/%s/case", dir, name);
	c->count = 0;
	if ((fp = fopen(path, "r")) == NULL)
		return (-1);

	while (fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || (p = strchr(line, ':')) == NULL ||
		    c->count == CASE_LINES_MAX)
			continue;
		*p++ = '\0';
		if (*p == ' ')
			p++;
		n = c->count++;
		(void)snprintf(c->line[n].key, sizeof(c->line[n].key), "%.47s",
		    line);
		c->line[n].len = case_unescape(c->line[n].value, p);
	}

	(void)fclose(fp);
	return (0);
}

/* Calls FN for each case of AREA; returns how many there were. */
static inline size_t
case_each(const char *area, void (*fn)(const struct casefile *))
{
	struct casefile	*c;
	struct dirent	*de;
	const char	*base;
	char		dir[512];
	size_t		n;
	DIR		*d;

	base = getenv("VG_TEST_CASES");
	(void)snprintf(dir, sizeof(dir), "%s/%s",
	    base != NULL ? base : "tests/cases", area);

	n = 0;
	if ((d = opendir(dir)) == NULL || (c = malloc(sizeof(*c))) == NULL)
		return (0);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || case_read(c, dir, de->d_name) == -1)
			continue;
		fn(c);
		n++;
	}
	free(c);
	(void)closedir(d);

	return (n);
}

#endif
