/*
 * One page of memory that all workers of an instance share.
 *
 * A provider that one worker found dead is dead for the others too, a key that
 * was refused once need not be refused to each, and one probe for the health
 * answer is enough. The parent maps the page before it forks, so that workers
 * which are started again find it as well. There is no lock in it: a worker may
 * be killed at any instruction. Each word stands for itself and is changed by
 * one atomic operation.
 */

#include <sys/mman.h>

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "upstream/upshared.h"

#define HEALTH_BITS	2	/* the low bits; above: when it was found */
#define KEY_BITS	8	/* the low bits; above: of which keys */

struct shared {
	_Atomic uint64_t	mark;
	_Atomic uint64_t	breaker;
	_Atomic uint64_t	held_ms;	/* nobody asks before that */
	_Atomic uint64_t	health;
	_Atomic uint64_t	probe_ms;	/* when the next one is due */
	_Atomic uint64_t	key;
	_Atomic int		error;
};

static uint64_t	key_word(uint64_t, unsigned);

static struct shared	*page;

int
vg_upshared_init(void)
{
	void	*p;

	vg_upshared_free();
	p = mmap(NULL, VG_UP_KINDS * sizeof(*page), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return (-1);

	/* Zero is right for each: closed, unknown, due, the first, none. */
	page = p;

	return (0);
}

void
vg_upshared_free(void)
{
	if (page != NULL)
		(void)munmap(page, VG_UP_KINDS * sizeof(*page));
	page = NULL;
}

void
vg_upshared_adopt(enum vg_up_kind kind, uint64_t mark)
{
	uint64_t	old;

	old = atomic_load(&page[kind].mark);
	if (old != mark &&
	    atomic_compare_exchange_strong(&page[kind].mark, &old, mark))
		vg_upshared_reset(kind);
}

void
vg_upshared_ask(enum vg_up_kind kind, uint64_t now_ms, uint64_t lease_ms,
    struct vg_breaker_permit *permit)
{
	uint64_t	old, new;

	if (vg_upshared_held_ms(kind, now_ms) > 0) {
		memset(permit, 0, sizeof(*permit));
		permit->wait_ms = vg_upshared_wait_ms(kind, now_ms);
		return;
	}

	old = atomic_load(&page[kind].breaker);
	do {
		new = vg_breaker_ask(old, now_ms, lease_ms, permit);
		if (new == old)
			break;
	} while (!atomic_compare_exchange_weak(&page[kind].breaker, &old, new));
}

int
vg_upshared_report(enum vg_up_kind kind, uint64_t now_ms,
    const struct vg_breaker_permit *permit, enum vg_breaker_result result)
{
	enum vg_breaker_state	before, after;
	uint64_t		old, new;

	old = atomic_load(&page[kind].breaker);
	do {
		new = vg_breaker_report(old, now_ms, permit, result);
		if (new == old)
			break;
	} while (!atomic_compare_exchange_weak(&page[kind].breaker, &old, new));

	before = vg_breaker_unpack(old).state;
	after = vg_breaker_unpack(new).state;
	if (before == VG_BREAKER_CLOSED && after == VG_BREAKER_OPEN)
		return (1);
	if (before != VG_BREAKER_CLOSED && after == VG_BREAKER_CLOSED)
		return (-1);

	return (0);
}

uint64_t
vg_upshared_breaker(enum vg_up_kind kind)
{
	return (atomic_load(&page[kind].breaker));
}

void
vg_upshared_reset(enum vg_up_kind kind)
{
	atomic_store(&page[kind].breaker, 0);
	atomic_store(&page[kind].held_ms, 0);
	atomic_store(&page[kind].key, 0);
	atomic_store(&page[kind].health, VG_UP_UNKNOWN);
	atomic_store(&page[kind].probe_ms, 0);
	atomic_store(&page[kind].error, VG_UP_OK);
}

void
vg_upshared_set_error(enum vg_up_kind kind, enum vg_up_error error)
{
	atomic_store(&page[kind].error, (int)error);
}

enum vg_up_error
vg_upshared_error(enum vg_up_kind kind)
{
	return ((enum vg_up_error)atomic_load(&page[kind].error));
}

void
vg_upshared_hold(enum vg_up_kind kind, uint64_t until_ms)
{
	uint64_t	old;

	old = atomic_load(&page[kind].held_ms);
	while (old < until_ms && !atomic_compare_exchange_weak(
	    &page[kind].held_ms, &old, until_ms))
		;
}

uint64_t
vg_upshared_held_ms(enum vg_up_kind kind, uint64_t now_ms)
{
	uint64_t	until;

	until = atomic_load(&page[kind].held_ms);

	return (until > now_ms ? until - now_ms : 0);
}

uint64_t
vg_upshared_wait_ms(enum vg_up_kind kind, uint64_t now_ms)
{
	uint64_t	breaker, held;

	breaker = vg_breaker_wait_ms(vg_upshared_breaker(kind), now_ms);
	held = vg_upshared_held_ms(kind, now_ms);

	return (held > breaker ? held : breaker);
}

unsigned
vg_upshared_key(enum vg_up_kind kind, uint64_t mark)
{
	uint64_t	word;

	word = atomic_load(&page[kind].key);

	return (word >> KEY_BITS == key_word(mark, 0) >> KEY_BITS ?
	    (unsigned)(word & ((1 << KEY_BITS) - 1)) : 0);
}

void
vg_upshared_key_past(enum vg_up_kind kind, uint64_t mark, unsigned from,
    unsigned to)
{
	uint64_t	old;

	/* Of another worker that has not reloaded yet, or that already has. */
	if (atomic_load(&page[kind].mark) != mark)
		return;

	old = atomic_load(&page[kind].key);
	if (vg_upshared_key(kind, mark) == from)
		(void)atomic_compare_exchange_strong(&page[kind].key, &old,
		    key_word(mark, to));
}

bool
vg_upshared_probe_due(enum vg_up_kind kind, uint64_t now_ms,
    uint64_t interval_ms)
{
	uint64_t	due;

	due = atomic_load(&page[kind].probe_ms);
	if (now_ms < due)
		return (false);

	/* Whoever wins this makes the probe, the others wait for the next. */
	return (atomic_compare_exchange_strong(&page[kind].probe_ms, &due,
	    now_ms + interval_ms));
}

void
vg_upshared_set_health(enum vg_up_kind kind, enum vg_up_health health,
    uint64_t now_ms)
{
	atomic_store(&page[kind].health,
	    now_ms << HEALTH_BITS | (uint64_t)health);
}

enum vg_up_health
vg_upshared_health(enum vg_up_kind kind, uint64_t now_ms, uint64_t stale_ms)
{
	uint64_t	word, when;

	word = atomic_load(&page[kind].health);
	when = word >> HEALTH_BITS;
	if (word == 0 || (now_ms > when && now_ms - when > stale_ms))
		return (VG_UP_UNKNOWN);

	return ((enum vg_up_health)(word & ((1 << HEALTH_BITS) - 1)));
}

/* An index, and of which keys it is one. */
static uint64_t
key_word(uint64_t mark, unsigned key)
{
	return (mark << KEY_BITS | key);
}
