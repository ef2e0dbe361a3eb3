#ifndef VG_CORE_BREAKER_H
#define VG_CORE_BREAKER_H

/*
 * A circuit breaker as a pure function of one 64-bit word and the time.
 *
 *	closed ---VG_BREAKER_FAILURES failures in a row---> open
 *	open ---the cool-down is over, one caller asks---> half-open
 *	half-open ---the probe succeeded---> closed
 *	half-open ---the probe failed---> open, with twice the cool-down
 *
 * The word 0 is a closed breaker that has seen nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#define VG_BREAKER_FAILURES		5	/* in a row, until it opens */
#define VG_BREAKER_COOLDOWN_MS		2000	/* first; doubles per failed probe */
#define VG_BREAKER_COOLDOWN_MAX_MS	60000	/* what it doubles up to */

enum vg_breaker_state {
	VG_BREAKER_CLOSED = 0,
	VG_BREAKER_OPEN,
	VG_BREAKER_HALF_OPEN
};

enum vg_breaker_result {
	VG_BREAKER_GOOD = 0,	/* the provider is there and works */
	VG_BREAKER_BAD,		/* it is not, or does not */
	VG_BREAKER_NEUTRAL	/* the call tells nothing about it */
};

/* The word, taken apart. */
struct vg_breaker {
	enum vg_breaker_state	state;
	unsigned		failures;	/* in a row, while closed */
	unsigned		level;		/* doublings of the cool-down */
	uint64_t		until_ms;	/* open: cool-down, half-open: lease */
};

/* What a caller got; it is handed back with the result. */
struct vg_breaker_permit {
	bool		granted;
	bool		probe;		/* the single one of half-open */
	uint64_t	ticket;		/* of the probe */
	uint64_t	wait_ms;	/* when refused: until it is worth asking */
};

struct vg_breaker	vg_breaker_unpack(uint64_t word);
uint64_t		vg_breaker_pack(const struct vg_breaker *);

/*
 * May a call be made? Returns the word to store. lease_ms is how long the call
 * may take at most: a prober that died keeps others away for no longer.
 * Times are milliseconds of one monotonic clock, below 2^48.
 */
uint64_t	vg_breaker_ask(uint64_t word, uint64_t now_ms,
		    uint64_t lease_ms, struct vg_breaker_permit *);

/*
 * What came of a call that was granted. Returns the word to store. A result
 * that comes late (the breaker has moved on meanwhile) changes nothing.
 */
uint64_t	vg_breaker_report(uint64_t word, uint64_t now_ms,
		    const struct vg_breaker_permit *, enum vg_breaker_result);

/* How long callers are refused from now on; 0: they are not. */
uint64_t	vg_breaker_wait_ms(uint64_t word, uint64_t now_ms);

/* "closed", "open", "half-open". */
const char	*vg_breaker_word(enum vg_breaker_state);

#endif
