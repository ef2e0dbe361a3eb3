/*
 * Who makes the turn of an idempotency key: one, whatever happens.
 */

#include <stdio.h>
#include <string.h>

#include "lab.h"

#define STRANGER	"00000000-0000-4000-8000-000000000000"
#define ONE		"0101010101010101010101010101010101010101010101010101010101010101"
#define TWO		"0202020202020202020202020202020202020202020202020202020202020202"

/* The last answer. */
static struct {
	volatile bool		there;
	enum vg_db_status	status;
	enum vg_claim_state	state;
	struct vg_turn		turn;
	char			transcript[128];
	char			reply[128];
	char			degraded[64];
} got;

static struct vg_settings	settings;
static char			url[256];
static char			session[VG_UUID_SIZE];

static void
take(const struct vg_turn *t)
{
	got.turn = *t;
	snprintf(got.transcript, sizeof(got.transcript), "%s",
	    t->transcript != NULL ? t->transcript : "(null)");
	snprintf(got.reply, sizeof(got.reply), "%s",
	    t->reply != NULL ? t->reply : "(null)");
	snprintf(got.degraded, sizeof(got.degraded), "%s",
	    t->degraded != NULL ? t->degraded : "(null)");
}

static void
on_session(void *arg, enum vg_db_status status, const struct vg_session *s)
{
	(void)arg;
	(void)s;
	got.status = status;
	got.there = true;
}

static void
on_turn(void *arg, enum vg_db_status status, const struct vg_turn *t)
{
	(void)arg;
	got.status = status;
	got.there = true;
	assert_true((status == VG_DB_OK) == (t != NULL));
	if (t != NULL)
		take(t);
}

static void
on_claim(void *arg, enum vg_db_status status, enum vg_claim_state state,
    const struct vg_turn *t)
{
	(void)arg;
	got.status = status;
	got.state = state;
	got.there = true;
	assert_true((status == VG_DB_OK && state == VG_CLAIM_DONE) ==
	    (t != NULL));
	if (t != NULL)
		take(t);
}

static enum vg_db_status
answer(enum vg_db_status sent)
{
	if (sent != VG_DB_OK)
		return (sent);
	if (!lab_until(&got.there))
		fail_msg("no answer");
	got.there = false;
	return (got.status);
}

static int
begin(void **unused)
{
	static const struct vg_store_hooks	hooks = { 0 };
	struct vg_session_new			new = { .client = "192.0.2.1",
						    .id = session };

	(void)unused;
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_settings(&settings, url);
	lab_store_start(&settings, &hooks);
	lab_uuid(session);
	assert_int_equal(answer(vg_session_start(&new, on_session, NULL, NULL)),
	    VG_DB_OK);
	return (0);
}

static int
end(void **unused)
{
	(void)unused;
	lab_store_stop();
	return (0);
}

static enum vg_claim_state
claim(const char *key, const char *content, const char *holder)
{
	struct vg_claim	c = { session, "", key, content, holder };

	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_DB_OK);
	return (got.state);
}

static enum vg_db_status
commit(const char *key, const char *holder, const char *transcript,
    const char *audio)
{
	struct vg_turn_new	new = { .session_id = session,
				    .idempotency_key = key, .holder = holder,
				    .transcript = transcript, .reply = "reply",
				    .audio_id = audio, .audio_ext = "wav",
				    .degraded = { "chat", "tts" },
				    .ndegraded = 2 };

	return (answer(vg_turn_commit(&new, on_turn, NULL, NULL)));
}

static void
lease_runs_out(const char *key)
{
	char	sql[256];

	snprintf(sql, sizeof(sql), "UPDATE voicegate.idempotency_key SET "
	    "lease_until = now() WHERE session_id = '%s' AND key = '%s'",
	    session, key);
	lab_sql(url, sql);
}

static long
turns(void)
{
	char	sql[160];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM voicegate.turn "
	    "WHERE session_id = '%s'", session);
	return (lab_long(url, sql));
}

static long
claims(void)
{
	char	sql[160];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM "
	    "voicegate.idempotency_key WHERE session_id = '%s'", session);
	return (lab_long(url, sql));
}

static void
a_repeat_gets_the_first_turn(void **unused)
{
	char	a[VG_UUID_SIZE], b[VG_UUID_SIZE], sound[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	lab_uuid(sound);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	assert_int_equal(claim("key", ONE, b), VG_CLAIM_OTHER);
	assert_int_equal(commit("key", a, "first", sound), VG_DB_OK);
	assert_false(got.turn.repeated);
	assert_int_equal(got.turn.seq, 1);
	assert_int_equal(claim("key", ONE, b), VG_CLAIM_DONE);
	assert_true(got.turn.repeated);
	assert_string_equal(got.transcript, "first");
	assert_string_equal(got.reply, "reply");
	assert_string_equal(got.degraded, "chat tts");
	assert_string_equal(got.turn.audio_id, sound);
	assert_string_equal(got.turn.audio_ext, "wav");
	/* Another key is another turn. */
	assert_int_equal(claim("other", ONE, b), VG_CLAIM_MINE);
	assert_int_equal(commit("other", b, "second", NULL), VG_DB_OK);
	assert_int_equal(turns(), 2);
}

static void
other_content_is_told(void **unused)
{
	char	a[VG_UUID_SIZE], b[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	assert_int_equal(claim("key", TWO, b), VG_CLAIM_DIFFERS);
	/* Not even when the first one died: its turn may be asked for again. */
	lease_runs_out("key");
	assert_int_equal(claim("key", TWO, b), VG_CLAIM_DIFFERS);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	assert_int_equal(commit("key", a, "x", NULL), VG_DB_OK);
	assert_int_equal(claim("key", TWO, b), VG_CLAIM_DIFFERS);
}

static void
a_dead_holder_gives_way_and_cannot_write(void **unused)
{
	char	a[VG_UUID_SIZE], b[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	lease_runs_out("key");
	assert_int_equal(claim("key", ONE, b), VG_CLAIM_MINE);
	/* Back from the dead: its claim is gone, whether or not b is done. */
	assert_int_equal(commit("key", a, "late", NULL), VG_CLAIM_LOST);
	assert_int_equal(turns(), 0);
	assert_int_equal(commit("key", b, "in time", NULL), VG_DB_OK);
	assert_false(got.turn.repeated);
	assert_int_equal(commit("key", a, "late", NULL), VG_DB_OK);
	assert_true(got.turn.repeated);
	assert_string_equal(got.transcript, "in time");
	assert_int_equal(turns(), 1);
}

static void
a_claim_is_renewed(void **unused)
{
	struct vg_claim	c = { session, "", "key", ONE, NULL };
	char		a[VG_UUID_SIZE], b[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	lease_runs_out("key");
	/* Not by another. */
	c.holder = b;
	vg_claim_keep(&c);
	c.holder = a;
	vg_claim_keep(&c);
	assert_int_equal(claim("key", ONE, b), VG_CLAIM_OTHER);
}

static void
what_is_given_back_is_free_but_never_a_turn(void **unused)
{
	struct vg_claim	c = { session, "", "key", ONE, NULL };
	char		a[VG_UUID_SIZE], b[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	c.holder = b;
	vg_claim_release(&c);
	assert_int_equal(claim("key", ONE, b), VG_CLAIM_OTHER);
	c.holder = a;
	vg_claim_release(&c);
	assert_int_equal(claim("key", TWO, b), VG_CLAIM_MINE);
	assert_int_equal(commit("key", b, "kept", NULL), VG_DB_OK);
	c.holder = b;
	vg_claim_release(&c);
	assert_int_equal(claim("key", TWO, a), VG_CLAIM_DONE);
	assert_int_equal(turns(), 1);
	/* Nobody commits under a key without its claim. */
	assert_int_equal(commit("unclaimed", a, "x", NULL), VG_CLAIM_LOST);
}

static void
a_key_is_free_after_a_day(void **unused)
{
	char	a[VG_UUID_SIZE], b[VG_UUID_SIZE], sql[256];

	(void)unused;
	lab_uuid(a);
	lab_uuid(b);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	assert_int_equal(commit("key", a, "yesterday", NULL), VG_DB_OK);
	snprintf(sql, sizeof(sql), "SELECT abs(extract(epoch FROM expires_at - "
	    "now() - interval '24 hours')) < 60 FROM voicegate.idempotency_key "
	    "WHERE session_id = '%s'", session);
	assert_string_equal(lab_value(url, sql), "t");
	lab_sql(url, "UPDATE voicegate.idempotency_key SET expires_at = now()");
	assert_int_equal(claim("key", TWO, b), VG_CLAIM_MINE);
	assert_int_equal(commit("key", b, "today", NULL), VG_DB_OK);
	assert_int_equal(turns(), 2);
	lab_sql(url, "UPDATE voicegate.idempotency_key SET expires_at = now()");
	assert_true(lab_long(url,
	    "SELECT voicegate.purge_idempotency_keys()") >= 1);
	assert_int_equal(claims(), 0);
	assert_int_equal(turns(), 2);
}

static void
without_retention_the_sound_is_what_is_left(void **unused)
{
	char	a[VG_UUID_SIZE], sound[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	lab_uuid(sound);
	settings.transcript_retention_d = 0;
	vg_store_reload(&settings);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	assert_int_equal(commit("key", a, "secret", sound), VG_DB_OK);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_DONE);
	assert_string_equal(got.transcript, "(null)");
	assert_string_equal(got.reply, "(null)");
	assert_string_equal(got.turn.audio_id, sound);
	settings.transcript_retention_d = 30;
	vg_store_reload(&settings);
}

static void
a_session_that_is_gone_has_no_claims(void **unused)
{
	struct vg_claim	c = { STRANGER, "", "key", ONE, STRANGER };
	char		a[VG_UUID_SIZE], sql[160];

	(void)unused;
	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_SESSION_GONE);
	lab_uuid(a);
	assert_int_equal(claim("key", ONE, a), VG_CLAIM_MINE);
	snprintf(sql, sizeof(sql), "SELECT voicegate.end_session('%s')",
	    session);
	lab_sql(url, sql);
	c.session_id = session;
	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_SESSION_GONE);
	assert_int_equal(commit("key", a, "x", NULL), VG_SESSION_GONE);
	snprintf(sql, sizeof(sql), "DELETE FROM voicegate.session "
	    "WHERE id = '%s'", session);
	lab_sql(url, sql);
	assert_int_equal(claims(), 0);
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(a_repeat_gets_the_first_turn),
		CASE(other_content_is_told),
		CASE(a_dead_holder_gives_way_and_cannot_write),
		CASE(a_claim_is_renewed),
		CASE(what_is_given_back_is_free_but_never_a_turn),
		CASE(a_key_is_free_after_a_day),
		CASE(without_retention_the_sound_is_what_is_left),
		CASE(a_session_that_is_gone_has_no_claims),
	};

	return (cmocka_run_group_tests_name("store: claims", tests, lab_setup,
	    lab_teardown));
}
