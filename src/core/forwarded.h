#ifndef VG_CORE_FORWARDED_H
#define VG_CORE_FORWARDED_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#include "core/cidr.h"

#define VG_FORWARDED_HOPS_MAX	32	/* elements looked at, from the right */

/* One field line's value, borrowed, not NUL-terminated. */
struct vg_field {
	const char	*text;
	size_t		len;
};

/*
 * The field lines of each name in the order of arrival (RFC 9110 5.3: the
 * later line is the further right). Zero lines: the field was not sent.
 */
struct vg_forwarded_fields {
	const struct vg_field	*forwarded;	/* Forwarded, RFC 7239 */
	size_t			nforwarded;
	const struct vg_field	*xff;		/* X-Forwarded-For */
	size_t			nxff;
	const struct vg_field	*xfp;		/* X-Forwarded-Proto */
	size_t			nxfp;
};

enum vg_proto {
	VG_PROTO_UNKNOWN = 0,	/* nothing believable said: use the socket's */
	VG_PROTO_HTTP,
	VG_PROTO_HTTPS
};

struct vg_client {
	struct in6_addr	addr;		/* IPv4 as v4-mapped */
	enum vg_proto	proto;		/* as the client spoke to the proxy */
	bool		proxied;	/* addr comes from a field */
	bool		malformed;	/* the walk met a bad element */
	bool		conflict;	/* both fields, not one client: addr is
					   the peer's; a careful caller
					   refuses with 400 */
};

/* forwarded.c: never allocates, reads each byte a bounded number of times. */

/*
 * Who is at the other end. PEER is the socket's address. Unless TRUSTED holds
 * it, every field is ignored. Otherwise the elements are read from the right:
 * as long as the address at hand is a trusted proxy's, the next element to the
 * left says for whom it forwarded. The first address that is not trusted is
 * the client; when an element is malformed, `unknown` or obfuscated, or there
 * are no more, the last trusted hop is.
 *
 * Both Forwarded and X-Forwarded-For: a proxy writes one of them and passes
 * the other through from whoever sent it, and which one cannot be known. So
 * both are walked, and unless they name the same client, neither is believed
 * (`conflict`).
 */
void	vg_client_resolve(struct vg_client *, const struct vg_cidr_list *trusted,
	    const struct in6_addr *peer, const struct vg_forwarded_fields *);

#endif
