/*
 * The calendar: days and seconds since the epoch, to and from civil time.
 *
 * strftime() and timegm() would need a locale to be right and a time zone file
 * to be reachable, and a chrooted worker under a system call filter has
 * neither to rely on. The proleptic Gregorian calendar is a page of integer
 * arithmetic (days counted in eras of 400 years, the year starting in March so
 * that the leap day comes last), so it is done here, pure. Leap seconds do not
 * exist on this scale, as they do not in POSIX time.
 */

#include "core/civil.h"

static int64_t	days_from_civil(int64_t, int, int);

int
vg_civil_from_us(struct vg_civil *c, int64_t us)
{
	int64_t		s, days, rest, era, doe, yoe, doy, mp;

	s = us / VG_CIVIL_USEC;
	c->usec = (int)(us % VG_CIVIL_USEC);
	if (c->usec < 0) {
		c->usec += (int)VG_CIVIL_USEC;
		s--;
	}
	if (s < VG_CIVIL_MIN_S || s > VG_CIVIL_MAX_S)
		return (-1);

	days = s / VG_CIVIL_DAY_S;
	rest = s % VG_CIVIL_DAY_S;
	if (rest < 0) {
		rest += VG_CIVIL_DAY_S;
		days--;
	}
	c->hour = (int)(rest / 3600);
	c->minute = (int)(rest % 3600 / 60);
	c->second = (int)(rest % 60);
	c->weekday = (int)(((days + 4) % 7 + 7) % 7);	/* 1970: a Thursday */

	days += 719468;		/* from 0000-03-01 on */
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = yoe + era * 400 + (c->month <= 2 ? 1 : 0);

	return (0);
}

int64_t
vg_civil_to_s(const struct vg_civil *c)
{
	return (days_from_civil(c->year, c->month, c->day) * VG_CIVIL_DAY_S +
	    (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + c->second);
}

bool
vg_civil_valid(const struct vg_civil *c)
{
	static const int	length[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	int			max;

	if (c->month < 1 || c->month > 12)
		return (false);

	max = length[c->month - 1];
	if (c->month == 2 && c->year % 4 == 0 &&
	    (c->year % 100 != 0 || c->year % 400 == 0))
		max++;

	return (c->day >= 1 && c->day <= max && c->hour <= 23 &&
	    c->minute <= 59 && c->second <= 59);
}

int
vg_civil_digits(const char *p, size_t n, int *value)
{
	size_t		i;

	*value = 0;
	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return (-1);
		*value = *value * 10 + (p[i] - '0');
	}

	return (0);
}

int
vg_civil_clock(struct vg_civil *c, const char *p)
{
	if (vg_civil_digits(p, 2, &c->hour) == -1 || p[2] != ':' ||
	    vg_civil_digits(p + 3, 2, &c->minute) == -1 || p[5] != ':' ||
	    vg_civil_digits(p + 6, 2, &c->second) == -1)
		return (-1);

	return (0);
}

static int64_t
days_from_civil(int64_t year, int month, int day)
{
	int64_t		era, yoe, doy, doe;

	if (month <= 2)
		year--;
	era = (year >= 0 ? year : year - 399) / 400;
	yoe = year - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (era * 146097 + doe - 719468);
}
