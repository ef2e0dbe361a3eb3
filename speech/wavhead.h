/*
 * The head of a WAV file of 16-bit PCM.
 */
#ifndef VG_SPEECH_WAVHEAD_H
#define VG_SPEECH_WAVHEAD_H

#include <stdint.h>

#define VG_WAVHEAD_BYTES	44

/*
 * Writes the canonical 44-byte RIFF head for `data_bytes` of 16-bit PCM that
 * follow.  0, or -1 when the length does not fit into RIFF's 32 bits.
 */
int	vg_wavhead(uint8_t out[VG_WAVHEAD_BYTES], uint32_t rate,
	    uint16_t channels, uint64_t data_bytes);

#endif
