/* Several limits at once, a cost, and one limit over all routes. */

#include <sys/stat.h>

#include <poll.h>
#include <signal.h>

#include "wire.h"

#define SESSION	"00000000-0000-4000-8000-000000000000"	/* nobody's */

static int
start(int port, struct response *r)
{
	client_post(port, "/api/session/start", "", NULL, NULL, 0, r);
	return (r->status);
}

static int
health(int port, struct response *r)
{
	client_ask(port, "GET", "/api/health", "", r);
	return (r->status);
}

/* A voice message in a session that is none: 404, once it is let in. */
static int
voice(int port, struct response *r)
{
	char	path[512];

	fixture(path, sizeof(path), "hello.wav");
	voice_send(port, SESSION, path, "", r);
	return (r->status);
}

static void
assert_field(const struct response *r, const char *name, const char *value)
{
	assert_string_equal(response_field(r, name), value);
}

/* The field begins so; the rest of it (t=...) is a time. */
static void
assert_begins(const struct response *r, const char *name, const char *begin)
{
	const char	*value = response_field(r, name);

	if (strncmp(value, begin, strlen(begin)) != 0)
		fail_msg("%s: %s does not begin with %s", name, value, begin);
}

static void
all_limits_are_told_and_the_nearest_is_shown(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_SESSION="
		"3/minute;4/hour", NULL };
	struct server			s, again;
	struct response			r;
	int				i;

	(void)state;
	server_start(&s, NULL, env);
	for (i = 0; i < 3; i++) {
		assert_int_equal(start(s.port, &r), 200);
		assert_field(&r, "ratelimit-policy", "\"session\";q=3;w=60, "
		    "\"session-3600\";q=4;w=3600");
		assert_begins(&r, "ratelimit", "\"session\";r=");
		assert_field(&r, "x-ratelimit-limit", "3");
		response_free(&r);
	}
	assert_int_equal(start(s.port, &r), 429);
	assert_begins(&r, "ratelimit", "\"session\";r=0;t=");
	assert_in_range(strtol(response_field(&r, "retry-after"), NULL, 10), 1,
	    60);
	response_free(&r);
	/* The minute is over, as it were: the hour has one left. */
	(void)database_long(s.database, "delete from "
	    "voicegate.rate_limit_window where policy = 'session'");
	server_stop(&s);
	server_start(&again, s.database, env);
	s = again;
	assert_int_equal(start(s.port, &r), 200);
	assert_begins(&r, "ratelimit", "\"session-3600\";r=0;t=");
	assert_field(&r, "x-ratelimit-limit", "4");
	response_free(&r);
	assert_int_equal(start(s.port, &r), 429);
	assert_begins(&r, "ratelimit", "\"session-3600\";r=0;t=");
	assert_in_range(strtol(response_field(&r, "retry-after"), NULL, 10),
	    3500, 3600);
	response_free(&r);
	/* What was refused by the hour used nothing of the minute. */
	assert_int_equal(database_long(s.database, "select used from "
	    "voicegate.rate_limit_now where policy = 'session'"), 1);
	server_stop(&s);
}

/*
 * With two limits: whoever waits as told is let in, and nobody is let in more
 * than a second before. Neither end depends on how fast the machine is.
 */
static void
retry_is_true(const char *strategy)
{
	const char	*env[] = { strategy, "RATE_LIMIT_SESSION=2/2s;5/6s",
		NULL };
	struct server	s;
	struct response	r;
	long		began, sent, retry;
	int		refusals = 0, admitted = 0;

	server_start(&s, NULL, env);
	began = now_ms();
	while (refusals < 6) {
		sent = now_ms();
		if (sent - began > SERVER_DEADLINE_MS)
			fail_msg("%d admitted, %d refused", admitted, refusals);
		if (start(s.port, &r) == 200) {
			admitted++;
			response_free(&r);
			continue;
		}
		assert_int_equal(r.status, 429);
		refusals++;
		/* The refusal was made between SENT and this moment. */
		began = now_ms();
		retry = strtol(response_field(&r, "retry-after"), NULL, 10);
		assert_in_range(retry, 1, 6);
		response_free(&r);
		/* Not a moment earlier than a second before. */
		for (;;) {
			sent = now_ms();
			if (start(s.port, &r) == 200)
				break;
			response_free(&r);
			if (sent >= began + retry * 1000)
				fail_msg("refused after %ld ms, told %ld s",
				    sent - began, retry);
			(void)poll(NULL, 0, 10);
		}
		admitted++;
		response_free(&r);
		assert_true(now_ms() - began > (retry - 1) * 1000 - 50);
		began = now_ms();
	}
	server_stop(&s);
}

static void
retry_after_is_true_with_several_limits_fixed(void **state)
{
	(void)state;
	retry_is_true("RATE_LIMIT_STRATEGY=fixed-window");
}

static void
retry_after_is_true_with_several_limits_moving(void **state)
{
	(void)state;
	retry_is_true("RATE_LIMIT_STRATEGY=moving-window");
}

static void
a_voice_message_uses_its_cost(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_VOICE=10/minute",
		"RATE_LIMIT_VOICE_COST=4", "RATE_LIMIT_ALL=50/hour", NULL };
	struct server			s;
	struct response			r;

	(void)state;
	server_start(&s, NULL, env);
	assert_int_equal(voice(s.port, &r), 404);
	assert_field(&r, "x-ratelimit-remaining", "6");
	response_free(&r);
	assert_int_equal(voice(s.port, &r), 404);
	assert_field(&r, "x-ratelimit-remaining", "2");
	response_free(&r);
	assert_int_equal(voice(s.port, &r), 429);
	assert_begins(&r, "ratelimit", "\"voice\";r=2;t=");
	response_free(&r);
	/* What all share was used as much; another route uses one. */
	assert_int_equal(database_long(s.database, "select used from "
	    "voicegate.rate_limit_now where policy = 'all'"), 8);
	assert_int_equal(health(s.port, &r), 200);
	assert_field(&r, "x-ratelimit-remaining", "41");
	response_free(&r);
	server_stop(&s);
}

static void
one_limit_over_all_routes(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_ALL=5/minute",
		NULL };
	struct server			s;
	struct response			r;
	int				i;

	(void)state;
	server_start(&s, NULL, env);
	for (i = 0; i < 3; i++) {
		assert_int_equal(health(s.port, &r), 200);
		assert_field(&r, "ratelimit-policy",
		    "\"health\";q=60;w=60, \"all\";q=5;w=60");
		assert_begins(&r, "ratelimit", "\"all\";r=");
		response_free(&r);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(start(s.port, &r), 200);
		response_free(&r);
	}
	/* Whatever the route, and its own limit is left alone. */
	for (i = 0; i < 3; i++) {
		assert_int_equal(start(s.port, &r), 429);
		assert_begins(&r, "ratelimit", "\"all\";r=0;t=");
		response_free(&r);
		assert_int_equal(health(s.port, &r), 429);
		assert_field(&r, "x-ratelimit-limit", "5");
		response_free(&r);
		client_ask(s.port, "GET", "/api/v1/health/ready", "", &r);
		assert_int_equal(r.status, 429);
		response_free(&r);
	}
	assert_int_equal(database_long(s.database, "select used from "
	    "voicegate.rate_limit_now where policy = 'session'"), 2);
	assert_int_equal(database_long(s.database, "select used from "
	    "voicegate.rate_limit_now where policy = 'health'"), 3);
	/* The page has no limit. */
	client_ask(s.port, "GET", "/", "", &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	server_stop(&s);
}

static void
a_route_may_have_limits_of_its_own(void **state)
{
	static const char		report[] = "{}";
	static const char *const	env[] = {
		"RATE_LIMIT_HEALTH_PER_MINUTE=7", "RATE_LIMIT_AUDIO=9/30s",
		NULL };
	struct server			s;
	struct response			r;

	(void)state;
	server_start(&s, NULL, env);
	client_post(s.port, "/api/csp-report", "", "application/csp-report",
	    report, sizeof(report) - 1, &r);
	assert_field(&r, "ratelimit-policy", "\"csp_report\";q=60;w=60");
	response_free(&r);
	client_ask(s.port, "GET", "/api/voice/audio/" SESSION, "", &r);
	assert_field(&r, "ratelimit-policy", "\"audio\";q=9;w=30");
	response_free(&r);
	assert_int_equal(health(s.port, &r), 200);
	assert_field(&r, "ratelimit-policy", "\"health\";q=7;w=60");
	response_free(&r);
	server_stop(&s);
}

static bool
is_reloaded(void *arg)
{
	struct response	r;
	bool		new;

	(void)health(*(int *)arg, &r);
	new = !strcmp(response_field(&r, "ratelimit-policy"),
	    "\"health\";q=500;w=5, \"health-3600\";q=9000;w=3600, "
	    "\"all\";q=8000;w=60");
	response_free(&r);
	return (new);
}

static void
hangup_reloads_several(void **state)
{
	static const char *const	env[] = { NULL };
	struct server			s;
	char				path[512];
	FILE				*fp;

	(void)state;
	server_start(&s, NULL, env);
	(void)snprintf(path, sizeof(path), "%s/.env", s.dir);
	fp = fopen(path, "w");
	fputs("RATE_LIMIT_HEALTH=500/5s;9000/hour\nRATE_LIMIT_ALL=8000/minute\n",
	    fp);
	(void)fclose(fp);
	assert_int_equal(kill(s.pid, SIGHUP), 0);
	assert_true(eventually(is_reloaded, &s.port));
	server_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(all_limits_are_told_and_the_nearest_is_shown),
		cmocka_unit_test(retry_after_is_true_with_several_limits_fixed),
		cmocka_unit_test(retry_after_is_true_with_several_limits_moving),
		cmocka_unit_test(a_voice_message_uses_its_cost),
		cmocka_unit_test(one_limit_over_all_routes),
		cmocka_unit_test(a_route_may_have_limits_of_its_own),
		cmocka_unit_test(hangup_reloads_several),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
