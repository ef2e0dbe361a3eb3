/*
 * The lines of a form: the rest of a boundary line, the header lines of a part,
 * and what follows the last boundary. They are short, so they are read byte by
 * byte, each with its limit; see multipart.c for the data between them.
 */

#include "core/multipart.h"
#include "core/multipart_part.h"

int
vg_multipart_fail(struct vg_multipart *p, enum vg_multipart_error error)
{
	p->error = error;

	return (-1);
}

/* Padding and epilogue are passed over, within bounds. */
static int
skip(struct vg_multipart *p, size_t max, enum vg_multipart_error error)
{
	return (++p->skipped <= max ? 0 : vg_multipart_fail(p, error));
}

static int
to(struct vg_multipart *p, enum vg_multipart_state state)
{
	p->state = (uint8_t)state;

	return (0);
}

/* The bytes of a boundary line after the boundary itself. */
static int
step_delim(struct vg_multipart *p, uint8_t c)
{
	switch (p->state) {
	case VG_MULTIPART_ST_DELIM:
		if (c == '\r')
			return (to(p, VG_MULTIPART_ST_DELIM_LF));
		/* "--" must come at once: "-- --" closes nothing. */
		if (c == '-' && p->skipped == 0)
			return (to(p, VG_MULTIPART_ST_DELIM_CLOSE));
		if (c == ' ' || c == '\t')
			return (skip(p, VG_MULTIPART_PADDING_MAX,
			    VG_MULTIPART_DELIMITER));
		break;
	case VG_MULTIPART_ST_DELIM_CLOSE:
		if (c == '-')
			return (to(p, VG_MULTIPART_ST_END));
		break;
	case VG_MULTIPART_ST_DELIM_LF:
		if (c != '\n')
			break;
		if (p->parts == VG_MULTIPART_PARTS_MAX)
			return (vg_multipart_fail(p, VG_MULTIPART_PARTS));
		vg_multipart_part_reset(p);
		return (to(p, VG_MULTIPART_ST_HEADER));
	case VG_MULTIPART_ST_END:
		if (c == '\r')
			return (to(p, VG_MULTIPART_ST_END_LF));
		if (c == ' ' || c == '\t')
			return (skip(p, VG_MULTIPART_PADDING_MAX,
			    VG_MULTIPART_DELIMITER));
		break;
	default:
		if (c == '\n') {
			p->skipped = 0;
			return (to(p, VG_MULTIPART_ST_EPILOGUE));
		}
		break;
	}

	return (vg_multipart_fail(p, VG_MULTIPART_DELIMITER));
}

/* The empty line: a part begins if its headers said what they must. */
static int
begin(struct vg_multipart *p)
{
	struct vg_multipart_part	part;

	if (vg_multipart_part_check(p) == -1)
		return (-1);

	part.name = p->name;
	part.name_len = p->name_len;
	part.type = p->type;
	part.type_len = p->type_len;
	part.has_filename = p->has_filename;
	part.index = p->parts++;

	/*
	 * RFC 2046 section 5.1.1: body-part = headers [ CRLF *OCTET ]. Without
	 * the option, the empty line is the CR LF of the delimiter, and a
	 * boundary at once ends a part that has no content.
	 */
	p->state = VG_MULTIPART_ST_DATA;
	p->matched = VG_MULTIPART_CRLF;
	p->pretended = true;

	if (p->cb->part_begin != NULL && p->cb->part_begin(p->arg,
	    &part) != 0)
		return (vg_multipart_fail(p, VG_MULTIPART_STOPPED));

	return (0);
}

static int
step_header(struct vg_multipart *p, uint8_t c)
{
	if (++p->header_bytes > VG_MULTIPART_HEADER_MAX)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER_LONG));

	if (p->state == VG_MULTIPART_ST_HEADER_LF) {
		if (c != '\n')
			return (vg_multipart_fail(p, VG_MULTIPART_HEADER));
		p->state = VG_MULTIPART_ST_HEADER;
		if (p->line_len == 0)
			return (begin(p));
		if (vg_multipart_part_header(p) == -1)
			return (-1);
		p->line_len = 0;
		return (0);
	}

	if (c == '\r')
		return (to(p, VG_MULTIPART_ST_HEADER_LF));
	if ((c < 0x20 && c != '\t') || c == 0x7f)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER));
	if (p->line_len == VG_MULTIPART_LINE_MAX)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER_LONG));
	p->line[p->line_len++] = (char)c;

	return (0);
}

int
vg_multipart_line(struct vg_multipart *p, uint8_t c)
{
	switch (p->state) {
	case VG_MULTIPART_ST_HEADER:
	case VG_MULTIPART_ST_HEADER_LF:
		return (step_header(p, c));
	case VG_MULTIPART_ST_EPILOGUE:
		return (skip(p, VG_MULTIPART_SKIP_MAX, VG_MULTIPART_EPILOGUE));
	default:
		return (step_delim(p, c));
	}
}
