/*
 * The door, what the table of framing cases cannot say: bodies, time, numbers.
 * Each test drives tests/edge/door.c with bytes of its own. How it ends is in
 * test_end.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/rig.h"

#define HOST	"Host: a.test\r\n"
#define GET(p)	"GET " p " HTTP/1.1\r\n" HOST "\r\n"
#define POST(p, n) "POST " p " HTTP/1.1\r\n" HOST "Content-Length: " #n "\r\n\r\n"

#define MANY		100
#define GROWTH_KB	8192	/* of a worker that was sent 100 MiB */
#define SHORT_MS	400	/* nothing may come within it */

static struct rig_response	r;

static int
setup(void **state)
{
	rig_start(*state);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	/* Whatever happened: each body ended once, and nothing is left. */
	assert_true(rig_count_is("bodies", 0));
	assert_int_equal(rig_count("twice"), 0);
	rig_stop();
	return (0);
}

static void
linger_off(int fd)
{
	struct linger	l = { 1, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	(void)close(fd);
}

static void
request_is_read_as_sent(void **state)
{
	(void)state;
	assert_int_equal(rig_ask("POST /echo?a=b&c HTTP/1.1\r\nX-Many: 12\r\n"
	    "Host: a.test:81\r\nHostile: no\r\nX-Many: 345\r\nEmpty:\r\n"
	    "X-Last:  the last one \r\nContent-Length: 7\r\n\r\n{\"a\":1}", &r),
	    200);
	assert_string_equal(r.body, "POST\n/echo\na=b&c\na.test:81\nthe last one\n"
	    "5\n{\"a\":1}\n");
}

static void
more_header_lines_than_kore_takes(void **state)
{
	char	text[4096] = "GET /echo HTTP/1.1\r\n" HOST;
	size_t	i;

	(void)state;
	for (i = 0; i < 50; i++)
		(void)strcat(text, "X-Many: 1\r\n");
	(void)strcat(text, "X-Last: z\r\n\r\n");
	assert_int_equal(rig_ask(text, &r), 200);
	assert_non_null(strstr(r.body, "\nz\n50\n"));
}

static void
kept_connection_serves_on(void **state)
{
	int	fd = rig_connect(), i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
		assert_int_equal(rig_ask_on(fd, POST("/x", 3) "abc", &r), 200);
		assert_int_equal(rig_ask_on(fd, GET("/queue"), &r), 200);
		assert_string_equal(r.body, "queued");
	}
	(void)close(fd);
}

static void
bytes_before_the_answer_are_surplus(void **state)
{
	int	fd = rig_connect();
	size_t	more;

	(void)state;
	assert_true(rig_say(fd, GET("/slow?300")));
	rig_sleep_us(100000);
	assert_true(rig_say(fd, GET("/health")));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_string_equal(r.body, "slow");
	assert_true(r.close);
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, &more), RIG_FIN);
	assert_int_equal(more, 0);
	(void)close(fd);
}

static void
half_closed_client_is_answered(void **state)
{
	static const char	*const requests[] = {
		GET("/health"), GET("/slow?300"), POST("/x", 3) "abc", GET("/big"),
		GET("/queue")
	};
	size_t	i;
	int	fd, gap;

	(void)state;
	for (i = 0; i < 5; i++) {
		for (gap = 0; gap < 2; gap++) {
			fd = rig_connect();
			assert_true(rig_say(fd, requests[i]));
			rig_sleep_us(gap * 20000);
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
			assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
			assert_int_equal(r.status, 200);
			assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL),
			    RIG_FIN);
			(void)close(fd);
		}
	}
}

static void
half_closed_client_is_asked_whether_it_is_there(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, GET("/slow?2500")));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 100);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 200);
	(void)close(fd);

	/* One that is gone has no connection left, long before the answer. */
	fd = rig_connect();
	assert_true(rig_say(fd, GET("/slow?20000")));
	(void)close(fd);
	assert_true(rig_count_is("kore_requests", 0));
}

static void
half_closed_within_a_request_is_refused(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, "GET /hea"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	(void)close(fd);

	fd = rig_connect();
	assert_true(rig_say(fd, POST("/upload", 10) "12345"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	(void)close(fd);
	assert_true(rig_count_is("body_cut", 1));
}

static void
expect_is_answered_or_refused_before_the_body(void **state)
{
	static const char	head[] = " HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, "POST /upload"));
	assert_int_equal(rig_ask_on(fd, head, &r), 100);
	assert_int_equal(rig_ask_on(fd, "12345", &r), 200);
	assert_string_equal(r.body, "5 1 0");
	(void)close(fd);

	fd = rig_connect();
	assert_true(rig_say(fd, "POST /refuse"));
	assert_int_equal(rig_ask_on(fd, head, &r), 403);
	assert_true(r.close);
	(void)close(fd);

	fd = rig_connect();
	assert_true(rig_say(fd, "POST /answer"));
	assert_int_equal(rig_ask_on(fd, head, &r), 200);
	assert_true(r.close);
	(void)close(fd);
}

static void
too_large_is_refused_unread(void **state)
{
	(void)state;
	assert_int_equal(rig_ask(POST("/x", 1048577), &r), 413);
	assert_true(r.close);
	assert_int_equal(rig_ask(POST("/upload", 999999999999999999), &r),
	    413);
}

/* A client that sends everything before it reads must still see the answer. */
static void
answer_survives_an_unread_body(void **state)
{
	static char	body[4194304];
	static const char	*const paths[] = {
		"/refuse", "/answer", "/x", "/upload"
	};
	char	head[256];
	size_t	i;
	int	fd;

	(void)state;
	memset(body, '!', sizeof(body));
	for (i = 0; i < 4; i++) {
		fd = rig_connect();
		(void)snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST
		    "Content-Length: %zu\r\n\r\n", paths[i], sizeof(body));
		assert_true(rig_say(fd, head));
		assert_true(rig_send(fd, body, sizeof(body)));
		assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
		assert_true(r.close);
		assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_FIN);
		(void)close(fd);
	}
	assert_true(rig_count_is("body_refused", 1));
}

static void
body_can_be_stopped(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_int_equal(rig_ask_on(fd, POST("/stop", 1000) "abc", &r), 429);
	assert_true(r.close);
	(void)close(fd);
	assert_true(rig_count_is("body_refused", 1));
}

static void
bodies_of_lost_clients_are_aborted(void **state)
{
	int	fd[MANY], i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		fd[i] = rig_connect();
		assert_true(rig_say(fd[i], POST("/upload", 100000) "abc"));
	}
	assert_true(rig_count_is("bodies", MANY));
	for (i = 0; i < MANY; i++)
		linger_off(fd[i]);
	assert_true(rig_count_is("bodies", 0));
	assert_true(rig_count_is("body_gone", MANY));
	assert_true(rig_count_is("kore_requests", 0));
}

static void
length_cannot_wrap(void **state)
{
	static char	flood[65536];
	pid_t		pids[8];
	long		before[8];
	size_t		i, n;
	int		fd[MANY], j;

	(void)state;
	n = rig_workers(pids, 8);
	for (j = 0; j < 20; j++)
		(void)rig_ask(POST("/upload", 1) "ab", NULL);
	for (i = 0; i < n; i++)
		before[i] = rig_rss(pids[i]);
	for (j = 0; j < MANY; j++) {
		fd[j] = rig_connect();
		assert_true(rig_say(fd[j], POST("/upload", 1) "ab"));
	}
	for (j = 0; j < MANY; j++) {
		for (i = 0; i < 16; i++)
			(void)rig_send(fd[j], flood, sizeof(flood));
	}
	for (j = 0; j < MANY; j++) {
		assert_true(rig_response(fd[j], &r, false, RIG_WAIT_MS));
		assert_string_equal(r.body, "1 1 0");
		assert_true(r.close);
		(void)close(fd[j]);
	}
	for (i = 0; i < n; i++)
		assert_true(rig_rss(pids[i]) < before[i] + GROWTH_KB);
}

/*
 * A sender that keeps the socket full is waited for until there is much. When it
 * pauses, single bytes count again, and so does its end.
 */
static void
fast_senders_may_pause_and_end(void **state)
{
	static char	body[2097152];
	int		fd = rig_connect();
	bool		answered = false;
	int64_t		since;

	(void)state;
	memset(body, 'x', sizeof(body));
	assert_true(rig_say(fd, POST("/upload", 6291456)));
	assert_true(rig_send(fd, body, sizeof(body)));
	since = rig_now_us();
	/* Refused as soon as one of these is the first of what was read. */
	while (!answered && rig_now_us() - since < RIG_WAIT_MS * 1000) {
		assert_true(rig_say(fd, "!"));
		answered = rig_response(fd, &r, false, 400);
	}
	assert_true(answered);
	assert_int_equal(r.status, 415);
	(void)close(fd);

	fd = rig_connect();
	assert_true(rig_say(fd, POST("/upload", 6291456)));
	assert_true(rig_send(fd, body, sizeof(body)));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	(void)close(fd);
	assert_true(rig_count_is("body_cut", 1));
}

static void
large_bodies_arrive_whole(void **state)
{
	static char	body[8388608];
	char		head[256];
	int		fd = rig_connect(), i;

	(void)state;
	memset(body, 'b', sizeof(body));
	(void)snprintf(head, sizeof(head), "POST /upload-file HTTP/1.1\r\n" HOST
	    "Content-Length: %zu\r\n\r\n", sizeof(body));
	for (i = 0; i < 4; i++) {
		assert_true(rig_say(fd, head));
		assert_true(rig_send(fd, body, sizeof(body)));
		assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
		assert_string_equal(r.body, "8388608 1 0");
	}
	(void)close(fd);
}

static void
handler_without_an_answer_ends(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, GET("/none")));
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_FIN);
	(void)close(fd);
}

static void
late_heads_are_told_408(void **state)
{
	int	fd = rig_connect(), i;

	(void)state;
	/* A byte now and then does not help. */
	for (i = 0; i < 20 && rig_say(fd, i == 0 ? "GET / HTTP/1.1\r\nX: " :
	    "x"); i++)
		rig_sleep_us(100000);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 408);
	(void)close(fd);

	/* Who never said a word is told none. */
	fd = rig_connect();
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_FIN);
	(void)close(fd);

	/* Nor who is idle; a second head has its own time. */
	fd = rig_connect();
	assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
	assert_true(rig_say(fd, "GET"));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 408);
	(void)close(fd);
	fd = rig_connect();
	assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_FIN);
	(void)close(fd);
}

/* RFC 9110 section 9.3.2, also where the head was refused before its end. */
static void
refusals_of_head_have_no_content(void **state)
{
	static const struct {
		const char	*request;
		int		status;
	} cases[] = {
		{ "HEAD / HTTP/1.1\r\n\r\n", 400 },
		{ "HEAD / HTTP/1.1\r\n" HOST "X : y\r\n\r\n", 400 },
		{ "HEAD / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
		    "\r\n", 501 },
		{ "HEAD / HTTP/2.0\r\n", 505 },
		{ "HEAD / HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", 417 },
		{ "HEAD / HTTP/1.1\r\nX: y", 408 },
		{ "HEAD ", 408 }
	};
	size_t	i, more;
	int	fd;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = rig_connect();
		assert_true(rig_say(fd, cases[i].request));
		assert_true(rig_response(fd, &r, true, RIG_WAIT_MS));
		assert_int_equal(r.status, cases[i].status);
		assert_int_equal(rig_end(fd, RIG_WAIT_MS, &more), RIG_FIN);
		if (more != 0)
			fail_msg("content: %s", cases[i].request);
		(void)close(fd);
	}
}

static void
late_bodies_are_told_408(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, POST("/upload", 100) "abc"));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 408);
	assert_true(r.close);
	(void)close(fd);
	assert_true(rig_count_is("body_timeout", 1));
}

static void
slow_readers_end(void **state)
{
	int	fd = rig_connect(), small = 4096;

	(void)state;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_true(rig_say(fd, GET("/big")));
	assert_true(rig_count_is("connections", 1));
	assert_true(rig_count_is("timeouts", 1));
	assert_true(rig_count_is("connections", 0));
	(void)close(fd);
}

static void
connection_ends_after_its_requests(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
	assert_false(r.close);
	assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
	assert_false(r.close);
	assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
	assert_true(r.close);
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_FIN);
	(void)close(fd);
}

static void
too_many_connections_are_told_503(void **state)
{
	int	fd[MANY], i, told = 0, served = 0;

	(void)state;
	for (i = 0; i < MANY; i++)
		fd[i] = rig_connect();
	for (i = 0; i < MANY; i++) {
		/* The last of them are reset without a word. */
		if (!rig_say(fd[i], GET("/health")) ||
		    !rig_response(fd[i], &r, false, RIG_WAIT_MS))
			continue;
		if (r.status == 503) {
			assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
			assert_true(r.close);
			told++;
		} else {
			assert_int_equal(r.status, 200);
			served++;
		}
	}
	assert_int_equal(served, 20);
	assert_true(told >= 60);
	for (i = 0; i < MANY; i++)
		(void)close(fd[i]);
	/* And it recovers by itself. */
	assert_true(rig_count_is("connections", 0));
	assert_int_equal(rig_ask(GET("/health"), NULL), 200);
}

static void
one_client_has_its_share_of_all_workers(void **state)
{
	int	fd[40], i, served = 0, told = 0;

	(void)state;
	for (i = 0; i < 40; i++)
		fd[i] = rig_connect();
	for (i = 0; i < 40; i++) {
		switch (rig_ask_on(fd[i], GET("/health"), &r)) {
		case 200:
			served++;
			break;
		case 503:
			told++;
			break;
		}
	}
	/* Two workers that look at the same moment may let one more in. */
	assert_true(served >= 20 && served <= 22);
	assert_int_equal(told, 40 - served);
	for (i = 0; i < 40; i++)
		(void)close(fd[i]);
	for (i = 0; rig_ask(GET("/health"), NULL) != 200; i++) {
		assert_true(i < 100);
		rig_sleep_us(50000);
	}
}

/*
 * A client that holds more connections than it may, and says nothing on them or
 * one byte, takes no place of anybody else's.
 */
static void
one_client_over_its_limit_costs_no_other(void **state)
{
	int	flood[300], fd, i;

	(void)state;
	for (i = 0; i < 300; i++) {
		flood[i] = rig_connect();
		if (i % 2 == 0)
			(void)rig_say(flood[i], "G");
		if (i < 100)
			continue;
		fd = rig_connect_from((uint8_t)(i / 2));
		assert_int_equal(rig_ask_on(fd, GET("/health"), &r), 200);
		(void)close(fd);
	}
	for (i = 0; i < 300; i++)
		(void)close(flood[i]);
}

/* How well depends on who else uses the machine; that one takes all, not. */
static void
connections_are_spread(void **state)
{
	int	fd[40], i, try, first = 0;

	(void)state;
	for (try = 0; try < 5; try++) {
		first = 0;
		for (i = 0; i < 40; i++)
			fd[i] = rig_connect();
		for (i = 0; i < 40; i++) {
			assert_int_equal(rig_ask_on(fd[i], GET("/worker"), &r), 200);
			if (strcmp(r.body, "1") == 0)
				first++;
		}
		for (i = 0; i < 40; i++)
			(void)close(fd[i]);
		print_message("40 connections: %d and %d\n", first, 40 - first);
		if (first >= 12 && first <= 28)
			return;
		assert_true(rig_count_is("connections", 0));
	}
	fail();
}

static void
no_descriptors_left_is_survived(void **state)
{
	int	fd[200], i;

	(void)state;
	for (i = 0; i < 200; i++)
		fd[i] = rig_connect();
	rig_sleep_us(500000);
	/* The event loop does not spin on what it cannot take. */
	assert_true(rig_cpu_ms() < 400);
	for (i = 0; i < 200; i++)
		(void)close(fd[i]);
	for (i = 0; i < 50; i++) {
		if (rig_ask(GET("/health"), NULL) == 200)
			return;
		rig_sleep_us(100000);
	}
	fail();
}

#define TEST(f, settings)	{ #f, f, setup, teardown, \
	(void *)(uintptr_t)(settings) }

static const char *const	plain[] = { NULL };
static const char *const	quick[] = {
	"DOOR_HEADER_MS=700", "DOOR_IDLE_MS=700", "DOOR_BODY_MS=700",
	"DOOR_STALL_MS=700", NULL
};
static const char *const	three[] = { "DOOR_REQUESTS=3", NULL };
static const char *const	twenty[] = { "DOOR_PER_CLIENT=20",
	"DOOR_WORKERS=2", NULL };
static const char *const	twenty_all[] = { "DOOR_CONNECTIONS=20",
	"DOOR_WORKERS=1", NULL };
static const char *const	few_files[] = { "DOOR_FILES=-1020",
	"DOOR_WORKERS=1", NULL };

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_is_read_as_sent, plain),
		TEST(more_header_lines_than_kore_takes, plain),
		TEST(kept_connection_serves_on, plain),
		TEST(bytes_before_the_answer_are_surplus, plain),
		TEST(half_closed_client_is_answered, plain),
		TEST(half_closed_client_is_asked_whether_it_is_there, plain),
		TEST(half_closed_within_a_request_is_refused, plain),
		TEST(expect_is_answered_or_refused_before_the_body, plain),
		TEST(too_large_is_refused_unread, plain),
		TEST(answer_survives_an_unread_body, plain),
		TEST(body_can_be_stopped, plain),
		TEST(bodies_of_lost_clients_are_aborted, plain),
		TEST(length_cannot_wrap, plain),
		TEST(fast_senders_may_pause_and_end, plain),
		TEST(large_bodies_arrive_whole, plain),
		TEST(handler_without_an_answer_ends, plain),
		TEST(late_heads_are_told_408, quick),
		TEST(late_bodies_are_told_408, quick),
		TEST(refusals_of_head_have_no_content, quick),
		TEST(slow_readers_end, quick),
		TEST(connection_ends_after_its_requests, three),
		TEST(too_many_connections_are_told_503, twenty_all),
		TEST(one_client_has_its_share_of_all_workers, twenty),
		TEST(one_client_over_its_limit_costs_no_other, twenty),
		TEST(connections_are_spread, plain),
		TEST(no_descriptors_left_is_survived, few_files)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
