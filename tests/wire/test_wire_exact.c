/*
 * Never more than the limit: many connections to two instances with two workers
 * each on one database, while an instance is killed, while the database restarts,
 * and across the turns of windows. DRILL_ROUNDS says how many rounds of each
 * (make drill-limits), DRILL_WINDOW how long the windows are that turn.
 */

#include <poll.h>

#include "drill.h"
#include "lib/load.h"

#define QUOTA		10
#define CLIENTS		5
#define CONNECTIONS	40
#define ROUNDS		2	/* in make test */
#define WINDOW		2	/* seconds, in make test */

static int		counter;	/* clients are fresh in each round */

static void
instance(struct server *s, const char *strategy)
{
	const char	*env[] = { strategy, "WORKERS=2",
		"RATE_LIMIT_FAIL_MODE=closed", "TRUSTED_PROXIES=127.0.0.1",
		"RATE_LIMIT_HEALTH_PER_MINUTE=10", "LOG_LEVEL=notice", NULL };

	server_start(s, pg.url, env);
}

static void
plan_for(struct load_plan *p, const struct server *a, const struct server *b)
{
	memset(p, 0, sizeof(*p));
	p->port[0] = a->port;
	p->port[1] = b->port;
	p->nports = 2;
	p->method = "POST";
	p->path = "/api/session/start";
	p->clients = CLIENTS;
	p->connections = CONNECTIONS;
	p->requests = 5;
	counter++;
	(void)snprintf(p->net, sizeof(p->net), "10.%d.%d", counter / 250,
	    counter % 250);
}

/* Units of one client of a round, as the database has them. */
static long
used(const struct load_plan *p, int client, const char *policy)
{
	char	sql[256];

	(void)snprintf(sql, sizeof(sql), "select coalesce(max(used), 0) from "
	    "voicegate.rate_limit_window where client = '%s.%d' "
	    "and policy = '%s'", p->net, client, policy);
	return (database_long(pg.url, sql));
}

/*
 * Asks for each client until it is refused, and adds how many more were let in.
 * Of how many requests the answer was that the limit cannot be known.
 */
static int
top_up(const struct load_plan *p, int port, struct load_sums *sums)
{
	struct load_plan	more = *p;
	struct load_sums	s;
	int			c, unavailable;

	more.port[0] = more.port[1] = port;
	more.nports = 1;
	more.connections = CLIENTS;
	more.requests = QUOTA + 2;
	more.pause_ms = 0;
	load_run(&more, &s);
	assert_int_equal(s.other + s.lost, 0);
	for (c = 0; c < CLIENTS; c++)
		sums->admitted[c] += s.admitted[c];
	unavailable = s.unavailable;
	load_free(&s);
	return (unavailable);
}

static void
rounds_of(const char *strategy)
{
	struct server		a, b;
	struct load_plan	p;
	struct load_sums	s;
	int			round, rounds = (int)drill_number("DRILL_ROUNDS", ROUNDS), c;

	instance(&a, strategy);
	instance(&b, strategy);
	for (round = 0; round < rounds; round++) {
		plan_for(&p, &a, &b);
		load_run(&p, &s);
		assert_int_equal(s.other + s.lost + s.unavailable, 0);
		for (c = 0; c < CLIENTS; c++) {
			assert_int_equal(s.admitted[c], QUOTA);
			assert_int_equal(s.refused[c],
			    CONNECTIONS / CLIENTS * 5 - QUOTA);
			assert_int_equal(used(&p, c, "session"), QUOTA);
		}
		load_free(&s);
	}
	printf("drill: %s: exactly %d of %d requests for each of %d clients, "
	    "%d of %d rounds\n", strategy + 20, QUOTA, CONNECTIONS /
	    CLIENTS * 5, CLIENTS, round, rounds);
	server_stop(&a);
	server_stop(&b);
}

static void
exactly_the_limit_fixed(void **state)
{
	(void)state;
	rounds_of("RATE_LIMIT_STRATEGY=fixed-window");
}

static void
exactly_the_limit_moving(void **state)
{
	(void)state;
	rounds_of("RATE_LIMIT_STRATEGY=moving-window");
}

static const char *
strategy_of(int round)
{
	return (round % 2 ? "RATE_LIMIT_STRATEGY=moving-window" :
	    "RATE_LIMIT_STRATEGY=fixed-window");
}

/* Each round at another moment: some milliseconds after its beginning. */
static void
some_time(int round)
{
	(void)poll(NULL, 0, 2 + round * 7 % 40);
}

static void
a_killed_instance_lets_nobody_over(void **state)
{
	struct server		a, b;
	struct load_plan	p;
	struct load_sums	s;
	struct load		*l;
	int			round, rounds = (int)drill_number("DRILL_ROUNDS", ROUNDS), c;
	int			lost = 0, let_in = 0;

	(void)state;
	for (round = 0; round < rounds; round++) {
		instance(&b, strategy_of(round));
		instance(&a, strategy_of(round));
		plan_for(&p, &a, &b);
		p.pause_ms = 1;
		p.requests = 10;
		l = load_begin(&p);
		some_time(round);
		server_kill(&a);
		load_end(l, &s);
		assert_int_equal(s.other + s.unavailable, 0);
		lost += s.lost;
		assert_int_equal(top_up(&p, b.port, &s), 0);
		for (c = 0; c < CLIENTS; c++) {
			assert_in_range(s.admitted[c], 0, QUOTA);
			assert_int_equal(used(&p, c, "session"), QUOTA);
			let_in += s.admitted[c];
		}
		load_free(&s);
		server_stop(&b);
	}
	printf("drill: an instance killed: never more than %d, %d of %d "
	    "rounds; %d requests lost, %d of %d units answered\n", QUOTA,
	    round, rounds, lost, let_in, rounds * CLIENTS * QUOTA);
}

struct both {
	const struct server	*a, *b;
};

/* Fail mode `closed`: the health route answers 503 without its database. */
static bool
both_are_back(void *arg)
{
	const struct both	*both = arg;
	struct load_plan	p;
	struct load_sums	s;
	bool			back;

	plan_for(&p, both->a, both->b);
	p.method = "GET";
	p.path = "/api/health";
	p.connections = 16;	/* so that most often each worker is met */
	p.requests = 1;
	load_run(&p, &s);
	back = s.unavailable + s.lost + s.other == 0;
	load_free(&s);
	return (back);
}

struct more {
	const struct load_plan	*plan;
	const struct server	*server;
	struct load_sums	*sums;
};

/* A worker that both_are_back() has not met may still be about to connect. */
static bool
topped_up(void *arg)
{
	const struct more	*more = arg;

	return (top_up(more->plan, more->server->port, more->sums) == 0);
}

static void
a_database_that_restarts_lets_nobody_over(void **state)
{
	struct server		a, b;
	struct both		both = { &a, &b };
	struct load_plan	p;
	struct load_sums	s;
	struct more		more = { &p, &a, &s };
	struct load		*l;
	int			round, rounds = (int)drill_number("DRILL_ROUNDS", ROUNDS), c;
	int			let_in = 0;
	long			slowest = 0;

	(void)state;
	for (round = 0; round < rounds; round++) {
		/* Half of the rounds with each strategy. */
		if (round == 0 || round == rounds / 2) {
			instance(&a, strategy_of(round >= rounds / 2));
			instance(&b, strategy_of(round >= rounds / 2));
		}
		plan_for(&p, &a, &b);
		p.method = "GET";
		p.path = "/api/health";
		p.requests = 0;
		p.pause_ms = 5;
		l = load_begin(&p);
		some_time(round);
		cluster_stop(&pg, round % 4 < 2 ? "fast" : "immediate");
		cluster_start(&pg);
		if (!eventually(both_are_back, &both))
			fail_msg("the database is back, and is not used");
		load_end(l, &s);
		assert_int_equal(s.other + s.lost, 0);
		if (s.slowest_ms > slowest)
			slowest = s.slowest_ms;
		if (!eventually(topped_up, &more))
			fail_msg("a worker does not use the database again");
		for (c = 0; c < CLIENTS; c++) {
			assert_in_range(s.admitted[c], 0, QUOTA);
			assert_int_equal(used(&p, c, "health"), QUOTA);
			let_in += s.admitted[c];
		}
		load_free(&s);
		if (round + 1 == rounds / 2 || round + 1 == rounds) {
			server_stop(&a);
			server_stop(&b);
		}
	}
	printf("drill: the database restarts: never more than %d, %d of %d "
	    "rounds; slowest answer %ld ms, %d of %d units answered\n", QUOTA,
	    round, rounds, slowest, let_in, rounds * CLIENTS * QUOTA);
}

/*
 * Everybody is hungry over three and a half windows. An admission happened
 * between its sending and its answer: those of which both lie within one window
 * were certainly together in it.
 */
static void
turns_of(const char *strategy, int per_span)
{
	int			w = (int)drill_number("DRILL_WINDOW", WINDOW), c, worst = 0;
	char			limit[64];
	const char		*env[] = { strategy, limit, "WORKERS=2",
		"TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=notice", NULL };
	struct server		a, b;
	struct load_plan	p;
	struct load_sums	s;
	struct load		*l;
	long			first, last, span = (long)w * 1000000;
	size_t			i, j;
	int			n;

	(void)snprintf(limit, sizeof(limit), "RATE_LIMIT_HEALTH=%d/%dsecond",
	    QUOTA, w);
	server_start(&a, pg.url, env);
	server_start(&b, pg.url, env);
	plan_for(&p, &a, &b);
	p.method = "GET";
	p.path = "/api/health";
	p.connections = 8;
	p.clients = 2;
	p.requests = 0;
	p.pause_ms = 10;
	l = load_begin(&p);
	(void)poll(NULL, 0, w * 3500);
	load_end(l, &s);
	assert_int_equal(s.other + s.lost + s.unavailable, 0);
	assert_true(s.nhits > 0);
	for (i = 0; i < s.nhits; i++) {
		n = 0;
		for (j = i; j < s.nhits && s.hit[j].sent_us <
		    s.hit[i].sent_us + span; j++)
			n += s.hit[j].client == s.hit[i].client &&
			    s.hit[j].got_us < s.hit[i].sent_us + span;
		if (n > worst)
			worst = n;
	}
	assert_in_range(worst, 1, per_span);
	for (c = 0; c < p.clients; c++) {
		first = last = 0;
		for (i = 0; i < s.nhits; i++) {
			if (s.hit[i].client != c)
				continue;
			if (first == 0)
				first = s.hit[i].sent_us;
			last = s.hit[i].got_us;
		}
		/* Windows follow one another, and each lets in its limit. */
		assert_in_range(s.admitted[c], 2 * QUOTA,
		    QUOTA * ((last - first) / span + 1));
	}
	printf("drill: %s: %d and %d let in over 3.5 windows of %d s, at most "
	    "%d in any %d s\n", strategy + 20, s.admitted[0], s.admitted[1], w,
	    worst, w);
	load_free(&s);
	server_stop(&a);
	server_stop(&b);
}

static void
the_turn_of_fixed_windows(void **state)
{
	(void)state;
	turns_of("RATE_LIMIT_STRATEGY=fixed-window", 2 * QUOTA);
}

static void
the_turn_of_moving_windows(void **state)
{
	(void)state;
	turns_of("RATE_LIMIT_STRATEGY=moving-window", QUOTA);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(exactly_the_limit_fixed),
		cmocka_unit_test(exactly_the_limit_moving),
		cmocka_unit_test(a_killed_instance_lets_nobody_over),
		cmocka_unit_test(a_database_that_restarts_lets_nobody_over),
		cmocka_unit_test(the_turn_of_fixed_windows),
		cmocka_unit_test(the_turn_of_moving_windows),
	};

	return (cmocka_run_group_tests(tests, pg_setup, pg_teardown));
}
