/*
 * Bringing the schema up, before there are workers.
 *
 * One advisory lock is held throughout: of two servers that start together one
 * migrates, and the other finds it done. Each migration is a transaction that
 * also writes its line into schema_version, so that a failure leaves the schema
 * at the version before it, whole. A migration that is already there must be
 * the very one of this binary (checksum).
 *
 * A schema may be newer than the binary: each release serves on the schema of
 * the next, so that instances can be exchanged one after the other, and an old
 * one can come back meanwhile. That is said, and the schema left as it is.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/dbonce.h"
#include "store/grants.h"
#include "store/migrate.h"
#include "store/store.h"

#define RETRY_NS	200000000L	/* between tries */
#define QUIET_S		1		/* before it says that it waits */
/* How grant_roles() begins to warn. */
#define ROLE_MISSING	"the role voicegate_"

/* One number for all of voicegate: "vgmigrat" in ASCII. */
#define LOCK_KEY	"(8532473650684223860)"
#define TRY_LOCK_SQL	"SELECT pg_try_advisory_lock" LOCK_KEY
#define LOCK_SQL	"SELECT pg_advisory_lock" LOCK_KEY

static const char	bootstrap_sql[] =
"CREATE SCHEMA IF NOT EXISTS voicegate;"
"CREATE TABLE IF NOT EXISTS voicegate.schema_version ("
"	version integer PRIMARY KEY CHECK (version > 0),"
"	name text NOT NULL,"
"	checksum text NOT NULL,"
"	applied_at timestamptz NOT NULL DEFAULT now());"
"COMMENT ON TABLE voicegate.schema_version IS"
" 'Migrations that made this schema, one row each; written by voicegate --migrate';"
"COMMENT ON COLUMN voicegate.schema_version.version IS"
" 'Number of the migration; the highest is the version of the schema';"
"COMMENT ON COLUMN voicegate.schema_version.name IS"
" 'Its file in assets/sql/';"
"COMMENT ON COLUMN voicegate.schema_version.checksum IS"
" 'SHA-256 of that file: an edited migration is refused';"
"COMMENT ON COLUMN voicegate.schema_version.applied_at IS"
" 'When it was applied'";

struct migration_run {
	PGconn		*pg;
	char		*error;
	size_t		size;
	vg_migrate_say	say;		/* or NULL */
	void		*arg;
};

static PGconn	*run_connect(struct migration_run *, const char *, int);
static int	run_sql(struct migration_run *, const char *, const char *);
static int	run_encoding(struct migration_run *);
static int	run_lock(struct migration_run *);
static int	run_version(struct migration_run *);
static int	run_migrations(struct migration_run *, bool);
static int	run_roles(struct migration_run *, bool);
static int	run_applied(struct migration_run *, const struct vg_migration *);
static int	run_apply(struct migration_run *, const struct vg_migration *);
static PGresult	*run_with(struct migration_run *, const char *,
		    const struct vg_migration *, ExecStatusType);
static void	on_notice(void *, const PGresult *);
static void	tell(struct migration_run *, bool, const char *, ...)
		    __attribute__((format (printf, 3, 4)));
static void	fail(struct migration_run *, const char *, ...)
		    __attribute__((format (printf, 2, 3)));
static void	fail_pg(struct migration_run *, const char *);

int
vg_migrate(const char *url, int wait_s, vg_migrate_say say, void *arg,
    char *error, size_t size)
{
	struct migration_run	r = { NULL, error, size, say, arg };
	int			ret, version;
	bool			newer;

	if (run_connect(&r, url, wait_s) == NULL)
		return (VG_MIGRATE_AWAY);
	ret = -1;
	(void)PQsetNoticeReceiver(r.pg, on_notice, &r);
	if (run_encoding(&r) == -1 || run_lock(&r) == -1)
		goto out;
	/* Only where it is missing: an ordinary role may not create it. */
	if ((version = run_version(&r)) == -1 ||
	    (version == 0 &&
	    run_sql(&r, bootstrap_sql, "schema_version") == -1))
		goto out;
	newer = version > (int)vg_migrations_count;
	if ((ret = run_migrations(&r, newer)) == -1)
		goto out;
	if (newer)
		tell(&r, true, "the schema is at version %d, this binary knows "
		    "versions up to %zu: a newer voicegate migrated it. Nothing "
		    "was changed", version, vg_migrations_count);
	if (run_roles(&r, newer) == -1)
		ret = -1;
out:
	/* The lock goes with the connection. */
	PQfinish(r.pg);
	return (ret);
}

/* How many were applied. Of those on a newer schema each is only looked at. */
static int
run_migrations(struct migration_run *r, bool newer)
{
	const struct vg_migration	*m;
	size_t				i;
	int				done, applied = 0;

	for (i = 0; i < vg_migrations_count; i++) {
		m = &vg_migrations[i];
		if ((done = run_applied(r, m)) == -1)
			return (-1);
		if (done || newer)
			continue;
		if (run_apply(r, m) == -1)
			return (-1);
		applied++;
		tell(r, false, "applied %s", m->name);
	}
	return (applied);
}

static int
run_roles(struct migration_run *r, bool newer)
{
	char	advice[VG_GRANTS_ADVICE_SIZE];

	/* A newer schema's are its own binary's affair. */
	if ((!newer && vg_grants_renew(r->pg) == -1) ||
	    vg_grants_advice(r->pg, advice, sizeof(advice)) == -1) {
		fail_pg(r, "the roles' privileges");
		return (-1);
	}
	if (advice[0] != '\0')
		tell(r, true, "%s", advice);
	return (0);
}

static PGconn *
run_connect(struct migration_run *r, const char *url, int wait_s)
{
	const struct timespec	pause = { 0, RETRY_NS };
	struct timespec		ts;
	time_t			begin, end;
	const char		*text;
	bool			said = false;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	begin = ts.tv_sec;
	end = begin + wait_s;
	for (;;) {
		r->pg = vg_db_once(url, r->error, r->size);
		if (r->pg == NULL || PQstatus(r->pg) == CONNECTION_OK)
			return (r->pg);
		(void)clock_gettime(CLOCK_MONOTONIC, &ts);
		text = PQerrorMessage(r->pg);
		/*
		 * What is said of a wrong password, and of a database or role
		 * that is not there, does not come right by waiting. Of a server
		 * that speaks another language it is waited for.
		 */
		if (ts.tv_sec >= end || PQconnectionNeedsPassword(r->pg) ||
		    strstr(text, "authentication failed") != NULL ||
		    strstr(text, "does not exist") != NULL) {
			fail_pg(r, "cannot connect to the database");
			PQfinish(r->pg);
			r->pg = NULL;
			return (NULL);
		}
		/* Not of one that is up in a moment. */
		if (!said && ts.tv_sec - begin >= QUIET_S) {
			said = true;
			tell(r, false, "waiting for the database, %d s at most: "
			    "%.*s", wait_s, (int)strcspn(text, "\n"), text);
		}
		PQfinish(r->pg);
		r->pg = NULL;
		(void)nanosleep(&pause, NULL);
	}
}

static int
run_sql(struct migration_run *r, const char *sql, const char *what)
{
	ExecStatusType	status;
	PGresult	*res;

	res = PQexec(r->pg, sql);
	status = PQresultStatus(res);
	PQclear(res);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fail_pg(r, what);
		return (-1);
	}
	return (0);
}

static int
run_encoding(struct migration_run *r)
{
	const char	*encoding;

	/* Notices ("already exists, skipping") are of no interest. */
	if (run_sql(r, "SET client_min_messages = warning", "settings") == -1)
		return (-1);
	encoding = PQparameterStatus(r->pg, "server_encoding");
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
		fail(r, "the database is encoded in %s; voicegate needs UTF8 "
		    "(CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0)",
		    encoding != NULL ? encoding : "an unknown way");
		return (-1);
	}
	return (0);
}

static int
run_lock(struct migration_run *r)
{
	PGresult	*res;
	bool		taken;

	res = PQexec(r->pg, TRY_LOCK_SQL);
	taken = PQresultStatus(res) == PGRES_TUPLES_OK &&
	    !strcmp(PQgetvalue(res, 0, 0), "t");
	PQclear(res);
	if (taken)
		return (0);
	tell(r, false, "waiting for another migration of this database");
	return (run_sql(r, LOCK_SQL, "lock for the migration"));
}

/* The schema's; 0: nothing is there; -1 */
static int
run_version(struct migration_run *r)
{
	PGresult	*res;
	int		ret;

	ret = -1;
	res = PQexec(r->pg,
	    "SELECT to_regclass('voicegate.schema_version') IS NOT NULL");
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		fail_pg(r, "cannot read the catalog");
		goto out;
	}
	if (strcmp(PQgetvalue(res, 0, 0), "t") != 0) {
		ret = 0;
		goto out;
	}
	PQclear(res);
	res = PQexec(r->pg, "SELECT coalesce(max(version), 0) "
	    "FROM voicegate.schema_version");
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		fail_pg(r, "cannot read voicegate.schema_version");
		goto out;
	}
	ret = atoi(PQgetvalue(res, 0, 0));
out:
	PQclear(res);
	return (ret);
}

/* 1: this very one is there; 0: not yet; -1: another one is. */
static int
run_applied(struct migration_run *r, const struct vg_migration *m)
{
	PGresult	*res;
	int		ret;

	ret = -1;
	res = run_with(r, "SELECT v.checksum = encode(sha256($3), 'hex') "
	    "AND v.name = $2 FROM voicegate.schema_version AS v "
	    "WHERE v.version = $1", m, PGRES_TUPLES_OK);
	if (res == NULL)
		goto out;
	if (PQntuples(res) == 0)
		ret = 0;
	else if (!strcmp(PQgetvalue(res, 0, 0), "t"))
		ret = 1;
	else
		fail(r, "schema version %d was made by another text than this "
		    "binary's %s: a migration must not be edited once it was "
		    "applied", m->version, m->name);
out:
	PQclear(res);
	return (ret);
}

static int
run_apply(struct migration_run *r, const struct vg_migration *m)
{
	PGresult	*res;
	char		what[96];

	/* The asset ends in a NUL that its length does not count. */
	snprintf(what, sizeof(what), "migration %s failed", m->name);
	if (run_sql(r, "BEGIN", what) == -1 ||
	    run_sql(r, (const char *)m->sql, what) == -1)
		return (-1);
	res = run_with(r, "INSERT INTO voicegate.schema_version "
	    "(version, name, checksum) "
	    "VALUES ($1, $2, encode(sha256($3), 'hex'))", m, PGRES_COMMAND_OK);
	if (res == NULL)
		return (-1);
	PQclear(res);
	return (run_sql(r, "COMMIT", what));
}

static PGresult *
run_with(struct migration_run *r, const char *sql, const struct vg_migration *m,
    ExecStatusType expected)
{
	/* int4, text, bytea */
	static const Oid	type[] = { 23, 25, 17 };
	const char		*value[3];
	const int		format[] = { 0, 0, 1 };
	int			length[3];
	char			version[16];
	PGresult		*res;

	snprintf(version, sizeof(version), "%d", m->version);
	value[0] = version;
	value[1] = m->name;
	value[2] = (const char *)m->sql;
	length[0] = length[1] = 0;
	length[2] = (int)*m->len;
	res = PQexecParams(r->pg, sql, 3, type, value, length, format, 0);
	if (PQresultStatus(res) != expected) {
		PQclear(res);
		fail_pg(r, m->name);
		return (NULL);
	}
	return (res);
}

/* Of the roles the end says it, once; each migration would. */
static void
on_notice(void *arg, const PGresult *res)
{
	const char	*text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (text != NULL && strncmp(text, ROLE_MISSING,
	    sizeof(ROLE_MISSING) - 1) != 0)
		tell(arg, true, "%s", text);
}

static void
tell(struct migration_run *r, bool warning, const char *fmt, ...)
{
	char		line[VG_GRANTS_ADVICE_SIZE];
	va_list		args;

	if (r->say == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	r->say(r->arg, warning, line);
}

static void
fail(struct migration_run *r, const char *fmt, ...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(r->error, r->size, fmt, args);
	va_end(args);
}

/* PostgreSQL's first line. */
static void
fail_pg(struct migration_run *r, const char *what)
{
	const char	*text;

	text = PQerrorMessage(r->pg);
	fail(r, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}
