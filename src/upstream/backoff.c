/*
 * When a failed call is made again.
 *
 * Only where repeating is safe and may help: when nothing of the request went
 * out, when the provider said that it did nothing (429), and when it failed
 * by its own word (5xx), which is safe since none of the three calls changes
 * anything. A connection that broke in the middle is not repeated: the
 * provider may be at work, and paid for it. Nor is a call that ran out of time,
 * unless it never got through.
 *
 * The wait grows exponentially and is drawn from all of its range (full
 * jitter), so that those who failed together do not come back together. What
 * the provider asks for with Retry-After is obeyed, with a little jitter on
 * top, and when that is beyond the deadline the call is over at once: the
 * client is told, and can wait longer than we.
 */

#include "upstream/backoff.h"

int64_t
vg_backoff_ms(enum vg_up_error error, bool unsent, unsigned retry_after_s,
    unsigned retry, uint64_t left_ms, uint32_t random)
{
	uint64_t	range, wait;
	unsigned	i;

	if (retry == 0 || retry > VG_UPSTREAM_RETRIES_MAX)
		return (-1);

	switch (error) {
	case VG_UP_RATE_LIMITED:
	case VG_UP_SERVER:
		break;
	case VG_UP_UNREACHABLE:
	case VG_UP_TIMEOUT:
		if (!unsent)
			return (-1);
		break;
	default:
		return (-1);
	}

	range = VG_BACKOFF_BASE_MS;
	for (i = 1; i < retry && range < VG_BACKOFF_MAX_MS; i++)
		range *= 2;
	if (range > VG_BACKOFF_MAX_MS)
		range = VG_BACKOFF_MAX_MS;

	/* Uniform over 0..range: the bias of the product is below 2^-20. */
	wait = ((range + 1) * random) >> 32;
	if (error == VG_UP_RATE_LIMITED || error == VG_UP_SERVER)
		wait += (uint64_t)retry_after_s * 1000;

	if (wait + VG_BACKOFF_MIN_LEFT_MS > left_ms)
		return (-1);

	return ((int64_t)wait);
}
