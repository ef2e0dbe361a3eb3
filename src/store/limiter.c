/*
 * The rate limiter of one worker: checks go to PostgreSQL in batches that clock
 * themselves. While a batch is on its way, checks gather; when it is answered,
 * what has gathered is the next. A quiet server asks at once, a busy one pays a
 * statement for dozens of requests.
 *
 * Checks of one client and limit are merged to one row of the batch ("five of
 * this"): an upsert may touch a row once. How many were admitted comes back, and
 * they are told in the order in which they asked.
 *
 * What was refused is remembered until the moment that may change it, so that a
 * flood costs no statement. While the database is away the fail mode answers.
 */

#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "core/localwindow.h"
#include "store/db.h"
#include "store/limiter.h"

#define CHECKS_MAX	2048	/* waiting and sent; more: the fail mode */
#define BATCH_MAX	128	/* checks in one statement */
#define ROWS_MAX	(BATCH_MAX * VG_LIMIT_SUBJECTS_MAX * VG_LIMITS_MAX)
#define DENIED_ENTRIES	4096	/* clients known to be over their limit */
#define LOCAL_ENTRIES	16384	/* clients counted while away */

struct subject {
	char			client[VG_CLIENT_NAME_MAX + 1];
	char			name[VG_LIMIT_NAME_MAX + 1];
	struct vg_limits	limits;
};

struct check {
	TAILQ_ENTRY(check)	list;
	uint32_t		uses;
	bool			forgotten;
	vg_limit_cb		cb;
	void			*arg;
	int64_t			cost;
	size_t			nsubjects;
	struct subject		subject[VG_LIMIT_SUBJECTS_MAX];
	size_t			group;		/* in the batch */
};

TAILQ_HEAD(checks, check);

/* Checks that ask the very same: one group of rows in the batch. */
struct group {
	const struct check	*first;
	int32_t			asked;
	int32_t			told;		/* of them, while answering */
	size_t			row;		/* its first */
	size_t			nrows;
};

/* One row of the answer. */
struct row {
	int32_t	granted;
	int32_t	used;
	int64_t	reset_us;	/* on our clock */
	int64_t	retry_us;
};

static struct {
	bool			enabled;
	enum vg_strategy	strategy;
	int			fail_mode;
	int64_t			workers;
	bool			in_flight;
	struct checks		unused;
	struct checks		waiting;
	struct checks		sent;
	size_t			ngroups;
	struct group		group[BATCH_MAX];
	struct row		row[ROWS_MAX];
	struct vg_local		*denied;
	struct vg_local		*local;
	struct vg_params	params;
	struct check		*slot;
} lim;

static int	send_batch(void);

int
vg_limiter_start(const struct vg_settings *settings)
{
	uint8_t	key[VG_SIPHASH_KEY_SIZE];
	size_t	i;

	memset(&lim, 0, sizeof(lim));
	TAILQ_INIT(&lim.unused);
	TAILQ_INIT(&lim.waiting);
	TAILQ_INIT(&lim.sent);
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key) ||
	    (lim.slot = calloc(CHECKS_MAX, sizeof(*lim.slot))) == NULL ||
	    (lim.denied = vg_local_new(DENIED_ENTRIES, key)) == NULL ||
	    (lim.local = vg_local_new(LOCAL_ENTRIES, key)) == NULL) {
		vg_limiter_stop();
		return (-1);
	}
	for (i = 0; i < CHECKS_MAX; i++)
		TAILQ_INSERT_TAIL(&lim.unused, &lim.slot[i], list);
	vg_limiter_reload(settings);
	return (0);
}

void
vg_limiter_reload(const struct vg_settings *settings)
{
	lim.enabled = settings->rate_limit;
	lim.strategy = (enum vg_strategy)settings->rate_strategy;
	lim.fail_mode = settings->rate_fail_mode;
	lim.workers = settings->workers > 0 ? settings->workers : 1;
	/* A higher limit must be felt at once. */
	vg_local_clear(lim.denied);
	vg_local_clear(lim.local);
}

void
vg_limiter_stop(void)
{
	vg_local_free(lim.denied);
	vg_local_free(lim.local);
	vg_params_free(&lim.params);
	free(lim.slot);
	memset(&lim, 0, sizeof(lim));
}

void
vg_limiter_forget(vg_ticket ticket)
{
	uint64_t	index = ticket & 0xffff;
	struct check	*check;

	if (lim.slot == NULL || index == 0 || index > CHECKS_MAX)
		return;
	check = &lim.slot[index - 1];
	if (check->uses == (uint32_t)((ticket & ~VG_TICKET_CHECK) >> 16))
		check->forgotten = true;
}

/* --- results -------------------------------------------------------------- */

/* Chooses what is told, once every quota is in. */
static void
conclude(struct vg_limit_result *result, enum vg_limit_source source)
{
	const struct vg_quota	*best[VG_LIMIT_SUBJECTS_MAX], *pick;
	struct vg_quota		copy[VG_LIMIT_SUBJECTS_MAX];
	size_t			i;

	result->source = source;
	result->verdict = VG_LIMIT_ADMITTED;
	for (i = 0; i < result->nsubjects; i++) {
		best[i] = vg_quota_tightest(result->subject[i].quota,
		    result->subject[i].count);
		copy[i] = *best[i];
		if (!best[i]->admitted)
			result->verdict = VG_LIMIT_REFUSED;
	}
	pick = vg_quota_tightest(copy, result->nsubjects);
	result->tightest_subject = (size_t)(pick - copy);
	result->tightest = best[result->tightest_subject];
}

/* The limit's name as SQL and the header have it. */
static void
policy_name(char *buf, size_t size, const char *name,
    const struct vg_limits *limits, size_t i)
{
	if (i == 0)
		(void)snprintf(buf, size, "%s", name);
	else
		(void)snprintf(buf, size, "%s-%d", name,
		    (int)limits->item[i].window_s);
}

static uint32_t
class_of(const char *name, int64_t cost)
{
	uint32_t	hash = 2166136261u;	/* FNV-1a; the table is keyed */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return ((hash ^ (uint32_t)cost) * 16777619u);
}

/* Without the database: by the fail mode. */
static void
by_fail_mode(const struct subject *subject, size_t n, int64_t cost,
    struct vg_limit_result *result)
{
	struct vg_limits	share;
	struct vg_local_who	who;
	size_t			i;

	memset(result, 0, sizeof(*result));
	result->now_us = vg_store_now_us();
	result->source = VG_LIMIT_BY_FAIL_MODE;
	vg_stats.checks_local++;
	if (lim.fail_mode != VG_FAIL_LOCAL) {
		result->verdict = lim.fail_mode == VG_FAIL_OPEN ?
		    VG_LIMIT_UNCOUNTED : VG_LIMIT_UNAVAILABLE;
		return;
	}
	result->nsubjects = n;
	for (i = 0; i < n; i++) {
		vg_limits_divide(&share, &subject[i].limits, lim.workers);
		who.client = subject[i].client;
		who.len = strlen(subject[i].client);
		who.class = class_of(subject[i].name, 0);
		result->subject[i].count = share.count;
		if (!vg_local_check(lim.local, &who, &share, lim.strategy, cost,
		    result->now_us, result->subject[i].quota))
			n = i + 1;	/* the rest takes nothing */
	}
	result->nsubjects = n;
	conclude(result, VG_LIMIT_BY_FAIL_MODE);
}

static void
release(struct check *check)
{
	check->uses++;
	TAILQ_INSERT_TAIL(&lim.unused, check, list);
}

static void
answer_by_fail_mode(struct checks *list)
{
	struct vg_limit_result	result;
	struct check		*check;
	vg_limit_cb		cb;
	void			*arg;
	bool			forgotten;

	while ((check = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, check, list);
		cb = check->cb;
		arg = check->arg;
		if (!(forgotten = check->forgotten))
			by_fail_mode(check->subject, check->nsubjects,
			    check->cost, &result);
		release(check);
		if (!forgotten)
			cb(arg, &result);
	}
}

void
vg_limiter_state(bool connected)
{
	if (connected) {
		vg_local_clear(lim.local);
		(void)send_batch();
		return;
	}
	answer_by_fail_mode(&lim.waiting);
}

/* What could not be sent when it was asked: now, or by the fail mode. */
void
vg_limiter_tick(void)
{
	if (!lim.in_flight && !TAILQ_EMPTY(&lim.waiting) && send_batch() == -1)
		answer_by_fail_mode(&lim.waiting);
}

/* --- batches -------------------------------------------------------------- */

static bool
same_subject(const struct subject *a, const struct subject *b)
{
	return (!strcmp(a->client, b->client) && !strcmp(a->name, b->name));
}

static bool
same(const struct check *a, const struct check *b)
{
	size_t	i;

	if (a->nsubjects != b->nsubjects || a->cost != b->cost)
		return (false);
	for (i = 0; i < a->nsubjects; i++) {
		if (!same_subject(&a->subject[i], &b->subject[i]))
			return (false);
	}
	return (true);
}

/* Whether they meet in a row without asking the same. */
static bool
collide(const struct check *a, const struct check *b)
{
	size_t	i, j;

	for (i = 0; i < a->nsubjects; i++) {
		for (j = 0; j < b->nsubjects; j++) {
			if (same_subject(&a->subject[i], &b->subject[j]))
				return (true);
		}
	}
	return (false);
}

/* The batch's group of this check; false: it must wait for the next batch. */
static bool
place(struct check *check)
{
	size_t	i;

	for (i = 0; i < lim.ngroups; i++) {
		if (same(lim.group[i].first, check)) {
			lim.group[i].asked++;
			check->group = i;
			return (true);
		}
		if (collide(lim.group[i].first, check))
			return (false);
	}
	check->group = lim.ngroups;
	memset(&lim.group[lim.ngroups], 0, sizeof(lim.group[0]));
	lim.group[lim.ngroups].first = check;
	lim.group[lim.ngroups].asked = 1;
	lim.ngroups++;
	return (true);
}

/* One answer to one check, the TOLDth of its group. */
static void
tell(struct check *check)
{
	struct group		*group = &lim.group[check->group];
	const struct row	*row = &lim.row[group->row];
	struct vg_limit_result	result;
	struct vg_local_who	who;
	vg_limit_cb		cb = check->cb;
	void			*arg = check->arg;
	bool			admitted, forgotten = check->forgotten;
	int64_t			used;
	size_t			i, j;

	memset(&result, 0, sizeof(result));
	result.now_us = vg_store_now_us();
	result.nsubjects = check->nsubjects;
	group->told++;
	for (i = 0; i < check->nsubjects; i++) {
		result.subject[i].count = check->subject[i].limits.count;
		for (j = 0; j < result.subject[i].count; j++, row++) {
			admitted = group->told <= row->granted;
			/* As if each had asked by itself. */
			used = row->used;
			if (admitted)
				used -= (int64_t)(row->granted - group->told) *
				    check->cost;
			vg_quota_from_store(&result.subject[i].quota[j],
			    &check->subject[i].limits.item[j], admitted, used,
			    row->reset_us, row->retry_us, result.now_us);
			if (!admitted) {
				who.client = check->subject[i].client;
				who.len = strlen(who.client);
				who.class = class_of(check->subject[i].name,
				    check->cost);
				vg_local_deny(lim.denied, &who,
				    &result.subject[i].quota[j], result.now_us);
			}
		}
	}
	conclude(&result, VG_LIMIT_BY_DATABASE);
	release(check);
	if (!forgotten)
		cb(arg, &result);
}

/* slot, granted, used, reset_at, retry_at, clock */
static void
batch_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct checks	answered;
	struct check	*check;
	int64_t		now_us = vg_store_now_us(), clock_us;
	int		i, slot;

	(void)call;
	lim.in_flight = false;
	TAILQ_INIT(&answered);
	TAILQ_CONCAT(&answered, &lim.sent, list);
	if (status != VG_DB_OK) {
		answer_by_fail_mode(&answered);
		(void)send_batch();
		return;
	}
	for (i = 0; i < PQntuples(res); i++) {
		slot = vg_col_int4(res, i, 0);
		if (slot < 1 || slot > ROWS_MAX)
			continue;
		clock_us = vg_col_time(res, i, 5);
		lim.row[slot - 1].granted = vg_col_int4(res, i, 1);
		lim.row[slot - 1].used = vg_col_int4(res, i, 2);
		lim.row[slot - 1].reset_us = now_us +
		    (vg_col_time(res, i, 3) - clock_us);
		lim.row[slot - 1].retry_us = now_us +
		    (vg_col_time(res, i, 4) - clock_us);
	}
	/* Callbacks may ask anew: that waits until all of these are told. */
	lim.in_flight = true;
	while ((check = TAILQ_FIRST(&answered)) != NULL) {
		TAILQ_REMOVE(&answered, check, list);
		tell(check);
	}
	lim.in_flight = false;
	(void)send_batch();
}

/* Column after column, as unnest() wants them; the rows' order is the slots'. */
static size_t
batch_params(struct vg_params *params, bool *grouped)
{
	char			name[VG_LIMIT_NAME_MAX + 16];
	const struct check	*check;
	const struct vg_limit	*limit;
	size_t			column, g, i, j, rows = 0;

	*grouped = false;
	for (g = 0; g < lim.ngroups; g++) {
		lim.group[g].row = rows;
		lim.group[g].nrows = 0;
		check = lim.group[g].first;
		for (i = 0; i < check->nsubjects; i++)
			lim.group[g].nrows += check->subject[i].limits.count;
		rows += lim.group[g].nrows;
		*grouped |= lim.group[g].nrows > 1;
	}
	memset(lim.row, 0, rows * sizeof(lim.row[0]));
	for (column = 0; column < (*grouped ? 7u : 6u); column++) {
		vg_param_array(params, column < 2 ? VG_OID_TEXT : VG_OID_INT4,
		    rows);
		for (g = 0; g < lim.ngroups; g++) {
			check = lim.group[g].first;
			for (i = 0; i < check->nsubjects; i++) {
				for (j = 0; j < check->subject[i].limits.count;
				    j++) {
					limit = &check->subject[i].limits.item[j];
					if (column == 0) {
						vg_elem_text(params,
						    check->subject[i].client);
					} else if (column == 1) {
						policy_name(name, sizeof(name),
						    check->subject[i].name,
						    &check->subject[i].limits, j);
						vg_elem_text(params, name);
					} else {
						vg_elem_int4(params, (int32_t)(
						    column == 2 ? limit->quota :
						    column == 3 ? limit->window_s :
						    column == 4 ? lim.group[g].asked :
						    column == 5 ? check->cost :
						    (int64_t)g + 1));
					}
				}
			}
		}
		vg_param_array_end(params);
	}
	if (*grouped)
		vg_param_bool(params, lim.strategy == VG_STRATEGY_MOVING);
	return (rows);
}

/* 0, or -1: it could not be sent, and waits for the tick. */
static int
send_batch(void)
{
	struct vg_call		call = { .done = batch_done };
	struct checks		later;
	struct check		*check;
	enum vg_db_status	status;
	bool			grouped;
	size_t			n = 0;

	if (!vg_db_connected())
		return (-1);
	if (lim.in_flight || TAILQ_EMPTY(&lim.waiting))
		return (0);
	lim.ngroups = 0;
	TAILQ_INIT(&later);
	while (n < BATCH_MAX && (check = TAILQ_FIRST(&lim.waiting)) != NULL) {
		TAILQ_REMOVE(&lim.waiting, check, list);
		if (check->forgotten) {
			release(check);		/* never sent: takes nothing */
		} else if (place(check)) {
			TAILQ_INSERT_TAIL(&lim.sent, check, list);
			n++;
		} else {
			TAILQ_INSERT_TAIL(&later, check, list);
		}
	}
	TAILQ_CONCAT(&later, &lim.waiting, list);
	TAILQ_CONCAT(&lim.waiting, &later, list);
	if (n == 0)
		return (0);
	vg_params_reset(&lim.params);
	(void)batch_params(&lim.params, &grouped);
	lim.in_flight = true;
	vg_stats.batches++;
	vg_stats.checks_sent += n;
	status = vg_query(grouped ? VG_ST_TAKE_GROUPED :
	    lim.strategy == VG_STRATEGY_MOVING ? VG_ST_TAKE_MOVING :
	    VG_ST_TAKE_FIXED, &lim.params, VG_LIMIT_DEADLINE_MS, &call, NULL);
	if (status == VG_DB_OK)
		return (0);
	lim.in_flight = false;
	TAILQ_CONCAT(&lim.sent, &lim.waiting, list);
	TAILQ_CONCAT(&lim.waiting, &lim.sent, list);
	return (-1);
}

/* --- the question --------------------------------------------------------- */

/* A refusal that still holds, of any of the subjects. */
static bool
known_denied(const struct vg_limit_request *ask, struct vg_limit_result *result)
{
	struct vg_local_who	who;
	size_t			i;

	for (i = 0; i < ask->nsubjects; i++) {
		who.client = ask->subject[i].client;
		who.len = strlen(who.client);
		who.class = class_of(ask->subject[i].name, ask->cost);
		if (!vg_local_denied(lim.denied, &who, result->now_us,
		    &result->subject[0].quota[0]))
			continue;
		result->nsubjects = 1;
		result->subject[0].count = 1;
		result->verdict = VG_LIMIT_REFUSED;
		result->source = VG_LIMIT_BY_MEMORY;
		result->tightest_subject = i;
		result->tightest = &result->subject[0].quota[0];
		return (true);
	}
	return (false);
}

static void
copy_subjects(struct subject *to, const struct vg_limit_request *ask)
{
	size_t	i;

	for (i = 0; i < ask->nsubjects; i++) {
		(void)snprintf(to[i].client, sizeof(to[i].client), "%s",
		    ask->subject[i].client);
		(void)snprintf(to[i].name, sizeof(to[i].name), "%s",
		    ask->subject[i].name);
		to[i].limits = *ask->subject[i].limits;
	}
}

bool
vg_limit_check(const struct vg_limit_request *ask,
    struct vg_limit_result *result, vg_limit_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct subject	subject[VG_LIMIT_SUBJECTS_MAX];
	struct check	*check;

	if (ticket != NULL)
		*ticket = 0;
	vg_stats.checks++;
	memset(result, 0, sizeof(*result));
	result->now_us = vg_store_now_us();
	if (!lim.enabled) {
		result->verdict = VG_LIMIT_UNCOUNTED;
		result->source = VG_LIMIT_BY_SETTING;
		return (true);
	}
	if (known_denied(ask, result)) {
		vg_stats.checks_cached++;
		return (true);
	}
	check = TAILQ_FIRST(&lim.unused);
	if (!vg_db_connected() || check == NULL) {
		copy_subjects(subject, ask);
		by_fail_mode(subject, ask->nsubjects, ask->cost, result);
		return (true);
	}
	TAILQ_REMOVE(&lim.unused, check, list);
	check->cb = cb;
	check->arg = arg;
	check->cost = ask->cost;
	check->forgotten = false;
	check->nsubjects = ask->nsubjects;
	copy_subjects(check->subject, ask);
	TAILQ_INSERT_TAIL(&lim.waiting, check, list);
	if (ticket != NULL)
		*ticket = VG_TICKET_CHECK | (uint64_t)check->uses << 16 |
		    (uint64_t)(check - lim.slot + 1);
	/* What cannot be sent waits for the tick: no callback runs in here. */
	(void)send_batch();
	return (false);
}
