#ifndef VG_CORE_TIMESTAMP_H
#define VG_CORE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#define VG_RFC3339_SIZE	28	/* 2026-01-02T03:04:05.123456Z and the NUL */
#define VG_IMFDATE_SIZE	30	/* Sun, 06 Nov 1994 08:49:37 GMT and the NUL */

/* timestamp.c: times are microseconds since the epoch, years 0000 to 9999. */

/*
 * RFC 3339 in UTC with DIGITS (0 to 6) of fraction, cut, not rounded. Returns
 * the length, or -1 when SIZE is too small or the year does not fit.
 */
int	vg_rfc3339_format(char *buf, size_t size, int64_t us, unsigned digits);

/*
 * RFC 3339 5.6, offsets allowed, lower-case t and z too; a fraction beyond
 * microseconds is cut; second 60 only where RFC 3339 5.7 has it (23:59:60
 * UTC), and then it is the next minute's start. 0 / -1.
 */
int	vg_rfc3339_parse(int64_t *us, const char *text, size_t len);

/* httpdate.c */

/* IMF-fixdate (RFC 9110 5.6.7). The length, or -1 as above. */
int	vg_imfdate_format(char *buf, size_t size, int64_t us);

/*
 * An HTTP-date in any of the three forms of RFC 9110 5.6.7. NOW decides the
 * century of the rfc850 form. 0 / -1.
 */
int	vg_httpdate_parse(int64_t *us, const char *text, size_t len,
	    int64_t now_us);

#endif
