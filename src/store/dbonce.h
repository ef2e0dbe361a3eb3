#ifndef VG_STORE_DBONCE_H
#define VG_STORE_DBONCE_H

/* Within the store only: a connection that blocks, for commands. */

#include <stddef.h>

#include <libpq-fe.h>

/* dbonce.c: parent or a command, never a worker. */

/*
 * Each address of the URL in turn, a few seconds for all of them. The last
 * attempt, whose PQstatus() says whether it is a connection, for PQfinish();
 * NULL with ERROR: the URL is no good, or memory is short.
 */
PGconn	*vg_db_once(const char *url, char *error, size_t size);
/*
 * The same for a command: ready, with the search path fixed; or NULL with ERROR
 * in words.
 */
PGconn	*vg_db_command(const char *url, char *error, size_t size);
/*
 * Why RES is no success, into ERROR, as a status of sysexits(3): 77 where the
 * login may not (NEEDS says who may), 70 where the schema is another, else 69.
 */
int	vg_db_command_status(const PGresult *, const char *needs, char *error,
	    size_t size);

#endif
