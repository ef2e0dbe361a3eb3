/*
 * The schema, brought up one numbered file after the other. All of it happens
 * under one advisory lock of the database, each file in a transaction of its
 * own together with its line in schema_version: a process that dies half-way
 * leaves whole steps, and two that start at once do each step once.
 *
 * An applied file is never edited: its checksum is kept, and a binary that has
 * other bytes under that number refuses to go on, as does one that is older
 * than the database.
 */

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/migrate.h"

#define LOCK_SQL	"SELECT pg_catalog.pg_advisory_lock("		\
	"pg_catalog.hashtextextended('voicegate.migrate', 0))"
#define RETRY_MS	200	/* between two attempts to connect */

#define BASE_SQL							\
	"CREATE SCHEMA IF NOT EXISTS voicegate;"			\
	"CREATE TABLE IF NOT EXISTS voicegate.schema_version ("		\
	"version integer PRIMARY KEY, name text NOT NULL, "		\
	"checksum text NOT NULL, applied_at timestamptz NOT NULL "	\
	"DEFAULT now());"						\
	"COMMENT ON TABLE voicegate.schema_version IS "			\
	"'Migrations that were applied, one row each';"			\
	"COMMENT ON COLUMN voicegate.schema_version.version IS "	\
	"'Number of the migration; the highest is the schema''s';"	\
	"COMMENT ON COLUMN voicegate.schema_version.name IS "		\
	"'File it came from';"						\
	"COMMENT ON COLUMN voicegate.schema_version.checksum IS "	\
	"'SHA-256 of that file: an applied migration is never edited';"	\
	"COMMENT ON COLUMN voicegate.schema_version.applied_at IS "	\
	"'When it was applied'"

static void
explain(char *error, size_t size, const char *what, const char *libpq)
{
	int	len = (int)strcspn(libpq, "\n");

	(void)snprintf(error, size, "%s: %.*s", what, len, libpq);
}

static PGconn *
open_db(const char *url, int wait_s, char *error, size_t size)
{
	static const char *const	keywords[] = { "dbname", "application_name",
		"client_encoding", "connect_timeout", NULL };
	const char			*values[] = { url, "voicegate-migrate",
		"UTF8", "10", NULL };
	struct timespec			pause = { 0, RETRY_MS * 1000000L };
	PGconn				*db;
	int				left = wait_s * 1000 / RETRY_MS;

	for (;;) {
		db = PQconnectdbParams(keywords, values, 1);
		if (PQstatus(db) == CONNECTION_OK)
			break;
		/* Starting up is worth waiting for; a wrong password is not. */
		if (left-- <= 0 || PQconnectionNeedsPassword(db) ||
		    PQconnectionUsedPassword(db)) {
			explain(error, size, "cannot connect to the database",
			    PQerrorMessage(db));
			PQfinish(db);
			return (NULL);
		}
		PQfinish(db);
		(void)nanosleep(&pause, NULL);
	}
	if (strcmp(PQparameterStatus(db, "server_encoding"), "UTF8")) {
		(void)snprintf(error, size, "the database's encoding is %s; it "
		    "must be UTF8", PQparameterStatus(db, "server_encoding"));
		PQfinish(db);
		return (NULL);
	}
	return (db);
}

static int
run(PGconn *db, const char *sql, char *error, size_t size)
{
	PGresult	*res = PQexec(db, sql);
	ExecStatusType	status = PQresultStatus(res);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		explain(error, size, "the database refused", PQerrorMessage(db));
	PQclear(res);
	return (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -1);
}

/* PostgreSQL's own sha256() does it: no hash of ours. */
static PGresult *
with_file(PGconn *db, const char *sql, const struct vg_migration *m)
{
	const char	*values[3];
	char		number[16];
	int		lengths[3] = { 0, 0, (int)*m->len };
	int		formats[3] = { 0, 0, 1 };
	static const Oid types[3] = { 23, 25, 17 };	/* int4, text, bytea */

	(void)snprintf(number, sizeof(number), "%d", m->version);
	values[0] = number;
	values[1] = m->name;
	values[2] = (const char *)m->sql;
	return (PQexecParams(db, sql, 3, types, values, lengths, formats, 0));
}

/* 1 applied and the same, 0 not applied, -1 with ERROR. */
static int
applied(PGconn *db, const struct vg_migration *m, char *error, size_t size)
{
	PGresult	*res;
	int		state = -1;

	res = with_file(db, "SELECT v.checksum = encode(sha256($3), 'hex') "
	    "FROM voicegate.schema_version AS v WHERE v.version = $1 "
	    "AND $2::text IS NOT NULL", m);
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		explain(error, size, "the database refused", PQerrorMessage(db));
	else if (PQntuples(res) == 0)
		state = 0;
	else if (!strcmp(PQgetvalue(res, 0, 0), "t"))
		state = 1;
	else
		(void)snprintf(error, size, "migration %s was edited after it "
		    "was applied; restore it and add a new one", m->name);
	PQclear(res);
	return (state);
}

/* The highest version there is, 0 for none; -1 with ERROR. */
static int
newest(PGconn *db, char *error, size_t size)
{
	PGresult	*res;
	int		version = -1;

	res = PQexec(db, "SELECT CASE WHEN to_regclass("
	    "'voicegate.schema_version') IS NULL THEN 0 ELSE 1 END");
	if (PQresultStatus(res) == PGRES_TUPLES_OK &&
	    !strcmp(PQgetvalue(res, 0, 0), "0")) {
		PQclear(res);
		return (0);
	}
	PQclear(res);
	res = PQexec(db, "SELECT coalesce(max(version), 0) "
	    "FROM voicegate.schema_version");
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		version = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
	else
		explain(error, size, "the database refused", PQerrorMessage(db));
	PQclear(res);
	if (version > vg_migrations[vg_migrations_count - 1].version) {
		(void)snprintf(error, size, "the database's schema is version "
		    "%d, newer than this program's %d", version,
		    vg_migrations[vg_migrations_count - 1].version);
		return (-1);
	}
	return (version);
}

static int
apply(PGconn *db, const struct vg_migration *m, char *error, size_t size)
{
	PGresult	*res;
	bool		ok;

	if (run(db, "BEGIN", error, size) == -1 ||
	    run(db, (const char *)m->sql, error, size) == -1)
		goto fail;
	res = with_file(db, "INSERT INTO voicegate.schema_version "
	    "(version, name, checksum) VALUES ($1, $2, "
	    "encode(sha256($3), 'hex'))", m);
	if (!(ok = PQresultStatus(res) == PGRES_COMMAND_OK))
		explain(error, size, m->name, PQerrorMessage(db));
	PQclear(res);
	if (ok && run(db, "COMMIT", error, size) == 0)
		return (0);
fail:
	PQclear(PQexec(db, "ROLLBACK"));
	return (-1);
}

int
vg_migrate(const char *url, int wait_s, vg_migrate_say say, void *arg,
    char *error, size_t size)
{
	PGconn	*db;
	char	line[128];
	size_t	i;
	int	state, done = 0, result = -1;

	if ((db = open_db(url, wait_s, error, size)) == NULL)
		return (-1);
	if (run(db, "SET client_min_messages = warning", error, size) == -1 ||
	    run(db, LOCK_SQL, error, size) == -1 ||
	    newest(db, error, size) == -1 || run(db, BASE_SQL, error, size) == -1)
		goto out;
	for (i = 0; i < vg_migrations_count; i++) {
		if ((state = applied(db, &vg_migrations[i], error, size)) == -1)
			goto out;
		if (state == 1)
			continue;
		if (apply(db, &vg_migrations[i], error, size) == -1)
			goto out;
		done++;
		(void)snprintf(line, sizeof(line), "applied %s",
		    vg_migrations[i].name);
		if (say != NULL)
			say(arg, line);
	}
	(void)snprintf(line, sizeof(line), "schema is at version %d",
	    vg_migrations[vg_migrations_count - 1].version);
	if (say != NULL)
		say(arg, line);
	result = done;
out:
	PQfinish(db);
	return (result);
}

int
vg_migrate_check(const char *url, int wait_s, char *error, size_t size)
{
	PGconn	*db;
	size_t	i;
	int	version, state, result = -1;

	if ((db = open_db(url, wait_s, error, size)) == NULL)
		return (-1);
	if ((version = newest(db, error, size)) == -1)
		goto out;
	for (i = 0; version > 0 && i < vg_migrations_count; i++) {
		if ((state = applied(db, &vg_migrations[i], error, size)) == -1)
			goto out;
		if (state == 0)
			break;
	}
	result = version > 0 && i == vg_migrations_count ? 0 : 1;
out:
	PQfinish(db);
	return (result);
}
