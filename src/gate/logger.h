#ifndef VG_GATE_LOGGER_H
#define VG_GATE_LOGGER_H

#include "core/logesc.h"

#define VG_LOG_BUFFER_SIZE	16384	/* bytes kept before they are written */

/* logger.c: the process's one log, on standard error. */

void	vg_log_setup(enum vg_log_level, enum vg_log_format);

/*
 * A line, to be filled with vg_logline_*() and closed at once; NULL when LEVEL
 * is not wanted. Lines below warning are kept for at most one turn of the flush
 * timer, so that a request costs no system call of its own; warnings and
 * errors are written at once.
 */
struct vg_logline	*vg_log_open(enum vg_log_level, const char *msg);
void			vg_log_close(struct vg_logline *);

/* A line without fields. */
void	vg_log_say(enum vg_log_level, const char *msg);
/* A line with one text field. */
void	vg_log_str(enum vg_log_level, const char *msg, const char *key,
	    const char *value);

/* Writes what is kept: from a timer, before fork and at the end. */
void	vg_log_flush(void);

#endif
