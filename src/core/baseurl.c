/*
 * Base URLs of providers.
 *
 * This text decides where a person's voice is sent, with which key, and it is
 * pasted by hand. So it is checked when the process starts, not when the first
 * recording fails: an absolute http or https URL and nothing that could make
 * two readers of it disagree. Userinfo is refused because it would put a secret
 * into a value that is printed, and because http://api.example.com@evil.test/
 * is a trick older than most servers; query and fragment because a path is to
 * be appended.
 *
 * Documentation of compatible servers gives the base now with /v1, now without.
 * Both are taken and the path is kept without, so that there is one place that
 * knows the rest of it.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/baseurl.h"
#include "core/cidr.h"

#define HOST_NAME_MAX_BYTES	253	/* RFC 1035 2.3.4, as text */
#define PORT_DIGITS_MAX		5

static const char	why_scheme[] =
    "must be a URL that begins with https:// or http://";
static const char	why_long[] = "is longer than 1024 bytes";
static const char	why_bytes[] =
    "holds a blank, a control byte or a byte that is not ASCII";
static const char	why_userinfo[] =
    "must not hold a user name or password (@)";
static const char	why_query[] = "must not hold a query (?) or fragment (#)";
static const char	why_host[] =
    "has no valid host: a name, an IPv4 address or [an IPv6 address]";
static const char	why_port[] = "has no valid port: 1 to 65535";
static const char	why_path[] =
    "has no valid path: no //, no . or .. segment, only URL characters";

static int	host_parse(struct vg_baseurl *, const char *, size_t, bool *);
static int	port_parse(struct vg_baseurl *, const char *, size_t);
static int	path_check(const char *, size_t);
static bool	is_name(const char *, size_t);
static char	lower(char);

int
vg_baseurl_parse(struct vg_baseurl *url, const char *text, const char **why)
{
	const char	*ignored, *authority, *colon;
	size_t		i, len, alen, plen;
	bool		v6;
	int		n;

	if (why == NULL)
		why = &ignored;

	memset(url, 0, sizeof(*url));
	len = strlen(text);
	if (len > VG_BASEURL_MAX) {
		*why = why_long;
		return (-1);
	}
	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] <= 0x20 ||
		    (unsigned char)text[i] >= 0x7f) {
			*why = why_bytes;
			return (-1);
		}
	}

	if (!strncasecmp(text, "https://", 8)) {
		url->https = true;
		authority = text + 8;
	} else if (!strncasecmp(text, "http://", 7)) {
		authority = text + 7;
	} else {
		*why = why_scheme;
		return (-1);
	}

	if (strpbrk(authority, "?#") != NULL) {
		*why = why_query;
		return (-1);
	}
	alen = strcspn(authority, "/");
	if (memchr(authority, '@', alen) != NULL) {
		*why = why_userinfo;
		return (-1);
	}

	/* The port's colon is the one after the bracket, if there is one. */
	colon = memchr(authority, ']', alen);
	colon = memchr(colon != NULL ? colon : authority, ':',
	    alen - (size_t)(colon != NULL ? colon - authority : 0));
	n = (int)(colon != NULL ? (size_t)(colon - authority) : alen);

	if (host_parse(url, authority, (size_t)n, &v6) == -1) {
		*why = why_host;
		return (-1);
	}
	url->port = url->https ? 443 : 80;
	if (colon != NULL && port_parse(url, colon + 1,
	    alen - (size_t)n - 1) == -1) {
		*why = why_port;
		return (-1);
	}

	authority += alen;
	plen = strlen(authority);
	while (plen > 0 && authority[plen - 1] == '/' &&
	    (plen < 2 || authority[plen - 2] != '/'))
		plen--;
	if (path_check(authority, plen) == -1) {
		*why = why_path;
		return (-1);
	}
	if (plen >= 3 && !memcmp(authority + plen - 3, "/v1", 3))
		plen -= 3;

	n = snprintf(url->url, sizeof(url->url), "%s://%s%s%s",
	    url->https ? "https" : "http", v6 ? "[" : "", url->host,
	    v6 ? "]" : "");
	if (url->port != (url->https ? 443 : 80)) {
		n += snprintf(url->url + n, sizeof(url->url) - (size_t)n,
		    ":%d", url->port);
	}
	(void)snprintf(url->url + n, sizeof(url->url) - (size_t)n, "%.*s",
	    (int)plen, authority);

	return (0);
}

static int
host_parse(struct vg_baseurl *url, const char *text, size_t len, bool *v6)
{
	struct in6_addr		addr;
	size_t			i;

	*v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (*v6) {
		text++;
		len -= 2;
		if (memchr(text, ':', len) == NULL)
			return (-1);
	}
	if (len == 0 || len > HOST_NAME_MAX_BYTES)
		return (-1);

	if (vg_addr_parse(&addr, text, len) == 0) {
		if (!*v6 && memchr(text, ':', len) != NULL)
			return (-1);
		url->loopback = vg_addr_is_loopback(&addr);
	} else if (*v6 || !is_name(text, len)) {
		return (-1);
	}

	for (i = 0; i < len; i++)
		url->host[i] = lower(text[i]);
	url->host[len] = '\0';
	if (!strcmp(url->host, "localhost"))
		url->loopback = true;

	return (0);
}

/*
 * A host name, or rather: no number that some resolvers take for an address
 * (127.1, 0x7f000001), hence no last label that starts with a digit.
 */
static bool
is_name(const char *text, size_t len)
{
	size_t		i, label;
	char		c;

	label = 0;
	for (i = 0; i < len; i++) {
		c = lower(text[i]);
		if (c == '.') {
			if (i == label || text[i - 1] == '-' || i - label > 63)
				return (false);
			label = i + 1;
		} else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '_' || (c == '-' && i > label))) {
			return (false);
		}
	}

	return (label < len && len - label <= 63 && text[len - 1] != '-' &&
	    (text[label] < '0' || text[label] > '9'));
}

static int
port_parse(struct vg_baseurl *url, const char *text, size_t len)
{
	int		port;
	size_t		i;

	if (len == 0 || len > PORT_DIGITS_MAX || text[0] == '0')
		return (-1);

	port = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return (-1);
		port = port * 10 + (text[i] - '0');
	}
	if (port > 65535)
		return (-1);

	url->port = port;
	return (0);
}

static int
path_check(const char *path, size_t len)
{
	static const char	allowed[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@%/";
	static const char	hex[] = "0123456789abcdefABCDEF";
	size_t			i, start, n;

	start = 0;
	for (i = 0; i < len; i++) {
		if (strchr(allowed, path[i]) == NULL)
			return (-1);
		if (path[i] == '%' && (len - i < 3 ||
		    strchr(hex, path[i + 1]) == NULL ||
		    strchr(hex, path[i + 2]) == NULL))
			return (-1);
		if (path[i] == '/')
			start = i + 1;
		if (i + 1 < len && path[i + 1] != '/')
			continue;

		/* A segment ends here. */
		n = i + 1 - start;
		if (n == 0 || (n == 1 && path[start] == '.') ||
		    (n == 2 && path[start] == '.' && path[start + 1] == '.'))
			return (-1);
	}

	return (0);
}

static char
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
}
