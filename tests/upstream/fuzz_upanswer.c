/*
 * Fuzzes what is read of providers' answers: both readers and the cleaning of
 * any bytes at all.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	*text;
	size_t	n;

	if (vg_answer_transcript((const char *)data, len, &text) == VG_UP_OK &&
	    strlen(text) > VG_TRANSCRIPT_MAX)
		abort();
	free(text);
	if (vg_answer_reply((const char *)data, len, &text) == VG_UP_OK &&
	    (strlen(text) > VG_REPLY_MAX || text[0] == '\0'))
		abort();
	free(text);

	if ((text = malloc(len + 1)) == NULL)
		return (0);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	n = vg_answer_clean(text, len % 2 == 0, 64);
	if (n > 64 || strlen(text) != n)
		abort();
	/* What is clean stays as it is. */
	if (vg_answer_clean(text, len % 2 == 0, 64) != n)
		abort();
	free(text);

	return (0);
}
