/*
 * Where a request is meant for: RFC 9112 section 3.2, RFC 3986.
 *
 * A target that this file accepts consists of the characters that RFC 3986
 * allows, and every percent-encoding in it is complete. In a path it stands for
 * a byte that is no control character, so that whoever decodes it later cannot
 * be made to see an end of string or of line. A query may hold line ends and
 * tabs, as forms send them (section 3.4), but no NUL: where a decoded value is a
 * C string, what follows it would be there for one reader and not for the next.
 * Host names are held to what names
 * can be: letters, digits, "-", "_" and dots. The grammar of reg-name also has
 * sub-delims and percent-encodings; no name that resolves holds any, a joined
 * pair of Host headers ("a.test,b.test") does, so they are refused.
 */

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/head_target.h"

#define IPV6_TEXT_MAX	(INET6_ADDRSTRLEN - 1)	/* bytes, brackets aside */
#define PORT_DIGITS_MAX	5
#define PORT_MAX	65535
#define PORT_HTTP	80
#define PORT_HTTPS	443

static bool
is_alnum(uint8_t c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'));
}

static int
hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);

	return (-1);
}

/* RFC 3986 section 3.3: pchar and "/", but for pct-encoded. */
static bool
is_path_byte(uint8_t c)
{
	return (is_alnum(c) || (c != '\0' &&
	    strchr("-._~!$&'()*+,;=:@/", c) != NULL));
}

/* RFC 3986 section 2.1; an encoded control character is nobody's path. */
static bool
is_encoded(const uint8_t *s, size_t left, bool in_query)
{
	int	high, low, byte;

	if (left < 3)
		return (false);

	high = hex(s[1]);
	low = hex(s[2]);
	if (high == -1 || low == -1)
		return (false);

	byte = high * 16 + low;
	if (in_query)
		return (byte != 0);

	return (byte >= 0x20 && byte != 0x7f);
}

/* absolute-path [ "?" query ] at [from, to): fills in path and query. */
static enum vg_head_reason
read_path(struct vg_head *h, const uint8_t *buf, size_t from, size_t to)
{
	size_t	i, query = to;

	for (i = from; i < to; i++) {
		if (buf[i] == '%') {
			if (!is_encoded(buf + i, to - i, query != to))
				return (VG_HEAD_TARGET);
			i += 2;
		} else if (buf[i] == '?') {
			if (query == to)
				query = i;
		} else if (!is_path_byte(buf[i])) {
			return (VG_HEAD_TARGET);
		}
	}

	h->path.off = (uint16_t)from;
	h->path.len = (uint16_t)(query - from);
	h->has_query = (query != to);
	h->query.off = (uint16_t)(h->has_query ? query + 1 : to);
	h->query.len = (uint16_t)(to - h->query.off);

	return (VG_HEAD_NONE);
}

/* Dot-separated labels, none empty; a dot at the end is the root's. */
static int
check_name(const uint8_t *s, size_t len)
{
	size_t	i, label = 0;

	if (len == 0 || len > VG_HEAD_HOST_MAX || s[0] == '.')
		return (-1);

	for (i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return (-1);
			label = 0;
			continue;
		}
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
			return (-1);
		if (++label > VG_HEAD_LABEL_MAX)
			return (-1);
	}

	return (0);
}

/* RFC 3986 section 3.2.2: "[" IPv6address "]"; no zone, no IPvFuture. */
static int
check_ipv6(const uint8_t *s, size_t len)
{
	struct in6_addr	addr;
	char		text[IPV6_TEXT_MAX + 1];

	if (len < 2 || len - 2 > IPV6_TEXT_MAX ||
	    memchr(s, '\0', len) != NULL)
		return (-1);

	memcpy(text, s + 1, len - 2);
	text[len - 2] = '\0';

	return (inet_pton(AF_INET6, text, &addr) == 1 ? 0 : -1);
}

int
vg_head_authority(const uint8_t *s, size_t len, size_t *hostlen,
    uint16_t *port)
{
	const uint8_t	*end;
	size_t		host, i;
	uint32_t	value = 0;

	if (len > 0 && s[0] == '[') {
		end = memchr(s, ']', len);
		if (end == NULL)
			return (-1);
		host = (size_t)(end - s) + 1;
		if (check_ipv6(s, host) == -1)
			return (-1);
	} else {
		end = memchr(s, ':', len);
		host = (end == NULL) ? len : (size_t)(end - s);
		if (check_name(s, host) == -1)
			return (-1);
	}

	/* RFC 3986 section 3.2.3: the colon may stand with no digit after. */
	if (host < len) {
		if (s[host] != ':' || len - host - 1 > PORT_DIGITS_MAX)
			return (-1);
		for (i = host + 1; i < len; i++) {
			if (s[i] < '0' || s[i] > '9')
				return (-1);
			value = value * 10 + (uint32_t)(s[i] - '0');
		}
		if (value > PORT_MAX || (value == 0 && len - host > 1))
			return (-1);
	}

	*hostlen = host;
	*port = (uint16_t)value;

	return (0);
}

/*
 * RFC 9112 section 3.2.2. The authority ends where the path or the query
 * begins (RFC 3986 section 3.2); without a path it is "/" that is meant, and
 * "*" with OPTIONS (section 3.2.4).
 */
static enum vg_head_reason
read_absolute(struct vg_head *h, const uint8_t *buf, size_t from, size_t to)
{
	size_t		end, hostlen;
	uint16_t	port;

	for (end = from; end < to; end++) {
		if (buf[end] == '/' || buf[end] == '?')
			break;
	}

	/* This refuses userinfo, too (RFC 9110 section 4.2.4). */
	if (vg_head_authority(buf + from, end - from, &hostlen, &port) == -1)
		return (VG_HEAD_TARGET);

	h->form = VG_TARGET_ABSOLUTE;
	h->authority.off = (uint16_t)from;
	h->authority.len = (uint16_t)(end - from);

	return (read_path(h, buf, end, to));
}

enum vg_head_reason
vg_head_target_read(struct vg_head *h, const uint8_t *buf)
{
	static const char	http[] = "http://";
	static const char	https[] = "https://";
	const char		*s = vg_head_text(buf, h->target);
	size_t			from = h->target.off;
	size_t			to = from + h->target.len;

	/* RFC 9112 section 3.2.1: origin-form, what clients send. */
	if (s[0] == '/') {
		h->form = VG_TARGET_ORIGIN;
		return (read_path(h, buf, from, to));
	}

	/* RFC 9112 section 3.2.4: asterisk-form is for OPTIONS alone. */
	if (h->target.len == 1 && s[0] == '*') {
		h->form = VG_TARGET_ASTERISK;
		return (h->method == VG_METHOD_OPTIONS ? VG_HEAD_NONE :
		    VG_HEAD_TARGET_FORM);
	}

	if (h->target.len >= sizeof(http) - 1 &&
	    strncasecmp(s, http, sizeof(http) - 1) == 0)
		return (read_absolute(h, buf, from + sizeof(http) - 1, to));

	if (h->target.len >= sizeof(https) - 1 &&
	    strncasecmp(s, https, sizeof(https) - 1) == 0) {
		h->target_https = true;
		return (read_absolute(h, buf, from + sizeof(https) - 1, to));
	}

	/* authority-form is CONNECT's (section 3.2.3), refused before. */
	return (VG_HEAD_TARGET);
}

enum vg_head_reason
vg_head_target_agrees(struct vg_head *h, const uint8_t *buf)
{
	const uint8_t	*s = buf + h->authority.off;
	size_t		hostlen;
	uint16_t	port, standard, given;

	if (h->form != VG_TARGET_ABSOLUTE)
		return (VG_HEAD_NONE);

	/* It was valid when it was read. */
	if (vg_head_authority(s, h->authority.len, &hostlen, &port) == -1)
		return (VG_HEAD_TARGET);

	if (!h->has_host) {
		h->host.off = h->authority.off;
		h->host.len = (uint16_t)hostlen;
		h->port = port;
		return (VG_HEAD_NONE);
	}

	/*
	 * RFC 9112 section 3.2.2 lets the target win over Host. A client that
	 * sends two different ones hopes that somebody else reads the other.
	 */
	standard = h->target_https ? PORT_HTTPS : PORT_HTTP;
	given = h->port != 0 ? h->port : standard;
	if (port == 0)
		port = standard;

	if (port != given || hostlen != h->host.len ||
	    strncasecmp((const char *)s, vg_head_text(buf, h->host),
	    hostlen) != 0)
		return (VG_HEAD_TARGET_HOST);

	return (VG_HEAD_NONE);
}
