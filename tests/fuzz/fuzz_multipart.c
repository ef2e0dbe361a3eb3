/*
 * The form parser. The first line of the input is the Content-Type, the rest
 * the content. However that is cut, the same parts with the same data come out
 * and the same verdict; and no more data than went in.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/multipart.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

/* A running hash of the events, data slices joined (FNV-1a). */
struct record {
	uint64_t	hash;
	size_t		bytes;
	unsigned int	parts;
	bool		open;
};

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
mix(struct record *r, const void *data, size_t len)
{
	const uint8_t	*p = data;

	while (len-- > 0)
		r->hash = (r->hash ^ *p++) * UINT64_C(1099511628211);
}

static int
on_begin(void *arg, const struct vg_multipart_part *p)
{
	struct record	*r = arg;

	CHECK(!r->open && p->index == r->parts);
	CHECK(p->name_len > 0 && p->name_len <= VG_MULTIPART_NAME_MAX);
	CHECK(strlen(p->name) == p->name_len);
	CHECK(strlen(p->type) == p->type_len);
	r->open = true;
	r->parts++;
	mix(r, "<", 1);
	mix(r, p->name, p->name_len);
	mix(r, "|", 1);
	mix(r, p->type, p->type_len);
	mix(r, p->has_filename ? "+" : "-", 1);

	return (0);
}

static int
on_data(void *arg, const uint8_t *data, size_t len)
{
	struct record	*r = arg;

	CHECK(r->open && len > 0);
	r->bytes += len;
	mix(r, data, len);

	return (0);
}

static int
on_end(void *arg)
{
	struct record	*r = arg;

	CHECK(r->open);
	r->open = false;
	mix(r, ">", 1);

	return (0);
}

static enum vg_multipart_error
run(struct record *r, const char *type, size_t tlen, const uint8_t *data,
    size_t size, size_t step)
{
	static const struct vg_multipart_callbacks	cb = {
		on_begin, on_data, on_end
	};
	static struct vg_multipart	p;
	size_t				at, n;
	uint8_t				*copy;
	int				rc;

	memset(r, 0, sizeof(*r));
	rc = vg_multipart_init(&p, type, tlen, &cb, r);
	for (at = 0; rc == 0 && at < size; at += n) {
		n = step < size - at ? step : size - at;
		copy = malloc(n);
		CHECK(copy != NULL);
		memcpy(copy, data + at, n);
		rc = vg_multipart_feed(&p, copy, n);
		free(copy);
	}
	if (rc == 0)
		rc = vg_multipart_finish(&p);

	CHECK((rc == 0) == (p.error == VG_MULTIPART_OK));
	CHECK(rc != 0 || !r->open);
	CHECK(r->bytes <= size);

	return (p.error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record		whole, part;
	enum vg_multipart_error	error;
	const uint8_t		*line = memchr(data, '\n', size);
	const char		*type = (const char *)data;
	size_t			tlen, step;

	if (line == NULL)
		return (0);
	tlen = (size_t)(line - data);
	data = line + 1;
	size -= tlen + 1;

	error = run(&whole, type, tlen, data, size, size > 0 ? size : 1);
	for (step = 1; step < size && step < 12; step++) {
		CHECK(run(&part, type, tlen, data, size, step) == error);
		CHECK(part.hash == whole.hash && part.parts == whole.parts);
		CHECK(part.bytes == whole.bytes);
	}

	return (0);
}
