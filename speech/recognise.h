/*
 * Speech to text by pocketsphinx.
 */
#ifndef VG_SPEECH_RECOGNISE_H
#define VG_SPEECH_RECOGNISE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Loads the acoustic model, the language model and the dictionary of model_dir,
 * about 90 MB, once and for all; workers forked later share them.  0 or -1.
 */
int	vg_recognise_load(const char *model_dir);

/* 1 when model_dir has the files that loading needs, else 0. */
int	vg_recognise_check(const char *model_dir);

/*
 * Transcribes n samples of 16 kHz mono s16 into text (lower-case words, one
 * space between; empty when nothing was said).  0 or -1.
 */
int	vg_recognise(const int16_t *pcm, size_t n, char *text, size_t size);

#endif
