#ifndef TESTS_DRILL_H
#define TESTS_DRILL_H

/*
 * What the drills of the limits start with: a PostgreSQL of their own, and how
 * long they are to go on.
 */

#include "lib/cluster.h"
#include "wire.h"

static struct cluster	pg;

static inline int
pg_setup(void **state)
{
	(void)state;
	cluster_create(&pg);
	database_migrate(pg.url);
	return (0);
}

static inline int
pg_teardown(void **state)
{
	(void)state;
	cluster_remove(&pg);
	return (0);
}

/* The number that the environment has by this name, or OTHERWISE. */
static inline long
drill_number(const char *name, long otherwise)
{
	const char	*text = getenv(name);

	return (text != NULL && *text != '\0' ? atol(text) : otherwise);
}

#endif
