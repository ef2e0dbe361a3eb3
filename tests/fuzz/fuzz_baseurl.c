/*
 * Base URLs: a normalised one is its own normal form, but for a second /v1.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/baseurl.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_baseurl	a, b;
	const char		*why;
	char			*text;

	if ((text = malloc(size + 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';

	why = NULL;
	if (vg_baseurl_parse(&a, text, &why) == 0) {
		if (vg_baseurl_parse(&b, a.url, &why) == -1 ||
		    strncmp(a.url, b.url, strlen(b.url)) != 0 ||
		    strcmp(a.host, b.host) != 0 || a.port != b.port ||
		    a.https != b.https || a.loopback != b.loopback)
			abort();
	} else if (why == NULL) {
		abort();
	}

	free(text);
	return (0);
}
