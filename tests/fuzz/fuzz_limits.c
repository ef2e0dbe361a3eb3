/*
 * Limits as text: what is read prints, and reads back the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/window.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_limits	a, b;
	struct vg_quota		q;
	char			text[256], field[VG_RATELIMIT_POLICY_SIZE];
	size_t			i;

	if (vg_limits_parse(&a, (const char *)data, size) == -1)
		return (0);
	if (vg_limits_format(text, sizeof(text), &a) == -1 ||
	    vg_limits_parse(&b, text, strlen(text)) == -1 ||
	    a.count != b.count ||
	    vg_ratelimit_policy(field, sizeof(field), "class", &a) == -1)
		abort();
	for (i = 0; i < a.count; i++) {
		if (a.item[i].quota != b.item[i].quota ||
		    a.item[i].window_s != b.item[i].window_s)
			abort();
		vg_fixed_quota(&q, &a.item[i], 0, 1, INT64_C(1767323045000000));
		if (!q.admitted || q.reset_us <= INT64_C(1767323045000000))
			abort();
	}

	return (0);
}
