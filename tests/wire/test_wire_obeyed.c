/*
 * What is said in psql is obeyed by every worker of two instances on one
 * database, while both are under load; also where the notification was lost,
 * because the connections that listen were ended with it. How long after the
 * commit somebody was still told otherwise is printed: that is for whoever
 * measures, not a condition.
 */

#include "lib/load.h"
#include "wire.h"

#define IN_A_ROW	8	/* connections of their own, at each instance */

/* Behind a proxy, so that one test can be many clients. */
static const char *const	settings[] = { "AUTH_REQUIRED=true",
	"WORKERS=2", "TRUSTED_PROXIES=127.0.0.1",
	"RATE_LIMIT_HEALTH_PER_MINUTE=1000000", "MAX_CONNECTIONS_PER_CLIENT=0",
	"RATE_LIMIT_PER_MINUTE=100000", "LOG_LEVEL=notice", NULL };

static struct server	second;
static struct load	*busy;

static int
ask(int port, const char *path, const char *client, const char *key,
    const char *json)
{
	struct response	r;
	char		fields[256];
	int		status;

	(void)snprintf(fields, sizeof(fields), "X-Forwarded-For: %s\r\n%s%s%s",
	    client, key == NULL ? "" : "Authorization: Bearer ",
	    key == NULL ? "" : key, key == NULL ? "" : "\r\n");
	if (key == NULL)
		client_ask(port, "GET", path, fields, &r);
	else
		client_post(port, path, fields,
		    json == NULL ? NULL : "application/json", json,
		    json == NULL ? 0 : strlen(json), &r);
	status = r.status;
	response_free(&r);
	return (status);
}

struct expectation {
	const char	*path;
	const char	*client;
	const char	*key;
	const char	*json;
	int		status;
	long		otherwise_ms;	/* last asked and told otherwise; 0 */
};

static bool
all_say(void *arg)
{
	struct expectation	*e = arg;
	long			asked;
	int			i;

	for (i = 0; i < 2 * IN_A_ROW; i++) {
		asked = now_ms();
		if (ask(i % 2 ? second.port : gateway.port, e->path, e->client,
		    e->key, e->json) != e->status) {
			e->otherwise_ms = asked;
			return (false);
		}
	}
	return (true);
}

/* Every connection to each of them is told STATUS at last. */
static void
obeyed(const char *what, struct expectation e)
{
	long	began = now_ms();

	if (!eventually(all_say, &e))
		fail_msg("%s: not obeyed", what);
	print_message("%s: told otherwise for %ld ms\n", what,
	    e.otherwise_ms == 0 ? 0 : e.otherwise_ms - began);
}

/* A key whose limit is no matter here. */
static void
key_make(const char *name, char *key, size_t size)
{
	char	sql[256];

	(void)snprintf(sql, sizeof(sql), "select api_key from voicegate."
	    "create_api_key('%s', rate_per_minute => 1000000)", name);
	database_value(gateway.database, sql, key, size);
}

#define START(client, key, status)					\
	(struct expectation){ "/api/session/start", client, key, NULL, status, 0 }
#define HEALTH(client, status)						\
	(struct expectation){ "/api/health", client, NULL, NULL, status, 0 }

static void
an_ended_session_is_refused(void **state)
{
	struct response	r;
	char		key[64], fields[160], json[128], sql[128];

	(void)state;
	key_make("ended", key, sizeof(key));
	(void)snprintf(fields, sizeof(fields), "X-Forwarded-For: 192.0.2.1\r\n"
	    "Authorization: Bearer %s\r\n", key);
	client_post(gateway.port, "/api/session/start", fields, NULL, NULL, 0,
	    &r);
	assert_int_equal(r.status, 200);
	(void)snprintf(json, sizeof(json), "{\"session_id\":\"%s\"}",
	    response_json(&r, "session_id"));
	(void)snprintf(sql, sizeof(sql), "select voicegate.end_session('%s')"
	    "::integer", response_json(&r, "session_id"));
	response_free(&r);
	assert_int_equal(database_long(gateway.database, sql), 1);
	obeyed("end_session", (struct expectation){ "/api/session/end",
	    "192.0.2.1", key, json, 404, 0 });
}

static void
a_blocked_client_is_refused(void **state)
{

	(void)state;
	obeyed("nothing", HEALTH("198.51.100.7", 200));
	(void)database_long(gateway.database,
	    "select count(voicegate.block_client('198.51.100.0/24', '1 h'))");
	obeyed("block_client", HEALTH("198.51.100.7", 403));
	(void)database_long(gateway.database,
	    "select voicegate.unblock_client('198.51.100.0/24')::integer");
	obeyed("unblock_client", HEALTH("198.51.100.7", 200));
}

static void
a_revoked_key_is_refused(void **state)
{
	char	key[64];

	(void)state;
	key_make("revoked", key, sizeof(key));
	obeyed("create_api_key", START("192.0.2.2", key, 200));
	assert_int_equal(database_long(gateway.database, "select "
	    "voicegate.revoke_api_key(id)::integer from voicegate.api_key "
	    "where name = 'revoked'"), 1);
	obeyed("revoke_api_key", START("192.0.2.3", key, 401));
}

static void
a_rotated_key_gives_way(void **state)
{
	char	old[64], new[64];

	(void)state;
	key_make("rotated", old, sizeof(old));
	obeyed("create_api_key", START("192.0.2.4", old, 200));
	database_value(gateway.database, "select voicegate.rotate_api_key(id, "
	    "'0') from voicegate.api_key where name = 'rotated'", new,
	    sizeof(new));
	obeyed("rotate_api_key, the new one", START("192.0.2.4", new, 200));
	obeyed("rotate_api_key, the old one", START("192.0.2.5", old, 401));
}

/* Whoever listens is ended in the statement before: what it says is lost. */
static void
and_where_the_notification_is_lost(void **state)
{
	static const char	cut[] = "select count(pg_terminate_backend(pid)) "
	    "from pg_stat_activity where datname = current_database() "
	    "and pid <> pg_backend_pid()";
	char	key[64];

	(void)state;
	key_make("lost", key, sizeof(key));
	obeyed("create_api_key", START("192.0.2.6", key, 200));
	(void)database_long(gateway.database, cut);
	(void)database_long(gateway.database,
	    "select count(voicegate.block_client('203.0.113.0/24', '1 h'))");
	obeyed("block_client, listeners ended", HEALTH("203.0.113.7", 403));
	(void)database_long(gateway.database, cut);
	(void)database_long(gateway.database, "select "
	    "voicegate.revoke_api_key(id)::integer from voicegate.api_key "
	    "where name = 'lost'");
	obeyed("revoke_api_key, listeners ended", START("192.0.2.7", key, 401));
}

static int
obeyed_setup(void **state)
{
	struct load_plan	p = { .nports = 2, .method = "GET",
				    .path = "/api/health", .net = "10.1.2",
				    .clients = 4, .connections = 4,
				    .pause_ms = 2 };

	(void)state;
	server_start(&gateway, NULL, settings);
	server_start(&second, gateway.database, settings);
	p.port[0] = gateway.port;
	p.port[1] = second.port;
	busy = load_begin(&p);
	return (0);
}

static int
obeyed_teardown(void **state)
{
	struct load_sums	sums;

	load_end(busy, &sums);
	load_free(&sums);
	server_stop(&second);
	return (wide_teardown(state));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(an_ended_session_is_refused),
		cmocka_unit_test(a_blocked_client_is_refused),
		cmocka_unit_test(a_revoked_key_is_refused),
		cmocka_unit_test(a_rotated_key_gives_way),
		cmocka_unit_test(and_where_the_notification_is_lost)
	};

	return (cmocka_run_group_tests(tests, obeyed_setup, obeyed_teardown));
}
