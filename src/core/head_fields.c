/*
 * The fields that say how a message is framed, whom it is for and what its
 * client expects: RFC 9110 and RFC 9112, strictly.
 *
 * One table names the fields that may stand once. The RFC forbids senders to
 * repeat any field that is not a list (RFC 9110 section 5.3) and leaves it to
 * recipients what they make of it; taking the first is what one program
 * does, taking the last another, and a decision (which origin, which key,
 * which length) must not depend on that. So repeating one is an error.
 */

#include <string.h>
#include <strings.h>

#include "core/fields.h"
#include "core/head_fields.h"
#include "core/head_target.h"

#define CONTENT_LENGTH_DIGITS	18	/* digits: below 2^63 whatever they are */

enum singleton {
	F_HOST = 0,
	F_CONTENT_LENGTH,
	F_EXPECT,
	F_TRANSFER_ENCODING,		/* a list, but nothing good comes in two */
	F_COUNT_READ
};

/* In the order of enum singleton; one bit of h->seen each, so at most 32. */
static const struct {
	const char	*name;
	size_t		len;
} singletons[] = {
#define FIELD(name)	{ name, sizeof(name) - 1 }
	FIELD("Host"),
	FIELD("Content-Length"),
	FIELD("Expect"),
	FIELD("Transfer-Encoding"),
	FIELD("Access-Control-Request-Method"),
	FIELD("Access-Control-Request-Private-Network"),
	FIELD("Authorization"),
	FIELD("Content-Range"),
	FIELD("Content-Type"),
	FIELD("Date"),
	FIELD("From"),
	FIELD("Idempotency-Key"),
	FIELD("If-Modified-Since"),
	FIELD("If-Range"),
	FIELD("If-Unmodified-Since"),
	FIELD("Max-Forwards"),
	FIELD("Origin"),
	FIELD("Proxy-Authorization"),
	FIELD("Range"),
	FIELD("Referer"),
	FIELD("Sec-Fetch-Dest"),
	FIELD("Sec-Fetch-Mode"),
	FIELD("Sec-Fetch-Site"),
	FIELD("Sec-Fetch-User"),
	FIELD("User-Agent")
#undef FIELD
};

#define SINGLETONS	(sizeof(singletons) / sizeof(singletons[0]))

_Static_assert(SINGLETONS <= 32, "one bit of vg_head.seen each");

/* The name's index in the table, or SINGLETONS. */
static size_t
singleton_of(const char *name, size_t len)
{
	size_t	i;

	for (i = 0; i < SINGLETONS; i++) {
		if (singletons[i].len == len && strncasecmp(name,
		    singletons[i].name, len) == 0)
			break;
	}

	return (i);
}

/*
 * "Content_Length" is a token, and another name; but gateways that hand fields
 * on as environment variables make one of both (RFC 3875 section 4.1.18).
 */
static bool
is_lookalike(const char *name, size_t len)
{
	const char	*s;
	size_t		i, k;
	char		c;

	if (memchr(name, '_', len) == NULL)
		return (false);

	for (i = 0; i < SINGLETONS; i++) {
		s = singletons[i].name;
		if (singletons[i].len != len)
			continue;
		for (k = 0; k < len; k++) {
			c = (name[k] == '_') ? '-' : name[k];
			if (strncasecmp(&c, &s[k], 1) != 0)
				break;
		}
		if (k == len)
			return (true);
	}

	return (false);
}

/* RFC 9112 section 3.2, RFC 9110 section 7.2. Empty names nobody. */
static enum vg_head_reason
read_host(struct vg_head *h, const char *s, size_t len, struct vg_span value)
{
	size_t	hostlen;

	if (vg_head_authority((const uint8_t *)s, len, &hostlen,
	    &h->port) == -1)
		return (VG_HEAD_HOST);

	h->has_host = true;
	h->host.off = value.off;
	h->host.len = (uint16_t)hostlen;

	return (VG_HEAD_NONE);
}

/*
 * RFC 9110 section 8.6: 1*DIGIT. No sign, no list even of equal numbers, and
 * no leading zero: "010" is eight to some.
 */
static enum vg_head_reason
read_content_length(struct vg_head *h, const char *s, size_t len)
{
	uint64_t	value = 0;
	size_t		i;

	if (len == 0 || len > CONTENT_LENGTH_DIGITS ||
	    (len > 1 && s[0] == '0'))
		return (VG_HEAD_CONTENT_LENGTH);

	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (VG_HEAD_CONTENT_LENGTH);
		value = value * 10 + (uint64_t)(s[i] - '0');
	}

	h->has_content_length = true;
	h->content_length = value;

	return (VG_HEAD_NONE);
}

/*
 * RFC 9112 section 6.1, 6.3. No coding is implemented here, so that a good one
 * gets 501; that waits for the end of the head, as Content-Length may yet
 * come. What is not a list of codings, or has chunked anywhere but once and
 * last, has no reading at all.
 */
static enum vg_head_reason
read_transfer_encoding(struct vg_head *h, const char *s, size_t len)
{
	struct vg_field_list	list;
	struct vg_field_params	params;
	struct vg_str		item, name, value;
	size_t			n, codings = 0;
	bool			quoted, chunked = false;
	int			more;

	vg_field_list_init(&list, s, len);
	while ((more = vg_field_list_next(&list, &item)) == 1) {
		if (chunked)
			return (VG_HEAD_FRAMING);
		for (n = 0; n < item.len && vg_field_is_tchar(
		    (uint8_t)item.s[n]); n++)
			continue;
		chunked = vg_field_eq(item.s, n, "chunked");
		/* RFC 9112 section 7.1: chunked has no parameters. */
		if (n == 0 || (chunked && n != item.len))
			return (VG_HEAD_FRAMING);
		vg_field_params_init(&params, item.s + n, item.len - n);
		while ((more = vg_field_param_next(&params, &name, &value,
		    &quoted)) == 1)
			continue;
		if (more == -1)
			return (VG_HEAD_FRAMING);
		codings++;
	}

	if (more == -1 || codings == 0)
		return (VG_HEAD_FRAMING);

	h->has_te = true;

	return (VG_HEAD_NONE);
}

/*
 * RFC 9110 section 10.1.1. From a 1.0 client it is ignored, as it could not
 * read the interim answer.
 */
static enum vg_head_reason
read_expect(struct vg_head *h, const char *s, size_t len)
{
	if (!vg_field_eq(s, len, "100-continue"))
		return (VG_HEAD_EXPECT);

	h->expect_continue = !h->http10;

	return (VG_HEAD_NONE);
}

/* Lists, by which a proxy says who asks (RFC 7239; X-*: by custom). */
static bool
names_the_client(const char *s, size_t len)
{
	return (vg_field_eq(s, len, "Forwarded") ||
	    vg_field_eq(s, len, "X-Forwarded-For") ||
	    vg_field_eq(s, len, "X-Forwarded-Proto"));
}

/*
 * RFC 9110 section 7.6.1, RFC 9112 section 9.6. Connection: Host, and the
 * like, asks the next proxy to drop what this server decides by: a sender MUST
 * NOT name fields that are meant for all recipients.
 */
static enum vg_head_reason
read_connection(struct vg_head *h, const char *s, size_t len)
{
	struct vg_field_list	list;
	struct vg_str		item;
	int			more;

	vg_field_list_init(&list, s, len);
	while ((more = vg_field_list_next(&list, &item)) == 1) {
		if (!vg_field_is_token(item.s, item.len) ||
		    singleton_of(item.s, item.len) != SINGLETONS ||
		    names_the_client(item.s, item.len))
			return (VG_HEAD_CONNECTION);
		if (vg_field_eq(item.s, item.len, "close"))
			h->close = true;
	}

	return (more == 0 ? VG_HEAD_NONE : VG_HEAD_CONNECTION);
}

enum vg_head_reason
vg_head_field_read(struct vg_head *h, const uint8_t *buf,
    const struct vg_head_field *f)
{
	const char	*name = vg_head_text(buf, f->name);
	const char	*value = vg_head_text(buf, f->value);
	size_t		which = singleton_of(name, f->name.len);

	if (which == SINGLETONS) {
		if (vg_field_eq(name, f->name.len, "Connection"))
			return (read_connection(h, value, f->value.len));
		return (is_lookalike(name, f->name.len) ?
		    VG_HEAD_FIELD_LOOKALIKE : VG_HEAD_NONE);
	}

	if (h->seen & (UINT32_C(1) << which))
		return (VG_HEAD_FIELD_REPEATED);
	h->seen |= UINT32_C(1) << which;

	switch (which) {
	case F_HOST:
		return (read_host(h, value, f->value.len, f->value));
	case F_CONTENT_LENGTH:
		return (read_content_length(h, value, f->value.len));
	case F_EXPECT:
		return (read_expect(h, value, f->value.len));
	case F_TRANSFER_ENCODING:
		return (read_transfer_encoding(h, value, f->value.len));
	default:
		return (VG_HEAD_NONE);
	}
}

enum vg_head_reason
vg_head_fields_finish(struct vg_head *h, const uint8_t *buf)
{
	/* RFC 9112 section 3.2: mandatory since HTTP/1.1. */
	if (!h->has_host && !h->http10)
		return (VG_HEAD_HOST_MISSING);

	/*
	 * RFC 9112 section 6.1: with Content-Length, or in HTTP/1.0, it is
	 * faulty framing; alone it is a coding that is not implemented.
	 */
	if (h->has_te)
		return (h->has_content_length || h->http10 ?
		    VG_HEAD_FRAMING : VG_HEAD_TRANSFER_ENCODING);

	/*
	 * RFC 9110 sections 9.3.1, 9.3.2, 9.3.5, 9.3.7: content has no meaning
	 * there that anyone uses, and is how requests are smuggled past
	 * servers that do not read it. Without Content-Length there is no
	 * content, whatever the method (RFC 9112 section 6.3, point 7).
	 */
	if (h->content_length > 0 && h->method != VG_METHOD_POST &&
	    h->method != VG_METHOD_PUT && h->method != VG_METHOD_PATCH)
		return (VG_HEAD_CONTENT_UNEXPECTED);

	/* RFC 9110 section 10.1.1: nothing to continue with, nothing to say. */
	if (h->content_length == 0)
		h->expect_continue = false;

	return (vg_head_target_agrees(h, buf));
}
