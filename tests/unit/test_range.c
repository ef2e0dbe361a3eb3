/* Range: the table in tests/cases/range, If-Range and Content-Range. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/range.h"
#include "lib/cases.h"

static int
run_case(const struct test_case *tc, void *arg)
{
	struct vg_range	r;
	const char	*size = case_get(tc, "size");
	const char	*want = case_get(tc, "verdict");
	char		got[64];

	(void)arg;
	if (size == NULL || want == NULL)
		return (1);

	switch (vg_range_parse((const char *)tc->input, tc->input_len,
	    strtoull(size, NULL, 10), &r)) {
	case VG_RANGE_IGNORE:
		(void)snprintf(got, sizeof(got), "ignore");
		break;
	case VG_RANGE_UNSATISFIABLE:
		(void)snprintf(got, sizeof(got), "unsatisfiable");
		break;
	case VG_RANGE_PARTIAL:
		(void)snprintf(got, sizeof(got), "%" PRIu64 "-%" PRIu64,
		    r.first, r.last);
		assert_true(r.length == r.last - r.first + 1);
		break;
	}

	if (strcmp(got, want) == 0)
		return (0);
	fprintf(stderr, "range/%s: want %s, got %s\n", tc->name, want, got);

	return (1);
}

static void
test_every_case(void **state)
{
	size_t	count;
	int	failed;

	(void)state;
	failed = cases_each("range", run_case, NULL, &count);
	print_message("range: %zu cases\n", count);
	assert_int_equal(failed, 0);
	assert_true(count >= 40);
}

static void
test_the_largest_file_has_its_ranges(void **state)
{
	static const char	all[] = "bytes=0-";
	static const char	last[] = "bytes=-1";
	struct vg_range		r;

	(void)state;
	assert_int_equal(vg_range_parse(all, sizeof(all) - 1, UINT64_MAX, &r),
	    VG_RANGE_PARTIAL);
	assert_true(r.first == 0 && r.last == UINT64_MAX - 1 &&
	    r.length == UINT64_MAX);
	assert_int_equal(vg_range_parse(last, sizeof(last) - 1, UINT64_MAX,
	    &r), VG_RANGE_PARTIAL);
	assert_true(r.first == UINT64_MAX - 1 && r.length == 1);
}

static void
test_if_range_compares_strongly(void **state)
{
	(void)state;
	assert_true(vg_range_if_range("\"a\"", 3, "\"a\""));
	assert_false(vg_range_if_range("\"b\"", 3, "\"a\""));
	assert_false(vg_range_if_range("W/\"a\"", 5, "\"a\""));
	assert_false(vg_range_if_range("\"a\"", 3, "W/\"a\""));
	assert_false(vg_range_if_range("W/\"a\"", 5, "W/\"a\""));
	assert_false(vg_range_if_range("a", 1, "\"a\""));
	assert_false(vg_range_if_range("Tue, 15 Nov 1994 08:12:31 GMT", 29,
	    "\"a\""));
	assert_false(vg_range_if_range("", 0, "\"a\""));
}

static void
test_content_range_is_written(void **state)
{
	const struct vg_range	r = { 0, 499, 500 };
	const struct vg_range	max = { UINT64_MAX, UINT64_MAX, 1 };
	char			out[VG_RANGE_CONTENT_SIZE];

	(void)state;
	assert_int_equal(vg_range_content(out, sizeof(out), &r, 1234), 16);
	assert_string_equal(out, "bytes 0-499/1234");
	(void)vg_range_content(out, sizeof(out), NULL, 1234);
	assert_string_equal(out, "bytes */1234");
	assert_true(vg_range_content(out, sizeof(out), &max, UINT64_MAX) <
	    sizeof(out));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_every_case),
		cmocka_unit_test(test_the_largest_file_has_its_ranges),
		cmocka_unit_test(test_if_range_compares_strongly),
		cmocka_unit_test(test_content_range_is_written),
	};

	return (cmocka_run_group_tests_name("range", tests, NULL, NULL));
}
