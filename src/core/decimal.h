#ifndef VG_CORE_DECIMAL_H
#define VG_CORE_DECIMAL_H

/*
 * Numbers as decimal text, for what is written once a request: printf(3) takes
 * longer over a number than all the rest of a header field takes.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VG_DECIMAL_MAX	20	/* bytes of the longest, with its sign */

/* Writes VALUE to BUF (VG_DECIMAL_MAX bytes, no NUL); the length. */
static inline size_t
vg_decimal_unsigned(char *buf, uint64_t value)
{
	char	digits[VG_DECIMAL_MAX];
	size_t	i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	memcpy(buf, digits + i, sizeof(digits) - i);
	return (sizeof(digits) - i);
}

static inline size_t
vg_decimal(char *buf, int64_t value)
{
	if (value >= 0)
		return (vg_decimal_unsigned(buf, (uint64_t)value));
	*buf = '-';
	return (1 + vg_decimal_unsigned(buf + 1, -(uint64_t)value));
}

/* Exactly N digits, leading zeros included. */
static inline void
vg_decimal_padded(char *buf, size_t n, uint32_t value)
{
	while (n-- > 0) {
		buf[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

#endif
