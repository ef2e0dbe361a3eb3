/*
 * A recogniser always finds words: given mains hum or the hiss of a muted
 * microphone it will say "the" or "and".  Putting words into somebody's mouth
 * is worse than saying "I did not hear you", so the recogniser is only asked when
 * the recording moves like speech does: syllables make the level of 20 ms frames
 * rise and fall by far more than hum or noise ever do.
 *
 * Each frame's level is taken after a first difference (a 6 dB/octave high-pass
 * that takes away hum and DC).  Speech is claimed when the loud frames are above
 * an absolute floor and well above the quiet ones.
 */
#include <math.h>
#include <stdlib.h>

#include "speech/energy.h"

#define FRAME		320		/* samples: 20 ms */
#define FRAMES_MIN	10		/* 200 ms: nothing shorter is a word */
#define FRAMES_MAX	(600 * 50)	/* ten minutes */
#define FLOOR_DB	(-62.0)		/* dBFS of the first difference */
#define SPREAD_DB	8.0		/* between loud and quiet frames */
#define SILENCE_DB	(-100.0)

static int
ascending(const void *a, const void *b)
{
	float	x = *(const float *)a, y = *(const float *)b;

	return ((x > y) - (x < y));
}

static float
frame_level(const int16_t *p)
{
	double	d, sum = 0.0;
	size_t	i;

	for (i = 1; i < FRAME; i++) {
		d = (double)p[i] - (double)p[i - 1];
		sum += d * d;
	}
	sum /= (FRAME - 1) * 32768.0 * 32768.0;
	return (sum > 1e-10 ? (float)(10.0 * log10(sum)) : (float)SILENCE_DB);
}

int
vg_energy_speech(const int16_t *pcm, size_t n)
{
	size_t	 i, frames = n / FRAME;
	float	*level, loud, quiet;

	if (frames < FRAMES_MIN)
		return (0);
	if (frames > FRAMES_MAX)
		frames = FRAMES_MAX;
	level = calloc(frames, sizeof(*level));
	if (level == NULL)
		return (1);	/* let the recogniser decide */
	for (i = 0; i < frames; i++)
		level[i] = frame_level(pcm + i * FRAME);
	qsort(level, frames, sizeof(*level), ascending);
	/* Not the very loudest: a click is one frame. */
	loud = level[frames - 1 - frames / 20 - (frames >= 20 ? 2 : 1)];
	quiet = level[frames / 10];
	free(level);
	return (loud >= FLOOR_DB && loud - quiet >= SPREAD_DB);
}
