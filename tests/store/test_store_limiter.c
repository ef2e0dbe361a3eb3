/*
 * The limiter: exactly so many, in order, for as long as said, and cheap when
 * it refuses.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

#define ANSWERS_MAX	4096

static struct {
	volatile bool		all;
	size_t			expected;
	size_t			n;
	size_t			admitted;
	size_t			refused;
	struct vg_limit_result	result[ANSWERS_MAX];
	struct vg_quota		tightest[ANSWERS_MAX];
} got;

static struct vg_settings	settings;
static char			url[256];

static void
note(const struct vg_limit_result *r)
{
	assert_true(got.n < ANSWERS_MAX);
	got.result[got.n] = *r;
	if (r->tightest != NULL)
		got.tightest[got.n] = *r->tightest;
	got.n++;
	if (r->verdict == VG_LIMIT_ADMITTED)
		got.admitted++;
	if (r->verdict == VG_LIMIT_REFUSED)
		got.refused++;
	got.all = got.n == got.expected;
}

static void
on_result(void *arg, const struct vg_limit_result *r)
{
	(void)arg;
	note(r);
}

static int
begin_with(enum vg_strategy strategy)
{
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_settings(&settings, url);
	settings.rate_strategy = (int)strategy;
	lab_store_start(&settings, NULL);
	memset(&got, 0, sizeof(got));
	lab_sql(url, "TRUNCATE voicegate.rate_limit_window");
	return (0);
}

static int
begin_fixed(void **unused)
{
	(void)unused;
	return (begin_with(VG_STRATEGY_FIXED));
}

static int
begin_moving(void **unused)
{
	(void)unused;
	return (begin_with(VG_STRATEGY_MOVING));
}

static int
end(void **unused)
{
	(void)unused;
	lab_store_stop();
	return (0);
}

static void
expect(size_t n)
{
	memset(&got, 0, sizeof(got));
	got.expected = n;
}

static vg_ticket
ask_of(const struct vg_limit_request *ask)
{
	struct vg_limit_result	r;
	vg_ticket		ticket;

	if (vg_limit_check(ask, &r, on_result, NULL, &ticket))
		note(&r);
	return (ticket);
}

static void
ask(const char *client, const char *name, const struct vg_limits *limits,
    int64_t cost, size_t times)
{
	struct vg_limit_request	r = { .nsubjects = 1, .cost = cost };

	r.subject[0].client = client;
	r.subject[0].name = name;
	r.subject[0].limits = limits;
	for (; times > 0; times--)
		(void)ask_of(&r);
}

static void
wait_all(void)
{
	if (got.n < got.expected && !lab_until(&got.all))
		fail_msg("%zu of %zu answers", got.n, got.expected);
}

static struct vg_limits
limits_of(const char *text)
{
	struct vg_limits	limits;

	assert_int_equal(vg_limits_parse(&limits, text, strlen(text)), 0);
	return (limits);
}

static void
exactly_the_quota_is_admitted(void **unused)
{
	struct vg_limits	ten = limits_of("10/minute");

	(void)unused;
	expect(200);
	ask("192.0.2.1", "session", &ten, 1, 200);
	wait_all();
	assert_int_equal(got.admitted, 10);
	assert_int_equal(got.refused, 190);
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 10);
}

static void
answers_count_down_and_tell_when(void **unused)
{
	struct vg_limits	three = limits_of("3/minute");
	struct vg_quota		*q;
	size_t			i;

	(void)unused;
	expect(4);
	ask("192.0.2.1", "session", &three, 1, 4);
	wait_all();
	for (i = 0; i < 3; i++) {
		q = &got.tightest[i];
		assert_int_equal(got.result[i].verdict, VG_LIMIT_ADMITTED);
		assert_int_equal(q->remaining, 2 - (int64_t)i);
		assert_int_equal(q->used, (int64_t)i + 1);
		assert_in_range((unsigned long)(q->reset_us -
		    got.result[i].now_us), 58000000, 60000000);
	}
	q = &got.tightest[3];
	assert_false(q->admitted);
	assert_int_equal(q->remaining, 0);
	assert_in_range((unsigned long)(q->retry_us - got.result[3].now_us),
	    58000000, 60000000);
	assert_int_equal(vg_retry_after(q, got.result[3].now_us), 60);
}

static void
clients_and_classes_do_not_share(void **unused)
{
	struct vg_limits	two = limits_of("2/minute");

	(void)unused;
	expect(12);
	ask("192.0.2.1", "session", &two, 1, 3);
	ask("192.0.2.1", "voice", &two, 1, 3);
	ask("192.0.2.2", "session", &two, 1, 3);
	ask("2001:db8::/64", "session", &two, 1, 3);
	wait_all();
	assert_int_equal(got.admitted, 8);
}

static void
a_refusal_is_remembered_without_a_statement(void **unused)
{
	struct vg_limits	one = limits_of("1/minute");
	struct vg_store_stats	before, after;

	(void)unused;
	expect(2);
	ask("192.0.2.1", "session", &one, 1, 2);
	wait_all();
	vg_store_stats(&before);
	expect(4000);
	ask("192.0.2.1", "session", &one, 1, 4000);
	/* Answered within the call. */
	assert_int_equal(got.n, 4000);
	assert_int_equal(got.refused, 4000);
	assert_int_equal(got.result[3999].source, VG_LIMIT_BY_MEMORY);
	assert_non_null(got.result[3999].tightest);
	vg_store_stats(&after);
	assert_int_equal(after.statements, before.statements);
	assert_int_equal(after.checks_cached - before.checks_cached, 4000);
}

static void
a_large_limit_is_taken_ahead_and_never_exceeded(void **unused)
{
	struct vg_limits	large = limits_of("6000/hour");
	struct vg_store_stats	before, after;
	size_t			admitted, round;
	int64_t			last;

	(void)unused;
	/* A late answer, on a busy machine, admits nobody uncounted. */
	settings.rate_fail_mode = VG_FAIL_CLOSED;
	vg_store_reload(&settings);
	vg_store_stats(&before);
	admitted = 0;
	last = 6000;
	for (round = 0; round < 1300; round++) {
		expect(5);
		ask("192.0.2.1", "health", &large, 1, 5);
		wait_all();
		admitted += got.admitted;
		if (got.admitted == 5) {
			assert_true(got.tightest[4].remaining < last);
			last = got.tightest[4].remaining;
		}
	}
	vg_store_stats(&after);
	/* All of it and no more: what was ahead was used before the last tenth. */
	if (after.checks_local == before.checks_local)
		assert_int_equal(admitted, 6000);
	assert_true(admitted <= 6000);
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 6000);
	assert_true(after.checks_ahead - before.checks_ahead > 1000);
	assert_true(after.checks_ahead - before.checks_ahead < 5500);
}

static void
more_is_taken_ahead_before_it_is_needed(void **unused)
{
	struct vg_limits	large = limits_of("1000000/hour");
	struct vg_store_stats	before, after;
	int64_t			deadline, used, held;

	(void)unused;
	deadline = vg_store_now_us() + LAB_DEADLINE_MS * 1000;
	vg_store_stats(&before);
	do {
		assert_true(vg_store_now_us() < deadline);
		expect(10);
		ask("192.0.2.1", "health", &large, 1, 10);
		wait_all();
		vg_store_stats(&after);
	} while (after.checks_ahead == before.checks_ahead);

	/*
	 * A thousandth of the limit is there soon, though nobody asks again, and
	 * not more than a hundredth, as quick as they came.
	 */
	used = 1000000 - got.tightest[9].remaining;
	before = after;
	do {
		assert_true(vg_store_now_us() < deadline);
		lab_turn(20);
		held = lab_long(url, "SELECT used FROM voicegate.rate_limit_now") -
		    used;
	} while (held < 1000);
	assert_true(held <= 10000);
	vg_store_stats(&after);
	assert_int_equal(after.checks_sent, before.checks_sent);
}

static void
what_was_taken_ahead_is_of_its_window_and_limit(void **unused)
{
	struct vg_limits	large = limits_of("6000/2s");
	struct vg_limits	larger = limits_of("7000/2s");
	struct vg_store_stats	before, after;
	int64_t			end;

	(void)unused;
	/* The second statement takes ahead; nothing is left of it at the end. */
	expect(10);
	ask("192.0.2.1", "health", &large, 1, 10);
	wait_all();
	expect(10);
	ask("192.0.2.1", "health", &large, 1, 10);
	wait_all();
	end = got.tightest[9].reset_us;
	while (vg_store_now_us() < end)
		lab_turn(20);
	vg_store_stats(&before);
	expect(1);
	ask("192.0.2.1", "health", &large, 1, 1);
	wait_all();
	expect(1);
	ask("192.0.2.1", "health", &larger, 1, 1);
	wait_all();
	vg_store_stats(&after);
	assert_int_equal(after.checks_ahead, before.checks_ahead);
}

static void
a_small_limit_is_never_taken_ahead(void **unused)
{
	struct vg_limits	small = limits_of("5999/hour");
	struct vg_store_stats	before, after;
	size_t			round;

	(void)unused;
	vg_store_stats(&before);
	for (round = 0; round < 20; round++) {
		expect(50);
		ask("192.0.2.1", "health", &small, 1, 50);
		wait_all();
	}
	vg_store_stats(&after);
	assert_int_equal(after.checks_ahead, before.checks_ahead);
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 1000);
}

static void
whoever_waits_as_told_is_admitted(void **unused)
{
	struct vg_limits	limits = limits_of("3/2s");
	int64_t			wait;
	int			round;

	(void)unused;
	for (round = 0; round < 2; round++) {
		expect(5);
		ask("192.0.2.1", "session", &limits, 1, 5);
		wait_all();
		assert_int_equal(got.admitted, 3);
		wait = vg_retry_after(&got.tightest[4], got.result[4].now_us);
		assert_in_range((unsigned long)wait, 1, 2);
		wait = lab_ms() + wait * 1000;
		while (lab_ms() < wait)
			lab_turn(50);
	}
	expect(1);
	ask("192.0.2.1", "session", &limits, 1, 1);
	wait_all();
	assert_int_equal(got.admitted, 1);
}

static void
a_cost_counts_as_many_requests(void **unused)
{
	struct vg_limits	ten = limits_of("10/minute");

	(void)unused;
	expect(5);
	ask("192.0.2.1", "voice", &ten, 3, 5);
	wait_all();
	assert_int_equal(got.admitted, 3);
	/* One unit is left: too little for three, enough for one. */
	expect(2);
	ask("192.0.2.1", "voice", &ten, 1, 2);
	wait_all();
	assert_int_equal(got.admitted, 1);
	expect(1);
	ask("192.0.2.9", "voice", &ten, 11, 1);
	wait_all();
	assert_int_equal(got.refused, 1);
}

static void
costs_of_one_client_mix_exactly(void **unused)
{
	struct vg_limits	hundred = limits_of("100/minute");
	int64_t			units;
	size_t			i;

	(void)unused;
	expect(120);
	for (i = 0; i < 40; i++) {
		ask("192.0.2.1", "voice", &hundred, 1, 1);
		ask("192.0.2.1", "voice", &hundred, 2, 1);
		ask("192.0.2.1", "voice", &hundred, 3, 1);
	}
	wait_all();
	units = lab_long(url, "SELECT used FROM voicegate.rate_limit_now");
	assert_in_range((unsigned long)units, 98, 100);
}

static void
several_limits_admit_together_or_not_at_all(void **unused)
{
	struct vg_limits	both = limits_of("5/minute;8/hour");
	const char		*sql;

	(void)unused;
	expect(20);
	ask("192.0.2.1", "voice", &both, 1, 20);
	wait_all();
	assert_int_equal(got.admitted, 5);
	assert_int_equal(got.tightest[19].limit.window_s, 60);
	sql = "SELECT string_agg(policy || ' ' || used, ', ' ORDER BY policy) "
	    "FROM voicegate.rate_limit_now";
	assert_string_equal(lab_value(url, sql), "voice 5, voice-3600 5");
	/* The minute is over: three of the hour are left. */
	lab_sql(url, "UPDATE voicegate.rate_limit_window SET expires_at = now(), "
	    "hit_at = CASE WHEN hit_at IS NULL THEN NULL ELSE "
	    "ARRAY(SELECT x - interval '1 min' FROM unnest(hit_at) AS x) END "
	    "WHERE policy = 'voice'");
	vg_store_reload(&settings);
	expect(20);
	ask("192.0.2.1", "voice", &both, 1, 20);
	wait_all();
	assert_int_equal(got.admitted, 3);
	assert_int_equal(got.tightest[19].limit.window_s, 3600);
	assert_string_equal(lab_value(url, sql), "voice 3, voice-3600 8");
}

static void
two_subjects_admit_together_or_not_at_all(void **unused)
{
	struct vg_limits	key = limits_of("4/minute"),
				address = limits_of("6/minute");
	struct vg_limit_request	r = { .nsubjects = 2, .cost = 1 };
	size_t			i;

	(void)unused;
	r.subject[0].client = "192.0.2.1";
	r.subject[0].name = "session";
	r.subject[0].limits = &address;
	r.subject[1].name = "key";
	r.subject[1].limits = &key;
	expect(10);
	for (i = 0; i < 10; i++) {
		r.subject[1].client = i % 2 ? "key-a" : "key-b";
		(void)ask_of(&r);
	}
	wait_all();
	assert_int_equal(got.admitted, 6);
	assert_int_equal(lab_long(url, "SELECT used FROM "
	    "voicegate.rate_limit_now WHERE policy = 'session'"), 6);
	assert_int_equal(lab_long(url, "SELECT sum(used) FROM "
	    "voicegate.rate_limit_now WHERE policy = 'key'"), 6);
	assert_true(lab_long(url, "SELECT max(used) FROM "
	    "voicegate.rate_limit_now WHERE policy = 'key'") <= 4);
}

static void
a_peek_takes_nothing(void **unused)
{
	struct vg_limits	two = limits_of("2/minute");
	struct vg_limit_request	r = { .nsubjects = 1, .cost = 1, .peek = true };
	size_t			i;

	(void)unused;
	r.subject[0].client = "192.0.2.1";
	r.subject[0].name = "session";
	r.subject[0].limits = &two;
	for (i = 0; i < 3; i++) {
		expect(3);
		(void)ask_of(&r);
		(void)ask_of(&r);
		(void)ask_of(&r);
		wait_all();
		assert_int_equal(got.admitted, 3 * (i < 2));
		assert_int_equal(got.tightest[0].used, i);
		expect(1);
		ask("192.0.2.1", "session", &two, 1, 1);
		wait_all();
	}
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 2);
}

static void
the_forgotten_are_not_answered(void **unused)
{
	struct vg_limits	ten = limits_of("10/minute");
	struct vg_limit_request	r = { .nsubjects = 1, .cost = 1 };
	vg_ticket		ticket[6];
	size_t			i;

	(void)unused;
	r.subject[0].client = "192.0.2.1";
	r.subject[0].name = "session";
	r.subject[0].limits = &ten;
	expect(3);
	for (i = 0; i < 6; i++)
		ticket[i] = ask_of(&r);
	for (i = 0; i < 6; i += 2)
		vg_store_forget(ticket[i]);
	wait_all();
	lab_turn(100);
	assert_int_equal(got.n, 3);
	for (i = 0; i < 6; i++)
		vg_store_forget(ticket[i]);
	/* What was sent counts (the first), what was not does not. */
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 4);
}

static void
names_of_any_bytes_are_harmless(void **unused)
{
	struct vg_limits	one = limits_of("1/minute");
	char			longest[400];

	(void)unused;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	expect(6);
	ask("'; DROP TABLE x; --", "session", &one, 1, 1);
	ask("\xff\xfe{},\"\\", "session", &one, 1, 1);
	ask("", "session", &one, 1, 1);
	ask("NULL", "session", &one, 1, 1);
	ask(longest, "session", &one, 1, 2);
	wait_all();
	assert_int_equal(got.admitted, 5);
	assert_int_equal(got.result[0].source, VG_LIMIT_BY_DATABASE);
}

static void
a_raised_limit_is_felt_at_once(void **unused)
{
	struct vg_limits	two = limits_of("2/minute"),
				five = limits_of("5/minute");

	(void)unused;
	expect(3);
	ask("192.0.2.1", "session", &two, 1, 3);
	wait_all();
	assert_int_equal(got.refused, 1);
	vg_store_reload(&settings);
	expect(5);
	ask("192.0.2.1", "session", &five, 1, 5);
	wait_all();
	assert_int_equal(got.admitted, 3);
}

static void
switched_off_it_counts_nothing(void **unused)
{
	struct vg_limits	one = limits_of("1/minute");

	(void)unused;
	settings.rate_limit = false;
	vg_store_reload(&settings);
	expect(5);
	ask("192.0.2.1", "session", &one, 1, 5);
	assert_int_equal(got.n, 5);
	assert_int_equal(got.result[4].verdict, VG_LIMIT_UNCOUNTED);
	assert_null(got.result[4].tightest);
	assert_int_equal(lab_long(url,
	    "SELECT count(*) FROM voicegate.rate_limit_window"), 0);
}

static void
many_clients_share_few_statements(void **unused)
{
	struct vg_limits	one = limits_of("1/minute");
	struct vg_store_stats	before, after;
	char			client[32];
	int			i;

	(void)unused;
	vg_store_stats(&before);
	expect(4000);
	for (i = 0; i < 2000; i++) {
		snprintf(client, sizeof(client), "10.0.%d.%d", i / 250, i % 250);
		ask(client, "session", &one, 1, 2);
	}
	wait_all();
	vg_store_stats(&after);
	assert_int_equal(got.admitted, 2000);
	assert_true(after.batches - before.batches <= 8);
}

/* The moving window alone: no span of one window holds more than the quota. */
static void
no_span_of_a_window_holds_more(void **unused)
{
	struct vg_limits	limits = limits_of("7/1s");
	int64_t			end;
	size_t			n, i;

	(void)unused;
	srandom(7);
	for (n = 0, end = lab_ms() + 6000; lab_ms() < end && n < 500;) {
		expect(1);
		ask("192.0.2.1", "session", &limits, 1, 1);
		wait_all();
		if (got.admitted)
			n++;
		for (i = (size_t)random() % 60; i > 0; i--)
			lab_turn(1);
	}
	/* By the database's own record. */
	assert_in_range(n, 36, 49);
	assert_string_equal(lab_value(url, "SELECT coalesce(max(n), 0) <= 7 FROM "
	    "(SELECT (SELECT count(*) FROM unnest(w.hit_at) AS y WHERE y > x "
	    "- interval '1 s' AND y <= x) AS n "
	    "FROM voicegate.rate_limit_window AS w, unnest(w.hit_at) AS x) AS s"),
	    "t");
}

static void
a_large_quota_stays_a_small_row(void **unused)
{
	struct vg_limits	limits = limits_of("100000/hour");
	int			i;

	(void)unused;
	for (i = 0; i < 400; i++) {
		expect(3);
		ask("192.0.2.1", "session", &limits, 1, 3);
		wait_all();
		assert_int_equal(got.admitted, 3);
	}
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 1200);
	assert_true(lab_long(url, "SELECT cardinality(hit_at) "
	    "FROM voicegate.rate_limit_window") < 10);
}

int
main(void)
{
#define FIXED(f)	{ "fixed: " #f, f, begin_fixed, end, NULL }
#define MOVING(f)	{ "moving: " #f, f, begin_moving, end, NULL }
#define BOTH(f)		FIXED(f), MOVING(f)
	const struct CMUnitTest	tests[] = {
		BOTH(exactly_the_quota_is_admitted),
		BOTH(answers_count_down_and_tell_when),
		BOTH(clients_and_classes_do_not_share),
		BOTH(a_refusal_is_remembered_without_a_statement),
		FIXED(a_large_limit_is_taken_ahead_and_never_exceeded),
		FIXED(more_is_taken_ahead_before_it_is_needed),
		FIXED(what_was_taken_ahead_is_of_its_window_and_limit),
		FIXED(a_small_limit_is_never_taken_ahead),
		BOTH(whoever_waits_as_told_is_admitted),
		BOTH(a_cost_counts_as_many_requests),
		BOTH(costs_of_one_client_mix_exactly),
		BOTH(several_limits_admit_together_or_not_at_all),
		BOTH(two_subjects_admit_together_or_not_at_all),
		BOTH(a_peek_takes_nothing),
		BOTH(the_forgotten_are_not_answered),
		BOTH(names_of_any_bytes_are_harmless),
		BOTH(a_raised_limit_is_felt_at_once),
		BOTH(switched_off_it_counts_nothing),
		BOTH(many_clients_share_few_statements),
		MOVING(no_span_of_a_window_holds_more),
		MOVING(a_large_quota_stays_a_small_row),
	};

	return (cmocka_run_group_tests_name("store: limiter", tests, lab_setup,
	    lab_teardown));
}
