/*
 * Units of large limits, taken ahead.
 *
 * A client with a limit of a million a minute makes thousands of requests in the
 * time that a few statements take, and each would wait for one. So where a
 * client has a large limit, is far from its end and has several checks waiting
 * at once, the statement takes more units than are waiting, and the worker
 * admits that many further requests by itself. Once half of what may be held is
 * used the next are asked for, while there are some left: so that none waits.
 * What may be held follows the client: as much as it used in the time that a
 * slow commit takes (HOLD_US).
 *
 * They are counted before they are used: never more is admitted than the limit
 * has, whatever becomes of the worker. What can happen is that some are not
 * used. So a worker holds a thousandth of a limit (AHEAD_SHARE), or a hundredth
 * for a client that is as quick (AHEAD_MOST), takes none ahead in a limit's last
 * tenth (AHEAD_REST), and none of a limit below AHEAD_QUOTA_MIN: there every
 * unit counts, and each check is the database's.
 *
 * Fixed windows only. What was taken is for the window that it was counted in,
 * and is let go before its end by as long as the statement took, and by what
 * the two clocks may part in a window (DRIFT_SHARE). A moving window counts
 * from the moment of use, which is not known before.
 */

#include <string.h>

#include "store/db.h"
#include "store/limitahead.h"
#include "store/limitanswer.h"

#define AHEAD_QUOTA_MIN	6000	/* units in one window */
#define AHEAD_SHARE	1000	/* of a limit, one part may always be held */
#define AHEAD_MOST	100	/* of a limit, one part is held at most */
#define HOLD_US		100000	/* what a client uses in that time */
#define AHEAD_REST	10	/* of a limit, its last part is not touched */
#define MEASURE_US	2000	/* and not told from less */
#define AHEAD_WAITING	2	/* checks that wait together, at least */
#define AHEAD_FACTOR	32	/* units ahead for each check that waits */
#define AHEAD_LOW	2	/* of what may be held, one part: ask for more */
#define DRIFT_SHARE	1000	/* of a window, one part: clocks that drift */
#define ENTRIES		64	/* power of two: clients that hold some */

struct entry {
	struct vg_subject	who;
	int64_t			left;
	int64_t			used;		/* as the database said last */
	int64_t			reset_us;
	int64_t			until_us;	/* used no longer than that */
	int64_t			asked_us;	/* more, not answered; or 0 */
	int64_t			hold;		/* so many may be held */
	int64_t			spent;		/* since measured_us */
	int64_t			measured_us;
};

static struct entry	entries[ENTRIES];

static bool
eligible(const struct vg_question *q, enum vg_strategy strategy)
{
	const struct vg_limits	*limits = &q->subject[0].limits;

	if (strategy != VG_STRATEGY_FIXED || q->nsubjects != 1 ||
	    q->cost != 1 || q->peek)
		return (false);
	return (limits->count == 1 && limits->item[0].quota >= AHEAD_QUOTA_MIN);
}

static struct entry *
slot_of(const struct vg_subject *s)
{
	return (&entries[s->hash & (ENTRIES - 1)]);
}

/* Whether more may be asked for, be it needed or not. */
static bool
may_ask(const struct entry *e, int64_t now_us)
{
	const struct vg_limit	*limit = &e->who.limits.item[0];

	return (now_us < e->until_us && (e->asked_us == 0 ||
	    now_us - e->asked_us >= VG_LIMIT_DEADLINE_MS * 1000) &&
	    limit->quota - e->used >= limit->quota / AHEAD_REST);
}

static bool
is_of(const struct entry *e, const struct vg_subject *s)
{
	return (e->who.hash == s->hash &&
	    e->who.limits.item[0].quota == s->limits.item[0].quota &&
	    e->who.limits.item[0].window_s == s->limits.item[0].window_s &&
	    !strcmp(e->who.client, s->client) && !strcmp(e->who.name, s->name));
}

void
vg_ahead_clear(void)
{
	memset(entries, 0, sizeof(entries));
}

bool
vg_ahead_answer(const struct vg_question *q, enum vg_strategy strategy,
    int64_t now_us, struct vg_limit_result *r)
{
	struct entry	*e;

	if (!eligible(q, strategy))
		return (false);
	e = slot_of(&q->subject[0]);
	if (e->left == 0 || now_us >= e->until_us || !is_of(e, &q->subject[0]))
		return (false);

	e->left--;
	e->spent++;
	vg_answer_begin(r, q, VG_LIMIT_BY_DATABASE);
	r->verdict = VG_LIMIT_ADMITTED;
	vg_quota_from_store(&r->subject[0].quota[0],
	    &q->subject[0].limits.item[0], true, e->used - e->left, e->reset_us,
	    r->now_us, r->now_us);
	vg_answer_tightest(r);
	return (true);
}

bool
vg_ahead_low(const struct vg_question *q, int64_t now_us)
{
	const struct entry	*e = slot_of(&q->subject[0]);

	return (e->left <= e->hold / AHEAD_LOW && may_ask(e, now_us));
}

/* Sets how many may be held by how many were used lately. */
static void
measure(struct entry *e, int64_t now_us)
{
	int64_t	quota = e->who.limits.item[0].quota;
	int64_t	us = now_us - e->measured_us;

	if (us < MEASURE_US)
		return;
	e->hold = e->spent * HOLD_US / us;
	if (e->hold < quota / AHEAD_SHARE)
		e->hold = quota / AHEAD_SHARE;
	if (e->hold > quota / AHEAD_MOST)
		e->hold = quota / AHEAD_MOST;
	e->spent = 0;
	e->measured_us = now_us;
}

int64_t
vg_ahead_ask(const struct vg_question *q, enum vg_strategy strategy,
    size_t nchecks, int64_t now_us)
{
	struct entry	*e;
	int64_t		room, more;

	if (!eligible(q, strategy))
		return (0);
	/* Known from its last answer, or else not known to be far from its end. */
	e = slot_of(&q->subject[0]);
	if (!is_of(e, &q->subject[0]) || !may_ask(e, now_us))
		return (0);
	e->spent += (int64_t)nchecks;
	measure(e, now_us);
	room = e->hold - e->left;
	more = (int64_t)nchecks * AHEAD_FACTOR;
	if (e->left > 0 || more > room)
		more = room;	/* of what it held, it used some */
	else if (nchecks < AHEAD_WAITING)
		more = 0;
	if (more > 0)
		e->asked_us = now_us;
	return (more);
}

int64_t
vg_ahead_keep(const struct vg_question *q, enum vg_strategy strategy,
    const struct vg_row *row, int64_t left, int64_t sent_us, int64_t now_us)
{
	const struct vg_limit	*limit = &q->subject[0].limits.item[0];
	struct entry	*e;
	int64_t		before;
	bool		same;

	if (!eligible(q, strategy))
		return (0);
	e = slot_of(&q->subject[0]);
	same = is_of(e, &q->subject[0]);
	/* Another's units are not thrown away for it. */
	if (!same && e->left > 0 && now_us < e->until_us)
		return (0);
	if (!same || now_us >= e->until_us)
		e->left = e->asked_us = 0;
	if (!same) {
		e->who = q->subject[0];
		e->hold = limit->quota / AHEAD_SHARE;
		e->spent = 0;
		e->measured_us = now_us;
	}
	before = e->left;
	if (left > 0) {
		e->left += left;
		e->asked_us = 0;
	}
	e->used = row->used;
	e->reset_us = row->reset_us;
	/* The answer's clock was read after it was sent, and not before. */
	e->until_us = row->reset_us - (now_us - sent_us) -
	    limit->window_s * (VG_USEC / DRIFT_SHARE);
	return (before);
}
