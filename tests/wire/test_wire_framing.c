/*
 * Every case of tests/cases/framing against the gateway itself: the verdict is
 * one of those that are right, a good request is answered after it, and no
 * worker dies (server_stop() fails otherwise). How the cases are cut does not
 * matter to the parser; tests/edge sends them byte by byte and cut everywhere.
 */

#include <poll.h>

#include "wire.h"
#include "lib/cases.h"

#define WAIT_MS	300	/* how long an incomplete head is watched for an answer */

static bool
listed(const char *list, int status)
{
	char	text[16];

	(void)snprintf(text, sizeof(text), "%d", status);
	return (case_allows(list, text));
}

static bool
framing_refusal(int status)
{
	return (status == 400 || status == 408 || status == 411 ||
	    status == 414 || status == 417 || status == 431 ||
	    status == 501 || status == 505);
}

/* The status of the first final response; 0: none came. */
static int
verdict_of(const struct test_case *c, bool waits)
{
	static char	buf[65536];
	struct pollfd	pfd;
	size_t		len = 0;
	ssize_t		n;
	char		*at = buf;
	int		status = 0, fd = client_connect(gateway.port);

	(void)client_send(fd, c->input, c->input_len);
	pfd.fd = fd;
	pfd.events = POLLIN;
	for (;;) {
		if (poll(&pfd, 1, waits ? WAIT_MS : SERVER_DEADLINE_MS) <= 0)
			break;
		if ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) <= 0)
			break;
		len += (size_t)n;
		buf[len] = '\0';
		while (sscanf(at, "HTTP/1.%*d %d", &status) == 1 &&
		    status == 100 && strstr(at, "\r\n\r\n") != NULL)
			at = strstr(at, "\r\n\r\n") + 4;
		if (status > 100 || len == sizeof(buf) - 1)
			break;
	}
	(void)close(fd);
	return (status == 100 ? 0 : status);
}

static int
run_case(const struct test_case *c, void *arg)
{
	const char	*verdict = case_get(c, "verdict");
	const char	*allowed = case_get(c, "status");
	const char	*length = case_get(c, "content-length");
	struct response	r;
	bool		waits, ok;
	int		status;

	(void)arg;
	waits = !strcmp(verdict, "need-more") ||
	    (case_get(c, "then") != NULL && !strcmp(case_get(c, "then"), "wait"));
	/* Accepted, but its content is not all there: no answer need come. */
	if (length != NULL && strtoul(length, NULL, 10) > 0)
		waits = true;
	status = verdict_of(c, waits);
	if (!strcmp(verdict, "need-more"))
		ok = status == 0 || status == 408;
	else if (!strcmp(verdict, "accept"))
		ok = (waits && status == 0) || (status != 0 &&
		    (allowed != NULL ? listed(allowed, status) :
		    !framing_refusal(status)));
	else
		ok = listed(verdict, status);
	if (!ok)
		fprintf(stderr, "ERROR: %s: %d, not %s %s\n", c->name, status,
		    verdict, allowed != NULL ? allowed : "");
	client_ask(gateway.port, "GET", "/api/health/live", "", &r);
	if (r.status != 200) {
		fprintf(stderr, "ERROR: %s: a good request after it: %d\n",
		    c->name, r.status);
		ok = false;
	}
	response_free(&r);
	return (ok ? 0 : -1);
}

static void
every_case_has_a_right_verdict(void **state)
{
	size_t	count = 0;

	(void)state;
	assert_int_equal(cases_each("framing", run_case, NULL, &count), 0);
	assert_true(count >= 120);
}

/* `Content-Length: 1` and two bytes in one packet: see docs/SECURITY.md. */
static void
length_underflow_is_closed(void **state)
{
	static const char	one[] = "POST /api/session/end HTTP/1.1\r\nHost: x\r\n"
	    "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{}";
	struct response		r;
	int			i, fd[100];

	(void)state;
	for (i = 0; i < 100; i++) {
		fd[i] = client_connect(gateway.port);
		assert_int_equal(client_send(fd[i], one, sizeof(one) - 1), 0);
	}
	for (i = 0; i < 100; i++) {
		client_read(fd[i], false, &r);
		if (r.status != 400)
			fail_msg("%d of 100: %s%s", i, r.head, r.body);
		assert_string_equal(response_field(&r, "connection"), "close");
		response_free(&r);
		(void)close(fd[i]);
	}
}

static void
slow_head_is_408(void **state)
{
	static const char *const	env[] = { "HEADER_TIMEOUT_SECONDS=1", NULL };
	struct server			s;
	struct response			r;
	int				fd;

	(void)state;
	server_start(&s, NULL, env);
	fd = client_connect(s.port);
	assert_int_equal(client_send(fd, "GET / HT", 8), 0);
	client_read(fd, false, &r);
	assert_problem(&r, 408, "request_timeout");
	assert_memory_equal(r.head, "HTTP/1.1 408 Request Timeout\r\n", 30);
	assert_string_equal(response_field(&r, "x-frame-options"), "DENY");
	response_free(&r);
	(void)close(fd);
	server_stop(&s);
}

static void
ask_as_sent(const char *request, struct response *r)
{
	client_once(gateway.port, request, strlen(request), false, r);
}

/* RFC 9110 section 7.4. Behind a proxy: tests/cases/cors/table. */
static void
https_targets_are_for_tls(void **state)
{
	struct response	r;

	(void)state;
	ask_as_sent("GET https://127.0.0.1/api/health HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\n\r\n", &r);
	if (getenv("TEST_TLS") != NULL)
		assert_int_equal(r.status, 200);
	else
		assert_problem(&r, 421, "misdirected_request");
	response_free(&r);
}

/* RFC 9112 section 3.2.4: the server itself, not what is at "/". */
static void
options_without_a_path_are_about_the_server(void **state)
{
	struct response	star, absolute, root;

	(void)state;
	ask_as_sent("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", &star);
	ask_as_sent("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
	    &absolute);
	ask_as_sent("OPTIONS http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
	    &root);
	assert_int_equal(star.status, 204);
	assert_int_equal(absolute.status, 204);
	assert_int_equal(root.status, 204);
	assert_string_equal(response_field(&absolute, "allow"),
	    response_field(&star, "allow"));
	assert_string_not_equal(response_field(&absolute, "allow"),
	    response_field(&root, "allow"));
	response_free(&star);
	response_free(&absolute);
	response_free(&root);
}

/* RFC 9112 section 2.3: the version is the server's own, whatever was asked. */
static void
answers_are_of_http_11(void **state)
{
	static const struct {
		const char	*request;
		const char	*line;
	} rows[] = {
		{ "GET /api/health/live HTTP/1.0\r\n\r\n",
		    "HTTP/1.1 200 OK\r\n" },
		{ "GET /api/nothing HTTP/1.0\r\n\r\n",
		    "HTTP/1.1 404 Not Found\r\n" },
		{ "GET / HTTP/1.0\r\nX : y\r\n\r\n",
		    "HTTP/1.1 400 Bad Request\r\n" }
	};
	static char	longest[16384];
	struct response	r;
	size_t		i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask_as_sent(rows[i].request, &r);
		assert_memory_equal(r.head, rows[i].line, strlen(rows[i].line));
		assert_string_equal(response_field(&r, "connection"), "close");
		response_free(&r);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "GET /", 5);
	ask_as_sent(longest, &r);
	assert_memory_equal(r.head, "HTTP/1.1 414 URI Too Long\r\n", 27);
	response_free(&r);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_case_has_a_right_verdict),
		cmocka_unit_test(length_underflow_is_closed),
		cmocka_unit_test(https_targets_are_for_tls),
		cmocka_unit_test(options_without_a_path_are_about_the_server),
		cmocka_unit_test(answers_are_of_http_11),
		cmocka_unit_test(slow_head_is_408),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
