/*
 * The schema comes up whole, once, and never on what it does not know.
 */

#include <sys/wait.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

static char	error[VG_STORE_ERROR_SIZE];
static char	said[1024];		/* the last line */
static unsigned	lines, warnings;

static void
on_line(void *arg, bool warning, const char *line)
{
	(void)arg;
	lines++;
	warnings += warning;
	snprintf(said, sizeof(said), "%s", line);
}

static void
the_table_lists_every_file_of_the_folder(void **unused)
{
	struct dirent	**names;
	char		prefix[16];
	int		n, i, k;

	(void)unused;
	n = scandir(SQL_DIR, &names, NULL, alphasort);
	assert_true(n > 0);
	for (i = 0, k = 0; i < n; i++) {
		if (strstr(names[i]->d_name, ".sql") != NULL) {
			assert_true((size_t)k < vg_migrations_count);
			assert_string_equal(vg_migrations[k].name,
			    names[i]->d_name);
			assert_int_equal(vg_migrations[k].version, k + 1);
			snprintf(prefix, sizeof(prefix), "%04d_", k + 1);
			assert_memory_equal(names[i]->d_name, prefix, 5);
			k++;
		}
		free(names[i]);
	}
	free(names);
	assert_int_equal(k, vg_migrations_count);
}

static void
a_second_run_does_nothing(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    vg_migrations_count);
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    0);
}

static void
many_at_once_do_it_once(void **unused)
{
	char		url[256];
	int		i, status, applied;

	(void)unused;
	lab_database(url, sizeof(url));
	for (i = 0; i < 6; i++) {
		if (fork() == 0)
			_exit(vg_migrate(url, 5, NULL, NULL, error,
			    sizeof(error)) & 0xff);
	}
	for (i = 0, applied = 0; i < 6; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_not_equal(WEXITSTATUS(status), 0xff);
		applied += WEXITSTATUS(status);
	}
	assert_int_equal(applied, vg_migrations_count);
	assert_int_equal(lab_long(url,
	    "SELECT count(*) FROM voicegate.schema_version"),
	    vg_migrations_count);
}

/* An instance of the release before it comes back in the middle of an upgrade. */
static void
a_newer_schema_is_left_as_it_is(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	assert_true(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)) > 0);
	lab_sql(url, "INSERT INTO voicegate.schema_version "
	    "VALUES (999, '0999_later.sql', 'x'); "
	    "GRANT SELECT ON voicegate.api_key TO voicegate_server");
	lines = warnings = 0;
	assert_int_equal(vg_migrate(url, 0, on_line, NULL, error,
	    sizeof(error)), 0);
	assert_int_equal(lines, 1);
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(said, "newer"));
	assert_non_null(strstr(said, "999"));
	/* Not even the privileges, which are the newer one's. */
	assert_string_equal(lab_value(url, "SELECT has_table_privilege("
	    "'voicegate_server', 'voicegate.api_key', 'SELECT')"), "t");
	lab_sql(url, "UPDATE voicegate.schema_version SET checksum = 'other' "
	    "WHERE version = 2");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    -1);
	assert_non_null(strstr(error, "edited"));
}

static void
an_edited_migration_is_refused(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	assert_true(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)) > 0);
	lab_sql(url, "UPDATE voicegate.schema_version SET checksum = 'other' "
	    "WHERE version = 2");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    -1);
	assert_non_null(strstr(error, "0002_"));
}

static void
a_failure_leaves_the_version_before_it(void **unused)
{
	char		url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	/* In the way of the second migration. */
	lab_sql(url, "CREATE SCHEMA voicegate; "
	    "CREATE TABLE voicegate.rate_limit_window ()");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    -1);
	assert_non_null(strstr(error, "0002_"));
	assert_int_equal(lab_long(url,
	    "SELECT max(version) FROM voicegate.schema_version"), 1);
	lab_sql(url, "DROP TABLE voicegate.rate_limit_window");
	assert_int_equal(vg_migrate(url, 0, NULL, NULL, error, sizeof(error)),
	    vg_migrations_count - 1);
}

static void
another_encoding_is_refused(void **unused)
{
	char		url[256], other[300], *slash;

	(void)unused;
	lab_database(url, sizeof(url));
	lab_sql(url, "CREATE DATABASE latin ENCODING 'LATIN1' "
	    "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	slash = strrchr(url, '/');
	assert_non_null(slash);
	snprintf(other, sizeof(other), "%.*s/latin", (int)(slash - url), url);
	assert_int_equal(vg_migrate(other, 0, NULL, NULL, error, sizeof(error)),
	    -1);
	assert_non_null(strstr(error, "UTF8"));
}

static void
fails_at_once(const char *url)
{
	int64_t		began = lab_ms();

	assert_int_equal(vg_migrate(url, 600, NULL, NULL, error, sizeof(error)),
	    VG_MIGRATE_AWAY);
	assert_true(lab_ms() - began < may_take(5000));
	assert_null(strstr(error, "hunter2"));
}

static void
what_waiting_does_not_cure_fails_at_once(void **unused)
{
	char		url[256], gone[300];

	(void)unused;
	snprintf(url, sizeof(url),
	    "postgresql://voicegate:hunter2@127.0.0.1:%d/postgres", lab_port());
	fails_at_once(url);
	snprintf(url, sizeof(url),
	    "postgresql://nobody:hunter2@127.0.0.1:%d/postgres", lab_port());
	fails_at_once(url);
	lab_database(url, sizeof(url));
	snprintf(gone, sizeof(gone), "%s_gone", url);
	fails_at_once(gone);
	assert_non_null(strstr(error, "does not exist"));
}

static void
a_malformed_url_says_so_without_its_password(void **unused)
{
	(void)unused;
	assert_int_equal(vg_migrate("postgresql://u:hunter2@h:x:y/%zz", 0, NULL,
	    NULL, error, sizeof(error)), VG_MIGRATE_AWAY);
	assert_null(strstr(error, "hunter2"));
	assert_non_null(strstr(error, "URI"));
}

/* What libpq would only find on connecting; no name here is ever looked up. */
static void
what_libpq_would_refuse_is_told_beforehand(void **unused)
{
	static const char *const	bad[] = {
		"postgresql://u:hunter2@h.invalid:99999/x",
		"postgresql://u:hunter2@h.invalid:1,i.invalid:70000/x",
		"postgresql://u:hunter2@h.invalid:1,i.invalid:2,j.invalid/x?port=1,2",
		"postgresql://u:hunter2@h.invalid/x?sslmode=bogus",
		"postgresql://u:hunter2@h.invalid/x?nonsense=1",
		"postgresql://u:hunter2@h.invalid/x?target_session_attrs=any-node",
		/* No @: what is meant for a password stands for the port. */
		"postgresql://u:hunter2/x",
	};
	static const char *const	good[] = {
		"postgresql://u:hunter2@h.invalid/x",
		"postgresql://u:hunter2@h.invalid:1,i.invalid:2/x?sslmode=require",
		"postgresql://u:hunter2@h.invalid,i.invalid:2/x",
		"postgresql:///x?host=/nowhere",
		"postgresql://",
	};
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vg_store_check_url(bad[i], error, sizeof(error)) != -1)
			fail_msg("%s", bad[i]);
		assert_null(strstr(error, "hunter2"));
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (vg_store_check_url(good[i], error, sizeof(error)) != 0)
			fail_msg("%s: %s", good[i], error);
	}
}

static void
it_says_that_it_waits(void **unused)
{
	char		url[256];

	(void)unused;
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_pg_stop("fast");
	lines = 0;
	assert_int_equal(vg_migrate(url, 2, on_line, NULL, error,
	    sizeof(error)), VG_MIGRATE_AWAY);
	lab_pg_start();
	assert_int_equal(lines, 1);
	assert_non_null(strstr(said, "waiting for the database, 2 s at most"));
}

static void
a_way_in_the_clear_is_seen(void **unused)
{
	static const char *const	clear[] = {
		"postgresql://u@db.example/x",
		"postgresql://u@10.0.0.1/x?sslmode=prefer",
		"postgresql://u@[2001:db8::1]/x?sslmode=allow",
		"postgresql://u@127.0.0.1,db.example/x",
		"postgresql://u@localhost/x?hostaddr=192.0.2.1",
		"postgresql://u@127.0.0.1.example/x",
	};
	static const char *const	safe[] = {
		"postgresql://",
		"postgresql:///x?host=/run/postgresql",
		"postgresql://u@127.0.0.2:1,[::1]:2,LocalHost:3/x",
		"postgresql://u@db.example/x?hostaddr=127.0.0.1",
		"postgresql://u@db.example/x?sslmode=require",
		"postgresql://u@db.example/x?sslmode=verify-ca",
		"postgresql://u@db.example/x?sslmode=verify-full",
		"postgresql://u@h:x:y/%zz",
	};
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(clear) / sizeof(clear[0]); i++) {
		if (!vg_store_url_in_clear(clear[i]))
			fail_msg("%s", clear[i]);
	}
	for (i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		if (vg_store_url_in_clear(safe[i]))
			fail_msg("%s", safe[i]);
	}
	assert_int_equal(setenv("PGSSLMODE", "verify-full", 1), 0);
	assert_false(vg_store_url_in_clear(clear[0]));
	assert_true(vg_store_url_in_clear(clear[1]));
	assert_int_equal(unsetenv("PGSSLMODE"), 0);
}

static void
on_line_to(void *arg, bool warning, const char *line)
{
	(void)warning;
	assert_true(write(*(int *)arg, line, strlen(line)) > 0);
}

static void
it_says_that_it_waits_for_another(void **unused)
{
	char		url[256], line[256];
	PGconn		*other;
	ssize_t		n;
	pid_t		pid;
	int		fds[2], status;

	(void)unused;
	lab_database(url, sizeof(url));
	other = PQconnectdb(url);
	PQclear(PQexec(other, "SELECT pg_advisory_lock(8532473650684223860)"));
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0)
		_exit(vg_migrate(url, 0, on_line_to, &fds[1], error,
		    sizeof(error)) == -1);
	close(fds[1]);
	n = read(fds[0], line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_non_null(strstr(line, "waiting for another"));
	PQfinish(other);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
}

static volatile bool	hinted;

static void
on_log(void *arg, enum vg_log_level level, const char *msg)
{
	(void)arg;
	(void)level;
	if (strstr(msg, "run voicegate --migrate") != NULL)
		hinted = true;
}

static void
a_server_on_an_empty_database_says_what_to_do(void **unused)
{
	static const struct vg_store_hooks	hooks = { .log = on_log };
	struct vg_settings			settings;
	char					url[256];

	(void)unused;
	lab_database(url, sizeof(url));
	lab_settings(&settings, url);
	assert_int_equal(vg_store_prepare(&settings, error, sizeof(error)), 0);
	assert_int_equal(vg_store_start(&settings, &hooks), 0);
	assert_true(lab_until(&hinted));
	assert_false(vg_store_connected());
	vg_store_stop();
}

/* Tables, views, columns, functions, indexes (not of constraints). */
static void
everything_has_a_comment(void **unused)
{
	(void)unused;
	assert_string_equal(lab_value(lab_url(),
	    "SELECT coalesce(string_agg(what, ', '), '') FROM ("
	    "SELECT c.relname::text AS what FROM pg_class c "
	    "WHERE c.relnamespace = 'voicegate'::regnamespace "
	    "AND c.relkind IN ('r', 'v') "
	    "AND obj_description(c.oid, 'pg_class') IS NULL "
	    "UNION ALL SELECT c.relname || '.' || a.attname FROM pg_class c "
	    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
	    "AND NOT a.attisdropped "
	    "WHERE c.relnamespace = 'voicegate'::regnamespace "
	    "AND c.relkind = 'r' AND col_description(c.oid, a.attnum) IS NULL "
	    "UNION ALL SELECT p.proname || '()' FROM pg_proc p "
	    "WHERE p.pronamespace = 'voicegate'::regnamespace "
	    "AND obj_description(p.oid, 'pg_proc') IS NULL "
	    "UNION ALL SELECT 'schema' WHERE obj_description("
	    "'voicegate'::regnamespace, 'pg_namespace') IS NULL) AS x"), "");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(the_table_lists_every_file_of_the_folder),
		cmocka_unit_test(a_second_run_does_nothing),
		cmocka_unit_test(many_at_once_do_it_once),
		cmocka_unit_test(a_newer_schema_is_left_as_it_is),
		cmocka_unit_test(an_edited_migration_is_refused),
		cmocka_unit_test(a_failure_leaves_the_version_before_it),
		cmocka_unit_test(another_encoding_is_refused),
		cmocka_unit_test(what_waiting_does_not_cure_fails_at_once),
		cmocka_unit_test(a_malformed_url_says_so_without_its_password),
		cmocka_unit_test(what_libpq_would_refuse_is_told_beforehand),
		cmocka_unit_test(a_way_in_the_clear_is_seen),
		cmocka_unit_test(it_says_that_it_waits),
		cmocka_unit_test(it_says_that_it_waits_for_another),
		cmocka_unit_test(a_server_on_an_empty_database_says_what_to_do),
		cmocka_unit_test(everything_has_a_comment),
	};

	return (cmocka_run_group_tests_name("store: migrations", tests,
	    lab_setup, lab_teardown));
}
