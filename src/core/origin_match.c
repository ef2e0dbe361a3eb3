/*
 * The origin policy applied to a request.
 *
 * Everything here runs for every request, before anything else is known of it,
 * so it neither allocates nor copies, and takes bytes with a length. A browser
 * serialises an origin in exactly one way (RFC 6454 6.2, WHATWG HTML
 * "serialization of an origin"); whoever sends another spelling is no browser,
 * and what no browser sends needs no permission. Hence comparison is of bytes,
 * and HTTPS://Example.com is not https://example.com.
 *
 * `null` is refused under every policy, `*` included: to let in "every site" is
 * one decision, to let in pages that hide where they come from is another.
 *
 * vg_origin_decide() puts Origin, Host and Sec-Fetch-Site together. Without
 * Origin there is no page of another site that could read the answer, but one
 * may have sent the request (a link, an image, a form of an old browser), and
 * Sec-Fetch-Site, which no page can set, tells. It also overrules an Origin that
 * merely looks like our own, because Host is only what the client says it is.
 */

#include <string.h>
#include <strings.h>

#include "core/origin.h"
#include "core/origin_host.h"
#include "core/origin_policy.h"

#define PORT_DIGITS_MAX	5

static bool	entry_match(const struct vg_origin_entry *, const char *,
		    size_t);
static bool	is_default_port(const char *, size_t, const char *, size_t);
static bool	is_port(const char *, size_t);

enum vg_origin_match
vg_origin_policy_match(const struct vg_origin_policy *policy,
    const char *origin, size_t len)
{
	size_t		i;

	if (!vg_origin_is_serialised(origin, len))
		return (VG_ORIGIN_DENY);
	if (policy->any)
		return (VG_ORIGIN_ALLOW_ANY);

	for (i = 0; i < policy->count; i++) {
		if (entry_match(&policy->entry[i], origin, len))
			return (VG_ORIGIN_ALLOW_LISTED);
	}

	return (VG_ORIGIN_DENY);
}

bool
vg_origin_is_serialised(const char *origin, size_t len)
{
	const char	*host, *end, *colon, *bracket;
	size_t		scheme, host_len, i;

	if (len == 0 || len > VG_ORIGIN_BYTES_MAX)
		return (false);

	/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), lower case */
	for (scheme = 0; scheme < len; scheme++) {
		if (origin[scheme] >= 'a' && origin[scheme] <= 'z')
			continue;
		if (scheme == 0 || !((origin[scheme] >= '0' &&
		    origin[scheme] <= '9') || origin[scheme] == '+' ||
		    origin[scheme] == '-' || origin[scheme] == '.'))
			break;
	}
	if (scheme == 0 || len - scheme < 4 ||
	    memcmp(origin + scheme, "://", 3) != 0)
		return (false);

	host = origin + scheme + 3;
	end = origin + len;
	bracket = NULL;
	if (host[0] == '[') {
		bracket = memchr(host, ']', (size_t)(end - host));
		if (bracket == NULL)
			return (false);
		for (i = 1; host + i < bracket; i++) {
			if (!((host[i] >= '0' && host[i] <= '9') ||
			    (host[i] >= 'a' && host[i] <= 'f') ||
			    host[i] == ':'))
				return (false);
		}
		if (i < 3 || (bracket + 1 < end && bracket[1] != ':'))
			return (false);
		host_len = (size_t)(bracket + 1 - host);
		colon = bracket + 1 < end ? bracket + 1 : NULL;
	} else {
		colon = memchr(host, ':', (size_t)(end - host));
		host_len = (size_t)((colon != NULL ? colon : end) - host);
		/* A name may end with its root's dot: another host, but one. */
		i = host_len;
		if (i > 1 && host[i - 1] == '.')
			i--;
		if (!vg_origin_labels(host, i))
			return (false);
	}

	if (colon == NULL)
		return (true);

	return (host + host_len == colon &&
	    is_port(colon + 1, (size_t)(end - colon - 1)) &&
	    !is_default_port(origin, scheme, colon + 1,
	    (size_t)(end - colon - 1)));
}

bool
vg_origin_same(const char *origin, size_t len, const char *scheme,
    const char *host, size_t host_len)
{
	const char	*colon;
	size_t		n, i;

	n = strlen(scheme);
	if (!vg_origin_is_serialised(origin, len) || len < n + 3 ||
	    memcmp(origin, scheme, n) != 0 ||
	    memcmp(origin + n, "://", 3) != 0)
		return (false);

	/* Host may carry the port that the origin leaves out, or none. */
	colon = NULL;
	for (i = host_len; i > 0 && host[i - 1] != ']'; i--) {
		if (host[i - 1] == ':') {
			colon = host + i - 1;
			break;
		}
	}
	if (colon != NULL) {
		i = host_len - (size_t)(colon + 1 - host);
		if (i == 0 || is_default_port(scheme, n, colon + 1, i))
			host_len = (size_t)(colon - host);
	}

	origin += n + 3;
	len -= n + 3;
	return (host_len > 0 && len == host_len &&
	    strncasecmp(origin, host, len) == 0);
}

enum vg_fetch_site
vg_fetch_site_parse(const char *value, size_t len)
{
	static const struct {
		const char		*text;
		enum vg_fetch_site	site;
	} sites[] = {
		{ "none", VG_SITE_NONE },
		{ "same-origin", VG_SITE_SAME_ORIGIN },
		{ "same-site", VG_SITE_SAME_SITE },
		{ "cross-site", VG_SITE_CROSS_SITE }
	};
	size_t			i;

	for (i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
		if (strlen(sites[i].text) == len &&
		    !memcmp(sites[i].text, value, len))
			return (sites[i].site);
	}

	/* Values not known are to be ignored: Fetch Metadata 2. */
	return (VG_SITE_ABSENT);
}

enum vg_origin_verdict
vg_origin_decide(const struct vg_origin_policy *policy, const char *origin,
    size_t len, const char *scheme, const char *host, size_t host_len,
    enum vg_fetch_site site)
{
	if (origin == NULL) {
		if (site == VG_SITE_CROSS_SITE && !policy->any)
			return (VG_VERDICT_REFUSE);
		return (VG_VERDICT_PLAIN);
	}

	if (host != NULL && site != VG_SITE_CROSS_SITE &&
	    vg_origin_same(origin, len, scheme, host, host_len))
		return (VG_VERDICT_PLAIN);

	switch (vg_origin_policy_match(policy, origin, len)) {
	case VG_ORIGIN_ALLOW_ANY:
		return (VG_VERDICT_ANY);
	case VG_ORIGIN_ALLOW_LISTED:
		return (VG_VERDICT_LISTED);
	case VG_ORIGIN_DENY:
		break;
	}

	return (VG_VERDICT_REFUSE);
}

static bool
entry_match(const struct vg_origin_entry *e, const char *origin, size_t len)
{
	size_t		tail, sub;

	if (e->scheme_len == 0)
		return (len == e->len && !memcmp(origin, e->text, len));

	/* https:// and .example.com, with at least one label between them. */
	tail = e->len - e->scheme_len;
	if (len <= e->len ||
	    memcmp(origin, e->text, e->scheme_len) != 0 ||
	    memcmp(origin + len - tail, e->text + e->scheme_len, tail) != 0)
		return (false);

	sub = len - e->len;
	return (vg_origin_labels(origin + e->scheme_len, sub));
}

static bool
is_default_port(const char *scheme, size_t scheme_len, const char *port,
    size_t port_len)
{
	if (scheme_len == 4 && !memcmp(scheme, "http", 4))
		return (port_len == 2 && !memcmp(port, "80", 2));
	if (scheme_len == 5 && !memcmp(scheme, "https", 5))
		return (port_len == 3 && !memcmp(port, "443", 3));

	return (false);
}

static bool
is_port(const char *text, size_t len)
{
	size_t		i;
	int		port;

	if (len == 0 || len > PORT_DIGITS_MAX || text[0] == '0')
		return (false);

	port = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return (false);
		port = port * 10 + (text[i] - '0');
	}

	return (port <= 65535);
}
