/*
 * Any of the five containers to what the recogniser takes.
 */
#ifndef VG_SPEECH_DECODE_H
#define VG_SPEECH_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "speech/ipc.h"

/*
 * Makes libav quiet and lets it build its tables, so that every worker forked
 * from here has them already.  Never fails: a codec that cannot be opened here
 * builds its tables later.
 */
void	vg_decode_warm_up(void);

/*
 * Decodes the `size` bytes at `data` and writes 16 kHz mono s16 in the machine's
 * byte order to `out`, at most max_seconds of it; *samples is how many.  Meant
 * for a process that is thrown away afterwards.
 */
enum vg_result	vg_decode(const uint8_t *data, size_t size, int out,
		    unsigned int max_seconds, uint32_t *samples);

#endif
