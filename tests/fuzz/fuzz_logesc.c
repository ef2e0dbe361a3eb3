/*
 * Escaping: no control byte survives, no buffer is left, JSON is JSON.
 */

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/logesc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_logline	line;
	json_t			*doc;
	const char		*text, *out;
	char			*buf;
	size_t			room, len, i;

	if (size < 2)
		return (0);
	room = 128 + data[0];
	text = (const char *)data + 2;
	size -= 2;
	if ((buf = malloc(room)) == NULL)
		abort();

	len = vg_log_escape(buf, data[1] < room ? data[1] : room, text, size);
	for (i = 0; i < len; i++) {
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			abort();
	}

	vg_logline_begin(&line, buf, room, VG_LOG_JSON, VG_LOG_INFO,
	    (int64_t)size * 1000000, "fuzz");
	vg_logline_mem(&line, "a", text, size);
	vg_logline_int(&line, "n", (int64_t)size);
	vg_logline_mem(&line, "b", text, size / 2);
	out = vg_logline_end(&line, &len);
	if (len >= room || out[len - 1] != '\n' ||
	    (doc = json_loads(out, JSON_ALLOW_NUL, NULL)) == NULL)
		abort();
	json_decref(doc);

	vg_logline_begin(&line, buf, room, VG_LOG_TEXT, VG_LOG_INFO, 0, "fuzz");
	vg_logline_mem(&line, "a", text, size);
	out = vg_logline_end(&line, &len);
	if (len >= room || strchr(out, '\n') != out + len - 1)
		abort();

	free(buf);
	return (0);
}
