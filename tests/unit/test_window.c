/*
 * Rate windows: edges by hand, then both strategies against a model that keeps
 * every admission, with random times and clients from a fixed seed.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/window.h"

#define T0		(INT64_C(1767323040) * VG_USEC)	/* a whole minute */
#define CLIENTS		5
#define STEPS		20000
#define SEEDS		40

static const struct vg_limit	ten = { 10, 60 };

static uint64_t
rnd(uint64_t *state)
{
	/* xorshift64*, deterministic */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;

	return (*state * UINT64_C(2685821657736338717));
}

static void
windows_count_from_the_epoch(void **unused)
{
	(void)unused;
	assert_true(vg_window_start(T0, 60) == T0);
	assert_true(vg_window_start(T0 + 60 * VG_USEC - 1, 60) == T0);
	assert_true(vg_window_start(T0 + 60 * VG_USEC, 60) ==
	    T0 + 60 * VG_USEC);
	assert_true(vg_window_start(-1, 60) == -60 * VG_USEC);
}

static void
the_tenth_is_admitted_and_the_eleventh_is_not(void **unused)
{
	struct vg_quota	q;

	(void)unused;
	vg_fixed_quota(&q, &ten, 9, 1, T0 + 5);
	assert_true(q.admitted);
	assert_int_equal(q.remaining, 0);
	vg_fixed_quota(&q, &ten, 10, 1, T0 + 5);
	assert_false(q.admitted);
	assert_int_equal(q.remaining, 0);
	assert_int_equal(q.used, 10);
	assert_true(q.retry_us == T0 + 60 * VG_USEC);
}

static void
a_cost_counts_and_none_only_asks(void **unused)
{
	struct vg_quota	q;

	(void)unused;
	vg_fixed_quota(&q, &ten, 7, 3, T0);
	assert_true(q.admitted);
	vg_fixed_quota(&q, &ten, 8, 3, T0);
	assert_false(q.admitted);
	assert_int_equal(q.remaining, 2);
	vg_fixed_quota(&q, &ten, 0, 11, T0);
	assert_false(q.admitted);
	vg_fixed_quota(&q, &ten, 4, 0, T0);
	assert_true(q.admitted);
	assert_int_equal(q.remaining, 6);
	vg_fixed_quota(&q, &ten, 0, INT64_MAX, T0);
	assert_false(q.admitted);
}

static void
a_lowered_limit_leaves_nothing_negative(void **unused)
{
	struct vg_quota	q;

	(void)unused;
	vg_fixed_quota(&q, &ten, 25, 1, T0);
	assert_false(q.admitted);
	assert_int_equal(q.remaining, 0);
}

static void
retry_after_is_rounded_up_and_never_zero(void **unused)
{
	struct vg_quota	q;

	(void)unused;
	vg_fixed_quota(&q, &ten, 10, 1, T0 + 1);
	assert_int_equal(vg_retry_after(&q, T0 + 1), 60);
	vg_fixed_quota(&q, &ten, 10, 1, T0 + 59 * VG_USEC + 999999);
	assert_int_equal(vg_retry_after(&q, T0 + 59 * VG_USEC + 999999), 1);
	/* The answer is written later than the check was made. */
	assert_int_equal(vg_retry_after(&q, T0 + 70 * VG_USEC), 1);
	assert_int_equal(vg_reset_after(&q, T0 + 70 * VG_USEC), 0);
	assert_int_equal(vg_retry_after(&q, T0 + 50 * VG_USEC), 10);
	assert_int_equal(vg_retry_after(&q, T0 + 50 * VG_USEC - 1), 11);
}

static void
reset_is_told_in_epoch_seconds_rounded_up(void **unused)
{
	struct vg_quota	q;

	(void)unused;
	vg_quota_from_store(&q, &ten, true, 1, T0 + 1, 0, T0);
	assert_true(vg_ratelimit_reset_epoch(&q) == T0 / VG_USEC + 1);
	vg_quota_from_store(&q, &ten, true, 1, T0 + VG_USEC, 0, T0);
	assert_true(vg_ratelimit_reset_epoch(&q) == T0 / VG_USEC + 1);
}

static void
moving_forgets_after_exactly_one_window(void **unused)
{
	struct vg_moving	m;
	struct vg_quota		q;
	int			i;

	(void)unused;
	vg_moving_init(&m);
	for (i = 0; i < 10; i++) {
		vg_moving_quota(&q, &m, &ten, 1, T0 + i, true);
		assert_true(q.admitted);
	}
	vg_moving_quota(&q, &m, &ten, 1, T0 + 60 * VG_USEC - 1, true);
	assert_false(q.admitted);
	assert_true(q.retry_us == T0 + 60 * VG_USEC);
	vg_moving_quota(&q, &m, &ten, 1, q.retry_us, true);
	assert_true(q.admitted);
	assert_int_equal(q.remaining, 0);
	vg_moving_quota(&q, &m, &ten, 1, T0 + 60 * VG_USEC, true);
	assert_false(q.admitted);
	assert_true(q.retry_us == T0 + 60 * VG_USEC + 1);
	assert_true(vg_moving_expiry(&m, 60) == T0 + 120 * VG_USEC);
}

static void
asking_does_not_take(void **unused)
{
	struct vg_moving	m;
	struct vg_quota		q;
	int			i;

	(void)unused;
	vg_moving_init(&m);
	for (i = 0; i < 30; i++)
		vg_moving_quota(&q, &m, &ten, 1, T0, false);
	assert_true(q.admitted);
	assert_int_equal(q.remaining, 9);
	assert_int_equal(m.nslots, 0);
	assert_true(vg_moving_expiry(&m, 60) == 0);
}

static void
a_clock_set_back_does_not_admit_more(void **unused)
{
	struct vg_moving	m;
	struct vg_quota		q;
	int			i, n;

	(void)unused;
	vg_moving_init(&m);
	n = 0;
	for (i = 0; i < 30; i++) {
		vg_moving_quota(&q, &m, &ten, 1, T0 - i * VG_USEC, true);
		n += q.admitted;
	}
	assert_int_equal(n, 10);
	/* All of them count as of the newest moment that was seen. */
	assert_true(vg_moving_expiry(&m, 60) == T0 + 60 * VG_USEC);
	vg_moving_quota(&q, &m, &ten, 1, T0 + 60 * VG_USEC - 1, true);
	assert_false(q.admitted);
}

static void
the_tightest_is_told(void **unused)
{
	struct vg_limit	hour = { 100, 3600 };
	struct vg_quota	q[2];

	(void)unused;
	vg_fixed_quota(&q[0], &ten, 2, 1, T0);
	vg_fixed_quota(&q[1], &hour, 95, 1, T0);
	assert_ptr_equal(vg_quota_tightest(q, 2), &q[1]);
	vg_fixed_quota(&q[0], &ten, 10, 1, T0);
	assert_ptr_equal(vg_quota_tightest(q, 2), &q[0]);
	vg_fixed_quota(&q[1], &hour, 100, 1, T0);
	assert_ptr_equal(vg_quota_tightest(q, 2), &q[1]);
	vg_fixed_quota(&q[0], &ten, 4, 1, T0);
	vg_fixed_quota(&q[1], &hour, 94, 1, T0);
	assert_ptr_equal(vg_quota_tightest(q, 2), &q[1]);
	assert_ptr_equal(vg_quota_tightest(q, 1), &q[0]);
}

/* Every admission of one client, and what a simple mind says of the next. */
struct model {
	int64_t	at[STEPS];
	int64_t	cost[STEPS];
	size_t	n, first;
};

static int64_t
model_used(struct model *m, int64_t now, int64_t window)
{
	int64_t		used;
	size_t		i;

	while (m->first < m->n && m->at[m->first] + window <= now)
		m->first++;
	used = 0;
	for (i = m->first; i < m->n; i++)
		used += m->cost[i];

	return (used);
}

/* Cost admitted in the half-open window that ends with admission LAST. */
static int64_t
worst_span(const struct model *m, size_t last, int64_t window)
{
	int64_t		sum;
	size_t		i;

	sum = 0;
	for (i = last + 1; i > 0 && m->at[i - 1] > m->at[last] - window; i--)
		sum += m->cost[i - 1];

	return (sum);
}

static void
drive_moving(uint64_t seed, int64_t quota, int64_t max_cost, bool exact)
{
	static struct model	model[CLIENTS];
	struct vg_moving	m[CLIENTS];
	struct vg_limit		limit;
	struct vg_quota		q, again;
	struct vg_moving	copy;
	int64_t			now, cost, used, window;
	uint64_t		state;
	size_t			c, i;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	limit.quota = quota;
	limit.window_s = 1 + (int64_t)(rnd(&state) % 60);
	window = limit.window_s * VG_USEC;
	for (c = 0; c < CLIENTS; c++) {
		vg_moving_init(&m[c]);
		model[c].n = 0;
		model[c].first = 0;
	}

	now = T0 + (int64_t)(rnd(&state) % 1000000);
	for (i = 0; i < STEPS / SEEDS * 4; i++) {
		/* Bursts, lulls, and steps that hit the window's edge. */
		switch (rnd(&state) % 8) {
		case 0:
			now += window / 4;
			break;
		case 1:
			now += window / quota;
			break;
		case 2:
			break;
		default:
			now += (int64_t)(rnd(&state) %
			    (uint64_t)(2 * window / quota + 2));
			break;
		}
		c = rnd(&state) % CLIENTS;
		cost = 1 + (int64_t)(rnd(&state) % (uint64_t)max_cost);
		used = model_used(&model[c], now, window);
		vg_moving_quota(&q, &m[c], &limit, cost, now, true);

		if (exact) {
			assert_int_equal(q.admitted, used + cost <= quota);
			assert_int_equal(q.remaining, quota - used -
			    (q.admitted ? cost : 0));
		} else if (used + cost > quota) {
			assert_false(q.admitted);
		}
		if (q.admitted) {
			model[c].at[model[c].n] = now;
			model[c].cost[model[c].n++] = cost;
			assert_true(worst_span(&model[c], model[c].n - 1,
			    window) <= quota);
		} else {
			/* Whoever waits until retry is let in, not before. */
			assert_true(q.retry_us > now);
			copy = m[c];
			vg_moving_quota(&again, &copy, &limit, cost,
			    q.retry_us, false);
			assert_true(again.admitted || cost > quota);
			vg_moving_quota(&again, &copy, &limit, cost,
			    q.retry_us - 1, false);
			assert_false(again.admitted);
		}
	}
}

static void
moving_equals_the_model_up_to_its_slots(void **unused)
{
	uint64_t	seed;

	(void)unused;
	for (seed = 1; seed <= SEEDS; seed++)
		drive_moving(seed, 1 + (int64_t)(seed % VG_MOVING_SLOTS), 1,
		    true);
}

static void
moving_with_costs_equals_the_model_up_to_its_slots(void **unused)
{
	uint64_t	seed;

	(void)unused;
	for (seed = 1; seed <= SEEDS; seed++)
		drive_moving(seed, VG_MOVING_SLOTS, 5, true);
}

static void
moving_never_exceeds_a_large_quota(void **unused)
{
	uint64_t	seed;

	(void)unused;
	for (seed = 1; seed <= SEEDS; seed++)
		drive_moving(seed, 60 + (int64_t)seed * 7, 3, false);
}

static void
moving_gives_most_of_a_large_quota(void **unused)
{
	struct vg_moving	m;
	struct vg_limit		limit = { 600, 60 };
	struct vg_quota		q;
	int64_t			now, n;

	(void)unused;
	/* 20 a second against 10 a second for ten minutes. */
	vg_moving_init(&m);
	n = 0;
	for (now = T0; now < T0 + 600 * VG_USEC; now += VG_USEC / 20) {
		vg_moving_quota(&q, &m, &limit, 1, now, true);
		n += q.admitted;
	}
	assert_true(n <= 6000);
	assert_true(n >= 4800);
}

static void
fixed_equals_the_model(void **unused)
{
	struct vg_limit	limit;
	struct vg_quota	q;
	int64_t		now, start[CLIENTS], used[CLIENTS], cost, s;
	uint64_t	state, seed;
	size_t		c, i;

	(void)unused;
	for (seed = 1; seed <= SEEDS; seed++) {
		state = seed;
		limit.quota = 1 + (int64_t)(rnd(&state) % 50);
		limit.window_s = 1 + (int64_t)(rnd(&state) % 100);
		memset(start, 0, sizeof(start));
		memset(used, 0, sizeof(used));
		now = T0;
		for (i = 0; i < STEPS / SEEDS * 4; i++) {
			now += (int64_t)(rnd(&state) % 3000000);
			c = rnd(&state) % CLIENTS;
			cost = (int64_t)(rnd(&state) % 4);
			s = now / (limit.window_s * VG_USEC);
			if (start[c] != s) {
				start[c] = s;
				used[c] = 0;
			}
			vg_fixed_quota(&q, &limit, used[c], cost, now);
			assert_int_equal(q.admitted,
			    used[c] + cost <= limit.quota);
			if (q.admitted)
				used[c] += cost;
			assert_true(q.reset_us == (s + 1) * limit.window_s *
			    VG_USEC);
			assert_int_equal(q.remaining, limit.quota - used[c]);
			if (!q.admitted) {
				assert_true(vg_retry_after(&q, now) *
				    VG_USEC >= q.retry_us - now);
				assert_true((vg_retry_after(&q, now) - 1) *
				    VG_USEC < q.retry_us - now);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(windows_count_from_the_epoch),
		cmocka_unit_test(the_tenth_is_admitted_and_the_eleventh_is_not),
		cmocka_unit_test(a_cost_counts_and_none_only_asks),
		cmocka_unit_test(a_lowered_limit_leaves_nothing_negative),
		cmocka_unit_test(retry_after_is_rounded_up_and_never_zero),
		cmocka_unit_test(reset_is_told_in_epoch_seconds_rounded_up),
		cmocka_unit_test(moving_forgets_after_exactly_one_window),
		cmocka_unit_test(asking_does_not_take),
		cmocka_unit_test(a_clock_set_back_does_not_admit_more),
		cmocka_unit_test(the_tightest_is_told),
		cmocka_unit_test(moving_equals_the_model_up_to_its_slots),
		cmocka_unit_test(
		    moving_with_costs_equals_the_model_up_to_its_slots),
		cmocka_unit_test(moving_never_exceeds_a_large_quota),
		cmocka_unit_test(moving_gives_most_of_a_large_quota),
		cmocka_unit_test(fixed_equals_the_model)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
