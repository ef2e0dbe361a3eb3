#ifndef VG_CORE_LOCALWINDOW_H
#define VG_CORE_LOCALWINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/siphash.h"
#include "core/window.h"

#define VG_LOCAL_ENTRIES_MIN	64		/* entries, rounded up to 2^n */
#define VG_LOCAL_ENTRIES_MAX	(1 << 20)

struct vg_local;

/* What of a client is counted: any bytes, and the class of the limit. */
struct vg_local_who {
	const char	*client;
	size_t		len;
	uint32_t	class;
};

/* localwindow.c */

/*
 * A table of ENTRIES (about 400 bytes each, all allocated here, never more).
 * KEY is random and secret: with it nobody can choose clients that collide.
 * NULL when memory is short. A full set of the table evicts the entry that is
 * the soonest to expire.
 */
struct vg_local	*vg_local_new(size_t entries,
		    const uint8_t key[VG_SIPHASH_KEY_SIZE]);
void	vg_local_free(struct vg_local *);
void	vg_local_clear(struct vg_local *);

/*
 * Counts one request of COST against every limit (already divided, see
 * vg_limits_divide); all of them take it or none. OUT gets one answer a limit
 * (limits->count of them, VG_LIMITS_MAX suffices). Returns whether admitted.
 */
bool	vg_local_check(struct vg_local *, const struct vg_local_who *,
	    const struct vg_limits *, enum vg_strategy, int64_t cost,
	    int64_t now_us, struct vg_quota *out);

/*
 * The memory of refusals, in the same kind of table (keep a separate one, so
 * that neither evicts the other's). vg_local_denied() returns true and fills OUT
 * while a refusal noted earlier still holds at NOW. It was made up to LATE
 * microseconds before NOW: as much earlier it is forgotten, for who waited as
 * told is not to be refused by what is not sure.
 */
void	vg_local_deny(struct vg_local *, const struct vg_local_who *,
	    const struct vg_quota *refusal, int64_t now_us, int64_t late_us);
bool	vg_local_denied(struct vg_local *, const struct vg_local_who *,
	    int64_t now_us, struct vg_quota *out);
/* Forgets the refusal of one client and class (its limit was changed). */
void	vg_local_forget(struct vg_local *, const struct vg_local_who *);

/* Entries in use at NOW; walks the whole table. */
size_t	vg_local_count(const struct vg_local *, int64_t now_us);

#endif
