#ifndef TESTS_OPENAPI_CHECK_H
#define TESTS_OPENAPI_CHECK_H

/* Between openapi.c and openapi_answers.c: why something is not as documented. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define WHY_SIZE	512

struct check {
	char	*why;
	size_t	size;
};

/* Says why, and where; false, for the caller to return. */
static inline bool
no(struct check *c, const char *at, const char *fmt, ...)
{
	char	what[WHY_SIZE];
	va_list	args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)snprintf(c->why, c->size, "%s: %s", at, what);
	return (false);
}

#endif
