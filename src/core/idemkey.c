/*
 * The value of an Idempotency-Key field: see idemkey.h. Parameters behind the
 * string are not taken: none is defined, and a key that means less than was
 * sent would be worse than a refusal.
 */

#include <string.h>

#include "core/idemkey.h"

static const char *
quoted(char *out, size_t *n, size_t size, const char *p)
{
	for (p++; *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		else if (*p == '\\' || *p < 0x20 || *p > 0x7e)
			return (NULL);
		if (*n + 1 >= size)
			return (NULL);
		out[(*n)++] = *p;
	}

	return (p + 1);
}

static const char *
bare(char *out, size_t *n, size_t size, const char *p)
{
	for (; *p > 0x20 && *p < 0x7f; p++) {
		if (strchr("\",;\\", *p) != NULL || *n + 1 >= size)
			return (NULL);
		out[(*n)++] = *p;
	}

	return (p);
}

int
vg_idempotency_key(char *out, size_t size, const char *field)
{
	const char	*p = field;
	size_t		n = 0;

	if (size == 0)
		return (-1);
	out[0] = '\0';
	while (*p == ' ' || *p == '\t')
		p++;
	p = *p == '"' ? quoted(out, &n, size, p) : bare(out, &n, size, p);
	if (p != NULL)
		p += strspn(p, " \t");
	if (p == NULL || *p != '\0' || n == 0) {
		out[0] = '\0';
		return (-1);
	}
	out[n] = '\0';

	return (0);
}
