/*
 * Dates: what is read, is written and read again as the same moment.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/timestamp.h"
#include "core/uuid.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		buf[VG_IMFDATE_SIZE], uuid[VG_UUID_SIZE];
	const char	*text;
	int64_t		us, again;

	text = (const char *)data;
	if (vg_rfc3339_parse(&us, text, size) == 0) {
		if (vg_rfc3339_format(buf, sizeof(buf), us, 6) == -1 ||
		    vg_rfc3339_parse(&again, buf, strlen(buf)) == -1 ||
		    us != again)
			abort();
	}
	if (vg_httpdate_parse(&us, text, size, INT64_C(1767323045000000)) ==
	    0) {
		if (vg_imfdate_format(buf, sizeof(buf), us) == -1 ||
		    vg_httpdate_parse(&again, buf, strlen(buf), 0) == -1 ||
		    us != again)
			abort();
	}
	if (vg_uuid4_parse(uuid, text, size) == 0 &&
	    vg_uuid4_parse(NULL, uuid, strlen(uuid)) == -1)
		abort();

	return (0);
}
