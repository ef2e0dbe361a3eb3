/*
 * The origin policy as the operator writes it: ALLOWED_ORIGINS.
 *
 * An origin is scheme, host and port (RFC 6454), and the most common mistakes
 * with it fail silently: a path or a trailing slash makes an entry that no
 * browser will ever send, so that the operator soon writes `*`; `null` admits
 * every sandboxed frame there is; a wildcard over a public suffix, such as all
 * of github.io, admits whoever can register a name below it. So each of these
 * is an error with the reason, when the process starts, and not a rule that
 * quietly matches nothing or everything.
 *
 * A wildcard is one `*.` in front of a domain. It stands for any depth of
 * subdomains, and not for the domain itself: that can be listed beside it.
 *
 * The public suffix list is a matter of a library and of a file on this
 * machine, so it comes in as a function; without one, only the bare top-level
 * domains are known to be public. `localhost` is exempt, as RFC 6761 keeps it
 * on this machine. Matching is in origin_match.c, hosts are in origin_host.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/origin.h"
#include "core/origin_host.h"
#include "core/origin_policy.h"

#define SETTING		"ALLOWED_ORIGINS"
#define HTTP_PORT	80
#define HTTPS_PORT	443
#define PORT_DIGITS_MAX	5

struct suffix {
	vg_public_suffix_fn	fn;
	void			*ctx;
};

static const char	*entry_parse(struct vg_origin_entry *, const char *,
			    size_t, const struct suffix *);
static const char	*refuse_public(const char *, bool, bool,
			    const struct suffix *);
static int		port_parse(int *, const char *, size_t);
static void		policy_add(struct vg_origin_policy *,
			    const struct vg_origin_entry *);

struct vg_origin_policy *
vg_origin_policy_parse(const char *text, vg_public_suffix_fn fn, void *ctx,
    struct vg_errors *errs)
{
	struct vg_origin_policy	*policy;
	struct vg_origin_entry	entry;
	struct suffix		suffix;
	const char		*p, *why;
	size_t			n, count;
	bool			bad;

	suffix.fn = fn;
	suffix.ctx = ctx;

	count = 1;
	for (p = text; (p = strchr(p, ',')) != NULL; p++)
		count++;
	if (count > VG_ORIGIN_ENTRIES_MAX) {
		vg_errors_add(errs, SETTING, NULL, 0, "has %zu origins; at "
		    "most %d are allowed", count, VG_ORIGIN_ENTRIES_MAX);
		return (NULL);
	}

	policy = calloc(1, sizeof(*policy) + count * sizeof(entry));
	if (policy == NULL) {
		vg_errors_add(errs, SETTING, NULL, 0, "out of memory");
		return (NULL);
	}

	bad = false;
	for (p = text;; p += n + 1) {
		p += strspn(p, " \t\r\n");
		n = strcspn(p, ",");
		count = n;
		while (count > 0 && strchr(" \t\r\n", p[count - 1]) != NULL)
			count--;

		if (count == 1 && p[0] == '*') {
			policy->any = true;
		} else if ((why = entry_parse(&entry, p, count,
		    &suffix)) != NULL) {
			vg_errors_add(errs, SETTING, p, count, "%s", why);
			bad = true;
		} else {
			policy_add(policy, &entry);
		}

		if (p[n] == '\0')
			break;
	}

	if (policy->any && policy->count > 0) {
		vg_errors_add(errs, SETTING, text, strlen(text), "* allows "
		    "every origin and must stand alone");
		bad = true;
	}
	if (bad) {
		free(policy);
		return (NULL);
	}

	return (policy);
}

void
vg_origin_policy_free(struct vg_origin_policy *policy)
{
	free(policy);
}

int
vg_origin_policy_format(const struct vg_origin_policy *policy, char *buf,
    size_t size)
{
	const struct vg_origin_entry	*e;
	size_t				i, len;
	int				n;

	n = snprintf(buf, size, "%s", policy->any ? "*" : "");
	if (n < 0 || (size_t)n >= size)
		return (-1);

	len = 0;
	for (i = 0; i < policy->count; i++) {
		e = &policy->entry[i];
		n = snprintf(buf + len, size - len, "%s%.*s%s%s",
		    i > 0 ? "," : "", (int)e->scheme_len, e->text,
		    e->scheme_len > 0 ? "*" : "", e->text + e->scheme_len);
		if (n < 0 || (size_t)n >= size - len)
			return (-1);
		len += (size_t)n;
	}

	return (0);
}

bool
vg_origin_policy_is_any(const struct vg_origin_policy *policy)
{
	return (policy->any);
}

size_t
vg_origin_policy_count(const struct vg_origin_policy *policy)
{
	return (policy->count);
}

/* NULL when ENTRY is filled, else what is wrong. */
static const char *
entry_parse(struct vg_origin_entry *entry, const char *text, size_t len,
    const struct suffix *suffix)
{
	const char	*p, *end, *colon, *why;
	char		host[VG_ORIGIN_HOST_SIZE], shown[8];
	size_t		host_len;
	bool		https, wildcard, is_ip;
	int		port, n;

	if (len == 0)
		return ("holds an empty entry; origins are separated by single "
		    "commas");
	if (len == 4 && !strncasecmp(text, "null", 4))
		return ("null is sent by every sandboxed frame and file, it "
		    "cannot be allowed");

	end = text + len;
	if (len > 8 && !strncasecmp(text, "https://", 8)) {
		https = true;
		p = text + 8;
	} else if (len > 7 && !strncasecmp(text, "http://", 7)) {
		https = false;
		p = text + 7;
	} else {
		return ("is not an origin: https://host or http://host, with "
		    ":port where it is not the default");
	}

	if (memchr(p, '@', (size_t)(end - p)) != NULL)
		return ("holds a user name or password; an origin has none");
	if (memchr(p, '?', (size_t)(end - p)) != NULL)
		return ("holds a query (?); an origin has none");
	if (memchr(p, '#', (size_t)(end - p)) != NULL)
		return ("holds a fragment (#); an origin has none");
	if (end[-1] == '/' && memchr(p, '/', (size_t)(end - p)) == end - 1)
		return ("ends with a slash; an origin has no path, leave the "
		    "slash out");
	if (memchr(p, '/', (size_t)(end - p)) != NULL)
		return ("holds a path; an origin ends after host and port");

	wildcard = end - p > 2 && p[0] == '*' && p[1] == '.';
	if (wildcard)
		p += 2;

	/* The port's colon is the one after the bracket, if there is one. */
	colon = p;
	if (p[0] == '[' && (colon = memchr(p, ']', (size_t)(end - p))) == NULL)
		colon = end;
	colon = memchr(colon, ':', (size_t)(end - colon));
	host_len = (size_t)((colon != NULL ? colon : end) - p);
	port = https ? HTTPS_PORT : HTTP_PORT;
	if (colon != NULL) {
		if (port_parse(&port, colon + 1,
		    (size_t)(end - colon - 1)) == -1)
			return ("has a bad port; 1 to 65535 is allowed, "
			    "without leading zeros");
	}

	if (vg_origin_host(host, &is_ip, p, host_len, &why) == -1)
		return (why);
	if (wildcard && is_ip)
		return ("has a wildcard before an address; only names have "
		    "subdomains");
	if (wildcard && strlen(host) + 2 > VG_ORIGIN_HOST_MAX)
		return ("leaves no room for a subdomain within 253 bytes");
	if (!is_ip && (why = refuse_public(host, wildcard,
	    strchr(host, '.') == NULL, suffix)) != NULL)
		return (why);

	shown[0] = '\0';
	if (port != (https ? HTTPS_PORT : HTTP_PORT))
		(void)snprintf(shown, sizeof(shown), ":%d", port);
	n = snprintf(entry->text, sizeof(entry->text), "%s%s%s%s",
	    https ? "https://" : "http://", wildcard ? "." : "", host, shown);
	if (n < 0 || (size_t)n >= sizeof(entry->text))
		return ("is too long");

	entry->len = (size_t)n;
	entry->scheme_len = wildcard ? (https ? 8 : 7) : 0;
	return (NULL);
}

static const char *
refuse_public(const char *host, bool wildcard, bool single,
    const struct suffix *suffix)
{
	int		mask;

	if (!strcmp(host, "localhost"))
		return (NULL);

	mask = VG_SUFFIX_NONE;
	if (suffix->fn != NULL)
		mask = suffix->fn(suffix->ctx, host);

	if (wildcard && (single || mask != VG_SUFFIX_NONE))
		return ("has a wildcard over a public suffix, below which "
		    "anyone can have a name");
	if (!wildcard && (mask & VG_SUFFIX_ICANN))
		return ("is a public suffix and no site");

	return (NULL);
}

static int
port_parse(int *port, const char *text, size_t len)
{
	size_t		i;

	if (len == 0 || len > PORT_DIGITS_MAX || text[0] == '0')
		return (-1);

	*port = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return (-1);
		*port = *port * 10 + (text[i] - '0');
	}

	return (*port <= 65535 ? 0 : -1);
}

static void
policy_add(struct vg_origin_policy *policy, const struct vg_origin_entry *entry)
{
	size_t		i;

	for (i = 0; i < policy->count; i++) {
		if (policy->entry[i].scheme_len == entry->scheme_len &&
		    !strcmp(policy->entry[i].text, entry->text))
			return;
	}

	policy->entry[policy->count++] = *entry;
}
