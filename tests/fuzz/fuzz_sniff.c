/* Audio by content: no verdict is taken back when more bytes come. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/sniff.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum vg_sniff_verdict	settled = VG_SNIFF_NEED_MORE, v;
	struct vg_sniff		is = { VG_SNIFF_NONE, "", "" }, then;
	size_t			i;
	uint8_t			*copy;

	for (i = 0; i <= size; i++) {
		/* Every beginning of short files, some of long ones. */
		if (i > 512 && i != size && i % 61 != 0)
			continue;
		copy = malloc(i > 0 ? i : 1);
		CHECK(copy != NULL);
		memcpy(copy, data, i);
		memset(&then, 0, sizeof(then));
		v = vg_sniff(copy, i, false, &then);
		CHECK(v == VG_SNIFF_NEED_MORE || vg_sniff(copy, i, true,
		    NULL) == v);
		CHECK(vg_sniff(copy, i, true, NULL) != VG_SNIFF_NEED_MORE);
		free(copy);

		CHECK(v != VG_SNIFF_MATCH || then.ext != NULL);
		CHECK(settled == VG_SNIFF_NEED_MORE || (v == settled &&
		    then.kind == is.kind));
		CHECK(i < VG_SNIFF_MAX || v != VG_SNIFF_NEED_MORE);
		if (settled == VG_SNIFF_NEED_MORE) {
			settled = v;
			is = then;
		}
	}

	return (0);
}
