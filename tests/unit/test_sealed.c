/* core/sealed.c: the stored form of an encrypted text, and what it is bound to. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/sealed.h"

#define SESSION	"d42d60a6-9c90-4df2-8000-231fff37cd0e"
#define OTHER	"d42d60a6-9c90-4df2-8000-231fff37cd0f"

static void
what_is_written_is_read(void **unused)
{
	struct vg_sealed	s;
	uint8_t			raw[200 + VG_SEALED_NONCE + VG_SEALED_TAG];
	uint8_t			*buf;
	char			*text;
	size_t			len, i;

	(void)unused;
	for (i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * 37 + 1);
	for (len = 0; len <= 200; len++) {
		text = malloc(vg_sealed_size(len));
		assert_non_null(text);
		vg_sealed_write(text, raw, len);
		assert_int_equal(strlen(text) + 1, vg_sealed_size(len));
		buf = malloc(strlen(text));
		assert_non_null(buf);
		assert_int_equal(vg_sealed_read(&s, buf, text, strlen(text)), 0);
		assert_int_equal(s.len, len);
		assert_memory_equal(s.nonce, raw, VG_SEALED_NONCE);
		assert_memory_equal(s.text, raw + VG_SEALED_NONCE, len);
		assert_memory_equal(s.tag, raw + VG_SEALED_NONCE + len,
		    VG_SEALED_TAG);
		free(buf);
		free(text);
	}
}

static void
what_is_none_is_refused(void **unused)
{
	/* 28 bytes are the least: a nonce, nothing, a tag. */
	static const char *const	bad[] = { "", "v", "v1", "v1:", "v1:AAAA",
		"v2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"V1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n",
		"v1: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==",
		"I said v1:AAAA", "hello" };
	struct vg_sealed		s;
	uint8_t				buf[64];
	size_t				i;

	(void)unused;
	assert_int_equal(vg_sealed_read(&s, buf,
	    "v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 43), 0);
	assert_int_equal(s.len, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vg_sealed_read(&s, buf, bad[i], strlen(bad[i])) != -1)
			fail_msg("taken: %s", bad[i]);
	}
}

static void
too_long_is_refused_unread(void **unused)
{
	struct vg_sealed	s;
	uint8_t			nothing;

	(void)unused;
	/* Not a byte of either is touched. */
	assert_int_equal(vg_sealed_read(&s, &nothing, "v1:",
	    vg_sealed_size(VG_SEALED_TEXT_MAX)), -1);
}

static void
each_place_has_its_own_context(void **unused)
{
	static const struct vg_sealed_place	place[] = {
		{ SESSION, 1, 't' }, { SESSION, 1, 'r' }, { SESSION, 2, 't' },
		{ SESSION, 256, 't' }, { SESSION, INT32_MAX, 't' },
		{ OTHER, 1, 't' }
	};
	uint8_t	context[6][VG_SEALED_CONTEXT];
	size_t	len[6], i, j;

	(void)unused;
	for (i = 0; i < 6; i++) {
		assert_int_equal(vg_sealed_context(context[i], &len[i],
		    &place[i]), 0);
		assert_int_equal(len[i], len[0]);
		for (j = 0; j < i; j++)
			assert_memory_not_equal(context[i], context[j], len[0]);
	}
	/* As it is stored for good: "voicegate transcript v1", the id, ... */
	assert_int_equal(len[0], 24 + 36 + 4 + 1);
	assert_memory_equal(context[2], "voicegate transcript v1\0" SESSION
	    "\0\0\0\2t", len[2]);
}

static void
an_id_in_capitals_is_the_same_place(void **unused)
{
	static const struct vg_sealed_place	a = { SESSION, 7, 'r' };
	static const struct vg_sealed_place	b = {
		"D42D60A6-9C90-4DF2-8000-231FFF37CD0E", 7, 'r' };
	uint8_t	one[VG_SEALED_CONTEXT], two[VG_SEALED_CONTEXT];
	size_t	n, m;

	(void)unused;
	assert_int_equal(vg_sealed_context(one, &n, &a), 0);
	assert_int_equal(vg_sealed_context(two, &m, &b), 0);
	assert_int_equal(n, m);
	assert_memory_equal(one, two, n);
}

static void
what_is_no_place_is_refused(void **unused)
{
	static const struct vg_sealed_place	bad[] = {
		{ "", 1, 't' }, { "x", 1, 't' }, { SESSION "0", 1, 't' },
		{ SESSION, 0, 't' }, { SESSION, -1, 't' },
		{ SESSION, (int64_t)INT32_MAX + 1, 't' }, { SESSION, 1, 'x' },
		{ SESSION, 1, '\0' }
	};
	uint8_t	out[VG_SEALED_CONTEXT];
	size_t	i, len;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vg_sealed_context(out, &len, &bad[i]), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(too_long_is_refused_unread),
		cmocka_unit_test(each_place_has_its_own_context),
		cmocka_unit_test(an_id_in_capitals_is_the_same_place),
		cmocka_unit_test(what_is_no_place_is_refused),
	};

	return (cmocka_run_group_tests_name("sealed", tests, NULL, NULL));
}
