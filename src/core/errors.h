#ifndef VG_CORE_ERRORS_H
#define VG_CORE_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define VG_ERROR_NAME_SIZE	64	/* bytes, with the NUL */
#define VG_ERROR_VALUE_SIZE	128	/* bytes, with the NUL; longer is cut */
#define VG_ERROR_TEXT_SIZE	320	/* bytes, with the NUL; longer is cut */
#define VG_ERRORS_MAX		96	/* errors kept; more are counted */
#define VG_WARNINGS_MAX		32	/* warnings kept; more are counted */

struct vg_error {
	char	name[VG_ERROR_NAME_SIZE];	/* the setting, or ".env" */
	bool	has_value;
	char	value[VG_ERROR_VALUE_SIZE];	/* escaped; *** for a secret */
	char	text[VG_ERROR_TEXT_SIZE];	/* what is allowed */
};

/*
 * Every error and every warning of one run, owned by the caller. It holds no
 * pointer and needs no memory of its own, so that reporting never fails; about
 * 64 KiB, so it belongs in static or heap memory, or once on a deep stack.
 */
struct vg_errors {
	size_t		nerrors;	/* found, may exceed VG_ERRORS_MAX */
	size_t		nwarnings;	/* found, may exceed VG_WARNINGS_MAX */
	struct vg_error	error[VG_ERRORS_MAX];
	struct vg_error	warning[VG_WARNINGS_MAX];
};

/* errors.c */
void	vg_errors_init(struct vg_errors *);

/*
 * Adds one error (or warning) about NAME. VALUE (LEN bytes, any bytes) is
 * copied with control bytes escaped; NULL: no value is shown. Never fails.
 * A NULL list is allowed: the report is then dropped.
 */
void	vg_errors_add(struct vg_errors *, const char *name, const char *value,
	    size_t len, const char *fmt, ...)
	    __attribute__((format (printf, 5, 6)));
void	vg_errors_warn(struct vg_errors *, const char *name, const char *value,
	    size_t len, const char *fmt, ...)
	    __attribute__((format (printf, 5, 6)));

/* One line each: `error: NAME="value": text`, warnings after the errors. */
void	vg_errors_print(const struct vg_errors *, FILE *);

#endif
