/*
 * The limiter's waiting room. Checks that ask the very same (subjects, limits,
 * cost) are one group, found by a keyed hash: a thousand requests of one client
 * are a number in one row of the next statement.
 *
 * Checks are slots of a fixed table, so that a flood ends in an answer and not
 * in memory; a ticket is the slot and a count of its uses. Groups come from the
 * heap once and are used again.
 */

#include <stdlib.h>
#include <string.h>

#include "store/limitgroups.h"

#define GROUP_BUCKETS	1024	/* power of two */

static struct {
	struct vg_check		*check;		/* VG_CHECKS_MAX of them */
	struct vg_checks	unused_checks;
	struct vg_checks	by_age;
	struct vg_groups	waiting;
	struct vg_groups	unused;
	size_t			nwaiting;	/* checks */
	struct vg_group		*bucket[GROUP_BUCKETS];
} r;

static struct vg_group	*group_get(const struct vg_question *);
static struct vg_group	*group_find(const struct vg_question *, uint64_t);
static struct vg_group	*group_new(const struct vg_question *, uint64_t);
static struct vg_check	*check_take(struct vg_check *);
static bool		question_same(const struct vg_question *,
			    const struct vg_question *);

int
vg_groups_start(void)
{
	size_t		i;

	memset(&r, 0, sizeof(r));
	TAILQ_INIT(&r.unused_checks);
	TAILQ_INIT(&r.by_age);
	TAILQ_INIT(&r.waiting);
	TAILQ_INIT(&r.unused);
	if ((r.check = calloc(VG_CHECKS_MAX, sizeof(*r.check))) == NULL)
		return (-1);
	for (i = 0; i < VG_CHECKS_MAX; i++)
		TAILQ_INSERT_TAIL(&r.unused_checks, &r.check[i], by_group);
	return (0);
}

void
vg_groups_stop(void)
{
	struct vg_group	*g;

	if (r.check == NULL)
		return;
	TAILQ_CONCAT(&r.unused, &r.waiting, list);
	while ((g = TAILQ_FIRST(&r.unused)) != NULL) {
		TAILQ_REMOVE(&r.unused, g, list);
		free(g);
	}
	free(r.check);
	memset(&r, 0, sizeof(r));
}

struct vg_check *
vg_group_add(const struct vg_question *question, int64_t deadline_us)
{
	struct vg_check	*c;
	struct vg_group	*g;

	if ((c = TAILQ_FIRST(&r.unused_checks)) == NULL ||
	    (g = group_get(question)) == NULL)
		return (NULL);

	TAILQ_REMOVE(&r.unused_checks, c, by_group);
	c->uses++;
	c->group = g;
	c->deadline_us = deadline_us;
	TAILQ_INSERT_TAIL(&g->checks, c, by_group);
	TAILQ_INSERT_TAIL(&r.by_age, c, by_age);
	g->nchecks++;
	r.nwaiting++;
	return (c);
}

void
vg_group_want(const struct vg_question *question)
{
	struct vg_group	*g;

	if ((g = group_get(question)) != NULL)
		g->wanted = true;
}

struct vg_check *
vg_group_take(struct vg_group *g)
{
	struct vg_check	*c;

	c = TAILQ_FIRST(&g->checks);
	return (c != NULL ? check_take(c) : NULL);
}

vg_ticket
vg_group_ticket(const struct vg_check *c)
{
	return (VG_TICKET_LIMIT | (uint64_t)c->uses << 16 |
	    (uint64_t)(c - r.check));
}

void
vg_group_forget(vg_ticket ticket)
{
	struct vg_check	*c;

	if ((ticket & 0xffff) >= VG_CHECKS_MAX || r.check == NULL)
		return;
	c = &r.check[ticket & 0xffff];
	/* What was sent stays counted: the database has it. */
	if (c->uses == (uint32_t)(ticket >> 16) && c->group != NULL)
		(void)check_take(c);
}

struct vg_check *
vg_group_overdue(int64_t now_us, struct vg_question *question)
{
	struct vg_check	*c;

	if ((c = TAILQ_FIRST(&r.by_age)) == NULL || c->deadline_us > now_us)
		return (NULL);
	*question = c->group->question;
	return (check_take(c));
}

struct vg_groups *
vg_groups_waiting(void)
{
	return (&r.waiting);
}

size_t
vg_groups_checks(void)
{
	return (r.nwaiting);
}

void
vg_group_leave(struct vg_group *g)
{
	struct vg_group	**at;

	TAILQ_REMOVE(&r.waiting, g, list);
	g->waiting = false;
	r.nwaiting -= g->nchecks;
	for (at = &r.bucket[g->hash & (GROUP_BUCKETS - 1)]; *at != NULL;
	    at = &(*at)->next) {
		if (*at == g) {
			*at = g->next;
			return;
		}
	}
}

void
vg_group_drop(struct vg_group *g)
{
	TAILQ_INSERT_HEAD(&r.unused, g, list);
}

static struct vg_check *
check_take(struct vg_check *c)
{
	struct vg_group	*g;

	g = c->group;
	TAILQ_REMOVE(&g->checks, c, by_group);
	TAILQ_REMOVE(&r.by_age, c, by_age);
	g->nchecks--;
	if (g->waiting)
		r.nwaiting--;
	c->group = NULL;
	TAILQ_INSERT_TAIL(&r.unused_checks, c, by_group);
	return (c);
}

static struct vg_group *
group_get(const struct vg_question *question)
{
	struct vg_group	*g;
	uint64_t	hash;

	hash = question->subject[0].hash + (uint64_t)question->cost +
	    (question->peek ? 1U << 31 : 0);
	if (question->nsubjects > 1)
		hash ^= question->subject[1].hash * 31;
	if ((g = group_find(question, hash)) == NULL)
		g = group_new(question, hash);
	return (g);
}

static struct vg_group *
group_find(const struct vg_question *question, uint64_t hash)
{
	struct vg_group	*g;

	for (g = r.bucket[hash & (GROUP_BUCKETS - 1)]; g != NULL; g = g->next) {
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

	if ((g = TAILQ_FIRST(&r.unused)) != NULL)
		TAILQ_REMOVE(&r.unused, g, list);
	else if ((g = malloc(sizeof(*g))) == NULL)
		return (NULL);

	g->hash = hash;
	g->question = *question;
	g->waiting = true;
	g->wanted = false;
	g->nchecks = 0;
	g->nrows = 0;
	for (i = 0; i < question->nsubjects; i++)
		g->nrows += question->subject[i].limits.count;
	TAILQ_INIT(&g->checks);
	g->next = r.bucket[hash & (GROUP_BUCKETS - 1)];
	r.bucket[hash & (GROUP_BUCKETS - 1)] = g;
	TAILQ_INSERT_TAIL(&r.waiting, g, list);
	return (g);
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
