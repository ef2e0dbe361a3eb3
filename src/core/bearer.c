/*
 * An API key as a client presents it. Only what has a key's form is looked up:
 * whatever else stands behind `Bearer` is refused without a question to the
 * database, and another scheme (a proxy's Basic, say) is none of our business.
 */

#include <string.h>
#include <strings.h>

#include "core/bearer.h"

static int
is_base64url(char c)
{
	return ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_');
}

enum vg_bearer
vg_bearer_parse(const char *text, size_t len, const char **key)
{
	static const char	scheme[] = "bearer";
	const size_t		nscheme = sizeof(scheme) - 1;
	size_t			i;

	if (len < nscheme || strncasecmp(text, scheme, nscheme) != 0)
		return (VG_BEARER_NONE);
	if (len > nscheme && text[nscheme] != ' ')
		return (VG_BEARER_NONE);	/* "Bearerish" */
	for (i = nscheme; i < len && text[i] == ' '; i++)
		;
	while (len > i && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len - i != VG_API_KEY_LEN || strncmp(text + i, VG_API_KEY_PREFIX,
	    sizeof(VG_API_KEY_PREFIX) - 1) != 0)
		return (VG_BEARER_MALFORMED);
	*key = text + i;
	for (i = sizeof(VG_API_KEY_PREFIX) - 1; i < VG_API_KEY_LEN; i++) {
		if (!is_base64url((*key)[i]))
			return (VG_BEARER_MALFORMED);
	}
	return (VG_BEARER_KEY);
}
