/*
 * Idempotency-Key: one turn a key, one question to each provider, whichever
 * worker or instance the repeats meet and whatever becomes of the first.
 */

#include <poll.h>
#include <signal.h>

#include "lib/provider.h"
#include "wire.h"

#define REPEATS	6

static struct provider	provider;
static struct server	other;	/* on the same database */
static const char	*env[16];
static struct voice	message;
static char		session[37];

static int
setup(void **state)
{
	static const char *const	two_workers[] = { "WORKERS=2", NULL };

	(void)state;
	provider_start(&provider);
	provider_env(&provider, wide, two_workers, env);
	server_start(&gateway, NULL, env);
	server_start(&other, gateway.database, env);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	server_stop(&gateway);
	server_stop(&other);
	provider_stop(&provider);
	return (0);
}

/* A message of a fresh session with KEY; free it. */
static void
compose(const char *key)
{
	static const char	mark[] = "name=\"session_id\"\r\n\r\n";
	char			path[512], field[200];
	const char		*at;

	fixture(path, sizeof(path), "goforward.wav");
	(void)snprintf(field, sizeof(field), "Idempotency-Key: %s\r\n", key);
	voice_make(&message, gateway.port, path, field);
	at = strstr(message.form, mark) + sizeof(mark) - 1;
	(void)snprintf(session, sizeof(session), "%.36s", at);
	provider_tell(&provider, "reset");
}

static int
begin(int port)
{
	return (voice_begin(&message, port, message.form_len));
}

static void
finish(int fd, struct response *r)
{
	client_read(fd, false, r);
	(void)close(fd);
}

static long
turns(void)
{
	char	sql[160];

	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%s'", session);
	return (database_long(gateway.database, sql));
}

static unsigned
transcriptions(void)
{
	struct provider_count	n;

	provider_count(&provider, &n);
	return (n.stt);
}

static bool
is_asked(void *arg)
{
	(void)arg;
	return (transcriptions() > 0);
}

static bool
is_free(void *arg)
{
	char	sql[160];

	(void)arg;
	(void)snprintf(sql, sizeof(sql), "select count(*) from "
	    "voicegate.idempotency_key where session_id = '%s'", session);
	return (database_long(gateway.database, sql) == 0);
}

static void
many_at_once_are_one_turn(void **state)
{
	struct response	r, first;
	int		fd[REPEATS], i;

	(void)state;
	compose("at-once");
	provider_tell(&provider, "delay 300");
	/* To both workers of each of two instances. */
	for (i = 0; i < REPEATS; i++)
		fd[i] = begin(i % 2 == 0 ? gateway.port : other.port);
	for (i = 0; i < REPEATS; i++) {
		finish(fd[i], &r);
		if (r.status != 200)
			fail_msg("%d: %d %s", i, r.status, (char *)r.body);
		if (i == 0) {
			first = r;
			continue;
		}
		assert_string_equal((char *)r.body, (char *)first.body);
		response_free(&r);
	}
	assert_true(strlen(response_json(&first, "audio_url")) > 0);
	response_free(&first);
	assert_int_equal(turns(), 1);
	assert_int_equal(transcriptions(), 1);
	/* And long after it. */
	finish(begin(other.port), &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(transcriptions(), 1);
	response_free(&r);
	voice_free(&message);
}

static void
what_had_fallen_back_is_told_again(void **state)
{
	struct response	a, b;

	(void)state;
	compose("degraded");
	provider_tell(&provider, "chat 400");
	provider_tell(&provider, "tts 400");
	finish(begin(gateway.port), &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr((char *)a.body, "\"degraded\":[\"chat\",\"tts\"]"));
	provider_tell(&provider, "all ok");
	finish(begin(other.port), &b);
	assert_string_equal((char *)b.body, (char *)a.body);
	response_free(&a);
	response_free(&b);
	voice_free(&message);
}

static void
a_failure_is_no_answer_to_keep(void **state)
{
	struct response	r;

	(void)state;
	compose("failed");
	provider_tell(&provider, "stt 422");
	finish(begin(gateway.port), &r);
	assert_problem(&r, 422, "audio_undecodable");
	response_free(&r);
	assert_true(eventually(is_free, NULL));
	provider_tell(&provider, "stt ok");
	finish(begin(other.port), &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(turns(), 1);
	voice_free(&message);
}

static void
the_next_takes_over_from_a_client_that_left(void **state)
{
	struct response	r;
	int		gone, fd;

	(void)state;
	compose("left");
	provider_tell(&provider, "stt hang");
	gone = begin(gateway.port);
	assert_true(eventually(is_asked, NULL));
	fd = begin(other.port);
	provider_tell(&provider, "stt ok");
	(void)close(gone);
	finish(fd, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(turns(), 1);
	assert_int_equal(transcriptions(), 2);
	voice_free(&message);
}

static void
the_next_takes_over_from_an_instance_that_was_killed(void **state)
{
	struct server	doomed;
	struct response	r;
	int		lost, fd;

	(void)state;
	server_start(&doomed, gateway.database, env);
	compose("killed");
	provider_tell(&provider, "stt hang");
	lost = begin(doomed.port);
	assert_true(eventually(is_asked, NULL));
	fd = begin(other.port);
	server_kill(&doomed);
	provider_tell(&provider, "stt ok");
	/* Within the lease of the one that is dead. */
	finish(fd, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)close(lost);
	assert_int_equal(turns(), 1);
	voice_free(&message);
}

static void
waiting_has_an_end(void **state)
{
	static const char	*hasty_env[16];
	struct server		hasty;
	struct response		r;
	size_t			n;
	int			fd;

	(void)state;
	for (n = 0; env[n] != NULL; n++)
		hasty_env[n] = env[n];
	hasty_env[n++] = "PIPELINE_TIMEOUT_SECONDS=1";
	hasty_env[n] = NULL;
	server_start(&hasty, gateway.database, hasty_env);
	compose("waiting");
	provider_tell(&provider, "stt hang");
	fd = begin(gateway.port);
	assert_true(eventually(is_asked, NULL));
	finish(begin(hasty.port), &r);
	assert_problem(&r, 409, "idempotency_conflict");
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	response_free(&r);
	assert_int_equal(transcriptions(), 1);
	(void)close(fd);
	assert_true(eventually(is_free, NULL));
	server_stop(&hasty);
	voice_free(&message);
}

static void
other_content_under_a_key_is_422(void **state)
{
	struct response	r;

	(void)state;
	compose("content");
	finish(begin(gateway.port), &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	/* A byte of the sound, not of the form. */
	message.form[message.form_len - 100] ^= 1;
	finish(begin(other.port), &r);
	assert_problem(&r, 422, "idempotency_mismatch");
	response_free(&r);
	assert_int_equal(turns(), 1);
	assert_int_equal(transcriptions(), 1);
	voice_free(&message);
}

static void
keys_are_quoted_or_not_and_checked_before_the_content(void **state)
{
	static const char	head[] = "POST /api/voice/process HTTP/1.1\r\n"
	    "Host: x\r\nContent-Type: " VOICE_TYPE "\r\nContent-Length: 5000\r\n"
	    "Idempotency-Key: not one key\r\nExpect: 100-continue\r\n\r\n";
	struct response		a, b;
	char			*at;

	(void)state;
	compose("\"quoted\"");
	finish(begin(gateway.port), &a);
	assert_int_equal(a.status, 200);
	/* The same without its quotes: blanks around a value are nothing. */
	at = strstr(message.head, "\"quoted\"");
	memcpy(at, " quoted ", 8);
	finish(begin(gateway.port), &b);
	assert_string_equal((char *)a.body, (char *)b.body);
	assert_int_equal(transcriptions(), 1);
	response_free(&a);
	response_free(&b);
	voice_free(&message);
	client_once(gateway.port, head, sizeof(head) - 1, false, &a);
	assert_problem(&a, 400, "validation_failed");
	response_free(&a);
}

static void
where_texts_are_not_kept_a_repeat_has_the_sound(void **state)
{
	static const char	*mute_env[16];
	struct server		mute;
	struct response		a, b;
	size_t			n;

	(void)state;
	for (n = 0; env[n] != NULL; n++)
		mute_env[n] = env[n];
	mute_env[n++] = "TRANSCRIPT_RETENTION_DAYS=0";
	mute_env[n] = NULL;
	server_start(&mute, gateway.database, mute_env);
	compose("mute");
	finish(begin(mute.port), &a);
	finish(begin(mute.port), &b);
	assert_int_equal(a.status, 200);
	assert_int_equal(b.status, 200);
	assert_true(strlen(response_json(&a, "text")) > 0);
	assert_true(strlen(response_json(&a, "audio_url")) > 0);
	assert_string_equal(response_json(&a, "audio_url"),
	    response_json(&b, "audio_url"));
	assert_string_equal(response_json(&b, "text"), "");
	assert_string_equal(response_json(&b, "transcript"), "");
	assert_non_null(strstr((char *)b.body, "\"degraded\":[\"text\"]"));
	assert_int_equal(transcriptions(), 1);
	assert_int_equal(database_long(mute.database, "select count(*) from "
	    "voicegate.turn as t, voicegate.idempotency_key as k where "
	    "t::text || k::text like '%sad since%' and t.transcript is null"), 0);
	response_free(&a);
	response_free(&b);
	voice_free(&message);
	server_stop(&mute);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(many_at_once_are_one_turn),
		cmocka_unit_test(what_had_fallen_back_is_told_again),
		cmocka_unit_test(a_failure_is_no_answer_to_keep),
		cmocka_unit_test(the_next_takes_over_from_a_client_that_left),
		cmocka_unit_test(
		    the_next_takes_over_from_an_instance_that_was_killed),
		cmocka_unit_test(waiting_has_an_end),
		cmocka_unit_test(other_content_under_a_key_is_422),
		cmocka_unit_test(
		    keys_are_quoted_or_not_and_checked_before_the_content),
		cmocka_unit_test(where_texts_are_not_kept_a_repeat_has_the_sound),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
