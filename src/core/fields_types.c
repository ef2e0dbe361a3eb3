/*
 * The field values with a form of their own: media types, entity tags and
 * bearer tokens. The pieces they are made of are in fields.c.
 */

#include <string.h>
#include <strings.h>

#include "core/fields.h"

#define PARAMS_MAX	16	/* parameters of a media type */

int
vg_field_media_type(struct vg_media_type *m, const char *s, size_t len)
{
	struct vg_field_params	p;
	struct vg_str		name, value, whole, names[PARAMS_MAX];
	size_t			i, n = 0, slash;
	bool			quoted;
	int			more;

	whole = vg_field_trim(s, len);
	for (slash = 0; slash < whole.len &&
	    vg_field_is_tchar((uint8_t)whole.s[slash]); slash++)
		continue;
	if (slash == 0 || slash == whole.len || whole.s[slash] != '/')
		return (-1);

	m->type.s = whole.s;
	m->type.len = slash;
	for (i = slash + 1; i < whole.len &&
	    vg_field_is_tchar((uint8_t)whole.s[i]); i++)
		continue;
	m->subtype.s = whole.s + slash + 1;
	m->subtype.len = i - slash - 1;
	m->params.s = whole.s + i;
	m->params.len = whole.len - i;
	if (m->subtype.len == 0)
		return (-1);

	vg_field_params_init(&p, m->params.s, m->params.len);
	while ((more = vg_field_param_next(&p, &name, &value, &quoted)) == 1) {
		if (n == PARAMS_MAX)
			return (-1);
		for (i = 0; i < n; i++) {
			if (names[i].len == name.len && strncasecmp(
			    names[i].s, name.s, name.len) == 0)
				return (-1);
		}
		names[n++] = name;
	}

	return (more);
}

bool
vg_media_type_is(const struct vg_media_type *m, const char *type,
    const char *subtype)
{
	return (vg_field_eq(m->type.s, m->type.len, type) &&
	    vg_field_eq(m->subtype.s, m->subtype.len, subtype));
}

int
vg_media_type_param(const struct vg_media_type *m, const char *wanted,
    char *out, size_t outsz, size_t *outlen)
{
	struct vg_field_params	p;
	struct vg_str		name, value;
	bool			quoted;

	vg_field_params_init(&p, m->params.s, m->params.len);
	while (vg_field_param_next(&p, &name, &value, &quoted) == 1) {
		if (!vg_field_eq(name.s, name.len, wanted))
			continue;
		if (quoted)
			return (vg_field_quoted(value.s, value.len, out,
			    outsz, outlen) != 0 ? 1 : -1);
		if (value.len > outsz)
			return (-1);
		memcpy(out, value.s, value.len);
		*outlen = value.len;
		return (1);
	}

	return (0);
}

/* Past "W/" where it is there; RFC 9110 section 8.8.3: case-sensitive. */
static struct vg_str
opaque_tag(const char *s, size_t len, bool *weak)
{
	*weak = (len >= 2 && s[0] == 'W' && s[1] == '/');

	return (*weak ? (struct vg_str){ s + 2, len - 2 } :
	    (struct vg_str){ s, len });
}

bool
vg_field_is_etag(const char *s, size_t len)
{
	struct vg_str	tag;
	size_t		i;
	uint8_t		c;
	bool		weak;

	tag = opaque_tag(s, len, &weak);
	if (tag.len < 2 || tag.s[0] != '"' || tag.s[tag.len - 1] != '"')
		return (false);

	/* etagc = %x21 / %x23-7E / obs-text: a backslash escapes nothing. */
	for (i = 1; i < tag.len - 1; i++) {
		c = (uint8_t)tag.s[i];
		if (c < 0x21 || c == '"' || c == 0x7f)
			return (false);
	}

	return (true);
}

static bool
etag_eq(const char *a, size_t alen, const char *b, size_t blen, bool strong)
{
	struct vg_str	x, y;
	bool		xweak, yweak;

	if (!vg_field_is_etag(a, alen) || !vg_field_is_etag(b, blen))
		return (false);

	x = opaque_tag(a, alen, &xweak);
	y = opaque_tag(b, blen, &yweak);
	if (strong && (xweak || yweak))
		return (false);

	return (x.len == y.len && memcmp(x.s, y.s, x.len) == 0);
}

bool
vg_field_etag_strong_eq(const char *a, size_t alen, const char *b,
    size_t blen)
{
	return (etag_eq(a, alen, b, blen, true));
}

bool
vg_field_etag_weak_eq(const char *a, size_t alen, const char *b, size_t blen)
{
	return (etag_eq(a, alen, b, blen, false));
}

/*
 * "*" alone, or a list of tags. The general list reader will not do: to it a
 * backslash in quotes escapes, in a tag it is one byte like the others.
 */
static int
match_tags(const char *s, size_t len, const char *etag, bool strong)
{
	struct vg_str	whole = vg_field_trim(s, len);
	const char	*quote;
	size_t		pos = 0, start, commas = 0;
	bool		may_start = true, any = false;
	int		found = 0;

	if (whole.len == 1 && whole.s[0] == '*')
		return (1);

	while (pos < whole.len) {
		/* Whitespace and empty members before a tag. */
		if (whole.s[pos] == ' ' || whole.s[pos] == '\t') {
			pos++;
			continue;
		}
		if (whole.s[pos] == ',') {
			if (++commas > VG_FIELD_LIST_MAX)
				return (-1);
			may_start = true;
			pos++;
			continue;
		}

		/* A tag follows a comma, but for the first one. */
		if (!may_start)
			return (-1);
		may_start = false;
		any = true;

		start = pos;
		if (whole.len - pos >= 2 && whole.s[pos] == 'W' &&
		    whole.s[pos + 1] == '/')
			pos += 2;
		if (pos == whole.len || whole.s[pos] != '"')
			return (-1);
		quote = memchr(whole.s + pos + 1, '"', whole.len - pos - 1);
		if (quote == NULL)
			return (-1);
		pos = (size_t)(quote - whole.s) + 1;
		if (!vg_field_is_etag(whole.s + start, pos - start))
			return (-1);
		if (etag_eq(whole.s + start, pos - start, etag, strlen(etag),
		    strong))
			found = 1;
	}

	return (any ? found : -1);
}

int
vg_field_none_match(const char *s, size_t len, const char *etag)
{
	return (match_tags(s, len, etag, false));
}

int
vg_field_if_match(const char *s, size_t len, const char *etag)
{
	return (match_tags(s, len, etag, true));
}

int
vg_field_bearer(const char *s, size_t len, struct vg_str *token)
{
	static const char	scheme[] = "Bearer";
	static const char	marks[] = "-._~+/";
	size_t			n = sizeof(scheme) - 1, i, start;
	char			c;

	if (len < n || !vg_field_eq(s, n, scheme))
		return (0);
	if (len > n && s[n] != ' ')
		return (vg_field_is_tchar((uint8_t)s[n]) ? 0 : -1);

	/* b64token = 1*( ALPHA / DIGIT / -._~+/ ) *"=" */
	start = i = n + 1;
	for (; i < len; i++) {
		c = s[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') &&
		    memchr(marks, c, sizeof(marks) - 1) == NULL)
			break;
	}
	if (i <= start)
		return (-1);
	while (i < len && s[i] == '=')
		i++;
	if (i != len || len - start > VG_BEARER_MAX)
		return (-1);

	token->s = s + start;
	token->len = len - start;

	return (1);
}
