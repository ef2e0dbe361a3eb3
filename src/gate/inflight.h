#ifndef VG_GATE_INFLIGHT_H
#define VG_GATE_INFLIGHT_H

/*
 * Uploads that are being received or worked on, over all workers of the
 * instance: bounded in all, for one client, and by the bytes they may put on the
 * disk (MAX_UPLOADS_IN_FLIGHT, MAX_UPLOADS_PER_CLIENT, MAX_UPLOAD_BYTES_IN_FLIGHT).
 */

#include "gate/gate.h"

#define VG_INFLIGHT_NONE	UINT32_MAX

/* inflight.c: in the parent, before fork. 0 / -1. */
int	vg_inflight_create(void);
/* In a worker, new or come again. */
void	vg_inflight_worker(void);
/*
 * A place for a request whose content has so many bytes, in *SLOT: 0; or -1
 * after vg_refuse() with a Retry-After, and *SLOT is VG_INFLIGHT_NONE.
 */
int	vg_inflight_take(struct vg_request *, uint64_t bytes, uint32_t *slot);
void	vg_inflight_give(uint32_t slot);

#endif
