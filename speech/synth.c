/*
 * Text to speech without a network: flite with the voice slt, compiled into the
 * library, so that a worker opens no file.  A sentence at a time, each one
 * followed by a short silence, written out as it is made.
 */
#include <flite/flite.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "speech/limits.h"
#include "speech/spoken.h"
#include "speech/synth.h"
#include "speech/wavhead.h"

/* flite's headers do not declare the voices. */
cst_voice	*register_cmu_us_slt(const char *voxdir);

static cst_voice	*voice;

int
vg_synth_load(void)
{
	(void)flite_init();
	voice = register_cmu_us_slt(NULL);
	return (voice != NULL ? 0 : -1);
}

static int
write_all(int fd, const void *data, size_t len)
{
	const char	*p = data;
	ssize_t		 n;

	while (len != 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/* One piece; adds the samples it wrote to *samples and tells the rate. */
static int
speak_piece(const char *piece, int out, uint64_t *samples, int *rate)
{
	static const int16_t	 silence[1600];
	cst_wave		*wave;
	size_t			 n, pause;
	int			 ret = -1;

	wave = flite_text_to_wave(piece, voice);
	if (wave == NULL)
		return (-1);
	/* Nothing to say, as in "...": no samples. */
	if (wave->num_samples <= 0 || wave->num_channels != 1) {
		ret = 0;
		goto out;
	}
	n = (size_t)wave->num_samples;
	*rate = wave->sample_rate;
	pause = (size_t)*rate * VG_TTS_PAUSE_MS / 1000;
	if (pause > sizeof(silence) / sizeof(silence[0]))
		pause = sizeof(silence) / sizeof(silence[0]);
	if (*samples == 0)
		pause = 0;	/* between pieces only */
	if ((*samples + pause + n) * 2 > VG_TTS_OUT_MAX - VG_WAVHEAD_BYTES)
		goto out;
	if (write_all(out, silence, pause * sizeof(silence[0])) == -1 ||
	    write_all(out, wave->samples, n * sizeof(wave->samples[0])) == -1)
		goto out;
	*samples += pause + n;
	ret = 0;
out:
	delete_wave(wave);
	return (ret);
}

int
vg_synth_wav(const char *text, double speed, int out, uint32_t *bytes,
    uint32_t *milli)
{
	uint8_t		 head[VG_WAVHEAD_BYTES];
	char		*ascii, *p, piece[VG_TTS_CHUNK_MAX + 1];
	size_t		 n;
	uint64_t	 samples = 0;
	int		 rate = VG_STT_RATE, ret = -1;

	ascii = vg_spoken_ascii(text);
	if (ascii == NULL)
		return (-1);
	feat_set_float(voice->features, "duration_stretch",
	    (float)(1.0 / speed));

	/* Room for the head, which is known last. */
	memset(head, 0, sizeof(head));
	if (write_all(out, head, sizeof(head)) == -1)
		goto out;
	for (p = ascii; (n = vg_spoken_next(p, VG_TTS_CHUNK_MAX)) != 0;
	    p += n) {
		memcpy(piece, p, n);
		piece[n] = '\0';
		if (piece[strspn(piece, " ")] == '\0')
			continue;
		if (speak_piece(piece, out, &samples, &rate) == -1)
			goto out;
	}
	if (vg_wavhead(head, (uint32_t)rate, 1, samples * 2) == -1 ||
	    lseek(out, 0, SEEK_SET) == -1 ||
	    write_all(out, head, sizeof(head)) == -1)
		goto out;
	*bytes = (uint32_t)(samples * 2 + VG_WAVHEAD_BYTES);
	*milli = (uint32_t)(samples * 1000 / (uint32_t)rate);
	ret = 0;
out:
	free(ascii);
	return (ret);
}
