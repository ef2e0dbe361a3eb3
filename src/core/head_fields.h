#ifndef VG_HEAD_FIELDS_H
#define VG_HEAD_FIELDS_H

/* Private to head*.c: the header fields that frame or steer a message. */

#include "core/head.h"

/* What a complete field line means for the head. */
enum vg_head_reason	vg_head_field_read(struct vg_head *,
			    const uint8_t *buf, const struct vg_head_field *);

/* What only the whole head can tell. */
enum vg_head_reason	vg_head_fields_finish(struct vg_head *,
			    const uint8_t *buf);

#endif
