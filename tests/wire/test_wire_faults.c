/*
 * Every fault that a provider can have, on the real gateway: the contract's
 * answer within the deadline, a breaker that opens and closes, and nothing left
 * behind, however often.
 *
 * DRILL_ROUNDS is how many faulty turns there are (make drill: 1,000 and more);
 * at least each fault of each provider once.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "lib/provider.h"
#include "wire.h"

#define PIPELINE_S	"4"
#define STAGE_S		"1"
#define DEADLINE_MS	4000
#define WARM_ROUNDS	200		/* until memory is what it will be */
#define GROWTH_KB	2048		/* of a worker, after that */
#define SETTLE		4		/* descriptors: caches of connections */

static const struct fault {
	const char	*mode;
	int		status;		/* of the turn when transcription has it */
	const char	*word;
} faults[] = {
	{ "hang", 504, "provider_timeout" },
	{ "hang-body", 504, "provider_timeout" },
	{ "trickle", 504, "provider_timeout" },
	{ "429", 503, "provider_unavailable" },
	{ "500", 503, "provider_unavailable" },
	{ "503", 503, "provider_unavailable" },
	{ "401", 503, "provider_unavailable" },
	{ "404", 503, "provider_unavailable" },
	{ "413", 413, "payload_too_large" },
	{ "400", 422, "audio_undecodable" },
	{ "422", 422, "audio_undecodable" },
	{ "early-422", 422, "audio_undecodable" },
	{ "redirect", 503, "provider_unavailable" },
	{ "garbage", 503, "provider_unavailable" },
	{ "html", 503, "provider_unavailable" },
	{ "wrong-fields", 503, "provider_unavailable" },
	{ "empty", 503, "provider_unavailable" },
	{ "endless", 503, "provider_unavailable" },
	{ "big", 503, "provider_unavailable" },
	{ "big-500", 503, "provider_unavailable" },
	{ "big-201", 503, "provider_unavailable" },
	{ "half", 503, "provider_unavailable" },
	{ "close", 503, "provider_unavailable" },
	{ "endless-head", 503, "provider_unavailable" },
	{ "not-http", 503, "provider_unavailable" }
};

#define FAULTS	(sizeof(faults) / sizeof(faults[0]))

static const char *const	kinds[] = { "stt", "chat", "tts" };

static struct provider	provider;
static char		session[37];
static char		recording[512];
static long		answered;	/* turns with 200 */

static int
setup(void **state)
{
	static const char *const	deadlines[] = {
		"STT_TIMEOUT_SECONDS=" STAGE_S, "CHAT_TIMEOUT_SECONDS=" STAGE_S,
		"TTS_TIMEOUT_SECONDS=" STAGE_S,
		"PIPELINE_TIMEOUT_SECONDS=" PIPELINE_S, "WORKERS=2", NULL };
	const char			*env[24];

	(void)state;
	provider_start(&provider);
	provider_env(&provider, wide, deadlines, env);
	server_start(&gateway, NULL, env);
	fixture(recording, sizeof(recording), "goforward.wav");
	session_new(gateway.port, session);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	server_stop(&gateway);
	provider_stop(&provider);
	return (0);
}

static void
speak(struct response *r)
{
	voice_send(gateway.port, session, recording, "", r);
	answered += r->status == 200;
}

static bool
is_well(void *arg)
{
	struct response	r;
	bool		well;

	(void)arg;
	speak(&r);
	well = is_answered_in_full(&r);
	response_free(&r);
	return (well);
}

/* Breakers that the last fault opened close again by themselves. */
static void
recover(void)
{
	provider_tell(&provider, "all ok");
	assert_true(eventually(is_well, NULL));
}

static void
assert_lesser(const struct response *r, size_t kind, const char *mode)
{
	char	word[32];

	(void)snprintf(word, sizeof(word), "\"degraded\":[\"%s\"]", kinds[kind]);
	if (r->status != 200 || strstr((char *)r->body, word) == NULL)
		fail_msg("%s %s: %d %s", kinds[kind], mode, r->status,
		    (char *)r->body);
	assert_true(strlen(response_json(r, "text")) > 0);
	if (kind == 2)
		assert_non_null(strstr((char *)r->body, "\"audio_url\":null"));
	else
		assert_true(strlen(response_json(r, "audio_url")) > 0);
}

static void
fault(size_t kind, const struct fault *f)
{
	struct response	r;
	char		order[64];
	long		begun;

	(void)snprintf(order, sizeof(order), "%s %s", kinds[kind], f->mode);
	provider_tell(&provider, order);
	begun = now_ms();
	speak(&r);
	if (now_ms() - begun > may_take(DEADLINE_MS))
		fail_msg("%s: %ld ms", order, now_ms() - begun);
	if (kind == 0) {
		if (r.status != f->status)
			fail_msg("%s: %d %s", order, r.status, (char *)r.body);
		assert_problem(&r, f->status, f->word);
		if (r.status == 503)
			assert_true(strtol(response_field(&r, "retry-after"),
			    NULL, 10) > 0);
	} else {
		assert_lesser(&r, kind, f->mode);
	}
	response_free(&r);
	recover();
}

struct holdings {
	pid_t	pid[4];
	int	n;
	int	descriptors[4];
	long	memory[4];
};

static void
look(struct holdings *h)
{
	int	i;

	h->n = server_workers(&gateway, h->pid, 4);
	for (i = 0; i < h->n; i++) {
		h->descriptors[i] = process_descriptors(h->pid[i]);
		h->memory[i] = process_memory(h->pid[i], "VmRSS:");
	}
}

static bool
nothing_is_open(void *arg)
{
	struct holdings	now, *before = arg;
	int		i;

	look(&now);
	for (i = 0; i < now.n; i++) {
		if (now.descriptors[i] > before->descriptors[i] + SETTLE)
			return (false);
	}
	return (server_files(&gateway, "uploads") == 0);
}

static bool
provider_is_left_alone(void *arg)
{
	struct provider_count	n;

	(void)arg;
	provider_count(&provider, &n);
	return (n.open <= 2 * SETTLE);
}

static void
every_fault_gets_its_answer_and_leaves_nothing(void **state)
{
	const char	*rounds = getenv("DRILL_ROUNDS");
	struct holdings	before, after;
	size_t		i, n, warm;
	long		files, rows;
	char		sql[256];
	int		w;

	(void)state;
	n = rounds != NULL ? strtoul(rounds, NULL, 10) : 0;
	if (n < FAULTS * 3)
		n = FAULTS * 3;
	warm = n > WARM_ROUNDS * 2 ? WARM_ROUNDS : 0;
	recover();
	look(&before);
	assert_int_equal(before.n, 2);
	for (i = 0; i < n; i++) {
		fault(i / FAULTS % 3, &faults[i % FAULTS]);
		if (i + 1 == warm)
			look(&before);
	}
	assert_true(eventually(nothing_is_open, &before));
	assert_true(eventually(provider_is_left_alone, NULL));
	look(&after);
	for (w = 0; w < after.n; w++) {
		assert_int_equal(after.pid[w], before.pid[w]);
		printf("worker %d, %zu rounds: %ld to %ld kB, %d to %d "
		    "descriptors\n", w + 1, n - warm, before.memory[w],
		    after.memory[w], before.descriptors[w],
		    after.descriptors[w]);
		if (warm > 0)
			assert_true(after.memory[w] <
			    before.memory[w] + GROWTH_KB);
	}
	/* Each answer of 200 is a turn, and nothing else is; so are files. */
	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%s'", session);
	assert_int_equal(database_long(gateway.database, sql), answered);
	(void)snprintf(sql, sizeof(sql), "select count(audio_id) from "
	    "voicegate.turn where session_id = '%s'", session);
	rows = database_long(gateway.database, sql);
	files = server_files(&gateway, "audio");
	assert_int_equal(files, rows);
	assert_int_equal(database_long(gateway.database,
	    "select count(*) from voicegate.idempotency_key"), 0);
}

static unsigned
asked(void)
{
	struct provider_count	n;

	provider_count(&provider, &n);
	return (n.stt);
}

static void
a_breaker_opens_for_all_workers_and_closes_again(void **state)
{
	struct response	r;
	unsigned	before, during;
	long		begun, open_ms;
	int		i;

	(void)state;
	recover();
	provider_tell(&provider, "stt 500");
	before = asked();
	/* Five failures in a row, of whichever worker, and it is known. */
	for (i = 0; i < 5; i++) {
		speak(&r);
		assert_problem(&r, 503, "provider_unavailable");
		response_free(&r);
	}
	begun = now_ms();
	during = asked();
	assert_in_range(during - before, 5, 7);
	for (i = 0; i < 20; i++) {
		speak(&r);
		assert_problem(&r, 503, "provider_unavailable");
		assert_true(strtol(response_field(&r, "retry-after"), NULL,
		    10) > 0);
		response_free(&r);
	}
	/* Nobody asked meanwhile, but for the probe of each cool-down. */
	open_ms = now_ms() - begun;
	assert_true(asked() - during <= 1 + (unsigned)(open_ms / 2000));
	/* One probe that went well closes it, for all. */
	recover();
	before = asked();
	for (i = 0; i < 6; i++)
		assert_true(is_well(NULL));
	assert_int_equal(asked() - before, 6);
}

/* A port whose backlog is full: connecting to it never ends. */
static int
full_port(int fd[17])
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			i;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[16] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd[16], (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd[16], 0), 0);
	assert_int_equal(getsockname(fd[16], (struct sockaddr *)&sin, &len), 0);
	for (i = 0; i < 16; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fd[i], (struct sockaddr *)&sin, len);
	}
	return (ntohs(sin.sin_port));
}

static bool
no_audio(void *arg)
{
	return (server_files(arg, "audio") == 0);
}

static void
connecting_that_never_ends_is_504(void **state)
{
	struct server	other;
	struct response	r;
	char		url[64], id[37];
	const char	*env[] = { url, "STT_TIMEOUT_SECONDS=1",
			    "PIPELINE_TIMEOUT_SECONDS=2", NULL };
	long		begun;
	int		fd[17], i;

	(void)state;
	(void)snprintf(url, sizeof(url), "STT_BASE_URL=http://127.0.0.1:%d/v1",
	    full_port(fd));
	server_start(&other, NULL, env);
	session_new(other.port, id);
	begun = now_ms();
	voice_send(other.port, id, recording, "", &r);
	assert_problem(&r, 504, "provider_timeout");
	assert_true(now_ms() - begun < may_take(DEADLINE_MS));
	response_free(&r);
	/* The answer may be here before the request has been put away. */
	assert_true(eventually(no_audio, &other));
	server_stop(&other);
	for (i = 0; i < 17; i++)
		(void)close(fd[i]);
}

static void
key_file(const char *path, const char *keys)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fprintf(f, "%s\n", keys) > 0);
	assert_int_equal(fclose(f), 0);
}

struct worker {
	const struct server	*server;
	pid_t			was;
};

static bool
has_a_successor(void *arg)
{
	struct worker	*w = arg;
	pid_t		now[4];

	return (server_workers(w->server, now, 4) == 1 && now[0] != w->was);
}

/* The database comes first. */
static bool
has_a_database(void *arg)
{
	struct response	r;
	bool		well;

	client_ask(((struct server *)arg)->port, "GET", "/api/health", "", &r);
	well = r.status == 200 && strstr((char *)r.body,
	    "\"postgres\":\"connected\"") != NULL;
	response_free(&r);
	return (well);
}

/* Since a reload it has other keys than the parent that it is made from had. */
static void
what_is_known_of_a_provider_outlives_a_worker(void **state)
{
	const char	*more[] = { "WORKERS=1", NULL, NULL };
	const char	*env[24];
	struct server	other;
	struct worker	w = { .server = &other };
	struct response	r;
	char		path[300], setting[330], id[37];
	unsigned	before;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/key-%d", getenv("TEST_TMP"),
	    getpid());
	(void)snprintf(setting, sizeof(setting), "STT_API_KEY_FILE=%s", path);
	more[1] = setting;
	key_file(path, "first");
	provider_tell(&provider, "reset");
	provider_env(&provider, wide, more, env);
	server_start(&other, NULL, env);
	key_file(path, "second");
	assert_int_equal(kill(other.pid, SIGHUP), 0);
	assert_true(eventually_logged(&other, "settings reloaded"));
	provider_tell(&provider, "key second");
	provider_tell(&provider, "retry-after 600");
	provider_tell(&provider, "stt 429");
	session_new(other.port, id);
	/* The worker may hear of the reload a moment later than the log tells. */
	before = asked();
	voice_send(other.port, id, recording, "", &r);
	assert_problem(&r, 503, "provider_unavailable");
	assert_in_range(strtol(response_field(&r, "retry-after"), NULL, 10),
	    550, 600);
	response_free(&r);
	assert_in_range(asked() - before, 1, 2);
	before = asked();

	assert_int_equal(server_workers(&other, &w.was, 1), 1);
	assert_int_equal(kill(w.was, SIGKILL), 0);
	assert_true(eventually(has_a_successor, &w));
	assert_true(eventually(has_a_database, &other));
	voice_send(other.port, id, recording, "", &r);
	assert_problem(&r, 503, "provider_unavailable");
	assert_in_range(strtol(response_field(&r, "retry-after"), NULL, 10),
	    500, 600);
	response_free(&r);
	assert_int_equal(asked(), before);
	provider_tell(&provider, "reset");
	server_stop_hurt(&other);
	(void)unlink(path);
}

/* A voice message of HTTP/1.0 from an address of this machine. */
static int
speak_by_10(const struct voice *v, int port, const char *from)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(inet_pton(AF_INET, from, &sin.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(client_send(fd, v->head, v->head_len), 0);
	assert_int_equal(client_send(fd, v->form, v->form_len), 0);
	return (fd);
}

static bool
is_asked(void *arg)
{
	return (asked() == *(unsigned *)arg);
}

static bool
nobody_asks(void *arg)
{
	struct provider_count	n;

	provider_count(&provider, &n);
	return (n.open <= *(unsigned *)arg);
}

static void
a_proxy_of_10_that_closes_cancels_others_are_answered(void **state)
{
	const char		*more[] = { "WORKERS=1",
				    "TRUSTED_PROXIES=127.0.0.2",
				    "STT_TIMEOUT_SECONDS=300",
				    "PIPELINE_TIMEOUT_SECONDS=300", NULL };
	const char		*env[24];
	struct provider_count	n;
	struct server		other;
	struct response		r;
	struct voice		v;
	unsigned		want;
	char			*version;
	int			fd;

	(void)state;
	provider_tell(&provider, "reset");
	provider_env(&provider, wide, more, env);
	server_start(&other, NULL, env);
	voice_make(&v, other.port, recording, "");
	version = strstr(v.head, "HTTP/1.1");
	assert_non_null(version);
	version[7] = '0';

	/* The call would last longer than is waited for its end here. */
	provider_tell(&provider, "stt hang");
	want = asked() + 1;
	fd = speak_by_10(&v, other.port, "127.0.0.2");
	assert_true(eventually(is_asked, &want));
	provider_count(&provider, &n);
	assert_true(n.open > 0);
	want = n.open - 1;
	(void)close(fd);
	assert_true(eventually(nobody_asks, &want));
	assert_true(eventually_logged(&other, "note=client_gone"));

	/* Longer than it is waited for with those that may be asked. */
	provider_tell(&provider, "stt ok");
	provider_tell(&provider, "delay 1000");
	fd = speak_by_10(&v, other.port, "127.0.0.3");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)close(fd);
	provider_tell(&provider, "reset");
	voice_free(&v);
	server_stop(&other);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_fault_gets_its_answer_and_leaves_nothing),
		cmocka_unit_test(a_breaker_opens_for_all_workers_and_closes_again),
		cmocka_unit_test(connecting_that_never_ends_is_504),
		cmocka_unit_test(what_is_known_of_a_provider_outlives_a_worker),
		cmocka_unit_test(a_proxy_of_10_that_closes_cancels_others_are_answered),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
