/*
 * Rate checks in batches that clock themselves.
 *
 * While one statement is on its way, checks gather; its answer sends them as
 * the next. Under no load a check goes out at once and alone; under load the
 * statements grow and their number does not, so that what a check costs falls
 * as load rises. Checks that ask the same are one group and one row: a
 * thousand requests of one client are one number.
 *
 * No two groups of one statement share a subject (client and class), for an
 * upsert cannot touch a row twice, and a group that must be admitted by several
 * limits together must be alone with them. A group that collides, say the same
 * client at another cost, waits for the next statement, and so does whatever
 * collides with that one: nobody is overtaken. The test is by hash; two that
 * collide only by their hash lose a millisecond.
 */

#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/limitbatch.h"

#define GROUP_BUCKETS	1024	/* power of two */
#define MARKS		2048	/* power of two, over twice the rows */

TAILQ_HEAD(groups, vg_group);

static struct {
	vg_batch_answer		answer;
	enum vg_strategy	strategy;
	bool			connected;
	bool			flying;
	struct vg_check		*check;		/* VG_CHECKS_MAX of them */
	struct vg_checks	unused_checks;
	struct vg_checks	by_age;
	struct groups		waiting;
	struct groups		flight;
	struct groups		unused;
	struct vg_group		*bucket[GROUP_BUCKETS];
	struct vg_group		*slot[VG_BATCH_ROWS_MAX];
	size_t			slot_row[VG_BATCH_ROWS_MAX];
	uint64_t		mark[MARKS];
	uint32_t		mark_batch[MARKS];
	uint32_t		batch;
	struct vg_params	params;
} b;

static struct vg_group	*group_find(const struct vg_question *, uint64_t);
static struct vg_group	*group_new(const struct vg_question *, uint64_t);
static void		group_unhash(struct vg_group *);
static bool		question_same(const struct vg_question *,
			    const struct vg_question *);
static bool		mark_subjects(const struct vg_question *);
static bool		mark_one(uint64_t);
static size_t		batch_gather(bool *, bool *);
static void		batch_params(size_t, bool);
static void		batch_done(const struct vg_call *, enum vg_db_status,
			    const PGresult *);
static void		batch_read(const PGresult *);
static void		batch_fail(enum vg_db_status);

int
vg_batch_start(vg_batch_answer answer)
{
	size_t		i;

	memset(&b, 0, sizeof(b));
	TAILQ_INIT(&b.unused_checks);
	TAILQ_INIT(&b.by_age);
	TAILQ_INIT(&b.waiting);
	TAILQ_INIT(&b.flight);
	TAILQ_INIT(&b.unused);
	b.answer = answer;
	if ((b.check = calloc(VG_CHECKS_MAX, sizeof(*b.check))) == NULL)
		return (-1);
	for (i = 0; i < VG_CHECKS_MAX; i++)
		TAILQ_INSERT_TAIL(&b.unused_checks, &b.check[i], by_group);
	return (0);
}

void
vg_batch_stop(void)
{
	struct vg_group	*g;

	TAILQ_CONCAT(&b.unused, &b.waiting, list);
	TAILQ_CONCAT(&b.unused, &b.flight, list);
	while ((g = TAILQ_FIRST(&b.unused)) != NULL) {
		TAILQ_REMOVE(&b.unused, g, list);
		free(g);
	}
	free(b.check);
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

struct vg_check *
vg_batch_add(const struct vg_question *question, int64_t deadline_us)
{
	struct vg_check	*c;
	struct vg_group	*g;
	uint64_t	hash;

	if ((c = TAILQ_FIRST(&b.unused_checks)) == NULL)
		return (NULL);
	hash = question->subject[0].hash + (uint64_t)question->cost +
	    (question->peek ? 1U << 31 : 0);
	if (question->nsubjects > 1)
		hash ^= question->subject[1].hash * 31;
	if ((g = group_find(question, hash)) == NULL &&
	    (g = group_new(question, hash)) == NULL)
		return (NULL);

	TAILQ_REMOVE(&b.unused_checks, c, by_group);
	c->uses++;
	c->group = g;
	c->deadline_us = deadline_us;
	TAILQ_INSERT_TAIL(&g->checks, c, by_group);
	TAILQ_INSERT_TAIL(&b.by_age, c, by_age);
	g->nchecks++;
	return (c);
}

struct vg_check *
vg_batch_take(struct vg_group *g)
{
	struct vg_check	*c;

	if ((c = TAILQ_FIRST(&g->checks)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&g->checks, c, by_group);
	TAILQ_REMOVE(&b.by_age, c, by_age);
	g->nchecks--;
	c->group = NULL;
	TAILQ_INSERT_TAIL(&b.unused_checks, c, by_group);
	return (c);
}

vg_ticket
vg_batch_ticket(const struct vg_check *c)
{
	return (VG_TICKET_LIMIT | (uint64_t)c->uses << 16 |
	    (uint64_t)(c - b.check));
}

void
vg_batch_forget(vg_ticket ticket)
{
	struct vg_check	*c;
	struct vg_group	*g;

	if ((ticket & 0xffff) >= VG_CHECKS_MAX || b.check == NULL)
		return;
	c = &b.check[ticket & 0xffff];
	if (c->uses != (uint32_t)(ticket >> 16) || (g = c->group) == NULL)
		return;
	/* What was sent stays counted: the database has it. */
	TAILQ_REMOVE(&g->checks, c, by_group);
	TAILQ_INSERT_HEAD(&g->checks, c, by_group);
	(void)vg_batch_take(g);
}

struct vg_group *
vg_batch_waiting(void)
{
	struct vg_group	*g;

	if ((g = TAILQ_FIRST(&b.waiting)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&b.waiting, g, list);
	group_unhash(g);
	return (g);
}

struct vg_check *
vg_batch_overdue(int64_t now_us, struct vg_question *question)
{
	struct vg_check	*c;

	if ((c = TAILQ_FIRST(&b.by_age)) == NULL || c->deadline_us > now_us)
		return (NULL);
	*question = c->group->question;
	TAILQ_REMOVE(&c->group->checks, c, by_group);
	TAILQ_INSERT_HEAD(&c->group->checks, c, by_group);
	return (vg_batch_take(c->group));
}

void
vg_batch_drop(struct vg_group *g)
{
	TAILQ_INSERT_HEAD(&b.unused, g, list);
}

void
vg_batch_send(void)
{
	enum vg_statement	statement;
	enum vg_db_status	status;
	struct vg_call		call;
	size_t			rows;
	bool			grouped, peek;

	if (b.flying || !b.connected)
		return;
	if ((rows = batch_gather(&grouped, &peek)) == 0)
		return;

	batch_params(rows, grouped && !peek);
	statement = b.strategy == VG_STRATEGY_MOVING ? VG_ST_TAKE_MOVING :
	    VG_ST_TAKE_FIXED;
	if (grouped)
		statement = VG_ST_TAKE_GROUPED;
	if (peek)
		statement = VG_ST_PEEK;

	memset(&call, 0, sizeof(call));
	call.done = batch_done;
	b.flying = true;
	status = vg_query(statement, &b.params, VG_LIMIT_DEADLINE_MS, &call,
	    NULL);
	if (status != VG_DB_OK)
		batch_fail(status);
	else
		vg_stats.batches++;
}

/* Moves what goes together from waiting to flight; how many rows it has. */
static size_t
batch_gather(bool *grouped, bool *peek)
{
	struct vg_group	*g, *next;
	size_t		rows, i;

	rows = 0;
	*grouped = *peek = false;
	if (++b.batch == 0) {
		memset(b.mark_batch, 0, sizeof(b.mark_batch));
		b.batch = 1;
	}
	for (g = TAILQ_FIRST(&b.waiting); g != NULL; g = next) {
		next = TAILQ_NEXT(g, list);
		if (g->nchecks == 0) {
			TAILQ_REMOVE(&b.waiting, g, list);
			group_unhash(g);
			vg_batch_drop(g);
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

		TAILQ_REMOVE(&b.waiting, g, list);
		group_unhash(g);
		TAILQ_INSERT_TAIL(&b.flight, g, list);
		if (g->nrows > 1)
			*grouped = true;
		for (i = 0; i < g->nrows; i++) {
			memset(&g->row[i], 0, sizeof(g->row[i]));
			b.slot[rows] = g;
			b.slot_row[rows++] = i;
		}
		vg_stats.checks_sent += g->nchecks;
	}
	return (rows);
}

/* clients, policies, quotas, windows, asked, costs [, groups, moving] */
static void
batch_params(size_t rows, bool grouped)
{
	char			policy[VG_LIMIT_NAME_MAX + 16];
	struct vg_params	*p;
	const struct vg_subject	*s;
	struct vg_group		*g;
	size_t			i, j, k;

	p = &b.params;
	vg_params_reset(p);

	vg_param_array(p, VG_OID_TEXT, rows);
	TAILQ_FOREACH(g, &b.flight, list)
		for (i = 0; i < g->question.nsubjects; i++)
			for (j = 0; j < g->question.subject[i].limits.count;
			    j++)
				vg_elem_text(p, g->question.subject[i].client);
	vg_param_array_end(p);

	/* As vg_ratelimit_policy() names them. */
	vg_param_array(p, VG_OID_TEXT, rows);
	TAILQ_FOREACH(g, &b.flight, list) {
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
		TAILQ_FOREACH(g, &b.flight, list) {
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
		vg_elem_int4(p, (int32_t)b.slot[i]->nchecks);
	vg_param_array_end(p);
	vg_param_array(p, VG_OID_INT4, rows);
	for (i = 0; i < rows; i++)
		vg_elem_int4(p, (int32_t)b.slot[i]->question.cost);
	vg_param_array_end(p);

	if (!grouped)
		return;
	vg_param_array(p, VG_OID_INT4, rows);
	for (i = 0, k = 0; i < rows; i++) {
		if (b.slot_row[i] == 0)
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
	struct vg_group	*g;

	(void)call;

	if (status != VG_DB_OK) {
		batch_fail(status);
		return;
	}
	batch_read(res);
	/* The next one first: the server works while callbacks run. */
	struct groups	done;
	TAILQ_INIT(&done);
	TAILQ_CONCAT(&done, &b.flight, list);
	b.flying = false;
	vg_batch_send();

	while ((g = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, g, list);
		b.answer(g, VG_DB_OK);
		vg_batch_drop(g);
	}
}

/* slot, granted, used, reset_at, retry_at, clock */
static void
batch_read(const PGresult *res)
{
	struct vg_row	*row;
	int64_t		now, clock;
	int32_t		slot;
	int		i;

	now = vg_store_now_us();
	for (i = 0; i < PQntuples(res); i++) {
		slot = vg_col_int4(res, i, 0);
		if (slot < 1 || slot > VG_BATCH_ROWS_MAX ||
		    b.slot[slot - 1] == NULL)
			continue;
		row = &b.slot[slot - 1]->row[b.slot_row[slot - 1]];
		/* Spans by the database's clock, from now by ours. */
		clock = vg_col_time(res, i, 5);
		row->granted = vg_col_int4(res, i, 1);
		row->used = vg_col_int4(res, i, 2);
		row->reset_us = now + vg_col_time(res, i, 3) - clock;
		row->retry_us = now + vg_col_time(res, i, 4) - clock;
	}
}

static void
batch_fail(enum vg_db_status status)
{
	struct groups	lost;
	struct vg_group	*g;

	TAILQ_INIT(&lost);
	TAILQ_CONCAT(&lost, &b.flight, list);
	b.flying = false;
	while ((g = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, g, list);
		b.answer(g, status);
		vg_batch_drop(g);
	}
	/* Where only that statement failed, the others go on. */
	if (status == VG_DB_ERROR || status == VG_DB_TIMEOUT)
		vg_batch_send();
}

static struct vg_group *
group_find(const struct vg_question *question, uint64_t hash)
{
	struct vg_group	*g;

	for (g = b.bucket[hash & (GROUP_BUCKETS - 1)]; g != NULL; g = g->next) {
		if (g->hash == hash && question_same(&g->question, question))
			return (g);
	}
	return (NULL);
}

static struct vg_group *
group_new(const struct vg_question *question, uint64_t hash)
{
	struct vg_group	*g;
	size_t		i;

	if ((g = TAILQ_FIRST(&b.unused)) != NULL)
		TAILQ_REMOVE(&b.unused, g, list);
	else if ((g = malloc(sizeof(*g))) == NULL)
		return (NULL);

	g->hash = hash;
	g->question = *question;
	g->nchecks = 0;
	g->nrows = 0;
	for (i = 0; i < question->nsubjects; i++)
		g->nrows += question->subject[i].limits.count;
	TAILQ_INIT(&g->checks);
	g->next = b.bucket[hash & (GROUP_BUCKETS - 1)];
	b.bucket[hash & (GROUP_BUCKETS - 1)] = g;
	TAILQ_INSERT_TAIL(&b.waiting, g, list);
	return (g);
}

static void
group_unhash(struct vg_group *g)
{
	struct vg_group	**at;

	for (at = &b.bucket[g->hash & (GROUP_BUCKETS - 1)]; *at != NULL;
	    at = &(*at)->next) {
		if (*at == g) {
			*at = g->next;
			return;
		}
	}
}

static bool
question_same(const struct vg_question *x, const struct vg_question *y)
{
	const struct vg_subject	*s, *t;
	size_t			i, j;

	if (x->nsubjects != y->nsubjects || x->cost != y->cost ||
	    x->peek != y->peek)
		return (false);
	for (i = 0; i < x->nsubjects; i++) {
		s = &x->subject[i];
		t = &y->subject[i];
		if (s->hash != t->hash || s->limits.count != t->limits.count ||
		    strcmp(s->client, t->client) != 0 ||
		    strcmp(s->name, t->name) != 0)
			return (false);
		for (j = 0; j < s->limits.count; j++) {
			if (s->limits.item[j].quota != t->limits.item[j].quota ||
			    s->limits.item[j].window_s !=
			    t->limits.item[j].window_s)
				return (false);
		}
	}
	return (true);
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
