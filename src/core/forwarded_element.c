/*
 * One element of Forwarded or X-Forwarded-For.
 *
 * Forwarded (RFC 7239 4 to 6): pairs of token "=" (token or quoted-string),
 * separated by semicolons, each name at most once. Blanks around a semicolon
 * are no part of the grammar, but widely sent and not ambiguous, so they pass. A
 * name is matched without regard to case; unknown names are checked for their
 * form and ignored.
 *
 * X-Forwarded-For has no grammar. Taken are an address, `address:port` for IPv4
 * and `[address]` or `[address]:port` for IPv6, which is what the usual proxies
 * write.
 */

#include <string.h>
#include <strings.h>

#include "core/forwarded_element.h"

#define PORT_DIGITS_MAX	5

struct pair {
	const char	*name;
	size_t		name_len;
	char		value[VG_NODE_MAX + 1];
	size_t		value_len;	/* VG_NODE_MAX + 1: longer */
};

static bool	is_token_char(char);
static bool	is_obfuscated(const char *, size_t);
static size_t	skip_blanks(const char *, size_t, size_t);
static int	pair_parse(struct pair *, const char *, size_t, size_t *);
static int	quoted_parse(struct pair *, const char *, size_t, size_t *);
static void	pair_put(struct pair *, char);
static int	node_parse(struct vg_hop *, const char *, size_t);
static int	port_parse(const char *, size_t, bool);

int
vg_hop_forwarded(struct vg_hop *hop, const char *text, size_t len)
{
	struct pair	pair;
	bool		seen_for, seen_proto;
	size_t		i;

	memset(hop, 0, sizeof(*hop));
	seen_for = false;
	seen_proto = false;

	i = 0;
	for (;;) {
		i = skip_blanks(text, len, i);
		if (i < len && text[i] != ';') {
			if (pair_parse(&pair, text, len, &i) == -1)
				return (-1);
			if (pair.name_len == 3 &&
			    !strncasecmp(pair.name, "for", 3)) {
				if (seen_for || node_parse(hop, pair.value,
				    pair.value_len) == -1)
					return (-1);
				seen_for = true;
			} else if (pair.name_len == 5 &&
			    !strncasecmp(pair.name, "proto", 5)) {
				if (seen_proto)
					return (-1);
				seen_proto = true;
				hop->proto = vg_proto_parse(pair.value,
				    pair.value_len);
			}
			i = skip_blanks(text, len, i);
		}
		if (i == len)
			return (0);
		if (text[i++] != ';')
			return (-1);
	}
}

int
vg_hop_xff(struct vg_hop *hop, const char *text, size_t len)
{
	memset(hop, 0, sizeof(*hop));

	if (vg_addr_parse(&hop->addr, text, len) == 0) {
		hop->known = true;
		return (0);
	}
	if (len == 7 && !strncasecmp(text, "unknown", 7))
		return (0);
	if (len == 0 || text[0] == '_')
		return (-1);

	return (node_parse(hop, text, len));
}

enum vg_proto
vg_proto_parse(const char *text, size_t len)
{
	if (len == 4 && !strncasecmp(text, "http", 4))
		return (VG_PROTO_HTTP);
	if (len == 5 && !strncasecmp(text, "https", 5))
		return (VG_PROTO_HTTPS);

	return (VG_PROTO_UNKNOWN);
}

/* node = nodename [ ":" node-port ], RFC 7239 6. */
static int
node_parse(struct vg_hop *hop, const char *text, size_t len)
{
	const char	*end;
	size_t		n;

	if (len > VG_NODE_MAX || len == 0)
		return (-1);

	if (text[0] == '[') {
		if ((end = memchr(text, ']', len)) == NULL)
			return (-1);
		n = (size_t)(end - text);
		if (memchr(text, ':', n) == NULL ||
		    vg_addr_parse(&hop->addr, text + 1, n - 1) == -1)
			return (-1);
		hop->known = true;
		n++;
	} else {
		end = memchr(text, ':', len);
		n = end != NULL ? (size_t)(end - text) : len;
		if (n == 7 && !strncasecmp(text, "unknown", 7)) {
			hop->known = false;
		} else if (is_obfuscated(text, n)) {
			hop->known = false;
		} else {
			if (vg_addr_parse(&hop->addr, text, n) == -1)
				return (-1);
			hop->known = true;
		}
	}

	if (n == len)
		return (0);
	return (port_parse(text + n, len - n, true));
}

static int
port_parse(const char *text, size_t len, bool obfuscated)
{
	size_t		i;

	if (text[0] != ':' || len < 2)
		return (-1);
	if (obfuscated && is_obfuscated(text + 1, len - 1))
		return (0);
	if (len - 1 > PORT_DIGITS_MAX)
		return (-1);
	for (i = 1; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return (-1);
	}

	return (0);
}

/* "_" 1*( ALPHA / DIGIT / "." / "_" / "-"), RFC 7239 6.3. */
static bool
is_obfuscated(const char *text, size_t len)
{
	static const char	set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t			i;

	if (len < 2 || text[0] != '_')
		return (false);
	for (i = 1; i < len; i++) {
		if (text[i] == '\0' || strchr(set, text[i]) == NULL)
			return (false);
	}

	return (true);
}

static int
pair_parse(struct pair *pair, const char *text, size_t len, size_t *at)
{
	size_t		i;

	i = *at;
	pair->name = text + i;
	while (i < len && is_token_char(text[i]))
		i++;
	pair->name_len = i - *at;
	if (pair->name_len == 0 || i == len || text[i++] != '=')
		return (-1);

	pair->value_len = 0;
	if (i < len && text[i] == '"') {
		if (quoted_parse(pair, text, len, &i) == -1)
			return (-1);
	} else {
		while (i < len && is_token_char(text[i]))
			pair_put(pair, text[i++]);
		if (pair->value_len == 0)
			return (-1);
	}

	*at = i;
	return (0);
}

/* quoted-string, RFC 9110 5.6.4, unescaped. */
static int
quoted_parse(struct pair *pair, const char *text, size_t len, size_t *at)
{
	unsigned char	c;
	size_t		i;

	for (i = *at + 1; i < len && text[i] != '"'; i++) {
		if (text[i] == '\\' && ++i == len)
			return (-1);
		c = (unsigned char)text[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return (-1);
		pair_put(pair, text[i]);
	}
	if (i == len)
		return (-1);

	*at = i + 1;
	return (0);
}

static void
pair_put(struct pair *pair, char c)
{
	if (pair->value_len <= VG_NODE_MAX)
		pair->value[pair->value_len++] = c;
}

static size_t
skip_blanks(const char *text, size_t len, size_t i)
{
	while (i < len && (text[i] == ' ' || text[i] == '\t'))
		i++;

	return (i);
}

/* tchar, RFC 9110 5.6.2. */
static bool
is_token_char(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}
