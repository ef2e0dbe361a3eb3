/*
 * Sessions: started, ended, refused. What is lost when the process dies: after
 * an answered start, nothing.
 */

#include <libpq-fe.h>

#include "wire.h"

static void
end_session(const char *id, struct response *r)
{
	char	json[128];
	int	n;

	n = snprintf(json, sizeof(json), "{\"session_id\":\"%s\"}", id);
	client_post(gateway.port, "/api/session/end", "", "application/json",
	    json, (size_t)n, r);
}

static void
start_commits_a_row(void **state)
{
	struct response	r;
	char		sql[256];

	(void)state;
	client_post(gateway.port, "/api/session/start", "", NULL, NULL, 0, &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(strlen(response_json(&r, "session_id")), 36);
	assert_true(strlen(response_json(&r, "message")) > 0);
	assert_non_null(strchr(response_json(&r, "expires_at"), 'T'));
	(void)snprintf(sql, sizeof(sql), "select count(*) from "
	    "voicegate.active_session where id = '%s' and client = '127.0.0.1'",
	    response_json(&r, "session_id"));
	assert_int_equal(database_long(gateway.database, sql), 1);
	response_free(&r);
}

static void
answered_start_survives_a_kill(void **state)
{
	struct server	other;
	char		id[37], sql[128];

	(void)state;
	server_start(&other, NULL, NULL);
	session_new(other.port, id);
	server_kill(&other);
	(void)snprintf(sql, sizeof(sql),
	    "select count(*) from voicegate.session where id = '%s'", id);
	assert_int_equal(database_long(other.database, sql), 1);
}

/* Processes that share a pool of random bytes would give out one id twice. */
static void
ids_of_all_workers_differ(void **state)
{
	struct server	other;
	char		id[37];
	int		i;
	static const char *const	env[] = { "RATE_LIMIT_PER_MINUTE=100000",
		"WORKERS=4", NULL };

	(void)state;
	server_start(&other, NULL, env);
	for (i = 0; i < 100; i++)
		session_new(other.port, id);
	assert_int_equal(database_long(other.database,
	    "select count(*) from voicegate.session"), 100);
	server_stop(&other);
}

static void
end_ends_it_once(void **state)
{
	struct response	r;
	char		id[37];

	(void)state;
	session_new(gateway.port, id);
	end_session(id, &r);
	assert_int_equal(r.status, 204);
	assert_int_equal(r.body_len, 0);
	assert_false(response_has(&r, "content-length"));
	response_free(&r);
	end_session(id, &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
}

static void
bad_content_changes_nothing(void **state)
{
	static const struct {
		const char	*type;
		const char	*content;
		int		status;
		const char	*word;
	} bad[] = {
		{ "application/json", "", 400, "bad_request" },
		{ "application/json", "{", 400, "bad_request" },
		{ "application/json", "[]", 400, "validation_failed" },
		{ "application/json", "{}", 400, "validation_failed" },
		{ "application/json", "{\"session_id\":5}", 400,
		    "validation_failed" },
		{ "application/json", "{\"session_id\":\"x\"}", 400,
		    "validation_failed" },
		{ "application/json", "{\"session_id\":\"x' or '1'='1\"}", 400,
		    "validation_failed" },
		{ "application/json", "{\"session_id\":\"00000000-0000-1000-8000-"
		    "000000000000\"}", 400, "validation_failed" },
		{ "application/json", "{\"session_id\":\"00000000-0000-4000-8000-"
		    "000000000000\"}", 404, "session_not_found" },
		{ "text/plain", "{}", 415, "unsupported_media_type" },
		{ NULL, "{}", 415, "unsupported_media_type" }
	};
	struct response	r;
	size_t		i;
	long		before;

	(void)state;
	before = database_long(gateway.database,
	    "select count(*) from voicegate.active_session");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		client_post(gateway.port, "/api/session/end", "", bad[i].type,
		    bad[i].content, strlen(bad[i].content), &r);
		assert_problem(&r, bad[i].status, bad[i].word);
		response_free(&r);
	}
	assert_int_equal(database_long(gateway.database,
	    "select count(*) from voicegate.active_session"), before);
}

static void
large_content_is_refused_unread(void **state)
{
	static const char	head[] = "POST /api/session/end HTTP/1.1\r\nHost: x\r\n"
	    "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
	struct response		r;

	(void)state;
	/* Nothing of the content is sent: the answer does not wait for it. */
	client_once(gateway.port, head, sizeof(head) - 1, false, &r);
	assert_problem(&r, 413, "payload_too_large");
	assert_true(response_has(&r, "ratelimit"));
	assert_string_equal(response_field(&r, "connection"), "close");
	response_free(&r);
}

static bool
is_refused(void *arg)
{
	struct response	r;
	bool		gone;

	end_session(arg, &r);
	gone = r.status == 404;
	response_free(&r);
	return (gone);
}

static void
operator_ends_from_psql(void **state)
{
	char	id[37], sql[128];

	(void)state;
	session_new(gateway.port, id);
	(void)snprintf(sql, sizeof(sql), "select voicegate.end_session('%s')", id);
	(void)database_long(gateway.database, sql);
	assert_true(is_refused(id));
}

#define ENDS	5	/* at once, of one session */

/*
 * A row that a colleague has in an open transaction costs who asks for it a try,
 * and nobody else their answer: all requests of a worker are on one connection.
 */
static void
a_row_that_is_held_costs_others_nothing(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_PER_MINUTE=100000",
		"MAX_CONNECTIONS_PER_CLIENT=0", "WORKERS=1", NULL };
	struct server	one;
	struct response	r;
	PGconn		*colleague;
	PGresult	*res;
	char		id[37], other[37], sql[128], request[512];
	int		fd[ENDS], i, n;

	(void)state;
	server_start(&one, NULL, env);
	session_new(one.port, id);
	colleague = PQconnectdb(one.database);
	(void)snprintf(sql, sizeof(sql),
	    "begin; select voicegate.end_session('%s')", id);
	res = PQexec(colleague, sql);
	assert_int_equal(PQntuples(res), 1);
	PQclear(res);

	n = snprintf(request, sizeof(request), "POST /api/session/end HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\nConnection: close\r\n\r\n"
	    "{\"session_id\":\"%s\"}", one.port, 17 + 36, id);
	for (i = 0; i < ENDS; i++) {
		assert_true((fd[i] = client_connect(one.port)) != -1);
		assert_int_equal(client_send(fd[i], request, (size_t)n), 0);
	}
	session_new(one.port, other);	/* fails the test unless it is 200 */
	for (i = 0; i < ENDS; i++) {
		client_read(fd[i], false, &r);
		assert_problem(&r, 503, "database_unavailable");
		assert_true(response_has(&r, "retry-after"));
		response_free(&r);
		(void)close(fd[i]);
	}
	assert_false(server_logged(&one, "giving the connection up"));

	PQclear(PQexec(colleague, "rollback"));
	PQfinish(colleague);
	client_once(one.port, request, (size_t)n, false, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
	server_stop(&one);
}

static void
database_away_is_503(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_FAIL_MODE=open", NULL };
	struct server			other;
	struct response			r;
	char				sql[256];

	(void)state;
	server_start(&other, NULL, env);
	/* Nobody gets in any more, and who is in is thrown out. */
	(void)snprintf(sql, sizeof(sql), "alter database %s allow_connections false",
	    strrchr(other.database, '/') + 1);
	(void)database_long(getenv("TEST_DATABASE_URL"), sql);
	(void)snprintf(sql, sizeof(sql), "select count(pg_terminate_backend(pid)) "
	    "from pg_stat_activity where datname = '%s'",
	    strrchr(other.database, '/') + 1);
	(void)database_long(getenv("TEST_DATABASE_URL"), sql);
	do {
		client_ask(other.port, "GET", "/api/health/ready", "", &r);
		if (r.status == 503)
			break;
		response_free(&r);
	} while (true);
	assert_problem(&r, 503, "database_unavailable");
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	response_free(&r);
	client_post(other.port, "/api/session/start", "", NULL, NULL, 0, &r);
	assert_problem(&r, 503, "database_unavailable");
	response_free(&r);
	client_ask(other.port, "GET", "/api/health", "", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr((const char *)r.body, "\"degraded\""));
	response_free(&r);
	/* And back by itself. */
	(void)snprintf(sql, sizeof(sql), "alter database %s allow_connections true",
	    strrchr(other.database, '/') + 1);
	(void)database_long(getenv("TEST_DATABASE_URL"), sql);
	do {
		response_free(&r);
		client_post(other.port, "/api/session/start", "", NULL, NULL, 0, &r);
	} while (r.status == 503);
	assert_int_equal(r.status, 200);
	response_free(&r);
	server_stop(&other);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(start_commits_a_row),
		cmocka_unit_test(answered_start_survives_a_kill),
		cmocka_unit_test(ids_of_all_workers_differ),
		cmocka_unit_test(end_ends_it_once),
		cmocka_unit_test(bad_content_changes_nothing),
		cmocka_unit_test(large_content_is_refused_unread),
		cmocka_unit_test(operator_ends_from_psql),
		cmocka_unit_test(a_row_that_is_held_costs_others_nothing),
		cmocka_unit_test(database_away_is_503),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
