/*
 * Range requests for audio: one range or none.
 *
 * A player seeks by asking for one range of bytes; nothing else is worth
 * honouring. Whatever is not exactly one valid byte range is ignored, which
 * RFC 9110 section 14.2 allows and section 17.15 advises (a set of a thousand
 * overlapping ranges costs the client a line and the server a thousand
 * copies). Numbers of any length are read without overflow: beyond the end is
 * beyond the end, however far.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/fields.h"
#include "core/range.h"

/* 1*DIGIT, UINT64_MAX when it is larger; the number of digits. */
static size_t
number(const char *s, size_t len, uint64_t *value)
{
	uint64_t	digit;
	size_t		i;

	*value = 0;
	for (i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		digit = (uint64_t)(s[i] - '0');
		*value = (*value > (UINT64_MAX - digit) / 10) ? UINT64_MAX :
		    *value * 10 + digit;
	}

	return (i);
}

enum vg_range_verdict
vg_range_parse(const char *value, size_t len, uint64_t size,
    struct vg_range *out)
{
	static const char	unit[] = "bytes=";
	struct vg_str		spec;
	uint64_t		first, last;
	size_t			n, m;

	/* RFC 9110 section 14.1: range units are case-insensitive. */
	if (len < sizeof(unit) - 1 || !vg_field_eq(value, sizeof(unit) - 1,
	    unit))
		return (VG_RANGE_IGNORE);

	spec = vg_field_trim(value + sizeof(unit) - 1,
	    len - (sizeof(unit) - 1));
	n = number(spec.s, spec.len, &first);
	if (n == spec.len || spec.s[n] != '-')
		return (VG_RANGE_IGNORE);
	m = number(spec.s + n + 1, spec.len - n - 1, &last);
	if (n + 1 + m != spec.len || (n == 0 && m == 0))
		return (VG_RANGE_IGNORE);

	/*
	 * RFC 9110 section 14.1.2. A suffix longer than the whole is the
	 * whole; an empty one, or any of nothing, cannot be satisfied.
	 */
	if (n == 0) {
		if (last == 0 || size == 0)
			return (VG_RANGE_UNSATISFIABLE);
		first = (last < size) ? size - last : 0;
		last = size - 1;
	} else {
		if (m > 0 && last < first)
			return (VG_RANGE_IGNORE);
		if (first >= size)
			return (VG_RANGE_UNSATISFIABLE);
		if (m == 0 || last >= size)
			last = size - 1;
	}

	out->first = first;
	out->last = last;
	out->length = last - first + 1;

	return (VG_RANGE_PARTIAL);
}

bool
vg_range_if_range(const char *value, size_t len, const char *etag)
{
	return (vg_field_etag_strong_eq(value, len, etag, strlen(etag)));
}

size_t
vg_range_content(char *out, size_t outsz, const struct vg_range *r,
    uint64_t size)
{
	int	n;

	if (r == NULL)
		n = snprintf(out, outsz, "bytes */%" PRIu64, size);
	else
		n = snprintf(out, outsz, "bytes %" PRIu64 "-%" PRIu64
		    "/%" PRIu64, r->first, r->last, size);

	return (n < 0 ? 0 : (size_t)n);
}
