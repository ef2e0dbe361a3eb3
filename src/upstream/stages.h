#ifndef VG_STAGES_H
#define VG_STAGES_H

/* Private to src/upstream. */

#include <stdint.h>

/*
 * When a stage that begins now is over at the latest: the whole's deadline less
 * KEEP percent of the whole, and no later than the stage's own time allows
 * (0: no such). Never before now. All in milliseconds. (stages.c)
 */
uint64_t	vg_stage_deadline(uint64_t now_ms, uint64_t deadline_ms,
		    uint64_t whole_ms, unsigned keep, uint64_t own_ms);

/* Ends every turn of this worker, without callbacks. (pipeline.c) */
void		vg_pipeline_cancel_all(void);

#endif
