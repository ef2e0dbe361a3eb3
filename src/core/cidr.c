/*
 * CIDR ranges, and the name a client counts by.
 *
 * What must not happen is that an IPv6 range such as ::/0 swallows IPv4 through
 * the v4-mapped form that addresses are kept in: to trust every IPv6 proxy says
 * nothing about IPv4, so a range remembers its family and matches only that.
 *
 * A range with bits set beyond its prefix (10.0.0.1/8) is refused and the
 * likely meaning shown: whether the address or the width is the mistake only
 * the operator knows, and a trust list is no place for a guess.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cidr.h"

#define V4_OFFSET	96	/* bits of ::ffff:0:0/96 */

enum cidr_fault {
	CIDR_OK = 0,
	CIDR_BAD_ADDRESS,
	CIDR_BAD_BITS,
	CIDR_HOST_BITS
};

static int	bits_parse(unsigned *, const char *, size_t);
static bool	prefix_equal(const struct in6_addr *, const struct in6_addr *,
		    unsigned);
static enum cidr_fault	cidr_read(struct vg_cidr *, const char *, size_t);
static int	list_item(struct vg_cidr_list *, const char *, size_t,
		    const char *, struct vg_errors *);

int
vg_cidr_parse(struct vg_cidr *cidr, const char *text, size_t len)
{
	return (cidr_read(cidr, text, len) == CIDR_OK ? 0 : -1);
}

bool
vg_cidr_match(const struct vg_cidr *cidr, const struct in6_addr *addr)
{
	if (cidr->v4 != vg_addr_is_v4(addr))
		return (false);

	return (prefix_equal(&cidr->net, addr,
	    cidr->bits + (cidr->v4 ? V4_OFFSET : 0)));
}

int
vg_cidr_format(char *buf, size_t size, const struct vg_cidr *cidr)
{
	char		addr[VG_ADDR_SIZE];
	int		n;

	if (vg_addr_format(addr, sizeof(addr), &cidr->net) == -1)
		return (-1);

	n = snprintf(buf, size, "%s/%u", addr, cidr->bits);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

int
vg_cidr_list_parse(struct vg_cidr_list *list, const char *text,
    const char *name, struct vg_errors *errs)
{
	static const char	separators[] = ", \t\r\n";
	size_t			n, count;
	const char		*p;
	int			ret;

	list->item = NULL;
	list->count = 0;

	count = 0;
	for (p = text; *(p += strspn(p, separators)) != '\0'; count++)
		p += strcspn(p, separators);
	if (count == 0)
		return (0);

	if (count > VG_CIDR_ENTRIES_MAX) {
		vg_errors_add(errs, name, NULL, 0, "has %zu ranges; "
		    "at most %d are allowed", count, VG_CIDR_ENTRIES_MAX);
		return (-1);
	}
	if ((list->item = calloc(count, sizeof(*list->item))) == NULL) {
		vg_errors_add(errs, name, NULL, 0, "out of memory");
		return (-1);
	}

	ret = 0;
	for (p = text; *(p += strspn(p, separators)) != '\0'; p += n) {
		n = strcspn(p, separators);
		if (list_item(list, p, n, name, errs) == -1)
			ret = -1;
	}

	if (ret == -1)
		vg_cidr_list_free(list);
	return (ret);
}

bool
vg_cidr_list_match(const struct vg_cidr_list *list, const struct in6_addr *addr)
{
	size_t		i;

	for (i = 0; i < list->count; i++) {
		if (vg_cidr_match(&list->item[i], addr))
			return (true);
	}

	return (false);
}

bool
vg_cidr_list_match_sockaddr(const struct vg_cidr_list *list,
    const struct sockaddr *sa)
{
	struct in6_addr		addr;

	return (vg_addr_from_sockaddr(&addr, sa) == 0 &&
	    vg_cidr_list_match(list, &addr));
}

void
vg_cidr_list_free(struct vg_cidr_list *list)
{
	free(list->item);
	list->item = NULL;
	list->count = 0;
}

int
vg_client_key(char *buf, size_t size, const struct in6_addr *addr,
    unsigned v6_bits)
{
	struct vg_cidr		cidr;

	if (vg_addr_is_v4(addr) || v6_bits >= 128)
		return (vg_addr_format(buf, size, addr));

	cidr.v4 = false;
	cidr.bits = v6_bits;
	cidr.net = *addr;
	vg_addr_mask(&cidr.net, v6_bits);

	return (vg_cidr_format(buf, size, &cidr));
}

static int
list_item(struct vg_cidr_list *list, const char *text, size_t len,
    const char *name, struct vg_errors *errs)
{
	struct vg_cidr		cidr;
	char			shown[VG_CIDR_SIZE];

	switch (cidr_read(&cidr, text, len)) {
	case CIDR_OK:
		list->item[list->count++] = cidr;
		return (0);
	case CIDR_BAD_ADDRESS:
		vg_errors_add(errs, name, text, len, "is not an IPv4 or IPv6 "
		    "address, or address/bits; host names are not allowed");
		break;
	case CIDR_BAD_BITS:
		vg_errors_add(errs, name, text, len, "has a bad prefix length; "
		    "0 to 32 is allowed for IPv4, 0 to 128 for IPv6");
		break;
	case CIDR_HOST_BITS:
		vg_addr_mask(&cidr.net, cidr.bits + (cidr.v4 ? V4_OFFSET : 0));
		if (vg_cidr_format(shown, sizeof(shown), &cidr) == -1)
			shown[0] = '\0';
		vg_errors_add(errs, name, text, len, "has bits set beyond its "
		    "prefix; %s may be meant", shown);
		break;
	}

	return (-1);
}

static enum cidr_fault
cidr_read(struct vg_cidr *cidr, const char *text, size_t len)
{
	const char		*slash;
	struct in6_addr		masked;
	unsigned		max, full;
	size_t			n;

	slash = memchr(text, '/', len);
	n = slash != NULL ? (size_t)(slash - text) : len;

	if (vg_addr_parse(&cidr->net, text, n) == -1)
		return (CIDR_BAD_ADDRESS);

	cidr->v4 = vg_addr_is_v4(&cidr->net);
	max = cidr->v4 ? 32 : 128;
	cidr->bits = max;
	if (slash != NULL) {
		if (bits_parse(&cidr->bits, slash + 1, len - n - 1) == -1)
			return (CIDR_BAD_BITS);
		/* ::ffff:10.0.0.0/104 is another spelling of 10.0.0.0/8. */
		if (cidr->v4 && memchr(text, ':', n) != NULL) {
			if (cidr->bits < V4_OFFSET)
				return (CIDR_BAD_BITS);
			cidr->bits -= V4_OFFSET;
		}
		if (cidr->bits > max)
			return (CIDR_BAD_BITS);
	}

	full = cidr->bits + (cidr->v4 ? V4_OFFSET : 0);
	masked = cidr->net;
	vg_addr_mask(&masked, full);
	if (!vg_addr_equal(&masked, &cidr->net))
		return (CIDR_HOST_BITS);

	return (CIDR_OK);
}

static int
bits_parse(unsigned *bits, const char *text, size_t len)
{
	size_t		i;

	if (len == 0 || len > 3 || (len > 1 && text[0] == '0'))
		return (-1);

	*bits = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return (-1);
		*bits = *bits * 10 + (unsigned)(text[i] - '0');
	}

	return (0);
}

static bool
prefix_equal(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned	bytes, rest;

	bytes = bits / 8;
	rest = bits % 8;
	if (memcmp(a->s6_addr, b->s6_addr, bytes) != 0)
		return (false);
	if (rest == 0)
		return (true);

	return (((a->s6_addr[bytes] ^ b->s6_addr[bytes]) &
	    (uint8_t)(0xff00U >> rest)) == 0);
}
