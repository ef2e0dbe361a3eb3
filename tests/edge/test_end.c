/*
 * The door at its end: SIGTERM with requests in flight, with connections that
 * nobody has accepted yet, with clients that have not begun or cannot stop.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/rig.h"

#define HOST	"Host: a.test\r\n"
#define GET(p)	"GET " p " HTTP/1.1\r\n" HOST "\r\n"
#define POST(p, n) "POST " p " HTTP/1.1\r\n" HOST "Content-Length: " #n "\r\n\r\n"

#define BACKLOG		30	/* connections that nobody has accepted */
#define LINGERED_US	4000000	/* less than a client may linger otherwise */

static struct rig_response	r;

static int
setup(void **state)
{
	rig_start(*state);
	return (0);
}

static void
requests_in_flight_finish_at_the_end(void **state)
{
	int	fd = rig_connect(), idle = rig_connect(), status;
	pid_t	pid = rig_pid();

	(void)state;
	assert_int_equal(rig_ask_on(idle, GET("/health"), &r), 200);
	assert_true(rig_say(fd, GET("/slow?1500")));
	rig_sleep_us(200000);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(rig_end(idle, RIG_WAIT_MS, NULL), RIG_FIN);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_string_equal(r.body, "slow");
	assert_true(r.close);
	(void)close(fd);
	(void)close(idle);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * Who is connected when the end begins, and whom nobody has accepted yet, is
 * answered; then the port refuses, while a request is still under way.
 */
static void
the_backlog_is_told_and_the_port_closed(void **state)
{
	int	fd = rig_connect(), waiting[BACKLOG], told = 0, i, status;
	pid_t	pid = rig_pid(), wrk = rig_worker(1);
	int64_t	until;

	(void)state;
	assert_true(rig_say(fd, GET("/slow?2500")));
	assert_true(rig_count_is("kore_requests", 1));
	rig_halt(&wrk, 1);
	for (i = 0; i < BACKLOG; i++) {
		waiting[i] = rig_connect();
		assert_true(rig_say(waiting[i], GET("/health")));
	}
	rig_end_halted(&wrk, 1);
	for (i = 0; i < BACKLOG; i++) {
		assert_true(rig_response(waiting[i], &r, false, RIG_WAIT_MS));
		/* Some were accepted before the signal was seen. */
		if (r.status == 503) {
			assert_true(r.close);
			assert_non_null(strstr(r.head, "shutting_down"));
			assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
			told++;
		} else {
			assert_int_equal(r.status, 200);
		}
		(void)close(waiting[i]);
	}
	assert_true(told > 0);

	until = rig_now_us() + RIG_WAIT_MS * 1000;
	while (rig_is_open())
		assert_true(rig_now_us() < until);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_string_equal(r.body, "slow");
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * A first request that is on its way is served; a client that lingers is not
 * waited for as long as otherwise.
 */
static void
the_end_waits_for_first_requests_and_not_for_last_bytes(void **state)
{
	int	fresh = rig_connect(), lingers = rig_connect(), status;
	pid_t	pid = rig_pid();
	int64_t	since;

	(void)state;
	assert_true(rig_count_is("connections", 2));
	assert_true(rig_say(lingers, POST("/refuse", 100000)));
	assert_true(rig_response(lingers, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 403);
	since = rig_now_us();
	assert_int_equal(kill(pid, SIGTERM), 0);
	while (rig_is_open())
		assert_true(rig_now_us() - since < RIG_WAIT_MS * 1000);
	assert_int_equal(rig_ask_on(fresh, GET("/health"), &r), 200);
	assert_true(r.close);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(rig_now_us() - since < LINGERED_US);
	(void)close(fresh);
	(void)close(lingers);
}

#define TEST(f, settings)	{ #f, f, setup, NULL, \
	(void *)(uintptr_t)(settings) }

static const char *const	plain[] = { NULL };
static const char *const	one_worker[] = { "DOOR_WORKERS=1", NULL };

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_in_flight_finish_at_the_end, plain),
		TEST(the_backlog_is_told_and_the_port_closed, one_worker),
		TEST(the_end_waits_for_first_requests_and_not_for_last_bytes,
		    one_worker)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
