#ifndef VG_CORE_FORWARDED_ELEMENT_H
#define VG_CORE_FORWARDED_ELEMENT_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#include "core/forwarded.h"

#define VG_NODE_MAX	64	/* bytes of a node: [address]:port and spare */

/* What one element says; private to forwarded.c and its test. */
struct vg_hop {
	struct in6_addr	addr;	/* for whom, where known */
	bool		known;	/* false: unknown, obfuscated or not told */
	enum vg_proto	proto;
};

/* forwarded_element.c: one element without blanks around it. 0 / -1. */
int	vg_hop_forwarded(struct vg_hop *, const char *text, size_t len);
int	vg_hop_xff(struct vg_hop *, const char *text, size_t len);
/* `http` or `https` in any case, else VG_PROTO_UNKNOWN. */
enum vg_proto	vg_proto_parse(const char *text, size_t len);

#endif
