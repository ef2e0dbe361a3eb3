/*
 * Rate checks in batches that clock themselves.
 *
 * While one statement is on its way, checks gather; its answer sends them as
 * the next. Under no load a check goes out at once and alone; under load the
 * statements grow and their number does not, so that what a check costs falls
 * as load rises.
 *
 * By itself that clock beats unevenly: the first request after an answer would
 * go out alone, and all others wait for the answer to it. So the next statement
 * waits until as many checks are there as were in the last one and behind it,
 * for LINGER_MS at most. What a statement costs is mostly its commit, so half
 * as many statements are nearly half the cost; and where one request comes at
 * a time none ever waits.
 *
 * Where many come at once, that would be one crowd that goes round: the database
 * idle while its answers are read, the clients while it counts. A crowd of twice
 * PIPE_CHECKS goes in two halves, one behind the other on the connection.
 *
 * No two groups of one statement share a subject (client and class), for an
 * upsert cannot touch a row twice, and a group that must be admitted by several
 * limits together must be alone with them. A group that collides, say the same
 * client at another cost, waits for the next statement, and so does whatever
 * collides with that one: nobody is overtaken. The test is by hash; two that
 * collide only by their hash lose a millisecond.
 */

#include <stdio.h>
#include <string.h>

#include "store/db.h"
#include "store/limitahead.h"
#include "store/limitbatch.h"

#define LINGER_MS	1	/* milliseconds */
#define FLIGHTS_MAX	2	/* statements on their way */
#define PIPE_CHECKS	32	/* checks that are worth a statement more */
#define MARKS		2048	/* power of two, over twice the rows */

/* One statement. */
struct flight {
	bool			flying;
	struct vg_groups	groups;
	size_t			checks;
	struct vg_group		*slot[VG_BATCH_ROWS_MAX];
	size_t			slot_row[VG_BATCH_ROWS_MAX];
};

static struct {
	vg_batch_answer		answer;
	enum vg_strategy	strategy;
	bool			connected;
	struct flight		flight[FLIGHTS_MAX];
	size_t			nflying;
	size_t			expected;	/* checks of the next one */
	int64_t			answered_us;	/* when one was answered */
	uint64_t		mark[MARKS];
	uint32_t		mark_batch[MARKS];
	uint32_t		batch;
	struct vg_params	params;
} b;

static bool	mark_subjects(const struct vg_question *);
static bool	mark_one(uint64_t);
static struct flight *batch_room(bool);
static size_t	batch_gather(struct flight *, bool *, bool *);
static void	batch_params(const struct flight *, size_t, bool);
static void	batch_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	batch_read(const struct flight *, const PGresult *);
static void	batch_land(struct flight *, struct vg_groups *);
static void	batch_answer(struct vg_groups *, enum vg_db_status);
static void	batch_fail(struct flight *, enum vg_db_status);

void
vg_batch_start(vg_batch_answer answer)
{
	size_t	i;

	memset(&b, 0, sizeof(b));
	for (i = 0; i < FLIGHTS_MAX; i++)
		TAILQ_INIT(&b.flight[i].groups);
	b.answer = answer;
}

void
vg_batch_stop(void)
{
	struct vg_group	*g;
	size_t		i;

	if (b.answer == NULL)
		return;
	for (i = 0; i < FLIGHTS_MAX; i++) {
		while ((g = TAILQ_FIRST(&b.flight[i].groups)) != NULL) {
			TAILQ_REMOVE(&b.flight[i].groups, g, list);
			vg_group_drop(g);
		}
	}
	vg_params_free(&b.params);
	memset(&b, 0, sizeof(b));
}

void
vg_batch_strategy(enum vg_strategy strategy)
{
	b.strategy = strategy;
}

void
vg_batch_connected(bool connected)
{
	b.connected = connected;
}

void
vg_batch_send(bool lingered)
{
	enum vg_statement	statement;
	enum vg_db_status	status;
	struct vg_call		call;
	struct flight		*f;
	size_t			rows;
	bool			grouped, peek;

	if (!b.connected || (f = batch_room(lingered)) == NULL)
		return;
	if ((rows = batch_gather(f, &grouped, &peek)) == 0)
		return;

	batch_params(f, rows, grouped && !peek);
	statement = b.strategy == VG_STRATEGY_MOVING ? VG_ST_TAKE_MOVING :
	    VG_ST_TAKE_FIXED;
	if (grouped)
		statement = VG_ST_TAKE_GROUPED;
	if (peek)
		statement = VG_ST_PEEK;

	memset(&call, 0, sizeof(call));
	call.done = batch_done;
	call.arg = f;
	f->flying = true;
	b.nflying++;
	status = vg_query(statement, &b.params, VG_LIMIT_DEADLINE_MS, &call,
	    NULL);
	if (status != VG_DB_OK)
		batch_fail(f, status);
	else
		vg_stats.batches++;
}

/* For the next statement, or NULL: not now. */
static struct flight *
batch_room(bool lingered)
{
	size_t	waiting = vg_groups_checks();

	if (b.nflying == FLIGHTS_MAX)
		return (NULL);
	if (b.nflying != 0) {
		if (waiting < PIPE_CHECKS || waiting < b.expected)
			return (NULL);
	} else if (!lingered && b.expected > 1 && waiting < b.expected &&
	    vg_store_now_us() - b.answered_us < LINGER_MS * 1000) {
		if (!TAILQ_EMPTY(vg_groups_waiting()))
			vg_db_soon(LINGER_MS);
		return (NULL);
	}
	return (b.flight[0].flying ? &b.flight[1] : &b.flight[0]);
}

/* Moves what goes together from waiting to flight; how many rows it has. */
static size_t
batch_gather(struct flight *f, bool *grouped, bool *peek)
{
	struct vg_group	*g, *next;
	int64_t		now;
	size_t		rows, i;

	now = vg_store_now_us();
	rows = f->checks = 0;
	*grouped = *peek = false;
	if (++b.batch == 0) {
		memset(b.mark_batch, 0, sizeof(b.mark_batch));
		b.batch = 1;
	}
	for (g = TAILQ_FIRST(vg_groups_waiting()); g != NULL; g = next) {
		next = TAILQ_NEXT(g, list);
		if (g->nchecks == 0 && !g->wanted) {
			vg_group_leave(g);
			vg_group_drop(g);
			continue;
		}
		if (rows + g->nrows > VG_BATCH_ROWS_MAX)
			break;
		if (!mark_subjects(&g->question))
			continue;
		if (rows == 0)
			*peek = g->question.peek;
		else if (*peek != g->question.peek)
			continue;

		vg_group_leave(g);
		g->sent = (int64_t)g->nchecks;
		g->sent_us = now;
		g->ahead = vg_ahead_ask(&g->question, b.strategy, g->nchecks,
		    now);
		if (g->sent + g->ahead == 0) {
			vg_group_drop(g);	/* wanted, and had meanwhile */
			continue;
		}
		TAILQ_INSERT_TAIL(&f->groups, g, list);
		if (g->nrows > 1)
			*grouped = true;
		for (i = 0; i < g->nrows; i++) {
			memset(&g->row[i], 0, sizeof(g->row[i]));
			f->slot[rows] = g;
			f->slot_row[rows++] = i;
		}
		f->checks += g->nchecks;
	}
	vg_stats.checks_sent += f->checks;
	return (rows);
}

/* clients, policies, quotas, windows, asked, costs [, groups, moving] */
static void
batch_params(const struct flight *f, size_t rows, bool grouped)
{
	char			policy[VG_LIMIT_NAME_MAX + 16];
	struct vg_params	*p;
	const struct vg_subject	*s;
	struct vg_group		*g;
	size_t			i, j, k;

	p = &b.params;
	vg_params_reset(p);

	vg_param_array(p, VG_OID_TEXT, rows);
	TAILQ_FOREACH(g, &f->groups, list)
		for (i = 0; i < g->question.nsubjects; i++)
			for (j = 0; j < g->question.subject[i].limits.count;
			    j++)
				vg_elem_text(p, g->question.subject[i].client);
	vg_param_array_end(p);

	/* As vg_ratelimit_policy() names them. */
	vg_param_array(p, VG_OID_TEXT, rows);
	TAILQ_FOREACH(g, &f->groups, list) {
		for (i = 0; i < g->question.nsubjects; i++) {
			s = &g->question.subject[i];
			vg_elem_text(p, s->name);
			for (j = 1; j < s->limits.count; j++) {
				snprintf(policy, sizeof(policy), "%s-%lld",
				    s->name,
				    (long long)s->limits.item[j].window_s);
				vg_elem_text(p, policy);
			}
		}
	}
	vg_param_array_end(p);

	for (k = 0; k < 2; k++) {
		vg_param_array(p, VG_OID_INT4, rows);
		TAILQ_FOREACH(g, &f->groups, list) {
			for (i = 0; i < g->question.nsubjects; i++) {
				s = &g->question.subject[i];
				for (j = 0; j < s->limits.count; j++)
					vg_elem_int4(p, (int32_t)(k == 0 ?
					    s->limits.item[j].quota :
					    s->limits.item[j].window_s));
			}
		}
		vg_param_array_end(p);
	}

	vg_param_array(p, VG_OID_INT4, rows);
	for (i = 0; i < rows; i++)
		vg_elem_int4(p, (int32_t)(f->slot[i]->sent +
		    f->slot[i]->ahead));
	vg_param_array_end(p);
	vg_param_array(p, VG_OID_INT4, rows);
	for (i = 0; i < rows; i++)
		vg_elem_int4(p, (int32_t)f->slot[i]->question.cost);
	vg_param_array_end(p);

	if (!grouped)
		return;
	vg_param_array(p, VG_OID_INT4, rows);
	for (i = 0, k = 0; i < rows; i++) {
		if (f->slot_row[i] == 0)
			k++;
		vg_elem_int4(p, (int32_t)k);
	}
	vg_param_array_end(p);
	vg_param_bool(p, b.strategy == VG_STRATEGY_MOVING);
}

static void
batch_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_groups	done;
	struct flight		*f = call->arg;
	size_t			crowd;

	b.answered_us = vg_store_now_us();
	crowd = b.flight[0].checks + b.flight[1].checks + vg_groups_checks();
	b.expected = crowd < 2 * PIPE_CHECKS ? crowd : crowd / 2;
	if (status != VG_DB_OK) {
		batch_fail(f, status);
		return;
	}
	batch_read(f, res);
	/* The next one first: the server works while callbacks run. */
	batch_land(f, &done);
	vg_batch_send(false);

	batch_answer(&done, VG_DB_OK);
}

/* slot, granted, used, reset_at, retry_at, clock */
static void
batch_read(const struct flight *f, const PGresult *res)
{
	struct vg_row	*row;
	int64_t		now, clock;
	int32_t		slot;
	int		i;

	now = vg_store_now_us();
	for (i = 0; i < PQntuples(res); i++) {
		slot = vg_col_int4(res, i, 0);
		if (slot < 1 || slot > VG_BATCH_ROWS_MAX ||
		    f->slot[slot - 1] == NULL)
			continue;
		row = &f->slot[slot - 1]->row[f->slot_row[slot - 1]];
		/* Spans by the database's clock, from now by ours. */
		clock = vg_col_time(res, i, 5);
		row->granted = vg_col_int4(res, i, 1);
		row->used = vg_col_int4(res, i, 2);
		row->reset_us = now + vg_col_time(res, i, 3) - clock;
		row->retry_us = now + vg_col_time(res, i, 4) - clock;
	}
}

/* It is free for the next; DONE: the groups that it had. */
static void
batch_land(struct flight *f, struct vg_groups *done)
{
	TAILQ_INIT(done);
	TAILQ_CONCAT(done, &f->groups, list);
	f->flying = false;
	f->checks = 0;
	b.nflying--;
}

static void
batch_answer(struct vg_groups *landed, enum vg_db_status status)
{
	struct vg_group	*g;

	while ((g = TAILQ_FIRST(landed)) != NULL) {
		TAILQ_REMOVE(landed, g, list);
		b.answer(g, status);
		vg_group_drop(g);
	}
}

static void
batch_fail(struct flight *f, enum vg_db_status status)
{
	struct vg_groups	lost;

	batch_land(f, &lost);
	batch_answer(&lost, status);
	/* Where only that statement failed, the others go on. */
	if (status == VG_DB_ERROR || status == VG_DB_TIMEOUT ||
	    status == VG_DB_LOCKED)
		vg_batch_send(false);
}

/* Marks all subjects; false when one of them was marked in this batch. */
static bool
mark_subjects(const struct vg_question *question)
{
	size_t		i;
	bool		fresh;

	fresh = true;
	for (i = 0; i < question->nsubjects; i++) {
		if (!mark_one(question->subject[i].hash))
			fresh = false;
	}
	return (fresh);
}

/* Full (which only what collides can bring about) counts as a collision. */
static bool
mark_one(uint64_t hash)
{
	size_t		i, at;

	for (i = 0; i < MARKS; i++) {
		at = (hash + i) & (MARKS - 1);
		if (b.mark_batch[at] != b.batch) {
			b.mark_batch[at] = b.batch;
			b.mark[at] = hash;
			return (true);
		}
		if (b.mark[at] == hash)
			return (false);
	}
	return (false);
}
