/* The API's document, served; and the methods that it tells are those there are. */

#include <jansson.h>

#include "wire.h"

static void
is_served_whole(void **state)
{
	static const char *const	paths[] = { "/api/openapi.json",
		"/api/v1/openapi.json" };
	struct response			r;
	json_t				*root;
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		client_ask(gateway.port, "GET", paths[i], "", &r);
		assert_int_equal(r.status, 200);
		assert_security(&r);
		assert_string_equal(response_field(&r, "content-type"),
		    "application/json");
		assert_string_equal(response_field(&r, "cache-control"),
		    "no-store");
		assert_non_null(strstr(response_field(&r, "ratelimit-policy"),
		    "\"openapi\";q=100000;w=60"));
		root = json_loadb((const char *)r.body, r.body_len,
		    JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(root);
		assert_true(json_equal(root, openapi_document()));
		json_decref(root);
		response_free(&r);
	}
}

static void
is_compressed_for_whoever_takes_it(void **state)
{
	struct response	plain, gzip, head;

	(void)state;
	client_ask(gateway.port, "GET", "/api/openapi.json", "", &plain);
	client_ask(gateway.port, "GET", "/api/openapi.json",
	    "Accept-Encoding: gzip, br\r\nOrigin: https://any.test\r\n", &gzip);
	client_ask(gateway.port, "HEAD", "/api/openapi.json", "", &head);
	assert_string_equal(response_field(&gzip, "content-encoding"), "gzip");
	assert_string_equal(response_field(&gzip, "vary"),
	    "Origin, Accept-Encoding");
	assert_string_equal(response_field(&gzip, "access-control-allow-origin"),
	    "*");
	assert_true(gzip.body_len < plain.body_len / 4);
	assert_false(response_has(&plain, "content-encoding"));
	assert_string_equal(response_field(&plain, "vary"),
	    "Origin, Accept-Encoding");
	assert_int_equal(head.body_len, 0);
	assert_int_equal(strtoul(response_field(&head, "content-length"), NULL,
	    10), plain.body_len);
	response_free(&plain);
	response_free(&gzip);
	response_free(&head);
}

/* What a path's document says, in the order that Allow has. */
static void
allowed(json_t *item, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s%sOPTIONS",
	    json_object_get(item, "get") != NULL ? "GET, " : "",
	    json_object_get(item, "head") != NULL ? "HEAD, " : "",
	    json_object_get(item, "post") != NULL ? "POST, " : "");
}

static void
the_methods_are_those_there_are(void **state)
{
	json_t		*item;
	const char	*path;
	char		target[256], want[64];
	struct response	r;

	(void)state;
	json_object_foreach(json_object_get(openapi_document(), "paths"), path,
	    item) {
		(void)snprintf(target, sizeof(target), "/api%.*s%s",
		    (int)strcspn(path, "{"), path,
		    strchr(path, '{') != NULL ?
		    "c4a7e1d0-93b2-4f58-8a6d-2f1b7e9c5a36" : "");
		client_ask(gateway.port, "OPTIONS", target, "", &r);
		assert_int_equal(r.status, 204);
		allowed(item, want, sizeof(want));
		assert_string_equal(response_field(&r, "allow"), want);
		response_free(&r);
		/* Each is no 404 and no 405 for its own methods' sake. */
		client_ask(gateway.port, "DELETE", target, "", &r);
		assert_problem(&r, 405, "method_not_allowed");
		response_free(&r);
	}
}

static void
the_page_for_people(void **state)
{
	struct response	r, same;
	char		fields[128];
	const char	*policy;

	(void)state;
	client_ask(gateway.port, "GET", "/docs/api", "", &r);
	assert_int_equal(r.status, 200);
	assert_security(&r);
	assert_string_equal(response_field(&r, "content-type"),
	    "text/html; charset=utf-8");
	policy = response_field(&r, "content-security-policy");
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_null(strstr(policy, "unsafe"));
	assert_null(strstr(policy, "script-src"));
	assert_non_null(strstr((const char *)r.body, "/api/voice/process"));
	assert_null(strstr((const char *)r.body, "{{"));
	assert_null(strstr((const char *)r.body, "<script"));
	(void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n",
	    response_field(&r, "etag"));
	client_ask(gateway.port, "GET", "/docs/api", fields, &same);
	assert_int_equal(same.status, 304);
	assert_int_equal(same.body_len, 0);
	response_free(&same);
	response_free(&r);
	client_ask(gateway.port, "GET", "/assets/docs.html", "", &r);
	assert_problem(&r, 404, "not_found");
	response_free(&r);
}

/* What all wire tests rely on: that an answer is looked at. */
static void
an_undocumented_answer_is_found(void **unused)
{
	char		head[] = "HTTP/1.1 200 OK\r\nX-Request-ID: "
			    "0b0c7a52-8f0e-4f4b-9f58-2f6d3a1c9e11\r\n"
			    "Content-Type: application/json\r\n";
	uint8_t		alive[] = "{\"status\":\"alive\"}";
	uint8_t		dead[] = "{\"status\":\"dead\"}";
	struct response	r = { .status = 200, .head = head, .body = alive,
			    .body_len = sizeof(alive) - 1 };
	char		why[512];

	(void)unused;
	assert_true(openapi_answers("GET", "/api/health/live?x", &r, why,
	    sizeof(why)));
	assert_true(openapi_answers("GET", "/api/v1/health/live", &r, why,
	    sizeof(why)));
	assert_false(openapi_answers("HEAD", "/api/health/live", &r, why,
	    sizeof(why)));
	assert_false(openapi_answers("GET", "/api/health", &r, why, sizeof(why)));
	assert_false(openapi_answers("POST", "/api/health/live", &r, why,
	    sizeof(why)));
	r.status = 206;
	assert_false(openapi_answers("GET", "/api/health/live", &r, why,
	    sizeof(why)));
	r.status = 200;
	r.body = dead;
	r.body_len = sizeof(dead) - 1;
	assert_false(openapi_answers("GET", "/api/health/live", &r, why,
	    sizeof(why)));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(is_served_whole),
		cmocka_unit_test(is_compressed_for_whoever_takes_it),
		cmocka_unit_test(the_methods_are_those_there_are),
		cmocka_unit_test(the_page_for_people),
		cmocka_unit_test(an_undocumented_answer_is_found),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
