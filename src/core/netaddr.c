/*
 * Network addresses: literals and their text.
 *
 * One representation serves all: a struct in6_addr, IPv4 as v4-mapped. A
 * dual-stack socket reports IPv4 peers so anyway, and code that kept families
 * apart would have to ask everything twice, once of them wrongly.
 *
 * Literals are strict: inet_aton() would read 010.1 as 8.0.0.1, and a filter
 * and a log that read one text as two addresses are a way around the filter.
 */

#include <arpa/inet.h>

#include <string.h>

#include "core/cidr.h"
#include "core/decimal.h"

#define ADDRESS_BYTES	16	/* bytes of an IPv6 address */
#define V4_TEXT_MAX	16	/* bytes of "255.255.255.255", with the NUL */

static const uint8_t	v4_prefix[12] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};

static int	v4_parse(uint8_t out[4], const char *, size_t);

int
vg_addr_parse(struct in6_addr *addr, const char *text, size_t len)
{
	char		copy[VG_ADDR_SIZE];
	uint8_t		v4[4];

	if (v4_parse(v4, text, len) == 0) {
		memcpy(addr->s6_addr, v4_prefix, sizeof(v4_prefix));
		memcpy(addr->s6_addr + sizeof(v4_prefix), v4, sizeof(v4));
		return (0);
	}

	if (len >= sizeof(copy) || memchr(text, ':', len) == NULL ||
	    memchr(text, '\0', len) != NULL)
		return (-1);
	memcpy(copy, text, len);
	copy[len] = '\0';

	return (inet_pton(AF_INET6, copy, addr) == 1 ? 0 : -1);
}

int
vg_addr_from_sockaddr(struct in6_addr *addr, const struct sockaddr *sa)
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	/* Copied: the caller's pointer need not be aligned for the family. */
	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		memcpy(addr->s6_addr, v4_prefix, sizeof(v4_prefix));
		memcpy(addr->s6_addr + sizeof(v4_prefix), &sin.sin_addr, 4);
		return (0);
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		*addr = sin6.sin6_addr;
		return (0);
	}

	return (-1);
}

int
vg_addr_format(char *buf, size_t size, const struct in6_addr *addr)
{
	char		text[V4_TEXT_MAX + VG_DECIMAL_MAX];
	size_t		i, len = 0;

	/* glibc's text of IPv6 is the canonical one of RFC 5952. */
	if (!vg_addr_is_v4(addr))
		return (inet_ntop(AF_INET6, addr, buf, (socklen_t)size) != NULL ?
		    0 : -1);

	/* Every request has one of these: without inet_ntop(3)'s printf. */
	for (i = sizeof(v4_prefix); i < ADDRESS_BYTES; i++) {
		len += vg_decimal_unsigned(text + len, addr->s6_addr[i]);
		text[len++] = i + 1 < ADDRESS_BYTES ? '.' : '\0';
	}
	if (len > size)
		return (-1);
	memcpy(buf, text, len);

	return (0);
}

bool
vg_addr_is_v4(const struct in6_addr *addr)
{
	return (memcmp(addr->s6_addr, v4_prefix, sizeof(v4_prefix)) == 0);
}

bool
vg_addr_is_loopback(const struct in6_addr *addr)
{
	static const struct in6_addr	v6 = IN6ADDR_LOOPBACK_INIT;

	if (vg_addr_is_v4(addr))
		return (addr->s6_addr[sizeof(v4_prefix)] == 127);

	return (vg_addr_equal(addr, &v6));
}

bool
vg_addr_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return (memcmp(a, b, sizeof(*a)) == 0);
}

void
vg_addr_mask(struct in6_addr *addr, unsigned bits)
{
	unsigned	i, keep;

	for (i = 0; i < ADDRESS_BYTES; i++) {
		keep = bits > i * 8 ? bits - i * 8 : 0;
		if (keep < 8)
			addr->s6_addr[i] &= (uint8_t)(0xff00U >> keep);
	}
}

/* Four decimal numbers without leading zeros, nothing else. */
static int
v4_parse(uint8_t out[4], const char *text, size_t len)
{
	unsigned	value, ndigits;
	size_t		i, part;

	i = 0;
	for (part = 0; part < 4; part++) {
		if (part > 0 && (i == len || text[i++] != '.'))
			return (-1);
		value = 0;
		for (ndigits = 0; i < len && text[i] >= '0' && text[i] <= '9';
		    ndigits++, i++) {
			if (ndigits > 0 && value == 0)
				return (-1);
			value = value * 10 + (unsigned)(text[i] - '0');
			if (value > 255)
				return (-1);
		}
		if (ndigits == 0)
			return (-1);
		out[part] = (uint8_t)value;
	}

	return (i == len ? 0 : -1);
}
