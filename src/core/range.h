#ifndef VG_RANGE_H
#define VG_RANGE_H

/* Byte ranges: RFC 9110 section 14. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "bytes 18446744073709551615-...": what vg_range_content() needs at most */
#define VG_RANGE_CONTENT_SIZE	80	/* bytes, NUL included */

enum vg_range_verdict {
	VG_RANGE_IGNORE = 0,	/* send the whole: 200 */
	VG_RANGE_PARTIAL,	/* send first..last: 206 */
	VG_RANGE_UNSATISFIABLE	/* 416, and the size in Content-Range */
};

struct vg_range {
	uint64_t	first;		/* offset of the first byte */
	uint64_t	last;		/* offset of the last byte, inclusive */
	uint64_t	length;		/* bytes: last - first + 1 */
};

/*
 * value: the Range header's value; size: bytes of the selected representation.
 * out is set on VG_RANGE_PARTIAL only. Malformed values, other units and sets
 * of several ranges are ignored, as section 14.2 allows (a server MAY ignore
 * Range; one answer of several parts is of no use to an audio player, and many
 * small ranges are an attack, section 17.15). Use it with GET alone.
 */
enum vg_range_verdict	vg_range_parse(const char *value, size_t len,
			    uint64_t size, struct vg_range *out);

/*
 * RFC 9110 section 13.1.5: whether Range may be obeyed, If-Range given. etag is
 * the strong tag of what would be sent, quotes included. A date never
 * matches: these representations have no Last-Modified.
 */
bool	vg_range_if_range(const char *value, size_t len, const char *etag);

/*
 * Content-Range (section 14.4) into out (VG_RANGE_CONTENT_SIZE bytes): range
 * NULL writes the unsatisfied form, with the size alone. Returns its length.
 */
size_t	vg_range_content(char *out, size_t outsz, const struct vg_range *,
	    uint64_t size);

#endif
