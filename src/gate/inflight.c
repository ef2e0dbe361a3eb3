/*
 * How many uploads there are: see inflight.h. The places are in one mapping that
 * all workers share (core/slots.h), asked in the header phase: who finds none
 * is refused before a byte of content is read. What a request may write is put
 * by whole when it begins, from its Content-Length, so that those that are let
 * in never fill the disk together.
 */

#include <sys/mman.h>
#include <sys/random.h>

#include <string.h>

#include "core/siphash.h"
#include "core/slots.h"
#include "gate/inflight.h"

#define BUSY_RETRY_S	2	/* seconds */

static struct vg_slots	*slots;
static uint8_t		key[VG_SIPHASH_KEY_SIZE];

int
vg_inflight_create(void)
{
	void	*p;

	if (slots != NULL)
		return (0);
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return (-1);
	p = mmap(NULL, vg_slots_size(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return (-1);
	slots = p;
	return (0);
}

/* Kore's numbers begin with 0; a worker that is started anew has the same. */
static uint32_t
owner(void)
{
	return ((uint32_t)worker->id + 1);
}

void
vg_inflight_worker(void)
{
	vg_slots_successor(slots, owner());
}

int
vg_inflight_take(struct vg_request *r, uint64_t bytes, uint32_t *slot)
{
	const struct vg_settings	*s = vg_gate_settings();
	struct vg_slots_limits		limits;
	uint64_t			client;
	uint32_t			taken;

	*slot = VG_INFLIGHT_NONE;
	limits.all = (uint32_t)s->max_uploads;
	limits.client = (uint32_t)s->max_uploads_per_client;
	limits.bytes = (uint64_t)s->max_upload_bytes_in_flight;
	if (bytes > (uint64_t)s->max_upload_bytes)
		bytes = (uint64_t)s->max_upload_bytes;
	client = vg_siphash(key, r->client, strlen(r->client));
	switch (vg_slots_take(slots, owner(), client, bytes, &limits, &taken)) {
	case VG_SLOTS_TAKEN:
		*slot = taken;
		return (0);
	case VG_SLOTS_CLIENT:
		r->note = "uploads_of_client";
		vg_refuse(r, "too_many_uploads", NULL);
		break;
	case VG_SLOTS_BYTES:
		r->note = "upload_bytes";
		vg_refuse(r, "overloaded", NULL);
		break;
	case VG_SLOTS_FULL:
	default:
		r->note = "uploads";
		vg_refuse(r, "overloaded", NULL);
		break;
	}
	r->retry_after_s = BUSY_RETRY_S;
	return (-1);
}

void
vg_inflight_give(uint32_t slot)
{
	if (slot != VG_INFLIGHT_NONE)
		vg_slots_give(slots, slot);
}
