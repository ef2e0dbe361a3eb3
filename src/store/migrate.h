#ifndef VG_STORE_MIGRATE_H
#define VG_STORE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One numbered file of assets/sql/, embedded. */
struct vg_migration {
	int		version;	/* 1.., without gaps */
	const char	*name;		/* the file's name */
	const uint8_t	*sql;
	const uint32_t	*len;		/* bytes, without the NUL behind */
};

/* migrations.c: the one table, in order; tests compare it with the folder. */
extern const struct vg_migration	vg_migrations[];
extern const size_t			vg_migrations_count;

/* A line of progress, without newline. */
typedef void	(*vg_migrate_say)(void *, const char *line);

/*
 * migrate.c: parent or --migrate, blocking; never in a worker.
 *
 * Brings the schema up: each migration in a transaction of its own, all of it
 * under one advisory lock, so that two that start at once do it once. Waits up
 * to WAIT_S seconds for a database that does not accept connections yet, and
 * says so after one.
 * Returns the number of migrations applied, or -1 with ERROR in words for an
 * operator: unreachable, newer than this binary, edited after it was applied,
 * not UTF-8, or what PostgreSQL said.
 */
int	vg_migrate(const char *url, int wait_s, vg_migrate_say, void *arg,
	    char *error, size_t size);

/*
 * Whether the schema is the one of this binary: 0 current, 1 behind (run
 * --migrate), -1 with ERROR as above. Changes nothing.
 */
int	vg_migrate_check(const char *url, int wait_s, char *error, size_t size);

#endif
