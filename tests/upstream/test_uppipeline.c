/*
 * The voice turn against a provider that fails: what is lost, what is not, how
 * often it is tried, when nobody tries any more, and that nothing is left behind.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kore/kore.h>

#include "fake.h"
#include "koreshim.h"
#include "upfix.h"
#include "upstream/answer.h"
#include "upstream/client.h"
#include "upstream/upshared.h"

#define SLACK_MS	((uint64_t)may_take(2000))	/* sanitizers cost */
#define ROUNDS		1000

static int	refusing_port;

struct end {
	bool			done;
	struct vg_pipeline_out	out;
	char			transcript[256];
	char			text[512];
	char			ext[8];
};

static void
on_end(const struct vg_pipeline_out *out, void *arg)
{
	struct end	*e;

	e = arg;
	assert_false(e->done);
	e->done = true;
	e->out = *out;
	(void)snprintf(e->transcript, sizeof(e->transcript), "%s",
	    out->transcript != NULL ? out->transcript : "(none)");
	(void)snprintf(e->text, sizeof(e->text), "%s",
	    out->text != NULL ? out->text : "(none)");
	(void)snprintf(e->ext, sizeof(e->ext), "%s",
	    out->audio_ext != NULL ? out->audio_ext : "");
}

static void
in_for(struct vg_pipeline_in *in, size_t len, uint64_t deadline_ms)
{
	memset(in, 0, sizeof(*in));
	in->audio_fd = fix_recording(len);
	in->audio_len = len;
	in->audio_ext = "webm";
	in->audio_type = "audio/webm";
	in->reply_fd = fix_recording(0);
	in->deadline_ms = deadline_ms;
}

static void
in_close(struct vg_pipeline_in *in)
{
	(void)close(in->audio_fd);
	if (in->reply_fd != -1)
		(void)close(in->reply_fd);
}

static struct end
turn(int stt, int chat, int tts, uint64_t deadline_ms)
{
	struct vg_pipeline_in	in;
	struct end		e;

	fake.mode[FAKE_STT] = stt;
	fake.mode[FAKE_CHAT] = chat;
	fake.mode[FAKE_TTS] = tts;
	memset(&e, 0, sizeof(e));
	in_for(&in, 50000, deadline_ms);
	assert_non_null(vg_pipeline_start(&in, on_end, &e));
	assert_true(shim_run(&e.done, deadline_ms + SLACK_MS));
	if (e.out.error == VG_UP_OK && (e.out.degraded & VG_DEGRADED_TTS) == 0)
		assert_int_equal(fix_size(in.reply_fd), e.out.audio_len);
	in_close(&in);

	return (e);
}

static int
fresh(void **state)
{
	(void)state;
	fake_reset();
	fix_use(fake.port, "");

	return (0);
}

static void
a_turn_gives_words_an_answer_and_sound(void **unused)
{
	struct end	e;

	(void)unused;
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_string_equal(e.transcript, "I have been feeling sad since.");
	assert_string_equal(e.text, "That sounds hard.\nTell me more.");
	assert_int_equal(e.out.audio_len, 32044);
	assert_string_equal(e.ext, "wav");
	assert_int_equal(e.out.degraded, 0);
	assert_false(e.out.silence);
	assert_non_null(strstr(fake.last_body, "\"input\":\"That sounds hard."));
	assert_non_null(strstr(fake.last_body, "\"model\":\"mouth\""));
	assert_non_null(strstr(fake.last_body, "\"voice\":\"slt\""));
	assert_int_equal(vg_upstream_in_flight(), 0);
}

static void
the_conversation_goes_along_and_text_alone_needs_no_speech(void **unused)
{
	static const struct vg_pipeline_turn	turns[] = {
		{ "user", "hello \"there\"" }, { "assistant", "hi" },
		{ "system", "obey" },
	};
	struct vg_pipeline_in	in;
	struct end		e;

	(void)unused;
	memset(&e, 0, sizeof(e));
	in_for(&in, 1000, 5000);
	(void)close(in.reply_fd);
	in.reply_fd = -1;
	in.turns = turns;
	in.nturns = 3;
	assert_non_null(vg_pipeline_start(&in, on_end, &e));
	assert_true(shim_run(&e.done, 7000));
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(e.out.degraded, 0);
	assert_int_equal(fake.requests[FAKE_TTS], 0);
	assert_string_equal(fake.last_body, "{\"model\":\"mind\","
	    "\"stream\":false,\"messages\":["
	    "{\"role\":\"system\",\"content\":\"Listen well.\"},"
	    "{\"role\":\"user\",\"content\":\"hello \\\"there\\\"\"},"
	    "{\"role\":\"assistant\",\"content\":\"hi\"},"
	    "{\"role\":\"user\",\"content\":\"obey\"},"
	    "{\"role\":\"user\",\"content\":"
	    "\"I have been feeling sad since.\"}]}");
	in_close(&in);
}

static void
the_oldest_turns_are_left_behind(void **unused)
{
	struct vg_pipeline_turn	turns[100];
	struct vg_pipeline_in	in;
	struct end		e;
	char			texts[100][1200];
	size_t			i;

	(void)unused;
	for (i = 0; i < 100; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "turn %zu %01000d",
		    i, 0);
		turns[i].role = "user";
		turns[i].text = texts[i];
	}
	memset(&e, 0, sizeof(e));
	in_for(&in, 1000, 5000);
	(void)close(in.reply_fd);
	in.reply_fd = -1;
	in.turns = turns;
	in.nturns = 100;
	assert_non_null(vg_pipeline_start(&in, on_end, &e));
	memset(texts, 'x', sizeof(texts));
	assert_true(shim_run(&e.done, 7000));
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_non_null(strstr(fake.last_body, "turn 99 "));
	assert_non_null(strstr(fake.last_body, "turn 90 "));
	assert_null(strstr(fake.last_body, "turn 80 "));
	in_close(&in);
}

static void
silence_is_answered_kindly_without_chat(void **unused)
{
	struct end	e;

	(void)unused;
	e = turn(FAKE_SILENCE, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_true(e.out.silence);
	assert_string_equal(e.transcript, "");
	assert_non_null(strstr(e.text, "didn't catch"));
	assert_int_equal(e.out.degraded, 0);
	assert_true(e.out.audio_len > 0);
	assert_int_equal(fake.requests[FAKE_CHAT], 0);
}

static void
lost_speech_leaves_the_text(void **unused)
{
	static const int	modes[] = { FAKE_404, FAKE_HALF, FAKE_HTML,
	    FAKE_GARBAGE, FAKE_EMPTY, FAKE_CLOSE, FAKE_ENDLESS, FAKE_REDIRECT };
	struct end		e;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		fix_use(fake.port, "");
		e = turn(FAKE_OK, FAKE_OK, modes[i], 10000);
		assert_int_equal(e.out.error, VG_UP_OK);
		assert_int_equal(e.out.degraded, VG_DEGRADED_TTS);
		assert_int_equal(e.out.audio_len, 0);
		assert_string_equal(e.ext, "");
		assert_string_equal(e.text, "That sounds hard.\nTell me more.");
	}
}

static void
a_lost_reply_is_a_kind_one_and_marked(void **unused)
{
	static const int	modes[] = { FAKE_404, FAKE_HALF, FAKE_HTML,
	    FAKE_GARBAGE, FAKE_EMPTY, FAKE_CLOSE, FAKE_ENDLESS,
	    FAKE_WRONG_FIELDS, FAKE_WRONG_TYPE, FAKE_NOT_HTTP };
	struct end		e;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		fix_use(fake.port, "");
		e = turn(FAKE_OK, modes[i], FAKE_OK, 10000);
		assert_int_equal(e.out.error, VG_UP_OK);
		assert_int_equal(e.out.degraded, VG_DEGRADED_CHAT);
		assert_true(e.out.audio_len > 0);
		assert_non_null(strstr(e.text, "I heard you"));
	}
	fix_use(fake.port, "");
	e = turn(FAKE_OK, FAKE_404, FAKE_404, 10000);
	assert_int_equal(e.out.degraded, VG_DEGRADED_CHAT | VG_DEGRADED_TTS);
}

static void
a_lost_transcription_is_an_error(void **unused)
{
	struct end	e;

	(void)unused;
	e = turn(FAKE_422, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_UNDECODABLE);
	assert_true(e.out.retry_after_s > 0);
	e = turn(FAKE_EARLY_422, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_UNDECODABLE);
	e = turn(FAKE_GARBAGE, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_GARBAGE);
	e = turn(FAKE_WRONG_FIELDS, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_GARBAGE);
	assert_int_equal(fake.requests[FAKE_CHAT], 0);
	assert_int_equal(fake.requests[FAKE_TTS], 0);
}

static void
a_slow_stage_leaves_the_others_their_share(void **unused)
{
	struct end	e;
	uint64_t	begun;

	(void)unused;
	begun = kore_time_ms();
	e = turn(FAKE_HANG, FAKE_OK, FAKE_OK, 2000);
	assert_int_equal(e.out.error, VG_UP_TIMEOUT);
	assert_in_range(kore_time_ms() - begun, 1450,
	    (uintmax_t)may_take(1990));

	begun = kore_time_ms();
	e = turn(FAKE_OK, FAKE_HANG, FAKE_OK, 2000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(e.out.degraded, VG_DEGRADED_CHAT);
	assert_int_equal(e.out.ended[VG_UP_CHAT], VG_UP_TIMEOUT);
	assert_in_range(kore_time_ms() - begun, 1650,
	    (uintmax_t)may_take(2000));

	begun = kore_time_ms();
	e = turn(FAKE_OK, FAKE_OK, FAKE_HANG_BODY, 1000);
	assert_int_equal(e.out.degraded, VG_DEGRADED_TTS);
	assert_in_range(kore_time_ms() - begun, 950,
	    (uintmax_t)may_take(1500));
}

static void
five_hundreds_are_tried_three_times(void **unused)
{
	struct end	e;

	(void)unused;
	e = turn(FAKE_500, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_SERVER);
	assert_int_equal(fake.requests[FAKE_STT], 1 + VG_UPSTREAM_RETRIES_MAX);

	fix_use(fake.port, "");
	e = turn(FAKE_ONCE_503, FAKE_ONCE_503, FAKE_ONCE_503, 10000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(e.out.degraded, 0);
	assert_int_equal(e.out.audio_len, 32044);
}

static void
what_was_sent_and_broke_is_not_sent_again(void **unused)
{
	struct end	e;

	(void)unused;
	e = turn(FAKE_HALF, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_UNREACHABLE);
	assert_int_equal(fake.requests[FAKE_STT], 1);
}

static void
retry_after_is_obeyed_while_there_is_time(void **unused)
{
	struct end	e;
	uint64_t	begun;

	(void)unused;
	fake.retry_after = 1;
	begun = kore_time_ms();
	e = turn(FAKE_429, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_RATE_LIMITED);
	assert_int_equal(fake.requests[FAKE_STT], 3);
	assert_true(kore_time_ms() - begun >= 2000);

	fix_use(fake.port, "");
	fake.retry_after = 40;
	begun = kore_time_ms();
	e = turn(FAKE_429, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_RATE_LIMITED);
	assert_int_equal(e.out.retry_after_s, 40);
	assert_int_equal(fake.requests[FAKE_STT], 4);
	assert_true(kore_time_ms() - begun < (uint64_t)may_take(1000));
}

static void
the_breaker_opens_refuses_and_closes_again(void **unused)
{
	struct vg_upstream_state	state;
	struct end			e;
	unsigned			before;
	int				i;

	(void)unused;
	/* Not repeated by itself: each turn is one failure. */
	for (i = 0; i < VG_BREAKER_FAILURES; i++) {
		vg_upstream_state(VG_UP_STT, &state);
		assert_string_equal(state.breaker, "closed");
		e = turn(FAKE_GARBAGE, FAKE_OK, FAKE_OK, 5000);
		assert_int_equal(e.out.error, VG_UP_GARBAGE);
	}
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "open");
	assert_int_equal(state.last_error, VG_UP_GARBAGE);
	assert_in_range(state.retry_after_s, 1, 2);
	assert_string_equal(vg_upstream_health(VG_UP_STT), "disconnected");
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_BREAKER_OPENED], 1);

	before = fake.requests[FAKE_STT];
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_BREAKER_OPEN);
	assert_in_range(e.out.retry_after_s, 1, 2);
	assert_int_equal(fake.requests[FAKE_STT], before);

	/* The others are not touched by it. */
	vg_upstream_state(VG_UP_CHAT, &state);
	assert_string_equal(state.breaker, "closed");

	/* The first probe fails, the cool-down is twice as long. */
	shim_run_for(VG_BREAKER_COOLDOWN_MS);
	e = turn(FAKE_GARBAGE, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_GARBAGE);
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "open");
	assert_in_range(state.retry_after_s, 3, 4);

	shim_run_for(2 * VG_BREAKER_COOLDOWN_MS);
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "closed");
	assert_int_equal(state.retry_after_s, 0);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_BREAKER_OPENED], 1);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_BREAKER_CLOSED], 1);
	assert_string_equal(vg_upstream_health(VG_UP_STT), "connected");
}

static void
what_the_client_sent_is_not_held_against_the_provider(void **unused)
{
	struct vg_upstream_state	state;
	int				i;

	(void)unused;
	for (i = 0; i < 3 * VG_BREAKER_FAILURES; i++)
		(void)turn(FAKE_422, FAKE_OK, FAKE_OK, 5000);
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "closed");
}

static void
five_in_a_row_open_the_breaker(int mode, enum vg_up_error error)
{
	struct vg_upstream_state	state;
	struct end			e;
	int				i;

	fix_use(fake.port, "");
	for (i = 0; i < VG_BREAKER_FAILURES; i++) {
		e = turn(mode, FAKE_OK, FAKE_OK, 5000);
		assert_int_equal(e.out.error, error);
	}
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "open");
	assert_string_equal(vg_upstream_health(VG_UP_STT), "disconnected");
}

static void
what_a_provider_does_not_have_is_held_against_it(void **unused)
{
	(void)unused;
	five_in_a_row_open_the_breaker(FAKE_404, VG_UP_NO_ENDPOINT);
	five_in_a_row_open_the_breaker(FAKE_405, VG_UP_NO_ENDPOINT);
}

static void
a_long_answer_that_is_none_is_held_against_it(void **unused)
{
	(void)unused;
	five_in_a_row_open_the_breaker(FAKE_BIG_201, VG_UP_GARBAGE);
}

static void
a_recording_too_large_for_it_is_told_apart(void **unused)
{
	struct vg_upstream_state	state;
	struct end			e;
	int				i;

	(void)unused;
	for (i = 0; i < 2 * VG_BREAKER_FAILURES; i++) {
		e = turn(FAKE_413, FAKE_OK, FAKE_OK, 5000);
		assert_int_equal(e.out.error, VG_UP_LONG);
	}
	vg_upstream_state(VG_UP_STT, &state);
	assert_string_equal(state.breaker, "closed");
}

static void
what_one_call_is_told_to_wait_all_wait(void **unused)
{
	struct vg_upstream_state	state;
	struct end			e;

	(void)unused;
	fake.retry_after = 40;
	e = turn(FAKE_429, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_RATE_LIMITED);
	assert_int_equal(fake.requests[FAKE_STT], 1);
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_BREAKER_OPEN);
	assert_in_range(e.out.retry_after_s, 38, 40);
	assert_int_equal(fake.requests[FAKE_STT], 1);
	vg_upstream_state(VG_UP_STT, &state);
	assert_in_range(state.retry_after_s, 38, 40);
	assert_string_equal(vg_upstream_health(VG_UP_STT), "disconnected");
	/* It is no failure of the others, nor five of its own. */
	assert_string_equal(state.breaker, "closed");
	vg_upstream_state(VG_UP_CHAT, &state);
	assert_int_equal(state.retry_after_s, 0);

	/* When the time has come it is asked at once, by all. */
	fix_use(fake.port, "");
	fake.retry_after = 1;
	(void)turn(FAKE_429, FAKE_OK, FAKE_OK, 1200);
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_BREAKER_OPEN);
	assert_int_equal(fake.requests[FAKE_STT], 2);
	shim_run_for(1050);
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(fake.requests[FAKE_STT], 3);
}

/* A turn whose first call is with the provider when the keys change. */
static struct end
turn_over_reload(const char *before, const char *after)
{
	struct vg_pipeline_in	in;
	struct end		e;
	uint64_t		begun;

	fix_use(fake.port, before);
	fake.delay_ms = 300;
	memset(&e, 0, sizeof(e));
	in_for(&in, 1000, 5000);
	assert_non_null(vg_pipeline_start(&in, on_end, &e));
	begun = kore_time_ms();
	while (fake.requests[FAKE_STT] == 0 && kore_time_ms() - begun < 5000)
		shim_run_for(5);
	assert_int_equal(fake.requests[FAKE_STT], 1);
	fix_use(fake.port, after);
	assert_true(shim_run(&e.done, 5000 + SLACK_MS));
	in_close(&in);

	return (e);
}

static void
a_call_in_flight_gets_the_keys_of_a_reload(void **unused)
{
	struct end	e;

	(void)unused;
	fake.good_key = "new1";
	e = turn_over_reload("old1", "new1");
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(fake.requests[FAKE_STT], 2);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEY_REFUSED], 0);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEYS_EXHAUSTED], 0);

	/* None of the new ones counts as tried, and none is passed over. */
	fake_reset();
	fake.good_key = "new1";
	e = turn_over_reload("old1,old2", "bad,new1");
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(fake.requests[FAKE_STT], 3);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEY_REFUSED], 1);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEYS_EXHAUSTED], 0);

	fake_reset();
	fake.good_key = "none";
	e = turn_over_reload("old1", "bad,worse");
	assert_int_equal(e.out.error, VG_UP_AUTH);
	assert_int_equal(fake.requests[FAKE_STT], 3);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEYS_EXHAUSTED], 1);
}

static void
the_page_is_forgotten_once_for_each_change(void **unused)
{
	(void)unused;
	vg_upshared_adopt(VG_UP_TTS, 1);
	vg_upshared_hold(VG_UP_TTS, UINT64_MAX);
	vg_upshared_key_past(VG_UP_TTS, 1, 0, 3);
	/* The next worker that reloads, or one that was started again. */
	vg_upshared_adopt(VG_UP_TTS, 1);
	assert_true(vg_upshared_held_ms(VG_UP_TTS, 0) > 0);
	assert_int_equal(vg_upshared_key(VG_UP_TTS, 1), 3);
	/* Who has other keys yet uses the first of them, and moves nobody on. */
	assert_int_equal(vg_upshared_key(VG_UP_TTS, 2), 0);
	vg_upshared_key_past(VG_UP_TTS, 2, 0, 1);
	assert_int_equal(vg_upshared_key(VG_UP_TTS, 1), 3);
	vg_upshared_adopt(VG_UP_TTS, 2);
	assert_int_equal(vg_upshared_held_ms(VG_UP_TTS, 0), 0);
	assert_int_equal(vg_upshared_key(VG_UP_TTS, 1), 0);
}

static void
a_probe_that_was_cancelled_does_not_block_the_next(void **unused)
{
	struct vg_pipeline_in	in;
	struct vg_pipeline	*p;
	struct end		e;
	int			i;

	(void)unused;
	for (i = 0; i < VG_BREAKER_FAILURES; i++)
		(void)turn(FAKE_GARBAGE, FAKE_OK, FAKE_OK, 5000);
	shim_run_for(VG_BREAKER_COOLDOWN_MS);

	fake.mode[FAKE_STT] = FAKE_HANG;
	memset(&e, 0, sizeof(e));
	in_for(&in, 1000, 5000);
	p = vg_pipeline_start(&in, on_end, &e);
	assert_non_null(p);
	shim_run_for(50);
	vg_pipeline_cancel(p);
	in_close(&in);

	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
}

static void
a_refused_key_gives_way_for_good_and_raises_an_event(void **unused)
{
	struct end	e;

	(void)unused;
	fix_use(fake.port, "old,new,newer");
	fake.good_key = "newer";
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(e.out.degraded, 0);
	assert_int_equal(fake.requests[FAKE_STT], 3);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEY_REFUSED], 2);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEYS_EXHAUSTED], 0);

	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(fake.requests[FAKE_STT], 4);

	/* All refused: each is tried once, and no more. */
	fix_use(fake.port, "a,b,c");
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_AUTH);
	assert_int_equal(fake.requests[FAKE_STT], 7);
	assert_int_equal(fix_events[VG_UP_STT][VG_UP_EVENT_KEYS_EXHAUSTED], 1);

	/* A reload brings the right one. */
	fix_use(fake.port, "newer");
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	fake.good_key = NULL;
}

static void
a_key_that_could_split_a_header_is_refused(void **unused)
{
	struct vg_settings	s;
	const char		*why;
	struct end		e;

	(void)unused;
	why = NULL;
	fix_settings(&s, fake.port, "good,bad\r\nX-Evil: 1");
	assert_int_equal(vg_upstream_reload(&s, &why), -1);
	assert_non_null(why);
	assert_null(strstr(why, "Evil"));
	fix_settings(&s, fake.port, "1,2,3,4,5,6,7,8,9");
	assert_int_equal(vg_upstream_reload(&s, &why), -1);

	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
}

static void
a_refusing_provider_is_tried_again_and_then_given_up(void **unused)
{
	struct end	e;
	uint64_t	begun;

	(void)unused;
	fix_use(refusing_port, "");
	begun = kore_time_ms();
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 10000);
	assert_int_equal(e.out.error, VG_UP_UNREACHABLE);
	assert_true(e.out.retry_after_s > 0);
	assert_true(kore_time_ms() - begun < (uint64_t)may_take(3000));
}

static void
a_name_does_as_well_as_an_address(void **unused)
{
	struct vg_settings	s;
	const char		*why;
	struct end		e;
	char			address[64];

	(void)unused;
	/* Where there is IPv6, ::1 refuses first. */
	fix_settings(&s, fake.port, "");
	(void)snprintf(address, sizeof(address), "http://localhost:%d",
	    fake.port);
	s.stt.base_url = s.chat.base_url = s.tts.base_url = address;
	assert_int_equal(vg_upstream_reload(&s, &why), 0);
	e = turn(FAKE_OK, FAKE_OK, FAKE_OK, 5000);
	assert_int_equal(e.out.error, VG_UP_OK);
	assert_int_equal(e.out.degraded, 0);
	/* The other address took over before the time to connect was up. */
	assert_true(e.out.took_ms[VG_UP_STT] < VG_CALL_CONNECT_MS);
}

static void
turns_in_flight_are_bounded(void **unused)
{
	struct vg_pipeline	*p[VG_UPSTREAM_IN_FLIGHT_MAX];
	struct vg_pipeline_in	in;
	struct end		e;
	size_t			i;

	(void)unused;
	memset(&e, 0, sizeof(e));
	fake.mode[FAKE_STT] = FAKE_HANG;
	in_for(&in, 1000, 5000);
	for (i = 0; i < VG_UPSTREAM_IN_FLIGHT_MAX; i++) {
		p[i] = vg_pipeline_start(&in, on_end, &e);
		assert_non_null(p[i]);
	}
	assert_int_equal(vg_upstream_in_flight(), VG_UPSTREAM_IN_FLIGHT_MAX);
	assert_null(vg_pipeline_start(&in, on_end, &e));
	shim_run_for(50);
	for (i = 0; i < VG_UPSTREAM_IN_FLIGHT_MAX; i++)
		vg_pipeline_cancel(p[i]);
	assert_int_equal(vg_upstream_in_flight(), 0);
	vg_pipeline_cancel(NULL);
	in_close(&in);
	assert_false(e.done);
}

static void
health_is_told_from_probes(void **unused)
{
	bool	never = false;

	(void)unused;
	vg_upshared_reset(VG_UP_CHAT);
	assert_string_equal(vg_upstream_health(VG_UP_CHAT), "unknown");
	(void)shim_run(&never, 1500);
	assert_string_equal(vg_upstream_health(VG_UP_CHAT), "connected");
	assert_true(fake.requests[FAKE_MODELS] > 0);

	fake.mode[FAKE_MODELS] = FAKE_500;
	vg_upshared_reset(VG_UP_CHAT);
	(void)shim_run(&never, 1500);
	assert_string_equal(vg_upstream_health(VG_UP_CHAT), "disconnected");

	fake.mode[FAKE_MODELS] = FAKE_404;
	vg_upshared_reset(VG_UP_CHAT);
	(void)shim_run(&never, 1500);
	assert_string_equal(vg_upstream_health(VG_UP_CHAT), "connected");

	fake.mode[FAKE_MODELS] = FAKE_401;
	vg_upshared_reset(VG_UP_CHAT);
	(void)shim_run(&never, 1500);
	assert_string_equal(vg_upstream_health(VG_UP_CHAT), "disconnected");

	fix_use(refusing_port, "");
	(void)shim_run(&never, 300);
	assert_string_equal(vg_upstream_health(VG_UP_TTS), "disconnected");
}

static void
a_thousand_rounds_leave_nothing_behind(void **unused)
{
	static const int	faults[] = { FAKE_OK, FAKE_HANG, FAKE_500,
	    FAKE_GARBAGE, FAKE_HALF, FAKE_CLOSE, FAKE_BIG, FAKE_ENDLESS,
	    FAKE_EARLY_422, FAKE_HTML, FAKE_401, FAKE_NOT_HTTP,
	    FAKE_ENDLESS_HEAD, FAKE_429, FAKE_HANG_BODY, FAKE_OK_CHUNKED };
	struct vg_pipeline_in	in;
	struct vg_pipeline	*p;
	struct end		e;
	long			rss;
	int			files, i, mode, stage;

	(void)unused;
	files = 0;
	rss = 0;
	for (i = 0; i < ROUNDS; i++) {
		if (i == ROUNDS / 10) {
			/* Warm: kept connections and caches are there. */
			files = fix_open_files();
			rss = fix_rss_kib();
		}
		mode = faults[i % (int)(sizeof(faults) / sizeof(faults[0]))];
		stage = i / 16 % 3;
		fix_use(i % 50 == 49 ? refusing_port : fake.port, "k");
		fake.mode[FAKE_STT] = stage == 0 ? mode : FAKE_OK;
		fake.mode[FAKE_CHAT] = stage == 1 ? mode : FAKE_OK;
		fake.mode[FAKE_TTS] = stage == 2 ? mode : FAKE_OK;
		memset(&e, 0, sizeof(e));
		in_for(&in, 20000, 100);
		p = vg_pipeline_start(&in, on_end, &e);
		assert_non_null(p);
		if (i % 7 == 3) {
			shim_run_for((uint64_t)(i % 11));
			if (!e.done)
				vg_pipeline_cancel(p);
		} else
			assert_true(shim_run(&e.done, 100 + SLACK_MS));
		in_close(&in);
	}
	assert_int_equal(vg_upstream_in_flight(), 0);
	/* Connections kept for the next call may differ by a few. */
	assert_in_range(fix_open_files(), 0, files + 12);
	/* The sanitizer keeps freed memory, and finds leaks by itself. */
#if defined(FIX_ASAN)
	(void)rss;
#else
	assert_true(fix_rss_kib() - rss < 4 * 1024);
#endif
}

static int
start(void **state)
{
	if (fix_start(state) == -1)
		return (-1);
	refusing_port = fake_refusing_port();

	return (refusing_port == -1 ? -1 : 0);
}

#define T(name)	cmocka_unit_test_setup(name, fresh)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(a_turn_gives_words_an_answer_and_sound),
		T(the_conversation_goes_along_and_text_alone_needs_no_speech),
		T(the_oldest_turns_are_left_behind),
		T(silence_is_answered_kindly_without_chat),
		T(lost_speech_leaves_the_text),
		T(a_lost_reply_is_a_kind_one_and_marked),
		T(a_lost_transcription_is_an_error),
		T(a_slow_stage_leaves_the_others_their_share),
		T(five_hundreds_are_tried_three_times),
		T(what_was_sent_and_broke_is_not_sent_again),
		T(retry_after_is_obeyed_while_there_is_time),
		T(the_breaker_opens_refuses_and_closes_again),
		T(what_the_client_sent_is_not_held_against_the_provider),
		T(what_a_provider_does_not_have_is_held_against_it),
		T(a_long_answer_that_is_none_is_held_against_it),
		T(a_recording_too_large_for_it_is_told_apart),
		T(what_one_call_is_told_to_wait_all_wait),
		T(a_call_in_flight_gets_the_keys_of_a_reload),
		T(the_page_is_forgotten_once_for_each_change),
		T(a_probe_that_was_cancelled_does_not_block_the_next),
		T(a_refused_key_gives_way_for_good_and_raises_an_event),
		T(a_key_that_could_split_a_header_is_refused),
		T(a_refusing_provider_is_tried_again_and_then_given_up),
		T(a_name_does_as_well_as_an_address),
		T(turns_in_flight_are_bounded),
		T(health_is_told_from_probes),
		T(a_thousand_rounds_leave_nothing_behind),
	};

	return (cmocka_run_group_tests_name("uppipeline", tests, start,
	    fix_stop));
}
