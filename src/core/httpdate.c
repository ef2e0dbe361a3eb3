/*
 * HTTP-date (RFC 9110 5.6.7): Date, Last-Modified, If-Modified-Since.
 *
 * One form is written, three must be understood: IMF-fixdate, the two-digit
 * year of RFC 850, and what asctime() makes. The day's name has to be a name
 * but not the right one: it carries no information, and a sender that gets it
 * wrong still means the date it wrote.
 */

#include <stdio.h>
#include <string.h>

#include "core/civil.h"
#include "core/timestamp.h"

static const char	*const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};
static const char	*const weekdays[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
	"Saturday"
};

static int	month_parse(const char *);
static int	weekday_skip(const char **, size_t *, bool, const char *);

int
vg_imfdate_format(char *buf, size_t size, int64_t us)
{
	struct vg_civil	c;
	int		n;

	if (vg_civil_from_us(&c, us) == -1)
		return (-1);

	n = snprintf(buf, size, "%.3s, %02d %s %04d %02d:%02d:%02d GMT",
	    weekdays[c.weekday], c.day, months[c.month - 1], (int)c.year,
	    c.hour, c.minute, c.second);
	if (n < 0 || (size_t)n >= size)
		return (-1);

	return (n);
}

int
vg_httpdate_parse(int64_t *us, const char *text, size_t len, int64_t now_us)
{
	struct vg_civil	c, now;
	const char	*p;
	size_t		left;
	int		year;

	memset(&c, 0, sizeof(c));
	p = text;
	left = len;

	if (weekday_skip(&p, &left, false, ", ") == 0 && left == 24) {
		/* 06 Nov 1994 08:49:37 GMT */
		if (vg_civil_digits(p, 2, &c.day) == -1 || p[2] != ' ' ||
		    (c.month = month_parse(p + 3)) == -1 || p[6] != ' ' ||
		    vg_civil_digits(p + 7, 4, &year) == -1 || p[11] != ' ' ||
		    vg_civil_clock(&c, p + 12) == -1 ||
		    memcmp(p + 20, " GMT", 4) != 0)
			return (-1);
	} else if (p = text, left = len,
	    weekday_skip(&p, &left, true, ", ") == 0 && left == 22) {
		/* 06-Nov-94 08:49:37 GMT */
		if (vg_civil_digits(p, 2, &c.day) == -1 || p[2] != '-' ||
		    (c.month = month_parse(p + 3)) == -1 || p[6] != '-' ||
		    vg_civil_digits(p + 7, 2, &year) == -1 || p[9] != ' ' ||
		    vg_civil_clock(&c, p + 10) == -1 ||
		    memcmp(p + 18, " GMT", 4) != 0 ||
		    vg_civil_from_us(&now, now_us) == -1)
			return (-1);
		/*
		 * Two digits are the latest year that ends in them and is not
		 * more than 50 years ahead (RFC 9110 5.6.7).
		 */
		year += (int)(now.year - now.year % 100);
		if (year > now.year + 50)
			year -= 100;
		else if (year <= now.year - 50)
			year += 100;
	} else if (p = text, left = len,
	    weekday_skip(&p, &left, false, " ") == 0 && left == 20) {
		/* Nov  6 08:49:37 1994 */
		if ((c.month = month_parse(p)) == -1 || p[3] != ' ' ||
		    p[6] != ' ' || vg_civil_clock(&c, p + 7) == -1 ||
		    p[15] != ' ' || vg_civil_digits(p + 16, 4, &year) == -1)
			return (-1);
		if (p[4] == ' ') {
			if (vg_civil_digits(p + 5, 1, &c.day) == -1)
				return (-1);
		} else if (vg_civil_digits(p + 4, 2, &c.day) == -1) {
			return (-1);
		}
	} else {
		return (-1);
	}

	c.year = year;
	if (c.second == 60)	/* the grammar allows it, the scale has it not */
		c.second = 59;
	if (!vg_civil_valid(&c))
		return (-1);

	*us = vg_civil_to_s(&c) * VG_CIVIL_USEC;
	return (0);
}

static int
month_parse(const char *p)
{
	int		i;

	for (i = 0; i < 12; i++) {
		if (memcmp(p, months[i], 3) == 0)
			return (i + 1);
	}

	return (-1);
}

/* The day's name, whole or its first three letters, and what follows it. */
static int
weekday_skip(const char **p, size_t *left, bool whole, const char *after)
{
	size_t		i, n;

	for (i = 0; i < 7; i++) {
		n = whole ? strlen(weekdays[i]) : 3;
		if (*left < n + strlen(after) ||
		    memcmp(*p, weekdays[i], n) != 0 ||
		    memcmp(*p + n, after, strlen(after)) != 0)
			continue;
		n += strlen(after);
		*p += n;
		*left -= n;
		return (0);
	}

	return (-1);
}
