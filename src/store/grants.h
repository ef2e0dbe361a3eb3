#ifndef VG_STORE_GRANTS_H
#define VG_STORE_GRANTS_H

/* Within the store only: the two roles, as --migrate sees to them. */

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

#define VG_GRANTS_ADVICE_SIZE	640	/* bytes of what is to be done + NUL */

/* grants.c: blocking, never in a worker. */

/*
 * The privileges of the roles by the schema's own grant_roles(), where this login
 * owns the schema. 0 / -1: PQerrorMessage() says why.
 */
int	vg_grants_renew(PGconn *);
/*
 * Which of the roles the cluster lacks, or that the owner may not become the
 * server's, and what a superuser does about it, into ADVICE; "" where all is
 * there. 0 / -1: PQerrorMessage() says why.
 */
int	vg_grants_advice(PGconn *, char *advice, size_t size);

#endif
