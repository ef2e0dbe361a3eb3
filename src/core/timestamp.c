/*
 * Points in time as RFC 3339 text, in JSON answers and in log lines.
 *
 * Times are microseconds since the epoch throughout the project, as PostgreSQL
 * keeps them; this is the only place where they become text and back. The
 * calendar is in civil.c, the dates of HTTP's header fields in httpdate.c.
 */

#include <string.h>

#include "core/civil.h"
#include "core/decimal.h"
#include "core/timestamp.h"

int
vg_rfc3339_format(char *buf, size_t size, int64_t us, unsigned ndigits)
{
	struct vg_civil	c;
	char		fraction[6];
	size_t		n;

	if (vg_civil_from_us(&c, us) == -1 || ndigits > 6)
		return (-1);
	n = sizeof("YYYY-MM-DDThh:mm:ssZ") - 1 + (ndigits > 0 ? 1 + ndigits : 0);
	if (n >= size)
		return (-1);

	/* Once a log line: printf(3) would take longer than all the rest. */
	memcpy(buf, "YYYY-MM-DDThh:mm:ss", 19);
	vg_decimal_padded(buf, 4, (uint32_t)c.year);
	vg_decimal_padded(buf + 5, 2, (uint32_t)c.month);
	vg_decimal_padded(buf + 8, 2, (uint32_t)c.day);
	vg_decimal_padded(buf + 11, 2, (uint32_t)c.hour);
	vg_decimal_padded(buf + 14, 2, (uint32_t)c.minute);
	vg_decimal_padded(buf + 17, 2, (uint32_t)c.second);
	if (ndigits > 0) {
		vg_decimal_padded(fraction, sizeof(fraction), (uint32_t)c.usec);
		buf[19] = '.';
		memcpy(buf + 20, fraction, ndigits);
	}
	buf[n - 1] = 'Z';
	buf[n] = '\0';

	return ((int)n);
}

int
vg_rfc3339_parse(int64_t *us, const char *text, size_t len)
{
	struct vg_civil	c;
	int64_t		s, offset;
	size_t		i, n;
	int		v[2], year, scale;
	bool		leap;

	/* 2026-01-02T03:04:05 is 19 bytes, then a fraction and the offset. */
	if (len < 20)
		return (-1);
	if (vg_civil_digits(text, 4, &year) == -1 || text[4] != '-' ||
	    vg_civil_digits(text + 5, 2, &c.month) == -1 || text[7] != '-' ||
	    vg_civil_digits(text + 8, 2, &c.day) == -1 ||
	    (text[10] != 'T' && text[10] != 't') ||
	    vg_civil_clock(&c, text + 11) == -1)
		return (-1);
	c.year = year;

	leap = c.second == 60;
	if (leap)
		c.second = 59;
	if (!vg_civil_valid(&c))
		return (-1);

	i = 19;
	c.usec = 0;
	if (text[i] == '.') {
		scale = 100000;
		for (n = ++i; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
			c.usec += (text[i] - '0') * scale;
			scale /= 10;
		}
		if (i == n)
			return (-1);
	}

	if (i == len)
		return (-1);
	offset = 0;
	if (text[i] == 'Z' || text[i] == 'z') {
		if (i + 1 != len)
			return (-1);
	} else if (text[i] == '+' || text[i] == '-') {
		if (len - i != 6 || text[i + 3] != ':' ||
		    vg_civil_digits(text + i + 1, 2, &v[0]) == -1 ||
		    vg_civil_digits(text + i + 4, 2, &v[1]) == -1 ||
		    v[0] > 23 || v[1] > 59)
			return (-1);
		offset = ((int64_t)v[0] * 60 + v[1]) * 60;
		if (text[i] == '-')
			offset = -offset;
	} else {
		return (-1);
	}

	s = vg_civil_to_s(&c) - offset;
	if (leap) {
		if (((s % VG_CIVIL_DAY_S) + VG_CIVIL_DAY_S) % VG_CIVIL_DAY_S != VG_CIVIL_DAY_S - 1)
			return (-1);
		s++;
		c.usec = 0;
	}
	if (s < VG_CIVIL_MIN_S || s > VG_CIVIL_MAX_S)
		return (-1);

	*us = s * VG_CIVIL_USEC + c.usec;
	return (0);
}
