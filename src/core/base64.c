/*
 * Base64 (RFC 4648 section 4), strictly: what is not the one spelling of its
 * content is refused, so that nobody can change a text without changing what it
 * says. Characters are told by arithmetic and not by a table, whose lines in the
 * cache would tell of a key.
 */

#include "core/base64.h"

static char
letter(unsigned v)
{
	if (v < 26)
		return ((char)('A' + v));
	if (v < 52)
		return ((char)('a' + (v - 26)));
	if (v < 62)
		return ((char)('0' + (v - 52)));
	return (v == 62 ? '+' : '/');
}

/* All ones where LOW <= C <= HIGH, else 0; for values below 256. */
static unsigned
within(unsigned c, unsigned low, unsigned high)
{
	return (((((c - low) | (high - c)) >> 8) & 1) - 1);
}

/* 0 to 63, or 0x80. */
static unsigned
value(char character)
{
	unsigned	c = (unsigned char)character, v = 0, known = 0, m;

	m = within(c, 'A', 'Z');
	v |= m & (c - 'A');
	known |= m;
	m = within(c, 'a', 'z');
	v |= m & (c - 'a' + 26);
	known |= m;
	m = within(c, '0', '9');
	v |= m & (c - '0' + 52);
	known |= m;
	m = within(c, '+', '+');
	v |= m & 62;
	known |= m;
	m = within(c, '/', '/');
	v |= m & 63;
	known |= m;
	return (v | (~known & 0x80));
}

void
vg_base64_encode(char *out, const uint8_t *bytes, size_t len)
{
	unsigned	group;
	size_t		i, n;

	for (i = 0; i < len; i += 3) {
		n = len - i < 3 ? len - i : 3;
		group = (unsigned)bytes[i] << 16;
		if (n > 1)
			group |= (unsigned)bytes[i + 1] << 8;
		if (n > 2)
			group |= bytes[i + 2];
		*out++ = letter(group >> 18);
		*out++ = letter(group >> 12 & 63);
		*out++ = n > 1 ? letter(group >> 6 & 63) : '=';
		*out++ = n > 2 ? letter(group & 63) : '=';
	}
	*out = '\0';
}

int
vg_base64_decode(uint8_t *out, size_t *len, const char *text, size_t n)
{
	unsigned	v[4], bad = 0;
	size_t		i, j, pad = 0, used = 0;

	*len = 0;
	if (n % 4 != 0)
		return (-1);
	if (n > 0 && text[n - 1] == '=')
		pad = text[n - 2] == '=' ? 2 : 1;
	for (i = 0; i < n; i += 4) {
		for (j = 0; j < 4; j++) {
			v[j] = i + j >= n - pad ? 0 : value(text[i + j]);
			bad |= v[j] & 0x80;
		}
		out[used++] = (uint8_t)(v[0] << 2 | v[1] >> 4);
		out[used++] = (uint8_t)(v[1] << 4 | v[2] >> 2);
		out[used++] = (uint8_t)(v[2] << 6 | v[3]);
	}
	/* What the padding leaves over must be nothing. */
	for (j = 0; j < pad; j++)
		bad |= out[used - 1 - j];
	if (bad != 0)
		return (-1);
	*len = used - pad;
	return (0);
}
