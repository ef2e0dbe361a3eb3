#ifndef VG_UPSHARED_H
#define VG_UPSHARED_H

/*
 * What the workers of an instance know together about the providers. Private to
 * src/upstream. Times are kore_time_ms(): one clock for all processes.
 */

#include "core/breaker.h"
#include "upstream/upstream.h"

enum vg_up_health {
	VG_UP_UNKNOWN = 0,
	VG_UP_CONNECTED,
	VG_UP_DISCONNECTED
};

int	vg_upshared_init(void);			/* in the parent; 0 / -1 */
void	vg_upshared_free(void);

/*
 * Whose page it is: MARK stands for a provider's address and keys. Another one
 * than before forgets all that was known, once for all workers; the same one (of
 * a worker that was started again, of the next that reloads) forgets nothing.
 */
void	vg_upshared_adopt(enum vg_up_kind, uint64_t mark);

/* The breaker of core/breaker.h, and the hold below before it. */
void	vg_upshared_ask(enum vg_up_kind, uint64_t now_ms, uint64_t lease_ms,
	    struct vg_breaker_permit *);
/* What changed for all: 0, 1 when it opened, -1 when it closed. */
int	vg_upshared_report(enum vg_up_kind, uint64_t now_ms,
	    const struct vg_breaker_permit *, enum vg_breaker_result);
uint64_t	vg_upshared_breaker(enum vg_up_kind);	/* the word */
void	vg_upshared_reset(enum vg_up_kind);

/*
 * The provider said when it wants to be asked again: nobody asks before that,
 * whatever the breaker says. A hold is never made shorter. held_ms: what is left.
 */
void	vg_upshared_hold(enum vg_up_kind, uint64_t until_ms);
uint64_t	vg_upshared_held_ms(enum vg_up_kind, uint64_t now_ms);
/* Until both of them let somebody ask. */
uint64_t	vg_upshared_wait_ms(enum vg_up_kind, uint64_t now_ms);

/* The newest call's end, whoever made it. */
void	vg_upshared_set_error(enum vg_up_kind, enum vg_up_error);
enum vg_up_error	vg_upshared_error(enum vg_up_kind);

/*
 * Which key of those that MARK stands for is in use: an index; past() moves on
 * unless somebody has already. Of other keys it is the first, and stays.
 */
unsigned	vg_upshared_key(enum vg_up_kind, uint64_t mark);
void	vg_upshared_key_past(enum vg_up_kind, uint64_t mark, unsigned from,
	    unsigned to);

/* The health probe: whether it is our turn, and what came of it. */
bool	vg_upshared_probe_due(enum vg_up_kind, uint64_t now_ms,
	    uint64_t interval_ms);
void	vg_upshared_set_health(enum vg_up_kind, enum vg_up_health,
	    uint64_t now_ms);
enum vg_up_health	vg_upshared_health(enum vg_up_kind, uint64_t now_ms,
	    uint64_t stale_ms);

#endif
