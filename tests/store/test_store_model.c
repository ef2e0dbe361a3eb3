/*
 * What SQL counts, against a model that keeps every admission: random clients,
 * limits, costs and batches, at random times from fixed seeds. Time passes by
 * moving what is recorded back, so that hours take milliseconds; what is then
 * called now is the database's clock and all that was moved so far.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

#define CLIENTS		3
#define POLICIES	3
#define STEPS		800	/* batches of one seed */
#define SEEDS		3
#define HITS_MAX	20000
#define ROWS_MAX	(CLIENTS * POLICIES)

struct counter {		/* one client's use of one limit */
	int64_t	quota, window_us;
	int64_t	start_us;	/* fixed */
	int64_t	used;		/* fixed */
	size_t	nhits, first;	/* moving */
	int64_t	at_us[HITS_MAX];
	int64_t	cost[HITS_MAX];
};

struct asked {
	struct counter	*of;
	int		client, policy, group;
	int64_t		asked, cost;
	int64_t		give;	/* what the model expects */
};

struct told {
	int64_t	granted, used, reset_us, retry_us, clock_us;
};

static struct counter	counters[CLIENTS][POLICIES];
static PGconn		*db;
static int64_t		offset_us;
static uint64_t		asked_max;	/* requests in one row of a batch */
static uint64_t		state;

static uint64_t
rnd(uint64_t below)
{
	/* xorshift64*, deterministic */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * UINT64_C(2685821657736338717) % below);
}

static PGresult *
run(const char *sql)
{
	PGresult	*res = PQexec(db, sql);

	if (PQresultStatus(res) != PGRES_TUPLES_OK &&
	    PQresultStatus(res) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(res));
	return (res);
}

static int
begin(void **unused)
{
	(void)unused;
	db = PQconnectdb(lab_url());
	PQclear(run("SET synchronous_commit = off"));
	return (0);
}

static int
end(void **unused)
{
	(void)unused;
	PQfinish(db);
	return (0);
}

/* --- the model -------------------------------------------------------------- */

static int64_t
model_live(struct counter *c, bool moving, int64_t now)
{
	int64_t	live = 0;
	size_t	i;

	if (!moving) {
		if (now >= c->start_us + c->window_us)
			return (0);
		return (c->used);
	}
	while (c->first < c->nhits &&
	    c->at_us[c->first] + c->window_us <= now)
		c->first++;
	for (i = c->first; i < c->nhits; i++)
		live += c->cost[i];
	return (live);
}

static int64_t
model_room(struct counter *c, bool moving, int64_t cost, int64_t now)
{
	int64_t	live = model_live(c, moving, now);

	return (live >= c->quota ? 0 : (c->quota - live) / cost);
}

static void
model_take(struct counter *c, bool moving, int64_t units, int64_t now)
{
	if (!moving) {
		/* Whoever asks begins the next window, admitted or not. */
		if (now >= c->start_us + c->window_us) {
			c->start_us = now;
			c->used = 0;
		}
		c->used += units;
	} else if (units > 0) {
		assert_true(c->nhits < HITS_MAX);
		c->at_us[c->nhits] = now;
		c->cost[c->nhits++] = units;
	}
}

/* When a request of COST may be admitted, nobody else asking. */
static int64_t
model_retry(const struct counter *c, bool moving, int64_t cost, int64_t now)
{
	int64_t	live = 0;
	size_t	i;

	if (!moving)
		return (c->start_us + c->window_us);
	if (cost > c->quota)
		return (now + c->window_us);
	for (i = c->first; i < c->nhits; i++)
		live += c->cost[i];
	for (i = c->first; live + cost > c->quota; i++)
		live -= c->cost[i];
	return (c->at_us[i - 1] + c->window_us);
}

/* --- SQL ---------------------------------------------------------------------- */

static void
pass(int64_t us)
{
	char	sql[512];

	(void)snprintf(sql, sizeof(sql), "UPDATE voicegate.rate_limit_window "
	    "SET started_at = started_at - d, expires_at = expires_at - d, "
	    "hit_at = CASE WHEN hit_at IS NULL THEN NULL ELSE ARRAY(SELECT x - d "
	    "FROM unnest(hit_at) WITH ORDINALITY AS u (x, n) ORDER BY n) END "
	    "FROM (SELECT interval '%lld us' AS d) AS s", (long long)us);
	PQclear(run(sql));
	offset_us += us;
}

static void
column(char *sql, size_t size, const struct asked *a, int n, int which)
{
	size_t	len = strlen(sql);
	int	i;

	for (i = 0; i < n && len < size; i++) {
		long long	v[] = { a[i].client, a[i].policy,
		    a[i].of->quota, a[i].of->window_us / VG_USEC, a[i].asked,
		    a[i].cost, a[i].group };

		len += (size_t)snprintf(sql + len, size - len, "%s%s%lld",
		    i == 0 ? "'{" : ",", which == 0 ? "c" : which == 1 ? "p" : "",
		    v[which]);
	}
	(void)snprintf(sql + len, size - len, "}'");
}

static void
ask_sql(const char *call, const int *columns, int ncolumns,
    const struct asked *a, int n, struct told *t)
{
	char		sql[4096];
	PGresult	*res;
	int		i;

	(void)snprintf(sql, sizeof(sql), "SELECT granted, used, "
	    "(extract(epoch FROM reset_at) * 1000000)::bigint, "
	    "(extract(epoch FROM retry_at) * 1000000)::bigint, "
	    "(extract(epoch FROM clock) * 1000000)::bigint "
	    "FROM voicegate.%s", call);
	for (i = 0; i < ncolumns; i++) {
		if (i > 0)
			(void)strcat(sql, ", ");
		column(sql, sizeof(sql), a, n, columns[i]);
	}
	(void)strcat(sql, ") ORDER BY slot");
	res = run(sql);
	assert_int_equal(PQntuples(res), n);
	for (i = 0; i < n; i++) {
		t[i].granted = atoll(PQgetvalue(res, i, 0));
		t[i].used = atoll(PQgetvalue(res, i, 1));
		t[i].reset_us = atoll(PQgetvalue(res, i, 2)) + offset_us;
		t[i].retry_us = atoll(PQgetvalue(res, i, 3)) + offset_us;
		t[i].clock_us = atoll(PQgetvalue(res, i, 4)) + offset_us;
	}
	PQclear(res);
}

/* A batch: some clients, each with one or several of its limits. */
static int
batch_make(struct asked *a, bool grouped)
{
	int	client, policy, n = 0, group = 0;
	int64_t	asked, cost;

	for (client = 0; client < CLIENTS; client++) {
		if (rnd(3) == 0)
			continue;
		asked = 1 + (int64_t)rnd(rnd(4) == 0 ? asked_max : 3);
		cost = rnd(3) == 0 ? 1 + (int64_t)rnd(4) : 1;
		group++;
		for (policy = 0; policy < POLICIES; policy++) {
			if (grouped ? rnd(3) == 0 : policy != (int)rnd(POLICIES))
				continue;
			a[n].of = &counters[client][policy];
			a[n].client = client;
			a[n].policy = policy;
			a[n].group = group;
			a[n].asked = asked;
			a[n++].cost = cost;
		}
	}
	return (n);
}

static int64_t
least_of(const struct asked *a, int n, int group)
{
	int64_t	least = INT64_MAX;
	int	i;

	for (i = 0; i < n; i++) {
		if (a[i].group == group && a[i].give < least)
			least = a[i].give;
	}
	return (least);
}

static void
step(bool moving, bool grouped, bool exact)
{
	static const int	plain[] = { 0, 1, 2, 3, 4, 5 },
				together[] = { 0, 1, 2, 3, 4, 5, 6 };
	struct asked		a[ROWS_MAX];
	struct told		t[ROWS_MAX];
	int64_t			give[ROWS_MAX], live;
	int			i, n;

	if ((n = batch_make(a, grouped)) == 0)
		return;
	if (grouped)
		ask_sql(moving ? "take_grouped(true, " : "take_grouped(false, ",
		    together, 7, a, n, t);
	else
		ask_sql(moving ? "take_moving(" : "take_fixed(", plain, 6, a, n,
		    t);
	for (i = 0; i < n; i++) {
		a[i].give = model_room(a[i].of, moving, a[i].cost, t[i].clock_us);
		if (a[i].give > a[i].asked)
			a[i].give = a[i].asked;
	}
	for (i = 0; i < n; i++)
		give[i] = grouped ? least_of(a, n, a[i].group) : a[i].give;
	for (i = 0; i < n; i++) {
		if (!exact) {
			/* Never more; the memory may hold a little longer. */
			assert_in_range(t[i].granted, 0, give[i]);
			give[i] = t[i].granted;
		}
		assert_int_equal(t[i].granted, give[i]);
		model_take(a[i].of, moving, give[i] * a[i].cost, t[i].clock_us);
		live = model_live(a[i].of, moving, t[i].clock_us);
		assert_true(live <= a[i].of->quota);
		if (!exact)
			continue;
		assert_int_equal(t[i].used, live);
		assert_true(t[i].reset_us == (!moving ? a[i].of->start_us :
		    a[i].of->first < a[i].of->nhits ?
		    a[i].of->at_us[a[i].of->first] : t[i].clock_us) +
		    a[i].of->window_us || live == 0 || grouped);
		/* Told where it is refused. */
		if (live + a[i].cost > a[i].of->quota)
			assert_true(t[i].retry_us == model_retry(a[i].of, moving,
			    a[i].cost, t[i].clock_us));
	}
}

/* A peek says what a request of one would get, and changes nothing. */
static void
peek(bool moving)
{
	static const int	columns[] = { 0, 1, 2, 3, 5 };
	struct asked		a[ROWS_MAX];
	struct told		t[ROWS_MAX];
	int			i, n;

	if ((n = batch_make(a, true)) == 0)
		return;
	ask_sql("peek(", columns, 5, a, n, t);
	for (i = 0; i < n; i++) {
		assert_int_equal(t[i].used, model_live(a[i].of, moving,
		    t[i].clock_us));
		assert_int_equal(t[i].granted, model_room(a[i].of, moving,
		    a[i].cost, t[i].clock_us) > 0);
	}
}

static void
drive(bool moving, bool grouped, bool exact)
{
	struct counter	*c;
	uint64_t	seed;
	int64_t		window;
	int		i, k;

	asked_max = exact ? 30 : 600;
	for (seed = 1; seed <= SEEDS; seed++) {
		state = seed * UINT64_C(0x9e3779b97f4a7c15);
		PQclear(run("TRUNCATE voicegate.rate_limit_window"));
		memset(counters, 0, sizeof(counters));
		for (i = 0; i < CLIENTS * POLICIES; i++) {
			c = &counters[i / POLICIES][i % POLICIES];
			c->quota = exact ? 1 + (int64_t)rnd(i % 2 ? 200 : 12) :
			    257 + (int64_t)rnd(2000);
			c->window_us = (1 + (int64_t)rnd(3600)) * VG_USEC;
		}
		for (i = 0; i < STEPS; i++) {
			c = &counters[rnd(CLIENTS)][rnd(POLICIES)];
			window = c->window_us;
			k = (int)rnd(8);
			if (k == 0)
				pass(window);
			else if (k == 1)
				pass(window / c->quota + 1);
			else if (k < 5)
				pass((int64_t)rnd((uint64_t)(window / 8 + 2)));
			step(moving, grouped, exact);
			if (exact && rnd(4) == 0)
				peek(moving);
		}
	}
}

static void
fixed_windows_equal_the_model(void **unused)
{
	(void)unused;
	drive(false, false, true);
}

static void
fixed_windows_together_equal_the_model(void **unused)
{
	(void)unused;
	drive(false, true, true);
}

static void
moving_windows_equal_the_model(void **unused)
{
	(void)unused;
	drive(true, false, true);
}

static void
moving_windows_together_equal_the_model(void **unused)
{
	(void)unused;
	drive(true, true, true);
}

static void
moving_windows_of_large_quotas_never_exceed_it(void **unused)
{
	(void)unused;
	drive(true, false, false);
	drive(true, true, false);
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(fixed_windows_equal_the_model),
		CASE(fixed_windows_together_equal_the_model),
		CASE(moving_windows_equal_the_model),
		CASE(moving_windows_together_equal_the_model),
		CASE(moving_windows_of_large_quotas_never_exceed_it),
	};

	return (cmocka_run_group_tests_name("store: model", tests, lab_setup,
	    lab_teardown));
}
