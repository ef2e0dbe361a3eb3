/*
 * Exactly the quota is admitted, however many processes ask: two instances with
 * two workers each are four processes with a store of their own.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

#define WORKERS		4
#define CLIENTS		5
#define ASKS		40	/* of each worker for each client */
#define QUOTA		10
#define ROUNDS		50
#define LOST_MS		30000	/* a worker that does not answer by then */

/* What the parent says, and what a worker answers. */
struct order {
	int	round;
	int	strategy;
	int	fail_mode;
};

struct report {
	int	admitted[CLIENTS];
	int	answered;
	int	unavailable;
	long	slowest_ms;
};

static struct {
	pid_t	pid;
	int	fd;
} worker[WORKERS];

static char	url[256];

/* --- in a worker ------------------------------------------------------------ */

struct asked {
	struct report	*report;
	int		client;
	int64_t		began;
};

static volatile bool	all_answered;

static void
on_result(void *arg, const struct vg_limit_result *r)
{
	struct asked	*a = arg;
	long		ms;

	ms = (long)(lab_ms() - a->began);
	if (ms > a->report->slowest_ms)
		a->report->slowest_ms = ms;
	if (r->verdict == VG_LIMIT_ADMITTED)
		a->report->admitted[a->client]++;
	if (r->verdict == VG_LIMIT_UNAVAILABLE)
		a->report->unavailable++;
	if (++a->report->answered == CLIENTS * ASKS)
		all_answered = true;
}

static void
worker_round(const struct order *order, struct report *report)
{
	static struct asked		asked[CLIENTS * ASKS];
	static const struct vg_limits	limits = {
		.item = { { QUOTA, 60 } }, .count = 1 };
	struct vg_limit_request		r = { .nsubjects = 1, .cost = 1 };
	struct vg_limit_result		result;
	char				client[32];
	int				i;

	memset(report, 0, sizeof(*report));
	all_answered = false;
	r.subject[0].name = "session";
	r.subject[0].limits = &limits;
	for (i = 0; i < CLIENTS * ASKS; i++) {
		asked[i].report = report;
		asked[i].client = i % CLIENTS;
		asked[i].began = lab_ms();
		snprintf(client, sizeof(client), "10.%d.%d.%d", order->round,
		    order->strategy, i % CLIENTS);
		r.subject[0].client = client;
		if (vg_limit_check(&r, &result, on_result, &asked[i], NULL))
			on_result(&asked[i], &result);
		/* Not all at once: answers come in between. */
		if (i % 10 == 9)
			lab_turn(1);
	}
	if (!lab_until(&all_answered))
		_exit(3);
}

static void
worker_main(int fd)
{
	static const struct vg_store_hooks	hooks;
	struct vg_settings			settings;
	struct report				report;
	struct order				order;
	struct pollfd				pfd;
	char					error[VG_STORE_ERROR_SIZE];

	lab_settings(&settings, url);
	settings.rate_fail_mode = VG_FAIL_CLOSED;
	if (vg_store_prepare(&settings, error, sizeof(error)) == -1 ||
	    vg_store_start(&settings, &hooks) == -1 ||
	    !lab_until_connected(true))
		_exit(2);
	for (;;) {
		pfd.fd = fd;
		pfd.events = POLLIN;
		if (poll(&pfd, 1, 0) < 1) {
			lab_turn(5);
			continue;
		}
		if (read(fd, &order, sizeof(order)) != sizeof(order))
			break;
		settings.rate_strategy = order.strategy;
		settings.rate_fail_mode = order.fail_mode;
		vg_store_reload(&settings);
		worker_round(&order, &report);
		if (write(fd, &report, sizeof(report)) != sizeof(report))
			break;
	}
	vg_store_stop();
	_exit(0);
}

/* --- in the test ------------------------------------------------------------ */

static void
spawn(int i)
{
	int		pair[2], k;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair), 0);
	worker[i].pid = fork();
	assert_true(worker[i].pid >= 0);
	if (worker[i].pid == 0) {
		for (k = 0; k < WORKERS; k++) {
			if (k != i && worker[k].fd > 0)
				close(worker[k].fd);
		}
		close(pair[0]);
		worker_main(pair[1]);
	}
	close(pair[1]);
	worker[i].fd = pair[0];
}

static void
order_all(int round, enum vg_strategy strategy, enum vg_fail_mode mode)
{
	struct order	order = { round, (int)strategy, (int)mode };
	int		i;

	for (i = 0; i < WORKERS; i++)
		assert_int_equal(write(worker[i].fd, &order, sizeof(order)),
		    sizeof(order));
}

/* Adds up; a worker that was killed (END of file) is skipped. */
static void
collect(struct report *sum)
{
	struct report	report;
	struct pollfd	pfd;
	ssize_t		n;
	int		i, c;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < WORKERS; i++) {
		pfd.fd = worker[i].fd;
		pfd.events = POLLIN;
		assert_int_equal(poll(&pfd, 1, LOST_MS), 1);
		n = read(worker[i].fd, &report, sizeof(report));
		if (n != (ssize_t)sizeof(report))
			continue;
		for (c = 0; c < CLIENTS; c++)
			sum->admitted[c] += report.admitted[c];
		sum->answered += report.answered;
		sum->unavailable += report.unavailable;
		if (report.slowest_ms > sum->slowest_ms)
			sum->slowest_ms = report.slowest_ms;
	}
}

static int
begin(void **unused)
{
	int		i;

	(void)unused;
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_sql(url, "TRUNCATE voicegate.rate_limit_window");
	for (i = 0; i < WORKERS; i++)
		spawn(i);
	return (0);
}

static int
end(void **unused)
{
	int		i, status;

	(void)unused;
	for (i = 0; i < WORKERS; i++) {
		close(worker[i].fd);
		worker[i].fd = -1;
		(void)waitpid(worker[i].pid, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			return (-1);
	}
	return (0);
}

static void
all_rounds(enum vg_strategy strategy)
{
	struct report	sum;
	int		round, c;

	for (round = 0; round < ROUNDS; round++) {
		order_all(round, strategy, VG_FAIL_CLOSED);
		collect(&sum);
		assert_int_equal(sum.answered, WORKERS * CLIENTS * ASKS);
		assert_int_equal(sum.unavailable, 0);
		for (c = 0; c < CLIENTS; c++)
			assert_int_equal(sum.admitted[c], QUOTA);
	}
	assert_int_equal(lab_long(url, "SELECT count(*) FROM "
	    "voicegate.rate_limit_now WHERE used = quota"), ROUNDS * CLIENTS);
}

static void
fixed_windows_admit_exactly_the_quota(void **unused)
{
	(void)unused;
	all_rounds(VG_STRATEGY_FIXED);
}

static void
moving_windows_admit_exactly_the_quota(void **unused)
{
	(void)unused;
	all_rounds(VG_STRATEGY_MOVING);
}

static void
a_killed_worker_lets_nobody_over(void **unused)
{
	const struct timespec	pause = { 0, 3000000 };
	struct report		sum;
	int			round, c, status;

	(void)unused;
	for (round = 100; round < 110; round++) {
		order_all(round, round % 2 ? VG_STRATEGY_MOVING :
		    VG_STRATEGY_FIXED, VG_FAIL_CLOSED);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(worker[1].pid, SIGKILL), 0);
		(void)waitpid(worker[1].pid, &status, 0);
		collect(&sum);
		for (c = 0; c < CLIENTS; c++)
			assert_true(sum.admitted[c] <= QUOTA);
		close(worker[1].fd);
		spawn(1);
	}
	assert_int_equal(lab_long(url, "SELECT count(*) FROM "
	    "voicegate.rate_limit_now WHERE used > quota"), 0);
}

static void
a_database_that_crashes_lets_nobody_over(void **unused)
{
	const struct timespec	pause = { 0, 4000000 };
	struct report		sum, more;
	int			round, c;

	(void)unused;
	for (round = 150; round < 154; round++) {
		order_all(round, round % 2 ? VG_STRATEGY_MOVING :
		    VG_STRATEGY_FIXED, VG_FAIL_CLOSED);
		(void)nanosleep(&pause, NULL);
		lab_pg_stop("immediate");
		lab_pg_start();
		collect(&sum);
		assert_int_equal(sum.answered, WORKERS * CLIENTS * ASKS);
		assert_true(sum.slowest_ms < may_take(2000));
		/* And again, once it is back. */
		do {
			order_all(round, round % 2 ? VG_STRATEGY_MOVING :
			    VG_STRATEGY_FIXED, VG_FAIL_CLOSED);
			collect(&more);
			for (c = 0; c < CLIENTS; c++)
				sum.admitted[c] += more.admitted[c];
		} while (more.unavailable > 0);
		for (c = 0; c < CLIENTS; c++)
			assert_true(sum.admitted[c] <= QUOTA);
	}
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(fixed_windows_admit_exactly_the_quota),
		CASE(moving_windows_admit_exactly_the_quota),
		CASE(a_killed_worker_lets_nobody_over),
		CASE(a_database_that_crashes_lets_nobody_over),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return (cmocka_run_group_tests_name("store: exactness", tests,
	    lab_setup, lab_teardown));
}
