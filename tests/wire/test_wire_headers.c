/* Every response carries the contract's headers, whatever it says. */

#include "wire.h"

static void
assert_headers(const struct response *r)
{
	assert_security(r);
	assert_string_equal(response_field(r, "content-security-policy"),
	    "default-src 'none'; frame-ancestors 'none'");
	assert_non_null(strstr(response_field(r, "date"), " GMT"));
	assert_null(strcasestr(response_field(r, "server"), "kore"));
	assert_null(strpbrk(response_field(r, "server"), "0123456789"));
	assert_string_equal(response_field(r, "cache-control"), "no-store");
}

static void
on_every_kind_of_answer(void **state)
{
	static const char *const	raw[] = {
		"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/v1/health/ready HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS /api/health HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /api/session/start HTTP/1.1\r\nHost: x\r\n"
		    "Origin: null\r\nContent-Length: 0\r\n\r\n",
		"POST /api/session/end HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 0\r\n\r\n",
		"POST /api/voice/process HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 99999999\r\n\r\n",
		"POST /api/voice/process HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 0\r\n\r\n",
		"GET /api/voice/audio/x HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/health HTTP/1.0\r\n\r\n"
	};
	struct response			r;
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		client_once(gateway.port, raw[i], strlen(raw[i]),
		    !strncmp(raw[i], "HEAD", 4), &r);
		if (r.status == 0)
			fail_msg("no answer to %.40s", raw[i]);
		/* The page's route has its own policy. */
		assert_headers(&r);
		if (r.status >= 400)
			assert_string_equal(response_field(&r, "content-type"),
			    "application/problem+json");
		response_free(&r);
	}
}

static void
request_ids_differ(void **state)
{
	struct response	a, b;

	(void)state;
	client_ask(gateway.port, "GET", "/api/health", "", &a);
	client_ask(gateway.port, "GET", "/api/health", "", &b);
	assert_string_not_equal(response_field(&a, "x-request-id"),
	    response_field(&b, "x-request-id"));
	response_free(&a);
	response_free(&b);
}

static void
can_be_taken_off(void **state)
{
	static const char *const	off[] = { "ENABLE_SECURITY_HEADERS=false",
		NULL };
	struct server			bare;
	struct response			r;

	(void)state;
	server_start(&bare, NULL, off);
	client_ask(bare.port, "GET", "/api/health", "", &r);
	assert_int_equal(r.status, 200);
	assert_no_security(&r);
	assert_true(response_has(&r, "x-request-id"));
	assert_true(response_has(&r, "date"));
	response_free(&r);
	server_stop(&bare);
}

static void
health_tells_what_is_connected(void **state)
{
	struct response	r;

	(void)state;
	client_ask(gateway.port, "GET", "/api/health", "", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr((const char *)r.body,
	    "\"postgres\":\"connected\""));
	assert_non_null(strstr((const char *)r.body, "\"version\":\""));
	response_free(&r);
	client_ask(gateway.port, "HEAD", "/api/v1/health", "", &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_len, 0);
	assert_true(strtoul(response_field(&r, "content-length"), NULL, 10) > 0);
	response_free(&r);
}

static void
wrong_method_says_which_are_right(void **state)
{
	struct response	r;

	(void)state;
	client_ask(gateway.port, "GET", "/api/session/start", "", &r);
	assert_problem(&r, 405, "method_not_allowed");
	assert_string_equal(response_field(&r, "allow"), "POST, OPTIONS");
	assert_true(response_has(&r, "ratelimit"));
	assert_true(response_has(&r, "x-ratelimit-remaining"));
	response_free(&r);
	client_post(gateway.port, "/api/health", "", NULL, NULL, 0, &r);
	assert_problem(&r, 405, "method_not_allowed");
	assert_string_equal(response_field(&r, "allow"), "GET, HEAD, OPTIONS");
	response_free(&r);
}

static void
unknown_paths_are_not_found(void **state)
{
	static const char *const	paths[] = { "/api", "/api/", "/api/v2/health",
		"/api/health/", "/API/health", "/api//health", "/.env",
		"/api/health/../health", "/api/voice/audio/", "/assets/none.js" };
	struct response			r;
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		client_ask(gateway.port, "GET", paths[i], "", &r);
		assert_problem(&r, 404, "not_found");
		response_free(&r);
	}
}

static void
answers_follow_each_other_on_a_connection(void **state)
{
	static const char	one[] = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n";
	struct response		r;
	int			fd = client_connect(gateway.port), i;

	(void)state;
	for (i = 0; i < 50; i++) {
		assert_int_equal(client_send(fd, one, sizeof(one) - 1), 0);
		client_read(fd, false, &r);
		assert_int_equal(r.status, 200);
		assert_false(r.closed);
		response_free(&r);
	}
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(on_every_kind_of_answer),
		cmocka_unit_test(request_ids_differ),
		cmocka_unit_test(can_be_taken_off),
		cmocka_unit_test(health_tells_what_is_connected),
		cmocka_unit_test(wrong_method_says_which_are_right),
		cmocka_unit_test(unknown_paths_are_not_found),
		cmocka_unit_test(answers_follow_each_other_on_a_connection),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
