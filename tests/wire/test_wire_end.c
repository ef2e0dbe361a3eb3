/*
 * The end, when it comes at the worst moment: nothing goes on without its parent,
 * and whoever cannot be answered any more is told so.
 */

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/provider.h"
#include "wire.h"

#define ROUNDS		8
#define WORKERS		4

static bool
all_are_gone(void *arg)
{
	return (kill(-((const struct server *)arg)->pid, 0) == -1);
}

/*
 * Each worker has just been killed, and its successor is in its first moments,
 * when the parent is told to end.
 */
static void
a_worker_in_its_first_moments_ends_too(void **state)
{
	static const char *const	env[] = { "WORKERS=4", "DRAIN_SECONDS=1", NULL };
	struct server			s;
	pid_t				pid[WORKERS];
	int				round, i, n;

	(void)state;
	server_start(&s, NULL, env);
	for (round = 0; round < ROUNDS; round++) {
		if (round > 0)
			server_again(&s, env);
		n = server_workers(&s, pid, WORKERS);
		for (i = 0; i < n; i++)
			(void)kill(pid[i], SIGKILL);
		(void)poll(NULL, 0, 1 + round % 4);
		server_stop_hurt(&s);
	}
}

/* Likewise, but the parent is killed: none is left that serves. */
static void
a_worker_in_its_first_moments_outlives_no_parent(void **state)
{
	static const char *const	env[] = { "WORKERS=4", NULL };
	struct server			s;
	pid_t				pid[WORKERS];
	int				round, i, n;

	(void)state;
	server_start(&s, NULL, env);
	for (round = 0; round < ROUNDS / 2; round++) {
		if (round > 0)
			server_again(&s, env);
		n = server_workers(&s, pid, WORKERS);
		for (i = 0; i < n; i++)
			(void)kill(pid[i], SIGKILL);
		(void)poll(NULL, 0, 1 + round % 4);
		assert_int_equal(kill(s.pid, SIGKILL), 0);
		assert_int_equal(waitpid(s.pid, NULL, 0), s.pid);
		if (!eventually(all_are_gone, &s))
			fail_msg("a worker serves without its parent");
	}
}

static bool
no_reply_is_left(void *arg)
{
	return (server_files(arg, "audio") == 0 &&
	    server_files(arg, "uploads") == 0);
}

static bool
speech_is_asked(void *arg)
{
	struct provider_count	count;

	provider_count(arg, &count);
	return (count.tts > 0);
}

static void
told(int fd)
{
	struct response	r;

	client_read(fd, false, &r);
	assert_problem(&r, 503, "shutting_down");
	assert_true(atol(response_field(&r, "retry-after")) > 0);
	assert_string_equal(response_field(&r, "connection"), "close");
	response_free(&r);
	(void)close(fd);
}

/* One waits for speech, one sends a message, one has not said what it wants. */
static void
who_is_not_answered_in_time_is_told(void **state)
{
	static const char *const	more[] = { "WORKERS=1", "DRAIN_SECONDS=1", NULL };
	static const char		key[] = "Idempotency-Key: \"the-end\"\r\n";
	const char			*env[8 + 3 + 3 + 1];
	struct provider			provider;
	struct server			s;
	struct voice			waits, sends;
	struct response			r;
	char				path[512];
	int				fd[3];

	(void)state;
	provider_start(&provider);
	provider_tell(&provider, "tts hang");
	provider_env(&provider, wide, more, env);
	server_start(&s, NULL, env);
	fixture(path, sizeof(path), "hello.wav");
	voice_make(&waits, s.port, path, key);
	voice_make(&sends, s.port, path, "");
	fd[0] = voice_begin(&waits, s.port, waits.form_len);
	assert_true(eventually(speech_is_asked, &provider));
	fd[1] = voice_begin(&sends, s.port, sends.form_len / 2);
	fd[2] = client_connect(s.port);
	assert_int_equal(client_send(fd[2], "GET /api/hea", 12), 0);
	/* The worker has read what was sent before this. */
	client_ask(s.port, "GET", "/api/health/live", "", &r);
	response_free(&r);
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	told(fd[0]);
	told(fd[1]);
	told(fd[2]);
	server_stop(&s);
	assert_true(no_reply_is_left(&s));
	/* What was claimed for a repeat is free again. */
	assert_int_equal(database_long(s.database, "select count(*) from "
	    "voicegate.idempotency_key where lease_until > now()"), 0);
	voice_free(&waits);
	voice_free(&sends);
	provider_stop(&provider);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_worker_in_its_first_moments_ends_too),
		cmocka_unit_test(a_worker_in_its_first_moments_outlives_no_parent),
		cmocka_unit_test(who_is_not_answered_in_time_is_told),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
