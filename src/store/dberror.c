/*
 * What a statement's error means, and how it is told.
 *
 * The log gets the statement's name and the SQLSTATE and nothing else:
 * PostgreSQL's message may quote a value, and values are what people said. A
 * failure that repeats is counted, not repeated.
 */

#include <string.h>

#include "store/db.h"

#define ERROR_LOG_US	(10 * VG_USEC)	/* the same failure: one line per */

static struct {
	int64_t			logged_us;
	enum vg_statement	statement;
	uint32_t		unlogged;
} last;

static void	error_log(enum vg_statement, const char *);

/* No such schema, table, column, function. */
bool
vg_db_is_other_schema(const PGresult *res)
{
	const char	*code;

	if ((code = PQresultErrorField(res, PG_DIAG_SQLSTATE)) == NULL)
		return (false);
	return (!strcmp(code, "3F000") || !strncmp(code, "4288", 4) ||
	    !strcmp(code, "42P01") || !strcmp(code, "42703"));
}

enum vg_db_status
vg_db_refusal(enum vg_statement statement, const PGresult *res)
{
	const char	*code;

	code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (code == NULL)
		code = "";
	/* lock_not_available: two of them are asked again, as often as need be. */
	if (!strcmp(code, "55P03") && (statement == VG_ST_TURN_COMMIT ||
	    statement == VG_ST_TURN_CLAIM))
		return (VG_DB_LOCKED);
	error_log(statement, code);

	/* query_canceled, lock_not_available: its time was up. */
	if (!strcmp(code, "57014") || !strcmp(code, "55P03")) {
		vg_stats.timeouts++;
		return (!strcmp(code, "55P03") ? VG_DB_LOCKED : VG_DB_TIMEOUT);
	}
	/*
	 * Not a primary any more, or not the statements that were prepared
	 * (dropped behind a pooler, or the schema moved on), or the server is
	 * going: another connection is the cure.
	 */
	if (!strcmp(code, "25006") || !strcmp(code, "26000") ||
	    !strcmp(code, "0A000") || !strncmp(code, "57P0", 4))
		return (VG_DB_AWAY);
	return (VG_DB_ERROR);
}

static void
error_log(enum vg_statement statement, const char *code)
{
	int64_t		now;

	now = vg_store_now_us();
	if (last.logged_us != 0 && last.statement == statement &&
	    now - last.logged_us < ERROR_LOG_US) {
		last.unlogged++;
		return;
	}
	vg_db_log(VG_LOG_ERROR, "database: %s failed, SQLSTATE %s "
	    "(%u more not shown)", vg_statements[statement].name, code,
	    last.unlogged);
	last.logged_us = now;
	last.statement = statement;
	last.unlogged = 0;
}
