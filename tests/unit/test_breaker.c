/*
 * The circuit breaker's rules: time is a number here, so nothing waits.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/breaker.h"

#define T0	UINT64_C(1000000)	/* milliseconds, any time */
#define LEASE	UINT64_C(30000)		/* milliseconds */

static uint64_t
one_call(uint64_t word, uint64_t now, enum vg_breaker_result result)
{
	struct vg_breaker_permit	permit;

	word = vg_breaker_ask(word, now, LEASE, &permit);
	assert_true(permit.granted);

	return (vg_breaker_report(word, now, &permit, result));
}

static uint64_t
opened(uint64_t now)
{
	uint64_t	word;
	int		i;

	word = 0;
	for (i = 0; i < VG_BREAKER_FAILURES; i++)
		word = one_call(word, now, VG_BREAKER_BAD);

	return (word);
}

static enum vg_breaker_state
state_of(uint64_t word)
{
	return (vg_breaker_unpack(word).state);
}

static void
zero_is_closed_and_grants(void **unused)
{
	struct vg_breaker_permit	permit;

	(void)unused;
	assert_int_equal(vg_breaker_ask(0, T0, LEASE, &permit), 0);
	assert_true(permit.granted);
	assert_false(permit.probe);
	assert_int_equal(vg_breaker_wait_ms(0, T0), 0);
}

static void
opens_at_the_last_failure_and_no_sooner(void **unused)
{
	uint64_t	word;
	int		i;

	(void)unused;
	word = 0;
	for (i = 0; i < VG_BREAKER_FAILURES; i++) {
		assert_int_equal(state_of(word), VG_BREAKER_CLOSED);
		word = one_call(word, T0, VG_BREAKER_BAD);
	}
	assert_int_equal(state_of(word), VG_BREAKER_OPEN);
}

static void
one_success_forgets_the_failures(void **unused)
{
	uint64_t	word;
	int		i;

	(void)unused;
	word = 0;
	for (i = 0; i < 20 * VG_BREAKER_FAILURES; i++) {
		word = one_call(word, T0, (i + 1) % VG_BREAKER_FAILURES == 0 ?
		    VG_BREAKER_GOOD : VG_BREAKER_BAD);
		assert_int_equal(state_of(word), VG_BREAKER_CLOSED);
	}
}

static void
neutral_results_count_for_nothing(void **unused)
{
	uint64_t	word;
	int		i;

	(void)unused;
	word = 0;
	for (i = 0; i < VG_BREAKER_FAILURES - 1; i++)
		word = one_call(word, T0, VG_BREAKER_BAD);
	for (i = 0; i < 100; i++)
		word = one_call(word, T0, VG_BREAKER_NEUTRAL);
	assert_int_equal(state_of(word), VG_BREAKER_CLOSED);
	word = one_call(word, T0, VG_BREAKER_BAD);
	assert_int_equal(state_of(word), VG_BREAKER_OPEN);
}

static void
open_refuses_and_tells_how_long(void **unused)
{
	struct vg_breaker_permit	permit;
	uint64_t			word;

	(void)unused;
	word = opened(T0);
	assert_int_equal(vg_breaker_ask(word, T0 + 1, LEASE, &permit), word);
	assert_false(permit.granted);
	assert_int_equal(permit.wait_ms, VG_BREAKER_COOLDOWN_MS - 1);
	assert_int_equal(vg_breaker_wait_ms(word, T0 + 1),
	    VG_BREAKER_COOLDOWN_MS - 1);
}

static void
half_open_lets_one_through(void **unused)
{
	struct vg_breaker_permit	first, second;
	uint64_t			word, now;

	(void)unused;
	now = T0 + VG_BREAKER_COOLDOWN_MS;
	word = vg_breaker_ask(opened(T0), now, LEASE, &first);
	assert_true(first.granted);
	assert_true(first.probe);
	assert_int_equal(state_of(word), VG_BREAKER_HALF_OPEN);

	assert_int_equal(vg_breaker_ask(word, now, LEASE, &second), word);
	assert_false(second.granted);
	assert_int_equal(second.wait_ms, LEASE);
}

static void
a_good_probe_closes_it_and_resets_all(void **unused)
{
	uint64_t	word;

	(void)unused;
	word = one_call(opened(T0), T0 + VG_BREAKER_COOLDOWN_MS,
	    VG_BREAKER_GOOD);
	assert_int_equal(word, 0);
}

static void
each_bad_probe_doubles_the_cooldown_up_to_the_bound(void **unused)
{
	uint64_t	word, now, want;
	int		i;

	(void)unused;
	now = T0;
	word = opened(now);
	want = VG_BREAKER_COOLDOWN_MS;
	for (i = 0; i < 200; i++) {
		assert_int_equal(vg_breaker_wait_ms(word, now), want);
		now += want;
		word = one_call(word, now, VG_BREAKER_BAD);
		assert_int_equal(state_of(word), VG_BREAKER_OPEN);
		want = want * 2 < VG_BREAKER_COOLDOWN_MAX_MS ?
		    want * 2 : VG_BREAKER_COOLDOWN_MAX_MS;
	}
	assert_int_equal(want, VG_BREAKER_COOLDOWN_MAX_MS);
}

static void
a_neutral_probe_lets_the_next_one_try_at_once(void **unused)
{
	struct vg_breaker_permit	permit;
	uint64_t			word, now;

	(void)unused;
	now = T0 + VG_BREAKER_COOLDOWN_MS;
	word = one_call(opened(T0), now, VG_BREAKER_NEUTRAL);
	assert_int_equal(state_of(word), VG_BREAKER_OPEN);
	(void)vg_breaker_ask(word, now, LEASE, &permit);
	assert_true(permit.granted);
	assert_true(permit.probe);
}

static void
a_prober_that_died_is_replaced_after_its_lease(void **unused)
{
	struct vg_breaker_permit	dead, next;
	uint64_t			word, now;

	(void)unused;
	now = T0 + VG_BREAKER_COOLDOWN_MS;
	word = vg_breaker_ask(opened(T0), now, LEASE, &dead);
	assert_int_equal(vg_breaker_ask(word, now + LEASE - 1, LEASE, &next),
	    word);
	assert_false(next.granted);
	word = vg_breaker_ask(word, now + LEASE, LEASE, &next);
	assert_true(next.granted);
	assert_int_not_equal(next.ticket, dead.ticket);

	/* And when it was only slow, its word counts no more. */
	assert_int_equal(vg_breaker_report(word, now + LEASE + 1, &dead,
	    VG_BREAKER_BAD), word);
	assert_int_equal(vg_breaker_report(word, now + LEASE + 1, &dead,
	    VG_BREAKER_GOOD), word);
	assert_int_equal(vg_breaker_report(word, now + LEASE + 1, &next,
	    VG_BREAKER_GOOD), 0);
}

static void
results_of_calls_from_before_it_opened_change_nothing(void **unused)
{
	struct vg_breaker_permit	early, probe;
	uint64_t			word, now;

	(void)unused;
	(void)vg_breaker_ask(0, T0, LEASE, &early);
	word = opened(T0);
	assert_int_equal(vg_breaker_report(word, T0, &early, VG_BREAKER_GOOD),
	    word);
	assert_int_equal(vg_breaker_report(word, T0, &early, VG_BREAKER_BAD),
	    word);

	now = T0 + VG_BREAKER_COOLDOWN_MS;
	word = vg_breaker_ask(word, now, LEASE, &probe);
	assert_int_equal(vg_breaker_report(word, now, &early, VG_BREAKER_GOOD),
	    word);
	assert_int_equal(vg_breaker_report(word, now, &early, VG_BREAKER_BAD),
	    word);
}

static void
a_refused_caller_reports_nothing(void **unused)
{
	struct vg_breaker_permit	permit;
	uint64_t			word;

	(void)unused;
	word = opened(T0);
	(void)vg_breaker_ask(word, T0, LEASE, &permit);
	assert_false(permit.granted);
	assert_int_equal(vg_breaker_report(word, T0 + VG_BREAKER_COOLDOWN_MS,
	    &permit, VG_BREAKER_GOOD), word);
}

static void
a_lease_of_nothing_still_names_its_probe(void **unused)
{
	struct vg_breaker_permit	permit;
	uint64_t			word;

	(void)unused;
	word = vg_breaker_ask(opened(T0), T0 + VG_BREAKER_COOLDOWN_MS, 0,
	    &permit);
	assert_true(permit.probe);
	assert_int_equal(vg_breaker_wait_ms(word, T0 + VG_BREAKER_COOLDOWN_MS),
	    1);
}

static void
packing_keeps_every_field(void **unused)
{
	struct vg_breaker	b, c;
	unsigned		s, f, l;

	(void)unused;
	for (s = 0; s < 3; s++) {
		for (f = 0; f < 256; f += 51) {
			for (l = 0; l < 64; l += 21) {
				b.state = (enum vg_breaker_state)s;
				b.failures = f;
				b.level = l;
				b.until_ms = (UINT64_C(1) << 48) - 1 - f;
				c = vg_breaker_unpack(vg_breaker_pack(&b));
				assert_int_equal(c.state, b.state);
				assert_int_equal(c.failures, b.failures);
				assert_int_equal(c.level, b.level);
				assert_int_equal(c.until_ms, b.until_ms);
			}
		}
	}
}

static void
any_word_at_all_can_be_asked_and_reported(void **unused)
{
	struct vg_breaker_permit	permit;
	uint64_t			word;
	int				i;

	(void)unused;
	word = UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i < 100000; i++) {
		word ^= word << 13;
		word ^= word >> 7;
		word ^= word << 17;
		(void)vg_breaker_ask(word, T0, LEASE, &permit);
		(void)vg_breaker_report(word, T0, &permit,
		    (enum vg_breaker_result)(i % 3));
		assert_non_null(vg_breaker_word(state_of(word)));
	}
}

static void
the_words_are_those_of_the_documentation(void **unused)
{
	(void)unused;
	assert_string_equal(vg_breaker_word(VG_BREAKER_CLOSED), "closed");
	assert_string_equal(vg_breaker_word(VG_BREAKER_OPEN), "open");
	assert_string_equal(vg_breaker_word(VG_BREAKER_HALF_OPEN), "half-open");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(zero_is_closed_and_grants),
		cmocka_unit_test(opens_at_the_last_failure_and_no_sooner),
		cmocka_unit_test(one_success_forgets_the_failures),
		cmocka_unit_test(neutral_results_count_for_nothing),
		cmocka_unit_test(open_refuses_and_tells_how_long),
		cmocka_unit_test(half_open_lets_one_through),
		cmocka_unit_test(a_good_probe_closes_it_and_resets_all),
		cmocka_unit_test(each_bad_probe_doubles_the_cooldown_up_to_the_bound),
		cmocka_unit_test(a_neutral_probe_lets_the_next_one_try_at_once),
		cmocka_unit_test(a_prober_that_died_is_replaced_after_its_lease),
		cmocka_unit_test(results_of_calls_from_before_it_opened_change_nothing),
		cmocka_unit_test(a_refused_caller_reports_nothing),
		cmocka_unit_test(a_lease_of_nothing_still_names_its_probe),
		cmocka_unit_test(packing_keeps_every_field),
		cmocka_unit_test(any_word_at_all_can_be_asked_and_reported),
		cmocka_unit_test(the_words_are_those_of_the_documentation),
	};

	return (cmocka_run_group_tests_name("breaker", tests, NULL, NULL));
}
