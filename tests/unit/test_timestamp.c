/*
 * RFC 3339 and HTTP-date, checked against the C library where it can tell.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/civil.h"
#include "core/timestamp.h"

#define S(x)	(INT64_C(x) * VG_CIVIL_USEC)

static int64_t
parse(const char *text)
{
	int64_t		us;

	return (vg_rfc3339_parse(&us, text, strlen(text)) == 0 ? us : -1);
}

static int64_t
http(const char *text)
{
	int64_t		us;

	/* It is 2026. */
	return (vg_httpdate_parse(&us, text, strlen(text),
	    S(1767323045)) == 0 ? us : -1);
}

static void
formats_agree_with_gmtime(void **unused)
{
	struct tm	tm;
	char		want[64], got[64];
	int64_t		s;
	time_t		t;

	(void)unused;
	/* A step that meets every day of the week, month and leap year. */
	for (s = VG_CIVIL_MIN_S; s < VG_CIVIL_MAX_S; s += 86400 * 97 + 12345) {
		t = (time_t)s;
		assert_non_null(gmtime_r(&t, &tm));
		(void)snprintf(want, sizeof(want),
		    "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		    tm.tm_sec);
		assert_int_equal(vg_rfc3339_format(got, sizeof(got),
		    s * VG_CIVIL_USEC, 0), 20);
		assert_string_equal(got, want);
		assert_true(parse(got) == s * VG_CIVIL_USEC);

		(void)strftime(want, sizeof(want), "%a, %d %b ", &tm);
		(void)snprintf(want + strlen(want), 32,
		    "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900, tm.tm_hour,
		    tm.tm_min, tm.tm_sec);
		assert_int_equal(vg_imfdate_format(got, sizeof(got),
		    s * VG_CIVIL_USEC), 29);
		assert_string_equal(got, want);
		assert_true(http(got) == s * VG_CIVIL_USEC);
	}
}

static void
fractions_are_cut_not_rounded(void **unused)
{
	char		buf[VG_RFC3339_SIZE];

	(void)unused;
	assert_int_equal(vg_rfc3339_format(buf, sizeof(buf),
	    S(0) + 999999, 3), 24);
	assert_string_equal(buf, "1970-01-01T00:00:00.999Z");
	assert_int_equal(vg_rfc3339_format(buf, sizeof(buf), -1, 6), 27);
	assert_string_equal(buf, "1969-12-31T23:59:59.999999Z");
}

static void
what_does_not_fit_is_refused(void **unused)
{
	char		buf[VG_RFC3339_SIZE];

	(void)unused;
	assert_int_equal(vg_rfc3339_format(buf, 27, 0, 6), -1);
	assert_int_equal(vg_rfc3339_format(buf, sizeof(buf), 0, 7), -1);
	assert_int_equal(vg_rfc3339_format(buf, sizeof(buf), INT64_MAX, 0), -1);
	assert_int_equal(vg_rfc3339_format(buf, sizeof(buf), INT64_MIN, 0), -1);
	assert_int_equal(vg_imfdate_format(buf, 28, 0), -1);
}

static void
rfc3339_takes_offsets_and_fractions(void **unused)
{
	(void)unused;
	assert_true(parse("1970-01-01T01:00:00+01:00") == 0);
	assert_true(parse("1969-12-31t19:30:00.5-04:30") == 500000);
	assert_true(parse("1970-01-01T00:00:01.1234569z") == 1123456);
	assert_true(parse("2024-02-29T00:00:00Z") == S(1709164800));
}

static void
a_leap_second_only_where_there_can_be_one(void **unused)
{
	(void)unused;
	assert_true(parse("1990-12-31T23:59:60Z") == S(662688000));
	assert_true(parse("1990-12-31T15:59:60-08:00") == S(662688000));
	assert_true(parse("1990-12-31T22:59:60Z") == -1);
}

static void
rfc3339_refuses_the_rest(void **unused)
{
	static const char	*const bad[] = {
		"", "2026", "2026-01-02", "2026-01-02T03:04:05",
		"2026-01-02 03:04:05Z", "2026-1-02T03:04:05Z",
		"2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z",
		"2026-02-29T03:04:05Z", "2100-02-29T03:04:05Z",
		"2026-04-31T03:04:05Z", "2026-01-00T03:04:05Z",
		"2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z",
		"2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05+0100",
		"2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+01:60",
		"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"+026-01-02T03:04:05Z", "2026-01-02T03:04:05 Z"
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i]) != -1)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void
http_dates_come_in_three_forms(void **unused)
{
	(void)unused;
	assert_true(http("Sun, 06 Nov 1994 08:49:37 GMT") == S(784111777));
	assert_true(http("Sunday, 06-Nov-94 08:49:37 GMT") == S(784111777));
	assert_true(http("Sun Nov  6 08:49:37 1994") == S(784111777));
	assert_true(http("Wed Nov 16 08:49:37 1994") == S(784975777));
}

static void
two_digit_years_are_near(void **unused)
{
	(void)unused;
	/* 2076 is 50 years ahead, 2077 is more. */
	assert_true(http("Wednesday, 01-Jan-76 00:00:00 GMT") ==
	    S(3345062400));
	assert_true(http("Saturday, 01-Jan-77 00:00:00 GMT") == S(220924800));
}

static void
http_dates_refuse_the_rest(void **unused)
{
	static const char	*const bad[] = {
		"", "Sun", "Sun, 06 Nov 1994 08:49:37", "now",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
		"sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Xyz, 06 Nov 1994 08:49:37 GMT"
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (http(bad[i]) != -1)
			fail_msg("accepted: %s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(formats_agree_with_gmtime),
		cmocka_unit_test(fractions_are_cut_not_rounded),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(rfc3339_takes_offsets_and_fractions),
		cmocka_unit_test(a_leap_second_only_where_there_can_be_one),
		cmocka_unit_test(rfc3339_refuses_the_rest),
		cmocka_unit_test(http_dates_come_in_three_forms),
		cmocka_unit_test(two_digit_years_are_near),
		cmocka_unit_test(http_dates_refuse_the_rest)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
