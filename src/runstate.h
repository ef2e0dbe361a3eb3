#ifndef VG_RUNSTATE_H
#define VG_RUNSTATE_H

/* What others can see of a server that runs: VAR is taken, its pid, it is ready. */

#include <stddef.h>

#include "options.h"

/* runstate.c: the parent, but for vg_runstate_child(). */

/*
 * Takes VAR, which one server has at a time, until this process ends, however it
 * does, and removes what another left for FILE of --ready-file. 0, or a status
 * of sysexits(3) with ERROR in words.
 */
int	vg_runstate_take(const struct vg_options *, char *error, size_t size);
/* In each child: VAR is its parent's. */
void	vg_runstate_child(void);
/* Every worker is ready: says so in the ready file, if one is wanted. */
void	vg_runstate_ready(const char *url);
/* At the end: removes the ready file, and the pid file where it is ours. */
void	vg_runstate_end(void);

#endif
