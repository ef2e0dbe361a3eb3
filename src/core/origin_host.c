/*
 * Hosts of origins, in the one spelling that browsers send.
 *
 * A policy is matched byte by byte, so what the operator writes must be brought
 * to what a browser serialises (WHATWG URL, host serializing): names in lower
 * case and in their ASCII form, IPv6 compressed and without a dotted tail. What
 * a browser would read as something else than it looks like is refused: 127.1
 * and 0x7f.1 are IPv4 addresses to it, since their last label is a number.
 */

#include <stdio.h>
#include <string.h>

#include "core/cidr.h"
#include "core/origin_host.h"

#define PIECES	8	/* 16-bit pieces of an IPv6 address */

static int	v6_host(char *, const char *, size_t);
static bool	ends_in_number(const char *);

int
vg_origin_host(char out[VG_ORIGIN_HOST_SIZE], bool *is_ip, const char *text,
    size_t len, const char **why)
{
	struct in6_addr		addr;
	size_t			i, label;
	char			c;

	*is_ip = true;
	if (len > 0 && text[0] == '[') {
		*why = "has no valid IPv6 address in its brackets";
		return (v6_host(out, text, len));
	}

	*why = "has no host";
	if (len == 0)
		return (-1);
	*why = "has a host of more than 253 bytes";
	if (len > VG_ORIGIN_HOST_MAX)
		return (-1);

	label = 0;
	for (i = 0; i < len; i++) {
		c = text[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		out[i] = c;

		if (c == '.') {
			*why = "has an empty label in its host (two dots, or a "
			    "dot at the start)";
			if (i == label)
				return (-1);
			*why = "has a label that ends with a hyphen";
			if (text[i - 1] == '-')
				return (-1);
			label = i + 1;
			continue;
		}

		*why = "has a wildcard where none is allowed; only "
		    "scheme://*.domain is";
		if (c == '*')
			return (-1);
		*why = "is not ASCII; write an international name in its "
		    "punycode form, xn--...";
		if ((unsigned char)c >= 0x80)
			return (-1);
		*why = "has a host with a byte that is no letter, digit, "
		    "hyphen or dot";
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '_'))
			return (-1);
		*why = "has a label that begins with a hyphen";
		if (c == '-' && i == label)
			return (-1);
		*why = "has a label of more than 63 bytes";
		if (i - label >= VG_ORIGIN_LABEL_MAX)
			return (-1);
	}
	out[len] = '\0';

	*why = "has a host that ends with a dot; leave it out";
	if (label == len)
		return (-1);
	*why = "has a label that ends with a hyphen";
	if (out[len - 1] == '-')
		return (-1);

	*is_ip = vg_addr_parse(&addr, out, len) == 0;
	*why = "has a host that ends in a number and is no IPv4 address in "
	    "dotted form";
	return (!*is_ip && ends_in_number(out) ? -1 : 0);
}

bool
vg_origin_labels(const char *text, size_t len)
{
	size_t		i, label;

	if (len == 0 || len > VG_ORIGIN_HOST_MAX)
		return (false);

	label = 0;
	for (i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (i == label)
				return (false);
			label = i + 1;
		} else if (!((text[i] >= 'a' && text[i] <= 'z') ||
		    (text[i] >= '0' && text[i] <= '9') || text[i] == '-' ||
		    text[i] == '_') || i - label >= VG_ORIGIN_LABEL_MAX) {
			return (false);
		}
	}

	return (label < len);
}

/* WHATWG URL, "IPv6 serializer": the first longest run of zeros goes. */
static int
v6_host(char *out, const char *text, size_t len)
{
	struct in6_addr		addr;
	unsigned		piece[PIECES];
	size_t			i, n, run, start, best, best_len;

	if (len < 4 || text[len - 1] != ']' ||
	    memchr(text, ':', len) == NULL ||
	    vg_addr_parse(&addr, text + 1, len - 2) == -1)
		return (-1);

	best = PIECES;
	best_len = 1;
	run = 0;
	for (i = 0; i < PIECES; i++) {
		piece[i] = (unsigned)addr.s6_addr[2 * i] << 8 |
		    addr.s6_addr[2 * i + 1];
		run = piece[i] == 0 ? run + 1 : 0;
		start = i + 1 - run;
		if (run > best_len) {
			best = start;
			best_len = run;
		}
	}

	n = 0;
	out[n++] = '[';
	for (i = 0; i < PIECES; i++) {
		if (i == best) {
			n += (size_t)snprintf(out + n, VG_ORIGIN_HOST_SIZE - n,
			    i == 0 ? "::" : ":");
			i += best_len - 1;
			continue;
		}
		n += (size_t)snprintf(out + n, VG_ORIGIN_HOST_SIZE - n, "%x%s",
		    piece[i], i + 1 < PIECES ? ":" : "");
	}
	out[n++] = ']';
	out[n] = '\0';

	return (0);
}

/* WHATWG URL, "ends in a number checker", for a host without a final dot. */
static bool
ends_in_number(const char *host)
{
	const char	*last;

	last = strrchr(host, '.');
	last = last != NULL ? last + 1 : host;

	if (strspn(last, "0123456789") == strlen(last))
		return (true);
	return (last[0] == '0' && last[1] == 'x' &&
	    strspn(last + 2, "0123456789abcdef") == strlen(last + 2));
}
