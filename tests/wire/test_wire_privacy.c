/*
 * TRANSCRIPT_KEY: nothing of what was said stands in the database, and yet the
 * conversation goes on, repeats are answered, and who has the key reads it.
 * SESSION_IDLE_MINUTES: a session that nobody uses is refused as an expired one.
 */

#include <signal.h>

#include <libpq-fe.h>

#include "lib/provider.h"
#include "wire.h"

#define KEY	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER	"ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ID	"662a881aeff7aead"	/* of KEY */
#define AT_ONCE	8

/* Of what the provider hears and answers, in each spelling a column may have. */
static const char *const	said[] = { "feeling sad", "sounds hard",
	"66656c696e6720736164", "736f756e64732068617264" };

static struct provider	provider;
static const char	*env[16];
static char		url[300];	/* DATABASE_URL=... */

static int
setup(void **state)
{
	static const char *const	more[] = { "WORKERS=2",
		"SESSION_IDLE_MINUTES=30", "TRANSCRIPT_KEY=" KEY, NULL };

	(void)state;
	provider_start(&provider);
	provider_env(&provider, wide, more, env);
	server_start(&gateway, NULL, env);
	(void)snprintf(url, sizeof(url), "DATABASE_URL=%s", gateway.database);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	server_stop(&gateway);
	provider_stop(&provider);
	return (0);
}

static void
speak(int port, const char *session, const char *fields, struct response *r)
{
	char	path[512];

	fixture(path, sizeof(path), "goforward.wav");
	voice_send(port, session, path, fields, r);
	if (!is_answered_in_full(r))
		fail_msg("%d %s", r->status, (char *)r->body);
}

/* Speaks once; how many messages of the person the chat provider was told. */
static unsigned
heard_after(int port, const char *session)
{
	struct response	r;

	speak(port, session, "", &r);
	assert_string_equal(response_json(&r, "transcript"),
	    "I have been feeling sad since.");
	response_free(&r);
	return (provider_heard(&provider));
}

/* In how many rows of any table the words are, in any type's text. */
static long
rows_with(const char *word)
{
	static const char	tables[] =
	    "select c.oid::regclass::text from pg_class as c where c.relkind = 'r' "
	    "and c.relnamespace = 'voicegate'::regnamespace order by 1";
	PGconn			*pg = PQconnectdb(gateway.database);
	PGresult		*list, *res;
	char			sql[512];
	long			found = 0;
	int			i;

	list = PQexec(pg, tables);
	assert_int_equal(PQresultStatus(list), PGRES_TUPLES_OK);
	assert_true(PQntuples(list) > 10);
	for (i = 0; i < PQntuples(list); i++) {
		/* A row's text has each column: bytea in hex, jsonb as JSON. */
		(void)snprintf(sql, sizeof(sql), "select count(*) from %s as t "
		    "where position('%s' in lower(t::text)) > 0",
		    PQgetvalue(list, i, 0), word);
		res = PQexec(pg, sql);
		if (PQresultStatus(res) != PGRES_TUPLES_OK)
			fail_msg("%s: %s", sql, PQerrorMessage(pg));
		found += strtol(PQgetvalue(res, 0, 0), NULL, 10);
		PQclear(res);
	}
	PQclear(list);
	PQfinish(pg);
	return (found);
}

static void
nothing_said_is_in_any_table_and_the_conversation_goes_on(void **state)
{
	struct response	a, b;
	char		session[37], sql[200];
	size_t		i;

	(void)state;
	session_new(gateway.port, session);
	assert_int_equal(heard_after(gateway.port, session), 1);
	assert_int_equal(heard_after(gateway.port, session), 2);
	speak(gateway.port, session, "Idempotency-Key: one\r\n", &a);
	assert_int_equal(provider_heard(&provider), 3);
	speak(gateway.port, session, "Idempotency-Key: one\r\n", &b);
	assert_string_equal((char *)a.body, (char *)b.body);
	response_free(&a);
	response_free(&b);
	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%s' and text_key = '" ID "'", session);
	assert_int_equal(database_long(gateway.database, sql), 3);
	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_int_equal(rows_with(said[i]), 0);
	assert_false(server_logged(&gateway, said[0]));
	assert_false(server_logged(&gateway, said[1]));
}

/* The search above finds what is there. */
static void
without_a_key_it_is_in_the_table_and_can_be_encrypted_later(void **state)
{
	static const char *const	encrypt[] = { "--encrypt-transcripts",
		NULL };
	static const char		*plain_env[16];
	const char			*with[] = { url, "TRANSCRIPT_KEY=" KEY,
		NULL };
	struct server			plain;
	char				session[37], text[4096];

	(void)state;
	provider_env(&provider, wide, NULL, plain_env);
	server_start(&plain, gateway.database, plain_env);
	session_new(plain.port, session);
	assert_int_equal(heard_after(plain.port, session), 1);
	server_stop(&plain);
	assert_int_equal(rows_with(said[0]), 1);
	assert_int_equal(rows_with(said[1]), 1);
	/* Another instance has a key: the conversation goes on with both. */
	assert_int_equal(heard_after(gateway.port, session), 2);
	if (server_run(encrypt, with, text, sizeof(text)) != 0)
		fail_msg("%s", text);
	assert_non_null(strstr(text, "1 turns encrypted with the key " ID));
	assert_int_equal(rows_with(said[0]), 0);
	assert_int_equal(rows_with(said[1]), 0);
	assert_int_equal(heard_after(gateway.port, session), 3);
}

static void
messages_at_once_are_each_a_turn(void **state)
{
	struct voice	message;
	struct response	r;
	char		path[512], session[37], sql[300];
	int		fd[AT_ONCE], i;

	(void)state;
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&message, gateway.port, path, "");
	(void)snprintf(session, sizeof(session), "%.36s",
	    strstr(message.form, "name=\"session_id\"\r\n\r\n") + 21);
	/* All have looked at the session before one of them is committed. */
	provider_tell(&provider, "delay 500");
	for (i = 0; i < AT_ONCE; i++)
		fd[i] = voice_begin(&message, gateway.port, message.form_len);
	for (i = 0; i < AT_ONCE; i++) {
		client_read(fd[i], false, &r);
		if (!is_answered_in_full(&r))
			fail_msg("%d: %d %s", i, r.status, (char *)r.body);
		response_free(&r);
		(void)close(fd[i]);
	}
	provider_tell(&provider, "delay 0");
	voice_free(&message);
	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%s' and seq <= %d and text_key = '" ID "'",
	    session, AT_ONCE);
	assert_int_equal(database_long(gateway.database, sql), AT_ONCE);
	/* Each is bound to the number that it got. */
	assert_int_equal(heard_after(gateway.port, session), AT_ONCE + 1);
}

static void
an_export_is_for_who_has_the_key(void **state)
{
	const char	*args[] = { "--export-session", NULL, NULL };
	const char	*with[] = { url, "TRANSCRIPT_KEY=" OTHER "," KEY, NULL };
	const char	*without[] = { url, "TRANSCRIPT_KEY=" OTHER, NULL };
	const char	*away[] = { "DATABASE_URL=postgresql://u@127.0.0.1:1/x",
		NULL };
	char		session[37], text[16384];

	(void)state;
	session_new(gateway.port, session);
	assert_int_equal(heard_after(gateway.port, session), 1);
	args[1] = session;
	assert_int_equal(server_run(args, with, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "I have been feeling sad since."));
	assert_non_null(strstr(text, "That sounds hard."));
	assert_int_equal(server_run(args, without, text, sizeof(text)), 78);
	assert_non_null(strstr(text, ID));
	assert_null(strstr(text, "session_id"));
	assert_int_equal(server_run(args, away, text, sizeof(text)), 69);
	args[1] = "00000000-0000-4000-8000-000000000000";
	assert_int_equal(server_run(args, with, text, sizeof(text)), 66);
	assert_non_null(strstr(text, "there is no session"));
	args[1] = "12";
	assert_int_equal(server_run(args, with, text, sizeof(text)), 64);
	args[1] = NULL;
	assert_int_equal(server_run(args, with, text, sizeof(text)), 64);
}

static void
with_another_key_it_goes_on_without_what_it_cannot_read(void **state)
{
	static const char *const	more[] = { "WORKERS=1",
		"TRANSCRIPT_KEY=" OTHER, NULL };
	static const char		*other_env[16];
	struct server			other;
	struct response			r;
	char				session[37], path[512];

	(void)state;
	session_new(gateway.port, session);
	speak(gateway.port, session, "Idempotency-Key: two\r\n", &r);
	response_free(&r);
	assert_int_equal(heard_after(gateway.port, session), 2);
	provider_env(&provider, wide, more, other_env);
	server_start(&other, gateway.database, other_env);
	assert_int_equal(heard_after(other.port, session), 1);
	assert_int_equal(heard_after(other.port, session), 2);
	/* A repeat has what a repeat has whose words were not kept. */
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(other.port, session, path, "Idempotency-Key: two\r\n", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(response_json(&r, "transcript"), "");
	assert_non_null(strstr((char *)r.body, "\"degraded\":[\"text\"]"));
	response_free(&r);
	assert_true(eventually_logged(&other, "texts of key " ID));
	assert_int_equal(server_log_lines(&other, "texts of key " ID), 1);
	assert_false(server_logged(&other, KEY));
	server_stop(&other);
}

/* The worker said which key encrypts, at its start and now. */
static bool
encrypts_anew(void *server)
{
	return (server_log_lines(server, "encrypted with the key") == 2);
}

static void
a_reload_replaces_the_key(void **state)
{
	static const char *const	more[] = { "WORKERS=1", NULL };
	static const char		*file_env[16];
	struct server			with_file;
	char				session[37], path[300], setting[360];
	char				sql[200];
	FILE				*fp;
	size_t				n;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/transcript-%d.key",
	    getenv("TEST_TMP"), getpid());
	(void)snprintf(setting, sizeof(setting), "TRANSCRIPT_KEY_FILE=%s", path);
	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_true(fputs(KEY "\n", fp) >= 0);
	assert_int_equal(fclose(fp), 0);
	provider_env(&provider, wide, more, file_env);
	for (n = 0; file_env[n] != NULL; n++)
		;
	file_env[n++] = setting;
	file_env[n] = NULL;
	server_start(&with_file, gateway.database, file_env);
	session_new(with_file.port, session);
	assert_int_equal(heard_after(with_file.port, session), 1);
	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_true(fputs(OTHER "," KEY "\n", fp) >= 0);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(kill(with_file.pid, SIGHUP), 0);
	assert_true(eventually(encrypts_anew, &with_file));
	assert_int_equal(heard_after(with_file.port, session), 2);
	(void)snprintf(sql, sizeof(sql), "select count(distinct text_key) from "
	    "voicegate.turn where session_id = '%s'", session);
	assert_int_equal(database_long(gateway.database, sql), 2);
	assert_int_equal(heard_after(with_file.port, session), 3);
	server_stop(&with_file);
	(void)unlink(path);
}

static bool
is_idle_ended(void *arg)
{
	char	sql[200];

	(void)snprintf(sql, sizeof(sql), "select count(*) from "
	    "voicegate.session where id = '%s' and end_reason = 'idle'",
	    (const char *)arg);
	return (database_long(gateway.database, sql) == 1);
}

static bool
has_no_sound(void *arg)
{
	struct response	r;
	int		status;

	client_ask(gateway.port, "GET", arg, "", &r);
	status = r.status;
	response_free(&r);
	return (status == 404);
}

static void
an_unused_session_is_refused_as_an_expired_one(void **state)
{
	struct response	r;
	char		session[37], path[512], sound[128], sql[300], out[16];

	(void)state;
	session_new(gateway.port, session);
	speak(gateway.port, session, "", &r);
	(void)snprintf(sound, sizeof(sound), "%s", response_json(&r, "audio_url"));
	response_free(&r);
	(void)snprintf(sql, sizeof(sql), "update voicegate.session set "
	    "idle_at = now(), idle_check_at = now() where id = '%s' "
	    "returning 1", session);
	database_value(gateway.database, sql, out, sizeof(out));
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(gateway.port, session, path, "", &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	assert_true(eventually(has_no_sound, sound));
	assert_true(eventually(is_idle_ended, session));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(
		    nothing_said_is_in_any_table_and_the_conversation_goes_on),
		cmocka_unit_test(
		    without_a_key_it_is_in_the_table_and_can_be_encrypted_later),
		cmocka_unit_test(messages_at_once_are_each_a_turn),
		cmocka_unit_test(an_export_is_for_who_has_the_key),
		cmocka_unit_test(
		    with_another_key_it_goes_on_without_what_it_cannot_read),
		cmocka_unit_test(a_reload_replaces_the_key),
		cmocka_unit_test(an_unused_session_is_refused_as_an_expired_one),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
