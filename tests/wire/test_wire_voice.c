/*
 * The main job: a recording in, words and sound out; and that no upload is left
 * behind, whatever happens.
 */

#include <sys/stat.h>

#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>

#include "wire.h"

static bool
no_upload(void *arg)
{
	return (server_files(arg, "uploads") == 0);
}

static void
assert_no_upload(void)
{
	assert_true(eventually(no_upload, &gateway));
}

static void
grief_is_heard_and_answered(void **state)
{
	struct response	r;
	char		id[37], path[512], sql[256], text[512];

	(void)state;
	session_new(gateway.port, id);
	fixture(path, sizeof(path), "hello.wav");
	voice_send(gateway.port, id, path, "", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(response_json(&r, "session_id"), id);
	assert_non_null(strstr(response_json(&r, "transcript"), "father"));
	assert_true(strstr(response_json(&r, "transcript"), "died") != NULL ||
	    strstr(response_json(&r, "transcript"), "sad") != NULL);
	assert_non_null(strstr(response_json(&r, "text"), "father"));
	assert_null(strstr((const char *)r.body, "degraded"));
	/* Committed before the answer. */
	(void)snprintf(sql, sizeof(sql), "select transcript from voicegate.turn "
	    "where session_id = '%s' and seq = 1", id);
	database_value(gateway.database, sql, text, sizeof(text));
	assert_string_equal(text, response_json(&r, "transcript"));
	response_free(&r);
	assert_no_upload();
}

static void
every_container_is_understood(void **state)
{
	static const char *const	names[] = { "goforward.wav", "goforward.mp3",
		"goforward.webm", "goforward.stream.webm",
		"goforward.vorbis.ogg", "goforward.opus.ogg", "goforward.m4a",
		"goforward.flac.ogg", "goforward.speex.ogg",
		"goforward.rf64.wav", "goforward.ima.wav",
		"goforward.tags.mp3",
		"goforward.fragment.m4a" };
	struct response			r;
	char				id[37], path[512];
	size_t				i;

	(void)state;
	session_new(gateway.port, id);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fixture(path, sizeof(path), names[i]);
		voice_send(gateway.port, id, path, "", &r);
		if (r.status != 200)
			fail_msg("%s: %d %s", names[i], r.status, (char *)r.body);
		if (i == 0)
			assert_string_equal(response_json(&r, "transcript"),
			    "go forward ten meters");
		assert_true(strlen(response_json(&r, "transcript")) > 0);
		response_free(&r);
	}
	assert_no_upload();
}

static void
reply_plays_until_its_session_ends(void **state)
{
	struct response	r;
	char		id[37], path[512], url[128], json[128];
	size_t		whole;
	int		n;

	(void)state;
	session_new(gateway.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(gateway.port, id, path, "", &r);
	(void)snprintf(url, sizeof(url), "%s", response_json(&r, "audio_url"));
	response_free(&r);

	client_ask(gateway.port, "GET", url, "", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(response_field(&r, "content-type"), "audio/wav");
	assert_string_equal(response_field(&r, "cache-control"),
	    "private, no-store");
	assert_memory_equal(r.body, "RIFF", 4);
	assert_memory_equal(r.body + 8, "WAVE", 4);
	whole = r.body_len;
	assert_true(whole > 10000);
	assert_int_equal(strtoul(response_field(&r, "content-length"), NULL, 10),
	    whole);
	response_free(&r);

	client_ask(gateway.port, "HEAD", url, "", &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(strtoul(response_field(&r, "content-length"), NULL, 10),
	    whole);
	response_free(&r);

	client_ask(gateway.port, "GET", url, "Range: bytes=4-7\r\n", &r);
	assert_int_equal(r.status, 206);
	assert_int_equal(r.body_len, 4);
	(void)snprintf(json, sizeof(json), "bytes 4-7/%zu", whole);
	assert_string_equal(response_field(&r, "content-range"), json);
	response_free(&r);

	client_ask(gateway.port, "GET", url, "Range: bytes=99999999-\r\n", &r);
	assert_problem(&r, 416, "range_not_satisfiable");
	response_free(&r);

	/* RFC 9110 13.2.2: If-Match comes first, before a range too. */
	client_ask(gateway.port, "GET", url, "If-Match: \"nope\"\r\n"
	    "Range: bytes=4-7\r\n", &r);
	assert_problem(&r, 412, "precondition_failed");
	(void)snprintf(json, sizeof(json), "If-Match: \"nope\", %s\r\n",
	    response_field(&r, "etag"));
	response_free(&r);
	client_ask(gateway.port, "GET", url, json, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);

	n = snprintf(json, sizeof(json), "{\"session_id\":\"%s\"}", id);
	client_post(gateway.port, "/api/session/end", "", "application/json",
	    json, (size_t)n, &r);
	assert_int_equal(r.status, 204);
	response_free(&r);
	client_ask(gateway.port, "GET", url, "", &r);
	assert_problem(&r, 404, "audio_not_found");
	response_free(&r);
	voice_send(gateway.port, id, path, "", &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	assert_no_upload();
}

static bool
no_reply_left(void *arg)
{
	return (server_files(arg, "audio") == 0);
}

static void
ended_sessions_leave_no_sound(void **state)
{
	(void)state;
	(void)database_long(gateway.database,
	    "select voicegate.end_sessions_of('127.0.0.1')");
	assert_true(eventually(no_reply_left, &gateway));
}

static void
malformed_uploads_leave_nothing(void **state)
{
	static const struct {
		const char	*type;
		const char	*content;
		int		status;
		const char	*word;
	} bad[] = {
		{ NULL, "", 400, "bad_request" },
		{ VOICE_TYPE, "", 400, "validation_failed" },
		{ VOICE_TYPE, "nonsense", 400, "bad_request" },
		{ VOICE_TYPE, "------test7MA4YWxk--\r\n", 400,
		    "validation_failed" },
		{ VOICE_TYPE, "------test7MA4YWxk\r\nContent-Disposition: "
		    "form-data; name=\"session_id\"\r\n\r\nx\r\n"
		    "------test7MA4YWxk--\r\n", 400, "validation_failed" },
		{ VOICE_TYPE, "------test7MA4YWxk\r\nContent-Disposition: "
		    "form-data; name=\"audio\"\r\n\r\n\r\n"
		    "------test7MA4YWxk--\r\n", 400, "validation_failed" },
		{ VOICE_TYPE, "------test7MA4YWxk\r\nContent-Disposition: "
		    "form-data; name=\"audio\"; filename=\"a.wav\"\r\n"
		    "Content-Type: audio/wav\r\n\r\n<html>not audio</html>\r\n"
		    "------test7MA4YWxk--\r\n", 415, "unsupported_media_type" },
		{ VOICE_TYPE, "------test7MA4YWxk\r\nContent-Disposition: "
		    "form-data; name=\"audio\"\r\n\r\nRIFF", 400, "bad_request" },
		{ "multipart/form-data", "------x--\r\n", 400, "bad_request" },
		{ "application/json", "{}", 400, "bad_request" }
	};
	struct response	r;
	size_t		i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		client_post(gateway.port, "/api/voice/process", "", bad[i].type,
		    bad[i].content, strlen(bad[i].content), &r);
		assert_problem(&r, bad[i].status, bad[i].word);
		response_free(&r);
	}
	assert_no_upload();
}

static void
missing_parts_are_named(void **state)
{
	struct response	r;
	uint8_t		*audio;
	char		path[512], id[37], *form;
	size_t		len, form_len;

	(void)state;
	session_new(gateway.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	audio = file_read(path, &len);
	form = voice_form(NULL, audio, len, &form_len);
	client_post(gateway.port, "/api/voice/process", "", VOICE_TYPE, form,
	    form_len, &r);
	assert_problem(&r, 400, "validation_failed");
	assert_non_null(strstr(response_json(&r, "detail"), "session_id"));
	response_free(&r);
	free(form);
	form = voice_form(id, NULL, 0, &form_len);
	client_post(gateway.port, "/api/voice/process", "", VOICE_TYPE, form,
	    form_len, &r);
	assert_problem(&r, 400, "validation_failed");
	assert_non_null(strstr(response_json(&r, "detail"), "audio"));
	response_free(&r);
	free(form);
	form = voice_form("00000000-0000-4000-8000-000000000000", audio, len,
	    &form_len);
	client_post(gateway.port, "/api/voice/process", "", VOICE_TYPE, form,
	    form_len, &r);
	assert_problem(&r, 404, "session_not_found");
	response_free(&r);
	free(form);
	free(audio);
	assert_no_upload();
}

static void
undecodable_audio_is_422(void **state)
{
	static const char	broken[] = "RIFF\x24\x10\0\0WAVEfmt "
	    "\xff\xff\xff\x7f garbage that is no wave at all";
	struct response		r;
	char			id[37], path[512];
	FILE			*fp;

	(void)state;
	session_new(gateway.port, id);
	(void)snprintf(path, sizeof(path), "%s/broken-%d.wav",
	    getenv("TEST_TMP"), getpid());
	fp = fopen(path, "wb");
	fwrite(broken, 1, sizeof(broken), fp);
	(void)fclose(fp);
	voice_send(gateway.port, id, path, "", &r);
	assert_problem(&r, 422, "audio_undecodable");
	response_free(&r);
	assert_no_upload();
}

static void
too_large_is_refused_early_and_late(void **state)
{
	static const char	head[] = "POST /api/voice/process HTTP/1.1\r\n"
	    "Host: x\r\nContent-Type: " VOICE_TYPE "\r\n"
	    "Content-Length: 20000000\r\nExpect: 100-continue\r\n\r\n";
	struct response		r;
	uint8_t			*audio;
	char			id[37], path[512], *form;
	size_t			form_len, small, len = 10485760 + 1000;

	(void)state;
	client_once(gateway.port, head, sizeof(head) - 1, false, &r);
	assert_problem(&r, 413, "payload_too_large");
	response_free(&r);
	/* Within what the whole content may have, but not the sound. */
	session_new(gateway.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	audio = realloc(file_read(path, &small), len);
	memset(audio + small, 0, len - small);
	form = voice_form(id, audio, len, &form_len);
	client_post(gateway.port, "/api/voice/process", "", VOICE_TYPE, form,
	    form_len, &r);
	assert_problem(&r, 413, "payload_too_large");
	response_free(&r);
	free(form);
	free(audio);
	assert_no_upload();
}

static void
expect_is_answered(void **state)
{
	struct response	r;
	struct voice	v;
	char		path[512], got[64];
	int		fd;

	(void)state;
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&v, gateway.port, path, "Expect: 100-continue\r\n");
	fd = voice_begin(&v, gateway.port, 0);
	assert_true(read(fd, got, sizeof(got)) >= 12);
	assert_memory_equal(got, "HTTP/1.1 100", 12);
	assert_int_equal(client_send(fd, v.form, v.form_len), 0);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)close(fd);
	voice_free(&v);
}

static void
client_that_leaves_leaves_nothing(void **state)
{
	struct voice	v;
	char		path[512];
	int		i;

	(void)state;
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&v, gateway.port, path, "");
	/* Half-way through the content, and with all of it sent. */
	for (i = 0; i < 10; i++)
		(void)close(voice_begin(&v, gateway.port,
		    i < 5 ? v.form_len / 2 : v.form_len));
	assert_no_upload();
	voice_free(&v);
}

struct seen {
	mode_t	folder;
	mode_t	file;
	uid_t	owner;
	bool	found;
};

/* The worker's open descriptors, as an operator would look at them. */
static bool
upload_is_open(void *arg)
{
	struct seen	*seen = arg;
	struct stat	st;
	char		command[512], line[512], *nl;
	FILE		*pipe;

	(void)snprintf(command, sizeof(command), "for p in $(pgrep -g %d); do "
	    "for f in /proc/$p/fd/*; do case $(readlink $f) in *%s/uploads/*) "
	    "echo $f;; esac; done; done 2>/dev/null", gateway.pid,
	    strrchr(gateway.dir, '/'));
	pipe = popen(command, "r");
	if (fgets(line, sizeof(line), pipe) != NULL) {
		if ((nl = strchr(line, '\n')) != NULL)
			*nl = '\0';
		if (stat(line, &st) == 0) {
			seen->file = st.st_mode & 07777;
			seen->owner = st.st_uid;
			seen->found = true;
		}
	}
	(void)pclose(pipe);
	return (seen->found);
}

static void
permissions_while_a_request_runs(void **state)
{
	struct seen	seen = { 0 };
	struct stat	st;
	struct passwd	*pw = getpwnam(getenv("TEST_USER"));
	struct voice	v;
	char		path[512];
	int		fd;

	(void)state;
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&v, gateway.port, path, "");
	fd = voice_begin(&v, gateway.port, v.form_len / 2);
	assert_true(eventually(upload_is_open, &seen));
	assert_int_equal(seen.file, 0600);
	assert_int_equal(seen.owner, pw != NULL ? pw->pw_uid : getuid());
	(void)snprintf(path, sizeof(path), "%s/uploads", gateway.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, seen.owner);
	(void)snprintf(path, sizeof(path), "%s/audio", gateway.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	(void)close(fd);
	voice_free(&v);
	assert_no_upload();
}

static void
uploads_are_bounded(void **state)
{
	static const char *const	env[] = { "MAX_UPLOADS_IN_FLIGHT=1",
		"WORKERS=1", NULL };
	static const char		head[] = "POST /api/voice/process "
	    "HTTP/1.1\r\nHost: x\r\nContent-Type: " VOICE_TYPE
	    "\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n";
	struct server			other;
	struct response			r;
	char				got[64];
	int				fd;

	(void)state;
	server_start(&other, NULL, env);
	fd = client_connect(other.port);
	assert_int_equal(client_send(fd, head, sizeof(head) - 1), 0);
	assert_true(read(fd, got, sizeof(got)) >= 12);
	assert_memory_equal(got, "HTTP/1.1 100", 12);
	client_once(other.port, head, sizeof(head) - 1, false, &r);
	assert_problem(&r, 503, "overloaded");
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	response_free(&r);
	(void)close(fd);
	server_stop(&other);
}

static void
provider_down_is_503(void **state)
{
	/* Nobody listens on port 1. */
	static const char *const	env[] = { "STT_BASE_URL=http://127.0.0.1:1",
		NULL };
	struct server			other;
	struct response			r;
	char				id[37], path[512];

	(void)state;
	server_start(&other, NULL, env);
	session_new(other.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(other.port, id, path, "", &r);
	assert_problem(&r, 503, "provider_unavailable");
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	response_free(&r);
	assert_true(eventually(no_upload, &other));
	assert_true(eventually(no_reply_left, &other));
	server_stop(&other);
}

static void
lesser_providers_down_degrade(void **state)
{
	static const char *const	env[] = { "CHAT_BASE_URL=http://127.0.0.1:1",
		"TTS_BASE_URL=http://127.0.0.1:1", NULL };
	struct server			other;
	struct response			r;
	char				id[37], path[512];

	(void)state;
	server_start(&other, NULL, env);
	session_new(other.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(other.port, id, path, "", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr((const char *)r.body, "\"audio_url\":null"));
	assert_non_null(strstr((const char *)r.body,
	    "\"degraded\":[\"chat\",\"tts\"]"));
	assert_true(strlen(response_json(&r, "text")) > 0);
	response_free(&r);
	assert_true(eventually(no_reply_left, &other));
	server_stop(&other);
}

static void
nothing_is_kept_where_nothing_may_be(void **state)
{
	static const char *const	env[] = { "TRANSCRIPT_RETENTION_DAYS=0", NULL };
	struct server			other;
	struct response			r;
	char				id[37], path[512];

	(void)state;
	server_start(&other, NULL, env);
	session_new(other.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(other.port, id, path, "", &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(database_long(other.database,
	    "select count(*) from voicegate.turn where transcript is null "
	    "and reply is null"), 1);
	server_stop(&other);
	assert_false(server_logged(&other, "forward"));
}

static void
repeat_of_a_key_is_the_first_answer(void **state)
{
	struct response	a, b;
	char		id[37], path[512], sql[128];

	(void)state;
	session_new(gateway.port, id);
	fixture(path, sizeof(path), "goforward.wav");
	voice_send(gateway.port, id, path, "Idempotency-Key: k1\r\n", &a);
	voice_send(gateway.port, id, path, "Idempotency-Key: k1\r\n", &b);
	assert_int_equal(a.status, 200);
	assert_int_equal(b.status, 200);
	assert_string_equal(response_json(&a, "audio_url"),
	    response_json(&b, "audio_url"));
	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%s'", id);
	assert_int_equal(database_long(gateway.database, sql), 1);
	response_free(&a);
	response_free(&b);
}

static void
killed_server_leaves_no_upload(void **state)
{
	struct server	other;
	struct voice	v;
	char		path[512];
	int		fd;

	(void)state;
	server_start(&other, NULL, NULL);
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&v, other.port, path, "");
	fd = voice_begin(&v, other.port, v.form_len / 2);
	server_kill(&other);
	(void)close(fd);
	assert_int_equal(server_files(&other, "uploads"), 0);
	voice_free(&v);
}

static bool
a_turn_waits(void *arg)
{
	return (database_long(arg, "select count(*) from pg_stat_activity "
	    "where application_name = 'voicegate' and wait_event_type = 'Lock' "
	    "and query like '%commit_turn%'") > 0);
}

/*
 * An operator has ended sessions, and not yet committed that. Their turns wait
 * for it, and nobody else's; none is lost if it was not meant.
 */
static void
a_session_that_is_held_costs_others_nothing(void **state)
{
	static const char *const	env[] = { "RATE_LIMIT_PER_MINUTE=100000",
		"MAX_CONNECTIONS_PER_CLIENT=0", "WORKERS=1", NULL };
	struct server	one;
	struct response	r;
	struct voice	v[4];
	PGconn		*colleague;
	PGresult	*res;
	char		path[512], id[37];
	int		fd[4], i;

	(void)state;
	server_start(&one, NULL, env);
	fixture(path, sizeof(path), "hello.wav");
	for (i = 0; i < 4; i++)
		voice_make(&v[i], one.port, path, "");
	colleague = PQconnectdb(one.database);
	res = PQexec(colleague, "begin; select count(voicegate.end_session(id)) "
	    "from voicegate.session");
	assert_string_equal(PQgetvalue(res, 0, 0), "4");
	PQclear(res);
	for (i = 0; i < 4; i++)
		fd[i] = voice_begin(&v[i], one.port, v[i].form_len);
	for (i = 0; i < 20; i++) {
		if (!eventually(a_turn_waits, one.database))
			fail_msg("no turn waits for its session");
		session_new(one.port, id);	/* fails unless it is 200 */
	}
	assert_false(server_logged(&one, "database: away"));
	PQclear(PQexec(colleague, "rollback"));
	PQfinish(colleague);
	for (i = 0; i < 4; i++) {
		client_read(fd[i], false, &r);
		assert_true(is_answered_in_full(&r));
		response_free(&r);
		(void)close(fd[i]);
		voice_free(&v[i]);
	}
	assert_int_equal(database_long(one.database,
	    "select count(*) from voicegate.turn"), 4);
	server_stop(&one);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(grief_is_heard_and_answered),
		cmocka_unit_test(every_container_is_understood),
		cmocka_unit_test(reply_plays_until_its_session_ends),
		cmocka_unit_test(malformed_uploads_leave_nothing),
		cmocka_unit_test(missing_parts_are_named),
		cmocka_unit_test(undecodable_audio_is_422),
		cmocka_unit_test(too_large_is_refused_early_and_late),
		cmocka_unit_test(expect_is_answered),
		cmocka_unit_test(client_that_leaves_leaves_nothing),
		cmocka_unit_test(permissions_while_a_request_runs),
		cmocka_unit_test(uploads_are_bounded),
		cmocka_unit_test(provider_down_is_503),
		cmocka_unit_test(lesser_providers_down_degrade),
		cmocka_unit_test(nothing_is_kept_where_nothing_may_be),
		cmocka_unit_test(repeat_of_a_key_is_the_first_answer),
		cmocka_unit_test(killed_server_leaves_no_upload),
		cmocka_unit_test(ended_sessions_leave_no_sound),
		cmocka_unit_test(a_session_that_is_held_costs_others_nothing),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
