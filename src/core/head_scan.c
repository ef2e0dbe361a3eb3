/*
 * The states that a request head goes through, one function each: what byte
 * may come next, by RFC 9112, and what its arrival completes. See head.c for
 * why it is a machine and why it is this strict.
 */

#include <string.h>

#include "core/fields.h"
#include "core/head_fields.h"
#include "core/head_scan.h"
#include "core/head_target.h"

#define VERSION_LEN	8	/* bytes of "HTTP/1.1" */

static const struct {
	const char	*name;
	enum vg_method	method;
} methods[] = {
	{ "GET",	VG_METHOD_GET },
	{ "HEAD",	VG_METHOD_HEAD },
	{ "POST",	VG_METHOD_POST },
	{ "PUT",	VG_METHOD_PUT },
	{ "DELETE",	VG_METHOD_DELETE },
	{ "OPTIONS",	VG_METHOD_OPTIONS },
	{ "PATCH",	VG_METHOD_PATCH },
	{ "TRACE",	VG_METHOD_TRACE },
	{ "CONNECT",	VG_METHOD_CONNECT }
};

/* Offsets fit: vg_head_init() keeps the limits within VG_HEAD_BYTES_CAP. */
static struct vg_span
span(uint32_t from, uint32_t to)
{
	return ((struct vg_span){ (uint16_t)from, (uint16_t)(to - from) });
}

static bool
is_ows(uint8_t c)
{
	return (c == ' ' || c == '\t');
}

/* RFC 9110 section 5.5: VCHAR, SP, HTAB, obs-text. */
static bool
is_value_byte(uint8_t c)
{
	return ((c >= 0x20 && c != 0x7f) || c == '\t');
}

static enum vg_method
method_of(const uint8_t *s, size_t len)
{
	size_t	i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strlen(methods[i].name) == len &&
		    memcmp(methods[i].name, s, len) == 0)
			return (methods[i].method);
	}

	return (VG_METHOD_NONE);
}

/*
 * The request line is there, its bytes are of the right classes. The version
 * is judged first: what another version's method or target means is not ours
 * to say, and "PRI * HTTP/2.0" deserves a 505 (RFC 9113 section 3.4).
 */
static enum vg_head_reason
request_line(struct vg_head *h, const uint8_t *buf)
{
	const uint8_t	*version = buf + h->mark;

	/* RFC 9110 section 2.5, 15.6.6: nothing but 1.0 and 1.1. */
	if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
		return (VG_HEAD_VERSION);

	/* RFC 9112 section 9.3: HTTP/1.0 is closed, keep-alive or not. */
	h->http10 = (version[7] == '0');
	h->close = h->http10;

	/*
	 * RFC 9110 section 9.1: 501 where no resource could ever do it.
	 * CONNECT is a proxy's; TRACE shows a page the headers that a browser
	 * hides from it. Methods are case-sensitive: "get" is another one.
	 */
	h->method = method_of(buf + h->method_span.off, h->method_span.len);
	if (h->method == VG_METHOD_NONE || h->method == VG_METHOD_TRACE ||
	    h->method == VG_METHOD_CONNECT)
		return (VG_HEAD_METHOD);

	return (vg_head_target_read(h, buf));
}

/* RFC 9112 section 3: method = token, then exactly one SP. */
static enum vg_head_reason
step_method(struct vg_head *h, uint8_t c)
{
	if (c == ' ' && h->pos > 0) {
		h->method_span = span(0, h->pos);
		h->mark = h->pos + 1;
		h->state = VG_HEAD_ST_TARGET;
		return (VG_HEAD_NONE);
	}

	/* RFC 9112 section 2.2, and the essay above. */
	if (h->pos == 0 && (c == '\r' || c == '\n'))
		return (VG_HEAD_LEADING_EMPTY_LINE);

	if (!vg_field_is_tchar(c))
		return (VG_HEAD_REQUEST_LINE);

	/* RFC 9112 section 3: longer than any implemented one is a 501. */
	if (h->pos >= VG_HEAD_METHOD_MAX)
		return (VG_HEAD_METHOD);

	return (VG_HEAD_NONE);
}

/* RFC 9112 section 3.2: visible ASCII only; its grammar comes later. */
static enum vg_head_reason
step_target(struct vg_head *h, uint8_t c)
{
	if (c > 0x20 && c < 0x7f)
		return (VG_HEAD_NONE);

	if (c == '\r' || c == '\n')
		return (h->pos == h->mark ? VG_HEAD_REQUEST_LINE :
		    VG_HEAD_HTTP09);

	if (c != ' ')
		return (VG_HEAD_TARGET);

	/* Two spaces: an empty target. */
	if (h->pos == h->mark)
		return (VG_HEAD_REQUEST_LINE);

	h->target = span(h->mark, h->pos);
	h->mark = h->pos + 1;
	h->state = VG_HEAD_ST_VERSION;

	return (VG_HEAD_NONE);
}

/* RFC 9112 section 2.3: "HTTP/" DIGIT "." DIGIT, case-sensitive, then CR. */
static enum vg_head_reason
step_version(struct vg_head *h, uint8_t c)
{
	static const char	pattern[] = "HTTP/d.d\r";
	size_t			i = h->pos - h->mark;
	bool			fits;

	fits = (pattern[i] == 'd') ? (c >= '0' && c <= '9') :
	    (c == (uint8_t)pattern[i]);

	if (!fits) {
		if (i == 0 && (c == '\r' || c == '\n'))
			return (VG_HEAD_HTTP09);
		return (i == VERSION_LEN && c == '\n' ?
		    VG_HEAD_BARE_LINE_END : VG_HEAD_REQUEST_LINE);
	}

	if (i == VERSION_LEN)
		h->state = VG_HEAD_ST_LINE_LF;

	return (VG_HEAD_NONE);
}

/* RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS. */
static enum vg_head_reason
step_field_start(struct vg_head *h, uint8_t c)
{
	if (c == '\r') {
		h->state = VG_HEAD_ST_END_LF;
		return (VG_HEAD_NONE);
	}

	if (c == '\n')
		return (VG_HEAD_BARE_LINE_END);

	/* RFC 9112 section 2.2 before the first field, 5.2 (obs-fold) after. */
	if (is_ows(c))
		return (h->nfields == 0 ? VG_HEAD_FIELD_SPACE :
		    VG_HEAD_FIELD_FOLDED);

	if (!vg_field_is_tchar(c))
		return (VG_HEAD_FIELD_NAME);

	if (h->nfields >= h->limits.fields)
		return (VG_HEAD_FIELDS_LARGE);

	h->mark = h->pos;
	h->state = VG_HEAD_ST_NAME;

	return (VG_HEAD_NONE);
}

/* RFC 9112 section 5.1: a token, and no whitespace before the colon. */
static enum vg_head_reason
run_name(struct vg_head *h, const uint8_t *buf, size_t end)
{
	uint8_t	c = 0;

	for (; h->pos < end; h->pos++) {
		c = buf[h->pos];
		if (!vg_field_is_tchar(c))
			break;
		if (h->pos - h->mark >= h->limits.name)
			return (VG_HEAD_FIELDS_LARGE);
	}

	if (h->pos == end)
		return (VG_HEAD_NONE);

	if (c != ':')
		return (is_ows(c) ? VG_HEAD_FIELD_SPACE : VG_HEAD_FIELD_NAME);

	h->fields[h->nfields].name = span(h->mark, h->pos);
	h->state = VG_HEAD_ST_OWS;
	h->pos++;

	return (VG_HEAD_NONE);
}

/* RFC 9110 section 5.5: no control but HTAB; trailing OWS is not value. */
static enum vg_head_reason
run_value(struct vg_head *h, const uint8_t *buf, size_t end)
{
	uint8_t	c = 0;

	for (; h->pos < end; h->pos++) {
		c = buf[h->pos];
		if (!is_value_byte(c))
			break;
		if (is_ows(c))
			continue;
		h->value_end = h->pos + 1;
		if (h->value_end - h->mark > h->limits.value)
			return (VG_HEAD_FIELDS_LARGE);
	}

	if (h->pos == end)
		return (VG_HEAD_NONE);

	if (c != '\r')
		return (c == '\n' ? VG_HEAD_BARE_LINE_END :
		    VG_HEAD_FIELD_VALUE);

	h->state = VG_HEAD_ST_VALUE_LF;
	h->pos++;

	return (VG_HEAD_NONE);
}

/* Where a CR was, RFC 9112 section 2.2 allows nothing but LF now. */
static enum vg_head_reason
step_lf(struct vg_head *h, const uint8_t *buf, uint8_t c)
{
	struct vg_head_field	*f;
	enum vg_head_reason	reason;

	if (c != '\n')
		return (VG_HEAD_BARE_LINE_END);

	switch (h->state) {
	case VG_HEAD_ST_LINE_LF:
		h->section = h->pos + 1;
		reason = request_line(h, buf);
		break;
	case VG_HEAD_ST_VALUE_LF:
		f = &h->fields[h->nfields++];
		f->value = span(h->mark, h->value_end);
		reason = vg_head_field_read(h, buf, f);
		break;
	default:
		h->length = h->pos + 1;
		reason = vg_head_fields_finish(h, buf);
		if (reason == VG_HEAD_NONE)
			h->verdict = VG_HEAD_DONE;
		break;
	}

	h->state = VG_HEAD_ST_FIELD_START;

	return (reason);
}

enum vg_head_reason
vg_head_step(struct vg_head *h, const uint8_t *buf, size_t end)
{
	enum vg_head_reason	reason;
	uint8_t			c = buf[h->pos];

	switch (h->state) {
	case VG_HEAD_ST_NAME:
		return (run_name(h, buf, end));
	case VG_HEAD_ST_VALUE:
		return (run_value(h, buf, end));
	case VG_HEAD_ST_OWS:
		if (is_ows(c)) {
			h->pos++;
			return (VG_HEAD_NONE);
		}
		h->mark = h->value_end = h->pos;
		h->state = VG_HEAD_ST_VALUE;
		return (run_value(h, buf, end));
	case VG_HEAD_ST_METHOD:
		reason = step_method(h, c);
		break;
	case VG_HEAD_ST_TARGET:
		reason = step_target(h, c);
		break;
	case VG_HEAD_ST_VERSION:
		reason = step_version(h, c);
		break;
	case VG_HEAD_ST_FIELD_START:
		reason = step_field_start(h, c);
		break;
	default:
		reason = step_lf(h, buf, c);
		break;
	}

	h->pos++;

	return (reason);
}
