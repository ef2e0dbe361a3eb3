/*
 * The request head, read before anything else may see it.
 *
 * An attacker's first tool against an HTTP server is a message that two
 * programs read differently: the proxy sees one request, the server two, or
 * the limiter sees one client, the handler another. The remedy is to have a
 * single reading or none at all, so this parser knows no leniency. Where RFC
 * 9112 says that a recipient MAY repair something (a lone LF, a folded line,
 * spaces around a name), this one refuses it; what it accepts, every strict
 * parser reads alike.
 *
 * It is a machine that moves one byte at a time and never back: a byte is
 * looked at once, and what it does depends only on the bytes before it. So a
 * request that arrives whole and one that arrives cut anywhere get the same
 * verdict by construction, and refusal comes at the first byte that earns it:
 * a TLS hello on the plain port is refused at its first byte, not at a
 * timeout. The two loops that run over many bytes in one go (a field name, a
 * field value) are the same steps without the switch between them.
 *
 * The machine itself is in head_scan.c; what a target means is in
 * head_target.c, what fields mean in head_fields.c, each called once its line
 * is complete. Here are the limits around it and what its users call.
 *
 * Deliberately stricter than the RFC's advice: an empty line before the
 * request line (section 2.2: SHOULD be ignored) is refused. Clients that sent
 * one after a POST are gone; what sends it today is a body that is longer
 * than its Content-Length.
 */

#include <string.h>
#include <strings.h>

#include "core/head.h"
#include "core/head_scan.h"

#define CRLF_LEN	2	/* bytes */

const struct vg_head_limits	vg_head_limits_default = {
	.request_line = VG_HEAD_REQUEST_LINE_MAX,
	.section = VG_HEAD_SECTION_MAX,
	.fields = VG_HEAD_FIELDS_MAX,
	.name = VG_HEAD_NAME_MAX,
	.value = VG_HEAD_VALUE_MAX
};

static const struct {
	int		status;
	const char	*word;
	const char	*text;
} reasons[VG_HEAD_REASON_COUNT] = {
#define REASON(name, status, word, text)	{ status, word, text },
	VG_HEAD_REASONS(REASON)
#undef REASON
};

static size_t
at_most(size_t value, size_t max)
{
	return (value < max ? value : max);
}

void
vg_head_init(struct vg_head *h, const struct vg_head_limits *limits)
{
	/* The array of fields is written before it is read: not cleared. */
	memset(h, 0, offsetof(struct vg_head, fields));
	memset(&h->reason, 0, sizeof(*h) - offsetof(struct vg_head, reason));

	h->limits = (limits != NULL) ? *limits : vg_head_limits_default;
	h->limits.fields = at_most(h->limits.fields, VG_HEAD_FIELDS_CAP);
	h->limits.request_line = at_most(h->limits.request_line,
	    VG_HEAD_BYTES_CAP / 2);
	h->limits.section = at_most(h->limits.section,
	    VG_HEAD_BYTES_CAP - CRLF_LEN - h->limits.request_line);
}

enum vg_head_verdict
vg_head_feed(struct vg_head *h, const uint8_t *buf, size_t len)
{
	enum vg_head_reason	reason = VG_HEAD_NONE;
	size_t			end;

	while (h->verdict == VG_HEAD_NEED_MORE && h->pos < len) {
		/* The first byte that may not be there. */
		end = (h->state <= VG_HEAD_ST_LINE_LF) ?
		    h->limits.request_line + CRLF_LEN :
		    h->section + h->limits.section;

		if (h->pos >= end) {
			/* RFC 9112 section 3 (414), RFC 6585 section 5. */
			reason = (h->state <= VG_HEAD_ST_LINE_LF) ?
			    VG_HEAD_REQUEST_LINE_LONG : VG_HEAD_FIELDS_LARGE;
		} else {
			reason = vg_head_step(h, buf, at_most(len, end));
		}

		if (reason != VG_HEAD_NONE) {
			h->reason = reason;
			h->verdict = VG_HEAD_REFUSED;
		}
	}

	return (h->verdict);
}

bool
vg_head_get_next(const struct vg_head *h, const uint8_t *buf,
    const char *name, size_t *index, struct vg_span *value)
{
	const struct vg_head_field	*f;
	size_t				len = strlen(name);

	while (*index < h->nfields) {
		f = &h->fields[(*index)++];
		if (f->name.len != len || strncasecmp(vg_head_text(buf,
		    f->name), name, len) != 0)
			continue;
		if (value != NULL)
			*value = f->value;
		return (true);
	}

	return (false);
}

bool
vg_head_get(const struct vg_head *h, const uint8_t *buf, const char *name,
    struct vg_span *value)
{
	size_t	index = 0;

	return (vg_head_get_next(h, buf, name, &index, value));
}

bool
vg_head_is_asterisk(const struct vg_head *h)
{
	return (h->form == VG_TARGET_ASTERISK || (h->method ==
	    VG_METHOD_OPTIONS && h->form == VG_TARGET_ABSOLUTE &&
	    h->path.len == 0 && !h->has_query));
}

const char *
vg_head_text(const uint8_t *buf, struct vg_span s)
{
	return ((const char *)buf + s.off);
}

int
vg_head_reason_status(enum vg_head_reason reason)
{
	return (reasons[reason < VG_HEAD_REASON_COUNT ? reason : 0].status);
}

const char *
vg_head_reason_word(enum vg_head_reason reason)
{
	return (reasons[reason < VG_HEAD_REASON_COUNT ? reason : 0].word);
}

const char *
vg_head_reason_text(enum vg_head_reason reason)
{
	return (reasons[reason < VG_HEAD_REASON_COUNT ? reason : 0].text);
}
