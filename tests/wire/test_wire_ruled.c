/*
 * Ruled from psql: API keys, blocked networks, security events, alerts; what is
 * said in one place is obeyed by every worker. What is lost when a process dies
 * in between: at most a second's count of security events, and nothing else.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/load.h"
#include "wire.h"

#define SECRET		"not-a-secret-outside-of-this-test"

/* Behind a proxy, so that one test can be many clients. */
static const char *const	required[] = { "AUTH_REQUIRED=true", "WORKERS=2",
	"TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_HEALTH_PER_MINUTE=100000",
	"MAX_CONNECTIONS_PER_CLIENT=0", NULL };

static void
key_make(const char *arguments, char *key, size_t size)
{
	char	sql[256];

	(void)snprintf(sql, sizeof(sql),
	    "select api_key from voicegate.create_api_key(%s)", arguments);
	database_value(gateway.database, sql, key, size);
	assert_int_equal(strlen(key), 46);
}

/* POST PATH from CLIENT with KEY ("" for none). */
static void
post(const char *path, const char *client, const char *key,
    const char *content, struct response *r)
{
	char	fields[256];

	(void)snprintf(fields, sizeof(fields), "X-Forwarded-For: %s\r\n%s%s%s",
	    client, key[0] == '\0' ? "" : "Authorization: Bearer ", key,
	    key[0] == '\0' ? "" : "\r\n");
	client_post(gateway.port, path, fields,
	    content == NULL ? NULL : "application/json", content,
	    content == NULL ? 0 : strlen(content), r);
}

static int
start_status(const char *client, const char *key)
{
	struct response	r;
	int		status;

	post("/api/session/start", client, key, NULL, &r);
	status = r.status;
	response_free(&r);
	return (status);
}

struct expectation {
	const char	*client;
	const char	*key;
	int		status;
	int		in_a_row;
};

/* Two workers: several in a row, each on a connection of its own, say the same. */
static bool
all_say(void *arg)
{
	const struct expectation	*e = arg;
	int				i;

	for (i = 0; i < e->in_a_row; i++) {
		if (start_status(e->client, e->key) != e->status)
			return (false);
	}
	return (true);
}

static void
obeyed(const char *what, const char *client, const char *key, int status)
{
	struct expectation	e = { client, key, status, 6 };
	long			began = now_ms();

	if (!eventually(all_say, &e))
		fail_msg("%s: not obeyed", what);
	print_message("%s: obeyed after %ld ms\n", what, now_ms() - began);
}

static void
session_and_voice_need_a_key(void **state)
{
	struct response	r;
	char		key[64];

	(void)state;
	key_make("'whole', rate_per_minute => 1000", key, sizeof(key));
	post("/api/session/start", "192.0.2.1", "", NULL, &r);
	assert_problem(&r, 401, "authentication_required");
	assert_string_equal(response_field(&r, "www-authenticate"),
	    "Bearer realm=\"voicegate\"");
	assert_true(response_has(&r, "ratelimit"));
	response_free(&r);
	post("/api/session/start", "192.0.2.1",
	    "vg_0123456789012345678901234567890123456789012", NULL, &r);
	assert_problem(&r, 401, "invalid_api_key");
	assert_string_equal(response_field(&r, "www-authenticate"),
	    "Bearer realm=\"voicegate\", error=\"invalid_token\"");
	response_free(&r);
	post("/api/session/start", "192.0.2.1", "nonsense", NULL, &r);
	assert_problem(&r, 401, "invalid_api_key");
	response_free(&r);
	post("/api/voice/process", "192.0.2.1", "", "{}", &r);
	assert_problem(&r, 401, "authentication_required");
	response_free(&r);
	post("/api/session/end", "192.0.2.1", "", "{}", &r);
	assert_problem(&r, 401, "authentication_required");
	response_free(&r);
	assert_int_equal(start_status("192.0.2.1", key), 200);
	client_ask(gateway.port, "GET", "/api/health", "", &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

static void
a_key_does_what_its_scopes_say(void **state)
{
	struct response	r;
	char		key[64];

	(void)state;
	key_make("'voice only', scopes => '{voice}'", key, sizeof(key));
	post("/api/session/start", "192.0.2.2", key, NULL, &r);
	assert_problem(&r, 403, "insufficient_scope");
	assert_string_equal(response_field(&r, "www-authenticate"), "Bearer "
	    "realm=\"voicegate\", error=\"insufficient_scope\", "
	    "scope=\"session\"");
	response_free(&r);
}

static void
a_session_belongs_to_its_key(void **state)
{
	struct response	r;
	char		mine[64], other[64], json[128], id[37];

	(void)state;
	key_make("'mine'", mine, sizeof(mine));
	key_make("'other'", other, sizeof(other));
	post("/api/session/start", "192.0.2.3", mine, NULL, &r);
	assert_int_equal(r.status, 200);
	(void)snprintf(id, sizeof(id), "%s", response_json(&r, "session_id"));
	response_free(&r);
	(void)snprintf(json, sizeof(json), "{\"session_id\":\"%s\"}", id);
	post("/api/session/end", "192.0.2.3", other, json, &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	post("/api/session/end", "192.0.2.3", mine, json, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
}

/* The voice of a session goes nowhere for anyone else, repeated or not. */
static void
nobody_else_speaks_in_a_session(void **state)
{
	struct response	r;
	char		mine[64], other[64], id[37], path[512], fields[256];

	(void)state;
	key_make("'speaker'", mine, sizeof(mine));
	key_make("'eavesdropper'", other, sizeof(other));
	post("/api/session/start", "192.0.2.9", mine, NULL, &r);
	(void)snprintf(id, sizeof(id), "%s", response_json(&r, "session_id"));
	response_free(&r);
	fixture(path, sizeof(path), "hello.wav");
	(void)snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n",
	    other);
	voice_send(gateway.port, id, path, fields, &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	(void)snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n"
	    "Idempotency-Key: abc\r\n", other);
	voice_send(gateway.port, id, path, fields, &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	(void)snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n",
	    mine);
	voice_send(gateway.port, id, path, fields, &r);
	assert_int_equal(r.status, 200);
	(void)snprintf(path, sizeof(path), "%s", response_json(&r, "audio_url"));
	response_free(&r);
	client_ask(gateway.port, "GET", path, fields, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n",
	    other);
	client_ask(gateway.port, "GET", path, fields, &r);
	assert_problem(&r, 404, "audio_not_found");
	response_free(&r);
}

static void
a_keys_limit_follows_it(void **state)
{
	struct response	r;
	char		key[64], client[24];
	int		i;

	(void)state;
	key_make("'three', rate_per_minute => 3", key, sizeof(key));
	for (i = 0; i < 3; i++) {
		(void)snprintf(client, sizeof(client), "192.0.2.1%d", i);
		assert_int_equal(start_status(client, key), 200);
	}
	post("/api/session/start", "192.0.2.19", key, NULL, &r);
	assert_problem(&r, 429, "rate_limited");
	assert_string_equal(response_field(&r, "ratelimit-policy"),
	    "\"session\";q=3;w=60");
	response_free(&r);
}

/* And whoever guesses at an address uses up the address, not the key. */
static void
guesses_use_up_their_address(void **state)
{
	char	key[64], wrong[64];
	int	i, status, refused = 0;

	(void)state;
	key_make("'at home', rate_per_minute => 100", key, sizeof(key));
	for (i = 0; i < 30; i++) {
		(void)snprintf(wrong, sizeof(wrong), "vg_%043d", i);
		status = start_status("192.0.2.30", wrong);
		if (status != 429)
			assert_int_equal(status, 401);
		else
			refused++;
	}
	/* 10 a minute; a minute may turn in between. */
	assert_in_range(refused, 10, 20);
	assert_int_equal(start_status("192.0.2.30", key), 200);
}

static void
revoked_is_refused(void **state)
{
	char	key[64];

	(void)state;
	key_make("'to revoke', rate_per_minute => 100000", key, sizeof(key));
	obeyed("create_api_key", "192.0.2.40", key, 200);
	assert_int_equal(database_long(gateway.database, "select "
	    "count(voicegate.revoke_api_key(id)) from voicegate.api_key "
	    "where name = 'to revoke'"), 1);
	assert_int_not_equal(database_long(gateway.database, "select count(*) "
	    "from voicegate.session where end_reason = 'key'"), 0);
	/* From an address each time: wrong keys use up their address. */
	assert_int_equal(database_long(gateway.database, "select count(*) from "
	    "voicegate.active_session s join voicegate.api_key k on "
	    "k.id = s.api_key_id where k.name = 'to revoke'"), 0);
	obeyed("revoke_api_key", "192.0.2.41", key, 401);
}

static void
rotated_works_in_its_grace(void **state)
{
	char	old[64], new[64];

	(void)state;
	key_make("'to rotate', rate_per_minute => 100000", old, sizeof(old));
	obeyed("create_api_key", "192.0.2.42", old, 200);
	database_value(gateway.database, "select voicegate.rotate_api_key(id, "
	    "'1 hour') from voicegate.api_key where name = 'to rotate'", new,
	    sizeof(new));
	obeyed("rotate_api_key", "192.0.2.42", new, 200);
	assert_int_equal(start_status("192.0.2.42", old), 200);
	database_value(gateway.database, "select voicegate.rotate_api_key(id, "
	    "'0') from voicegate.api_key where name = 'to rotate'", old,
	    sizeof(old));
	obeyed("rotate_api_key without grace", "192.0.2.43", new, 401);
	assert_int_equal(start_status("192.0.2.42", old), 200);
}

static int
health_from(const char *client)
{
	struct response	r;
	char		fields[80];
	int		status;

	(void)snprintf(fields, sizeof(fields), "X-Forwarded-For: %s\r\n", client);
	client_ask(gateway.port, "GET", "/api/health", fields, &r);
	if (r.status == 403)
		assert_problem(&r, 403, "client_blocked");
	status = r.status;
	response_free(&r);
	return (status);
}

static bool
blocked(void *arg)
{
	int	i;

	for (i = 0; i < 6; i++) {
		if (health_from("198.51.100.77") != *(int *)arg)
			return (false);
	}
	return (true);
}

static void
a_blocked_network_is_refused(void **state)
{
	struct response	r;
	int		want = 403;

	(void)state;
	assert_int_equal(health_from("198.51.100.77"), 200);
	(void)database_long(gateway.database, "select voicegate.block_client("
	    "'198.51.100.0/24', '1 hour', 'a test')");
	assert_true(eventually(blocked, &want));
	assert_int_equal(health_from("198.51.101.77"), 200);
	client_ask(gateway.port, "GET", "/",
	    "X-Forwarded-For: 198.51.100.1\r\n", &r);
	assert_int_equal(r.status, 403);
	response_free(&r);
	(void)database_long(gateway.database,
	    "select voicegate.unblock_client('198.51.100.0/24')");
	want = 200;
	assert_true(eventually(blocked, &want));
}

/* An UPDATE by hand, whose notification nobody sends: the revision tells. */
static void
a_lost_connection_loses_no_block(void **state)
{
	int	want = 403;

	(void)state;
	(void)database_long(gateway.database, "select count("
	    "pg_terminate_backend(pid)) from pg_stat_activity where datname = "
	    "current_database() and pid <> pg_backend_pid()");
	(void)database_long(gateway.database, "select voicegate.block_client("
	    "'198.51.100.0/24', '1 hour', 'a test')");
	assert_true(eventually(blocked, &want));
	(void)database_long(gateway.database,
	    "select voicegate.unblock_client('198.51.100.0/24')");
	want = 200;
	assert_true(eventually(blocked, &want));
}

struct count {
	const char	*sql;
	long		want;
};

static bool
counted(void *arg)
{
	const struct count	*c = arg;

	return (database_long(gateway.database, c->sql) == c->want);
}

static void
refusals_become_events(void **state)
{
	struct count	c[] = {
		{ "select sum(count) from voicegate.security_event where kind = "
		    "'rate_limited' and client = '203.0.113.5'", 490 },
		{ "select sum(count) from voicegate.security_event where kind = "
		    "'bad_framing' and detail->>'status' = '400'", 3 },
		{ NULL, 1 }
	};
	struct response	r;
	char		key[64], sql[160] = "", logged[64];
	long		rows;
	int		i, refused = 0;

	(void)state;
	key_make("'none of it'", key, sizeof(key));
	for (i = 0; i < 500; i++)
		refused += start_status("203.0.113.5", "") == 429;
	c[0].want = refused;
	for (i = 0; i < 3; i++) {
		client_once(gateway.port, "GET / HTTP/1.1\nHost: a\n\n", 24,
		    false, &r);
		assert_int_equal(r.status, 400);
		/* What a client is told leads to the log, and to its event. */
		(void)snprintf(logged, sizeof(logged), "request_id=%s",
		    response_field(&r, "x-request-id"));
		assert_true(eventually_logged(&gateway, logged));
		if (i == 0)
			(void)snprintf(sql, sizeof(sql), "select count(*) from "
			    "voicegate.security_event where request_id = '%s' "
			    "and kind = 'bad_framing'",
			    response_field(&r, "x-request-id"));
		response_free(&r);
	}
	c[2].sql = sql;
	for (i = 0; i < 3; i++) {
		if (!eventually(counted, &c[i]))
			fail_msg("%s: %ld", c[i].sql,
			    database_long(gateway.database, c[i].sql));
	}
	rows = database_long(gateway.database, "select count(*) from "
	    "voicegate.security_event where kind = 'rate_limited'");
	assert_in_range(rows, 1, 60);
}

/* --- alerts ----------------------------------------------------------------- */

static int
listener(int *port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return (fd);
}

/* One request within MS milliseconds, answered with STATUS: its text, or NULL. */
static char *
received(int fd, int ms, const char *status)
{
	struct pollfd	pfd = { fd, POLLIN, 0 };
	static char	text[16384];
	char		*body, *length, answer[128];
	size_t		len = 0;
	ssize_t		n;
	int		c, alen;

	if (poll(&pfd, 1, ms) < 1)
		return (NULL);
	c = accept(fd, NULL, NULL);
	while ((n = read(c, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
		text[len] = '\0';
		if ((body = strstr(text, "\r\n\r\n")) != NULL &&
		    (length = strcasestr(text, "content-length: ")) != NULL &&
		    strlen(body + 4) >= (size_t)strtoul(length + 16, NULL, 10))
			break;
	}
	alen = snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\n"
	    "Content-Length: 0\r\nConnection: close\r\n\r\n", status);
	assert_int_equal(write(c, answer, (size_t)alen), alen);
	(void)close(c);
	return (text);
}

static void
field_of(const char *text, const char *name, char *out, size_t size)
{
	const char	*at = strcasestr(text, name);

	if (at == NULL)
		fail_msg("no %s in %s", name, text);
	at += strlen(name);
	(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static void
assert_signed(const char *text)
{
	unsigned char	mac[EVP_MAX_MD_SIZE], base64[128];
	unsigned	maclen = 0;
	char		id[64], stamp[32], signature[128], all[16384];
	const char	*body = strstr(text, "\r\n\r\n") + 4;
	int		n;

	field_of(text, "webhook-id: ", id, sizeof(id));
	field_of(text, "webhook-timestamp: ", stamp, sizeof(stamp));
	field_of(text, "webhook-signature: v1,", signature, sizeof(signature));
	n = snprintf(all, sizeof(all), "%s.%s.%s", id, stamp, body);
	(void)HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1,
	    (const unsigned char *)all, (size_t)n, mac, &maclen);
	(void)EVP_EncodeBlock(base64, mac, (int)maclen);
	assert_string_equal(signature, (const char *)base64);
	assert_non_null(strstr(body, "\"bad_key\""));
}

static void
many_wrong_keys_are_one_alert_and_one_call(void **state)
{
	static const char	done[] = "select count(*) from voicegate.alert "
	    "where delivered_at is not null";
	struct count	c = { done, 1 };
	struct server	other, kept = gateway;
	char		url[80], wrong[64], *text, first[64], second[64];
	const char	*env[] = { url, "ALERT_WEBHOOK_SECRET=" SECRET, "WORKERS=2",
		"AUTH_REQUIRED=true", "TRUSTED_PROXIES=127.0.0.1", NULL };
	int		fd, port, i;

	(void)state;
	fd = listener(&port);
	(void)snprintf(url, sizeof(url),
	    "ALERT_WEBHOOK_URL=http://127.0.0.1:%d/hook?from=voicegate", port);
	server_start(&other, NULL, env);
	gateway = other;
	(void)database_long(gateway.database, "update voicegate.alert_rule set "
	    "min_count = 20, span = '1 hour' where kind = 'bad_key'");
	for (i = 0; i < 60; i++) {
		(void)snprintf(wrong, sizeof(wrong), "vg_%043d", i);
		(void)start_status(i < 40 ? "192.0.2.50" : "192.0.2.51", wrong);
	}
	/* 20 were let as far as 401: the rest was told 429. */
	if ((text = received(fd, SERVER_DEADLINE_MS, "500 No")) == NULL)
		fail_msg("nothing was received");
	assert_signed(text);
	field_of(text, "webhook-id: ", first, sizeof(first));
	/* What failed is sent again, under the same id. */
	if ((text = received(fd, SERVER_DEADLINE_MS, "204 Yes")) == NULL)
		fail_msg("nothing was received again");
	assert_signed(text);
	assert_non_null(strstr(text, "POST /hook?from=voicegate "));
	field_of(text, "webhook-id: ", second, sizeof(second));
	assert_string_equal(first, second);
	assert_true(eventually(counted, &c));
	c.sql = "select count(*) from voicegate.alert";
	assert_true(counted(&c));
	assert_true(server_logged(&gateway, "alert"));
	gateway = kept;
	(void)close(fd);
	server_stop(&other);
}

/* With the rules as they come: one client, one alert, one call. */
static void
a_thousand_wrong_keys_are_one_call(void **state)
{
	struct count	c = { "select count(*) from voicegate.alert where "
	    "delivered_at is not null", 1 };
	struct server	other, kept = gateway;
	char		url[80], wrong[64], *text;
	const char	*env[] = { url, "ALERT_WEBHOOK_SECRET=" SECRET, "WORKERS=2",
		"AUTH_REQUIRED=true", "TRUSTED_PROXIES=127.0.0.1", NULL };
	struct pollfd	pfd = { .events = POLLIN };
	int		port, i, status, let = 0;

	(void)state;
	pfd.fd = listener(&port);
	(void)snprintf(url, sizeof(url),
	    "ALERT_WEBHOOK_URL=http://127.0.0.1:%d/hook", port);
	server_start(&other, NULL, env);
	gateway = other;
	for (i = 0; i < 1000; i++) {
		(void)snprintf(wrong, sizeof(wrong), "vg_%043d", i);
		status = start_status("192.0.2.60", wrong);
		if (status != 429)
			assert_int_equal(status, 401);
		let += status == 401;
	}
	/* 10 a minute, however many minutes it took. */
	assert_in_range(let, 10, 500);
	if ((text = received(pfd.fd, SERVER_DEADLINE_MS, "204 Yes")) == NULL)
		fail_msg("nothing was received");
	assert_signed(text);
	assert_true(eventually(counted, &c));
	c.sql = "select sum(attempts) from voicegate.alert";
	assert_true(counted(&c));
	/* Each call is made by one attempt; and none waits to be taken. */
	assert_int_equal(poll(&pfd, 1, 0), 0);
	c.sql = "select sum(count) from voicegate.security_event where kind = "
	    "'bad_key'";
	/* Those that were told 429 too. */
	c.want = 1000;
	assert_true(eventually(counted, &c));
	gateway = kept;
	(void)close(pfd.fd);
	server_stop(&other);
}

/* FLOOD says how many; every one is in the sum of few rows. */
static void
a_flood_is_few_rows_and_counted_whole(void **state)
{
	const char		*env[] = { "WORKERS=2",
		"TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_HEALTH=5/hour",
		"MAX_CONNECTIONS_PER_CLIENT=0", "LOG_LEVEL=notice", NULL };
	const char		*asked = getenv("FLOOD");
	struct load_plan	p = { .nports = 1, .method = "GET",
				    .path = "/api/health/live",
				    .net = "10.1.3", .clients = LOAD_CLIENTS_MAX,
				    .connections = LOAD_CLIENTS_MAX };
	struct load_sums	sums;
	struct count		c = { "select coalesce(sum(count), 0) from "
	    "voicegate.security_event where kind = 'rate_limited'", 0 };
	struct server		other, kept = gateway;
	int			i;
	long			rows;

	(void)state;
	server_start(&other, NULL, env);
	gateway = other;
	p.port[0] = other.port;
	p.requests = (asked != NULL ? atoi(asked) : 10000) / LOAD_CLIENTS_MAX;
	load_run(&p, &sums);
	for (i = 0; i < LOAD_CLIENTS_MAX; i++)
		c.want += sums.refused[i];
	assert_int_equal(sums.lost, 0);
	assert_int_not_equal(c.want, 0);
	if (!eventually(counted, &c))
		fail_msg("%ld of %ld are counted", database_long(
		    gateway.database, c.sql), c.want);
	rows = database_long(gateway.database, "select count(*) from "
	    "voicegate.security_event where kind = 'rate_limited'");
	print_message("%ld refusals are %ld rows\n", c.want, rows);
	assert_in_range(rows, 1, 400);
	load_free(&sums);
	gateway = kept;
	server_stop(&other);
}

static int
ruled_setup(void **state)
{
	(void)state;
	server_start(&gateway, NULL, required);
	return (0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(session_and_voice_need_a_key),
		cmocka_unit_test(a_key_does_what_its_scopes_say),
		cmocka_unit_test(a_session_belongs_to_its_key),
		cmocka_unit_test(nobody_else_speaks_in_a_session),
		cmocka_unit_test(a_keys_limit_follows_it),
		cmocka_unit_test(guesses_use_up_their_address),
		cmocka_unit_test(revoked_is_refused),
		cmocka_unit_test(rotated_works_in_its_grace),
		cmocka_unit_test(a_blocked_network_is_refused),
		cmocka_unit_test(a_lost_connection_loses_no_block),
		cmocka_unit_test(refusals_become_events),
		cmocka_unit_test(a_flood_is_few_rows_and_counted_whole),
		cmocka_unit_test(a_thousand_wrong_keys_are_one_call),
		cmocka_unit_test(many_wrong_keys_are_one_alert_and_one_call)
	};

	return (cmocka_run_group_tests(tests, ruled_setup, wide_teardown));
}
