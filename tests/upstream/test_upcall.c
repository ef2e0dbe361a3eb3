/*
 * One call against a provider that fails in every way there is: each fault has
 * its one error, within the time that was given.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "koreshim.h"
#include "upfix.h"
#include "upstream/answer.h"
#include "upstream/client.h"

#include <kore/kore.h>

#define SLACK_MS	((uint64_t)may_take(1500))	/* sanitizers cost */

static int	full_port;

struct end {
	bool			done;
	enum vg_up_error	error;
	long			status;
	bool			unsent;
	unsigned		retry_after_s;
	size_t			len;
	char			body[256];
	char			type[64];
	const char		*ext;
};

static void
on_end(const struct vg_call_result *r, void *arg)
{
	struct end	*e;

	e = arg;
	assert_false(e->done);
	e->done = true;
	e->error = r->error;
	e->status = r->status;
	e->unsent = r->unsent;
	e->retry_after_s = r->retry_after_s;
	e->len = r->len;
	e->ext = r->audio_ext;
	(void)snprintf(e->body, sizeof(e->body), "%s", r->body);
	(void)snprintf(e->type, sizeof(e->type), "%s", r->type);
}

static void
spec_for(struct vg_call_spec *s, char *address, size_t size, int kind, int port)
{
	static const char *const	paths[] = {
		"/v1/audio/transcriptions", "/v1/chat/completions",
		"/v1/audio/speech", "/v1/models"
	};
	static const struct vg_call_field	fields[] = {
		{ "model", "ears" }, { NULL, NULL }
	};

	memset(s, 0, sizeof(*s));
	(void)snprintf(address, size, "http://127.0.0.1:%d%s", port, paths[kind]);
	s->url = address;
	s->key = "";
	s->upload.fd = -1;
	s->out_fd = -1;
	s->answer_max = VG_ANSWER_JSON_MAX;
	s->timeout_ms = 10000;
	if (kind == FAKE_MODELS)
		s->get = true;
	else if (kind != FAKE_STT)
		s->json = "{\"a\":1}";
	else {
		s->upload.filename = "audio.wav";
		s->upload.type = "audio/wav";
		s->upload.fields = fields;
	}
	if (kind == FAKE_TTS) {
		s->audio = true;
		s->answer_max = 1024 * 1024;
	}
}

/* One call of a kind in a mode; the sound's or the recording's file in fd. */
static struct end
call(int kind, enum fake_mode mode, int port, uint64_t timeout_ms, size_t len)
{
	struct vg_call_spec	spec;
	struct end		e;
	char			address[128];
	uint64_t		begun;
	int			fd;

	fake.mode[kind] = (int)mode;
	memset(&e, 0, sizeof(e));
	spec_for(&spec, address, sizeof(address), kind, port);
	spec.timeout_ms = timeout_ms;
	fd = fix_recording(kind == FAKE_STT ? len : 0);
	if (kind == FAKE_STT) {
		spec.upload.fd = fd;
		spec.upload.len = len;
	} else if (kind == FAKE_TTS)
		spec.out_fd = fd;

	begun = kore_time_ms();
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, timeout_ms + SLACK_MS));
	if (e.error == VG_UP_TIMEOUT && timeout_ms < VG_CALL_CONNECT_MS)
		assert_true(kore_time_ms() - begun + 20 >= timeout_ms);
	if (kind == FAKE_TTS && e.error == VG_UP_OK)
		assert_int_equal(fix_size(fd), e.len);
	(void)close(fd);

	return (e);
}

struct row {
	enum fake_mode		mode;
	enum vg_up_error	stt, json, tts;
	uint64_t		ms;
};

static const struct row	table[] = {
	{ FAKE_OK, VG_UP_OK, VG_UP_OK, VG_UP_OK, 5000 },
	{ FAKE_OK_CHUNKED, VG_UP_OK, VG_UP_OK, VG_UP_OK, 5000 },
	{ FAKE_HANG, VG_UP_TIMEOUT, VG_UP_TIMEOUT, VG_UP_TIMEOUT, 300 },
	{ FAKE_HANG_BODY, VG_UP_TIMEOUT, VG_UP_TIMEOUT, VG_UP_TIMEOUT, 300 },
	{ FAKE_TRICKLE, VG_UP_TIMEOUT, VG_UP_TIMEOUT, VG_UP_TIMEOUT, 500 },
	{ FAKE_429, VG_UP_RATE_LIMITED, VG_UP_RATE_LIMITED,
	    VG_UP_RATE_LIMITED, 5000 },
	{ FAKE_500, VG_UP_SERVER, VG_UP_SERVER, VG_UP_SERVER, 5000 },
	{ FAKE_503, VG_UP_SERVER, VG_UP_SERVER, VG_UP_SERVER, 5000 },
	{ FAKE_400, VG_UP_UNDECODABLE, VG_UP_CLIENT, VG_UP_CLIENT, 5000 },
	{ FAKE_401, VG_UP_AUTH, VG_UP_AUTH, VG_UP_AUTH, 5000 },
	{ FAKE_404, VG_UP_NO_ENDPOINT, VG_UP_NO_ENDPOINT, VG_UP_NO_ENDPOINT,
	    5000 },
	{ FAKE_405, VG_UP_NO_ENDPOINT, VG_UP_NO_ENDPOINT, VG_UP_NO_ENDPOINT,
	    5000 },
	{ FAKE_413, VG_UP_LONG, VG_UP_CLIENT, VG_UP_CLIENT, 5000 },
	{ FAKE_422, VG_UP_UNDECODABLE, VG_UP_CLIENT, VG_UP_CLIENT, 5000 },
	{ FAKE_REDIRECT, VG_UP_GARBAGE, VG_UP_GARBAGE, VG_UP_GARBAGE, 5000 },
	{ FAKE_HTML, VG_UP_GARBAGE, VG_UP_GARBAGE, VG_UP_GARBAGE, 5000 },
	{ FAKE_WRONG_TYPE, VG_UP_GARBAGE, VG_UP_GARBAGE, VG_UP_GARBAGE, 5000 },
	{ FAKE_ENDLESS, VG_UP_TOO_LARGE, VG_UP_TOO_LARGE, VG_UP_TOO_LARGE,
	    5000 },
	{ FAKE_BIG, VG_UP_TOO_LARGE, VG_UP_TOO_LARGE, VG_UP_TOO_LARGE, 5000 },
	{ FAKE_BIG_500, VG_UP_SERVER, VG_UP_SERVER, VG_UP_SERVER, 5000 },
	{ FAKE_BIG_201, VG_UP_GARBAGE, VG_UP_GARBAGE, VG_UP_GARBAGE, 5000 },
	{ FAKE_HALF, VG_UP_UNREACHABLE, VG_UP_UNREACHABLE, VG_UP_UNREACHABLE,
	    5000 },
	{ FAKE_CLOSE, VG_UP_UNREACHABLE, VG_UP_UNREACHABLE,
	    VG_UP_UNREACHABLE, 5000 },
	{ FAKE_ENDLESS_HEAD, VG_UP_TOO_LARGE, VG_UP_TOO_LARGE,
	    VG_UP_TOO_LARGE, 5000 },
	{ FAKE_NOT_HTTP, VG_UP_GARBAGE, VG_UP_GARBAGE, VG_UP_GARBAGE, 5000 },
	{ FAKE_EARLY_422, VG_UP_UNDECODABLE, VG_UP_CLIENT, VG_UP_CLIENT,
	    5000 },
};

static void
each_fault_has_its_error_within_its_time(void **unused)
{
	const struct row	*r;
	struct end		e;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		r = &table[i];
		e = call(FAKE_STT, r->mode, fake.port, r->ms, 100000);
		if (e.error != r->stt)
			fail_msg("mode %d stt: %s", r->mode,
			    vg_up_error_word(e.error));
		e = call(FAKE_CHAT, r->mode, fake.port, r->ms, 0);
		if (e.error != r->json)
			fail_msg("mode %d chat: %s", r->mode,
			    vg_up_error_word(e.error));
		e = call(FAKE_TTS, r->mode, fake.port, r->ms, 0);
		if (e.error != r->tts)
			fail_msg("mode %d tts: %s", r->mode,
			    vg_up_error_word(e.error));
	}
	/* None of it took the loop for long. */
	assert_true(shim_longest() < 500);
}

static void
a_refused_connection_is_unreachable_and_nothing_was_sent(void **unused)
{
	struct end	e;

	(void)unused;
	e = call(FAKE_CHAT, FAKE_OK, fake_refusing_port(), 5000, 0);
	assert_int_equal(e.error, VG_UP_UNREACHABLE);
	assert_true(e.unsent);
	assert_int_equal(e.status, 0);
}

static void
a_full_backlog_ends_after_the_connect_time(void **unused)
{
	struct end	e;
	uint64_t	begun;

	(void)unused;
	begun = kore_time_ms();
	e = call(FAKE_CHAT, FAKE_OK, full_port, 20000, 0);
	assert_int_equal(e.error, VG_UP_TIMEOUT);
	assert_true(e.unsent);
	assert_in_range(kore_time_ms() - begun, VG_CALL_CONNECT_MS - 50,
	    VG_CALL_CONNECT_MS + SLACK_MS);
}

static void
a_trickle_is_cut_off_long_before_the_deadline(void **unused)
{
	struct end	e;
	uint64_t	begun;

	(void)unused;
	begun = kore_time_ms();
	e = call(FAKE_CHAT, FAKE_TRICKLE, fake.port, 60000, 0);
	assert_int_equal(e.error, VG_UP_TIMEOUT);
	assert_in_range(kore_time_ms() - begun, VG_CALL_STALL_MS,
	    (uintmax_t)(VG_CALL_STALL_MS + may_take(2500)));
}

static void
a_recording_arrives_whole_and_in_order(void **unused)
{
	struct end	e;
	size_t		len;
	unsigned	before;

	(void)unused;
	len = 3 * 1024 * 1024 + 17;
	e = call(FAKE_STT, FAKE_OK, fake.port, 10000, 0);
	assert_int_equal(e.error, VG_UP_OK);
	before = fake.body_sum;
	e = call(FAKE_STT, FAKE_OK, fake.port, 10000, len);
	assert_int_equal(e.error, VG_UP_OK);
	assert_non_null(strstr(fake.last_body,
	    "Content-Disposition: form-data; name=\"file\"; "
	    "filename=\"audio.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
	    "abcdefghijklmnopqrstuvwxyzabc"));
	assert_true(fake.body_len > len && fake.body_len < len + 1024);
	assert_int_not_equal(fake.body_sum, before);
	assert_null(strstr(fake.last_head, "Expect"));
	assert_non_null(strstr(fake.last_head, "User-Agent: voicegate\r\n"));
	assert_null(strstr(fake.last_head, "Authorization"));
	assert_null(strstr(fake.last_head, "Cookie"));
}

static void
a_recording_shorter_than_told_is_our_own_fault(void **unused)
{
	struct vg_call_spec	spec;
	struct end		e;
	char			address[128];

	(void)unused;
	memset(&e, 0, sizeof(e));
	fake.mode[FAKE_STT] = FAKE_OK;
	spec_for(&spec, address, sizeof(address), FAKE_STT, fake.port);
	spec.upload.fd = fix_recording(1000);
	spec.upload.len = 2000;
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, 5000));
	assert_int_equal(e.error, VG_UP_LOCAL);
	(void)close(spec.upload.fd);
}

static void
sound_that_cannot_be_written_is_our_own_fault(void **unused)
{
	struct vg_call_spec	spec;
	struct end		e;
	char			address[128];

	(void)unused;
	memset(&e, 0, sizeof(e));
	fake.mode[FAKE_TTS] = FAKE_OK;
	spec_for(&spec, address, sizeof(address), FAKE_TTS, fake.port);
	/* A disk that is always full. */
	spec.out_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(spec.out_fd, -1);
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, 5000));
	assert_int_equal(e.error, VG_UP_NO_ROOM);
	(void)close(spec.out_fd);
}

static void
no_descriptor_for_a_socket_is_our_own_fault(void **unused)
{
	struct vg_call_spec	spec;
	struct rlimit		limit, none;
	struct end		e;
	char			address[128];

	(void)unused;
	memset(&e, 0, sizeof(e));
	spec_for(&spec, address, sizeof(address), FAKE_CHAT, fake.port);
	/* An address to which no connection has been kept. */
	(void)snprintf(address, sizeof(address), "http://127.0.0.2:%d/",
	    fake.port);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_non_null(vg_call_start(&spec, on_end, &e));
	(void)shim_run(&e.done, 5000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(e.done);
	assert_int_equal(e.error, VG_UP_NO_DESCRIPTORS);
	/* And of one whom nobody hears there, it is not said. */
	memset(&e, 0, sizeof(e));
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, 5000));
	assert_int_equal(e.error, VG_UP_UNREACHABLE);
}

static void
a_key_goes_out_as_a_bearer(void **unused)
{
	struct vg_call_spec	spec;
	struct end		e;
	char			address[128];

	(void)unused;
	memset(&e, 0, sizeof(e));
	fake.mode[FAKE_CHAT] = FAKE_OK;
	spec_for(&spec, address, sizeof(address), FAKE_CHAT, fake.port);
	spec.key = "sk-secret";
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, 5000));
	assert_int_equal(e.error, VG_UP_OK);
	assert_non_null(strstr(fake.last_head,
	    "\r\nAuthorization: Bearer sk-secret\r\n"));
	assert_non_null(strstr(fake.last_head,
	    "\r\nContent-Type: application/json\r\n"));
}

static void
retry_after_is_told(void **unused)
{
	struct end	e;

	(void)unused;
	fake.retry_after = 7;
	e = call(FAKE_CHAT, FAKE_429, fake.port, 5000, 0);
	assert_int_equal(e.retry_after_s, 7);
	fake.retry_after = 4000000;
	e = call(FAKE_CHAT, FAKE_429, fake.port, 5000, 0);
	assert_int_equal(e.retry_after_s, VG_UPSTREAM_RETRY_AFTER_MAX);
	fake.retry_after = 0;
	e = call(FAKE_CHAT, FAKE_429, fake.port, 5000, 0);
	assert_int_equal(e.retry_after_s, 0);
}

static void
a_redirect_is_not_followed(void **unused)
{
	struct end	e;
	unsigned	before;

	(void)unused;
	before = fake.requests[FAKE_MODELS];
	e = call(FAKE_CHAT, FAKE_REDIRECT, fake.port, 5000, 0);
	assert_int_equal(e.error, VG_UP_GARBAGE);
	assert_int_equal(e.status, 307);
	assert_int_equal(fake.requests[FAKE_MODELS], before);
}

static void
connections_are_used_again(void **unused)
{
	struct end	e;
	unsigned	before;
	int		i;

	(void)unused;
	e = call(FAKE_CHAT, FAKE_OK, fake.port, 5000, 0);
	before = fake.connections;
	for (i = 0; i < 20; i++) {
		e = call(FAKE_CHAT, i % 2 ? FAKE_500 : FAKE_OK, fake.port,
		    5000, 0);
		assert_int_equal(e.error, i % 2 ? VG_UP_SERVER : VG_UP_OK);
	}
	assert_int_equal(fake.connections, before);
}

static void
a_cancelled_call_never_calls_back(void **unused)
{
	struct vg_call_spec	spec;
	struct vg_call		*c;
	struct end		e;
	char			address[128];
	int			i, kind;

	(void)unused;
	memset(&e, 0, sizeof(e));
	for (i = 0; i < 60; i++) {
		kind = i % 3;
		fake.mode[kind] = i % 2 ? FAKE_HANG : FAKE_TRICKLE;
		spec_for(&spec, address, sizeof(address), kind, fake.port);
		if (kind == FAKE_STT) {
			spec.upload.fd = fix_recording(500000);
			spec.upload.len = 500000;
		} else if (kind == FAKE_TTS)
			spec.out_fd = fix_recording(0);
		c = vg_call_start(&spec, on_end, &e);
		assert_non_null(c);
		/* At once, while it connects, while it sends, while it waits. */
		shim_run_for((uint64_t)(i % 7));
		vg_call_cancel(c);
		(void)close(kind == FAKE_STT ? spec.upload.fd : spec.out_fd);
	}
	shim_run_for(50);
	assert_false(e.done);
}

static void
many_calls_run_side_by_side(void **unused)
{
	struct vg_call_spec	spec;
	struct end		e[32];
	char			address[128];
	size_t			i;

	(void)unused;
	memset(e, 0, sizeof(e));
	fake.mode[FAKE_CHAT] = FAKE_OK;
	fake.mode[FAKE_TTS] = FAKE_HANG;
	for (i = 0; i < 32; i++) {
		spec_for(&spec, address, sizeof(address),
		    i % 2 ? FAKE_TTS : FAKE_CHAT, fake.port);
		spec.timeout_ms = 1000;
		assert_non_null(vg_call_start(&spec, on_end, &e[i]));
	}
	for (i = 0; i < 32; i++) {
		assert_true(shim_run(&e[i].done, 5000));
		assert_int_equal(e[i].error, i % 2 ? VG_UP_TIMEOUT : VG_UP_OK);
	}
}

static int
start(void **state)
{
	if (fix_start(state) == -1)
		return (-1);
	full_port = fake_full_port();

	return (full_port == -1 ? -1 : 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(each_fault_has_its_error_within_its_time),
		cmocka_unit_test(a_refused_connection_is_unreachable_and_nothing_was_sent),
		cmocka_unit_test(a_full_backlog_ends_after_the_connect_time),
		cmocka_unit_test(a_trickle_is_cut_off_long_before_the_deadline),
		cmocka_unit_test(a_recording_arrives_whole_and_in_order),
		cmocka_unit_test(a_recording_shorter_than_told_is_our_own_fault),
		cmocka_unit_test(sound_that_cannot_be_written_is_our_own_fault),
		cmocka_unit_test(no_descriptor_for_a_socket_is_our_own_fault),
		cmocka_unit_test(a_key_goes_out_as_a_bearer),
		cmocka_unit_test(retry_after_is_told),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(connections_are_used_again),
		cmocka_unit_test(a_cancelled_call_never_calls_back),
		cmocka_unit_test(many_calls_run_side_by_side),
	};

	return (cmocka_run_group_tests_name("upcall", tests, start, fix_stop));
}
