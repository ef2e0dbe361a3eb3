/*
 * When a failed call is made again, and how a turn's time is shared out.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "upstream/backoff.h"
#include "upstream/stages.h"

#define PLENTY	UINT64_C(100000)	/* milliseconds left */

static void
only_what_is_safe_is_repeated(void **unused)
{
	int	e;
	bool	sent, safe;

	(void)unused;
	for (e = 0; e < VG_UP_ERRORS; e++) {
		sent = e == VG_UP_SERVER || e == VG_UP_RATE_LIMITED;
		safe = sent || e == VG_UP_UNREACHABLE || e == VG_UP_TIMEOUT;
		assert_int_equal(vg_backoff_ms((enum vg_up_error)e, false, 0,
		    1, PLENTY, 0) >= 0, sent);
		assert_int_equal(vg_backoff_ms((enum vg_up_error)e, true, 0,
		    1, PLENTY, 0) >= 0, safe);
	}
}

static void
it_is_repeated_twice_at_most(void **unused)
{
	(void)unused;
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 0, PLENTY, 0),
	    -1);
	assert_true(vg_backoff_ms(VG_UP_SERVER, false, 0,
	    VG_UPSTREAM_RETRIES_MAX, PLENTY, 0) >= 0);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0,
	    VG_UPSTREAM_RETRIES_MAX + 1, PLENTY, 0), -1);
}

static void
the_wait_is_drawn_from_the_whole_range_which_doubles(void **unused)
{
	(void)unused;
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1, PLENTY, 0),
	    0);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1, PLENTY,
	    UINT32_MAX), VG_BACKOFF_BASE_MS);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 2, PLENTY,
	    UINT32_MAX), 2 * VG_BACKOFF_BASE_MS);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1, PLENTY,
	    UINT32_MAX / 2), VG_BACKOFF_BASE_MS / 2);
}

static void
retry_after_is_obeyed_or_the_call_is_over(void **unused)
{
	(void)unused;
	assert_int_equal(vg_backoff_ms(VG_UP_RATE_LIMITED, false, 3, 1,
	    PLENTY, 0), 3000);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 3, 1, PLENTY, 0),
	    3000);
	assert_int_equal(vg_backoff_ms(VG_UP_RATE_LIMITED, false, 3, 1,
	    3000 + VG_BACKOFF_MIN_LEFT_MS, 0), 3000);
	assert_int_equal(vg_backoff_ms(VG_UP_RATE_LIMITED, false, 3, 1,
	    3000 + VG_BACKOFF_MIN_LEFT_MS - 1, 0), -1);
	assert_int_equal(vg_backoff_ms(VG_UP_RATE_LIMITED, false,
	    VG_UPSTREAM_RETRY_AFTER_MAX, 1, PLENTY, UINT32_MAX), -1);
}

static void
without_time_nothing_is_repeated(void **unused)
{
	(void)unused;
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1, 0, 0), -1);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1,
	    VG_BACKOFF_MIN_LEFT_MS - 1, 0), -1);
	assert_int_equal(vg_backoff_ms(VG_UP_SERVER, false, 0, 1,
	    VG_BACKOFF_MIN_LEFT_MS, 0), 0);
}

static void
a_stage_leaves_what_is_kept_for_the_others(void **unused)
{
	(void)unused;
	assert_int_equal(vg_stage_deadline(1000, 31000, 30000, 25, 0), 23500);
	assert_int_equal(vg_stage_deadline(1000, 31000, 30000, 0, 0), 31000);
	assert_int_equal(vg_stage_deadline(1000, 31000, 30000, 25, 5000), 6000);
	/* A late one has no time, but never less than none. */
	assert_int_equal(vg_stage_deadline(30000, 31000, 30000, 15, 0), 30000);
	assert_int_equal(vg_stage_deadline(32000, 31000, 30000, 0, 0), 32000);
	assert_int_equal(vg_stage_deadline(0, 50, 150, 50, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(only_what_is_safe_is_repeated),
		cmocka_unit_test(it_is_repeated_twice_at_most),
		cmocka_unit_test(the_wait_is_drawn_from_the_whole_range_which_doubles),
		cmocka_unit_test(retry_after_is_obeyed_or_the_call_is_over),
		cmocka_unit_test(without_time_nothing_is_repeated),
		cmocka_unit_test(a_stage_leaves_what_is_kept_for_the_others),
	};

	return (cmocka_run_group_tests_name("upbackoff", tests, NULL, NULL));
}
