#ifndef VG_HEAD_SCAN_H
#define VG_HEAD_SCAN_H

/* Private to head*.c: the machine that reads a head byte by byte. */

#include "core/head.h"

/* The order matters: up to LINE_LF it is the request line. */
enum vg_head_state {
	VG_HEAD_ST_METHOD = 0,
	VG_HEAD_ST_TARGET,
	VG_HEAD_ST_VERSION,
	VG_HEAD_ST_LINE_LF,
	VG_HEAD_ST_FIELD_START,
	VG_HEAD_ST_NAME,
	VG_HEAD_ST_OWS,
	VG_HEAD_ST_VALUE,
	VG_HEAD_ST_VALUE_LF,
	VG_HEAD_ST_END_LF
};

/*
 * Takes the byte at h->pos, or a run of bytes that ends before end, and moves
 * h->pos. The caller sees to it that h->pos < end and that the limits hold.
 */
enum vg_head_reason	vg_head_step(struct vg_head *, const uint8_t *buf,
			    size_t end);

#endif
