#ifndef VG_CORE_CIVIL_H
#define VG_CORE_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_CIVIL_USEC	INT64_C(1000000)	/* microseconds in a second */
#define VG_CIVIL_DAY_S	INT64_C(86400)		/* seconds in a day */
#define VG_CIVIL_MIN_S	INT64_C(-62167219200)	/* 0000-01-01T00:00:00Z */
#define VG_CIVIL_MAX_S	INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

/* A point in time in UTC, as people write it. */
struct vg_civil {
	int64_t	year;
	int	month;		/* 1..12 */
	int	day;		/* 1..31 */
	int	hour;
	int	minute;
	int	second;
	int	usec;
	int	weekday;	/* 0: Sunday; set by vg_civil_from_us() alone */
};

/* civil.c */

/* 0, or -1 outside of the years 0000 to 9999. */
int	vg_civil_from_us(struct vg_civil *, int64_t us);
/* Seconds since the epoch of a valid civil time. */
int64_t	vg_civil_to_s(const struct vg_civil *);
/* Whether such a day and time of day exist (no leap second). */
bool	vg_civil_valid(const struct vg_civil *);
/* Exactly N digits at P: 0 / -1. */
int	vg_civil_digits(const char *p, size_t n, int *value);
/* hh:mm:ss, the eight bytes at P: 0 / -1, ranges unchecked. */
int	vg_civil_clock(struct vg_civil *, const char *p);

#endif
