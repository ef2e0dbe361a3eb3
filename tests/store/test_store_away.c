/*
 * The database goes, hangs, comes back: nothing blocks, everything is answered.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

/* Less than any deadline of the store's: whoever waited for one is above it, and
 * a machine that is merely busy is not. Milliseconds. */
#define STALL_MS	1000

static struct {
	volatile bool		session;
	volatile bool		limit;
	enum vg_db_status	status;
	struct vg_limit_result	result;
	struct vg_quota		tightest;
	int64_t			session_ms;
	int64_t			limit_ms;
	unsigned		states;
	bool			connected;
	int64_t			state_ms;
	unsigned		resyncs;
	unsigned		lines;
	bool			reason_told;
} got;

static struct vg_settings	settings;
static char			url[512];

static void
on_state(void *arg, bool connected)
{
	(void)arg;
	got.states++;
	got.connected = connected;
	got.state_ms = lab_ms();
}

static void
on_resync(void *arg)
{
	(void)arg;
	got.resyncs++;
}

static void
on_log(void *arg, enum vg_log_level level, const char *msg)
{
	(void)arg;
	(void)level;
	assert_null(strstr(msg, "secret"));
	/* On a slow machine one may come into each test. */
	if (strstr(msg, "database: still away") == NULL)
		got.lines++;
	else if (strstr(msg, "not currently accepting connections") != NULL)
		got.reason_told = true;
}

static void
on_session(void *arg, enum vg_db_status status, const struct vg_session *s)
{
	(void)arg;
	(void)s;
	got.status = status;
	got.session_ms = lab_ms();
	got.session = true;
}

static void
on_limit(void *arg, const struct vg_limit_result *r)
{
	(void)arg;
	got.result = *r;
	if (r->tightest != NULL)
		got.tightest = *r->tightest;
	got.limit_ms = lab_ms();
	got.limit = true;
}

static const struct vg_store_hooks	hooks = {
	.state = on_state,
	.log = on_log,
	.resync = on_resync,
};

static int
begin(void **unused)
{
	(void)unused;
	memset(&got, 0, sizeof(got));
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_settings(&settings, url);
	return (0);
}

static int
end(void **unused)
{
	(void)unused;
	lab_store_stop();
	return (0);
}

static enum vg_db_status
find(void)
{
	got.session = false;
	return (vg_session_find("00000000-0000-4000-8000-000000000000", "", 0,
	    on_session, NULL, NULL));
}

/* Answered at once: true, and the result is in got. */
static bool
check(const char *client)
{
	static const struct vg_limits	ten = { .item = { { 10, 60 } },
					    .count = 1 };
	struct vg_limit_request		r = { .nsubjects = 1, .cost = 1 };
	struct vg_limit_result		result;

	r.subject[0].client = client;
	r.subject[0].name = "session";
	r.subject[0].limits = &ten;
	got.limit = false;
	if (!vg_limit_check(&r, &result, on_limit, NULL, NULL))
		return (false);
	on_limit(NULL, &result);
	return (true);
}

static void
turns(int64_t ms)
{
	int64_t		until;

	for (until = lab_ms() + ms; lab_ms() < until;)
		lab_turn(20);
}

static void
a_killed_server_is_away_at_once_and_comes_back(void **unused)
{
	int64_t		back;

	(void)unused;
	lab_store_start(&settings, &hooks);
	assert_int_equal(got.states, 1);
	lab_pg_stop("immediate");
	assert_true(lab_until_connected(false));
	assert_int_equal(got.states, 2);
	assert_int_equal(find(), VG_DB_AWAY);
	turns(3000);
	/* Once a change, whatever the number of attempts. */
	assert_int_equal(got.states, 2);
	assert_int_equal(got.lines, 2);
	lab_pg_start();
	back = lab_ms();
	assert_true(lab_until_connected(true));
	assert_true(lab_ms() - back < may_take(4000));
	assert_int_equal(got.states, 3);
	assert_int_equal(got.resyncs, 2);
	assert_int_equal(got.lines, 3);
	assert_int_equal(find(), VG_DB_OK);
	assert_true(lab_until(&got.session));
	assert_int_equal(got.status, VG_SESSION_GONE);
}

/* Why it cannot be had again is another matter than why it went. */
static void
what_keeps_it_away_is_told(void **unused)
{
	char		sql[256], postgres[512], *slash;
	const char	*name = strrchr(lab_url(), '/') + 1;

	(void)unused;
	(void)snprintf(postgres, sizeof(postgres), "%s", lab_url());
	slash = strrchr(postgres, '/');
	(void)snprintf(slash, sizeof(postgres) - (size_t)(slash - postgres),
	    "/postgres");
	lab_store_start(&settings, &hooks);
	(void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS "
	    "false", name);
	lab_sql(postgres, sql);
	lab_sql(postgres, "SELECT pg_terminate_backend(pid) FROM "
	    "pg_stat_activity WHERE application_name = 'voicegate'");
	assert_true(lab_until(&got.reason_told));
	assert_int_equal(got.lines, 2);
	(void)snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS "
	    "true", name);
	lab_sql(postgres, sql);
	assert_true(lab_until_connected(true));
}

static void
what_is_in_flight_is_told_with_the_loss(void **unused)
{
	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_pg_freeze(true);
	assert_int_equal(find(), VG_DB_OK);
	assert_false(check("192.0.2.1"));
	turns(100);
	assert_false(got.session);
	/* The end of the connection, as the kernel tells it. */
	lab_pg_freeze(false);
	lab_pg_stop("immediate");
	assert_true(lab_until(&got.session) || !vg_store_connected());
	assert_true(lab_until_connected(false));
	assert_true(lab_until(&got.session));
	assert_true(lab_until(&got.limit));
	assert_true(got.session_ms - got.state_ms < may_take(STALL_MS));
	assert_true(got.limit_ms - got.state_ms < may_take(STALL_MS));
	lab_pg_start();
}

/* A machine that has much else to do may miss a deadline or two. */
static bool
counts_again(void)
{
	int64_t		until = lab_ms() + LAB_DEADLINE_MS;

	do {
		if (!lab_until_connected(true))
			return (false);
		if (!check("192.0.2.3") && !lab_until(&got.limit))
			return (false);
		if (got.result.source == VG_LIMIT_BY_DATABASE)
			return (true);
	} while (lab_ms() < until);

	return (false);
}

static void
a_hanging_server_costs_one_deadline(void **unused)
{
	int64_t		began;

	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_pg_freeze(true);
	began = lab_ms();
	(void)lab_longest_ms();
	assert_int_equal(find(), VG_DB_OK);
	assert_false(check("192.0.2.2"));
	assert_true(lab_until(&got.limit));
	assert_true(lab_until(&got.session));
	assert_true(lab_ms() - began < may_take(2000));
	/* By its own deadline, or by that of a statement of the worker's own that
	 * was sent before: either ends the connection. */
	assert_true(got.status == VG_DB_TIMEOUT || got.status == VG_DB_AWAY);
	assert_int_equal(got.result.source, VG_LIMIT_BY_FAIL_MODE);
	assert_false(vg_store_connected());
	/* From here on nobody waits. */
	assert_true(check("192.0.2.2"));
	turns(2500);
	/* The kernel accepts for it: connecting hangs too, and blocks nothing. */
	assert_true(lab_longest_ms() < may_take(STALL_MS));
	lab_pg_freeze(false);
	assert_true(counts_again());
}

static void
a_silent_connection_is_noticed_without_traffic(void **unused)
{
	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_pg_freeze(true);
	assert_true(lab_until_connected(false));
	lab_pg_freeze(false);
	assert_true(lab_until_connected(true));
}

static void
a_killed_backend_is_replaced(void **unused)
{
	static const char	backends[] = "SELECT count(*) FROM "
	    "pg_stat_activity WHERE application_name = 'voicegate'";
	int			i;

	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_sql(lab_url(), "SELECT pg_terminate_backend(pid) FROM "
	    "pg_stat_activity WHERE application_name = 'voicegate'");
	assert_true(lab_until_connected(false));
	assert_true(lab_until_connected(true));
	assert_int_equal(got.resyncs, 2);
	/* The one that was ended may still be on its way out. */
	for (i = 0; i < 100 && lab_long(lab_url(), backends) != 1; i++)
		turns(50);
	assert_int_equal(lab_long(lab_url(), backends), 1);
}

/*
 * By the server's own limit, and the connection is kept. Where the machine holds
 * the server's answer up past the client's deadline, it is given up: once more.
 */
static void
a_statement_that_waits_for_a_lock_ends(void **unused)
{
	PGconn	*pg;
	int64_t	began;
	bool	kept = false;
	int	i;

	(void)unused;
	lab_store_start(&settings, &hooks);
	for (i = 0; i < 5 && !kept; i++) {
		assert_true(lab_until_connected(true));
		pg = PQconnectdb(lab_url());
		PQclear(PQexec(pg, "BEGIN; LOCK TABLE voicegate.session"));
		began = lab_ms();
		assert_int_equal(find(), VG_DB_OK);
		(void)lab_until(&got.session);
		kept = vg_store_connected() && lab_ms() - began < may_take(2000);
		PQfinish(pg);
		assert_true(got.session);
		assert_int_equal(got.status, kept ? VG_DB_LOCKED :
		    VG_DB_TIMEOUT);
	}
	assert_true(kept);
	assert_int_equal(find(), VG_DB_OK);
	assert_true(lab_until(&got.session));
	assert_int_equal(got.status, VG_SESSION_GONE);
}

/* Two workers, a limit of 10: five for each. */
static void
mode_local_counts_its_share(void **unused)
{
	int		i, admitted;

	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_pg_stop("immediate");
	assert_true(lab_until_connected(false));
	for (i = 0, admitted = 0; i < 20; i++) {
		assert_true(check("192.0.2.1"));
		admitted += got.result.verdict == VG_LIMIT_ADMITTED;
	}
	assert_int_equal(admitted, 5);
	assert_int_equal(got.result.verdict, VG_LIMIT_REFUSED);
	assert_int_equal(got.tightest.limit.quota, 5);
	assert_true(vg_retry_after(&got.tightest, got.result.now_us) <= 60);
	lab_pg_start();
}

static void
modes_closed_and_open(void **unused)
{
	(void)unused;
	lab_store_start(&settings, &hooks);
	lab_pg_stop("immediate");
	assert_true(lab_until_connected(false));
	settings.rate_fail_mode = VG_FAIL_CLOSED;
	vg_store_reload(&settings);
	assert_true(check("192.0.2.1"));
	assert_int_equal(got.result.verdict, VG_LIMIT_UNAVAILABLE);
	settings.rate_fail_mode = VG_FAIL_OPEN;
	vg_store_reload(&settings);
	assert_true(check("192.0.2.1"));
	assert_int_equal(got.result.verdict, VG_LIMIT_UNCOUNTED);
	assert_null(got.result.tightest);
	lab_pg_start();
}

/* A socket that listens and never accepts: connect succeeds, nothing comes. */
static int
black_hole(int *port)
{
	struct sockaddr_in	sin;
	socklen_t		len;
	int			fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	len = sizeof(sin);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return (fd);
}

static void
a_host_that_never_answers_is_passed_over(void **unused)
{
	char		error[VG_STORE_ERROR_SIZE];
	const char	*slash;
	int64_t		began;
	int		fd, port;

	(void)unused;
	fd = black_hole(&port);
	slash = strrchr(lab_url(), '/');
	snprintf(url, sizeof(url), "postgresql://voicegate:secret@"
	    "127.0.0.1:%d,127.0.0.1:%d%s", port, lab_port(), slash);
	assert_int_equal(vg_store_prepare(&settings, error, sizeof(error)), 0);
	(void)lab_longest_ms();
	began = lab_ms();
	assert_int_equal(vg_store_start(&settings, &hooks), 0);
	assert_true(check("192.0.2.7"));
	assert_true(lab_until_connected(true));
	assert_true(lab_ms() - began < may_take(3000));
	assert_true(lab_longest_ms() < may_take(STALL_MS));
	close(fd);
}

static void
a_closed_port_is_passed_over_at_once(void **unused)
{
	const char	*slash;
	int64_t		began;
	int		fd, port;

	(void)unused;
	fd = black_hole(&port);
	close(fd);
	slash = strrchr(lab_url(), '/');
	snprintf(url, sizeof(url), "postgresql://voicegate:secret@"
	    "localhost:%d,localhost:%d%s", port, lab_port(), slash);
	began = lab_ms();
	lab_store_start(&settings, &hooks);
	assert_true(lab_ms() - began < may_take(1000));
}

static void
a_name_that_is_none_is_an_error_in_the_parent(void **unused)
{
	char		error[VG_STORE_ERROR_SIZE];

	(void)unused;
	snprintf(url, sizeof(url), "postgresql://u:secret@no.such.host.invalid/x");
	assert_int_equal(vg_store_prepare(&settings, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "resolve"));
	assert_null(strstr(error, "secret"));
}

static void
a_read_only_server_is_not_taken(void **unused)
{
	char		error[VG_STORE_ERROR_SIZE], writable[400];

	(void)unused;
	lab_sql(lab_url(), "ALTER ROLE voicegate SET "
	    "default_transaction_read_only = on");
	assert_int_equal(vg_store_prepare(&settings, error, sizeof(error)), 0);
	assert_int_equal(vg_store_start(&settings, &hooks), 0);
	turns(1000);
	assert_false(vg_store_connected());
	snprintf(writable, sizeof(writable), "%s?options=-c%%20"
	    "default_transaction_read_only%%3Doff", lab_url());
	lab_sql(writable,
	    "ALTER ROLE voicegate RESET default_transaction_read_only");
	assert_true(lab_until_connected(true));
}

static void
counts_survive_a_crash(void **unused)
{
	int		i, admitted;

	(void)unused;
	settings.rate_fail_mode = VG_FAIL_CLOSED;
	lab_store_start(&settings, &hooks);
	for (i = 0; i < 10; i++) {
		assert_false(check("192.0.2.99"));
		assert_true(lab_until(&got.limit));
		assert_int_equal(got.result.verdict, VG_LIMIT_ADMITTED);
	}
	lab_pg_stop("immediate");
	assert_true(lab_until_connected(false));
	lab_pg_start();
	assert_true(lab_until_connected(true));
	for (i = 0, admitted = 0; i < 5; i++) {
		if (!check("192.0.2.99"))
			assert_true(lab_until(&got.limit));
		admitted += got.result.verdict == VG_LIMIT_ADMITTED;
	}
	assert_int_equal(admitted, 0);
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(a_killed_server_is_away_at_once_and_comes_back),
		CASE(what_keeps_it_away_is_told),
		CASE(what_is_in_flight_is_told_with_the_loss),
		CASE(a_hanging_server_costs_one_deadline),
		CASE(a_silent_connection_is_noticed_without_traffic),
		CASE(a_killed_backend_is_replaced),
		CASE(a_statement_that_waits_for_a_lock_ends),
		CASE(mode_local_counts_its_share),
		CASE(modes_closed_and_open),
		CASE(a_host_that_never_answers_is_passed_over),
		CASE(a_closed_port_is_passed_over_at_once),
		CASE(a_name_that_is_none_is_an_error_in_the_parent),
		CASE(a_read_only_server_is_not_taken),
		CASE(counts_survive_a_crash),
	};

	return (cmocka_run_group_tests_name("store: away", tests, lab_setup,
	    lab_teardown));
}
