/* File names: what is taken for one of ours can lead nowhere else. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/tempfile.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	*name = malloc(size + 1), *dot;
	char	out[VG_TEMPFILE_NAME_SIZE];

	CHECK(name != NULL);
	memcpy(name, data, size);
	name[size] = '\0';

	if (vg_tempfile_is_published(name)) {
		CHECK(strchr(name, '/') == NULL && name[0] != '.');
		CHECK(strlen(name) < VG_TEMPFILE_NAME_SIZE);
		CHECK(!vg_tempfile_is_temporary(name));
	}
	if (vg_tempfile_is_temporary(name)) {
		CHECK(strchr(name, '/') == NULL);
		CHECK(strlen(name) < VG_TEMPFILE_NAME_SIZE);
	}

	/* Cut at the first dot, as uuid and extension. */
	dot = strchr(name, '.');
	if (dot != NULL) {
		*dot = '\0';
		if (vg_tempfile_name(out, name, dot + 1) == 0)
			CHECK(vg_tempfile_is_published(out));
		else
			CHECK(out[0] == '\0');
	}
	free(name);

	return (0);
}
