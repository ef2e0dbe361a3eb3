/*
 * Field lines, each after a letter that tells its name: F, X or P. The promise
 * that is checked: whatever the lines to the left say, a plain element that the
 * trusted peer appended names the client.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/forwarded.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define LINES_MAX	8

static struct vg_cidr_list	trusted;

static void
client_is(const struct vg_forwarded_fields *f, const char *want)
{
	struct vg_client	c;
	struct in6_addr		peer, addr;

	if (vg_addr_parse(&peer, "10.0.0.1", 8) == -1 ||
	    vg_addr_parse(&addr, want, strlen(want)) == -1)
		abort();
	vg_client_resolve(&c, &trusted, &peer, f);
	if (!vg_addr_equal(&c.addr, &addr) || c.conflict || c.malformed)
		abort();
}

/* TEXT, a comma, and MORE, as a proxy appends within one line. */
static char *
append(const struct vg_field *field, const char *more, struct vg_field *out)
{
	char		*text;

	if ((text = malloc(field->len + strlen(more) + 2)) == NULL)
		abort();
	memcpy(text, field->text, field->len);
	text[field->len] = ',';
	memcpy(text + field->len + 1, more, strlen(more));
	out->text = text;
	out->len = field->len + strlen(more) + 1;

	return (text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_field			field[3][LINES_MAX], one;
	struct vg_forwarded_fields	f, g;
	struct vg_client		c;
	struct in6_addr			peer;
	size_t				n[3] = { 0, 0, 0 };
	const char			*p, *nl;
	char				*copy, *text;
	size_t				left, len;
	int				kind;

	if (trusted.item == NULL && vg_cidr_list_parse(&trusted,
	    "10.0.0.0/8,2001:db8::/32", "T", NULL) == -1)
		abort();
	if ((copy = malloc(size > 0 ? size : 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);

	for (p = copy, left = size; left > 0;) {
		nl = memchr(p, '\n', left);
		len = nl != NULL ? (size_t)(nl - p) : left;
		kind = len == 0 ? -1 : p[0] == 'F' ? 0 : p[0] == 'X' ? 1 :
		    p[0] == 'P' ? 2 : -1;
		if (kind >= 0 && n[kind] < LINES_MAX) {
			field[kind][n[kind]].text = p + 1;
			field[kind][n[kind]++].len = len - 1;
		}
		if (nl != NULL)
			len++;
		p += len;
		left -= len;
	}

	memset(&f, 0, sizeof(f));
	f.forwarded = field[0];
	f.nforwarded = n[0];
	f.xff = field[1];
	f.nxff = n[1];
	f.xfp = field[2];
	f.nxfp = n[2];
	if (vg_addr_parse(&peer, "10.0.0.1", 8) == -1)
		abort();
	vg_client_resolve(&c, &trusted, &peer, &f);
	if (c.conflict && !vg_addr_equal(&c.addr, &peer))
		abort();

	if (n[0] > 0) {
		memset(&g, 0, sizeof(g));
		text = append(&field[0][n[0] - 1], " for=203.0.113.7", &one);
		g.forwarded = &one;
		g.nforwarded = 1;
		client_is(&g, "203.0.113.7");
		free(text);
		text = append(&field[0][0], "for=\"[2001:db9::7]:1\";proto=http",
		    &one);
		client_is(&g, "2001:db9::7");
		free(text);
	}
	if (n[1] > 0) {
		memset(&g, 0, sizeof(g));
		text = append(&field[1][n[1] - 1], " 203.0.113.7", &one);
		g.xff = &one;
		g.nxff = 1;
		client_is(&g, "203.0.113.7");
		free(text);
	}

	free(copy);
	return (0);
}
