#ifndef VG_CORE_UUID_H
#define VG_CORE_UUID_H

#include <stddef.h>
#include <stdint.h>

#define VG_UUID_BYTES	16	/* bytes, binary */
#define VG_UUID_LEN	36	/* bytes as text, without the NUL */
#define VG_UUID_SIZE	37	/* bytes as text, with the NUL */

/* uuid.c */

/* UUIDv4 (RFC 9562 5.4), lower case, from 16 random bytes. */
void	vg_uuid4_format(char out[VG_UUID_SIZE],
	    const uint8_t random[VG_UUID_BYTES]);

/*
 * The canonical form alone (8-4-4-4-12, either case), version 4, variant 10.
 * OUT (may be NULL) gets it in lower case, NUL-terminated. 0 / -1.
 */
int	vg_uuid4_parse(char out[VG_UUID_SIZE], const char *text, size_t len);

#endif
