#ifndef VG_CORE_SIPHASH_H
#define VG_CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define VG_SIPHASH_KEY_SIZE	16	/* bytes of the key */

/* siphash.c */

/* SipHash-2-4 of LEN bytes: a keyed hash that outsiders cannot steer. */
uint64_t	vg_siphash(const uint8_t key[VG_SIPHASH_KEY_SIZE],
		    const void *data, size_t len);

#endif
