/*
 * The stored form of an encrypted text, base64 and keys: what is read stays within
 * its buffer, and whatever is taken is the one spelling of its content.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/sealed.h"
#include "core/textkey.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_textkeys	keys;
	struct vg_sealed	s;
	const char		*why = NULL;
	uint8_t			*buf, *raw;
	char			*text, *again;
	size_t			len;

	text = malloc(size + 1);
	/* The least that is promised to be enough. */
	buf = malloc(size > 0 ? size : 1);
	raw = malloc(VG_BASE64_BYTES(size) + 1);
	CHECK(text != NULL && buf != NULL && raw != NULL);
	memcpy(text, data, size);
	text[size] = '\0';

	if (vg_sealed_read(&s, buf, text, size) == 0) {
		CHECK(s.nonce == buf && s.text + s.len == s.tag);
		CHECK(vg_sealed_size(s.len) == size + 1);
		again = malloc(vg_sealed_size(s.len));
		CHECK(again != NULL);
		vg_sealed_write(again, buf, s.len);
		CHECK(memcmp(again, text, size + 1) == 0);
		free(again);
	}
	if (vg_base64_decode(raw, &len, text, size) == 0) {
		CHECK(VG_BASE64_LEN(len) == size);
		again = malloc(size + 1);
		CHECK(again != NULL);
		vg_base64_encode(again, raw, len);
		CHECK(memcmp(again, text, size + 1) == 0);
		free(again);
	}
	if (vg_textkeys_parse(&keys, text, &why) == -1)
		CHECK(why != NULL);
	else
		CHECK(keys.count <= VG_TEXTKEYS_MAX);
	vg_textkeys_wipe(&keys);
	free(raw);
	free(buf);
	free(text);
	return (0);
}
