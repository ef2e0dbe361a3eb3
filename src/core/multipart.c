/*
 * multipart/form-data, read while it arrives.
 *
 * The content is the largest thing that a stranger can send, so it is never
 * held: part data goes out as slices of what came in, and what a part says
 * about itself is kept in a line and two short strings inside the struct.
 *
 * The work is in finding the delimiter, CR LF "--" boundary, wherever the
 * content was cut. Two facts make that cheap. CR cannot occur in a boundary,
 * so a partly matched delimiter can only start over at the byte that broke
 * it; and what was matched so far is, byte for byte, the beginning of the
 * delimiter that is kept in the struct anyway, so when it turns out to be data
 * it is handed out from there and nothing need be copied aside. Within a
 * block the search is memmem(), linear whatever the boundary and the data are.
 *
 * The grammar is RFC 2046 section 5.1.1 and RFC 7578, taken at its word: lines
 * end in CR LF, a boundary line holds the boundary and at most some padding
 * (which section 5.1.1 says receivers must expect), each part has one
 * Content-Disposition with one name. The first deviation is the last thing
 * that is read: a form that two readers could see differently is not taken.
 *
 * Here is the search; the lines between the data are in multipart_line.c, what
 * part headers mean is in multipart_part.c.
 */

#include <string.h>

#include "core/fields.h"
#include "core/multipart.h"
#include "core/multipart_part.h"

#define DELIM_PREFIX	4	/* bytes of CR LF "--" */

static const char	*const errors[VG_MULTIPART_ERROR_COUNT] = {
#define ERROR(name, text)	text,
	VG_MULTIPART_ERRORS(ERROR)
#undef ERROR
};

const char *
vg_multipart_error_text(enum vg_multipart_error error)
{
	return (errors[error < VG_MULTIPART_ERROR_COUNT ? error : 0]);
}

/* RFC 2046 section 5.1.1: bchars, the last of which is not a space. */
static bool
is_boundary(const char *s, size_t len)
{
	size_t	i;
	char	c;

	if (len == 0 || len > VG_MULTIPART_BOUNDARY_MAX || s[len - 1] == ' ')
		return (false);

	for (i = 0; i < len; i++) {
		c = s[i];
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z'))
			continue;
		if (c == '\0' || strchr("'()+_,-./:=? ", c) == NULL)
			return (false);
	}

	return (true);
}

int
vg_multipart_init(struct vg_multipart *p, const char *content_type,
    size_t len, const struct vg_multipart_callbacks *cb, void *arg)
{
	struct vg_media_type	type;
	char			boundary[VG_MULTIPART_BOUNDARY_MAX];
	size_t			n = 0;

	memset(p, 0, offsetof(struct vg_multipart, delim));
	p->cb = cb;
	p->arg = arg;

	if (vg_field_media_type(&type, content_type, len) == -1 ||
	    !vg_media_type_is(&type, "multipart", "form-data") ||
	    vg_media_type_param(&type, "boundary", boundary,
	    sizeof(boundary), &n) != 1 || !is_boundary(boundary, n))
		return (vg_multipart_fail(p, VG_MULTIPART_TYPE));

	memcpy(p->delim, "\r\n--", DELIM_PREFIX);
	memcpy(p->delim + DELIM_PREFIX, boundary, n);
	p->delim_len = (uint8_t)(DELIM_PREFIX + n);

	/* The first boundary may stand at the very start, without a CR LF. */
	p->matched = VG_MULTIPART_CRLF;
	p->pretended = true;

	return (0);
}

/* Bytes before a delimiter: a part's data, or preamble to skip. */
static int
emit(struct vg_multipart *p, const uint8_t *data, size_t len)
{
	if (len == 0)
		return (0);

	if (p->state == VG_MULTIPART_ST_PREAMBLE) {
		p->skipped += len;
		return (p->skipped <= VG_MULTIPART_SKIP_MAX ? 0 :
		    vg_multipart_fail(p, VG_MULTIPART_PREAMBLE));
	}

	if (p->cb->part_data != NULL && p->cb->part_data(p->arg, data,
	    len) != 0)
		return (vg_multipart_fail(p, VG_MULTIPART_STOPPED));

	return (0);
}

/* A whole delimiter was there. */
static int
delimiter(struct vg_multipart *p)
{
	p->matched = 0;
	p->pretended = false;

	if (p->state == VG_MULTIPART_ST_DATA && p->cb->part_end != NULL &&
	    p->cb->part_end(p->arg) != 0)
		return (vg_multipart_fail(p, VG_MULTIPART_STOPPED));

	p->state = VG_MULTIPART_ST_DELIM;
	p->skipped = 0;

	return (0);
}

/*
 * Goes on with a delimiter whose first p->matched bytes have been seen. Moves
 * *pos past what belongs to it, or hands the matched bytes out as data.
 */
static int
match_on(struct vg_multipart *p, const uint8_t *data, size_t len,
    size_t *pos)
{
	size_t	n = p->matched, skipped;

	while (*pos < len && n < p->delim_len && data[*pos] == p->delim[n]) {
		(*pos)++;
		n++;
	}

	p->matched = (uint8_t)n;
	if (n == p->delim_len)
		return (delimiter(p));
	if (*pos == len)
		return (0);

	/* Not one: these bytes are data, but for a CR LF that never came. */
	skipped = p->pretended ? VG_MULTIPART_CRLF : 0;
	p->matched = 0;
	p->pretended = false;

	return (emit(p, p->delim + skipped, n - skipped));
}

/* Part data or preamble: up to the next delimiter or the block's end. */
static int
scan(struct vg_multipart *p, const uint8_t *data, size_t len, size_t *pos)
{
	const uint8_t	*from, *hit;
	size_t		left, tail, n;

	if (p->matched > 0)
		return (match_on(p, data, len, pos));

	from = data + *pos;
	left = len - *pos;

	hit = memmem(from, left, p->delim, p->delim_len);
	if (hit != NULL) {
		n = (size_t)(hit - from);
		*pos += n + p->delim_len;
		if (emit(p, from, n) == -1)
			return (-1);
		return (delimiter(p));
	}

	/*
	 * A delimiter that is cut by the block's end begins at the last CR:
	 * there is none in the rest of it.
	 */
	tail = (left < p->delim_len) ? left : (size_t)p->delim_len - 1;
	hit = memrchr(from + left - tail, '\r', tail);
	n = left;
	if (hit != NULL && memcmp(hit, p->delim, (size_t)(from + left -
	    hit)) == 0) {
		n = (size_t)(hit - from);
		p->matched = (uint8_t)(left - n);
	}
	*pos = len;

	return (emit(p, from, n));
}

int
vg_multipart_feed(struct vg_multipart *p, const uint8_t *data, size_t len)
{
	size_t	pos = 0;
	int	rc = 0;

	if (p->error != VG_MULTIPART_OK)
		return (-1);

	while (rc == 0 && pos < len) {
		switch (p->state) {
		case VG_MULTIPART_ST_PREAMBLE:
		case VG_MULTIPART_ST_DATA:
			rc = scan(p, data, len, &pos);
			break;
		default:
			rc = vg_multipart_line(p, data[pos++]);
			break;
		}
	}

	return (rc);
}

int
vg_multipart_finish(struct vg_multipart *p)
{
	if (p->error != VG_MULTIPART_OK)
		return (-1);

	/* The CR LF after the last boundary is optional. */
	if (p->state != VG_MULTIPART_ST_END && p->state != VG_MULTIPART_ST_EPILOGUE)
		return (vg_multipart_fail(p, VG_MULTIPART_INCOMPLETE));

	return (0);
}
