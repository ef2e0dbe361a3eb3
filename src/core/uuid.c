/*
 * Version 4 UUIDs (RFC 9562): the names of sessions and of spoken replies.
 *
 * A session id is a capability: whoever knows it may speak in that session.
 * Only the random version is made or accepted, since the others tell a time or
 * a machine and can be guessed from a neighbour. Randomness is an argument, so
 * that the caller answers for its source and a test can fix it.
 *
 * The parser takes the canonical form alone. RFC 9562 4 lets hexadecimal
 * digits come in either case; braces, urn:uuid: and missing dashes are other
 * notations, and each notation accepted is one more spelling of the same key in
 * logs and databases. What it hands back is lower case, hence one spelling.
 */

#include <string.h>

#include "core/uuid.h"

static int	hex_lower(char);

void
vg_uuid4_format(char out[VG_UUID_SIZE], const uint8_t random[VG_UUID_BYTES])
{
	static const char	hex[] = "0123456789abcdef";
	uint8_t			b[VG_UUID_BYTES];
	size_t			i, n;

	memcpy(b, random, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);

	n = 0;
	for (i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		out[n++] = hex[b[i] >> 4];
		out[n++] = hex[b[i] & 0x0f];
	}
	out[n] = '\0';
}

int
vg_uuid4_parse(char out[VG_UUID_SIZE], const char *text, size_t len)
{
	char		lower[VG_UUID_SIZE];
	size_t		i;
	int		c;

	if (len != VG_UUID_LEN)
		return (-1);

	for (i = 0; i < VG_UUID_LEN; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return (-1);
			lower[i] = '-';
			continue;
		}
		if ((c = hex_lower(text[i])) == -1)
			return (-1);
		lower[i] = (char)c;
	}
	lower[VG_UUID_LEN] = '\0';

	if (lower[14] != '4' || strchr("89ab", lower[19]) == NULL)
		return (-1);

	if (out != NULL)
		memcpy(out, lower, sizeof(lower));
	return (0);
}

static int
hex_lower(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return (c);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 'a');

	return (-1);
}
