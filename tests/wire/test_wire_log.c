/*
 * Whoever collects the log may stand still: what is lost is lines, which are
 * counted, and never a request or the server's end.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "wire.h"

#define MANY	1000	/* lines that no pipe and no buffers of two workers hold */

static const char *const	env[] = { "WORKERS=2",
	"RATE_LIMIT_ENABLED=false",
	"MAX_CONNECTIONS_PER_CLIENT=0", "LOG_LEVEL=info", NULL };

static void
asks(const struct server *s, int n)
{
	struct response	r;
	int		i;

	for (i = 0; i < n; i++) {
		client_ask(s->port, "GET", "/api/health/live", "", &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
	}
}

struct reading {
	const struct server	*s;
	int			fd;
	size_t			len;
	char			text[1 << 20];
};

/* All that there is, and one request more for the log to go on. */
static bool
tells_what_was_lost(void *arg)
{
	struct reading	*r = arg;
	ssize_t		n;

	for (;;) {
		if (sizeof(r->text) - 1 - r->len < 65536)
			r->len = 0;
		n = read(r->fd, r->text + r->len, 65536);
		if (n <= 0)
			break;
		r->len += (size_t)n;
	}
	r->text[r->len] = '\0';
	asks(r->s, 1);
	return (strstr(r->text, "their reader stood still") != NULL);
}

static void
a_reader_that_stands_still_costs_lines_only(void **state)
{
	static struct reading	r;
	struct server		s;
	const char		*line, *count;

	(void)state;
	server_start(&s, NULL, env);
	server_stop(&s);
	assert_int_equal(unlink(s.log), 0);
	assert_int_equal(mkfifo(s.log, 0644), 0);
	/* For writing too: then opening waits for nobody. */
	r.fd = open(s.log, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(r.fd >= 0);
	r.s = &s;
	server_again(&s, env);
	asks(&s, MANY);
	assert_true(eventually(tells_what_was_lost, &r));
	line = strstr(r.text, "their reader stood still");
	count = strstr(line, "lines=");
	assert_non_null(count);
	assert_true(atol(count + 6) > 0);
	/* Nor is its end waited for. (What it says then is not read by the test.) */
	asks(&s, MANY);
	(void)snprintf(s.log, sizeof(s.log), "%s/none", s.dir);
	server_stop(&s);
	(void)close(r.fd);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_reader_that_stands_still_costs_lines_only),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
