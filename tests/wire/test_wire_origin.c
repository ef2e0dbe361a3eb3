/* Who may read an answer, and whose request is not even worked on. */

#include "wire.h"

static const char *const	listed[] = {
	"ALLOWED_ORIGINS=https://app.example.test,https://*.example.org",
	"RATE_LIMIT_PER_MINUTE=100000", "RATE_LIMIT_HEALTH_PER_MINUTE=100000",
	NULL };

static int
listed_setup(void **state)
{
	(void)state;
	server_start(&gateway, NULL, listed);
	return (0);
}

static void
ask_from(const char *method, const char *path, const char *origin,
    struct response *r)
{
	char	fields[512];

	(void)snprintf(fields, sizeof(fields), "Origin: %s\r\n%s", origin,
	    !strcmp(method, "POST") ? "Content-Length: 0\r\n" : "");
	client_ask(gateway.port, method, path, fields, r);
}

static void
allowed_origins_are_named(void **state)
{
	static const char *const	good[] = { "https://app.example.test",
		"https://a.example.org", "https://a.b.example.org" };
	struct response			r;
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ask_from("GET", "/api/health", good[i], &r);
		assert_int_equal(r.status, 200);
		assert_string_equal(response_field(&r,
		    "access-control-allow-origin"), good[i]);
		assert_string_equal(response_field(&r, "vary"), "Origin");
		assert_false(response_has(&r, "access-control-allow-credentials"));
		response_free(&r);
		ask_from("POST", "/api/session/start", good[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
	}
}

static void
foreign_origins_get_nothing(void **state)
{
	static const char *const	bad[] = { "https://evil.test", "null",
		"https://example.org", "http://app.example.test",
		"https://app.example.test:8443", "https://app.example.test.evil.test",
		"https://notexample.org", "https://APP.example.test",
		"https://app.example.test, https://evil.test", "file://",
		"https://a.example.org/" };
	struct response			r;
	size_t				i;
	long				before;

	(void)state;
	before = database_long(gateway.database,
	    "select count(*) from voicegate.session");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask_from("GET", "/api/health", bad[i], &r);
		assert_int_equal(r.status, 200);
		assert_false(response_has(&r, "access-control-allow-origin"));
		assert_string_equal(response_field(&r, "vary"), "Origin");
		response_free(&r);
		ask_from("POST", "/api/session/start", bad[i], &r);
		assert_problem(&r, 403, "origin_denied");
		assert_false(response_has(&r, "access-control-allow-origin"));
		response_free(&r);
	}
	assert_int_equal(database_long(gateway.database,
	    "select count(*) from voicegate.session"), before);
}

static void
own_origin_and_none_are_served(void **state)
{
	struct response	r;
	char		origin[64];

	(void)state;
	(void)snprintf(origin, sizeof(origin), "%s://127.0.0.1:%d",
	    getenv("TEST_TLS") != NULL ? "https" : "http", gateway.port);
	ask_from("POST", "/api/session/start", origin, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_post(gateway.port, "/api/session/start", "", NULL, NULL, 0, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

static void
cross_site_without_origin_is_refused(void **state)
{
	struct response	r;

	(void)state;
	client_post(gateway.port, "/api/session/start",
	    "Sec-Fetch-Site: cross-site\r\n", NULL, NULL, 0, &r);
	assert_problem(&r, 403, "origin_denied");
	response_free(&r);
}

static void
preflights(void **state)
{
	static const struct {
		const char	*origin;
		const char	*method;
		const char	*headers;	/* NULL: none */
		const char	*more;
		int		status;
	} cases[] = {
		{ "https://app.example.test", "POST", NULL, "", 204 },
		{ "https://app.example.test", "GET", "content-type", "", 204 },
		{ "https://app.example.test", "POST",
		    "authorization,content-type", "", 204 },
		{ "https://app.example.test", "POST",
		    "Authorization, Content-Type", "", 204 },
		{ "https://app.example.test", "PUT", NULL, "", 403 },
		{ "https://app.example.test", "post", NULL, "", 403 },
		{ "https://app.example.test", "DELETE", NULL, "", 403 },
		{ "https://app.example.test", "POST", "x-evil", "", 403 },
		{ "https://app.example.test", "POST", "content-type, x-evil", "",
		    403 },
		{ "https://evil.test", "POST", NULL, "", 403 },
		{ "null", "POST", NULL, "", 403 },
		{ "https://app.example.test", "POST", NULL,
		    "Access-Control-Request-Private-Network: true\r\n", 403 }
	};
	struct response	r;
	char		fields[512];
	size_t		i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(fields, sizeof(fields), "Origin: %s\r\n"
		    "Access-Control-Request-Method: %s\r\n%s%s%s%s",
		    cases[i].origin, cases[i].method,
		    cases[i].headers != NULL ?
		    "Access-Control-Request-Headers: " : "",
		    cases[i].headers != NULL ? cases[i].headers : "",
		    cases[i].headers != NULL ? "\r\n" : "", cases[i].more);
		client_ask(gateway.port, "OPTIONS", "/api/session/start", fields,
		    &r);
		if (r.status != cases[i].status)
			fail_msg("case %zu: %d", i, r.status);
		if (r.status == 204) {
			assert_string_equal(response_field(&r,
			    "access-control-allow-methods"), "GET, POST");
			assert_string_equal(response_field(&r,
			    "access-control-allow-headers"),
			    "Content-Type, Authorization");
			assert_true(strtol(response_field(&r,
			    "access-control-max-age"), NULL, 10) > 0);
			assert_int_equal(r.body_len, 0);
		} else {
			assert_problem(&r, 403, "origin_denied");
			assert_false(response_has(&r,
			    "access-control-allow-methods"));
		}
		response_free(&r);
	}
}

static void
wildcard_never_has_credentials(void **state)
{
	struct server	open_to_all;
	struct response	r;

	(void)state;
	server_start(&open_to_all, NULL, NULL);
	client_ask(open_to_all.port, "GET", "/api/health",
	    "Origin: https://anyone.test\r\n", &r);
	assert_string_equal(response_field(&r, "access-control-allow-origin"), "*");
	assert_false(response_has(&r, "access-control-allow-credentials"));
	response_free(&r);
	client_ask(open_to_all.port, "GET", "/api/health", "Origin: null\r\n", &r);
	assert_false(response_has(&r, "access-control-allow-origin"));
	response_free(&r);
	server_stop(&open_to_all);
}

static void
refusals_can_be_read_by_allowed_origins(void **state)
{
	struct response	r;

	(void)state;
	ask_from("GET", "/api/nothing", "https://app.example.test", &r);
	assert_problem(&r, 404, "not_found");
	assert_string_equal(response_field(&r, "access-control-allow-origin"),
	    "https://app.example.test");
	response_free(&r);
	ask_from("GET", "/api/session/start", "https://app.example.test", &r);
	assert_problem(&r, 405, "method_not_allowed");
	assert_string_equal(response_field(&r, "access-control-allow-origin"),
	    "https://app.example.test");
	assert_non_null(strstr(response_field(&r,
	    "access-control-expose-headers"), "Retry-After"));
	response_free(&r);
}

static void
reports_are_taken_from_anyone(void **state)
{
	static const char	report[] = "{\"csp-report\":"
	    "{\"violated-directive\":\"frame-ancestors\"}}";
	static const char	level3[] = "{\"csp-report\":"
	    "{\"effective-directive\":\"script-src-elem\"}}";
	static const char	secret[] = "[{\"body\":{\"effectiveDirective\":"
	    "\"go forward\"}},0,0,{}]";
	struct response		r;

	(void)state;
	client_post(gateway.port, "/api/csp-report", "Origin: null\r\n",
	    "application/csp-report", report, sizeof(report) - 1, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
	assert_true(server_logged(&gateway, "directive=frame-ancestors"));
	client_post(gateway.port, "/api/csp-report", "",
	    "application/csp-report", level3, sizeof(level3) - 1, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
	assert_true(server_logged(&gateway, "directive=script-src-elem"));
	client_post(gateway.port, "/api/csp-report", "",
	    "application/csp-report", secret, sizeof(secret) - 1, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
	assert_true(server_logged(&gateway, "directive=other"));
	assert_false(server_logged(&gateway, "forward"));
}

static void
asterisk_asks_about_the_server(void **state)
{
	static const char	ask[] = "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n";
	struct response		r;

	(void)state;
	client_once(gateway.port, ask, sizeof(ask) - 1, false, &r);
	assert_int_equal(r.status, 204);
	assert_string_equal(response_field(&r, "allow"),
	    "GET, HEAD, POST, OPTIONS");
	response_free(&r);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(allowed_origins_are_named),
		cmocka_unit_test(foreign_origins_get_nothing),
		cmocka_unit_test(own_origin_and_none_are_served),
		cmocka_unit_test(cross_site_without_origin_is_refused),
		cmocka_unit_test(preflights),
		cmocka_unit_test(wildcard_never_has_credentials),
		cmocka_unit_test(refusals_can_be_read_by_allowed_origins),
		cmocka_unit_test(reports_are_taken_from_anyone),
		cmocka_unit_test(asterisk_asks_about_the_server),
	};

	return (cmocka_run_group_tests(tests, listed_setup, wide_teardown));
}
