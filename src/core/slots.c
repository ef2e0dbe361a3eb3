/*
 * See slots.h. A place is taken first and counted afterwards, by one who has
 * written down whose it is: of two that come together at least one sees the
 * other, so that the sum never passes a limit unseen. The operations are
 * sequentially consistent for that reason.
 */

#include <stdatomic.h>

#include "core/slots.h"

struct slot {
	_Atomic uint64_t	client;
	_Atomic uint64_t	bytes;
	_Atomic uint32_t	owner;		/* 0: free */
};

struct vg_slots {
	_Atomic uint32_t	top;		/* places used so far: first ones */
	struct slot		slot[VG_SLOTS_MAX];
};

size_t
vg_slots_size(void)
{
	return (sizeof(struct vg_slots));
}

static void
give(struct slot *s)
{
	/* Free at last: whoever takes it finds nothing of ours in it. */
	atomic_store(&s->bytes, 0);
	atomic_store(&s->client, 0);
	atomic_store(&s->owner, 0);
}

static int
find(struct vg_slots *t, uint32_t owner, uint32_t all, uint32_t *slot)
{
	uint32_t	i, top, nobody;

	for (i = 0; i < all; i++) {
		nobody = 0;
		if (atomic_load_explicit(&t->slot[i].owner,
		    memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_strong(&t->slot[i].owner, &nobody,
		    owner))
			break;
	}
	if (i == all)
		return (-1);

	/* Before anything counts on it: the others look as far as this. */
	top = atomic_load(&t->top);
	while (top < i + 1 &&
	    !atomic_compare_exchange_weak(&t->top, &top, i + 1))
		;
	*slot = i;

	return (0);
}

enum vg_slots_verdict
vg_slots_take(struct vg_slots *t, uint32_t owner, uint64_t client,
    uint64_t bytes, const struct vg_slots_limits *limits, uint32_t *slot)
{
	enum vg_slots_verdict	verdict;
	uint64_t		sum = 0;
	uint32_t		i, top, all, count = 0, same = 0;

	all = limits->all < VG_SLOTS_MAX ? limits->all : VG_SLOTS_MAX;
	if (find(t, owner, all, slot) == -1)
		return (VG_SLOTS_FULL);
	atomic_store(&t->slot[*slot].client, client);
	atomic_store(&t->slot[*slot].bytes, bytes);

	top = atomic_load(&t->top);
	for (i = 0; i < top; i++) {
		if (atomic_load(&t->slot[i].owner) == 0)
			continue;
		count++;
		same += atomic_load(&t->slot[i].client) == client;
		sum += atomic_load(&t->slot[i].bytes);
	}

	/* More than there are places: the limit was lowered meanwhile. */
	verdict = VG_SLOTS_TAKEN;
	if (count > all)
		verdict = VG_SLOTS_FULL;
	else if (limits->client > 0 && same > limits->client)
		verdict = VG_SLOTS_CLIENT;
	else if (limits->bytes > 0 && sum > limits->bytes)
		verdict = VG_SLOTS_BYTES;
	if (verdict != VG_SLOTS_TAKEN)
		give(&t->slot[*slot]);

	return (verdict);
}

void
vg_slots_give(struct vg_slots *t, uint32_t slot)
{
	if (slot < VG_SLOTS_MAX)
		give(&t->slot[slot]);
}

void
vg_slots_successor(struct vg_slots *t, uint32_t owner)
{
	uint32_t	i, top = atomic_load(&t->top);

	/* One beyond: it may have died between taking and telling of it. */
	for (i = 0; i < VG_SLOTS_MAX && i < top + 1; i++) {
		if (atomic_load(&t->slot[i].owner) == owner)
			give(&t->slot[i]);
	}
}

uint32_t
vg_slots_taken(const struct vg_slots *t, uint64_t *bytes)
{
	uint32_t	i, n = 0, top = atomic_load(&t->top);

	*bytes = 0;
	for (i = 0; i < top; i++) {
		if (atomic_load(&t->slot[i].owner) == 0)
			continue;
		n++;
		*bytes += atomic_load(&t->slot[i].bytes);
	}

	return (n);
}
