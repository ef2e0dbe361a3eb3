/* The sink for bodies that are small enough to be kept whole. */

#include <stdlib.h>
#include <string.h>

#include "edge/edge.h"

#define FIRST_SIZE	1024		/* bytes */

static int
memory_data(void *arg, const uint8_t *bytes, size_t len,
    struct vg_edge_refusal *why)
{
	struct vg_body_memory	*m = arg;
	size_t			size;
	char			*p;

	if (len > m->limit || m->len > m->limit - len) {
		why->status = 413;
		why->word = "payload_too_large";
		return (-1);
	}

	if (m->size - m->len < len + 1) {
		size = (m->size != 0) ? m->size * 2 : FIRST_SIZE;
		if (size < m->len + len + 1)
			size = m->len + len + 1;
		if ((p = realloc(m->bytes, size)) == NULL) {
			why->status = 503;
			why->word = "overloaded";
			return (-1);
		}
		m->bytes = p;
		m->size = size;
	}

	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
	m->bytes[m->len] = '\0';

	return (0);
}

static void
memory_abort(void *arg, enum vg_body_end why)
{
	(void)why;
	vg_body_memory_free(arg);
}

void
vg_body_memory_free(struct vg_body_memory *m)
{
	free(m->bytes);
	m->bytes = NULL;
	m->len = 0;
	m->size = 0;
}

const struct vg_body_sink	vg_body_memory_sink = {
	.data = memory_data,
	.abort = memory_abort
};
