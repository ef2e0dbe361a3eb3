/*
 * Speech to text without a network.  pocketsphinx with its general English model
 * is what Debian has; it gets about every fourth or fifth word of read speech
 * wrong, which is why its name stands in every answer's model list and in the
 * documentation as a fallback.
 *
 * The settings were measured, not guessed (docs: README.md in this folder).  Fewer
 * states and words a frame (maxhmmpf, maxwpf) cost no accuracy that could be
 * seen and more than halve the time; wider beams than the default buy one error
 * in twenty back for a quarter of it; its own silence removal cuts the soft
 * beginnings and ends of words off.  The decoder
 * is loaded once, before the workers are forked, and each worker transcribes one
 * recording from that same state: the answer does not depend on who spoke
 * before, and nobody's voice stays in a process for the next one.
 */
#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "speech/energy.h"
#include "speech/limits.h"
#include "speech/recognise.h"

#define MAX_HMM_PER_FRAME	"3000"
#define MAX_WORDS_PER_FRAME	"5"
#define BEAM			"1e-60"		/* default 1e-48 */
#define WORD_BEAM		"7e-40"		/* default 7e-29 */
#define FLAT_BEAM		"1e-80"		/* default 1e-64 */

#define HMM	"en-us"
#define LM	"en-us.lm.bin"
#define DICT	"cmudict-en-us.dict"

static ps_decoder_t	*decoder;

static int
model_path(char *out, size_t size, const char *dir, const char *name)
{
	int	n = snprintf(out, size, "%s/%s", dir, name);

	return (n > 0 && (size_t)n < size ? 0 : -1);
}

int
vg_recognise_check(const char *dir)
{
	static const char *const files[] = { HMM "/mdef", HMM "/means",
	    HMM "/variances", HMM "/feat.params", LM, DICT };
	char	path[PATH_MAX];
	size_t	i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (model_path(path, sizeof(path), dir, files[i]) == -1 ||
		    access(path, R_OK) == -1)
			return (0);
	}
	return (1);
}

int
vg_recognise_load(const char *dir)
{
	char		 hmm[PATH_MAX], lm[PATH_MAX], dict[PATH_MAX];
	cmd_ln_t	*config;

	if (model_path(hmm, sizeof(hmm), dir, HMM) == -1 ||
	    model_path(lm, sizeof(lm), dir, LM) == -1 ||
	    model_path(dict, sizeof(dict), dir, DICT) == -1)
		return (-1);
	/* Its log tells what it heard. */
	(void)err_set_logfp(NULL);
	config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-lm", lm,
	    "-dict", dict, "-maxhmmpf", MAX_HMM_PER_FRAME,
	    "-maxwpf", MAX_WORDS_PER_FRAME, "-beam", BEAM, "-wbeam", WORD_BEAM,
	    "-fwdflatbeam", FLAT_BEAM, "-remove_silence", "no", NULL);
	if (config == NULL)
		return (-1);
	decoder = ps_init(config);
	cmd_ln_free_r(config);
	return (decoder != NULL ? 0 : -1);
}

int
vg_recognise(const int16_t *pcm, size_t n, char *text, size_t size)
{
	const char	*hyp;
	int32		 score;
	size_t		 len;

	if (size == 0 || decoder == NULL)
		return (-1);
	text[0] = '\0';
	if (!vg_energy_speech(pcm, n))
		return (0);
	/* The whole utterance at once: its mean is known before it starts. */
	if (ps_start_utt(decoder) < 0 ||
	    ps_process_raw(decoder, pcm, n, FALSE, TRUE) < 0 ||
	    ps_end_utt(decoder) < 0)
		return (-1);
	hyp = ps_get_hyp(decoder, &score);
	if (hyp == NULL)
		return (0);
	len = strlen(hyp);
	if (len >= size)
		len = size - 1;
	memcpy(text, hyp, len);
	text[len] = '\0';
	return (0);
}
