#ifndef VG_MULTIPART_PART_H
#define VG_MULTIPART_PART_H

/* Private to multipart*.c: the parser's states and its inner pieces. */

#include "core/multipart.h"

#define VG_MULTIPART_CRLF	2	/* bytes */

enum vg_multipart_state {
	VG_MULTIPART_ST_PREAMBLE = 0,	/* until the first delimiter */
	VG_MULTIPART_ST_DATA,		/* until the next one */
	VG_MULTIPART_ST_DELIM,		/* after a boundary: "-", padding or CR */
	VG_MULTIPART_ST_DELIM_CLOSE,		/* after "-": the second one */
	VG_MULTIPART_ST_DELIM_LF,		/* after CR */
	VG_MULTIPART_ST_HEADER,		/* within a header line */
	VG_MULTIPART_ST_HEADER_LF,		/* after its CR */
	VG_MULTIPART_ST_END,			/* after the last boundary: padding or CR */
	VG_MULTIPART_ST_END_LF,		/* after CR */
	VG_MULTIPART_ST_EPILOGUE
};

/* Sets p->error and returns -1. */
int	vg_multipart_fail(struct vg_multipart *, enum vg_multipart_error);

/* Takes one byte in any state but PREAMBLE and DATA. 0 / -1. */
int	vg_multipart_line(struct vg_multipart *, uint8_t);

/* Forgets the part before. */
void	vg_multipart_part_reset(struct vg_multipart *);

/* Reads the header line in p->line. 0, or -1 with p->error. */
int	vg_multipart_part_header(struct vg_multipart *);

/* At the end of the headers: 0 when they were enough, -1 with p->error. */
int	vg_multipart_part_check(struct vg_multipart *);

#endif
