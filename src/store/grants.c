/*
 * The two roles. They are the cluster's, not the database's: a dump of the
 * database lacks them, and a restore into a cluster without them loses every
 * privilege. So --migrate grants anew on every run what role_privilege says, and
 * says on every run what is missing: a server that can become no
 * voicegate_server works with all that its login may.
 */

#include <stdio.h>
#include <string.h>

#include "store/grants.h"

static const char	owner_sql[] =
"SELECT pg_catalog.pg_get_userbyid(n.nspowner) = current_user "
"FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'voicegate'";

/*
 * The names of those that are missing (null: none), the statements that make
 * them, the owner, and whether this login is the owner and cannot become the
 * server's role.
 */
static const char	missing_sql[] =
"SELECT pg_catalog.string_agg(w.role, ' and ' ORDER BY w.i)"
"	FILTER (WHERE r.oid IS NULL), "
"    pg_catalog.string_agg('CREATE ROLE ' || w.role || ' NOLOGIN; ', ''"
"	ORDER BY w.i) FILTER (WHERE r.oid IS NULL), "
"    pg_catalog.quote_ident(o.owner), "
"    o.owner = current_user AND pg_catalog.bool_or("
"	w.role = 'voicegate_server'"
"	AND NOT pg_catalog.pg_has_role(r.oid, 'MEMBER')) "
"FROM (SELECT pg_catalog.pg_get_userbyid(n.nspowner) AS owner"
"	FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'voicegate') AS o, "
"    pg_catalog.unnest(ARRAY['voicegate_server', 'voicegate_operator'])"
"	WITH ORDINALITY AS w (role, i) "
"    LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = w.role "
"GROUP BY o.owner";

int
vg_grants_renew(PGconn *pg)
{
	PGresult	*res;
	int		ret = -1;

	res = PQexec(pg, owner_sql);
	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
		goto out;
	/* Nobody else may even name the function, be it for no row. */
	if (!strcmp(PQgetvalue(res, 0, 0), "t")) {
		PQclear(res);
		res = PQexec(pg, "SELECT voicegate.grant_roles()");
	}
	ret = PQresultStatus(res) == PGRES_TUPLES_OK ? 0 : -1;
out:
	PQclear(res);
	return (ret);
}

int
vg_grants_advice(PGconn *pg, char *advice, size_t size)
{
	const char	*owner;
	PGresult	*res;
	int		ret = -1;

	advice[0] = '\0';
	res = PQexec(pg, missing_sql);
	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
		goto out;
	owner = PQgetvalue(res, 0, 2);
	if (!PQgetisnull(res, 0, 0))
		snprintf(advice, size, "%s missing, and this login may not make "
		    "roles: servers have all the rights of their login. As a "
		    "superuser: %sGRANT voicegate_server, voicegate_operator TO "
		    "%s; then voicegate --migrate again",
		    PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), owner);
	else if (!strcmp(PQgetvalue(res, 0, 3), "t"))
		snprintf(advice, size, "%s is no member of voicegate_server: a "
		    "server that logs in as %s has all its rights. As a "
		    "superuser: GRANT voicegate_server, voicegate_operator TO "
		    "%s", owner, owner, owner);
	ret = 0;
out:
	PQclear(res);
	return (ret);
}
