/*
 * The processes: what each may do, what happens when one dies, when all are busy,
 * and when the server is told to stop or is killed.  A worker is held in the
 * middle of its job with SIGSTOP, so that nothing here depends on luck.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <pwd.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"
#include "speech/limits.h"

#define STT		"model=pocketsphinx-en-us"
#define SPEECH		"{\"model\":\"flite-slt\",\"input\":\"Hello.\"}"
#define MANY		64
#define REPLACED_MS	(1000 * SLOWNESS)
#define HASTY_MS	9000	/* a deadline of 5 s is kept by then */

/* The one worker of a pool, waited for. */
static pid_t
worker_of(const struct server *s, const char *comm)
{
	long long	since = now_ms();
	pid_t		pid[MANY];

	while (children(s->pid, comm, pid, MANY) != 1) {
		if (!patience(since)) {
			print_error("no single %s\n", comm);
			assert_true(0);
		}
	}
	return (pid[0]);
}

/* Waits until health says that the pool has `n` busy workers. */
static void
wait_busy(const struct server *s, const char *pool, int n)
{
	long long	since = now_ms();
	char		want[64];
	const char	*busy;
	struct reply	r;
	int		ok;

	(void)snprintf(want, sizeof(want), "\"%s\":%d", pool, n);
	do {
		r = get(s, "/health");
		busy = strstr(r.body, "\"busy\"");
		ok = busy != NULL && strstr(busy, want) != NULL;
		reply_free(&r);
	} while (!ok && patience(since));
	assert_true(ok);
}

static struct call
speak_start(const struct server *s)
{
	char	req[512];
	int	n = snprintf(req, sizeof(req), "POST /v1/audio/speech "
		    "HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
		    "application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    strlen(SPEECH), SPEECH);

	return (call_start(s, req, (size_t)n));
}

static struct call
goforward_start(const struct server *s)
{
	size_t		 len;
	char		*data = fixture("goforward.wav", &len);
	struct call	 c = transcribe_start(s, data, len, STT);

	free(data);
	return (c);
}

/* Ends the call; it must have this status and, if given, this text in it. */
static void
ends(struct call c, int status, const char *text)
{
	struct reply	r = call_finish(c);

	if (r.status != status || (text != NULL &&
	    strstr(r.body, text) == NULL))
		print_error("wanted %d %s, got %d %s\n", status,
		    text != NULL ? text : "", r.status, r.body);
	assert_int_equal(r.status, status);
	if (text != NULL)
		assert_non_null(strstr(r.body, text));
	reply_free(&r);
}

static void
works(const struct server *s)
{
	ends(goforward_start(s), 200, "go forward ten meters");
}

static const char *const	one[] = { "--workers", "1", NULL };

/* Another is there, soon after SINCE, and what it is for goes on. */
static void
replaced(const struct server *s, const char *comm, pid_t pid, long long since)
{
	pid_t	next;

	do {
		next = worker_of(s, comm);
	} while (next == pid && patience(since));
	assert_int_not_equal(next, pid);
	assert_true(now_ms() - since < may_take(REPLACED_MS));
	works(s);
}

/* Kills the pool's worker in the middle of a job, and looks at what follows. */
static void
killed_in_a_job(const char *comm, const char *pool, int status,
    const char *code)
{
	struct server	s;
	struct call	c;
	long long	since;
	pid_t		pid;

	server_start(&s, one);
	pid = worker_of(&s, comm);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	c = strcmp(pool, "tts") == 0 ? speak_start(&s) : goforward_start(&s);
	wait_busy(&s, pool, 1);
	since = now_ms();
	assert_int_equal(kill(pid, SIGKILL), 0);
	ends(c, status, code);
	replaced(&s, comm, pid, since);
	ends(speak_start(&s), 200, NULL);
	assert_int_equal(server_stop(&s), 0);
}

static void
a_killed_decoder_costs_one_request(void **state)
{
	(void)state;
	killed_in_a_job("speech-decode", "decode", 422, "audio_undecodable");
}

/*
 * A recording that keeps its decoder at work: the kernel ends it at the limit of
 * its CPU time. The limit is as it should be, and then lowered, so that two
 * minutes of sound are already too much.
 */
static void
an_endless_recording_costs_one_request(void **state)
{
	static const struct rlimit	none = { 0, 0 };
	struct rlimit	was;
	struct server	s;
	struct call	c;
	char		*data;
	size_t		len;
	long long	since;
	pid_t		pid;

	(void)state;
	server_start(&s, one);
	pid = worker_of(&s, "speech-decode");
	assert_int_equal(prlimit(pid, RLIMIT_CPU, &none, &was), 0);
	assert_int_equal(was.rlim_cur, VG_DECODE_CPU_SECONDS);
	assert_int_equal(was.rlim_max, VG_DECODE_CPU_SECONDS);
	data = fixture("bomb.ogg", &len);
	c = transcribe_start(&s, data, len, STT);
	free(data);
	since = now_ms();
	while (alive(pid) && patience(since))
		;
	since = now_ms();
	ends(c, 422, "audio_undecodable");
	replaced(&s, "speech-decode", pid, since);
	assert_int_equal(server_stop(&s), 0);
}

static void
a_killed_recogniser_costs_one_request(void **state)
{
	(void)state;
	killed_in_a_job("speech-stt", "stt", 500, "worker_failed");
}

static void
a_killed_synthesiser_costs_one_request(void **state)
{
	(void)state;
	killed_in_a_job("speech-tts", "tts", 500, "worker_failed");
}

static void
a_killed_front_is_replaced(void **state)
{
	struct server	s;
	struct reply	r;
	long long	since;
	pid_t		pid;
	int		ok;

	(void)state;
	server_start(&s, one);
	pid = worker_of(&s, "speech-front");
	assert_int_equal(kill(pid, SIGKILL), 0);
	since = now_ms();
	do {
		r = get(&s, "/health");
		ok = r.status == 200;
		reply_free(&r);
	} while (!ok && patience(since));
	assert_true(ok);
	assert_int_not_equal(worker_of(&s, "speech-front"), pid);
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

/* Many crashes in a row: bounded by backoff, and still back in a second. */
static void
a_crash_loop_is_bounded_and_recovers(void **state)
{
	struct server	s;
	long long	begin, since;
	pid_t		pid[MANY];
	size_t		n;
	int		i;

	(void)state;
	server_start(&s, one);
	begin = now_ms();
	for (i = 0; i < 12; i++) {
		since = now_ms();
		while ((n = children(s.pid, "speech-decode", pid, MANY)) == 0 &&
		    patience(since))
			;
		assert_int_equal(n, 1);
		assert_true(now_ms() - since < may_take(REPLACED_MS));
		assert_int_equal(kill(pid[0], SIGKILL), 0);
		while (alive(pid[0]) && patience(since))
			;
	}
	/* Twelve at full speed would take a small part of this. */
	assert_true(now_ms() - begin > 3000);
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

static void
a_full_queue_is_told_at_once(void **state)
{
	static const char *const	args[] = { "--workers", "1", "--queue",
	    "1", NULL };
	struct server	s;
	struct call	c[2];
	struct reply	r;
	long long	since;
	pid_t		pid;

	(void)state;
	server_start(&s, args);
	pid = worker_of(&s, "speech-decode");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	c[0] = goforward_start(&s);
	wait_busy(&s, "decode", 1);
	c[1] = goforward_start(&s);
	since = now_ms();
	/* The second one may still be on its way in. */
	do {
		r = call_finish(goforward_start(&s));
		if (r.status == 503)
			break;
		reply_free(&r);
	} while (patience(since));
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(r.body, "queue_full"));
	assert_non_null(strcasestr(r.head, "retry-after: "));
	reply_free(&r);
	/* Chat and speech are not held up by it. */
	ends(speak_start(&s), 200, NULL);
	assert_int_equal(kill(pid, SIGCONT), 0);
	ends(c[0], 200, "go forward ten meters");
	ends(c[1], 200, "go forward ten meters");
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

static void
more_requests_than_workers_are_all_answered(void **state)
{
	struct server	s;
	struct call	c[8];
	size_t		i;

	(void)state;
	server_start(&s, one);
	for (i = 0; i < 8; i++)
		c[i] = goforward_start(&s);
	for (i = 0; i < 8; i++)
		ends(c[i], 200, "go forward ten meters");
	assert_int_equal(server_stop(&s), 0);
}

static const char *const	hasty[] = { "--workers", "1", "--deadline", "5",
    NULL };

static void
a_request_has_one_deadline(void **state)
{
	struct server	s;
	struct call	c;
	long long	since;
	pid_t		pid;

	(void)state;
	server_start(&s, hasty);
	pid = worker_of(&s, "speech-decode");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	since = now_ms();
	c = goforward_start(&s);
	ends(c, 504, "deadline_exceeded");
	assert_true(now_ms() - since < may_take(HASTY_MS));
	/* Even one that is stopped makes room for the next. */
	while (alive(pid) && patience(since))
		;
	assert_false(alive(pid));
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

static void
a_body_that_trickles_is_cut_off(void **state)
{
	static const char	head[] = "POST /v1/audio/speech HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "Content-Length: 100\r\n\r\n{";
	struct server	s;
	struct reply	r;
	long long	since;

	(void)state;
	server_start(&s, hasty);
	since = now_ms();
	r = call_finish(call_start(&s, head, sizeof(head) - 1));
	assert_true(r.status == 0 || r.status == 408);
	assert_true(now_ms() - since < may_take(HASTY_MS));
	reply_free(&r);
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

static void
a_client_that_hangs_up_frees_its_worker(void **state)
{
	struct server	s;
	struct call	c;
	long long	since;
	pid_t		pid;

	(void)state;
	server_start(&s, one);
	pid = worker_of(&s, "speech-stt");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	c = goforward_start(&s);
	wait_busy(&s, "stt", 1);
	since = now_ms();
	close(c.sock);
	while (alive(pid) && patience(since))
		;
	assert_false(alive(pid));
	assert_true(now_ms() - since < may_take(REPLACED_MS));
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

/* All processes of the server, itself first. */
static size_t
everybody(const struct server *s, pid_t *pids)
{
	pids[0] = s->pid;
	return (1 + children(s->pid, NULL, pids + 1, MANY - 1));
}

static void
sigterm_finishes_what_is_there_and_leaves_nobody(void **state)
{
	struct server	s;
	struct call	c, late;
	pid_t		pid, pids[MANY];
	long long	since = now_ms();
	size_t		i, n;

	(void)state;
	server_start(&s, one);
	pid = worker_of(&s, "speech-stt");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	c = goforward_start(&s);
	wait_busy(&s, "stt", 1);
	n = everybody(&s, pids);
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	/* New connections are refused soon, the old request is not dropped. */
	do {
		late = call_start(&s, "", 0);
		if (late.sock == -1)
			break;
		close(late.sock);
	} while (patience(since));
	assert_int_equal(late.sock, -1);
	assert_true(alive(s.pid));
	assert_int_equal(kill(pid, SIGCONT), 0);
	ends(c, 200, "go forward ten meters");
	assert_int_equal(server_wait(&s), 0);
	for (i = 0; i < n; i++)
		assert_false(alive(pids[i]));
}

static void
sigterm_to_the_whole_group_drains_too(void **state)
{
	struct server	s;
	struct call	c;
	pid_t		pid, pids[MANY];
	size_t		i, n;

	(void)state;
	server_start(&s, one);
	pid = worker_of(&s, "speech-stt");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	c = goforward_start(&s);
	wait_busy(&s, "stt", 1);
	n = everybody(&s, pids);
	for (i = 0; i < n; i++)
		assert_int_equal(kill(pids[i], SIGINT), 0);
	assert_int_equal(kill(pid, SIGCONT), 0);
	ends(c, 200, "go forward ten meters");
	assert_int_equal(server_wait(&s), 0);
}

static void
an_idle_server_stops_at_once(void **state)
{
	struct server	s;
	long long	since;

	(void)state;
	server_start(&s, one);
	since = now_ms();
	assert_int_equal(server_stop(&s), 0);
	assert_true(now_ms() - since < may_take(2000 * SLOWNESS));
}

/* With idle workers, and with one that cannot even run. */
static void
when_the_parent_is_killed_every_child_ends(void **state)
{
	struct server	s;
	pid_t		pids[MANY];
	long long	since;
	size_t		i, n;

	(void)state;
	server_start(&s, one);
	assert_int_equal(kill(worker_of(&s, "speech-stt"), SIGSTOP), 0);
	n = everybody(&s, pids);
	assert_int_equal(n, 5);
	assert_int_equal(kill(s.pid, SIGKILL), 0);
	(void)server_wait(&s);
	since = now_ms();
	for (i = 0; i < n; i++) {
		while (alive(pids[i]) && patience(since))
			;
		assert_false(alive(pids[i]));
	}
	assert_true(now_ms() - since < may_take(2000 * SLOWNESS));
}

static void
every_process_is_in_its_sandbox(void **state)
{
	struct server	s;
	pid_t		pids[MANY];
	char		value[64];
	size_t		i, n;

	(void)state;
	server_start(&s, one);
	n = everybody(&s, pids);
	assert_int_equal(n, 5);
	for (i = 0; i < n; i++) {
		proc_status(pids[i], "Seccomp", value, sizeof(value));
		assert_string_equal(value, "2");
		proc_status(pids[i], "NoNewPrivs", value, sizeof(value));
		assert_string_equal(value, "1");
	}
	assert_int_equal(server_stop(&s), 0);
}

static void
root_becomes_the_user_given(void **state)
{
	static const char *const	args[] = { "--workers", "1", "--user",
	    "nobody", NULL };
	struct passwd	*pw = getpwnam("nobody");
	struct server	 s;
	pid_t		 pids[MANY];
	char		 value[128], want[128];
	size_t		 i, n;

	(void)state;
	if (geteuid() != 0 || pw == NULL)
		skip();
	server_start(&s, args);
	n = everybody(&s, pids);
	(void)snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", (int)pw->pw_uid,
	    (int)pw->pw_uid, (int)pw->pw_uid, (int)pw->pw_uid);
	for (i = 0; i < n; i++) {
		proc_status(pids[i], "Uid", value, sizeof(value));
		assert_string_equal(value, want);
		proc_status(pids[i], "CapEff", value, sizeof(value));
		assert_string_equal(value, "0000000000000000");
	}
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

static void
wrong_options_stop_the_start(void **state)
{
	static const struct {
		const char	*args[5];
		int		 code;
		const char	*says;
	} cases[] = {
		{ { "--listen", "0.0.0.0:0" }, 78, "loopback" },
		{ { "--bogus" }, 64, "--bogus" },
		{ { "--workers" }, 64, "--workers" },
		{ { "--workers", "0" }, 78, "1-16" },
		{ { "--model-dir", "/nonexistent", "--check" }, 78,
		    "--model-dir" },
		{ { "--user", "nobody-at-all", "--check" }, 78, "--user" },
		{ { "--listen", "127.0.0.1:0", "--port-file",
		    "/nonexistent/port" }, 78, "--port-file" },
		{ { "--check" }, 0, "fine" },
		{ { "--help" }, 0, "--listen" },
		{ { "--version" }, 0, "voicegate-speech " },
	};
	char	out[4096];
	size_t	i;
	int	code;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		code = program_run(cases[i].args, out, sizeof(out));
		if (code != cases[i].code ||
		    strstr(out, cases[i].says) == NULL)
			print_error("%s: %d: %s\n", cases[i].args[0], code,
			    out);
		assert_int_equal(code, cases[i].code);
		assert_non_null(strstr(out, cases[i].says));
	}
}

static void
a_taken_port_stops_the_start(void **state)
{
	struct server	s;
	char		where[64], out[1024];
	const char	*args[3] = { "--listen", where, NULL };

	(void)state;
	server_start(&s, one);
	(void)snprintf(where, sizeof(where), "127.0.0.1:%d", s.port);
	assert_int_equal(program_run(args, out, sizeof(out)), 78);
	assert_non_null(strstr(out, "in use"));
	assert_int_equal(server_stop(&s), 0);
}

/* Hundreds of damaged recordings: nothing grows, nobody is lost. */
static void
many_bad_recordings_leave_nothing_behind(void **state)
{
	struct server	 s;
	struct reply	 r;
	char		*data, *log, before[64] = "", after[64];
	size_t		 len, k;
	pid_t		 front;
	int		 i;

	(void)state;
	server_start(&s, one);
	works(&s);
	front = worker_of(&s, "speech-front");
	data = fixture("goforward.opus.ogg", &len);
	for (i = 0; i < 300; i++) {
		if (i == 100)
			proc_status(front, "VmRSS", before, sizeof(before));
		for (k = 40; k < len; k += 97)
			data[k] = (char)(data[k] + i);
		r = transcribe(&s, data, len, STT);
		assert_true(r.status == 200 || r.status == 422);
		reply_free(&r);
	}
	free(data);
	assert_int_equal(worker_of(&s, "speech-front"), front);
	proc_status(front, "VmRSS", after, sizeof(after));
	/* Damage is an error to the decoder, and no reason to leave its sandbox. */
	log = server_log(&s);
	assert_non_null(log);
	assert_null(strstr(log, "signal="));
	free(log);
	/* A sanitizer keeps what was freed. */
	if (SLOWNESS == 1)
		assert_true(atol(after) < atol(before) + 1024);
	works(&s);
	assert_int_equal(server_stop(&s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_decoder_costs_one_request),
		cmocka_unit_test(an_endless_recording_costs_one_request),
		cmocka_unit_test(a_killed_recogniser_costs_one_request),
		cmocka_unit_test(a_killed_synthesiser_costs_one_request),
		cmocka_unit_test(a_killed_front_is_replaced),
		cmocka_unit_test(a_crash_loop_is_bounded_and_recovers),
		cmocka_unit_test(a_full_queue_is_told_at_once),
		cmocka_unit_test(more_requests_than_workers_are_all_answered),
		cmocka_unit_test(a_request_has_one_deadline),
		cmocka_unit_test(a_body_that_trickles_is_cut_off),
		cmocka_unit_test(a_client_that_hangs_up_frees_its_worker),
		cmocka_unit_test(
		    sigterm_finishes_what_is_there_and_leaves_nobody),
		cmocka_unit_test(sigterm_to_the_whole_group_drains_too),
		cmocka_unit_test(an_idle_server_stops_at_once),
		cmocka_unit_test(when_the_parent_is_killed_every_child_ends),
		cmocka_unit_test(every_process_is_in_its_sandbox),
		cmocka_unit_test(root_becomes_the_user_given),
		cmocka_unit_test(wrong_options_stop_the_start),
		cmocka_unit_test(a_taken_port_stops_the_start),
		cmocka_unit_test(many_bad_recordings_leave_nothing_behind),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
