/*
 * Uploads in flight: so many in all, for one client, and by what they may
 * write; told before their content comes, over all workers, and with nothing
 * lost when one of those is killed.
 */

#include <sys/socket.h>

#include <signal.h>

#include "wire.h"

static struct server	other;

/* A request that means to send so much: its connection, or the refusal. */
static int
knock(size_t len, struct response *r)
{
	char	head[512], got[32];
	int	fd, n;

	n = snprintf(head, sizeof(head), "POST /api/voice/process HTTP/1.1\r\n"
	    "Host: x\r\nContent-Type: " VOICE_TYPE "\r\nContent-Length: %zu\r\n"
	    "Expect: 100-continue\r\n\r\n", len);
	fd = client_connect(other.port);
	assert_int_equal(client_send(fd, head, (size_t)n), 0);
	memset(r, 0, sizeof(*r));
	if (recv(fd, got, 12, MSG_PEEK | MSG_WAITALL) == 12 &&
	    !memcmp(got, "HTTP/1.1 100", 12))
		return (fd);
	client_read(fd, false, r);
	(void)close(fd);
	return (-1);
}

static void
assert_refused(size_t len, int status, const char *word)
{
	struct response	r;

	assert_int_equal(knock(len, &r), -1);
	assert_problem(&r, status, word);
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	response_free(&r);
}

static bool
is_let_in(void *arg)
{
	struct response	r;
	size_t		*len = arg;
	int		fd = knock(*len, &r);

	response_free(&r);
	if (fd == -1)
		return (false);
	(void)close(fd);
	return (true);
}

/* The same, and stays. */
static bool
goes_in(void *arg)
{
	struct response	r;
	int		*fd = arg;

	*fd = knock(5000, &r);
	response_free(&r);
	return (*fd != -1);
}

static void
start(const char *one, const char *two)
{
	const char	*env[] = { "RATE_LIMIT_PER_MINUTE=100000", "WORKERS=2",
			    one, two, NULL };

	server_start(&other, NULL, env);
}

static void
in_all_over_the_workers(void **state)
{
	struct response	r;
	size_t		len = 5000;
	int		fd[6], i;

	(void)state;
	start("MAX_UPLOADS_IN_FLIGHT=6", NULL);
	for (i = 0; i < 6; i++) {
		fd[i] = knock(len, &r);
		assert_int_not_equal(fd[i], -1);
	}
	assert_refused(len, 503, "overloaded");
	/* Who leaves makes room. */
	(void)close(fd[3]);
	assert_true(eventually(is_let_in, &len));
	for (i = 0; i < 6; i++) {
		if (i != 3)
			(void)close(fd[i]);
	}
	server_stop(&other);
}

static void
one_client_has_its_share(void **state)
{
	struct response	r;
	size_t		len = 5000;
	int		fd[3], i;

	(void)state;
	start("MAX_UPLOADS_PER_CLIENT=3", NULL);
	for (i = 0; i < 3; i++) {
		fd[i] = knock(len, &r);
		assert_int_not_equal(fd[i], -1);
	}
	assert_refused(len, 429, "too_many_uploads");
	(void)close(fd[0]);
	assert_true(eventually(is_let_in, &len));
	(void)close(fd[1]);
	(void)close(fd[2]);
	server_stop(&other);
}

static void
by_what_they_may_write(void **state)
{
	struct response	r;
	size_t		len = 30000;
	int		one, two;

	(void)state;
	start("MAX_UPLOAD_BYTES=50000", "MAX_UPLOAD_BYTES_IN_FLIGHT=65000");
	one = knock(len, &r);
	assert_int_not_equal(one, -1);
	two = knock(len, &r);
	assert_int_not_equal(two, -1);
	assert_refused(len, 503, "overloaded");
	/* A small one still fits. */
	len = 4000;
	assert_true(is_let_in(&len));
	(void)close(one);
	(void)close(two);
	len = 50000;
	assert_true(eventually(is_let_in, &len));
	server_stop(&other);
}

static bool
workers_are_back(void *arg)
{
	pid_t	*old = arg, pid[8];
	int	n = server_workers(&other, pid, 8), i;

	for (i = 0; i < n; i++) {
		if (pid[i] == old[0] || pid[i] == old[1])
			return (false);
	}
	return (n == 2);
}

static void
a_killed_worker_gives_its_places_back(void **state)
{
	struct response	r;
	pid_t		pid[8];
	size_t		len = 5000;
	int		fd[4], i;

	(void)state;
	start("MAX_UPLOADS_IN_FLIGHT=4", NULL);
	for (i = 0; i < 4; i++) {
		fd[i] = knock(len, &r);
		assert_int_not_equal(fd[i], -1);
	}
	assert_refused(len, 503, "overloaded");
	assert_int_equal(server_workers(&other, pid, 8), 2);
	(void)kill(pid[0], SIGKILL);
	(void)kill(pid[1], SIGKILL);
	assert_true(eventually(workers_are_back, pid));
	for (i = 0; i < 4; i++)
		(void)close(fd[i]);
	/* All four places: held at the same time. */
	for (i = 0; i < 4; i++)
		assert_true(eventually(goes_in, &fd[i]));
	for (i = 0; i < 4; i++)
		(void)close(fd[i]);
	server_stop_hurt(&other);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(in_all_over_the_workers),
		cmocka_unit_test(one_client_has_its_share),
		cmocka_unit_test(by_what_they_may_write),
		cmocka_unit_test(a_killed_worker_gives_its_places_back),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
