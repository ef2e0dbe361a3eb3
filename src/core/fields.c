/*
 * Field values, read strictly and without a copy.
 *
 * Every header that this server decides by is read with these few functions,
 * so that there is one idea of what a token, a list or a quoted-string is. A
 * value that does not follow its grammar is malformed and never half
 * understood; what that leads to (refuse, or ignore the field) is said at each
 * caller, because the RFC says it for each field.
 */

#include <string.h>
#include <strings.h>

#include "core/fields.h"

#define QVALUE_DIGITS_MAX	3	/* RFC 9110 section 12.4.2 */

static bool
is_ows(char c)
{
	return (c == ' ' || c == '\t');
}

bool
vg_field_is_tchar(uint8_t c)
{
	/* One bit a byte: DIGIT, ALPHA and !#$%&'*+-.^_`|~ */
	static const uint64_t	tchars[4] = {
		UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe),
		0, 0
	};

	return ((tchars[c >> 6] >> (c & 63)) & 1);
}

bool
vg_field_is_token(const char *s, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++) {
		if (!vg_field_is_tchar((uint8_t)s[i]))
			return (false);
	}

	return (len > 0);
}

bool
vg_field_is_value(const char *s, size_t len)
{
	size_t	i;
	uint8_t	c;

	for (i = 0; i < len; i++) {
		c = (uint8_t)s[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return (false);
	}

	return (true);
}

bool
vg_field_eq(const char *s, size_t len, const char *word)
{
	return (strlen(word) == len && strncasecmp(s, word, len) == 0);
}

struct vg_str
vg_field_trim(const char *s, size_t len)
{
	while (len > 0 && is_ows(s[len - 1]))
		len--;
	while (len > 0 && is_ows(*s)) {
		s++;
		len--;
	}

	return ((struct vg_str){ s, len });
}

size_t
vg_field_quoted(const char *s, size_t len, char *out, size_t outsz,
    size_t *outlen)
{
	size_t	i, n = 0;

	if (len < 2 || s[0] != '"')
		return (0);

	for (i = 1; i < len && s[i] != '"'; i++) {
		/* quoted-pair = "\" ( HTAB / SP / VCHAR / obs-text ) */
		if (s[i] == '\\' && ++i == len)
			return (0);
		if (!vg_field_is_value(&s[i], 1))
			return (0);
		if (out != NULL) {
			if (n == outsz)
				return (0);
			out[n] = s[i];
		}
		n++;
	}

	if (i == len)
		return (0);

	if (outlen != NULL)
		*outlen = n;

	return (i + 1);
}

void
vg_field_list_init(struct vg_field_list *l, const char *s, size_t len)
{
	l->s = s;
	l->len = len;
	l->pos = 0;
	l->count = 0;
}

int
vg_field_list_next(struct vg_field_list *l, struct vg_str *item)
{
	size_t	start, used;

	while (l->pos < l->len) {
		if (++l->count > VG_FIELD_LIST_MAX)
			return (-1);

		for (start = l->pos; l->pos < l->len &&
		    l->s[l->pos] != ','; l->pos += used) {
			used = 1;
			if (l->s[l->pos] != '"')
				continue;
			used = vg_field_quoted(l->s + l->pos, l->len - l->pos,
			    NULL, 0, NULL);
			if (used == 0)
				return (-1);
		}

		*item = vg_field_trim(l->s + start, l->pos - start);
		if (l->pos < l->len)
			l->pos++;
		if (item->len > 0)
			return (1);
	}

	return (0);
}

void
vg_field_params_init(struct vg_field_params *p, const char *s, size_t len)
{
	p->s = s;
	p->len = len;
	p->pos = 0;
}

static void
skip_ows(struct vg_field_params *p)
{
	while (p->pos < p->len && is_ows(p->s[p->pos]))
		p->pos++;
}

/* A run of tchar, possibly empty. */
static struct vg_str
take_token(struct vg_field_params *p)
{
	size_t	start = p->pos;

	while (p->pos < p->len && vg_field_is_tchar((uint8_t)p->s[p->pos]))
		p->pos++;

	return ((struct vg_str){ p->s + start, p->pos - start });
}

int
vg_field_param_next(struct vg_field_params *p, struct vg_str *name,
    struct vg_str *value, bool *quoted)
{
	size_t	used;

	/* ";" may stand with nothing after it, more than once. */
	for (;;) {
		skip_ows(p);
		if (p->pos == p->len)
			return (0);
		if (p->s[p->pos++] != ';')
			return (-1);
		skip_ows(p);
		*name = take_token(p);
		if (name->len > 0)
			break;
	}

	if (p->pos == p->len || p->s[p->pos++] != '=')
		return (-1);

	*quoted = (p->pos < p->len && p->s[p->pos] == '"');
	if (!*quoted) {
		*value = take_token(p);
		return (value->len > 0 ? 1 : -1);
	}

	used = vg_field_quoted(p->s + p->pos, p->len - p->pos, NULL, 0, NULL);
	if (used == 0)
		return (-1);

	value->s = p->s + p->pos;
	value->len = used;
	p->pos += used;

	return (1);
}

/* The weight after a list member: "" or ; q=0.5 (RFC 9110 12.4.2). */
static int
read_weight(const char *s, size_t len)
{
	struct vg_field_params	p;
	struct vg_str		name, value;
	bool			quoted;
	int			more, q = VG_QVALUE_MAX, scale;
	size_t			i;

	vg_field_params_init(&p, s, len);
	more = vg_field_param_next(&p, &name, &value, &quoted);
	if (more != 1)
		return (more == 0 ? VG_QVALUE_MAX : -1);

	if (quoted || !vg_field_eq(name.s, name.len, "q") ||
	    value.len > QVALUE_DIGITS_MAX + 2 ||
	    (value.s[0] != '0' && value.s[0] != '1') ||
	    (value.len > 1 && value.s[1] != '.'))
		return (-1);

	q = (value.s[0] == '1') ? VG_QVALUE_MAX : 0;
	for (i = 2, scale = VG_QVALUE_MAX / 10; i < value.len;
	    i++, scale /= 10) {
		if (value.s[i] < '0' || value.s[i] > '9')
			return (-1);
		q += (value.s[i] - '0') * scale;
	}

	/* Nothing may follow, and nothing is above one. */
	if (vg_field_param_next(&p, &name, &value, &quoted) != 0)
		return (-1);

	return (q <= VG_QVALUE_MAX ? q : -1);
}

int
vg_field_coding_q(const char *s, size_t len, const char *coding)
{
	struct vg_field_list	list;
	struct vg_str		item;
	size_t			n;
	int			more, q, own = -1, any = -1;

	vg_field_list_init(&list, s, len);
	while ((more = vg_field_list_next(&list, &item)) == 1) {
		for (n = 0; n < item.len &&
		    vg_field_is_tchar((uint8_t)item.s[n]); n++)
			continue;
		q = read_weight(item.s + n, item.len - n);
		if (n == 0 || q == -1)
			return (-1);
		/* The first mention counts. */
		if (own == -1 && vg_field_eq(item.s, n, coding))
			own = q;
		else if (any == -1 && n == 1 && item.s[0] == '*')
			any = q;
	}

	if (more == -1)
		return (-1);
	if (own != -1)
		return (own);
	if (any != -1)
		return (any);

	return (strcasecmp(coding, "identity") == 0 ? VG_QVALUE_MAX : 0);
}
