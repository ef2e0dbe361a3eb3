/*
 * A window table of many rows: looked up by its index alone, also by statements
 * that were planned when it was small, and swept while checks go on. DRILL_ROWS
 * says how many rows (make drill-limits: ten million).
 */

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "drill.h"
#include "lib/load.h"

#define ROWS		20000	/* in make test */
#define LOAD_MS		1500
#define ANSWER_MS	2000	/* milliseconds that any request may take */


static long
rows(void)
{
	return (drill_number("DRILL_ROWS", ROWS));
}

static long
sequential_scans(void)
{
	return (database_long(pg.url, "select seq_scan from pg_stat_all_tables "
	    "where relid = 'voicegate.rate_limit_window'::regclass"));
}

/* One window for each of N clients, over in LIFE seconds. */
static void
fill(long n, const char *names, int life)
{
	char	sql[512];

	(void)snprintf(sql, sizeof(sql), "insert into voicegate."
	    "rate_limit_window (client, policy, quota, window_s, used, granted, "
	    "slot, started_at, expires_at) select '%s' || i, 'health', 60, 60, "
	    "1, 1, 1, now(), now() + interval '%d s' "
	    "from generate_series(1, %ld) as i", names, life, n);
	(void)database_long(pg.url, sql);
}

static void
load_for(const struct server *s, int ms, struct load_sums *sums)
{
	struct load_plan	p = { .nports = 1, .method = "GET",
				    .path = "/api/health", .clients = 1,
				    .connections = 16, .fresh = true };
	struct load		*l;

	p.port[0] = s->port;
	l = load_begin(&p);
	(void)poll(NULL, 0, ms);
	load_end(l, sums);
	assert_int_equal(sums->lost + sums->other + sums->unavailable, 0);
	assert_int_equal(sums->refused[0], 0);
	assert_in_range(sums->slowest_ms, 0, may_take(ANSWER_MS));
}

/* Every kind of statement: one limit, several, and a peek. */
static void
every_statement(const struct server *s)
{
	struct response	r;
	int		i;

	for (i = 0; i < 12; i++) {
		client_ask(s->port, "GET", "/api/health", "X-Forwarded-For: "
		    "192.0.2.1\r\n", &r);
		assert_int_equal(r.status, i < 5 ? 200 : 429);
		response_free(&r);
		client_post(s->port, "/api/session/start", "X-Forwarded-For: "
		    "192.0.2.2\r\n", NULL, NULL, 0, &r);
		assert_int_equal(r.status, i < 5 ? 200 : 429);
		response_free(&r);
		client_post(s->port, "/api/session/start", "X-Forwarded-For: "
		    "192.0.2.2\r\nOrigin: https://evil.example\r\n", NULL, NULL,
		    0, &r);
		assert_int_equal(r.status, 403);
		response_free(&r);
	}
}

static void
planned_by_the_index(const char *strategy)
{
	const char	*env[] = { strategy, "WORKERS=1",
		"TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_HEALTH=5/hour",
		"RATE_LIMIT_SESSION=5/hour;900/day", "RATE_LIMIT_ALL=900/hour",
		"ALLOWED_ORIGINS=https://app.example", "LOG_LEVEL=notice", NULL };
	struct server	s;
	long		before;

	/* Small, and known to be: reading all of it is cheapest now. */
	(void)database_long(pg.url, "truncate voicegate.rate_limit_window");
	fill(3, "few-", 3600);
	(void)database_long(pg.url, "vacuum analyze voicegate.rate_limit_window");
	before = sequential_scans();
	server_start(&s, pg.url, env);
	every_statement(&s);
	server_stop(&s);	/* backends tell their counts as they end */
	assert_int_equal(sequential_scans(), before);
}

static void
a_small_table_is_planned_as_a_large_one_fixed(void **state)
{
	(void)state;
	planned_by_the_index("RATE_LIMIT_STRATEGY=fixed-window");
}

static void
a_small_table_is_planned_as_a_large_one_moving(void **state)
{
	(void)state;
	planned_by_the_index("RATE_LIMIT_STRATEGY=moving-window");
}

struct sweeper {
	atomic_bool	stop;
	long		rounds;
	long		removed;
	long		slowest_ms;
};

/* As a server's worker does it, without its pauses. */
static void *
sweep(void *arg)
{
	struct sweeper	*w = arg;
	PGconn		*db = PQconnectdb(pg.url);
	PGresult	*res;
	long		began;

	while (!w->stop) {
		began = now_ms();
		res = PQexec(db, "select windows from "
		    "voicegate.purge_expired(2000)");
		if (PQntuples(res) == 1)
			w->removed += atol(PQgetvalue(res, 0, 0));
		PQclear(res);
		w->rounds++;
		if (now_ms() - began > w->slowest_ms)
			w->slowest_ms = now_ms() - began;
	}
	PQfinish(db);
	return (NULL);
}

static bool
all_swept(void *arg)
{
	(void)arg;
	return (database_long(pg.url, "select count(*) from "
	    "voicegate.rate_limit_window where client like 'over-%' or "
	    "client like 'gone-%'") == 0);
}

static void
a_sweep_holds_nobody_up(void **state)
{
	static const char *const	env[] = { "WORKERS=2",
		"RATE_LIMIT_FAIL_MODE=closed", "TRUSTED_PROXIES=127.0.0.1",
		"LOG_LEVEL=notice", NULL };
	struct server			s;
	struct load_sums		empty, full, swept;
	struct sweeper			w = { false, 0, 0, 0 };
	pthread_t			thread;
	long				began, filled;
	int				ms = rows() > ROWS ? 5000 : LOAD_MS;

	(void)state;
	(void)database_long(pg.url, "truncate voicegate.rate_limit_window");
	server_start(&s, pg.url, env);
	load_for(&s, ms, &empty);
	(void)database_long(pg.url, "truncate voicegate.rate_limit_window");
	began = now_ms();
	/* The sweep begins with the first page. */
	fill(rows() - rows() / 2, "over-", 0);
	fill(rows() / 2, "live-", 36000);
	filled = now_ms() - began;
	/* What filling it left to do is not what is measured. */
	(void)database_long(pg.url, "vacuum analyze voicegate.rate_limit_window");
	(void)database_long(pg.url, "checkpoint");
	load_for(&s, ms, &full);
	(void)database_long(pg.url, "delete from voicegate.rate_limit_window "
	    "where client like '11.%'");
	/* The server's own sweep may have had all of the first by now. */
	fill(rows() - rows() / 2, "gone-", 0);
	assert_int_equal(pthread_create(&thread, NULL, sweep, &w), 0);
	load_for(&s, ms, &swept);
	w.stop = true;
	(void)pthread_join(thread, NULL);
	/* Whichever of the two sweeps took them: what is over goes, */
	assert_true(w.rounds > 0);
	assert_true(eventually(all_swept, NULL));
	/* and what is not stays. */
	assert_int_equal(database_long(pg.url, "select count(*) from "
	    "voicegate.rate_limit_window where client like 'live-%'"),
	    rows() / 2);
	server_stop(&s);
	printf("drill: %ld rows (made in %ld ms): %d checks in %d ms, slowest "
	    "%ld ms; of an empty table %d, %ld ms; while swept %d, %ld ms "
	    "(%ld rounds, slowest %ld ms, %ld rows removed)\n", rows(), filled,
	    full.admitted[0], ms, full.slowest_ms, empty.admitted[0],
	    empty.slowest_ms, swept.admitted[0], swept.slowest_ms, w.rounds,
	    w.slowest_ms, w.removed);
	load_free(&empty);
	load_free(&full);
	load_free(&swept);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_small_table_is_planned_as_a_large_one_fixed),
		cmocka_unit_test(a_small_table_is_planned_as_a_large_one_moving),
		cmocka_unit_test(a_sweep_holds_nobody_up),
	};

	return (cmocka_run_group_tests(tests, pg_setup, pg_teardown));
}
