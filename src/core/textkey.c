/*
 * The setting TRANSCRIPT_KEY: `openssl rand -hex 32`, or -base64, or several of
 * them while a key is being replaced by another. What is no key stops the start:
 * a short or mistyped one would only be found out when the texts are needed.
 */

#include <stdbool.h>
#include <string.h>

#include "core/base64.h"
#include "core/textkey.h"

#define HEX_LEN		(VG_TEXTKEY_BYTES * 2)
#define BASE64_LEN	VG_BASE64_LEN(VG_TEXTKEY_BYTES)

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

static int
read_hex(uint8_t *out, const char *text)
{
	int	high, low;
	size_t	i;

	for (i = 0; i < VG_TEXTKEY_BYTES; i++) {
		high = digit(text[i * 2]);
		low = digit(text[i * 2 + 1]);
		if (high == -1 || low == -1)
			return (-1);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return (0);
}

static int
read_base64(uint8_t *out, const char *text)
{
	uint8_t	bytes[VG_BASE64_BYTES(BASE64_LEN)];
	size_t	len;
	int	ret = -1;

	if (vg_base64_decode(bytes, &len, text, BASE64_LEN) == 0 &&
	    len == VG_TEXTKEY_BYTES) {
		memcpy(out, bytes, VG_TEXTKEY_BYTES);
		ret = 0;
	}
	explicit_bzero(bytes, sizeof(bytes));
	return (ret);
}

/* One byte again and again is a placeholder. */
static bool
is_filler(const uint8_t *key)
{
	return (memcmp(key, key + 1, VG_TEXTKEY_BYTES - 1) == 0);
}

int
vg_textkeys_parse(struct vg_textkeys *keys, const char *text, const char **why)
{
	uint8_t	*key;
	size_t	i, len;
	int	bad;

	memset(keys, 0, sizeof(*keys));
	if (text[0] == '\0')
		return (0);
	for (;;) {
		if (keys->count == VG_TEXTKEYS_MAX) {
			*why = "holds more than 8 keys";
			return (-1);
		}
		key = keys->key[keys->count];
		len = strcspn(text, ",");
		bad = len == HEX_LEN ? read_hex(key, text) :
		    len == BASE64_LEN ? read_base64(key, text) : -1;
		if (bad == -1) {
			*why = "must be 32 bytes as 64 hexadecimal digits or "
			    "in base64 (openssl rand -hex 32 makes them); "
			    "several keys are separated by commas";
			return (-1);
		}
		if (is_filler(key)) {
			*why = "holds a key that is one byte again and again; "
			    "openssl rand -hex 32 makes a real one";
			return (-1);
		}
		for (i = 0; i < keys->count; i++) {
			if (memcmp(keys->key[i], key, VG_TEXTKEY_BYTES) == 0) {
				*why = "holds the same key twice";
				return (-1);
			}
		}
		keys->count++;
		if (text[len] == '\0')
			return (0);
		text += len + 1;
	}
}

void
vg_textkeys_wipe(struct vg_textkeys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
