/*
 * The keeper: the parent of every other process of the speech server.
 */
#ifndef VG_SPEECH_KEEPER_H
#define VG_SPEECH_KEEPER_H

#include "speech/options.h"

/*
 * Starts the front on `listener` (bound and listening; taken over), loads the
 * models, keeps the pools full until SIGTERM or SIGINT, drains and ends every
 * child.  `port` is the bound port.  Returns the exit code.
 */
int	vg_keeper_run(const struct vg_options *o, int listener, uint16_t port);

#endif
