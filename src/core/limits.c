/*
 * Limits as people write them, and as clients are told them.
 *
 * `10/minute;100/hour` is the notation that limiters in other languages have
 * made common. Two limits over the same span are refused rather than the
 * smaller one taken: one of them is a mistake.
 *
 * RateLimit-Policy and RateLimit are structured fields (RFC 9651) of the IETF
 * draft draft-ietf-httpapi-ratelimit-headers: a list of policies, each a string
 * with its quota q and window w in seconds, and the state of one of them, with
 * what remains r and the seconds t until quota comes back. The older
 * X-RateLimit-Reset has two habits in the wild; ours is the wide-spread one of
 * seconds since the epoch.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/decimal.h"
#include "core/window.h"

struct scan {
	const char	*p;
	size_t		left;
};

static const struct {
	const char	*name;
	int64_t		seconds;
} units[] = {
	{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 },
	{ "m", 60 }, { "min", 60 }, { "minute", 60 }, { "minutes", 60 },
	{ "h", 3600 }, { "hour", 3600 }, { "hours", 3600 },
	{ "d", 86400 }, { "day", 86400 }, { "days", 86400 }
};

static void	scan_blanks(struct scan *);
static int	scan_number(struct scan *, int64_t *, int64_t);
static int	scan_unit(struct scan *, int64_t *);
static int	scan_limit(struct scan *, struct vg_limit *);
static int	policy_name(char *, size_t, const char *,
		    const struct vg_limits *, int64_t);

int
vg_limits_parse(struct vg_limits *out, const char *text, size_t len)
{
	struct vg_limits	limits;
	struct vg_limit		*limit;
	struct scan		scan;
	size_t			i;

	memset(&limits, 0, sizeof(limits));
	scan.p = text;
	scan.left = len;

	for (;;) {
		if (limits.count == VG_LIMITS_MAX)
			return (-1);
		limit = &limits.item[limits.count];
		if (scan_limit(&scan, limit) == -1)
			return (-1);
		for (i = 0; i < limits.count; i++) {
			if (limits.item[i].window_s == limit->window_s)
				return (-1);
		}
		limits.count++;

		scan_blanks(&scan);
		if (scan.left == 0)
			break;
		if (*scan.p != ';' && *scan.p != ',')
			return (-1);
		scan.p++;
		scan.left--;
	}

	*out = limits;
	return (0);
}

int
vg_limits_format(char *buf, size_t size, const struct vg_limits *limits)
{
	size_t		i, len;
	int		n;

	if (size == 0)
		return (-1);

	buf[0] = '\0';
	len = 0;
	for (i = 0; i < limits->count; i++) {
		n = snprintf(buf + len, size - len, "%s%" PRId64 "/%" PRId64
		    "s", i > 0 ? ";" : "", limits->item[i].quota,
		    limits->item[i].window_s);
		if (n < 0 || (size_t)n >= size - len)
			return (-1);
		len += (size_t)n;
	}

	return (0);
}

int
vg_limits_per_minute(struct vg_limits *out, int64_t quota)
{
	if (quota < 1 || quota > VG_LIMIT_QUOTA_MAX)
		return (-1);

	memset(out, 0, sizeof(*out));
	out->count = 1;
	out->item[0].quota = quota;
	out->item[0].window_s = 60;
	return (0);
}

void
vg_limits_divide(struct vg_limits *out, const struct vg_limits *limits,
    int64_t parts)
{
	size_t		i;

	*out = *limits;
	if (parts < 1)
		return;

	for (i = 0; i < out->count; i++) {
		out->item[i].quota /= parts;
		if (out->item[i].quota < 1)
			out->item[i].quota = 1;
	}
}

int
vg_ratelimit_policy(char *buf, size_t size, const char *name,
    const struct vg_limits *limits)
{
	char		full[VG_LIMIT_NAME_MAX + 24];
	size_t		i, len;
	int		n;

	if (limits->count == 0)
		return (-1);

	len = 0;
	for (i = 0; i < limits->count; i++) {
		if (policy_name(full, sizeof(full), name, limits,
		    limits->item[i].window_s) == -1)
			return (-1);
		n = snprintf(buf + len, size - len, "%s\"%s\";q=%" PRId64
		    ";w=%" PRId64, i > 0 ? ", " : "", full,
		    limits->item[i].quota, limits->item[i].window_s);
		if (n < 0 || (size_t)n >= size - len)
			return (-1);
		len += (size_t)n;
	}

	return ((int)len);
}

int
vg_ratelimit(char *buf, size_t size, const char *name,
    const struct vg_limits *limits, const struct vg_quota *quota,
    int64_t now_us)
{
	char		text[VG_RATELIMIT_SIZE + 2 * VG_DECIMAL_MAX];
	size_t		n;

	text[0] = '"';
	if (policy_name(text + 1, VG_LIMIT_NAME_MAX + 24, name, limits,
	    quota->limit.window_s) == -1)
		return (-1);

	n = strlen(text);
	memcpy(text + n, "\";r=", 4);
	n += 4;
	n += vg_decimal(text + n, quota->remaining);
	memcpy(text + n, ";t=", 3);
	n += 3;
	n += vg_decimal(text + n, vg_reset_after(quota, now_us));
	if (n >= size)
		return (-1);
	memcpy(buf, text, n);
	buf[n] = '\0';

	return ((int)n);
}

/* The first limit bears the class' name, each other one its window too. */
static int
policy_name(char *buf, size_t size, const char *name,
    const struct vg_limits *limits, int64_t window_s)
{
	size_t		i;
	int		n;

	for (i = 0; name[i] != '\0'; i++) {
		if (i == VG_LIMIT_NAME_MAX || !((name[i] >= 'a' &&
		    name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
		    name[i] == '_' || name[i] == '-'))
			return (-1);
	}
	if (i == 0)
		return (-1);

	if (limits->count == 0 || limits->item[0].window_s == window_s) {
		if (i >= size)
			return (-1);
		memcpy(buf, name, i + 1);
		return (0);
	}
	n = snprintf(buf, size, "%s-%" PRId64, name, window_s);

	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

/* QUOTA ( "/" | "per" ) [ COUNT ] UNIT */
static int
scan_limit(struct scan *scan, struct vg_limit *limit)
{
	int64_t		count, unit;

	if (scan_number(scan, &limit->quota, VG_LIMIT_QUOTA_MAX) == -1)
		return (-1);

	scan_blanks(scan);
	if (scan->left > 0 && *scan->p == '/') {
		scan->p++;
		scan->left--;
	} else if (scan->left > 3 && !strncasecmp(scan->p, "per", 3) &&
	    (scan->p[3] == ' ' || scan->p[3] == '\t')) {
		scan->p += 3;
		scan->left -= 3;
	} else {
		return (-1);
	}

	scan_blanks(scan);
	count = 1;
	if (scan->left > 0 && *scan->p >= '0' && *scan->p <= '9' &&
	    scan_number(scan, &count, VG_LIMIT_WINDOW_MAX) == -1)
		return (-1);
	if (scan_unit(scan, &unit) == -1)
		return (-1);

	limit->window_s = count * unit;
	return (limit->window_s > VG_LIMIT_WINDOW_MAX ? -1 : 0);
}

static void
scan_blanks(struct scan *scan)
{
	while (scan->left > 0 && (*scan->p == ' ' || *scan->p == '\t')) {
		scan->p++;
		scan->left--;
	}
}

/* 1 to MAX, digits alone. */
static int
scan_number(struct scan *scan, int64_t *value, int64_t max)
{
	scan_blanks(scan);
	if (scan->left == 0 || *scan->p < '0' || *scan->p > '9')
		return (-1);

	*value = 0;
	while (scan->left > 0 && *scan->p >= '0' && *scan->p <= '9') {
		*value = *value * 10 + (*scan->p - '0');
		if (*value > max)
			return (-1);
		scan->p++;
		scan->left--;
	}

	return (*value > 0 ? 0 : -1);
}

static int
scan_unit(struct scan *scan, int64_t *seconds)
{
	size_t		n, i;

	scan_blanks(scan);
	for (n = 0; n < scan->left; n++) {
		if (!((scan->p[n] >= 'a' && scan->p[n] <= 'z') ||
		    (scan->p[n] >= 'A' && scan->p[n] <= 'Z')))
			break;
	}

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == n &&
		    !strncasecmp(units[i].name, scan->p, n)) {
			scan->p += n;
			scan->left -= n;
			*seconds = units[i].seconds;
			return (0);
		}
	}

	return (-1);
}
