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

/* A line of progress, or a warning; without newline. */
typedef void	(*vg_migrate_say)(void *, bool warning, const char *line);

#define VG_MIGRATE_AWAY	(-2)	/* vg_migrate(): there was no connection */

/*
 * migrate.c: parent or --migrate, blocking; never in a worker.
 *
 * Brings the schema up: each migration in a transaction of its own, all of it
 * under one advisory lock, so that two that start at once do it once. Waits up
 * to WAIT_S seconds for a database that does not accept connections yet, and
 * says so after one.
 * The privileges of the roles are granted anew, where this login owns the
 * schema, and roles that are missing are warned of. A schema that is newer than
 * this binary is warned of and left as it is.
 *
 * Returns the number of migrations applied; VG_MIGRATE_AWAY where there was no
 * connection, or -1: edited after it was applied, not UTF-8, or what PostgreSQL
 * refused. ERROR then says so in words for an operator.
 */
int	vg_migrate(const char *url, int wait_s, vg_migrate_say, void *arg,
	    char *error, size_t size);

#endif
