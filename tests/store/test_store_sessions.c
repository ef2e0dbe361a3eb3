/*
 * Sessions, turns and audio, through the store as a worker uses it.
 */

#include <stdio.h>
#include <string.h>

#include "lab.h"

#define STRANGER	"00000000-0000-4000-8000-000000000000"

/* The last answer. */
static struct {
	volatile bool		there;
	enum vg_db_status	status;
	struct vg_session	session;
	struct vg_turn		turn;
	struct vg_audio		audio;
	char			text[VG_SESSION_CONTEXT_MAX][2][64];
	char			transcript[128];
	char			reply[128];
	char			ids[8][VG_UUID_SIZE];
	size_t			nids;
} got;

/* What the hooks heard. */
static struct {
	volatile bool	ended;
	char		session[VG_UUID_SIZE];
	char		audio[300][VG_UUID_SIZE];
	size_t		naudio;
	unsigned	calls;
	unsigned	resyncs;
} heard;

static struct vg_settings	settings;
static char			url[256];

static void
on_session(void *arg, enum vg_db_status status, const struct vg_session *s)
{
	size_t		i;

	(void)arg;
	got.status = status;
	got.there = true;
	assert_true((status == VG_DB_OK) == (s != NULL));
	if (s == NULL)
		return;
	got.session = *s;
	for (i = 0; i < s->ncontext; i++) {
		snprintf(got.text[i][0], sizeof(got.text[i][0]), "%s",
		    s->context[i].transcript);
		snprintf(got.text[i][1], sizeof(got.text[i][1]), "%s",
		    s->context[i].reply);
	}
}

static void
on_turn(void *arg, enum vg_db_status status, const struct vg_turn *t)
{
	(void)arg;
	got.status = status;
	got.there = true;
	assert_true((status == VG_DB_OK) == (t != NULL));
	if (t == NULL)
		return;
	got.turn = *t;
	snprintf(got.transcript, sizeof(got.transcript), "%s",
	    t->transcript != NULL ? t->transcript : "(null)");
	snprintf(got.reply, sizeof(got.reply), "%s",
	    t->reply != NULL ? t->reply : "(null)");
}

static void
on_audio(void *arg, enum vg_db_status status, const struct vg_audio *a)
{
	(void)arg;
	got.status = status;
	got.there = true;
	if (a != NULL)
		got.audio = *a;
}

static void
on_ids(void *arg, enum vg_db_status status, const char (*ids)[VG_UUID_SIZE],
    size_t n)
{
	size_t		i;

	(void)arg;
	got.status = status;
	got.nids = n;
	for (i = 0; i < n && i < 8; i++)
		memcpy(got.ids[i], ids[i], VG_UUID_SIZE);
	got.there = true;
}

static void
on_ended(void *arg, const char *session, const char (*audio)[VG_UUID_SIZE],
    size_t n)
{
	size_t		i;

	(void)arg;
	memcpy(heard.session, session, VG_UUID_SIZE);
	for (i = 0; i < n && heard.naudio < 300; i++)
		memcpy(heard.audio[heard.naudio++], audio[i], VG_UUID_SIZE);
	heard.calls++;
	heard.ended = true;
}

static void
on_resync(void *arg)
{
	(void)arg;
	heard.resyncs++;
}

static int
begin(void **unused)
{
	static const struct vg_store_hooks	hooks = {
		.session_ended = on_ended,
		.resync = on_resync,
	};

	(void)unused;
	memset(&heard, 0, sizeof(heard));
	snprintf(url, sizeof(url), "%s", lab_url());
	lab_settings(&settings, url);
	lab_store_start(&settings, &hooks);
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
start(char id[VG_UUID_SIZE], const char *client)
{
	struct vg_session_new	new = { .client = client };

	lab_uuid(id);
	new.id = id;
	assert_int_equal(answer(vg_session_start(&new, on_session, NULL, NULL)),
	    VG_DB_OK);
}

static enum vg_db_status
find(const char *id, size_t n)
{
	return (answer(vg_session_find(id, "", n, on_session, NULL, NULL)));
}

static enum vg_db_status
commit(const char *session, const char *transcript, const char *reply,
    const char *audio)
{
	struct vg_turn_new	new = { .session_id = session,
				    .transcript = transcript, .reply = reply,
				    .audio_id = audio, .audio_ext = "wav" };

	return (answer(vg_turn_commit(&new, on_turn, NULL, NULL)));
}

static void
a_started_session_is_found(void **unused)
{
	char		id[VG_UUID_SIZE];

	(void)unused;
	start(id, "192.0.2.1");
	assert_string_equal(got.session.id, id);
	assert_string_equal(got.session.api_key_id, "");
	assert_int_equal(got.session.expires_us - got.session.created_us,
	    24 * 3600 * VG_USEC);
	assert_true(got.session.created_us > 1700000000 * VG_USEC);
	assert_int_equal(find(id, 5), VG_DB_OK);
	assert_string_equal(got.session.id, id);
	assert_int_equal(got.session.turns, 0);
	assert_int_equal(got.session.ncontext, 0);
}

static void
a_started_session_is_committed(void **unused)
{
	char		id[VG_UUID_SIZE], sql[160];

	(void)unused;
	start(id, "2001:db8:0:1::/64");
	/* By another connection: it sees what is committed, nothing else. */
	snprintf(sql, sizeof(sql), "SELECT client FROM "
	    "voicegate.active_session WHERE id = '%s'", id);
	assert_string_equal(lab_value(url, sql), "2001:db8:0:1::/64");
}

static void
an_unknown_session_is_gone(void **unused)
{
	(void)unused;
	assert_int_equal(find(STRANGER, 5), VG_SESSION_GONE);
	assert_int_equal(commit(STRANGER, "a", "b", NULL),
	    VG_SESSION_GONE);
	assert_int_equal(answer(vg_session_end(STRANGER, "", on_ids, NULL, NULL)),
	    VG_SESSION_GONE);
	assert_int_equal(answer(vg_audio_find(STRANGER, "", on_audio, NULL, NULL)),
	    VG_NOT_FOUND);
}

static void
what_is_no_uuid_is_refused_unsent(void **unused)
{
	(void)unused;
	assert_int_equal(vg_session_find("'; DROP", "", 0, on_session, NULL, NULL),
	    VG_DB_ERROR);
	assert_int_equal(find(STRANGER, 0), VG_SESSION_GONE);
}

static void
an_expired_session_is_gone(void **unused)
{
	char		id[VG_UUID_SIZE], sql[200];

	(void)unused;
	start(id, "192.0.2.1");
	snprintf(sql, sizeof(sql), "UPDATE voicegate.session SET created_at = "
	    "now() - interval '2 h', expires_at = now() WHERE id = '%s'", id);
	lab_sql(url, sql);
	assert_int_equal(find(id, 0), VG_SESSION_GONE);
	assert_int_equal(commit(id, "a", "b", NULL), VG_SESSION_GONE);
	assert_int_equal(answer(vg_session_end(id, "", on_ids, NULL, NULL)),
	    VG_SESSION_GONE);
}

static void
turns_are_the_context_oldest_first(void **unused)
{
	char		id[VG_UUID_SIZE], text[32];
	int		i;

	(void)unused;
	start(id, "192.0.2.1");
	for (i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "said %d", i);
		assert_int_equal(commit(id, text, "heard", NULL),
		    VG_DB_OK);
		assert_int_equal(got.turn.seq, i);
		assert_false(got.turn.repeated);
	}
	assert_int_equal(find(id, 3), VG_DB_OK);
	assert_int_equal(got.session.turns, 5);
	assert_int_equal(got.session.ncontext, 3);
	assert_string_equal(got.text[0][0], "said 3");
	assert_string_equal(got.text[2][0], "said 5");
	assert_string_equal(got.text[2][1], "heard");
	assert_int_equal(find(id, 0), VG_DB_OK);
	assert_int_equal(got.session.ncontext, 0);
}

static void
without_retention_nothing_said_is_stored(void **unused)
{
	char		id[VG_UUID_SIZE], sql[160];

	(void)unused;
	settings.transcript_retention_d = 0;
	vg_store_reload(&settings);
	start(id, "192.0.2.1");
	assert_int_equal(commit(id, "secret", "words", NULL), VG_DB_OK);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM voicegate.turn AS t "
	    "WHERE t.session_id = '%s' AND t::text LIKE '%%secret%%'", id);
	assert_int_equal(lab_long(url, sql), 0);
	assert_int_equal(find(id, 5), VG_DB_OK);
	assert_int_equal(got.session.turns, 1);
	assert_int_equal(got.session.ncontext, 0);
}

static void
texts_that_are_not_utf8_are_mended(void **unused)
{
	char		id[VG_UUID_SIZE];

	(void)unused;
	start(id, "192.0.2.1");
	assert_int_equal(commit(id, "a\xff z\xc3", "\xe2\x82\xac", NULL),
	    VG_DB_OK);
	assert_int_equal(find(id, 1), VG_DB_OK);
	assert_string_equal(got.text[0][0],
	    "a\xef\xbf\xbd z\xef\xbf\xbd");
	assert_string_equal(got.text[0][1], "\xe2\x82\xac");
}

static void
audio_belongs_to_a_live_session(void **unused)
{
	char		id[VG_UUID_SIZE], audio[2][VG_UUID_SIZE];

	(void)unused;
	start(id, "192.0.2.1");
	lab_uuid(audio[0]);
	memcpy(audio[1], STRANGER, VG_UUID_SIZE);
	assert_int_equal(commit(id, "a", "b", audio[0]), VG_DB_OK);
	assert_int_equal(answer(vg_audio_find(audio[0], "", on_audio, NULL, NULL)),
	    VG_DB_OK);
	assert_string_equal(got.audio.session_id, id);
	assert_string_equal(got.audio.ext, "wav");
	assert_int_equal(answer(vg_audio_gone(
	    (const char (*)[VG_UUID_SIZE])audio, 2, on_ids, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.nids, 1);
	assert_string_equal(got.ids[0], STRANGER);

	assert_int_equal(answer(vg_session_end(id, "", on_ids, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.nids, 1);
	assert_string_equal(got.ids[0], audio[0]);
	assert_int_equal(answer(vg_audio_find(audio[0], "", on_audio, NULL, NULL)),
	    VG_NOT_FOUND);
	assert_int_equal(answer(vg_audio_gone(
	    (const char (*)[VG_UUID_SIZE])audio, 2, on_ids, NULL, NULL)),
	    VG_DB_OK);
	assert_int_equal(got.nids, 2);
	assert_int_equal(find(id, 0), VG_SESSION_GONE);
}

static void
an_end_in_psql_is_heard_within_a_second(void **unused)
{
	char		id[VG_UUID_SIZE], audio[VG_UUID_SIZE], sql[160];
	int64_t		began;

	(void)unused;
	start(id, "192.0.2.1");
	lab_uuid(audio);
	assert_int_equal(commit(id, "a", "b", audio), VG_DB_OK);
	snprintf(sql, sizeof(sql), "SELECT voicegate.end_session('%s')", id);
	assert_string_equal(lab_value(url, sql), "t");
	began = lab_ms();
	assert_true(lab_until(&heard.ended));
	assert_true(lab_ms() - began < may_take(1000));
	assert_string_equal(heard.session, id);
	assert_int_equal(heard.naudio, 1);
	assert_string_equal(heard.audio[0], audio);
	assert_string_equal(lab_value(url, sql), "f");
}

static void
hundreds_of_audio_files_come_in_several_calls(void **unused)
{
	char		id[VG_UUID_SIZE], sql[512];

	(void)unused;
	start(id, "192.0.2.1");
	snprintf(sql, sizeof(sql), "INSERT INTO voicegate.turn (session_id, seq, "
	    "audio_id, audio_ext, audio_expires_at) SELECT '%s', n, "
	    "gen_random_uuid(), 'wav', now() + interval '1 h' "
	    "FROM generate_series(1, 250) AS n", id);
	lab_sql(url, sql);
	snprintf(sql, sizeof(sql), "DELETE FROM voicegate.session WHERE id = '%s'",
	    id);
	lab_sql(url, sql);
	while (heard.naudio < 250) {
		heard.ended = false;
		if (!lab_until(&heard.ended))
			break;
	}
	assert_int_equal(heard.naudio, 250);
	assert_int_equal(heard.calls, 3);
}

static void
sessions_end_by_network(void **unused)
{
	char		a[VG_UUID_SIZE], b[VG_UUID_SIZE], c[VG_UUID_SIZE],
			d[VG_UUID_SIZE];

	(void)unused;
	start(a, "198.51.100.1");
	start(b, "198.51.100.200");
	start(c, "198.51.101.1");
	start(d, "2001:db8:7:1::/64");
	assert_int_equal(lab_long(url,
	    "SELECT voicegate.end_sessions_of('198.51.100.0/24')"), 2);
	assert_int_equal(find(a, 0), VG_SESSION_GONE);
	assert_int_equal(find(b, 0), VG_SESSION_GONE);
	assert_int_equal(find(c, 0), VG_DB_OK);
	/* An address ends what is kept as its prefix. */
	assert_int_equal(lab_long(url,
	    "SELECT voicegate.end_sessions_of('2001:db8:7:1::99')"), 1);
	assert_int_equal(find(d, 0), VG_SESSION_GONE);
	assert_int_equal(lab_long(url,
	    "SELECT voicegate.end_sessions_of('198.51.101.1')"), 1);
}

static void
a_garbled_notification_is_ignored(void **unused)
{
	char		id[VG_UUID_SIZE];

	(void)unused;
	lab_sql(url, "NOTIFY voicegate_session_end, 'nonsense'");
	lab_sql(url, "NOTIFY voicegate_session_end, "
	    "'00000000-0000-4000-8000-000000000000 ../../etc/passwd'");
	assert_true(lab_until(&heard.ended));
	assert_int_equal(heard.naudio, 0);
	assert_int_equal(heard.calls, 1);
	start(id, "192.0.2.1");
}

static void
purge_takes_what_has_run_out(void **unused)
{
	char		old[VG_UUID_SIZE], live[VG_UUID_SIZE], sql[512];

	(void)unused;
	start(old, "192.0.2.1");
	start(live, "192.0.2.1");
	assert_int_equal(commit(old, "a", "b", NULL), VG_DB_OK);
	assert_int_equal(commit(live, "a", "b", NULL), VG_DB_OK);
	snprintf(sql, sizeof(sql), "UPDATE voicegate.session SET created_at = "
	    "now() - interval '40 d', expires_at = now() - interval '39 d', "
	    "purge_at = now() WHERE id = '%s'; UPDATE voicegate.turn SET "
	    "text_until = now() WHERE session_id = '%s'", old, live);
	lab_sql(url, sql);
	lab_sql(url, "SELECT voicegate.purge_expired()");
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM voicegate.turn "
	    "WHERE session_id = '%s'", old);
	assert_int_equal(lab_long(url, sql), 0);
	assert_int_equal(find(live, 5), VG_DB_OK);
	assert_int_equal(got.session.turns, 1);
	assert_int_equal(got.session.ncontext, 0);
}

static void
a_forgotten_call_is_not_called_back(void **unused)
{
	struct vg_session_new	new = { .client = "192.0.2.1" };
	char			id[VG_UUID_SIZE];
	vg_ticket		ticket;

	(void)unused;
	lab_uuid(id);
	new.id = id;
	assert_int_equal(vg_session_start(&new, on_session, NULL, &ticket),
	    VG_DB_OK);
	assert_true(ticket != 0);
	vg_store_forget(ticket);
	/* A later statement on the same connection: the first is answered. */
	assert_int_equal(answer(vg_audio_find(STRANGER, "", on_audio, NULL, NULL)),
	    VG_NOT_FOUND);
	assert_false(got.there);
	vg_store_forget(ticket);
	assert_int_equal(find(id, 0), VG_DB_OK);
}

static void
too_many_calls_are_refused_not_queued(void **unused)
{
	enum vg_db_status	status;
	struct vg_store_stats	stats;
	unsigned		n, busy;

	(void)unused;
	for (n = 0, busy = 0; n < 3000; n++) {
		status = vg_session_find(STRANGER, "", 0, on_session, NULL, NULL);
		if (status == VG_DB_BUSY)
			busy++;
		else
			assert_int_equal(status, VG_DB_OK);
	}
	assert_true(busy > 0);
	do {
		lab_turn(50);
		vg_store_stats(&stats);
	} while (stats.in_flight + stats.queued > 0);
	got.there = false;
	assert_int_equal(find(STRANGER, 0), VG_SESSION_GONE);
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(a_started_session_is_found),
		CASE(a_started_session_is_committed),
		CASE(an_unknown_session_is_gone),
		CASE(what_is_no_uuid_is_refused_unsent),
		CASE(an_expired_session_is_gone),
		CASE(turns_are_the_context_oldest_first),
		CASE(without_retention_nothing_said_is_stored),
		CASE(texts_that_are_not_utf8_are_mended),
		CASE(audio_belongs_to_a_live_session),
		CASE(an_end_in_psql_is_heard_within_a_second),
		CASE(hundreds_of_audio_files_come_in_several_calls),
		CASE(sessions_end_by_network),
		CASE(a_garbled_notification_is_ignored),
		CASE(purge_takes_what_has_run_out),
		CASE(a_forgotten_call_is_not_called_back),
		CASE(too_many_calls_are_refused_not_queued),
	};

	return (cmocka_run_group_tests_name("store: sessions", tests, lab_setup,
	    lab_teardown));
}
