/*
 * The headers of a part: RFC 7578 sections 4.2, 4.4, 4.7, 4.8, and how the
 * WHATWG HTML standard ("multipart form data") has browsers write names.
 *
 * Only three matter. Content-Disposition names the part; Content-Type is kept
 * as a hint for whoever wants it, when it is one; Content-Transfer-Encoding may
 * say that there is none. Others MUST be ignored (section 4.8), but are held to the grammar of
 * a header line, so that nothing passes as one that another reader would take
 * for data. The file name is read past and forgotten: nothing here is ever
 * stored under a name that a client chose.
 */

#include <string.h>
#include <strings.h>

#include "core/fields.h"
#include "core/multipart_part.h"

void
vg_multipart_part_reset(struct vg_multipart *p)
{
	p->has_disposition = false;
	p->has_name = false;
	p->has_type = false;
	p->has_filename = false;
	p->has_encoding = false;
	p->headers = 0;
	p->header_bytes = 0;
	p->line_len = 0;
	p->name_len = 0;
	p->type_len = 0;
	p->name[0] = '\0';
	p->type[0] = '\0';
}

/*
 * Browsers write CR, LF and the double quote in names as %0D, %0A and %22, and
 * nothing else so; these three are undone, every other percent sign is itself.
 * In place; returns the new length.
 */
static size_t
decode_name(char *s, size_t len)
{
	static const struct {
		const char	*from;
		char		to;
	} escapes[] = { { "%0D", '\r' }, { "%0A", '\n' }, { "%22", '"' } };
	size_t	i, k, n = 0;

	for (i = 0; i < len; i++) {
		s[n] = s[i];
		for (k = 0; k < sizeof(escapes) / sizeof(escapes[0]); k++) {
			if (len - i < 3 || strncasecmp(s + i,
			    escapes[k].from, 3) != 0)
				continue;
			s[n] = escapes[k].to;
			i += 2;
			break;
		}
		n++;
	}

	return (n);
}

/* Unquoted names are tokens; clients on .NET send those. */
static int
read_name(struct vg_multipart *p, const struct vg_str *value, bool quoted)
{
	if (p->has_name)
		return (vg_multipart_fail(p, VG_MULTIPART_NAME));

	if (quoted) {
		if (vg_field_quoted(value->s, value->len, p->name,
		    VG_MULTIPART_NAME_MAX, &p->name_len) == 0)
			return (vg_multipart_fail(p, VG_MULTIPART_NAME));
	} else {
		if (value->len > VG_MULTIPART_NAME_MAX)
			return (vg_multipart_fail(p, VG_MULTIPART_NAME));
		memcpy(p->name, value->s, value->len);
		p->name_len = value->len;
	}

	p->name_len = decode_name(p->name, p->name_len);
	p->name[p->name_len] = '\0';
	p->has_name = true;

	return (p->name_len > 0 ? 0 : vg_multipart_fail(p, VG_MULTIPART_NAME));
}

/*
 * Browsers escape no backslash in a file name, so that one which ends in it looks
 * like a string without an end: `filename="a\"`. Only where the line ends with
 * it is there but one reading; the backslash then goes, since nobody uses the
 * name. AT is where the quote stands that begins it.
 */
static bool
end_filename(struct vg_multipart *p, const char *s, size_t len, size_t at)
{
	if (len < at + 3 || s[at] != '"' || s[len - 2] != '\\' ||
	    s[len - 1] != '"')
		return (false);
	p->line[(size_t)(s - p->line) + len - 2] = '_';

	return (true);
}

/*
 * RFC 7578 section 4.2: form-data, name, perhaps filename. filename* MUST NOT
 * be used there, but .NET and Python send it beside or instead of filename,
 * and neither is ever used here.
 */
static int
read_disposition(struct vg_multipart *p, const char *s, size_t len)
{
	static const char	form_data[] = "form-data";
	struct vg_field_params	params;
	struct vg_str		name = { NULL, 0 }, value;
	bool			quoted = false, file = false, file_ext = false;
	bool			*seen;
	size_t			at;
	int			more;

	if (p->has_disposition || len < sizeof(form_data) - 1 ||
	    !vg_field_eq(s, sizeof(form_data) - 1, form_data))
		return (vg_multipart_fail(p, VG_MULTIPART_DISPOSITION));
	p->has_disposition = true;

	vg_field_params_init(&params, s + sizeof(form_data) - 1,
	    len - (sizeof(form_data) - 1));
	for (;;) {
		at = params.pos;
		more = vg_field_param_next(&params, &name, &value, &quoted);
		if (more == -1 && quoted &&
		    vg_field_eq(name.s, name.len, "filename") &&
		    end_filename(p, params.s, params.len, params.pos)) {
			params.pos = at;
			more = vg_field_param_next(&params, &name, &value,
			    &quoted);
		}
		if (more != 1)
			break;
		if (vg_field_eq(name.s, name.len, "name")) {
			if (read_name(p, &value, quoted) == -1)
				return (-1);
			continue;
		}
		/* The same name in another notation: two readings. */
		if (vg_field_eq(name.s, name.len, "name*"))
			return (vg_multipart_fail(p, VG_MULTIPART_NAME));

		if (vg_field_eq(name.s, name.len, "filename"))
			seen = &file;
		else if (vg_field_eq(name.s, name.len, "filename*"))
			seen = &file_ext;
		else
			continue;
		if (*seen)
			return (vg_multipart_fail(p, VG_MULTIPART_DISPOSITION));
		*seen = true;
		p->has_filename = true;
	}

	return (more == 0 ? 0 : vg_multipart_fail(p, VG_MULTIPART_DISPOSITION));
}

/*
 * What is no media type is no hint, and no mistake either: a recorder's own
 * type is sent as it is (`video/webm;codecs=vp8,opus`), and may be empty.
 */
static int
read_type(struct vg_multipart *p, const char *s, size_t len)
{
	struct vg_media_type	type;

	if (p->has_type)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER));
	p->has_type = true;
	if (len > VG_MULTIPART_TYPE_MAX ||
	    vg_field_media_type(&type, s, len) == -1)
		return (0);

	memcpy(p->type, s, len);
	p->type[len] = '\0';
	p->type_len = len;

	return (0);
}

/*
 * RFC 7578 section 4.7: senders SHOULD NOT; what is sent is nevertheless
 * "binary" (Python, older Java) or 8bit, which change nothing. An encoding that
 * would have to be undone is refused rather than taken for data.
 */
static int
read_encoding(struct vg_multipart *p, const char *s, size_t len)
{
	if (p->has_encoding || (!vg_field_eq(s, len, "binary") &&
	    !vg_field_eq(s, len, "8bit") && !vg_field_eq(s, len, "7bit")))
		return (vg_multipart_fail(p, VG_MULTIPART_ENCODING));
	p->has_encoding = true;

	return (0);
}

int
vg_multipart_part_header(struct vg_multipart *p)
{
	struct vg_str	value;
	const char	*colon;
	size_t		n;

	if (++p->headers > VG_MULTIPART_HEADERS_MAX)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER_LONG));

	/* A folded line starts with whitespace, which is no token. */
	colon = memchr(p->line, ':', p->line_len);
	if (colon == NULL)
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER));
	n = (size_t)(colon - p->line);
	if (!vg_field_is_token(p->line, n))
		return (vg_multipart_fail(p, VG_MULTIPART_HEADER));

	value = vg_field_trim(colon + 1, p->line_len - n - 1);

	if (vg_field_eq(p->line, n, "Content-Disposition"))
		return (read_disposition(p, value.s, value.len));
	if (vg_field_eq(p->line, n, "Content-Type"))
		return (read_type(p, value.s, value.len));
	if (vg_field_eq(p->line, n, "Content-Transfer-Encoding"))
		return (read_encoding(p, value.s, value.len));

	return (0);
}

int
vg_multipart_part_check(struct vg_multipart *p)
{
	if (!p->has_disposition)
		return (vg_multipart_fail(p, VG_MULTIPART_DISPOSITION));
	if (!p->has_name)
		return (vg_multipart_fail(p, VG_MULTIPART_NAME));

	return (0);
}
