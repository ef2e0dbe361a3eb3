/*
 * The front: the process that speaks HTTP.
 */
#ifndef VG_SPEECH_FRONT_H
#define VG_SPEECH_FRONT_H

#include "speech/options.h"

/*
 * Serves `listener` with the workers that come over `ctl`, until told to drain
 * or until the keeper is gone; then ends the process.
 */
void	vg_front_main(const struct vg_options *o, int listener, int ctl)
	    __attribute__((noreturn));

#endif
