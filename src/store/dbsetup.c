/*
 * What a fresh connection needs before it serves: settings, every prepared
 * statement, LISTEN. All of it goes out in one pipeline, one round trip; the
 * first error ends it, and with it the attempt.
 */

#include <stdio.h>

#include "store/db.h"

int
vg_db_setup_send(PGconn *pg)
{
	const struct vg_statement_def	*s;
	size_t				i;

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
			snprintf(why, size, "%s", PQresultErrorMessage(res));
			PQclear(res);
			return (-1);
		}
		PQclear(res);
		if (status == PGRES_PIPELINE_SYNC)
			return (1);
	}
	return (0);
}
