/*
 * The list of what is wrong with a configuration.
 *
 * An operator who fixes one line, restarts and is told about the next one
 * wastes an outage. So the parsers of settings never stop at the first error:
 * each adds a line here, and the process prints them all before it exits.
 *
 * The list is a plain struct of fixed size. Reporting must work when nothing
 * else does, memory included, and a caller must never have to ask who frees a
 * message. What does not fit is counted, so that the sum stays true.
 *
 * Values come from files and the environment, that is from anywhere: they are
 * escaped on the way in, since they end on a terminal or in a log. A caller
 * passes "***" where the value is a secret.
 */

#include <stdarg.h>
#include <string.h>

#include "core/errors.h"
#include "core/logesc.h"

static void	error_fill(struct vg_error *, const char *, const char *, size_t,
		    const char *, va_list) __attribute__((format (printf, 5, 0)));
static void	error_print(const struct vg_error *, const char *, FILE *);

void
vg_errors_init(struct vg_errors *errs)
{
	errs->nerrors = 0;
	errs->nwarnings = 0;
}

void
vg_errors_add(struct vg_errors *errs, const char *name, const char *value,
    size_t len, const char *fmt, ...)
{
	va_list		args;

	if (errs == NULL)
		return;

	if (errs->nerrors < VG_ERRORS_MAX) {
		va_start(args, fmt);
		error_fill(&errs->error[errs->nerrors], name, value, len, fmt,
		    args);
		va_end(args);
	}

	errs->nerrors++;
}

void
vg_errors_warn(struct vg_errors *errs, const char *name, const char *value,
    size_t len, const char *fmt, ...)
{
	va_list		args;

	if (errs == NULL)
		return;

	if (errs->nwarnings < VG_WARNINGS_MAX) {
		va_start(args, fmt);
		error_fill(&errs->warning[errs->nwarnings], name, value, len,
		    fmt, args);
		va_end(args);
	}

	errs->nwarnings++;
}

void
vg_errors_print(const struct vg_errors *errs, FILE *fp)
{
	size_t		i;

	for (i = 0; i < errs->nerrors && i < VG_ERRORS_MAX; i++)
		error_print(&errs->error[i], "error", fp);
	if (errs->nerrors > VG_ERRORS_MAX) {
		(void)fprintf(fp, "error: and %zu more\n",
		    errs->nerrors - VG_ERRORS_MAX);
	}

	for (i = 0; i < errs->nwarnings && i < VG_WARNINGS_MAX; i++)
		error_print(&errs->warning[i], "warning", fp);
	if (errs->nwarnings > VG_WARNINGS_MAX) {
		(void)fprintf(fp, "warning: and %zu more\n",
		    errs->nwarnings - VG_WARNINGS_MAX);
	}
}

static void
error_fill(struct vg_error *err, const char *name, const char *value,
    size_t len, const char *fmt, va_list args)
{
	char		text[VG_ERROR_TEXT_SIZE];

	(void)vg_log_escape(err->name, sizeof(err->name), name, strlen(name));

	err->has_value = value != NULL;
	if (value != NULL)
		(void)vg_log_escape(err->value, sizeof(err->value), value, len);
	else
		err->value[0] = '\0';

	/*
	 * A message may quote the value too, by %s: no control byte gets
	 * through it, but the quotation marks of our own words stay.
	 */
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	(void)vg_log_clean(err->text, sizeof(err->text), text, strlen(text));
}

static void
error_print(const struct vg_error *err, const char *kind, FILE *fp)
{
	if (err->has_value) {
		(void)fprintf(fp, "%s: %s=\"%s\": %s\n", kind, err->name,
		    err->value, err->text);
	} else {
		(void)fprintf(fp, "%s: %s: %s\n", kind, err->name, err->text);
	}
}
