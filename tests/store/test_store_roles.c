/*
 * The roles come with the migration, also on a database that was there before
 * them; and a migration by someone who may not make them goes on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

static char	error[VG_STORE_ERROR_SIZE];

/* The same database as another user. */
static void
as_user(char *out, size_t size, const char *url, const char *user)
{
	const char	*at;

	at = strchr(url, '@');
	assert_non_null(at);
	snprintf(out, size, "postgresql://%s:secret%s", user, at);
}

static void
an_older_database_keeps_what_it_has(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	/* In the way of the fourth migration: the first three remain. */
	lab_sql(url, "CREATE SCHEMA voicegate; "
	    "CREATE TABLE voicegate.security_event ()");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    -1);
	assert_non_null(strstr(error, "0004_"));
	assert_int_equal(lab_long(url,
	    "SELECT max(version) FROM voicegate.schema_version"), 3);
	lab_sql(url, "INSERT INTO voicegate.session (id, client, expires_at, "
	    "purge_at, api_key_id) SELECT gen_random_uuid(), '192.0.2.1', "
	    "now() + interval '1 day', now() + interval '30 days', "
	    "gen_random_uuid() FROM generate_series(1, 20)");
	lab_sql(url, "SELECT count(*) FROM voicegate.session AS s CROSS JOIN "
	    "LATERAL voicegate.commit_turn(s.id, 'k', 'asked', 'answered', "
	    "'30 days', gen_random_uuid(), 'wav', '1 day', '{}') AS c");
	lab_sql(url, "SELECT voicegate.take_fixed('{a}', '{session}', '{10}', "
	    "'{60}', '{1}', '{1}')");

	lab_sql(url, "DROP TABLE voicegate.security_event");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    vg_migrations_count - 3);
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    0);
	assert_int_equal(lab_long(url, "SELECT count(*) FROM voicegate.turn "
	    "WHERE transcript = 'asked'"), 20);
	assert_int_equal(lab_long(url,
	    "SELECT used FROM voicegate.rate_limit_now"), 1);
	assert_int_equal(lab_long(url, "SET ROLE voicegate_operator; "
	    "SELECT voicegate.end_sessions_of('192.0.2.1')"), 20);
	assert_string_equal(lab_value(url, "SELECT events_kept "
	    "FROM voicegate.purge_state"), "90 days");
}

/* The roles as they are get out of the way, and come back. */
static void
rename_roles(const char *from, const char *to)
{
	char		sql[256];

	snprintf(sql, sizeof(sql), "ALTER ROLE %sserver RENAME TO %sserver; "
	    "ALTER ROLE %soperator RENAME TO %soperator", from, to, from, to);
	lab_sql(lab_url(), sql);
}

static char	said[1024];		/* the last warning */
static unsigned	warnings;

static void
on_line(void *arg, bool warning, const char *line)
{
	(void)arg;
	if (!warning)
		return;
	warnings++;
	snprintf(said, sizeof(said), "%s", line);
}

/* How often it warns, of what it has to apply. */
static unsigned
migrated(const char *url, size_t applied)
{
	warnings = 0;
	error[0] = '\0';
	if (vg_migrate(url, 0, on_line, NULL, error, sizeof(error)) !=
	    (int)applied)
		fail_msg("%s", error);
	return (warnings);
}

static void
without_createrole_it_goes_on(void **unused)
{
	char		url[256], plain[300], sql[128];

	(void)unused;
	lab_database(url, sizeof(url));
	lab_sql(url, "CREATE ROLE plain LOGIN PASSWORD 'secret'");
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s OWNER TO plain",
	    strrchr(url, '/') + 1);
	lab_sql(lab_url(), sql);
	as_user(plain, sizeof(plain), url, "plain");

	rename_roles("voicegate_", "away_");
	/* Once, and on every run. */
	assert_int_equal(migrated(plain, vg_migrations_count), 1);
	assert_int_equal(migrated(plain, 0), 1);
	assert_non_null(strstr(said, "CREATE ROLE voicegate_server NOLOGIN; "
	    "CREATE ROLE voicegate_operator NOLOGIN; "
	    "GRANT voicegate_server, voicegate_operator TO plain"));
	assert_int_equal(lab_long(plain, "SELECT count(*) FROM pg_roles "
	    "WHERE rolname LIKE 'voicegate\\_%'"), 0);
	/* For its owner it is whole. */
	assert_int_equal(lab_long(plain, "SELECT count(*) FROM "
	    "voicegate.create_api_key('the app')"), 1);

	/* As the warning says. */
	rename_roles("away_", "voicegate_");
	assert_string_equal(lab_value(plain, "SELECT has_schema_privilege("
	    "'voicegate_server', 'voicegate', 'USAGE')"), "f");
	assert_int_equal(migrated(plain, 0), 1);
	assert_non_null(strstr(said, "plain is no member of voicegate_server"));
	lab_sql(url, "GRANT voicegate_server, voicegate_operator TO plain");
	assert_int_equal(migrated(plain, 0), 0);
	assert_string_equal(lab_value(plain, "SELECT has_table_privilege("
	    "'voicegate_operator', 'voicegate.active_session', 'SELECT')"),
	    "t");
	assert_string_equal(lab_value(plain, "SELECT has_column_privilege("
	    "'voicegate_operator', 'voicegate.api_key', 'hash', 'SELECT')"),
	    "f");
}

static void
with_createrole_it_may_become_the_server(void **unused)
{
	char		url[256], maker[300], sql[128];

	(void)unused;
	lab_database(url, sizeof(url));
	lab_sql(url, "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'secret'");
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s OWNER TO maker",
	    strrchr(url, '/') + 1);
	lab_sql(lab_url(), sql);
	as_user(maker, sizeof(maker), url, "maker");

	rename_roles("voicegate_", "away_");
	assert_int_equal(vg_migrate(maker, 0, NULL, NULL, error,
	    sizeof(error)), vg_migrations_count);
	assert_string_equal(lab_value(maker, "SET ROLE voicegate_server; "
	    "SELECT current_user"), "voicegate_server");
	assert_string_equal(lab_value(maker, "SELECT rolcanlogin "
	    "FROM pg_roles WHERE rolname = 'voicegate_server'"), "f");
	lab_sql(url, "DROP OWNED BY voicegate_server, voicegate_operator; "
	    "DROP ROLE voicegate_server, voicegate_operator");
	rename_roles("away_", "voicegate_");
}

/*
 * What a restore leaves, into a cluster where the roles were not: nothing is theirs,
 * and functions are everybody's.
 */
static void
each_migration_grants_what_a_restore_lost(void **unused)
{
	char		url[256], app[300];

	(void)unused;
	lab_database(url, sizeof(url));
	assert_int_equal(migrated(url, vg_migrations_count), 0);
	lab_sql(url, "DROP OWNED BY voicegate_server, voicegate_operator; "
	    "GRANT EXECUTE ON FUNCTION voicegate.grant_roles() TO PUBLIC; "
	    "CREATE ROLE app LOGIN PASSWORD 'secret' IN ROLE voicegate_server");
	as_user(app, sizeof(app), url, "app");
	assert_string_equal(lab_value(url, "SELECT has_schema_privilege("
	    "'app', 'voicegate', 'USAGE')"), "f");
	assert_int_equal(migrated(url, 0), 0);
	assert_string_equal(lab_value(url, "SELECT has_schema_privilege("
	    "'app', 'voicegate', 'USAGE') AND NOT has_function_privilege("
	    "'app', 'voicegate.grant_roles()', 'EXECUTE')"), "t");
	/* Who does not own the schema grants nothing, and may look. */
	assert_int_equal(migrated(app, 0), 0);
}

/* Whatever may be added to the table of privileges later: taken away again. */
static void
privileges_are_what_the_table_says(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	assert_true(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)) > 0);
	lab_sql(url, "GRANT DELETE ON voicegate.session TO voicegate_server; "
	    "GRANT SELECT (hash) ON voicegate.api_key TO voicegate_operator; "
	    "GRANT SELECT ON voicegate.turn TO PUBLIC");
	lab_sql(url, "SELECT voicegate.grant_roles()");
	assert_string_equal(lab_value(url, "SELECT has_table_privilege("
	    "'voicegate_server', 'voicegate.session', 'DELETE') "
	    "OR has_column_privilege('voicegate_operator', "
	    "'voicegate.api_key', 'hash', 'SELECT') OR has_column_privilege("
	    "'voicegate_operator', 'voicegate.turn', 'reply', 'SELECT')"),
	    "f");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(an_older_database_keeps_what_it_has),
		cmocka_unit_test(without_createrole_it_goes_on),
		cmocka_unit_test(with_createrole_it_may_become_the_server),
		cmocka_unit_test(each_migration_grants_what_a_restore_lost),
		cmocka_unit_test(privileges_are_what_the_table_says),
	};

	return (cmocka_run_group_tests_name("store: roles", tests,
	    lab_setup, lab_teardown));
}
