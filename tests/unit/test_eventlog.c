/*
 * Security events: like ones become one, and no count is ever lost.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/eventlog.h"

#define SECOND	INT64_C(1000000)
#define OUT	512

static struct vg_event	out[OUT];

static void
add(struct vg_eventlog *log, enum vg_event_kind kind, const char *client,
    int64_t at)
{
	struct vg_event	e = { .kind = kind, .route = "route", .count = 1,
		.first_us = at, .last_us = at };

	(void)snprintf(e.client, sizeof(e.client), "%s", client);
	(void)snprintf(e.request_id, sizeof(e.request_id), "id-%lld",
	    (long long)at);
	vg_eventlog_add(log, &e);
}

static void
a_new_one_is_told_at_once_and_then_now_and_then(void **unused)
{
	struct vg_eventlog	*log = vg_eventlog_new();

	(void)unused;
	add(log, VG_EVENT_BAD_KEY, "192.0.2.1", SECOND);
	assert_int_equal(vg_eventlog_take(log, SECOND, false, out, OUT), 1);
	assert_int_equal(out[0].count, 1);
	assert_string_equal(out[0].client, "192.0.2.1");
	assert_string_equal(out[0].request_id, "id-1000000");

	add(log, VG_EVENT_BAD_KEY, "192.0.2.1", 2 * SECOND);
	add(log, VG_EVENT_BAD_KEY, "192.0.2.1", 3 * SECOND);
	assert_int_equal(vg_eventlog_take(log, 4 * SECOND, false, out, OUT), 0);
	assert_int_equal(vg_eventlog_take(log, 11 * SECOND, false, out, OUT), 1);
	assert_int_equal(out[0].count, 2);
	assert_int_equal(out[0].first_us, 2 * SECOND);
	assert_int_equal(out[0].last_us, 3 * SECOND);
	assert_string_equal(out[0].request_id, "id-2000000");
	/* Quiet since: the next one is new. */
	add(log, VG_EVENT_BAD_KEY, "192.0.2.1", 40 * SECOND);
	assert_int_equal(vg_eventlog_take(log, 40 * SECOND, false, out, OUT), 1);
	vg_eventlog_free(log);
}

static void
unlike_ones_are_apart(void **unused)
{
	struct vg_eventlog	*log = vg_eventlog_new();

	(void)unused;
	add(log, VG_EVENT_BAD_KEY, "192.0.2.1", SECOND);
	add(log, VG_EVENT_BAD_KEY, "192.0.2.2", SECOND);
	add(log, VG_EVENT_RATE_LIMITED, "192.0.2.1", SECOND);
	assert_int_equal(vg_eventlog_take(log, SECOND, false, out, OUT), 3);
	vg_eventlog_free(log);
}

static void
a_flood_of_clients_is_counted_whole(void **unused)
{
	struct vg_eventlog	*log = vg_eventlog_new();
	char			client[VG_CLIENT_SIZE];
	int64_t			sum = 0, at = 0;
	size_t			i, n, rows = 0;

	(void)unused;
	/* 100,000 in 10 s, each from somebody else. */
	for (i = 0; i < 100000; i++) {
		at = SECOND + (int64_t)i * 100;
		(void)snprintf(client, sizeof(client), "10.%zu.%zu.%zu", i >> 16,
		    i >> 8 & 255, i & 255);
		add(log, VG_EVENT_RATE_LIMITED, client, at);
		if (i % 10000 == 9999) {
			n = vg_eventlog_take(log, at, false, out, OUT);
			rows += n;
			while (n-- > 0)
				sum += out[n].count;
		}
	}
	n = vg_eventlog_take(log, at, true, out, OUT);
	rows += n;
	while (n-- > 0)
		sum += out[n].count;
	assert_int_equal(sum, 100000);
	assert_in_range(rows, 2, 100);
	assert_int_equal(vg_eventlog_take(log, at, true, out, OUT), 0);
	vg_eventlog_free(log);
}

static void
what_is_put_back_keeps_its_count(void **unused)
{
	struct vg_eventlog	*log = vg_eventlog_new();
	int			i;

	(void)unused;
	for (i = 0; i < 5; i++)
		add(log, VG_EVENT_ORIGIN_DENIED, "192.0.2.1", SECOND);
	assert_int_equal(vg_eventlog_take(log, SECOND, false, out, OUT), 1);
	assert_int_equal(out[0].count, 5);
	add(log, VG_EVENT_ORIGIN_DENIED, "192.0.2.1", 2 * SECOND);
	vg_eventlog_add(log, &out[0]);
	assert_int_equal(vg_eventlog_take(log, 12 * SECOND, false, out, OUT), 1);
	assert_int_equal(out[0].count, 6);
	vg_eventlog_free(log);
}

static void
every_kind_has_a_name_and_a_severity(void **unused)
{
	int	kind;

	(void)unused;
	for (kind = 0; kind < VG_EVENT_KINDS; kind++) {
		assert_non_null(vg_event_kind_name((enum vg_event_kind)kind));
		assert_non_null(vg_event_severity((enum vg_event_kind)kind));
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_new_one_is_told_at_once_and_then_now_and_then),
		cmocka_unit_test(unlike_ones_are_apart),
		cmocka_unit_test(a_flood_of_clients_is_counted_whole),
		cmocka_unit_test(what_is_put_back_keeps_its_count),
		cmocka_unit_test(every_kind_has_a_name_and_a_severity)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
