#ifndef VG_BACKOFF_H
#define VG_BACKOFF_H

/* Whether a call that failed is made again, and when. Pure. */

#include "upstream/upstream.h"

#define VG_BACKOFF_BASE_MS	200	/* milliseconds, before the first retry */
#define VG_BACKOFF_MAX_MS	2000	/* milliseconds, what it doubles up to */
#define VG_BACKOFF_MIN_LEFT_MS	300	/* less time is no time for an attempt */

/*
 * How long to wait, in milliseconds, before attempt number RETRY (1: the
 * first after the original), or -1: it is not repeated. left_ms: until the
 * deadline. random: 32 uniform bits.
 */
int64_t	vg_backoff_ms(enum vg_up_error, bool unsent, unsigned retry_after_s,
	    unsigned retry, uint64_t left_ms, uint32_t random);

#endif
