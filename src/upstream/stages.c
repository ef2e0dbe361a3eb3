/*
 * How the one deadline of a turn is shared out to its stages.
 */

#include "upstream/stages.h"

uint64_t
vg_stage_deadline(uint64_t now_ms, uint64_t deadline_ms, uint64_t whole_ms,
    unsigned keep, uint64_t own_ms)
{
	uint64_t	at, kept;

	kept = whole_ms / 100 * keep + whole_ms % 100 * keep / 100;
	at = deadline_ms > kept ? deadline_ms - kept : 0;
	if (at < now_ms)
		at = now_ms;
	if (own_ms > 0 && at - now_ms > own_ms)
		at = now_ms + own_ms;

	return (at);
}
