/*
 * The rate limiter: one count for all workers and machines, in PostgreSQL.
 *
 * A check goes through four doors. The memory of refusals: who was refused is
 * refused again without a statement until the moment at which that may change,
 * so a flood costs a hash. What was taken ahead: of large limits, a few units
 * that are counted already (limitahead.c). The batch: everyone else is counted in the database
 * (limitbatch.c). And the fail mode, while the database is away or too slow:
 * `local` counts in this worker's memory against its share of the limit,
 * `closed` refuses with 503, `open` lets everything pass uncounted.
 *
 * Counts are committed durably before they are answered. It would be cheaper
 * not to wait for the disk (synchronous_commit=off), but then a crash forgets
 * up to half a second of admissions, and they would be admitted a second time.
 * In batches the difference is small, since it is paid once a batch.
 */

#include <stdlib.h>
#include <string.h>

#include "core/localwindow.h"
#include "store/db.h"
#include "store/limitahead.h"
#include "store/limitanswer.h"
#include "store/limitbatch.h"

#define MEMORY_ENTRIES	16384	/* refusals; clients counted locally */
#define COST_MAX	VG_LIMIT_QUOTA_MAX

static struct {
	bool			enabled;
	bool			connected;
	enum vg_strategy	strategy;
	enum vg_fail_mode	fail_mode;
	int64_t			workers;
	uint8_t			key[VG_SIPHASH_KEY_SIZE];
	struct vg_local		*refused;
	struct vg_local		*counted;
} l;

static void	question_make(struct vg_question *,
		    const struct vg_limit_request *);
static size_t	word_copy(char *, size_t, const char *);
static size_t	who_make(struct vg_local_who *, char *, const struct vg_subject *,
		    int64_t);
static bool	answer_from_memory(const struct vg_question *,
		    struct vg_limit_result *);
static void	answer_by_fail_mode(const struct vg_question *,
		    struct vg_limit_result *);
static void	answer_local(const struct vg_question *,
		    struct vg_limit_result *);
static void	group_answer(struct vg_group *, enum vg_db_status);
static void	group_remember(const struct vg_question *,
		    const struct vg_limit_result *, int64_t);

int
vg_limiter_start(const struct vg_settings *settings)
{
	memset(&l, 0, sizeof(l));
	arc4random_buf(l.key, sizeof(l.key));
	l.refused = vg_local_new(MEMORY_ENTRIES, l.key);
	l.counted = vg_local_new(MEMORY_ENTRIES, l.key);
	if (l.refused == NULL || l.counted == NULL ||
	    vg_groups_start() == -1) {
		vg_limiter_stop();
		return (-1);
	}
	vg_batch_start(group_answer);
	vg_limiter_configure(settings);
	return (0);
}

void
vg_limiter_configure(const struct vg_settings *settings)
{
	l.enabled = settings->rate_limit;
	l.strategy = (enum vg_strategy)settings->rate_strategy;
	l.fail_mode = (enum vg_fail_mode)settings->rate_fail_mode;
	l.workers = settings->workers > 0 ? settings->workers : 1;
	vg_batch_strategy(l.strategy);
	/* A limit may have been raised: what was refused may ask again. */
	vg_local_clear(l.refused);
	vg_ahead_clear();
}

void
vg_limiter_stop(void)
{
	vg_batch_stop();
	vg_groups_stop();
	vg_local_free(l.refused);
	vg_local_free(l.counted);
	memset(&l, 0, sizeof(l));
}

bool
vg_limit_check(const struct vg_limit_request *request,
    struct vg_limit_result *result, vg_limit_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_question	question;
	struct vg_check		*c;

	if (ticket != NULL)
		*ticket = 0;
	vg_stats.checks++;
	if (!l.enabled || request->nsubjects == 0) {
		vg_answer_uncounted(result, VG_LIMIT_BY_SETTING);
		return (true);
	}

	question_make(&question, request);
	if (answer_from_memory(&question, result)) {
		vg_stats.checks_cached++;
		return (true);
	}
	if (l.connected && vg_ahead_answer(&question, l.strategy,
	    vg_store_now_us(), result)) {
		vg_stats.checks_ahead++;
		if (vg_ahead_low(&question, result->now_us)) {
			vg_group_want(&question);
			vg_batch_send(false);
		}
		return (true);
	}
	c = NULL;
	if (l.connected)
		c = vg_group_add(&question, vg_store_now_us() +
		    VG_LIMIT_DEADLINE_MS * 1000);
	if (c == NULL) {
		answer_by_fail_mode(&question, result);
		return (true);
	}
	c->cb = cb;
	c->arg = arg;
	if (ticket != NULL)
		*ticket = vg_group_ticket(c);
	vg_batch_send(false);
	return (false);
}

void
vg_limiter_forget(vg_ticket ticket)
{
	vg_group_forget(ticket);
}

void
vg_limiter_state(bool connected)
{
	struct vg_group	*g;

	l.connected = connected;
	vg_batch_connected(connected);
	if (connected)
		return;
	while ((g = TAILQ_FIRST(vg_groups_waiting())) != NULL) {
		vg_group_leave(g);
		group_answer(g, VG_DB_AWAY);
		vg_group_drop(g);
	}
}

void
vg_limiter_tick(int64_t now_us)
{
	struct vg_limit_result	result;
	struct vg_question	question;
	struct vg_check		*c;
	vg_limit_cb		cb;
	void			*arg;

	while ((c = vg_group_overdue(now_us, &question)) != NULL) {
		cb = c->cb;
		arg = c->arg;
		answer_by_fail_mode(&question, &result);
		cb(arg, &result);
	}
	vg_batch_send(true);
}

void
vg_limiter_soon(void)
{
	vg_batch_send(true);
}

static void
question_make(struct vg_question *q, const struct vg_limit_request *request)
{
	char			both[VG_CLIENT_NAME_MAX + VG_LIMIT_NAME_MAX + 2];
	struct vg_local_who	who;
	struct vg_subject	*s;
	size_t			i;

	q->nsubjects = request->nsubjects;
	if (q->nsubjects > VG_LIMIT_SUBJECTS_MAX)
		q->nsubjects = VG_LIMIT_SUBJECTS_MAX;
	q->cost = request->cost;
	if (q->cost < 1)
		q->cost = 1;
	if (q->cost > COST_MAX)
		q->cost = COST_MAX;
	q->peek = request->peek;
	for (i = 0; i < q->nsubjects; i++) {
		s = &q->subject[i];
		s->client_len = word_copy(s->client, sizeof(s->client),
		    request->subject[i].client);
		s->name_len = word_copy(s->name, sizeof(s->name),
		    request->subject[i].name);
		s->limits = *request->subject[i].limits;
		s->hash = vg_siphash(l.key, both, who_make(&who, both, s, 0));
	}
}

/* Printable ASCII only: nothing that PostgreSQL could refuse in a batch. */
static size_t
word_copy(char *to, size_t size, const char *from)
{
	size_t		i;

	for (i = 0; i < size - 1 && from[i] != '\0'; i++)
		to[i] = from[i] > ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
	return (i);
}

/* BUF: client, NUL, name. */
static size_t
who_make(struct vg_local_who *who, char *buf, const struct vg_subject *s,
    int64_t cost)
{
	memcpy(buf, s->client, s->client_len + 1);
	memcpy(buf + s->client_len + 1, s->name, s->name_len);
	who->client = buf;
	who->len = s->client_len + 1 + s->name_len;
	who->class = (uint32_t)cost;
	return (who->len);
}

static bool
answer_from_memory(const struct vg_question *q, struct vg_limit_result *r)
{
	char			both[VG_CLIENT_NAME_MAX + VG_LIMIT_NAME_MAX + 2];
	struct vg_local_who	who;
	struct vg_quota		refusal;
	size_t			i, j;
	int64_t			now;
	bool			any;

	any = false;
	now = vg_store_now_us();
	for (i = 0; i < q->nsubjects; i++) {
		(void)who_make(&who, both, &q->subject[i], q->cost);
		if (!vg_local_denied(l.refused, &who, now, &refusal))
			continue;
		if (!any)
			vg_answer_begin(r, q, VG_LIMIT_BY_MEMORY);
		any = true;
		for (j = 0; j < q->subject[i].limits.count; j++) {
			if (q->subject[i].limits.item[j].window_s ==
			    refusal.limit.window_s)
				r->subject[i].quota[j] = refusal;
		}
	}
	if (!any)
		return (false);
	r->verdict = VG_LIMIT_REFUSED;
	vg_answer_tightest(r);
	return (true);
}

static void
answer_by_fail_mode(const struct vg_question *q, struct vg_limit_result *r)
{
	vg_stats.checks_local++;
	switch (l.fail_mode) {
	case VG_FAIL_LOCAL:
		answer_local(q, r);
		break;
	case VG_FAIL_CLOSED:
		vg_answer_uncounted(r, VG_LIMIT_BY_FAIL_MODE);
		r->verdict = VG_LIMIT_UNAVAILABLE;
		break;
	case VG_FAIL_OPEN:
		vg_answer_uncounted(r, VG_LIMIT_BY_FAIL_MODE);
		break;
	}
}

static void
answer_local(const struct vg_question *q, struct vg_limit_result *r)
{
	char			both[VG_CLIENT_NAME_MAX + VG_LIMIT_NAME_MAX + 2];
	struct vg_local_who	who;
	struct vg_limits	share;
	struct vg_quota		*quota;
	size_t			i, j;
	bool			admit;

	vg_answer_begin(r, q, VG_LIMIT_BY_FAIL_MODE);
	/* First ask all (at no cost), then take from all or from none. */
	admit = true;
	for (i = 0; i < q->nsubjects; i++) {
		(void)who_make(&who, both, &q->subject[i], 0);
		vg_limits_divide(&share, &q->subject[i].limits, l.workers);
		(void)vg_local_check(l.counted, &who, &share, l.strategy, 0,
		    r->now_us, r->subject[i].quota);
		for (j = 0; j < share.count; j++) {
			quota = &r->subject[i].quota[j];
			quota->admitted = quota->remaining >= q->cost;
			if (quota->admitted)
				continue;
			admit = false;
			/* Asked at its cost it tells when that may be had. */
			(void)vg_local_check(l.counted, &who, &share,
			    l.strategy, q->cost, r->now_us,
			    r->subject[i].quota);
			break;
		}
	}
	for (i = 0; admit && !q->peek && i < q->nsubjects; i++) {
		(void)who_make(&who, both, &q->subject[i], 0);
		vg_limits_divide(&share, &q->subject[i].limits, l.workers);
		(void)vg_local_check(l.counted, &who, &share, l.strategy,
		    q->cost, r->now_us, r->subject[i].quota);
	}
	r->verdict = admit ? VG_LIMIT_ADMITTED : VG_LIMIT_REFUSED;
	vg_answer_tightest(r);
}

static void
group_answer(struct vg_group *g, enum vg_db_status status)
{
	struct vg_limit_result	result;
	struct vg_check		*c;
	vg_limit_cb		cb;
	void			*arg;
	int64_t			i, granted, held = 0;
	size_t			j;
	bool			remembered;

	granted = INT64_MAX;
	for (j = 0; j < g->nrows; j++) {
		if (g->row[j].granted < granted)
			granted = g->row[j].granted;
	}

	if (status == VG_DB_OK && g->nrows == 1)
		held = vg_ahead_keep(&g->question, l.strategy, &g->row[0],
		    granted - g->sent, g->sent_us, vg_store_now_us());
	/* Units of ours that wait are not used yet. */
	if (granted >= g->sent)
		g->row[0].used -= held;
	remembered = false;
	for (i = 0; (c = vg_group_take(g)) != NULL; i++) {
		cb = c->cb;
		arg = c->arg;
		if (status != VG_DB_OK) {
			answer_by_fail_mode(&g->question, &result);
		} else {
			vg_answer_group(g, &result, i, granted);
			if (result.verdict == VG_LIMIT_REFUSED &&
			    !g->question.peek && !remembered) {
				group_remember(&g->question, &result,
				    vg_store_now_us() - g->sent_us);
				remembered = true;
			}
		}
		cb(arg, &result);
	}
}

static void
group_remember(const struct vg_question *q, const struct vg_limit_result *r,
    int64_t late_us)
{
	char			both[VG_CLIENT_NAME_MAX + VG_LIMIT_NAME_MAX + 2];
	const struct vg_quota	*quota;
	struct vg_local_who	who;
	size_t			i;

	for (i = 0; i < q->nsubjects; i++) {
		quota = vg_quota_tightest(r->subject[i].quota,
		    r->subject[i].count);
		if (quota->admitted)
			continue;
		(void)who_make(&who, both, &q->subject[i], q->cost);
		vg_local_deny(l.refused, &who, quota, r->now_us, late_us);
	}
}
