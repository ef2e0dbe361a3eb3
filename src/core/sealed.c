/*
 * How an encrypted text is stored: "v1:" and base64 of a nonce of 12 bytes, the
 * ciphertext, and a tag of 16. Which key it was stands in a column beside it. A
 * text in the clear is never mistaken for this, nor this for one: that column
 * decides, not how the text begins.
 *
 * Bound to it (additional data of the cipher) are the session, the turn's number
 * and the field: what is moved to another row or column no longer opens.
 */

#include <string.h>

#include "core/base64.h"
#include "core/sealed.h"

#define VERSION_LEN	(sizeof(VG_SEALED_VERSION) - 1)
#define OVERHEAD	(VG_SEALED_NONCE + VG_SEALED_TAG)
#define DOMAIN		"voicegate transcript v1"

size_t
vg_sealed_size(size_t len)
{
	return (VERSION_LEN + VG_BASE64_LEN(len + OVERHEAD) + 1);
}

void
vg_sealed_write(char *out, const uint8_t *raw, size_t len)
{
	memcpy(out, VG_SEALED_VERSION, VERSION_LEN);
	vg_base64_encode(out + VERSION_LEN, raw, len + OVERHEAD);
}

int
vg_sealed_read(struct vg_sealed *s, uint8_t *buf, const char *text, size_t n)
{
	size_t	len;

	memset(s, 0, sizeof(*s));
	if (n > vg_sealed_size(VG_SEALED_TEXT_MAX) - 1 || n < VERSION_LEN ||
	    memcmp(text, VG_SEALED_VERSION, VERSION_LEN) != 0 ||
	    vg_base64_decode(buf, &len, text + VERSION_LEN,
	    n - VERSION_LEN) == -1 || len < OVERHEAD)
		return (-1);
	s->nonce = buf;
	s->text = buf + VG_SEALED_NONCE;
	s->len = len - OVERHEAD;
	s->tag = s->text + s->len;
	return (0);
}

int
vg_sealed_context(uint8_t out[VG_SEALED_CONTEXT], size_t *len,
    const struct vg_sealed_place *place)
{
	char	id[VG_UUID_SIZE];
	size_t	n = 0;
	int	shift;

	_Static_assert(sizeof(DOMAIN) + VG_UUID_LEN + sizeof(uint32_t) + 1 <=
	    VG_SEALED_CONTEXT, "VG_SEALED_CONTEXT is too small");
	if (place->seq < 1 || place->seq > INT32_MAX ||
	    (place->field != 't' && place->field != 'r') ||
	    strlen(place->session_id) != VG_UUID_LEN ||
	    vg_uuid4_parse(id, place->session_id, VG_UUID_LEN) == -1)
		return (-1);
	/* Each part has one length: none can run into the next. */
	memcpy(out, DOMAIN, sizeof(DOMAIN));
	n += sizeof(DOMAIN);
	memcpy(out + n, id, VG_UUID_LEN);
	n += VG_UUID_LEN;
	for (shift = 24; shift >= 0; shift -= 8)
		out[n++] = (uint8_t)((uint64_t)place->seq >> shift);
	out[n++] = (uint8_t)place->field;
	*len = n;
	return (0);
}
