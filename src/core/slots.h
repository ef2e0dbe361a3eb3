#ifndef VG_CORE_SLOTS_H
#define VG_CORE_SLOTS_H

/*
 * Places of which there are only so many, over all processes that share the
 * memory: in all, for one client, and by the bytes that go with them.
 *
 * Exact: the limits hold at every moment. Two that arrive at the same moment
 * at the last place may both be refused, never both be let in. No lock: a
 * process may be killed at any instruction. What it held is freed by its
 * successor, which has its number (vg_slots_successor()).
 */

#include <stddef.h>
#include <stdint.h>

#define VG_SLOTS_MAX	65536	/* places there can be */

struct vg_slots;

struct vg_slots_limits {
	uint32_t	all;		/* 1..VG_SLOTS_MAX */
	uint32_t	client;		/* 0: no limit */
	uint64_t	bytes;		/* 0: no limit */
};

enum vg_slots_verdict {
	VG_SLOTS_TAKEN = 0,
	VG_SLOTS_FULL,		/* no place is left */
	VG_SLOTS_CLIENT,	/* not for this client */
	VG_SLOTS_BYTES		/* not for as many bytes */
};

/* Bytes of shared memory, which must be zero at first. */
size_t	vg_slots_size(void);
/*
 * OWNER is the process (not 0), CLIENT any number for who asks, BYTES what is
 * put by for it. TAKEN: *SLOT is the place, to be given back.
 */
enum vg_slots_verdict vg_slots_take(struct vg_slots *, uint32_t owner,
	    uint64_t client, uint64_t bytes, const struct vg_slots_limits *,
	    uint32_t *slot);
void	vg_slots_give(struct vg_slots *, uint32_t slot);
/* A process with this number begins: what its predecessor held is free. */
void	vg_slots_successor(struct vg_slots *, uint32_t owner);
/* Taken now, and the bytes that are put by. */
uint32_t vg_slots_taken(const struct vg_slots *, uint64_t *bytes);

#endif
