#ifndef VG_CORE_WINDOW_H
#define VG_CORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_LIMITS_MAX		4		/* limits on one class */
#define VG_LIMIT_QUOTA_MAX	1000000000	/* cost units in one window */
#define VG_LIMIT_WINDOW_MAX	2678400		/* seconds, 31 days */
#define VG_LIMIT_NAME_MAX	32		/* bytes of a class name */
#define VG_MOVING_SLOTS		32		/* exact up to this quota */
#define VG_USEC			INT64_C(1000000)/* microseconds in a second */

#define VG_RATELIMIT_POLICY_SIZE 320	/* bytes, holds VG_LIMITS_MAX items */
#define VG_RATELIMIT_SIZE	96	/* bytes, holds one item */

enum vg_strategy {
	VG_STRATEGY_FIXED = 0,
	VG_STRATEGY_MOVING
};

struct vg_limit {
	int64_t	quota;		/* cost units, > 0 */
	int64_t	window_s;	/* seconds, > 0 */
};

struct vg_limits {
	struct vg_limit	item[VG_LIMITS_MAX];
	size_t		count;
};

/* What one limit says of one request. */
struct vg_quota {
	struct vg_limit	limit;
	bool		admitted;
	int64_t		used;		/* with this request, if admitted */
	int64_t		remaining;	/* 0..quota, after this request */
	int64_t		reset_us;	/* absolute: when quota comes back */
	int64_t		retry_us;	/* absolute: earliest admission of the
					   same cost; == now when admitted */
};

/*
 * The moving window's memory of one client: admissions of the last window,
 * oldest first. Up to VG_MOVING_SLOTS distinct moments it is an exact log.
 * Beyond, two neighbours become one at the later moment: cost is then held a
 * little too long, never let go too early.
 */
struct vg_moving {
	uint32_t	nslots;
	uint32_t	cost[VG_MOVING_SLOTS];
	int64_t		at_us[VG_MOVING_SLOTS];
};

/* window.c: pure. Times are microseconds since the epoch. */

/* Start of the fixed window that holds NOW: windows count from the epoch. */
int64_t	vg_window_start(int64_t now_us, int64_t window_s);

/*
 * Fixed window: USED is the cost admitted in the present window before this
 * request. COST 0 asks without taking. A COST over the quota is never
 * admitted; its retry is the next window all the same.
 */
void	vg_fixed_quota(struct vg_quota *, const struct vg_limit *, int64_t used,
	    int64_t cost, int64_t now_us);

/*
 * As told by a store that counts by itself (SQL): ADMITTED, cost USED with this
 * request, and the two absolute moments.
 */
void	vg_quota_from_store(struct vg_quota *, const struct vg_limit *,
	    bool admitted, int64_t used, int64_t reset_us, int64_t retry_us,
	    int64_t now_us);

/*
 * Moving window: never more than quota in any half-open span of window_s. The
 * memory is only changed when the request is admitted and TAKE is true. A NOW
 * before the newest admission (a clock set back) counts as that moment.
 */
void	vg_moving_init(struct vg_moving *);
void	vg_moving_quota(struct vg_quota *, struct vg_moving *,
	    const struct vg_limit *, int64_t cost, int64_t now_us, bool take);
/* When the last of it is forgotten; 0 for an empty memory. */
int64_t	vg_moving_expiry(const struct vg_moving *, int64_t window_s);

/*
 * Which of N answers to tell: the refused one that lasts longest, else the one
 * with the least remaining (then the later reset). N > 0.
 */
const struct vg_quota	*vg_quota_tightest(const struct vg_quota *, size_t n);

/* Whole seconds, rounded up, at least 1. */
int64_t	vg_retry_after(const struct vg_quota *, int64_t now_us);
/* Whole seconds, rounded up, at least 0. */
int64_t	vg_reset_after(const struct vg_quota *, int64_t now_us);

/* limits.c */

/*
 * `10/minute;100/hour`, also `10/30s`, `10/2 minutes`, `10 per minute`:
 * separators ; or , and units second, minute, hour, day (s, m, min, h, d;
 * plural too). No two with one window. 0 / -1.
 */
int	vg_limits_parse(struct vg_limits *, const char *text, size_t len);
/* As `10/60s;100/3600s`; 0, or -1 when SIZE is too small. */
int	vg_limits_format(char *buf, size_t size, const struct vg_limits *);
/* One limit of QUOTA a minute; 0, or -1 out of range. */
int	vg_limits_per_minute(struct vg_limits *, int64_t quota);
/* Each quota divided by PARTS, at least 1. */
void	vg_limits_divide(struct vg_limits *, const struct vg_limits *,
	    int64_t parts);

/*
 * Field values (structured fields, RFC 9651; NAME is [a-z0-9_-], at most
 * VG_LIMIT_NAME_MAX). Several limits: the first is called NAME, each further
 * one NAME-<window in seconds>, in both fields alike. Return the length, or -1
 * when SIZE is too small or NAME is not one.
 *	RateLimit-Policy: "session";q=10;w=60
 *	RateLimit: "session";r=3;t=41
 */
int	vg_ratelimit_policy(char *buf, size_t size, const char *name,
	    const struct vg_limits *);
int	vg_ratelimit(char *buf, size_t size, const char *name,
	    const struct vg_limits *, const struct vg_quota *, int64_t now_us);
/* X-RateLimit-Reset: whole seconds since the epoch, rounded up (window.c). */
int64_t	vg_ratelimit_reset_epoch(const struct vg_quota *);

#endif
