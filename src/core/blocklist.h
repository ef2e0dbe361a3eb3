#ifndef VG_CORE_BLOCKLIST_H
#define VG_CORE_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cidr.h"

#define VG_BLOCKS_MAX	65536	/* networks in one list */

/* One network that is not served until ENDS_US (0: without an end). */
struct vg_block {
	struct vg_cidr	net;
	int64_t		ends_us;	/* microseconds, the caller's clock */
};

struct vg_blocklist;

/* blocklist.c */

/*
 * N (0..VG_BLOCKS_MAX) networks, copied, in any order. NULL when memory is
 * short. Free with vg_blocklist_free().
 */
struct vg_blocklist *vg_blocklist_new(const struct vg_block *, size_t n);
void	vg_blocklist_free(struct vg_blocklist *);	/* NULL is allowed */
size_t	vg_blocklist_count(const struct vg_blocklist *);	/* NULL: 0 */
/*
 * Whether some network holds the address and has not ended at NOW_US. Costs a
 * binary search for each length of prefix that occurs (129 + 33 at most),
 * however long the list is. NULL: false.
 */
bool	vg_blocklist_match(const struct vg_blocklist *, const struct in6_addr *,
	    int64_t now_us);

#endif
