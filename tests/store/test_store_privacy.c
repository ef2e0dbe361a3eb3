/*
 * What is kept of a conversation: encrypted where a key is set, readable for who
 * has the key, and a session that nobody uses ends.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lab.h"
#include "store/kept.h"

#define KEY	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NEXT	"f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_ID	"662a881aeff7aead"
#define CONTENT	"0101010101010101010101010101010101010101010101010101010101010101"

/* The last answer. */
static struct {
	volatile bool		there;
	enum vg_db_status	status;
	enum vg_claim_state	state;
	struct vg_session	session;
	struct vg_turn		turn;
	char			text[VG_SESSION_CONTEXT_MAX][2][64];
	char			transcript[128];
	char			reply[128];
} got;

static struct {
	unsigned	lines;		/* of the log that tell of a key */
	unsigned	ended;		/* sessions that were told to have ended */
} heard;

static struct vg_settings	settings;
static char			url[256], error[VG_STORE_ERROR_SIZE];
static char			session[VG_UUID_SIZE];

static void
on_session(void *arg, enum vg_db_status status, const struct vg_session *s)
{
	size_t	i;

	(void)arg;
	got.status = status;
	got.there = true;
	if (s == NULL)
		return;
	got.session = *s;
	for (i = 0; i < s->ncontext; i++) {
		snprintf(got.text[i][0], 64, "%s", s->context[i].transcript);
		snprintf(got.text[i][1], 64, "%s", s->context[i].reply);
	}
}

static void
take(const struct vg_turn *t)
{
	got.turn = *t;
	snprintf(got.transcript, sizeof(got.transcript), "%s",
	    t->transcript != NULL ? t->transcript : "(null)");
	snprintf(got.reply, sizeof(got.reply), "%s",
	    t->reply != NULL ? t->reply : "(null)");
}

static void
on_turn(void *arg, enum vg_db_status status, const struct vg_turn *t)
{
	(void)arg;
	got.status = status;
	got.there = true;
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
	if (t != NULL)
		take(t);
}

static void
on_log(void *arg, enum vg_log_level level, const char *msg)
{
	(void)arg;
	(void)level;
	assert_null(strstr(msg, "sorrow"));
	assert_null(strstr(msg, KEY));
	if (strstr(msg, "cannot be read") != NULL)
		heard.lines++;
}

static void
on_ended(void *arg, const char *id, const char (*audio)[VG_UUID_SIZE],
    size_t n)
{
	(void)arg;
	(void)audio;
	(void)n;
	if (!strcmp(id, session))
		heard.ended++;
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

static void
keys(char *setting)
{
	settings.transcript_key = setting;
	vg_store_reload(&settings);
}

static void
start(void)
{
	struct vg_session_new	new = { .client = "192.0.2.1", .id = session };

	lab_uuid(session);
	assert_int_equal(answer(vg_session_start(&new, on_session, NULL, NULL)),
	    VG_DB_OK);
}

static int
begin(void **unused)
{
	static const struct vg_store_hooks	hooks = {
		.log = on_log, .session_ended = on_ended };

	(void)unused;
	memset(&heard, 0, sizeof(heard));
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_settings(&settings, url);
	settings.pipeline_timeout_s = 60;
	lab_store_start(&settings, &hooks);
	start();
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
	return (answer(vg_session_find(session, "", 20, on_session, NULL,
	    NULL)));
}

static enum vg_db_status
commit(const char *key, const char *holder, const char *transcript, int64_t seq)
{
	struct vg_turn_new	new = { .session_id = session,
				    .idempotency_key = key, .holder = holder,
				    .transcript = transcript,
				    .reply = "sorrow has an end", .seq = seq };

	return (answer(vg_turn_commit(&new, on_turn, NULL, NULL)));
}

/* One value of this session: SQL has one %s. */
static const char *
value(const char *fmt)
{
	char	sql[640];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(sql, sizeof(sql), fmt, session);
#pragma GCC diagnostic pop
	return (lab_value(url, sql));
}

static void
what_is_kept_is_encrypted_and_read_again(void **unused)
{
	char	key[] = KEY;

	(void)unused;
	/* One from before there was a key. */
	assert_int_equal(commit(NULL, NULL, "plain sorrow", 1), VG_DB_OK);
	keys(key);
	assert_int_equal(commit(NULL, NULL, "first sorrow", 2), VG_DB_OK);
	assert_int_equal(commit(NULL, NULL, "second sorrow", 3), VG_DB_OK);
	assert_string_equal(value("SELECT count(*) FROM voicegate.turn AS t "
	    "WHERE session_id = '%s' AND t::text ~ 'sorrow'"), "1");
	assert_string_equal(value("SELECT string_agg(text_key || ' ' || "
	    "left(transcript, 3) || left(reply, 3), ',') FROM voicegate.turn "
	    "WHERE session_id = '%s' AND text_key IS NOT NULL"),
	    KEY_ID " v1:v1:," KEY_ID " v1:v1:");
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(got.session.ncontext, 3);
	assert_string_equal(got.text[0][0], "plain sorrow");
	assert_string_equal(got.text[1][0], "first sorrow");
	assert_string_equal(got.text[2][0], "second sorrow");
	assert_string_equal(got.text[2][1], "sorrow has an end");
	assert_int_equal(heard.lines, 0);
}

static void
another_turn_in_between_moves_ours(void **unused)
{
	char	key[] = KEY;

	(void)unused;
	keys(key);
	/* Not known, and known wrongly: nothing is written, the next is told. */
	assert_int_equal(commit(NULL, NULL, "sorrow", 0), VG_TURN_MOVED);
	assert_int_equal(got.turn.seq, 1);
	assert_int_equal(commit(NULL, NULL, "sorrow", 2), VG_TURN_MOVED);
	assert_int_equal(got.turn.seq, 1);
	assert_string_equal(value("SELECT count(*) FROM voicegate.turn "
	    "WHERE session_id = '%s'"), "0");
	assert_int_equal(commit(NULL, NULL, "sorrow", got.turn.seq), VG_DB_OK);
	assert_int_equal(find(), VG_DB_OK);
	assert_string_equal(got.text[0][0], "sorrow");
	/* In the clear it does not matter. */
	keys(NULL);
	assert_int_equal(commit(NULL, NULL, "sorrow", 7), VG_DB_OK);
	assert_int_equal(got.turn.seq, 2);
}

static void
a_repeat_is_decrypted(void **unused)
{
	struct vg_claim	c = { session, "", "key", CONTENT, NULL };
	char		key[] = KEY, other[] = NEXT, a[VG_UUID_SIZE];

	(void)unused;
	lab_uuid(a);
	c.holder = a;
	keys(key);
	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.state, VG_CLAIM_MINE);
	assert_int_equal(commit("key", a, "sorrow", 1), VG_DB_OK);
	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.state, VG_CLAIM_DONE);
	assert_string_equal(got.transcript, "sorrow");
	assert_string_equal(got.reply, "sorrow has an end");
	/* By the commit as well, wherever the turn was thought to come. */
	assert_int_equal(commit("key", a, "again", 9), VG_DB_OK);
	assert_true(got.turn.repeated);
	assert_string_equal(got.transcript, "sorrow");
	/* Without the key it is as one whose words were not kept. */
	keys(other);
	assert_int_equal(answer(vg_turn_claim(&c, on_claim, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.state, VG_CLAIM_DONE);
	assert_string_equal(got.transcript, "(null)");
	assert_string_equal(got.reply, "(null)");
}

static bool
is_told(void)
{
	return (lab_long(url, "SELECT coalesce(sum(count), 0) FROM "
	    "voicegate.security_event WHERE kind = 'transcript_unreadable'") > 0);
}

static void
without_its_key_a_text_is_left_out_and_told_once(void **unused)
{
	char	key[] = KEY, other[] = NEXT;
	int64_t	until;

	(void)unused;
	lab_sql(url, "DELETE FROM voicegate.security_event");
	keys(key);
	assert_int_equal(commit(NULL, NULL, "sorrow", 1), VG_DB_OK);
	assert_int_equal(commit(NULL, NULL, "sorrow", 2), VG_DB_OK);
	keys(other);
	assert_int_equal(commit(NULL, NULL, "joy", 3), VG_DB_OK);
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(got.session.turns, 3);
	assert_int_equal(got.session.ncontext, 1);
	assert_string_equal(got.text[0][0], "joy");
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(heard.lines, 1);
	for (until = lab_ms() + LAB_DEADLINE_MS; !is_told();) {
		if (lab_ms() > until)
			fail_msg("no security event");
		lab_turn(50);
	}
	assert_string_equal(lab_value(url, "SELECT DISTINCT detail->>'text_key'"
	    " FROM voicegate.security_event WHERE kind = "
	    "'transcript_unreadable'"), KEY_ID);
	/* With both the conversation is whole again. */
	snprintf(error, sizeof(error), "%s,%s", NEXT, KEY);
	keys(error);
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(got.session.ncontext, 3);
}

static void
what_was_moved_or_changed_is_left_out(void **unused)
{
	char	key[] = KEY;

	(void)unused;
	keys(key);
	assert_int_equal(commit(NULL, NULL, "sorrow", 1), VG_DB_OK);
	assert_int_equal(commit(NULL, NULL, "joy", 2), VG_DB_OK);
	assert_int_equal(commit(NULL, NULL, "peace", 3), VG_DB_OK);
	(void)value("WITH a AS (SELECT transcript, reply FROM voicegate.turn "
	    "WHERE session_id = '%1$s' AND seq = 1) UPDATE voicegate.turn AS t "
	    "SET transcript = a.transcript, reply = a.reply FROM a "
	    "WHERE t.session_id = '%1$s' AND t.seq = 2 RETURNING 1");
	(void)value("UPDATE voicegate.turn SET transcript = 'in the clear' "
	    "WHERE session_id = '%s' AND seq = 3 RETURNING 1");
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(got.session.ncontext, 1);
	assert_string_equal(got.text[0][0], "sorrow");
	assert_int_equal(heard.lines, 1);
}

static void
without_retention_nothing_is_stored_with_a_key_neither(void **unused)
{
	char	key[] = KEY;

	(void)unused;
	settings.transcript_retention_d = 0;
	keys(key);
	assert_int_equal(commit(NULL, NULL, "sorrow", 5), VG_DB_OK);
	assert_string_equal(value("SELECT num_nulls(transcript, reply, text_key)"
	    " FROM voicegate.turn WHERE session_id = '%s'"), "3");
}

static void
an_export_is_decrypted_by_who_has_the_key(void **unused)
{
	char	key[] = KEY, *json;

	(void)unused;
	assert_int_equal(commit(NULL, NULL, "plain", 1), VG_DB_OK);
	keys(key);
	assert_int_equal(commit(NULL, NULL, "sorrow", 2), VG_DB_OK);
	assert_string_equal(value("SELECT (e->'turns'->0->>'encrypted_with' IS "
	    "NULL) || ' ' || (e->'turns'->1->>'encrypted_with') || ' ' || "
	    "(e->'turns'->>1 ~ 'sorrow') FROM voicegate.export_session('%s') AS e"),
	    "true " KEY_ID " false");
	assert_int_equal(vg_export_session(url, NEXT "," KEY, session, &json,
	    error, sizeof(error)), EX_OK);
	assert_non_null(strstr(json, "\"plain\""));
	assert_non_null(strstr(json, "\"sorrow\""));
	assert_non_null(strstr(json, "\"sorrow has an end\""));
	assert_null(strstr(json, "v1:"));
	assert_null(strstr(json, KEY_ID));
	free(json);
	assert_int_equal(vg_export_session(url, NEXT, session, &json, error,
	    sizeof(error)), EX_CONFIG);
	assert_null(json);
	assert_non_null(strstr(error, KEY_ID));
	assert_int_equal(vg_export_session(url, NULL, session, &json, error,
	    sizeof(error)), EX_CONFIG);
	(void)value("UPDATE voicegate.turn SET reply = transcript "
	    "WHERE session_id = '%s' AND seq = 2 RETURNING 1");
	assert_int_equal(vg_export_session(url, KEY, session, &json, error,
	    sizeof(error)), EX_DATAERR);
	assert_int_equal(vg_export_session(url, KEY,
	    "00000000-0000-4000-8000-000000000000", &json, error,
	    sizeof(error)), EX_NOINPUT);
	assert_int_equal(vg_export_session("postgresql://u@127.0.0.1:1/x", KEY,
	    session, &json, error, sizeof(error)), EX_UNAVAILABLE);
}

static void
count_lines(void *arg, const char *line)
{
	assert_null(strstr(line, "sorrow"));
	(*(unsigned *)arg)++;
}

static void
what_is_there_is_encrypted_with_the_newest_key(void **unused)
{
	char		key[] = KEY;
	unsigned	lines = 0;
	long		own;
	int		i;

	(void)unused;
	lab_sql(url, "DELETE FROM voicegate.session");
	start();
	/* More than one batch of turns, over two sessions. */
	for (i = 1; i <= 130; i++)
		assert_int_equal(commit(NULL, NULL, "sorrow", i), VG_DB_OK);
	start();
	for (i = 1; i <= 20; i++)
		assert_int_equal(commit(NULL, NULL, "sorrow", i), VG_DB_OK);
	keys(key);
	for (; i <= 25; i++)
		assert_int_equal(commit(NULL, NULL, "sorrow", i), VG_DB_OK);
	(void)value("UPDATE voicegate.turn SET transcript = NULL, reply = NULL "
	    "WHERE session_id = '%s' AND seq = 1 RETURNING 1");

	assert_int_equal(vg_encrypt_transcripts(url, "", count_lines, &lines,
	    error, sizeof(error)), EX_CONFIG);
	assert_int_equal(vg_encrypt_transcripts(url, KEY, count_lines, &lines,
	    error, sizeof(error)), EX_OK);
	assert_true(lines > 0);
	assert_int_equal(lab_long(url, "SELECT count(*) FROM voicegate.turn AS t "
	    "WHERE t::text ~ 'sorrow'"), 0);
	assert_int_equal(lab_long(url, "SELECT turns FROM "
	    "voicegate.transcript_key_status WHERE text_key = '" KEY_ID "'"),
	    154);
	/* Again: nothing is written. */
	own = lab_long(url, "SELECT max(xmin::text::bigint) FROM voicegate.turn");
	assert_int_equal(vg_encrypt_transcripts(url, KEY, count_lines, &lines,
	    error, sizeof(error)), EX_OK);
	assert_int_equal(lab_long(url,
	    "SELECT max(xmin::text::bigint) FROM voicegate.turn"), own);
	/* The key is replaced. */
	assert_int_equal(vg_encrypt_transcripts(url, NEXT "," KEY, count_lines,
	    &lines, error, sizeof(error)), EX_OK);
	assert_int_equal(lab_long(url, "SELECT count(*) FROM "
	    "voicegate.transcript_key_status"), 1);
	snprintf(error, sizeof(error), NEXT);
	keys(error);
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(got.session.ncontext, 20);
	assert_string_equal(got.text[19][0], "sorrow");
	/* What is erased stays erased. */
	assert_string_equal(value("SELECT count(*) FROM voicegate.turn "
	    "WHERE session_id = '%s' AND transcript IS NULL"), "1");
	/* What cannot be read stays as it is, and is told. */
	keys(NULL);
	assert_int_equal(commit(NULL, NULL, "sorrow", 26), VG_DB_OK);
	assert_int_equal(vg_encrypt_transcripts(url, KEY, count_lines, &lines,
	    error, sizeof(error)), EX_DATAERR);
	assert_non_null(strstr(error, "154 turns"));
	assert_int_equal(lab_long(url, "SELECT turns FROM "
	    "voicegate.transcript_key_status WHERE text_key = '" KEY_ID "'"), 1);
}

/* --- sessions that nobody uses -------------------------------------------- */

static void
idle(int64_t minutes)
{
	settings.session_idle_min = minutes;
	vg_store_reload(&settings);
	start();
}

/* As if it had been unused for so long; the sweep looks at it. */
static void
passes(const char *span)
{
	char	sql[400];

	snprintf(sql, sizeof(sql), "UPDATE voicegate.session SET "
	    "idle_at = idle_at - interval '%s', "
	    "idle_check_at = idle_check_at - interval '%s' "
	    "WHERE id = '%s' RETURNING 1", span, span, session);
	assert_string_equal(lab_value(url, sql), "1");
}

/* Sweeps until the session is so; another sweep may have a row at the moment. */
static void
becomes(const char *fmt)
{
	int64_t	until = lab_ms() + LAB_DEADLINE_MS;

	while (strcmp(value(fmt), "t") != 0) {
		if (lab_ms() > until)
			fail_msg("never: %s", fmt);
		lab_sql(url, "SELECT voicegate.end_idle_sessions()");
	}
}

static void
off_it_never_ends(void **unused)
{
	(void)unused;
	assert_string_equal(value("SELECT num_nulls(idle_after, idle_at, "
	    "idle_check_at) FROM voicegate.session WHERE id = '%s'"), "3");
	assert_int_equal(find(), VG_DB_OK);
	assert_int_equal(commit(NULL, NULL, "x", 1), VG_DB_OK);
	assert_string_equal(value("SELECT idle_at FROM voicegate.session "
	    "WHERE id = '%s'"), "");
}

static void
unused_it_is_refused_at_its_moment_everywhere(void **unused)
{
	char	sound[VG_UUID_SIZE];

	(void)unused;
	idle(30);
	lab_uuid(sound);
	assert_string_equal(value("SELECT idle_at - created_at FROM "
	    "voicegate.session WHERE id = '%s'"), "00:30:00");
	passes("29 minutes");
	assert_string_equal(value("SELECT remaining <= '1 minute' FROM "
	    "voicegate.active_session WHERE id = '%s'"), "t");
	passes("1 minute");
	/* Before anything was swept. */
	assert_int_equal(find(), VG_SESSION_GONE);
	assert_int_equal(commit(NULL, NULL, "x", 1), VG_SESSION_GONE);
	assert_string_equal(value("SELECT count(*) FROM "
	    "voicegate.active_session WHERE id = '%s'"), "0");
	assert_string_equal(value("SELECT voicegate.end_session('%s')"), "f");
}

static void
a_turn_begins_its_time_anew(void **unused)
{
	(void)unused;
	idle(30);
	passes("29 minutes");
	assert_int_equal(commit(NULL, NULL, "x", 1), VG_DB_OK);
	assert_string_equal(value("SELECT idle_at - last_active_at FROM "
	    "voicegate.session WHERE id = '%s'"), "00:30:00");
	/* The sweep looks, and leaves it until then. */
	(void)value("UPDATE voicegate.session SET idle_check_at = now() "
	    "WHERE id = '%s' RETURNING 1");
	becomes("SELECT idle_check_at = idle_at AND "
	    "ended_at IS NULL FROM voicegate.session WHERE id = '%s'");
	assert_int_equal(find(), VG_DB_OK);
}

static void
a_message_under_way_keeps_it(void **unused)
{
	(void)unused;
	idle(1);
	passes("30 seconds");
	assert_int_equal(find(), VG_DB_OK);
	/* For as long as it may take (60 s and 10), then it ends as before. */
	assert_string_equal(value("SELECT idle_at >= created_at + interval "
	    "'70 s' FROM voicegate.session WHERE id = '%s'"), "t");
	assert_int_equal(commit(NULL, NULL, "x", 1), VG_DB_OK);
	assert_string_equal(value("SELECT idle_at - last_active_at "
	    "FROM voicegate.session WHERE id = '%s'"), "00:01:00");
}

static bool
is_ended(void)
{
	return (!strcmp(value("SELECT ended_at = idle_at AND end_reason = 'idle'"
	    " FROM voicegate.session WHERE id = '%s'"), "t"));
}

static void
it_is_ended_by_itself_and_every_server_hears(void **unused)
{
	int64_t	until;

	(void)unused;
	idle(30);
	passes("31 minutes");
	for (until = lab_ms() + LAB_DEADLINE_MS * 2; !is_ended() ||
	    heard.ended == 0;) {
		if (lab_ms() > until)
			fail_msg("not ended, or not told");
		lab_turn(50);
	}
	assert_string_equal(value("SELECT purge_at > now() FROM "
	    "voicegate.session WHERE id = '%s'"), "t");
}

static void
the_sweep_is_by_index_and_leaves_what_ran_out(void **unused)
{
	char	sql[300];

	(void)unused;
	idle(30);
	/* Its life ended first: it is not ended once more. */
	snprintf(sql, sizeof(sql), "UPDATE voicegate.session SET created_at = "
	    "now() - interval '2 h', expires_at = now() - interval '1 h', "
	    "idle_at = now() - interval '1 m', idle_check_at = now() - "
	    "interval '1 m' WHERE id = '%s'", session);
	lab_sql(url, sql);
	becomes("SELECT ended_at IS NULL AND idle_check_at "
	    "IS NULL FROM voicegate.session WHERE id = '%s'");
	lab_sql(url, "CREATE OR REPLACE FUNCTION pg_temp.plan() RETURNS text "
	    "LANGUAGE plpgsql AS $$ DECLARE l text; p text := ''; BEGIN "
	    "SET LOCAL enable_seqscan = off; FOR l IN EXPLAIN SELECT v.ctid "
	    "FROM voicegate.session AS v WHERE v.ended_at IS NULL AND "
	    "v.idle_check_at <= now() ORDER BY v.idle_check_at LIMIT 50 "
	    "FOR NO KEY UPDATE SKIP LOCKED LOOP p := p || l; END LOOP; "
	    "IF p !~ 'session_idle_check' OR p ~ 'Sort' THEN "
	    "RAISE EXCEPTION '%', p; END IF; RETURN p; END $$; "
	    "SELECT pg_temp.plan()");
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(what_is_kept_is_encrypted_and_read_again),
		CASE(another_turn_in_between_moves_ours),
		CASE(a_repeat_is_decrypted),
		CASE(without_its_key_a_text_is_left_out_and_told_once),
		CASE(what_was_moved_or_changed_is_left_out),
		CASE(without_retention_nothing_is_stored_with_a_key_neither),
		CASE(an_export_is_decrypted_by_who_has_the_key),
		CASE(what_is_there_is_encrypted_with_the_newest_key),
		CASE(off_it_never_ends),
		CASE(unused_it_is_refused_at_its_moment_everywhere),
		CASE(a_turn_begins_its_time_anew),
		CASE(a_message_under_way_keeps_it),
		CASE(it_is_ended_by_itself_and_every_server_hears),
		CASE(the_sweep_is_by_index_and_leaves_what_ran_out),
	};

	return (cmocka_run_group_tests_name("store: privacy", tests, lab_setup,
	    lab_teardown));
}
