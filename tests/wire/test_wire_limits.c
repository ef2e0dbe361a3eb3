/* The rate limit: exact, shared by every worker and instance, told truly. */

#include <sys/stat.h>

#include <pthread.h>
#include <signal.h>

#include "wire.h"

static int
start(int port, struct response *r)
{
	client_post(port, "/api/session/start", "", NULL, NULL, 0, r);
	return (r->status);
}

static void
eleventh_start_is_refused_truly(void **state)
{
	struct server	s;
	struct response	r;
	long		retry, began;
	int		i;

	(void)state;
	server_start(&s, NULL, NULL);
	for (i = 0; i < 10; i++) {
		assert_int_equal(start(s.port, &r), 200);
		assert_string_equal(response_field(&r, "ratelimit-policy"),
		    "\"session\";q=10;w=60");
		assert_int_equal(strtol(response_field(&r,
		    "x-ratelimit-remaining"), NULL, 10), 9 - i);
		response_free(&r);
	}
	began = now_ms();
	assert_int_equal(start(s.port, &r), 429);
	assert_problem(&r, 429, "rate_limited");
	retry = strtol(response_field(&r, "retry-after"), NULL, 10);
	assert_in_range(retry, 1, 60);
	assert_string_equal(response_field(&r, "x-ratelimit-limit"), "10");
	assert_string_equal(response_field(&r, "x-ratelimit-remaining"), "0");
	response_free(&r);
	/* What the database says of it is the truth to measure by. */
	assert_in_range(database_long(s.database, "select ceil(extract(epoch "
	    "from resets_at - now()))::int from voicegate.rate_limit_now "
	    "where policy = 'session'") + (now_ms() - began) / 1000,
	    (uintmax_t)retry - 1, (uintmax_t)retry + 1);
	assert_int_equal(database_long(s.database,
	    "select count(*) from voicegate.session"), 10);
	/* Another limit is another count. */
	client_ask(s.port, "GET", "/api/health", "", &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	server_stop(&s);
}

struct flood {
	int	port;
	int	admitted;
	int	refused;
	int	other;
};

static void *
flood(void *arg)
{
	struct flood	*f = arg;
	static const char one[] = "POST /api/session/start HTTP/1.1\r\n"
	    "Host: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	int		i;

	for (i = 0; i < 10; i++) {
		char	got[64] = "";
		int	fd = client_connect(f->port);
		ssize_t	n;
		size_t	len = 0;

		(void)client_send(fd, one, sizeof(one) - 1);
		while (len < 12 && (n = read(fd, got + len,
		    sizeof(got) - 1 - len)) > 0)
			len += (size_t)n;
		if (!strncmp(got, "HTTP/1.1 200", 12))
			f->admitted++;
		else if (!strncmp(got, "HTTP/1.1 429", 12))
			f->refused++;
		else
			f->other++;
		(void)close(fd);
	}
	return (NULL);
}

/* Two instances with two workers each on one database, all at once. */
static void
exact_over(const char *strategy)
{
	const char	*env[] = { strategy, "WORKERS=2", NULL };
	struct server	a, b;
	struct flood	f[8];
	pthread_t	thread[8];
	int		i, admitted = 0, refused = 0;

	server_start(&a, NULL, env);
	server_start(&b, a.database, env);
	memset(f, 0, sizeof(f));
	for (i = 0; i < 8; i++) {
		f[i].port = i % 2 ? a.port : b.port;
		assert_int_equal(pthread_create(&thread[i], NULL, flood, &f[i]), 0);
	}
	for (i = 0; i < 8; i++) {
		(void)pthread_join(thread[i], NULL);
		admitted += f[i].admitted;
		refused += f[i].refused;
		assert_int_equal(f[i].other, 0);
	}
	assert_int_equal(admitted, 10);
	assert_int_equal(refused, 70);
	server_stop(&a);
	server_stop(&b);
}

static void
exact_across_instances_fixed(void **state)
{
	(void)state;
	exact_over("RATE_LIMIT_STRATEGY=fixed-window");
}

static void
exact_across_instances_moving(void **state)
{
	(void)state;
	exact_over("RATE_LIMIT_STRATEGY=moving-window");
}

static void
survives_a_restart(void **state)
{
	struct server	a, b;
	struct response	r;
	int		i;

	(void)state;
	server_start(&a, NULL, NULL);
	for (i = 0; i < 10; i++) {
		assert_int_equal(start(a.port, &r), 200);
		response_free(&r);
	}
	server_stop(&a);
	server_start(&b, a.database, NULL);
	assert_int_equal(start(b.port, &r), 429);
	response_free(&r);
	server_stop(&b);
}

static void
can_be_off(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_ENABLED=false", NULL };
	struct server			s;
	struct response			r;
	int				i;

	(void)state;
	server_start(&s, NULL, env);
	for (i = 0; i < 15; i++) {
		assert_int_equal(start(s.port, &r), 200);
		assert_false(response_has(&r, "ratelimit"));
		response_free(&r);
	}
	server_stop(&s);
}

/* The status of a start that a proxy says is for CLIENT. */
static int
start_for(const struct server *s, const char *client)
{
	struct response	r;
	char		field[128];
	int		status;

	(void)snprintf(field, sizeof(field), "X-Forwarded-For: %s\r\n", client);
	client_post(s->port, "/api/session/start", field, NULL, NULL, 0, &r);
	status = r.status;
	response_free(&r);
	return (status);
}

static void
behind_a_proxy_clients_are_told_apart(void **state)
{
	static const char *const	env[] = { "TRUSTED_PROXIES=127.0.0.1",
		"RATE_LIMIT_PER_MINUTE=1", NULL };
	struct server			s;

	(void)state;
	server_start(&s, NULL, env);
	assert_int_equal(start_for(&s, "192.0.2.1"), 200);
	assert_int_equal(start_for(&s, "203.0.113.9, 192.0.2.1"), 429);
	assert_int_equal(start_for(&s, "192.0.2.2"), 200);
	server_stop(&s);
}

/* A worker that does not know it yet asks first, and for no content. */
static void
who_is_over_the_limit_is_not_told_to_go_on(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_PER_MINUTE=1", NULL };
	static const char		request[] = "POST /api/session/start "
	    "HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\n"
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
	struct server			s;
	struct response			r;
	int				i, fd;

	(void)state;
	server_start(&s, NULL, env);
	for (i = 0; i < 6; i++) {
		fd = client_connect(s.port);
		assert_int_equal(client_send(fd, request, sizeof(request) - 1),
		    0);
		client_read(fd, false, &r);
		/* The first is let in: asked for its content, then served. */
		assert_int_equal(r.status, i == 0 ? 100 : 429);
		if (i == 0) {
			response_free(&r);
			assert_int_equal(client_send(fd, "{}", 2), 0);
			client_read(fd, false, &r);
			assert_int_equal(r.status, 200);
		}
		response_free(&r);
		(void)close(fd);
	}
	server_stop(&s);
}

static void
nobody_else_is_believed(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_PER_MINUTE=1", NULL };
	struct server			s;

	(void)state;
	server_start(&s, NULL, env);
	assert_int_equal(start_for(&s, "192.0.2.1"), 200);
	assert_int_equal(start_for(&s, "192.0.2.2"), 429);
	server_stop(&s);
}

static bool
limit_is_reloaded(void *arg)
{
	struct response	r;
	bool		twenty;

	client_ask(*(int *)arg, "GET", "/api/health", "", &r);
	twenty = !strcmp(response_field(&r, "ratelimit-policy"),
	    "\"health\";q=2000;w=60");
	response_free(&r);
	return (twenty);
}

static void
hangup_reloads_the_limit(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_HEALTH_PER_MINUTE=", NULL };
	struct server			s;
	char				path[512];
	FILE				*fp;

	(void)state;
	server_start(&s, NULL, env);
	(void)snprintf(path, sizeof(path), "%s/.env", s.dir);
	fp = fopen(path, "w");
	fputs("RATE_LIMIT_HEALTH_PER_MINUTE=2000\n", fp);
	(void)fclose(fp);
	/* Root's alone: the workers cannot read it, the parent can. */
	(void)chmod(path, 0600);
	assert_int_equal(kill(s.pid, SIGHUP), 0);
	assert_true(eventually(limit_is_reloaded, &s.port));
	server_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(eleventh_start_is_refused_truly),
		cmocka_unit_test(exact_across_instances_fixed),
		cmocka_unit_test(exact_across_instances_moving),
		cmocka_unit_test(survives_a_restart),
		cmocka_unit_test(can_be_off),
		cmocka_unit_test(who_is_over_the_limit_is_not_told_to_go_on),
		cmocka_unit_test(behind_a_proxy_clients_are_told_apart),
		cmocka_unit_test(nobody_else_is_believed),
		cmocka_unit_test(hangup_reloads_the_limit),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
