/*
 * The circuit breaker's rules.
 *
 * A provider that is down costs each caller its whole patience, and the callers
 * keep it down. The breaker remembers for all of them: after some failures in
 * a row nobody asks any more, until after a cool-down one single caller tries.
 *
 * The workers of an instance share what they know, and none may ever wait for
 * another, who may have been killed while holding a lock. So the whole state
 * is one 64-bit word, and each step a pure function from word to word: the
 * caller stores the result with one compare-and-swap and does it again if
 * another was quicker. That also makes every rule here testable with no clock,
 * no process and no memory of its own.
 *
 * The probe of a half-open breaker holds a lease, not a flag: a worker that is
 * killed in the middle of it would otherwise leave the breaker half-open for
 * ever. The end of the lease also names the probe, so that a result which
 * comes late is told from that of the probe which took over.
 *
 *	63..62 state | 61..54 failures | 53..48 level | 47..0 until, milliseconds
 */

#include <string.h>

#include "core/breaker.h"

#define UNTIL_BITS	48
#define LEVEL_BITS	6
#define FAILURE_BITS	8
#define LEVEL_SHIFT	UNTIL_BITS
#define FAILURE_SHIFT	(LEVEL_SHIFT + LEVEL_BITS)
#define STATE_SHIFT	(FAILURE_SHIFT + FAILURE_BITS)

#define MASK(bits)	((UINT64_C(1) << (bits)) - 1)
#define LEVEL_MAX	((unsigned)MASK(LEVEL_BITS))

static uint64_t	cooldown_ms(unsigned);
static void	open_until(struct vg_breaker *, uint64_t);

struct vg_breaker
vg_breaker_unpack(uint64_t word)
{
	struct vg_breaker	b;
	unsigned		state;

	state = (unsigned)(word >> STATE_SHIFT);
	b.state = state == 1 ? VG_BREAKER_OPEN :
	    state == 2 ? VG_BREAKER_HALF_OPEN : VG_BREAKER_CLOSED;
	b.failures = (unsigned)((word >> FAILURE_SHIFT) & MASK(FAILURE_BITS));
	b.level = (unsigned)((word >> LEVEL_SHIFT) & MASK(LEVEL_BITS));
	b.until_ms = word & MASK(UNTIL_BITS);

	return (b);
}

uint64_t
vg_breaker_pack(const struct vg_breaker *b)
{
	return ((uint64_t)b->state << STATE_SHIFT |
	    ((uint64_t)b->failures & MASK(FAILURE_BITS)) << FAILURE_SHIFT |
	    ((uint64_t)b->level & MASK(LEVEL_BITS)) << LEVEL_SHIFT |
	    (b->until_ms & MASK(UNTIL_BITS)));
}

uint64_t
vg_breaker_ask(uint64_t word, uint64_t now_ms, uint64_t lease_ms,
    struct vg_breaker_permit *permit)
{
	struct vg_breaker	b;

	memset(permit, 0, sizeof(*permit));
	b = vg_breaker_unpack(word);

	if (b.state == VG_BREAKER_CLOSED) {
		permit->granted = true;
		return (word);
	}

	if (now_ms < b.until_ms) {
		permit->wait_ms = b.until_ms - now_ms;
		return (word);
	}

	/*
	 * The cool-down is over, or the last prober never came back. A lease of
	 * nothing would give the same name to two probes.
	 */
	if (lease_ms == 0)
		lease_ms = 1;

	b.state = VG_BREAKER_HALF_OPEN;
	b.until_ms = (now_ms + lease_ms) & MASK(UNTIL_BITS);

	permit->granted = true;
	permit->probe = true;
	permit->ticket = b.until_ms;

	return (vg_breaker_pack(&b));
}

uint64_t
vg_breaker_report(uint64_t word, uint64_t now_ms,
    const struct vg_breaker_permit *permit, enum vg_breaker_result result)
{
	struct vg_breaker	b;

	if (!permit->granted)
		return (word);

	b = vg_breaker_unpack(word);

	if (b.state == VG_BREAKER_CLOSED) {
		if (result == VG_BREAKER_GOOD) {
			b.failures = 0;
		} else if (result == VG_BREAKER_BAD) {
			if (++b.failures >= VG_BREAKER_FAILURES)
				open_until(&b, now_ms);
		}
		return (vg_breaker_pack(&b));
	}

	if (b.state == VG_BREAKER_OPEN || !permit->probe ||
	    permit->ticket != b.until_ms)
		return (word);

	switch (result) {
	case VG_BREAKER_GOOD:
		memset(&b, 0, sizeof(b));
		break;
	case VG_BREAKER_BAD:
		if (b.level < LEVEL_MAX)
			b.level++;
		open_until(&b, now_ms);
		break;
	case VG_BREAKER_NEUTRAL:
		/* Nothing was learnt: the next caller probes, at once. */
		b.state = VG_BREAKER_OPEN;
		b.until_ms = now_ms;
		break;
	}

	return (vg_breaker_pack(&b));
}

uint64_t
vg_breaker_wait_ms(uint64_t word, uint64_t now_ms)
{
	struct vg_breaker	b;

	b = vg_breaker_unpack(word);
	if (b.state == VG_BREAKER_CLOSED || now_ms >= b.until_ms)
		return (0);

	return (b.until_ms - now_ms);
}

const char *
vg_breaker_word(enum vg_breaker_state state)
{
	switch (state) {
	case VG_BREAKER_OPEN:
		return ("open");
	case VG_BREAKER_HALF_OPEN:
		return ("half-open");
	case VG_BREAKER_CLOSED:
		break;
	}

	return ("closed");
}

static void
open_until(struct vg_breaker *b, uint64_t now_ms)
{
	b->state = VG_BREAKER_OPEN;
	b->failures = 0;
	b->until_ms = now_ms + cooldown_ms(b->level);
}

static uint64_t
cooldown_ms(unsigned level)
{
	uint64_t	ms;

	ms = VG_BREAKER_COOLDOWN_MS;
	while (level-- > 0 && ms < VG_BREAKER_COOLDOWN_MAX_MS)
		ms *= 2;

	return (ms < VG_BREAKER_COOLDOWN_MAX_MS ?
	    ms : VG_BREAKER_COOLDOWN_MAX_MS);
}
