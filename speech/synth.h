/*
 * Text to speech by flite.
 */
#ifndef VG_SPEECH_SYNTH_H
#define VG_SPEECH_SYNTH_H

#include <stddef.h>
#include <stdint.h>

/* Prepares the voice, once, before the workers are forked.  0 or -1. */
int	vg_synth_load(void);

/*
 * Speaks `text` (UTF-8) at `speed` (1.0 as it is) and writes a whole WAV file to
 * the empty memfd `out`; *bytes is its length, *milli how long it lasts.
 * 0 or -1.
 */
int	vg_synth_wav(const char *text, double speed, int out, uint32_t *bytes,
	    uint32_t *milli);

#endif
