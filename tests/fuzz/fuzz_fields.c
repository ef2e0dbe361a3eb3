/* Field values: every slice that is handed out lies within the value. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/fields.h"

#define CHECK(c)	do { if (!(c)) abort(); } while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_within(const char *s, size_t len, struct vg_str part)
{
	CHECK(part.s >= s && part.len <= len &&
	    part.s + part.len <= s + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vg_media_type	m;
	struct vg_field_list	l;
	struct vg_str		item, name, value;
	struct vg_field_params	p;
	char			out[32], *s = malloc(size > 0 ? size : 1);
	size_t			used, n = 0;
	bool			quoted;
	int			q;

	CHECK(s != NULL);
	memcpy(s, data, size);

	check_within(s, size, vg_field_trim(s, size));

	used = vg_field_quoted(s, size, out, sizeof(out), &n);
	CHECK(used <= size && n <= sizeof(out));

	vg_field_list_init(&l, s, size);
	while (vg_field_list_next(&l, &item) == 1) {
		check_within(s, size, item);
		CHECK(item.len > 0);
	}

	vg_field_params_init(&p, s, size);
	while (vg_field_param_next(&p, &name, &value, &quoted) == 1) {
		check_within(s, size, name);
		check_within(s, size, value);
		CHECK(vg_field_is_token(name.s, name.len));
		CHECK(quoted || vg_field_is_token(value.s, value.len));
	}

	if (vg_field_media_type(&m, s, size) == 0) {
		check_within(s, size, m.type);
		check_within(s, size, m.subtype);
		check_within(s, size, m.params);
		if (vg_media_type_param(&m, "boundary", out, sizeof(out),
		    &n) == 1)
			CHECK(n <= sizeof(out));
	}

	q = vg_field_none_match(s, size, "\"x\"");
	CHECK(q >= -1 && q <= 1);
	CHECK(vg_field_if_match(s, size, "\"x\"") <= q || q == -1);
	q = vg_field_coding_q(s, size, "gzip");
	CHECK(q >= -1 && q <= VG_QVALUE_MAX);
	if (vg_field_bearer(s, size, &item) == 1) {
		check_within(s, size, item);
		CHECK(item.len > 0 && item.len <= VG_BEARER_MAX);
	}
	if (vg_field_is_etag(s, size))
		CHECK(vg_field_etag_weak_eq(s, size, s, size));
	free(s);

	return (0);
}
