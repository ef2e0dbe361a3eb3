/*
 * Audio by content: the table in tests/cases/sniff, each case also as it grows
 * byte by byte, because that is how an upload is seen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sniff.h"
#include "lib/cases.h"

static enum vg_sniff_verdict
sniff_copy(const uint8_t *data, size_t len, bool final, struct vg_sniff *out)
{
	enum vg_sniff_verdict	v;
	uint8_t			*copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	v = vg_sniff(copy, len, final, out);
	free(copy);

	return (v);
}

static int
complain(const struct test_case *tc, const char *what, size_t at)
{
	fprintf(stderr, "sniff/%s: %s (at byte %zu)\n", tc->name, what, at);

	return (1);
}

static int
run_case(const struct test_case *tc, void *arg)
{
	enum vg_sniff_verdict	whole, part, settled = VG_SNIFF_NEED_MORE;
	struct vg_sniff		is = { VG_SNIFF_NONE, "no", "" }, then;
	const char		*want = case_get(tc, "verdict");
	size_t			i;

	(void)arg;
	whole = sniff_copy(tc->input, tc->input_len, true, &is);
	if (whole == VG_SNIFF_NEED_MORE)
		return (complain(tc, "needs more of what is whole", 0));
	if (want == NULL || strcmp(want, is.ext) != 0)
		return (complain(tc, is.ext, tc->input_len));

	for (i = 0; i <= tc->input_len; i++) {
		then.ext = "none";
		part = sniff_copy(tc->input, i, false, &then);
		/* What was said is not taken back. */
		if (settled != VG_SNIFF_NEED_MORE && part != settled)
			return (complain(tc, "took its verdict back", i));
		if (part == VG_SNIFF_NEED_MORE)
			continue;
		settled = part;
		if (part != whole)
			return (complain(tc, "said another thing early", i));
		if (part == VG_SNIFF_MATCH && strcmp(then.ext, is.ext) != 0)
			return (complain(tc, "matched another format", i));
	}

	return (0);
}

static void
test_every_case_is_told_and_never_taken_back(void **state)
{
	size_t	count;
	int	failed;

	(void)state;
	failed = cases_each("sniff", run_case, NULL, &count);
	print_message("sniff: %zu cases\n", count);
	assert_int_equal(failed, 0);
	assert_true(count >= 60);
}

static void
test_the_answer_is_final_at_the_maximum(void **state)
{
	static uint8_t		buf[VG_SNIFF_MAX];
	size_t			i;
	static const char	*const starts[] = { "", "RIFF", "ID3", "\xff",
	    "\x1a\x45\xdf\xa3", "OggS" };

	(void)state;
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		memset(buf, 0, sizeof(buf));
		memcpy(buf, starts[i], strlen(starts[i]));
		assert_int_not_equal(vg_sniff(buf, sizeof(buf), false, NULL),
		    VG_SNIFF_NEED_MORE);
	}
}

static void
test_what_is_hopeless_is_refused_early(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		within;	/* bytes */
	} hopeless[] = {
		{ "<html>", 1 }, { "PK\x03\x04", 1 }, { "\x89PNG", 1 },
		{ "hello", 1 }, { "\xff\xd8\xff\xe0", 2 }, { "RIFX1234", 4 },
		{ "OggT", 4 }, { "ID4", 3 }
	};
	size_t			i;

	(void)state;
	for (i = 0; i < sizeof(hopeless) / sizeof(hopeless[0]); i++) {
		assert_int_equal(vg_sniff((const uint8_t *)hopeless[i].bytes,
		    hopeless[i].within, false, NULL), VG_SNIFF_NO);
	}
}

static void
test_types_and_extensions_are_canonical(void **state)
{
	static const uint8_t	wav[] = "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0";
	struct vg_sniff		is;

	(void)state;
	assert_int_equal(vg_sniff(wav, sizeof(wav) - 1, false, &is),
	    VG_SNIFF_MATCH);
	assert_int_equal(is.kind, VG_SNIFF_WAV);
	assert_string_equal(is.ext, "wav");
	assert_string_equal(is.type, "audio/wav");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_every_case_is_told_and_never_taken_back),
		cmocka_unit_test(test_the_answer_is_final_at_the_maximum),
		cmocka_unit_test(test_what_is_hopeless_is_refused_early),
		cmocka_unit_test(test_types_and_extensions_are_canonical),
	};

	return (cmocka_run_group_tests_name("sniff", tests, NULL, NULL));
}
