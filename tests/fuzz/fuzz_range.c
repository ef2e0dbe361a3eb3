/* Range: what is to be sent lies within what there is. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/range.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_range	r;
	uint64_t	whole;
	char		out[VG_RANGE_CONTENT_SIZE], *value;

	/* The first eight bytes are the file's size. */
	if (size < sizeof(whole))
		return (0);
	memcpy(&whole, data, sizeof(whole));
	size -= sizeof(whole);
	value = malloc(size > 0 ? size : 1);
	CHECK(value != NULL);
	memcpy(value, data + sizeof(whole), size);

	if (vg_range_parse(value, size, whole, &r) == VG_RANGE_PARTIAL) {
		CHECK(r.first <= r.last && r.last < whole);
		CHECK(r.length == r.last - r.first + 1 && r.length > 0);
		CHECK(vg_range_content(out, sizeof(out), &r, whole) <
		    sizeof(out));
	}
	(void)vg_range_if_range(value, size, "\"a\"");
	CHECK(vg_range_content(out, sizeof(out), NULL, whole) < sizeof(out));
	free(value);

	return (0);
}
