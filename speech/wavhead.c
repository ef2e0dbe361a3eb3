/*
 * A WAV head with true lengths.  Many writers that stream put 0xffffffff there;
 * browsers then show no duration and cannot seek.
 */
#include <string.h>

#include "speech/wavhead.h"

#define PCM		1
#define BITS		16
#define FMT_BYTES	16

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v & 0xff);
	p[1] = (uint8_t)((v >> 8) & 0xff);
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

int
vg_wavhead(uint8_t out[VG_WAVHEAD_BYTES], uint32_t rate, uint16_t channels,
    uint64_t data_bytes)
{
	uint32_t	frame = (uint32_t)channels * (BITS / 8);

	if (data_bytes > UINT32_MAX - (VG_WAVHEAD_BYTES - 8))
		return (-1);
	memcpy(out, "RIFF", 4);
	put32(out + 4, (uint32_t)data_bytes + VG_WAVHEAD_BYTES - 8);
	memcpy(out + 8, "WAVEfmt ", 8);
	put32(out + 16, FMT_BYTES);
	put16(out + 20, PCM);
	put16(out + 22, channels);
	put32(out + 24, rate);
	put32(out + 28, rate * frame);
	put16(out + 32, frame);
	put16(out + 34, BITS);
	memcpy(out + 36, "data", 4);
	put32(out + 40, (uint32_t)data_bytes);
	return (0);
}
