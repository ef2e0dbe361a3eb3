/*
 * The request head parser. Whatever bytes arrive: the verdict does not depend
 * on how they were cut, every offset is in bounds, and a head that is accepted
 * can be put together again from what was found, byte for byte: nothing of it
 * went unread.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/fields.h"
#include "core/head.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_span(struct vg_span s, size_t length)
{
	CHECK((size_t)s.off + s.len <= length);
}

static void
check_ows(const uint8_t *b, size_t from, size_t to)
{
	CHECK(from <= to);
	for (; from < to; from++)
		CHECK(b[from] == ' ' || b[from] == '\t');
}

/* Walks the head by the spans alone. */
static void
check_whole(const struct vg_head *h, const uint8_t *b)
{
	const struct vg_head_field	*f;
	size_t				at, i, lengths = 0, hosts = 0;

	CHECK(h->method_span.off == 0 && h->method_span.len > 0);
	at = h->method_span.len;
	CHECK(b[at] == ' ' && h->target.off == at + 1 && h->target.len > 0);
	at = (size_t)h->target.off + h->target.len;
	CHECK(memcmp(b + at, h->http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n",
	    11) == 0);
	at += 11;

	for (i = 0; i < h->nfields; i++) {
		f = &h->fields[i];
		CHECK(f->name.off == at);
		CHECK(vg_field_is_token(vg_head_text(b, f->name),
		    f->name.len));
		at += f->name.len;
		CHECK(b[at++] == ':');
		check_ows(b, at, f->value.off);
		CHECK(vg_field_is_value(vg_head_text(b, f->value),
		    f->value.len));
		if (f->value.len > 0)
			CHECK(vg_field_trim(vg_head_text(b, f->value),
			    f->value.len).len == f->value.len);
		at = (size_t)f->value.off + f->value.len;
		while (b[at] == ' ' || b[at] == '\t')
			at++;
		CHECK(b[at] == '\r' && b[at + 1] == '\n');
		at += 2;
		lengths += vg_field_eq(vg_head_text(b, f->name), f->name.len,
		    "Content-Length");
		hosts += vg_field_eq(vg_head_text(b, f->name), f->name.len,
		    "Host");
		CHECK(!vg_field_eq(vg_head_text(b, f->name), f->name.len,
		    "Transfer-Encoding"));
	}
	CHECK(b[at] == '\r' && b[at + 1] == '\n');
	CHECK(at + 2 == h->length);

	CHECK(hosts == (h->has_host ? 1 : 0) && (h->has_host || h->http10));
	CHECK(lengths == (h->has_content_length ? 1 : 0));
	CHECK(h->has_content_length || h->content_length == 0);
	CHECK(memchr(b, '\0', h->length) == NULL);

	check_span(h->authority, h->length);
	check_span(h->path, h->length);
	check_span(h->query, h->length);
	check_span(h->host, h->length);
	CHECK(h->path.len == 0 || b[h->path.off] == '/');
	CHECK(!h->expect_continue || h->content_length > 0);
}

static void
check_same(const struct vg_head *a, const struct vg_head *b)
{
	CHECK(a->verdict == b->verdict && a->reason == b->reason);
	if (a->verdict != VG_HEAD_DONE)
		return;
	CHECK(a->length == b->length && a->nfields == b->nfields);
	CHECK(a->content_length == b->content_length && a->close == b->close);
	CHECK(memcmp(a->fields, b->fields, a->nfields *
	    sizeof(a->fields[0])) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vg_head	whole, bytes, two;
	struct vg_head_limits	small = { 64, 128, 4, 16, 32 };
	size_t			i, cut;
	uint8_t			*copy;

	/* The first byte chooses the limits, the second where to cut. */
	if (size < 2)
		return (0);
	cut = (size_t)data[1] * (size - 2) / 255;
	vg_head_init(&whole, (data[0] & 1) ? &small : NULL);
	vg_head_init(&bytes, (data[0] & 1) ? &small : NULL);
	vg_head_init(&two, (data[0] & 1) ? &small : NULL);
	data += 2;
	size -= 2;

	(void)vg_head_feed(&whole, data, size);

	for (i = 0; i <= size; i++)
		(void)vg_head_feed(&bytes, data, i);
	check_same(&whole, &bytes);

	copy = malloc(cut > 0 ? cut : 1);
	CHECK(copy != NULL);
	memcpy(copy, data, cut);
	(void)vg_head_feed(&two, copy, cut);
	free(copy);
	(void)vg_head_feed(&two, data, size);
	check_same(&whole, &two);

	if (whole.verdict == VG_HEAD_DONE) {
		CHECK(whole.length <= size);
		check_whole(&whole, data);
	} else if (whole.verdict == VG_HEAD_REFUSED) {
		CHECK(vg_head_reason_status(whole.reason) >= 400);
	}

	return (0);
}
