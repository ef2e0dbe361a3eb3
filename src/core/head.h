#ifndef VG_HEAD_H
#define VG_HEAD_H

/*
 * The head of an HTTP/1 request: bytes in, verdict out (RFC 9112, RFC 9110).
 * No allocation, no copy: everything that is found is told as offsets into
 * the caller's buffer, counted from the first byte of the request.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_HEAD_REQUEST_LINE_MAX	8192	/* bytes, CRLF not counted */
#define VG_HEAD_SECTION_MAX		16384	/* bytes, all header lines */
#define VG_HEAD_FIELDS_MAX		64	/* header lines */
#define VG_HEAD_NAME_MAX		128	/* bytes of a field name */
#define VG_HEAD_VALUE_MAX		8192	/* bytes of a field value */
#define VG_HEAD_METHOD_MAX		32	/* bytes, then 501 */

#define VG_HEAD_FIELDS_CAP		128	/* what the array can hold */
#define VG_HEAD_BYTES_CAP		65535	/* what an offset can tell */

/* Lower or higher than the defaults; vg_head_init() clamps to the caps. */
struct vg_head_limits {
	size_t	request_line;		/* bytes: 414 */
	size_t	section;		/* bytes: 431 */
	size_t	fields;			/* lines: 431 */
	size_t	name;			/* bytes: 431 */
	size_t	value;			/* bytes: 431 */
};

/* The defaults above. */
extern const struct vg_head_limits	vg_head_limits_default;

enum vg_method {
	VG_METHOD_NONE = 0,
	VG_METHOD_GET,
	VG_METHOD_HEAD,
	VG_METHOD_POST,
	VG_METHOD_PUT,
	VG_METHOD_DELETE,
	VG_METHOD_OPTIONS,
	VG_METHOD_PATCH,
	VG_METHOD_TRACE,		/* known, never accepted: 501 */
	VG_METHOD_CONNECT		/* likewise: this is no proxy */
};

enum vg_target_form {
	VG_TARGET_ORIGIN = 0,		/* /path?query */
	VG_TARGET_ABSOLUTE,		/* http://host/path?query */
	VG_TARGET_ASTERISK		/* * (OPTIONS only) */
};

/*
 * Why a head was refused: enumerator, status, error word, sentence. The words
 * are the stable "error" of a problem document, the sentences are for its
 * "detail" and for the log: none holds a byte of the request.
 */
#define VG_HEAD_REASONS(X)						\
	X(NONE, 0, "none", "The request head is well-formed.")		\
	X(REQUEST_LINE, 400, "bad_request_line",			\
	    "The request line is not METHOD SP target SP HTTP/1.1 CRLF.") \
	X(LEADING_EMPTY_LINE, 400, "bad_request_line",			\
	    "An empty line stands before the request line.")		\
	X(BARE_LINE_END, 400, "bad_line_end",				\
	    "A line does not end in CR LF.")				\
	X(HTTP09, 400, "bad_request_line",				\
	    "The request line has no HTTP version.")			\
	X(METHOD, 501, "method_not_implemented",			\
	    "The request method is not implemented.")			\
	X(VERSION, 505, "http_version_not_supported",			\
	    "Only HTTP/1.1 and HTTP/1.0 are spoken here.")		\
	X(TARGET, 400, "bad_request_target",				\
	    "The request target is not valid.")				\
	X(TARGET_FORM, 400, "bad_request_target",			\
	    "The form of the request target does not fit the method.")	\
	X(TARGET_HOST, 400, "bad_host",					\
	    "The authority of the request target is not that of Host.")	\
	X(REQUEST_LINE_LONG, 414, "uri_too_long",			\
	    "The request line is too long.")				\
	X(FIELD_NAME, 400, "bad_header",				\
	    "A header line has no valid field name.")			\
	X(FIELD_SPACE, 400, "bad_header",				\
	    "Whitespace stands before or within a field name.")		\
	X(FIELD_FOLDED, 400, "bad_header",				\
	    "A header line is folded.")					\
	X(FIELD_VALUE, 400, "bad_header",				\
	    "A field value holds a byte that is not allowed.")		\
	X(FIELD_REPEATED, 400, "repeated_header",			\
	    "A header that must be single is repeated.")		\
	X(FIELD_LOOKALIKE, 400, "bad_header",				\
	    "A field name imitates one that frames the message.")	\
	X(FIELDS_LARGE, 431, "headers_too_large",			\
	    "The request header section is too large.")			\
	X(HOST_MISSING, 400, "bad_host", "The request has no Host.")	\
	X(HOST, 400, "bad_host", "The Host header is not valid.")	\
	X(CONTENT_LENGTH, 400, "bad_content_length",			\
	    "Content-Length is not one decimal number that fits.")	\
	X(CONTENT_UNEXPECTED, 400, "unexpected_content",		\
	    "Content is not accepted with this method.")		\
	X(TRANSFER_ENCODING, 501, "transfer_encoding_not_implemented",	\
	    "Transfer codings are not accepted; use Content-Length.")	\
	X(FRAMING, 400, "ambiguous_framing",				\
	    "Transfer-Encoding is malformed, or stands where it may not.") \
	X(EXPECT, 417, "expectation_failed",				\
	    "Only the expectation 100-continue is met.")		\
	X(CONNECTION, 400, "bad_header",				\
	    "The Connection header is not valid.")

enum vg_head_reason {
#define VG_HEAD_REASON_ENUM(name, status, word, text)	VG_HEAD_##name,
	VG_HEAD_REASONS(VG_HEAD_REASON_ENUM)
#undef VG_HEAD_REASON_ENUM
	VG_HEAD_REASON_COUNT
};

int		vg_head_reason_status(enum vg_head_reason);
const char	*vg_head_reason_word(enum vg_head_reason);
const char	*vg_head_reason_text(enum vg_head_reason);

/* Bytes [off, off + len) of the request. */
struct vg_span {
	uint16_t	off;
	uint16_t	len;
};

struct vg_head_field {
	struct vg_span	name;
	struct vg_span	value;		/* without surrounding OWS */
};

enum vg_head_verdict {
	VG_HEAD_NEED_MORE = 0,
	VG_HEAD_DONE,
	VG_HEAD_REFUSED
};

struct vg_head {
	/* What is known once the verdict is VG_HEAD_DONE. */
	enum vg_method		method;
	enum vg_target_form	form;
	struct vg_span		method_span;
	struct vg_span		target;		/* as sent */
	struct vg_span		authority;	/* absolute-form, else len 0 */
	struct vg_span		path;	/* len 0: absolute-form without one */
	struct vg_span		query;		/* after "?", may be empty */
	struct vg_span		host;		/* of Host (of the authority when
						 * has_host is false), no port */
	uint64_t		content_length;	/* bytes; 0 when absent */
	uint32_t		length;		/* bytes of the whole head */
	uint16_t		port;		/* of Host, 0: none given */
	bool			has_query;	/* there was a "?" */
	bool			has_host;	/* false: HTTP/1.0 only */
	bool			has_content_length;
	bool			expect_continue; /* answer 100 or refuse */
	bool			close;		/* close after the answer */
	bool			http10;
	bool			target_https;	/* absolute-form, https */
	uint16_t		nfields;
	struct vg_head_field	fields[VG_HEAD_FIELDS_CAP];

	/* What is known once the verdict is VG_HEAD_REFUSED. */
	enum vg_head_reason	reason;

	/* The scanner's own. */
	struct vg_head_limits	limits;
	enum vg_head_verdict	verdict;
	uint32_t		pos;		/* next byte to look at */
	uint32_t		section;	/* where the header lines start */
	uint32_t		mark;		/* where the current item starts */
	uint32_t		value_end;	/* after the last non-OWS byte */
	uint32_t		seen;		/* singletons, one bit each */
	uint8_t			state;
	bool			has_te;
};

/* limits NULL: the defaults. Call again for the next request. */
void	vg_head_init(struct vg_head *, const struct vg_head_limits *);

/*
 * buf holds all bytes of the request so far, from its first one on, len of
 * them: the same bytes as last time and what came since (the buffer itself may
 * have moved). Each byte is looked at once, so how the bytes were cut cannot
 * change the verdict. After DONE, head.length bytes were the head; the rest is
 * content, or surplus. After REFUSED, head.reason says why: answer with its
 * status and close the connection. Either verdict is final.
 */
enum vg_head_verdict	vg_head_feed(struct vg_head *, const uint8_t *buf,
			    size_t len);

/*
 * The value of a header by its case-insensitive name, the first one when
 * there are several: true and *value set (value may be NULL), else false.
 * Singletons (Host, Content-Length, Content-Type, Authorization, Origin, ...)
 * are never there twice in an accepted head. vg_head_get_next() continues
 * after field *index (start with 0), for list-valued headers such as Forwarded.
 */
bool	vg_head_get(const struct vg_head *, const uint8_t *buf,
	    const char *name, struct vg_span *value);
bool	vg_head_get_next(const struct vg_head *, const uint8_t *buf,
	    const char *name, size_t *index, struct vg_span *value);

/*
 * Whether the target is the server itself: "*", or what stands for it in
 * absolute-form, OPTIONS without path and query (RFC 9112 section 3.2.4).
 */
bool	vg_head_is_asterisk(const struct vg_head *);

/* Where a span's bytes are. Not NUL terminated. */
const char	*vg_head_text(const uint8_t *buf, struct vg_span);

#endif
