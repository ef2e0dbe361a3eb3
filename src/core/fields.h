#ifndef VG_FIELDS_H
#define VG_FIELDS_H

/*
 * Small strict readers for HTTP field values (RFC 9110 section 5.6 and the
 * sections named below). Nothing here allocates, nothing keeps a pointer
 * after it returned: a struct vg_str always points into the caller's text,
 * which need not be NUL terminated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_QVALUE_MAX		1000	/* thousandths: q=1 */

/* A slice of somebody else's text; s is never NULL, len may be 0. */
struct vg_str {
	const char	*s;
	size_t		len;
};

/* RFC 9110 section 5.6.2: tchar, and token = 1*tchar. */
bool	vg_field_is_tchar(uint8_t);
bool	vg_field_is_token(const char *, size_t);

/*
 * RFC 9110 section 5.5: field-content bytes only (VCHAR, SP, HTAB, obs-text),
 * so no CR, LF, NUL or other control. Empty is valid. What is about to become
 * a response header must pass this.
 */
bool	vg_field_is_value(const char *, size_t);

/* ASCII case-insensitive comparison with a NUL terminated word. */
bool	vg_field_eq(const char *, size_t, const char *);

/* The slice without leading and trailing SP and HTAB (OWS, section 5.6.3). */
struct vg_str	vg_field_trim(const char *, size_t);

/*
 * RFC 9110 section 5.6.4: a quoted-string that starts at s[0] == '"'.
 * Unescapes into out (at most outsz bytes, not NUL terminated, length in
 * *outlen; out may be NULL: only measured). Returns how many bytes of s it
 * took, quotes included, or 0: not a quoted-string, or longer than outsz.
 */
size_t	vg_field_quoted(const char *s, size_t len, char *out, size_t outsz,
	    size_t *outlen);

/*
 * RFC 9110 section 5.6.1: the members of a comma-separated list, one a call.
 * Commas within quoted-strings do not separate; empty members are skipped.
 * vg_field_list_next(): 1 and *item set (trimmed), 0 at the end, -1 when a
 * quoted-string does not end. At most VG_FIELD_LIST_MAX members, empty ones
 * counted, then -1.
 */
#define VG_FIELD_LIST_MAX	256	/* members */

struct vg_field_list {
	const char	*s;
	size_t		len;
	size_t		pos;
	size_t		count;
};

void	vg_field_list_init(struct vg_field_list *, const char *, size_t);
int	vg_field_list_next(struct vg_field_list *, struct vg_str *item);

/*
 * RFC 9110 section 5.6.6: parameters = *( OWS ";" OWS [ name "=" value ] ).
 * Init with what follows the media type (or the disposition type).
 * vg_field_param_next(): 1 and *name, *value set (value is the raw text, still
 * quoted when *quoted), 0 at the end, -1 malformed. Whitespace around "=" is
 * malformed, as is a value that is neither a token nor a quoted-string.
 */
struct vg_field_params {
	const char	*s;
	size_t		len;
	size_t		pos;
};

void	vg_field_params_init(struct vg_field_params *, const char *, size_t);
int	vg_field_param_next(struct vg_field_params *, struct vg_str *name,
	    struct vg_str *value, bool *quoted);

/*
 * RFC 9110 section 8.3.1: media-type. 0, or -1 when malformed anywhere, its
 * parameters included, or when a parameter is given twice.
 */
struct vg_media_type {
	struct vg_str	type;
	struct vg_str	subtype;
	struct vg_str	params;		/* from the first ";", may be empty */
};

int	vg_field_media_type(struct vg_media_type *, const char *, size_t);
bool	vg_media_type_is(const struct vg_media_type *, const char *type,
	    const char *subtype);
/*
 * Copies a parameter's value, unquoted, to out: 1, 0 when there is no such
 * parameter, -1 when it is longer than outsz. Not NUL terminated.
 */
int	vg_media_type_param(const struct vg_media_type *, const char *name,
	    char *out, size_t outsz, size_t *outlen);

/*
 * RFC 9110 section 8.8.3: entity-tag. Comparisons are those of 8.8.3.2; both
 * sides must be valid tags (quotes included), else they are false.
 */
bool	vg_field_is_etag(const char *, size_t);
bool	vg_field_etag_strong_eq(const char *, size_t, const char *, size_t);
bool	vg_field_etag_weak_eq(const char *, size_t, const char *, size_t);

/*
 * RFC 9110 section 13.1.2 If-None-Match (weak comparison) and 13.1.1 If-Match
 * (strong): 1 when "*" or a listed tag matches etag, 0 when none does, -1 when
 * the value is malformed (ignore If-None-Match then; fail If-Match).
 */
int	vg_field_none_match(const char *, size_t, const char *etag);
int	vg_field_if_match(const char *, size_t, const char *etag);

/*
 * RFC 9110 section 12.5.3 Accept-Encoding: the weight of one content coding in
 * thousandths (0: not acceptable), "*" considered, "identity" acceptable
 * unless refused; -1 when the value is malformed (treat as absent).
 */
int	vg_field_coding_q(const char *, size_t, const char *coding);

/*
 * RFC 6750 section 2.1: Authorization: Bearer b64token. 1 and *token set, 0
 * for another scheme, -1 malformed. The scheme is case-insensitive (RFC 9110
 * section 11.1); exactly one SP follows it.
 */
#define VG_BEARER_MAX		512	/* bytes of a token */

int	vg_field_bearer(const char *, size_t, struct vg_str *token);

#endif
