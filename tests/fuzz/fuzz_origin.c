/*
 * The first line is a policy, the rest an Origin, a Host and a Sec-Fetch-Site, a
 * line each. Beyond not crashing: a normalised policy parses to itself, and
 * what is let in is one serialised origin.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/origin.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define LINES	4

static int
suffix(void *ctx, const char *host)
{
	(void)ctx;
	return (!strcmp(host, "co.uk") ? VG_SUFFIX_ICANN : VG_SUFFIX_NONE);
}

/* Copies of exact size, so that a read past the end is seen. */
static size_t
split(char *line[LINES], size_t len[LINES], const uint8_t *data, size_t size)
{
	const uint8_t	*nl;
	size_t		i, n;

	for (i = 0; i < LINES; i++) {
		nl = size > 0 ? memchr(data, '\n', size) : NULL;
		n = nl != NULL && i + 1 < LINES ? (size_t)(nl - data) : size;
		line[i] = malloc(n + 1);
		if (line[i] == NULL)
			abort();
		if (n > 0)
			memcpy(line[i], data, n);
		line[i][n] = '\0';
		if (i > 0) {
			/* Only the policy is a string. */
			line[i] = realloc(line[i], n > 0 ? n : 1);
			if (line[i] == NULL)
				abort();
		}
		len[i] = n;
		if (nl != NULL && i + 1 < LINES)
			n++;
		data += n;
		size -= n;
	}

	return (LINES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vg_errors	errs;
	static char		one[1 << 17], two[1 << 17];
	struct vg_origin_policy	*p, *q;
	enum vg_fetch_site	site;
	char			*line[LINES];
	size_t			len[LINES], i;

	(void)split(line, len, data, size);

	vg_errors_init(&errs);
	p = vg_origin_policy_parse(line[0], suffix, NULL, &errs);
	if ((p == NULL) != (errs.nerrors > 0))
		abort();
	if (p != NULL) {
		if (vg_origin_policy_format(p, one, sizeof(one)) == -1)
			abort();
		q = vg_origin_policy_parse(one, suffix, NULL, &errs);
		if (q == NULL || vg_origin_policy_format(q, two,
		    sizeof(two)) == -1 || strcmp(one, two) != 0)
			abort();
		vg_origin_policy_free(q);

		if (vg_origin_policy_match(p, line[1], len[1]) !=
		    VG_ORIGIN_DENY) {
			if (!vg_origin_is_serialised(line[1], len[1]) ||
			    memchr(line[1], '\0', len[1]) != NULL ||
			    memchr(line[1], ',', len[1]) != NULL ||
			    memchr(line[1], ' ', len[1]) != NULL ||
			    memchr(line[1], '@', len[1]) != NULL)
				abort();
		}
		site = vg_fetch_site_parse(line[3], len[3]);
		(void)vg_origin_decide(p, line[1], len[1], "https", line[2],
		    len[2], site);
	}
	(void)vg_origin_same(line[1], len[1], "http", line[2], len[2]);
	vg_origin_policy_free(p);

	for (i = 0; i < LINES; i++)
		free(line[i]);
	return (0);
}
