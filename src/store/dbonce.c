/*
 * One connection, waited for: what the parent and the commands of the executable
 * use. Workers never do (db.c).
 */

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "store/db.h"
#include "store/dbonce.h"
#include "store/dburl.h"

#define CONNECT_S	"5"		/* seconds for one try at all hosts */

PGconn *
vg_db_once(const char *url, char *error, size_t size)
{
	struct vg_dburl_keywords	k;
	struct vg_dburl			u;
	PGconn				*pg;
	size_t				i;

	pg = NULL;
	if (vg_dburl_parse(&u, url, error, size) == -1)
		return (NULL);
	for (i = 0; i < u.nhosts; i++) {
		vg_dburl_keywords(&k, &u, i);
		k.keyword[k.count] = "connect_timeout";
		k.value[k.count++] = CONNECT_S;
		k.keyword[k.count] = NULL;
		k.value[k.count] = NULL;
		PQfinish(pg);
		pg = PQconnectdbParams(k.keyword, k.value, 0);
		if (PQstatus(pg) == CONNECTION_OK)
			break;
	}
	vg_dburl_free(&u);
	if (pg == NULL)
		snprintf(error, size, "out of memory");
	return (pg);
}

PGconn *
vg_db_command(const char *url, char *error, size_t size)
{
	const char	*text;
	PGconn		*pg;
	PGresult	*res;

	if ((pg = vg_db_once(url, error, size)) == NULL)
		return (NULL);
	if (PQstatus(pg) == CONNECTION_OK) {
		res = PQexec(pg, "SET search_path = pg_catalog; "
		    "SET client_min_messages = warning; SET TimeZone = 'UTC'; "
		    "SET enable_seqscan = off");
		if (PQresultStatus(res) == PGRES_COMMAND_OK) {
			PQclear(res);
			return (pg);
		}
		PQclear(res);
	}
	text = PQerrorMessage(pg);
	snprintf(error, size, "cannot connect to the database: %.*s",
	    (int)strcspn(text, "\n"), text);
	PQfinish(pg);
	return (NULL);
}

int
vg_db_command_status(const PGresult *res, const char *needs, char *error,
    size_t size)
{
	const char	*code, *text;

	code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (code == NULL)
		code = "";
	if (!strcmp(code, "42501")) {
		snprintf(error, size, "this login may not: %s", needs);
		return (EX_NOPERM);
	}
	if (vg_db_is_other_schema(res)) {
		snprintf(error, size, "the schema is not this version's: run "
		    "voicegate --migrate");
		return (EX_SOFTWARE);
	}
	/* PostgreSQL's message may quote a value; its code does not. */
	text = code[0] != '\0' ? code : "the connection was lost";
	snprintf(error, size, "the database refused: %s%s",
	    code[0] != '\0' ? "SQLSTATE " : "", text);
	return (EX_UNAVAILABLE);
}
