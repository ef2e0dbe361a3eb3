/*
 * Is there anything in a recording that a recogniser should look at?
 */
#ifndef VG_SPEECH_ENERGY_H
#define VG_SPEECH_ENERGY_H

#include <stddef.h>
#include <stdint.h>

/*
 * 1 when the n samples of mono s16 at 16 kHz may contain speech, 0 for silence,
 * hum and steady noise.
 */
int	vg_energy_speech(const int16_t *pcm, size_t n);

#endif
