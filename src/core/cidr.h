#ifndef VG_CORE_CIDR_H
#define VG_CORE_CIDR_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#include "core/errors.h"

#define VG_CIDR_ENTRIES_MAX	1024	/* ranges in one list */
#define VG_CIDR_SIZE		52	/* bytes of a formatted range + NUL */
#define VG_ADDR_SIZE		46	/* bytes of an address + NUL */
#define VG_CLIENT_SIZE		52	/* bytes of a client key + NUL */

/*
 * One range. IPv4 is kept v4-mapped (RFC 4291 2.5.5.2) with bits counted from
 * the IPv4 address' start, so 0..32; IPv6 0..128. A range matches addresses of
 * its own family alone: ::/0 says nothing about IPv4.
 */
struct vg_cidr {
	struct in6_addr	net;
	unsigned	bits;
	bool		v4;
};

struct vg_cidr_list {
	struct vg_cidr	*item;	/* owned by the list */
	size_t		count;
};

/* netaddr.c: addresses are in6_addr throughout, IPv4 as v4-mapped. */

/* An address literal, no zone, no port, IPv4 as strict dotted quad. 0 / -1. */
int	vg_addr_parse(struct in6_addr *, const char *text, size_t len);
/* 0, or -1 for a family that is neither AF_INET nor AF_INET6. */
int	vg_addr_from_sockaddr(struct in6_addr *, const struct sockaddr *);
/* RFC 5952 text, IPv4 as dotted quad; 0, or -1 when SIZE is too small. */
int	vg_addr_format(char *buf, size_t size, const struct in6_addr *);
bool	vg_addr_is_v4(const struct in6_addr *);
bool	vg_addr_is_loopback(const struct in6_addr *);
bool	vg_addr_equal(const struct in6_addr *, const struct in6_addr *);

/* Clears everything after the first BITS (0..128, counted in IPv6's). */
void	vg_addr_mask(struct in6_addr *, unsigned bits);

/* cidr.c */

/* `address` or `address/bits`; bits beyond the prefix must be 0. 0 / -1. */
int	vg_cidr_parse(struct vg_cidr *, const char *text, size_t len);
bool	vg_cidr_match(const struct vg_cidr *, const struct in6_addr *);
int	vg_cidr_format(char *buf, size_t size, const struct vg_cidr *);

/*
 * Comma- (or blank-) separated ranges; an empty text is an empty list. Returns
 * -1 and leaves the list empty after adding every error under NAME.
 */
int	vg_cidr_list_parse(struct vg_cidr_list *, const char *text,
	    const char *name, struct vg_errors *);
bool	vg_cidr_list_match(const struct vg_cidr_list *,
	    const struct in6_addr *);
bool	vg_cidr_list_match_sockaddr(const struct vg_cidr_list *,
	    const struct sockaddr *);
void	vg_cidr_list_free(struct vg_cidr_list *);

/*
 * Who a client is to the limiter: an IPv4 address whole, an IPv6 address cut
 * to V6_BITS and shown with them (2001:db8:0:1::/64; 128 bits: the address
 * alone). 0, or -1 when SIZE (VG_CLIENT_SIZE suffices) is too small.
 */
int	vg_client_key(char *buf, size_t size, const struct in6_addr *,
	    unsigned v6_bits);

#endif
