/*
 * A worker's own memory of clients: the limiter of last resort.
 *
 * While PostgreSQL is away, a worker counts by itself (RATE_LIMIT_FAIL_MODE
 * `local`), against the limit divided by the number of workers. While it is
 * there, the worker remembers who was refused and until when, so that a flood
 * costs no statement. Both are the same thing: a bounded table from a client
 * to a few numbers that mean nothing after some moment.
 *
 * The table is allocated once and never grows, since a memory that grows with
 * the number of addresses is a gift to whoever has many. It is set-associative,
 * as a processor's cache is: a hash picks one set of WAYS entries, and within
 * it the search is linear. An entry past its moment is free. When all of a set
 * are alive, the soonest to expire goes, which is the one whose loss means the
 * least. A client that is thrown out so starts anew: too many clients make the
 * limiter more lenient, never the process larger or slower.
 *
 * Names are not stored, only a 64-bit keyed hash of them: two clients share an
 * entry once in about 2^64 pairs, nobody can bring that about without the key,
 * and a core file does not list addresses.
 */

#include <stdlib.h>
#include <string.h>

#include "core/localwindow.h"

#define WAYS		8	/* entries in one set */

enum kind {
	KIND_FIXED = 1,
	KIND_MOVING,
	KIND_DENY
};

struct entry {
	uint64_t		id;
	int64_t			expiry_us;	/* 0: free */
	union {
		struct {
			int64_t	start_us;
			int64_t	used;
		} fixed;
		struct vg_moving	moving;
		struct vg_quota		refusal;
	} u;
};

struct vg_local {
	uint8_t		key[VG_SIPHASH_KEY_SIZE];
	size_t		nsets;		/* a power of two */
	struct entry	entry[];
};

static uint64_t		entry_id(const struct vg_local *,
			    const struct vg_local_who *, enum kind, int64_t);
static struct entry	*set_of(struct vg_local *, uint64_t);
static struct entry	*entry_find(struct vg_local *, uint64_t, int64_t);
static struct entry	*entry_take(struct vg_local *, uint64_t, int64_t);
static void		check_one(struct vg_local *,
			    const struct vg_local_who *, const struct vg_limit *,
			    enum vg_strategy, int64_t, int64_t, bool,
			    struct vg_quota *);
static void		check_fixed(struct vg_local *, uint64_t,
			    const struct vg_limit *, int64_t, int64_t, bool,
			    struct vg_quota *);
static void		check_moving(struct vg_local *, uint64_t,
			    const struct vg_limit *, int64_t, int64_t, bool,
			    struct vg_quota *);

struct vg_local *
vg_local_new(size_t entries, const uint8_t key[VG_SIPHASH_KEY_SIZE])
{
	struct vg_local	*table;
	size_t		nsets;

	if (entries > VG_LOCAL_ENTRIES_MAX)
		entries = VG_LOCAL_ENTRIES_MAX;
	for (nsets = VG_LOCAL_ENTRIES_MIN / WAYS; nsets * WAYS < entries;)
		nsets *= 2;

	table = calloc(1, sizeof(*table) + nsets * WAYS *
	    sizeof(struct entry));
	if (table == NULL)
		return (NULL);

	memcpy(table->key, key, sizeof(table->key));
	table->nsets = nsets;
	return (table);
}

void
vg_local_free(struct vg_local *table)
{
	free(table);
}

void
vg_local_clear(struct vg_local *table)
{
	memset(table->entry, 0, table->nsets * WAYS * sizeof(struct entry));
}

bool
vg_local_check(struct vg_local *table, const struct vg_local_who *who,
    const struct vg_limits *limits, enum vg_strategy strategy, int64_t cost,
    int64_t now_us, struct vg_quota *out)
{
	bool		admitted;
	size_t		i;

	/* First ask all, then take from all or from none. */
	admitted = true;
	for (i = 0; i < limits->count; i++) {
		check_one(table, who, &limits->item[i], strategy, cost, now_us,
		    false, &out[i]);
		if (!out[i].admitted)
			admitted = false;
	}

	for (i = 0; i < limits->count; i++) {
		if (admitted) {
			check_one(table, who, &limits->item[i], strategy, cost,
			    now_us, true, &out[i]);
		} else if (out[i].admitted) {
			/* Refused by another: tell what is there, untaken. */
			check_one(table, who, &limits->item[i], strategy, 0,
			    now_us, false, &out[i]);
		}
	}

	return (admitted);
}

void
vg_local_deny(struct vg_local *table, const struct vg_local_who *who,
    const struct vg_quota *refusal, int64_t now_us, int64_t late_us)
{
	struct entry	*e;

	if (refusal->retry_us - late_us <= now_us)
		return;

	e = entry_take(table, entry_id(table, who, KIND_DENY, 0), now_us);
	e->u.refusal = *refusal;
	e->u.refusal.admitted = false;
	e->expiry_us = refusal->retry_us - late_us;
}

bool
vg_local_denied(struct vg_local *table, const struct vg_local_who *who,
    int64_t now_us, struct vg_quota *out)
{
	struct entry	*e;

	e = entry_find(table, entry_id(table, who, KIND_DENY, 0), now_us);
	if (e == NULL)
		return (false);

	*out = e->u.refusal;
	return (true);
}

void
vg_local_forget(struct vg_local *table, const struct vg_local_who *who)
{
	struct entry	*e;

	e = entry_find(table, entry_id(table, who, KIND_DENY, 0), INT64_MIN);
	if (e != NULL)
		e->expiry_us = 0;
}

size_t
vg_local_count(const struct vg_local *table, int64_t now_us)
{
	size_t		i, n;

	n = 0;
	for (i = 0; i < table->nsets * WAYS; i++) {
		if (table->entry[i].expiry_us > now_us)
			n++;
	}

	return (n);
}

static void
check_one(struct vg_local *table, const struct vg_local_who *who,
    const struct vg_limit *limit, enum vg_strategy strategy, int64_t cost,
    int64_t now_us, bool take, struct vg_quota *out)
{
	uint64_t	id;

	if (strategy == VG_STRATEGY_FIXED) {
		id = entry_id(table, who, KIND_FIXED, limit->window_s);
		check_fixed(table, id, limit, cost, now_us, take, out);
	} else {
		id = entry_id(table, who, KIND_MOVING, limit->window_s);
		check_moving(table, id, limit, cost, now_us, take, out);
	}
}

static void
check_fixed(struct vg_local *table, uint64_t id, const struct vg_limit *limit,
    int64_t cost, int64_t now_us, bool take, struct vg_quota *out)
{
	struct entry	*e;
	int64_t		start, used;

	start = vg_window_start(now_us, limit->window_s);
	e = entry_find(table, id, now_us);
	used = 0;
	if (e != NULL && e->u.fixed.start_us == start)
		used = e->u.fixed.used;

	vg_fixed_quota(out, limit, used, cost, now_us);
	if (!take || !out->admitted || cost == 0)
		return;

	e = entry_take(table, id, now_us);
	e->u.fixed.start_us = start;
	e->u.fixed.used = out->used;
	e->expiry_us = start + limit->window_s * VG_USEC;
}

static void
check_moving(struct vg_local *table, uint64_t id, const struct vg_limit *limit,
    int64_t cost, int64_t now_us, bool take, struct vg_quota *out)
{
	struct vg_moving	moving;
	struct entry		*e;

	vg_moving_init(&moving);
	if ((e = entry_find(table, id, now_us)) != NULL)
		moving = e->u.moving;

	vg_moving_quota(out, &moving, limit, cost, now_us, take);
	if (!take || !out->admitted || cost == 0)
		return;

	e = entry_take(table, id, now_us);
	e->u.moving = moving;
	e->expiry_us = vg_moving_expiry(&moving, limit->window_s);
}

/* Two passes, so that a client's name may have any length. */
static uint64_t
entry_id(const struct vg_local *table, const struct vg_local_who *who,
    enum kind kind, int64_t window_s)
{
	uint64_t	mix[3];

	mix[0] = vg_siphash(table->key, who->client, who->len);
	mix[1] = ((uint64_t)who->class << 32) | (uint64_t)kind;
	mix[2] = (uint64_t)window_s;

	return (vg_siphash(table->key, mix, sizeof(mix)));
}

static struct entry *
set_of(struct vg_local *table, uint64_t id)
{
	return (&table->entry[(id & (table->nsets - 1)) * WAYS]);
}

static struct entry *
entry_find(struct vg_local *table, uint64_t id, int64_t now_us)
{
	struct entry	*set;
	size_t		i;

	set = set_of(table, id);
	for (i = 0; i < WAYS; i++) {
		if (set[i].id == id && set[i].expiry_us != 0 &&
		    set[i].expiry_us > now_us)
			return (&set[i]);
	}

	return (NULL);
}

/* The entry of ID, or else the one of its set that matters the least. */
static struct entry *
entry_take(struct vg_local *table, uint64_t id, int64_t now_us)
{
	struct entry	*set, *victim;
	size_t		i;

	if ((victim = entry_find(table, id, now_us)) != NULL)
		return (victim);

	set = set_of(table, id);
	victim = &set[0];
	for (i = 1; i < WAYS; i++) {
		if (set[i].expiry_us < victim->expiry_us)
			victim = &set[i];
	}

	victim->id = id;
	return (victim);
}
