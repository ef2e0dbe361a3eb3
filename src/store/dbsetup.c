/*
 * What a fresh connection needs before it serves: settings, every prepared
 * statement, LISTEN. All of it goes out in one pipeline, one round trip; the
 * first error ends it, and with it the attempt.
 */

#include <stdio.h>

#include "store/db.h"

/* It has our name, and has not moved since it was given up. */
static const char	end_backend[] =
    "SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a "
    "WHERE a.pid = $1 AND a.usename = current_user "
    "AND a.application_name = current_setting('application_name') "
    "AND a.state = 'active' AND a.query_start < now() - interval '1 s'";

int
vg_db_setup_send(PGconn *pg, int left_pid)
{
	const struct vg_statement_def	*s;
	const char			*value;
	char				pid[16];
	size_t				i;

	/* First, as who logged in: the role that comes next may not. */
	(void)snprintf(pid, sizeof(pid), "%d", left_pid);
	value = pid;
	if (left_pid > 0 && !PQsendQueryParams(pg, end_backend, 1, NULL, &value,
	    NULL, NULL, 0))
		return (-1);
	for (i = 0; vg_connection_setup[i] != NULL; i++) {
		if (!PQsendQueryParams(pg, vg_connection_setup[i], 0, NULL,
		    NULL, NULL, NULL, 0))
			return (-1);
	}
	for (i = 0; i < VG_ST_MAX; i++) {
		s = &vg_statements[i];
		if (!PQsendPrepare(pg, s->name, s->sql, s->nparams, s->type))
			return (-1);
	}
	return (PQpipelineSync(pg) ? 0 : -1);
}

int
vg_db_setup_read(PGconn *pg, char *why, size_t size)
{
	ExecStatusType	status;
	PGresult	*res;
	int		nulls;

	if (!PQconsumeInput(pg)) {
		snprintf(why, size, "%s", PQerrorMessage(pg));
		return (-1);
	}
	/* One null ends a statement, two mean that nothing has come. */
	for (nulls = 0; nulls < 2 && !PQisBusy(pg);) {
		if ((res = PQgetResult(pg)) == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		status = PQresultStatus(res);
		if (status == PGRES_FATAL_ERROR ||
		    status == PGRES_PIPELINE_ABORTED) {
			snprintf(why, size, "%s%s",
			    vg_db_is_other_schema(res) ? "the schema is not "
			    "this version's: run voicegate --migrate; " : "",
			    PQresultErrorMessage(res));
			PQclear(res);
			return (-1);
		}
		PQclear(res);
		if (status == PGRES_PIPELINE_SYNC)
			return (1);
	}
	return (0);
}
