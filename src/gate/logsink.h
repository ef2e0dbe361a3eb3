#ifndef VG_GATE_LOGSINK_H
#define VG_GATE_LOGSINK_H

#include <sys/types.h>

#include <stddef.h>

/* logsink.c: standard error, which never makes anybody wait. */

/* In the parent, before it gives up root and root folder. Once. */
void	vg_logsink_open(void);

/*
 * Of LEN bytes of whole lines, how many were taken (whole lines, where they are
 * short). 0: the reader stands still. -1: nobody will read them, errno says why.
 */
ssize_t	vg_logsink_write(const char *text, size_t len);

#endif
