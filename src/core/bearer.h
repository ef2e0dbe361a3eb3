#ifndef VG_CORE_BEARER_H
#define VG_CORE_BEARER_H

#include <stddef.h>

#define VG_API_KEY_PREFIX	"vg_"
#define VG_API_KEY_LEN		46	/* bytes: the prefix, 256 bits in base64url */
#define VG_SHA256_SIZE		32	/* bytes */

enum vg_bearer {
	VG_BEARER_NONE = 0,	/* another scheme: not for us */
	VG_BEARER_MALFORMED,	/* Bearer, but nothing that is a key */
	VG_BEARER_KEY
};

/* bearer.c */

/*
 * The value of Authorization (RFC 9110 11.6.2, RFC 6750 2.1). For
 * VG_BEARER_KEY, *KEY points to VG_API_KEY_LEN bytes within TEXT.
 */
enum vg_bearer	vg_bearer_parse(const char *text, size_t len,
		    const char **key);

#endif
