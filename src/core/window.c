/*
 * The arithmetic of rate windows, without any store.
 *
 * PostgreSQL counts for all machines, and a worker's own memory counts while
 * the database is away. Both must mean the same by "ten a minute", so what that
 * means stands here, as pure functions of a count and a time, and is tested
 * against a model.
 *
 * Fixed window: time is cut into windows from the epoch on, so that every
 * machine cuts at the same moments. It is one number a client, and lets up to
 * twice the quota through around a turn of windows.
 *
 * Moving window: never more than the quota in any half-open span of the
 * window's length: what was admitted at t stops counting at t + window exactly.
 * That needs the moments themselves. The memory has VG_MOVING_SLOTS of them:
 * for quotas up to that it is an exact log. For larger ones, or when each
 * request has a cost, two neighbours in time are melted into one at the later
 * of their moments: those two of which the least cost is held the least long.
 * Cost is then remembered for longer than it should be, and never for shorter:
 * the promise "never more than" holds always, "as many as" loses about 5 %.
 *
 * Times told to clients are rounded up to whole seconds: whoever waits as long
 * as Retry-After says must not be refused again.
 */

#include <string.h>

#include "core/window.h"

static int64_t	ceil_seconds(int64_t);
static void	moving_forget(struct vg_moving *, int64_t, int64_t);
static int64_t	moving_used(const struct vg_moving *);
static int64_t	moving_retry(const struct vg_moving *, const struct vg_limit *,
		    int64_t, int64_t, int64_t);
static void	moving_add(struct vg_moving *, int64_t, int64_t);
static void	moving_melt(struct vg_moving *);

int64_t
vg_window_start(int64_t now_us, int64_t window_s)
{
	int64_t		rest;

	rest = now_us % (window_s * VG_USEC);
	if (rest < 0)
		rest += window_s * VG_USEC;

	return (now_us - rest);
}

void
vg_fixed_quota(struct vg_quota *out, const struct vg_limit *limit, int64_t used,
    int64_t cost, int64_t now_us)
{
	int64_t		end;
	bool		admitted;

	end = vg_window_start(now_us, limit->window_s) +
	    limit->window_s * VG_USEC;
	admitted = used <= limit->quota && cost <= limit->quota - used;

	vg_quota_from_store(out, limit, admitted, admitted ? used + cost : used,
	    end, end, now_us);
}

void
vg_quota_from_store(struct vg_quota *out, const struct vg_limit *limit,
    bool admitted, int64_t used, int64_t reset_us, int64_t retry_us,
    int64_t now_us)
{
	out->limit = *limit;
	out->admitted = admitted;
	out->used = used;
	out->remaining = used < limit->quota ? limit->quota - used : 0;
	out->reset_us = reset_us > now_us ? reset_us : now_us;
	out->retry_us = now_us;
	if (!admitted && retry_us > now_us)
		out->retry_us = retry_us;
}

void
vg_moving_init(struct vg_moving *m)
{
	memset(m, 0, sizeof(*m));
}

void
vg_moving_quota(struct vg_quota *out, struct vg_moving *m,
    const struct vg_limit *limit, int64_t cost, int64_t now_us, bool take)
{
	struct vg_moving	live;
	int64_t			window, used, reset, retry, at;
	bool			admitted;

	window = limit->window_s * VG_USEC;
	live = *m;
	at = now_us;
	if (live.nslots > 0 && at < live.at_us[live.nslots - 1])
		at = live.at_us[live.nslots - 1];
	moving_forget(&live, at, window);

	used = moving_used(&live);
	admitted = used <= limit->quota && cost <= limit->quota - used;

	retry = at;
	if (admitted) {
		used += cost;
		if (take && cost > 0) {
			moving_add(&live, cost, at);
			*m = live;
		}
	} else {
		retry = moving_retry(&live, limit, used, cost, at);
	}

	reset = (live.nslots > 0 ? live.at_us[0] : at) + window;
	vg_quota_from_store(out, limit, admitted, used, reset, retry, now_us);
}

int64_t
vg_moving_expiry(const struct vg_moving *m, int64_t window_s)
{
	if (m->nslots == 0)
		return (0);

	return (m->at_us[m->nslots - 1] + window_s * VG_USEC);
}

const struct vg_quota *
vg_quota_tightest(const struct vg_quota *quota, size_t n)
{
	const struct vg_quota	*best, *q;
	size_t			i;

	best = &quota[0];
	for (i = 1; i < n; i++) {
		q = &quota[i];
		if (q->admitted != best->admitted) {
			if (!q->admitted)
				best = q;
		} else if (!q->admitted) {
			if (q->retry_us > best->retry_us)
				best = q;
		} else if (q->remaining < best->remaining ||
		    (q->remaining == best->remaining &&
		    q->reset_us > best->reset_us)) {
			best = q;
		}
	}

	return (best);
}

int64_t
vg_retry_after(const struct vg_quota *quota, int64_t now_us)
{
	int64_t		s;

	s = ceil_seconds(quota->retry_us - now_us);
	return (s < 1 ? 1 : s);
}

int64_t
vg_reset_after(const struct vg_quota *quota, int64_t now_us)
{
	int64_t		s;

	s = ceil_seconds(quota->reset_us - now_us);
	return (s < 0 ? 0 : s);
}

int64_t
vg_ratelimit_reset_epoch(const struct vg_quota *quota)
{
	return (ceil_seconds(quota->reset_us));
}

static int64_t
ceil_seconds(int64_t us)
{
	int64_t		s;

	s = us / VG_USEC;
	if (us % VG_USEC > 0)
		s++;

	return (s);
}

/* Drops what was admitted a whole window ago or earlier. */
static void
moving_forget(struct vg_moving *m, int64_t now_us, int64_t window_us)
{
	uint32_t	n, i;

	for (n = 0; n < m->nslots; n++) {
		if (m->at_us[n] + window_us > now_us)
			break;
	}
	if (n == 0)
		return;

	m->nslots -= n;
	for (i = 0; i < m->nslots; i++) {
		m->at_us[i] = m->at_us[i + n];
		m->cost[i] = m->cost[i + n];
	}
}

static int64_t
moving_used(const struct vg_moving *m)
{
	int64_t		used;
	uint32_t	i;

	used = 0;
	for (i = 0; i < m->nslots; i++)
		used += m->cost[i];

	return (used);
}

/* When enough of the oldest has gone that COST fits. */
static int64_t
moving_retry(const struct vg_moving *m, const struct vg_limit *limit,
    int64_t used, int64_t cost, int64_t now_us)
{
	int64_t		window;
	uint32_t	i;

	window = limit->window_s * VG_USEC;
	if (cost <= limit->quota) {
		for (i = 0; i < m->nslots; i++) {
			used -= m->cost[i];
			if (used + cost <= limit->quota)
				return (m->at_us[i] + window);
		}
	}

	return (now_us + window);
}

static void
moving_add(struct vg_moving *m, int64_t cost, int64_t at_us)
{
	uint32_t	last;

	if (m->nslots > 0 && m->at_us[m->nslots - 1] == at_us) {
		last = m->nslots - 1;
		m->cost[last] += (uint32_t)cost;
		return;
	}

	if (m->nslots == VG_MOVING_SLOTS)
		moving_melt(m);
	last = m->nslots++;
	m->cost[last] = (uint32_t)cost;
	m->at_us[last] = at_us;
}

/* Makes one of two neighbours, so that the least cost is held the least long. */
static void
moving_melt(struct vg_moving *m)
{
	int64_t		gap, best;
	uint32_t	i, at;

	at = 0;
	best = INT64_MAX;
	for (i = 0; i + 1 < m->nslots; i++) {
		/* In milliseconds, so that a month times 10^9 fits. */
		gap = (m->at_us[i + 1] - m->at_us[i]) / 1000 * m->cost[i];
		if (gap < best) {
			best = gap;
			at = i;
		}
	}

	m->cost[at + 1] += m->cost[at];
	for (i = at; i + 1 < m->nslots; i++) {
		m->at_us[i] = m->at_us[i + 1];
		m->cost[i] = m->cost[i + 1];
	}
	m->nslots--;
}
