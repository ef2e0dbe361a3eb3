/*
 * The in-memory limiter: exact while there is room, lenient and never larger
 * when there is not.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/localwindow.h"

#define T0	(INT64_C(1767323040) * VG_USEC)

static const uint8_t	key[VG_SIPHASH_KEY_SIZE] = { 1, 2, 3 };

static struct vg_local_who
who(const char *client, uint32_t class)
{
	struct vg_local_who	w;

	w.client = client;
	w.len = strlen(client);
	w.class = class;

	return (w);
}

static int
admitted(struct vg_local *t, const struct vg_local_who *w, const char *limits,
    enum vg_strategy strategy, int64_t now, int tries)
{
	struct vg_limits	l;
	struct vg_quota		q[VG_LIMITS_MAX];
	int			n;

	assert_int_equal(vg_limits_parse(&l, limits, strlen(limits)), 0);
	for (n = 0; tries-- > 0;)
		n += vg_local_check(t, w, &l, strategy, 1, now, q);

	return (n);
}

static void
both_strategies_admit_the_quota(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;

	(void)unused;
	t = vg_local_new(1024, key);
	assert_non_null(t);
	w = who("192.0.2.1", 1);
	assert_int_equal(admitted(t, &w, "10/minute", VG_STRATEGY_FIXED, T0,
	    30), 10);
	assert_int_equal(admitted(t, &w, "10/minute", VG_STRATEGY_FIXED,
	    T0 + 60 * VG_USEC, 30), 10);
	assert_int_equal(admitted(t, &w, "10/minute", VG_STRATEGY_MOVING, T0,
	    30), 10);
	assert_int_equal(admitted(t, &w, "10/minute", VG_STRATEGY_MOVING,
	    T0 + 60 * VG_USEC - 1, 30), 0);
	assert_int_equal(admitted(t, &w, "10/minute", VG_STRATEGY_MOVING,
	    T0 + 60 * VG_USEC, 30), 10);
	vg_local_free(t);
}

static void
clients_and_classes_are_apart(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	a, b, c;

	(void)unused;
	t = vg_local_new(1024, key);
	a = who("192.0.2.1", 1);
	b = who("192.0.2.2", 1);
	c = who("192.0.2.1", 2);
	assert_int_equal(admitted(t, &a, "3/minute", VG_STRATEGY_FIXED, T0, 9),
	    3);
	assert_int_equal(admitted(t, &b, "3/minute", VG_STRATEGY_FIXED, T0, 9),
	    3);
	assert_int_equal(admitted(t, &c, "3/minute", VG_STRATEGY_FIXED, T0, 9),
	    3);
	vg_local_clear(t);
	assert_int_equal(vg_local_count(t, T0), 0);
	assert_int_equal(admitted(t, &a, "3/minute", VG_STRATEGY_FIXED, T0, 9),
	    3);
	vg_local_free(t);
}

static void
several_limits_take_together_or_not_at_all(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;
	struct vg_limits	l;
	struct vg_quota		q[VG_LIMITS_MAX];
	int			strategy, i;

	(void)unused;
	assert_int_equal(vg_limits_parse(&l, "2/minute;3/hour", 15), 0);
	for (strategy = VG_STRATEGY_FIXED; strategy <= VG_STRATEGY_MOVING;
	    strategy++) {
		t = vg_local_new(64, key);
		w = who("a", 0);
		for (i = 0; i < 2; i++)
			assert_true(vg_local_check(t, &w, &l,
			    (enum vg_strategy)strategy, 1, T0, q));
		/* Refused by the minute: the hour keeps its third. */
		assert_false(vg_local_check(t, &w, &l,
		    (enum vg_strategy)strategy, 1, T0, q));
		assert_false(q[0].admitted);
		assert_true(q[1].admitted);
		assert_int_equal(q[1].remaining, 1);
		assert_true(vg_local_check(t, &w, &l,
		    (enum vg_strategy)strategy, 1, T0 + 60 * VG_USEC, q));
		assert_false(vg_local_check(t, &w, &l,
		    (enum vg_strategy)strategy, 1, T0 + 120 * VG_USEC, q));
		assert_true(q[0].admitted);
		assert_int_equal(q[0].remaining, 2);
		assert_false(q[1].admitted);
		vg_local_free(t);
	}
}

static void
a_refusal_is_known_until_its_moment(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w, other;
	struct vg_limit		ten = { 10, 60 };
	struct vg_quota		q, out;

	(void)unused;
	t = vg_local_new(64, key);
	w = who("2001:db8::/64", 7);
	other = who("2001:db8::/64", 8);
	vg_fixed_quota(&q, &ten, 10, 1, T0 + 5);
	assert_false(vg_local_denied(t, &w, T0, &out));
	vg_local_deny(t, &w, &q, T0 + 5, 0);
	assert_true(vg_local_denied(t, &w, T0 + 60 * VG_USEC - 1, &out));
	assert_false(out.admitted);
	assert_int_equal(out.limit.quota, 10);
	assert_true(out.retry_us == T0 + 60 * VG_USEC);
	assert_false(vg_local_denied(t, &other, T0 + 6, &out));
	assert_false(vg_local_denied(t, &w, T0 + 60 * VG_USEC, &out));
	vg_local_forget(t, &w);
	assert_false(vg_local_denied(t, &w, T0 + 6, &out));
	/* It may have been made two seconds ago: so much earlier it is forgotten. */
	vg_local_deny(t, &w, &q, T0 + 5, 2 * VG_USEC);
	assert_true(vg_local_denied(t, &w, T0 + 58 * VG_USEC - 1, &out));
	assert_true(out.retry_us == T0 + 60 * VG_USEC);
	assert_false(vg_local_denied(t, &w, T0 + 58 * VG_USEC, &out));
	vg_local_forget(t, &w);
	/* A moment that is over is not worth an entry. */
	vg_local_deny(t, &w, &q, T0 + 61 * VG_USEC, 0);
	assert_int_equal(vg_local_count(t, T0), 0);
	vg_local_free(t);
}

static void
many_clients_never_make_it_larger(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;
	char			name[32];
	int			i;

	(void)unused;
	t = vg_local_new(256, key);
	for (i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "10.0.%d.%d", i / 256,
		    i % 256);
		w = who(name, 0);
		assert_int_equal(admitted(t, &w, "1/minute",
		    VG_STRATEGY_FIXED, T0, 1), 1);
	}
	assert_int_equal(vg_local_count(t, T0), 256);
	vg_local_free(t);
}

static void
the_soonest_to_expire_goes_first(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;
	char			name[32];
	int			i;

	(void)unused;
	/* One that lasts a day outlives any number that last a second. */
	t = vg_local_new(64, key);
	w = who("lasting", 0);
	assert_int_equal(admitted(t, &w, "1/day", VG_STRATEGY_FIXED, T0, 1), 1);
	for (i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		w = who(name, 0);
		(void)admitted(t, &w, "1/s", VG_STRATEGY_FIXED, T0, 1);
	}
	w = who("lasting", 0);
	assert_int_equal(admitted(t, &w, "1/day", VG_STRATEGY_FIXED, T0, 1), 0);
	vg_local_free(t);
}

static void
expired_entries_make_room(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;
	char			name[32];
	int			i, round;

	(void)unused;
	/* Half full in each minute: nobody is thrown out, ever. */
	t = vg_local_new(4096, key);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 500; i++) {
			(void)snprintf(name, sizeof(name), "r%d-%d", round, i);
			w = who(name, 0);
			assert_int_equal(admitted(t, &w, "2/minute",
			    VG_STRATEGY_FIXED, T0 + round * 60 * VG_USEC, 1),
			    1);
		}
		for (i = 0; i < 500; i++) {
			(void)snprintf(name, sizeof(name), "r%d-%d", round, i);
			w = who(name, 0);
			assert_int_equal(admitted(t, &w, "2/minute",
			    VG_STRATEGY_FIXED, T0 + round * 60 * VG_USEC, 3),
			    1);
		}
	}
	vg_local_free(t);
}

static void
a_clock_set_back_begins_the_present_window(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;

	(void)unused;
	/* Not: refuses until the clock is where it was. */
	t = vg_local_new(64, key);
	w = who("a", 0);
	assert_int_equal(admitted(t, &w, "2/minute", VG_STRATEGY_FIXED,
	    T0 + 3600 * VG_USEC, 3), 2);
	assert_int_equal(admitted(t, &w, "2/minute", VG_STRATEGY_FIXED, T0, 3),
	    2);
	vg_local_free(t);
}

static void
any_size_and_name_will_do(void **unused)
{
	struct vg_local		*t;
	struct vg_local_who	w;
	char			name[4096];

	(void)unused;
	t = vg_local_new(0, key);
	assert_non_null(t);
	memset(name, 'x', sizeof(name));
	w.client = name;
	w.len = sizeof(name);
	w.class = 0;
	assert_int_equal(admitted(t, &w, "1/s", VG_STRATEGY_MOVING, T0, 2), 1);
	w.len = 0;
	assert_int_equal(admitted(t, &w, "1/s", VG_STRATEGY_MOVING, T0, 2), 1);
	vg_local_free(t);
	vg_local_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(both_strategies_admit_the_quota),
		cmocka_unit_test(clients_and_classes_are_apart),
		cmocka_unit_test(several_limits_take_together_or_not_at_all),
		cmocka_unit_test(a_refusal_is_known_until_its_moment),
		cmocka_unit_test(many_clients_never_make_it_larger),
		cmocka_unit_test(the_soonest_to_expire_goes_first),
		cmocka_unit_test(expired_entries_make_room),
		cmocka_unit_test(a_clock_set_back_begins_the_present_window),
		cmocka_unit_test(any_size_and_name_will_do)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
