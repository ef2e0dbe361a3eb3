#ifndef VG_HEAD_TARGET_H
#define VG_HEAD_TARGET_H

/* Private to head*.c: request targets and authorities. */

#include "core/head.h"

#define VG_HEAD_HOST_MAX	255	/* bytes of a host name (RFC 1035) */
#define VG_HEAD_LABEL_MAX	63	/* bytes between two dots (RFC 1035) */

/*
 * uri-host [ ":" port ] (RFC 9110 section 7.2): 0 with the host's length and
 * the port (0: none), or -1.
 */
int	vg_head_authority(const uint8_t *s, size_t len, size_t *hostlen,
	    uint16_t *port);

/*
 * Reads h->target by RFC 9112 section 3.2 into form, authority, path, query.
 * VG_HEAD_NONE when it is valid and fits h->method.
 */
enum vg_head_reason	vg_head_target_read(struct vg_head *,
			    const uint8_t *buf);

/* Whether an absolute-form target and Host name the same place. */
enum vg_head_reason	vg_head_target_agrees(struct vg_head *,
			    const uint8_t *buf);

#endif
