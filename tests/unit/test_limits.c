/*
 * Limits as text, and the fields that tell clients of them.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/window.h"

#define T0	(INT64_C(1767323040) * VG_USEC)

static const char *
shown(const char *text)
{
	static char		buf[128];
	struct vg_limits	l;

	if (vg_limits_parse(&l, text, strlen(text)) == -1)
		return ("refused");
	assert_int_equal(vg_limits_format(buf, sizeof(buf), &l), 0);

	return (buf);
}

static void
the_usual_notations_are_read(void **unused)
{
	(void)unused;
	assert_string_equal(shown("10/minute"), "10/60s");
	assert_string_equal(shown("10/minute;100/hour"), "10/60s;100/3600s");
	assert_string_equal(shown(" 10 / Minute , 100 / HOUR "),
	    "10/60s;100/3600s");
	assert_string_equal(shown("10 per minute"), "10/60s");
	assert_string_equal(shown("5/30s"), "5/30s");
	assert_string_equal(shown("5 per 2 hours"), "5/7200s");
	assert_string_equal(shown("1/d;2/h;3/min;4/s"),
	    "1/86400s;2/3600s;3/60s;4/1s");
	assert_string_equal(shown("1000000000/31days"),
	    "1000000000/2678400s");
}

static void
everything_else_is_refused(void **unused)
{
	static const char	*const bad[] = {
		"", " ", "10", "10/", "/minute", "ten/minute", "0/minute",
		"10/0s", "-1/minute", "+1/minute", "10/fortnight",
		"10/minute;", ";10/minute", "10/minute;;5/hour",
		"10/minute;20/60s", "10/32days", "1000000001/s",
		"99999999999999999999/s", "10/99999999999999999999s",
		"1/s;1/2s;1/3s;1/4s;1/5s", "10permin", "10 per", "10/minute x",
		"10.5/minute", "10/minute\n"
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(shown(bad[i]), "refused") != 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void
a_refused_text_changes_nothing(void **unused)
{
	struct vg_limits	l;

	(void)unused;
	assert_int_equal(vg_limits_per_minute(&l, 10), 0);
	assert_int_equal(vg_limits_parse(&l, "5/hour;x", 8), -1);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.item[0].quota, 10);
}

static void
per_minute_has_a_range(void **unused)
{
	struct vg_limits	l;

	(void)unused;
	assert_int_equal(vg_limits_per_minute(&l, 0), -1);
	assert_int_equal(vg_limits_per_minute(&l, VG_LIMIT_QUOTA_MAX), 0);
	assert_int_equal(vg_limits_per_minute(&l,
	    INT64_C(1) + VG_LIMIT_QUOTA_MAX), -1);
}

static void
a_share_is_at_least_one(void **unused)
{
	struct vg_limits	l, part;

	(void)unused;
	assert_int_equal(vg_limits_parse(&l, "10/minute;3/hour", 16), 0);
	vg_limits_divide(&part, &l, 4);
	assert_int_equal(part.item[0].quota, 2);
	assert_int_equal(part.item[1].quota, 1);
	assert_int_equal(part.item[1].window_s, 3600);
	vg_limits_divide(&part, &l, 0);
	assert_int_equal(part.item[0].quota, 10);
	vg_limits_divide(&l, &l, 2);
	assert_int_equal(l.item[0].quota, 5);
}

static void
the_fields_are_the_contracts(void **unused)
{
	struct vg_limits	l;
	struct vg_quota		q;
	char			buf[VG_RATELIMIT_SIZE];

	(void)unused;
	assert_int_equal(vg_limits_per_minute(&l, 10), 0);
	assert_int_equal(vg_ratelimit_policy(buf, sizeof(buf), "session", &l),
	    19);
	assert_string_equal(buf, "\"session\";q=10;w=60");
	vg_fixed_quota(&q, &l.item[0], 6, 1, T0 + 19 * VG_USEC);
	assert_int_equal(vg_ratelimit(buf, sizeof(buf), "session", &l, &q,
	    T0 + 19 * VG_USEC), 18);
	assert_string_equal(buf, "\"session\";r=3;t=41");
}

static void
several_limits_have_several_names(void **unused)
{
	struct vg_limits	l;
	struct vg_quota		q;
	char			buf[VG_RATELIMIT_POLICY_SIZE];

	(void)unused;
	assert_int_equal(vg_limits_parse(&l, "10/minute;100/hour", 18), 0);
	assert_true(vg_ratelimit_policy(buf, sizeof(buf), "voice", &l) > 0);
	assert_string_equal(buf,
	    "\"voice\";q=10;w=60, \"voice-3600\";q=100;w=3600");
	vg_fixed_quota(&q, &l.item[1], 99, 1, T0);
	assert_true(vg_ratelimit(buf, sizeof(buf), "voice", &l, &q, T0) > 0);
	assert_memory_equal(buf, "\"voice-3600\";r=0;t=", 19);
}

static void
names_and_sizes_are_checked(void **unused)
{
	struct vg_limits	l;
	struct vg_quota		q;
	char			buf[VG_RATELIMIT_POLICY_SIZE];

	(void)unused;
	assert_int_equal(vg_limits_per_minute(&l, 10), 0);
	assert_int_equal(vg_ratelimit_policy(buf, sizeof(buf), "", &l), -1);
	assert_int_equal(vg_ratelimit_policy(buf, sizeof(buf), "a\"b", &l), -1);
	assert_int_equal(vg_ratelimit_policy(buf, sizeof(buf),
	    "abcdefghijklmnopqrstuvwxyzabcdefg", &l), -1);
	assert_int_equal(vg_ratelimit_policy(buf, 19, "session", &l), -1);
	vg_fixed_quota(&q, &l.item[0], 0, 1, T0);
	assert_int_equal(vg_ratelimit(buf, 10, "session", &l, &q, T0), -1);
	assert_int_equal(vg_limits_format(buf, 5, &l), -1);
	l.count = 0;
	assert_int_equal(vg_ratelimit_policy(buf, sizeof(buf), "a", &l), -1);
}

static void
the_longest_fields_fit_their_sizes(void **unused)
{
	static const char	name[] = "abcdefghijklmnopqrstuvwxyzabcdef";
	static const char	text[] = "1000000000/2678397s;"
	    "1000000000/2678398s;1000000000/2678399s;1000000000/2678400s";
	struct vg_limits	l;
	struct vg_quota		q;
	char			policy[VG_RATELIMIT_POLICY_SIZE];
	char			state[VG_RATELIMIT_SIZE];

	(void)unused;
	assert_int_equal(vg_limits_parse(&l, text, strlen(text)), 0);
	assert_true(vg_ratelimit_policy(policy, sizeof(policy), name, &l) > 0);
	vg_quota_from_store(&q, &l.item[3], true, 0,
	    T0 + VG_LIMIT_WINDOW_MAX * VG_USEC, 0, T0);
	assert_true(vg_ratelimit(state, sizeof(state), name, &l, &q, T0) > 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(the_usual_notations_are_read),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(a_refused_text_changes_nothing),
		cmocka_unit_test(per_minute_has_a_range),
		cmocka_unit_test(a_share_is_at_least_one),
		cmocka_unit_test(the_fields_are_the_contracts),
		cmocka_unit_test(several_limits_have_several_names),
		cmocka_unit_test(names_and_sizes_are_checked),
		cmocka_unit_test(the_longest_fields_fit_their_sizes)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
