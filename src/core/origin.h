#ifndef VG_CORE_ORIGIN_H
#define VG_CORE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/errors.h"

#define VG_ORIGIN_BYTES_MAX	512	/* bytes of one serialised origin */
#define VG_ORIGIN_HOST_MAX	253	/* bytes of a host name, RFC 1035 */
#define VG_ORIGIN_LABEL_MAX	63	/* bytes of one label, RFC 1035 */
#define VG_ORIGIN_ENTRIES_MAX	256	/* origins in one policy */

/* What the public suffix list knows of a host: a mask. */
#define VG_SUFFIX_NONE		0
#define VG_SUFFIX_ICANN		1	/* com, co.uk */
#define VG_SUFFIX_PRIVATE	2	/* github.io */

/*
 * Tells whether HOST (lower case, no port, NUL-terminated) is, as a whole, a
 * public suffix. The implicit rule `*` must not count (libpsl:
 * PSL_TYPE_NO_STAR_RULE): a host such as `localhost` is none.
 */
typedef int	(*vg_public_suffix_fn)(void *ctx, const char *host);

struct vg_origin_policy;

enum vg_origin_match {
	VG_ORIGIN_DENY = 0,
	VG_ORIGIN_ALLOW_ANY,	/* the policy is `*`: answer `*` */
	VG_ORIGIN_ALLOW_LISTED	/* answer with the origin itself */
};

/* Sec-Fetch-Site, W3C Fetch Metadata. */
enum vg_fetch_site {
	VG_SITE_ABSENT = 0,	/* not sent, or a value nobody defined */
	VG_SITE_NONE,
	VG_SITE_SAME_ORIGIN,
	VG_SITE_SAME_SITE,
	VG_SITE_CROSS_SITE
};

enum vg_origin_verdict {
	VG_VERDICT_REFUSE = 0,	/* no CORS header; an unsafe method is 403 */
	VG_VERDICT_PLAIN,	/* serve without CORS headers: same origin, or
				   not sent by a page of another origin */
	VG_VERDICT_ANY,		/* serve, Access-Control-Allow-Origin: * */
	VG_VERDICT_LISTED	/* serve, Access-Control-Allow-Origin: itself */
};

/* origin.c */

/*
 * Parses `*` or comma-separated origins into a policy the caller owns.
 * SUFFIX may be NULL (then only whole top-level domains are refused).
 * Returns NULL after adding every error to the list under the name
 * ALLOWED_ORIGINS, or when memory is short (also an error in the list).
 */
struct vg_origin_policy	*vg_origin_policy_parse(const char *text,
			    vg_public_suffix_fn suffix, void *ctx,
			    struct vg_errors *);
void	vg_origin_policy_free(struct vg_origin_policy *);

/* The policy normalised, comma-separated: 0, or -1 when SIZE is too small. */
int	vg_origin_policy_format(const struct vg_origin_policy *, char *buf,
	    size_t size);
bool	vg_origin_policy_is_any(const struct vg_origin_policy *);
size_t	vg_origin_policy_count(const struct vg_origin_policy *);

/* origin_match.c: none of these allocates. */

/*
 * Matches the value of an Origin field (RFC 6454 7, Fetch 3.2) strictly, as
 * browsers serialise it: lower case, no default port, no path. `null`, two
 * origins, or anything else that is not one serialised origin: DENY, also
 * under `*`.
 */
enum vg_origin_match	vg_origin_policy_match(const struct vg_origin_policy *,
			    const char *origin, size_t len);

/* Whether the bytes are one serialised origin, of any scheme. */
bool	vg_origin_is_serialised(const char *origin, size_t len);

/*
 * Whether ORIGIN is the origin of this very request: SCHEME ("http" or
 * "https", as the client used it) and the value of Host (any case, with or
 * without the default port).
 */
bool	vg_origin_same(const char *origin, size_t len, const char *scheme,
	    const char *host, size_t host_len);

enum vg_fetch_site	vg_fetch_site_parse(const char *value, size_t len);

/*
 * The whole decision for one request. ORIGIN NULL: no Origin field. HOST is
 * the value of Host (NULL: none), SITE the parsed Sec-Fetch-Site.
 */
enum vg_origin_verdict	vg_origin_decide(const struct vg_origin_policy *,
			    const char *origin, size_t len, const char *scheme,
			    const char *host, size_t host_len,
			    enum vg_fetch_site site);

#endif
