/*
 * The database is lost under load, in each fail mode; fails over to its standby;
 * and a client that went away is not counted. DRILL_ROUNDS (make drill-limits)
 * makes it longer, and measures what no shared machine can promise.
 */

#include <dirent.h>
#include <libpq-fe.h>
#include <poll.h>

#include "drill.h"
#include "lib/load.h"

#define QUOTA		10
#define WORKERS		2
#define CLIENTS		4
#define FDS_SPARE	4	/* kept to providers by whichever worker probes */
#define ANSWER_MS	2000	/* milliseconds that any request may take */
#define SWITCH_MS	100	/* from the loss to the fail mode */
#define RESUME_MS	5000	/* from the promotion to the first session */

static int		counter;	/* nets are fresh */

static int
drilled(int per_rounds, int otherwise)
{
	int	n = (int)drill_number("DRILL_ROUNDS", 0) / per_rounds;

	return (n > otherwise ? n : otherwise);
}

static void
plan_for(struct load_plan *p, const struct server *s, const char *path)
{
	memset(p, 0, sizeof(*p));
	p->port[0] = s->port;
	p->nports = 1;
	p->method = strstr(path, "start") ? "POST" : "GET";
	p->path = path;
	p->clients = CLIENTS;
	p->connections = 4 * CLIENTS;
	p->pause_ms = 5;
	counter++;
	(void)snprintf(p->net, sizeof(p->net), "10.%d.%d", counter / 250,
	    counter % 250);
}

/* Open descriptors of all workers. */
static int
descriptors(const struct server *s)
{
	pid_t	pid[64];
	char	path[64];
	int	i, n = children_of(s->pid, pid, 64), fds = 0;
	DIR	*dir;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid[i]);
		if ((dir = opendir(path)) == NULL)
			continue;
		while (readdir(dir) != NULL)
			fds++;
		(void)closedir(dir);
	}
	return (fds);
}

struct baseline {
	const struct server	*s;
	int			fds;
};

static bool
nothing_leaked(void *arg)
{
	const struct baseline	*b = arg;

	return (descriptors(b->s) <= b->fds + FDS_SPARE && database_long(pg.url,
	    "select count(*) from pg_stat_activity where application_name = "
	    "'voicegate'") == WORKERS);
}

struct health {
	const struct server	*s;
	const char		*status;	/* "healthy", ...; "": 503 */
};

/* Each worker is met, more likely than not, and the next time surely. */
static bool
health_is(void *arg)
{
	const struct health	*h = arg;
	struct response		r;
	char			field[64];
	bool			is = true;
	int			i;

	for (i = 0; i < 8 && is; i++) {
		counter++;
		(void)snprintf(field, sizeof(field), "X-Forwarded-For: "
		    "10.200.%d.%d\r\n", counter / 250, counter % 250);
		client_ask(h->s->port, "GET", "/api/health", field, &r);
		if (h->status[0] == '\0')
			is = r.status == 503;
		else
			is = r.status == 200 && !strcmp(h->status,
			    response_json(&r, "status"));
		response_free(&r);
	}
	return (is);
}

struct changes {
	const struct server	*s;
	const char		*text;
	int			lines;
};

static bool
each_worker_said(void *arg)
{
	const struct changes	*c = arg;

	return (server_log_lines(c->s, c->text) >= c->lines);
}

/* One loss and return under load; what each client may have had at most. */
static void
lose(const struct server *s, const char *while_away, int at_most, int round)
{
	struct health		away = { s, while_away }, back = { s, "healthy" };
	struct changes		lost = { s, "database: away",
				    WORKERS * (round + 1) };
	struct changes		found = { s, "database: connected",
				    WORKERS * (round + 2) };
	struct load_plan	early, late;
	struct load_sums	a, b;
	struct load		*la, *lb;
	int			c;

	plan_for(&early, s, "/api/health");
	plan_for(&late, s, "/api/health");
	la = load_begin(&early);
	(void)poll(NULL, 0, 50);
	cluster_stop(&pg, "immediate");
	lb = load_begin(&late);		/* of whom it never heard */
	assert_true(eventually(health_is, &away));
	assert_true(eventually(each_worker_said, &lost));
	cluster_start(&pg);
	assert_true(eventually(each_worker_said, &found));
	assert_true(eventually(health_is, &back));
	(void)poll(NULL, 0, 50);
	load_end(la, &a);
	load_end(lb, &b);
	assert_int_equal(a.lost + a.other + b.lost + b.other, 0);
	assert_in_range(a.slowest_ms, 0, may_take(ANSWER_MS));
	assert_in_range(b.slowest_ms, 0, may_take(ANSWER_MS));
	for (c = 0; c < CLIENTS; c++) {
		assert_in_range(a.admitted[c], 1, at_most);
		assert_in_range(b.admitted[c], 1, at_most);
	}
	load_free(&a);
	load_free(&b);
}

static void
outages_in(const char *mode, const char *while_away, int at_most)
{
	const char	*env[] = { mode, "WORKERS=2",
		"TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_HEALTH=10/hour",
		"LOG_LEVEL=notice", NULL };
	struct server	s;
	struct baseline	b = { &s, 0 };
	int		round, rounds = drilled(5, 1), away;

	server_start(&s, pg.url, env);
	b.fds = descriptors(&s);
	for (round = 0; round < rounds; round++)
		lose(&s, while_away, at_most, round);
	/* The database never had more than the limit, whatever the mode. */
	assert_int_equal(database_long(pg.url, "select count(*) from "
	    "voicegate.rate_limit_window where used > quota"), 0);
	if (!eventually(nothing_leaked, &b))
		fail_msg("%d descriptors, %d at first; %ld connections",
		    descriptors(&s), b.fds, database_long(pg.url, "select "
		    "count(*) from pg_stat_activity where "
		    "application_name = 'voicegate'"));
	/* Each worker says each change once: a return for each loss, no more. (A
	 * machine with much else to do may miss a deadline, which is a loss too.) */
	away = server_log_lines(&s, "database: away");
	assert_in_range(away, WORKERS * rounds, WORKERS * rounds * 10);
	assert_int_equal(server_log_lines(&s, "database: connected"),
	    away + WORKERS);
	assert_int_equal(server_log_lines(&s, "database: cannot connect"), 0);
	printf("drill: %s, database lost and back under load: %d of %d "
	    "rounds\n", mode + 21, round, rounds);
	server_stop(&s);
}

/* The limit in the database, and each worker's share of it. */
static void
local_counts_at_most_its_share_more(void **state)
{
	(void)state;
	outages_in("RATE_LIMIT_FAIL_MODE=local", "degraded", 2 * QUOTA);
}

static void
closed_counts_nothing_more(void **state)
{
	(void)state;
	outages_in("RATE_LIMIT_FAIL_MODE=closed", "", QUOTA);
}

static void
open_counts_nothing_while_it_is_away(void **state)
{
	(void)state;
	outages_in("RATE_LIMIT_FAIL_MODE=open", "degraded", 1000000);
}

/* From kill -9 of all of PostgreSQL to the first answer by the fail mode. */
static void
the_fail_mode_is_there_at_once(void **state)
{
	static const char *const	env[] = { "WORKERS=2",
		"RATE_LIMIT_FAIL_MODE=closed", "TRUSTED_PROXIES=127.0.0.1",
		"RATE_LIMIT_HEALTH=100000/hour", "LOG_LEVEL=notice", NULL };
	struct server			s;
	struct health			healthy = { &s, "healthy" };
	struct load_plan		p;
	struct load_sums		sums;
	struct load			*l;
	long				first, worst = 0;
	int				round, rounds = drilled(5, 1);

	(void)state;
	server_start(&s, pg.url, env);
	for (round = 0; round < rounds; round++) {
		plan_for(&p, &s, "/api/health");
		p.pause_ms = 2;
		l = load_begin(&p);
		(void)poll(NULL, 0, 50);
		cluster_kill(&pg);
		(void)poll(NULL, 0, 200);
		cluster_start(&pg);
		assert_true(eventually(health_is, &healthy));
		load_end(l, &sums);
		assert_int_equal(sums.lost + sums.other, 0);
		assert_true(sums.unavailable > 0);
		first = sums.first_503_us / 1000 - pg.killed_ms;
		if (first > worst)
			worst = first;
		load_free(&sums);
	}
	printf("drill: from the loss to the fail mode: at most %ld ms in %d "
	    "rounds\n", worst, rounds);
	if (getenv("DRILL_ROUNDS") != NULL)
		assert_in_range(worst, 0, SWITCH_MS);
	server_stop(&s);
}

static bool
session_starts(void *arg)
{
	struct response	r;
	bool		ok;

	client_post(*(int *)arg, "/api/session/start", "", NULL, NULL, 0, &r);
	ok = r.status == 200;
	response_free(&r);
	return (ok);
}

/*
 * The primary dies with all its processes, the standby takes over. Every session
 * that a client was told of is there.
 */
static void
fail_over(long *slowest, long *resumed, size_t *sessions)
{
	static const char *const	env[] = { "WORKERS=2",
		"TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_SESSION=100000/minute",
		"LOG_LEVEL=notice", NULL };
	struct cluster			primary, standby;
	struct server			s;
	struct load_plan		p;
	struct load_sums		sums;
	struct load			*l;
	char				url[256], sql[160];
	long				began;
	size_t				i;

	cluster_create(&primary);
	database_migrate(primary.url);
	cluster_standby(&standby, &primary);
	(void)snprintf(url, sizeof(url), "postgresql://voicegate:secret@"
	    "127.0.0.1:%d,127.0.0.1:%d/" CLUSTER_DB
	    "?target_session_attrs=read-write", primary.port, standby.port);
	server_start(&s, url, env);
	plan_for(&p, &s, "/api/session/start");
	p.pause_ms = 1;
	l = load_begin(&p);
	(void)poll(NULL, 0, 500);
	cluster_kill(&primary);
	(void)poll(NULL, 0, 100);
	cluster_promote(&standby);
	began = now_ms();
	assert_true(eventually(session_starts, &s.port));
	*resumed = now_ms() - began;
	assert_in_range(*resumed, 0, may_take(RESUME_MS));
	(void)poll(NULL, 0, 200);
	load_end(l, &sums);
	assert_int_equal(sums.lost + sums.other, 0);
	assert_in_range(sums.slowest_ms, 0, may_take(ANSWER_MS));
	*slowest = sums.slowest_ms;
	assert_true(sums.nhits > 0);
	for (i = 0; i < sums.nhits; i++) {
		(void)snprintf(sql, sizeof(sql), "select count(*) from "
		    "voicegate.session where id = '%s'", sums.hit[i].session);
		if (database_long(standby.url, sql) != 1)
			fail_msg("session %zu of %zu is lost", i, sums.nhits);
	}
	*sessions = sums.nhits;
	load_free(&sums);
	server_stop(&s);
	cluster_remove(&standby);
	cluster_remove(&primary);
}

static void
a_standby_takes_over_and_no_session_is_lost(void **state)
{
	long	slowest = 0, resumed = 0, ms[2];
	size_t	sessions = 0, n;
	int	round, rounds = drilled(10, 1);

	(void)state;
	for (round = 0; round < rounds; round++) {
		fail_over(&ms[0], &ms[1], &n);
		slowest = ms[0] > slowest ? ms[0] : slowest;
		resumed = ms[1] > resumed ? ms[1] : resumed;
		sessions += n;
	}
	printf("drill: failover: served on at most %ld ms after the promotion, "
	    "slowest answer %ld ms, %zu sessions all there, %d rounds\n",
	    resumed, slowest, sessions, rounds);
}

/*
 * The standby dies instead: the primary answers questions and commits nothing.
 * What was given up must not stay behind in it.
 */
static void
a_lost_standby_piles_up_no_connections(void **state)
{
	static const char *const	env[] = { "WORKERS=2",
		"RATE_LIMIT_FAIL_MODE=open", "TRUSTED_PROXIES=127.0.0.1",
		"LOG_LEVEL=notice", NULL };
	struct cluster			primary, standby;
	struct server			s;
	struct health			healthy = { &s, "healthy" };
	struct load_plan		p;
	struct load_sums		sums;
	struct load			*l;
	long				most = 0, n;
	int				i;

	(void)state;
	cluster_create(&primary);
	database_migrate(primary.url);
	cluster_standby(&standby, &primary);
	server_start(&s, primary.url, env);
	plan_for(&p, &s, "/api/health");
	p.fresh = true;
	l = load_begin(&p);
	(void)poll(NULL, 0, 200);
	cluster_kill(&standby);
	for (i = 0; i < 6; i++) {
		(void)poll(NULL, 0, 1000);
		n = database_long(primary.url, "select count(*) from "
		    "pg_stat_activity where application_name = 'voicegate'");
		most = n > most ? n : most;
	}
	(void)database_long(primary.url,
	    "ALTER SYSTEM SET synchronous_standby_names = ''");
	(void)database_long(primary.url, "SELECT pg_reload_conf()::int");
	assert_true(eventually(health_is, &healthy));
	load_end(l, &sums);
	assert_int_equal(sums.lost + sums.other, 0);
	printf("drill: no standby to commit to for 6 s: at most %ld "
	    "connections of %d workers, %d lines of loss, slowest answer %ld "
	    "ms\n", most, WORKERS, server_log_lines(&s, "database: away"),
	    sums.slowest_ms);
	assert_in_range(most, WORKERS, 3 * WORKERS);
	assert_in_range(sums.slowest_ms, 0, may_take(ANSWER_MS));
	load_free(&sums);
	server_stop(&s);
	cluster_remove(&standby);
	cluster_remove(&primary);
}

static bool
three_have_gone(void *arg)
{
	return (server_log_lines(arg, "client_gone") == 3);
}

/* One check is on its way, held up; what queues behind it is called off. */
static void
who_went_away_is_not_counted(void **state)
{
	static const char *const	env[] = { "WORKERS=1",
		"TRUSTED_PROXIES=127.0.0.1", NULL };
	static const char		ask[] = "GET /api/health HTTP/1.1\r\n"
		"Host: x\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n";
	struct server			s;
	struct response			r;
	char				text[128];
	PGconn				*db;
	int				fd[5], i, n;

	(void)state;
	server_start(&s, pg.url, env);
	db = PQconnectdb(pg.url);
	PQclear(PQexec(db, "begin; lock table voicegate.rate_limit_window"));
	for (i = 0; i < 5; i++) {
		n = snprintf(text, sizeof(text), ask, i);
		fd[i] = client_connect(s.port);
		assert_int_equal(client_send(fd[i], text, (size_t)n), 0);
		if (i > 0)
			continue;
		/* The first is in the statement that waits. */
		while (database_long(pg.url, "select count(*) from pg_locks "
		    "where not granted") == 0)
			(void)poll(NULL, 0, 5);
	}
	for (i = 1; i < 4; i++)
		(void)close(fd[i]);
	assert_true(eventually(three_have_gone, &s));
	PQclear(PQexec(db, "commit"));
	PQfinish(db);
	for (i = 0; i < 5; i += 4) {
		client_read(fd[i], false, &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		(void)close(fd[i]);
	}
	assert_int_equal(database_long(pg.url, "select count(*) from "
	    "voicegate.rate_limit_window where client in ('192.0.2.1', "
	    "'192.0.2.2', '192.0.2.3')"), 0);
	server_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(local_counts_at_most_its_share_more),
		cmocka_unit_test(closed_counts_nothing_more),
		cmocka_unit_test(open_counts_nothing_while_it_is_away),
		cmocka_unit_test(the_fail_mode_is_there_at_once),
		cmocka_unit_test(a_standby_takes_over_and_no_session_is_lost),
		cmocka_unit_test(a_lost_standby_piles_up_no_connections),
		cmocka_unit_test(who_went_away_is_not_counted),
	};

	return (cmocka_run_group_tests(tests, pg_setup, pg_teardown));
}
