/*
 * The endpoints as a client sees them: the real server, real recordings, real
 * sockets.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"

#define STT		"model=pocketsphinx-en-us"
#define CHAT		"\"model\":\"reflective-listener-not-an-llm\""
#define TTS		"\"model\":\"flite-slt\""
#define MARK		"zanzibarmarker"

static struct server	srv;

static int
up(void **state)
{
	static const char *const args[] = { "--workers", "2", "--deadline",
	    "60", "--max-seconds", "60", NULL };

	(void)state;
	server_start(&srv, args);
	return (0);
}

static int
down(void **state)
{
	(void)state;
	return (server_stop(&srv));
}

/* The answer's field: "text", or "error.code". */
static void
field(const struct reply *r, const char *name, char *out, size_t size)
{
	json_t		*root = json_loads(r->body, 0, NULL);
	const json_t	*v = root;
	const char	*dot = strchr(name, '.');
	char		 first[32];

	out[0] = '\0';
	if (dot != NULL) {
		(void)snprintf(first, sizeof(first), "%.*s", (int)(dot - name),
		    name);
		v = json_object_get(v, first);
		name = dot + 1;
	}
	v = json_object_get(v, name);
	if (json_is_string(v))
		(void)snprintf(out, size, "%s", json_string_value(v));
	json_decref(root);
}

/* Checks status and, when there is one, the error's code; frees the reply. */
static void
refused(struct reply r, int status, const char *code)
{
	char	got[64], message[256];

	field(&r, "error.code", got, sizeof(got));
	field(&r, "error.message", message, sizeof(message));
	if (r.status != status || strcmp(got, code) != 0)
		print_error("wanted %d %s, got %d %s\n", status, code, r.status,
		    r.body);
	assert_int_equal(r.status, status);
	assert_string_equal(got, code);
	assert_true(message[0] != '\0');
	reply_free(&r);
}

static void
heard(struct reply r, const char *words)
{
	char	text[1024];

	if (r.status != 200)
		print_error("%s\n", r.body);
	assert_int_equal(r.status, 200);
	field(&r, "text", text, sizeof(text));
	assert_string_equal(text, words);
	reply_free(&r);
}

static void
health_and_models(void **state)
{
	struct reply	r = get(&srv, "/health");
	char		status[16];

	(void)state;
	assert_int_equal(r.status, 200);
	field(&r, "status", status, sizeof(status));
	assert_string_equal(status, "ok");
	reply_free(&r);
	r = get(&srv, "/v1/models");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "\"pocketsphinx-en-us\""));
	assert_non_null(strstr(r.body, "\"reflective-listener-not-an-llm\""));
	assert_non_null(strstr(r.body, "\"flite-slt\""));
	reply_free(&r);
}

static void
a_person_is_understood_in_every_container(void **state)
{
	static const char *const names[] = { "goforward.wav", "goforward.mp3",
	    "goforward.webm", "goforward.stream.webm", "goforward.vorbis.ogg",
	    "goforward.opus.ogg", "goforward.m4a", "goforward.fragment.m4a",
	    "goforward.stereo.wav", "goforward.flac.ogg",
	    "goforward.speex.ogg", "goforward.f64.wav", "goforward.ms.wav",
	    "goforward.ima.wav", "goforward.rf64.wav", "goforward.tags.mp3" };
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		heard(transcribe_file(&srv, names[i], STT),
		    "go forward ten meters");
}

/* The duration that the server found. */
static double
seconds_of(const char *name)
{
	struct reply	 r = transcribe_file(&srv, name, STT
			    "&response_format=verbose_json");
	json_t		*root = json_loads(r.body, 0, NULL);
	double		 s = json_number_value(json_object_get(root,
			    "duration"));

	json_decref(root);
	reply_free(&r);
	return (s);
}

static void
no_container_loses_a_part(void **state)
{
	static const char *const names[] = { "goforward.wav", "goforward.mp3",
	    "goforward.webm", "goforward.vorbis.ogg", "goforward.opus.ogg",
	    "goforward.m4a", "goforward.fragment.m4a", "goforward.stereo.wav",
	    "goforward.flac.ogg", "goforward.speex.ogg", "goforward.f64.wav",
	    "goforward.ms.wav", "goforward.ima.wav", "goforward.rf64.wav" };
	double	s;
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		s = seconds_of(names[i]);
		if (s < 2.77 || s > 2.84)
			print_error("%s: %f s\n", names[i], s);
		assert_true(s >= 2.77 && s <= 2.84);
	}
}

static void
a_synthetic_voice_is_understood(void **state)
{
	struct reply	r = transcribe_file(&srv, "hello.wav", STT);

	(void)state;
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "father"));
	assert_true(strstr(r.body, "sad") != NULL ||
	    strstr(r.body, "died") != NULL);
	reply_free(&r);
}

static void
the_same_recording_is_always_heard_the_same(void **state)
{
	struct reply	a, b;
	int		i;

	(void)state;
	a = transcribe_file(&srv, "hello.wav", STT);
	for (i = 0; i < 3; i++) {
		reply_free(&a);
		a = transcribe_file(&srv, "goforward.wav", STT);
		b = transcribe_file(&srv, "goforward.wav", STT);
		assert_string_equal(a.body, b.body);
		reply_free(&b);
	}
	reply_free(&a);
}

static void
response_formats(void **state)
{
	struct reply	r;

	(void)state;
	r = transcribe_file(&srv, "goforward.wav", STT
	    "&response_format=text&language=en&temperature=0&prompt=x");
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "go forward ten meters\n");
	assert_non_null(strcasestr(r.head, "content-type: text/plain"));
	reply_free(&r);
	r = transcribe_file(&srv, "goforward.wav", STT
	    "&response_format=verbose_json");
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "\"task\":\"transcribe\""));
	assert_non_null(strstr(r.body, "\"duration\":2."));
	reply_free(&r);
	refused(transcribe_file(&srv, "goforward.wav", STT
	    "&response_format=srt"), 400, "unsupported_format");
}

static void
silence_hum_and_noise_say_nothing(void **state)
{
	(void)state;
	heard(transcribe_file(&srv, "silence.wav", STT), "");
	heard(transcribe_file(&srv, "hum.wav", STT), "");
	heard(transcribe_file(&srv, "noise.wav", STT), "");
}

static void
wrong_fields_are_refused(void **state)
{
	size_t	 len;
	char	*wav = fixture("goforward.wav", &len), big[400];

	(void)state;
	refused(transcribe(&srv, wav, len, ""), 400, "missing_model");
	refused(transcribe(&srv, wav, len, "model="), 400, "missing_model");
	refused(transcribe(&srv, wav, len, "model=whisper-1"), 404,
	    "model_not_found");
	refused(transcribe(&srv, NULL, 0, STT), 400, "missing_file");
	refused(transcribe(&srv, "", 0, STT), 400, "empty_file");
	refused(transcribe(&srv, wav, len, STT "&file=x"), 400,
	    "duplicate_file");
	refused(transcribe(&srv, wav, len, STT "&language=de"), 400,
	    "unsupported_language");
	(void)snprintf(big, sizeof(big), "model=%0300d", 7);
	refused(transcribe(&srv, wav, len, big), 400, "invalid_field");
	free(wav);
}

static void
what_is_no_audio_is_undecodable(void **state)
{
	char	noise[5000];
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * i * 31 + i / 7);
	refused(transcribe(&srv, noise, sizeof(noise), STT), 422,
	    "audio_undecodable");
	refused(transcribe(&srv, "x", 1, STT), 422, "audio_undecodable");
	/* The right first bytes, and nothing right after them. */
	memcpy(noise, "RIFFxxxxWAVE", 12);
	refused(transcribe(&srv, noise, sizeof(noise), STT), 422,
	    "audio_undecodable");
	memcpy(noise, "\x1a\x45\xdf\xa3", 4);
	refused(transcribe(&srv, noise, sizeof(noise), STT), 422,
	    "audio_undecodable");
	memcpy(noise, "\0\0\0\x20" "ftypM4A ", 12);
	refused(transcribe(&srv, noise, sizeof(noise), STT), 422,
	    "audio_undecodable");
	memcpy(noise, "OggS\0\2", 6);
	refused(transcribe(&srv, noise, sizeof(noise), STT), 422,
	    "audio_undecodable");
	refused(transcribe_file(&srv, "picture.wav", STT), 422,
	    "audio_undecodable");
}

/* Cut anywhere: answered, one way or the other, and never with a 500. */
static void
truncated_recordings_are_answered(void **state)
{
	static const char *const names[] = { "goforward.wav", "goforward.mp3",
	    "goforward.webm", "goforward.vorbis.ogg", "goforward.opus.ogg",
	    "goforward.m4a", "goforward.fragment.m4a" };
	static const size_t	percent[] = { 1, 10, 50, 99 };
	struct reply		r;
	size_t			i, k, len;
	char			*data;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		data = fixture(names[i], &len);
		for (k = 0; k < sizeof(percent) / sizeof(percent[0]); k++) {
			r = transcribe(&srv, data, len * percent[k] / 100, STT);
			if (r.status != 200 && r.status != 422)
				print_error("%s: %d\n", names[i], r.status);
			assert_true(r.status == 200 || r.status == 422);
			reply_free(&r);
		}
		free(data);
	}
}

static void
a_small_file_of_endless_audio_is_refused(void **state)
{
	long long	start = now_ms();

	(void)state;
	refused(transcribe_file(&srv, "bomb.ogg", STT), 422, "audio_too_long");
	assert_true(now_ms() - start < may_take(5000 * SLOWNESS));
}

static void
malformed_multipart_is_refused(void **state)
{
	static const char	open_end[] = "--XX\r\nContent-Disposition: "
	    "form-data; name=\"file\"\r\n\r\nabc";
	static const char	other[] = "--YY\r\nContent-Disposition: "
	    "form-data; name=\"file\"\r\n\r\nabc\r\n--YY--\r\n";
	static const char *const	bodies[] = { "", "no boundary here",
	    open_end, other };
	struct reply	r;
	char		req[600];
	size_t		i;
	int		n;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		n = snprintf(req, sizeof(req), "POST /v1/audio/transcriptions "
		    "HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
		    "multipart/form-data; boundary=XX\r\nContent-Length: "
		    "%zu\r\n\r\n%s", strlen(bodies[i]), bodies[i]);
		r = call_finish(call_start(&srv, req, (size_t)n));
		assert_int_equal(r.status, 400);
		reply_free(&r);
	}
	refused(post_json(&srv, "/v1/audio/transcriptions", "{}"), 415,
	    "unsupported_media_type");
}

static void
too_large_a_body_is_refused_before_and_while_it_comes(void **state)
{
	static const char	part[] = "--XX\r\nContent-Disposition: "
	    "form-data; name=\"file\"\r\n\r\n";
	char		req[512], *big;
	size_t		size = 13u * 1024u * 1024u, i, n = 0;
	const size_t	chunk = 65536;

	(void)state;
	/* Announced, and waited for: before a byte of it is sent. */
	n = (size_t)snprintf(req, sizeof(req), "POST /v1/audio/transcriptions "
	    "HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; "
	    "boundary=XX\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n"
	    "\r\n", size);
	refused(call_finish(call_start(&srv, req, n)), 413, "body_too_large");
	/* Announced and sent: the client still reads the answer. */
	big = calloc(1, size + 400000);
	assert_non_null(big);
	refused(transcribe(&srv, big, size, STT), 413, "body_too_large");
	/* Not announced. */
	n = (size_t)sprintf(big, "POST /v1/audio/transcriptions HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nContent-Type: multipart/form-data; "
	    "boundary=XX\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "%zx\r\n%s\r\n", sizeof(part) - 1, part);
	for (i = 0; i < size / chunk; i++) {
		n += (size_t)sprintf(big + n, "%zx\r\n", chunk);
		memset(big + n, 'a', chunk);
		n += chunk;
		n += (size_t)sprintf(big + n, "\r\n");
	}
	n += (size_t)sprintf(big + n, "0\r\n\r\n");
	refused(call_finish(call_start(&srv, big, n)), 413, "body_too_large");
	free(big);
}

static void
other_paths_and_methods_are_refused(void **state)
{
	struct reply	r;

	(void)state;
	refused(get(&srv, "/"), 404, "not_found");
	refused(get(&srv, "/v1/audio/transcriptions/"), 404, "not_found");
	r = get(&srv, "/v1/audio/speech");
	assert_non_null(strcasestr(r.head, "allow: POST"));
	refused(r, 405, "method_not_allowed");
	refused(post_json(&srv, "/health", "{}"), 405, "method_not_allowed");
}

static void
pages_in_a_browser_may_not_ask(void **state)
{
	static const char	origin[] = "GET /v1/models HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nOrigin: http://localhost\r\n\r\n";
	static const char	rebound[] = "GET /v1/models HTTP/1.1\r\n"
	    "Host: attacker.test\r\n\r\n";
	static const char	looks[] = "GET /v1/models HTTP/1.1\r\n"
	    "Host: 127.0.0.1.attacker.test\r\n\r\n";

	(void)state;
	refused(call_finish(call_start(&srv, origin, sizeof(origin) - 1)), 403,
	    "not_local");
	refused(call_finish(call_start(&srv, rebound, sizeof(rebound) - 1)),
	    403, "not_local");
	refused(call_finish(call_start(&srv, looks, sizeof(looks) - 1)), 403,
	    "not_local");
}

static void
chat_answers_to_the_words(void **state)
{
	struct reply	r = post_json(&srv, "/v1/chat/completions", "{" CHAT
	    ",\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"I miss my father\"}]}]}");

	(void)state;
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "\"object\":\"chat.completion\""));
	assert_non_null(strstr(r.body, "\"finish_reason\":\"stop\""));
	assert_non_null(strstr(r.body, "ou miss your father"));
	assert_non_null(strstr(r.body, "\"total_tokens\":"));
	reply_free(&r);
}

static void
chat_refuses_what_is_wrong(void **state)
{
	static const char *const messages[] = { "", ",\"messages\":[]",
	    ",\"messages\":\"hi\"", ",\"messages\":[\"hi\"]",
	    ",\"messages\":[{\"role\":\"user\"}]",
	    ",\"messages\":[{\"role\":\"user\",\"content\":7}]",
	    ",\"messages\":[{\"role\":\"pope\",\"content\":\"hi\"}]",
	    ",\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}]" };
	char	body[512];
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		(void)snprintf(body, sizeof(body), "{" CHAT "%s}",
		    messages[i]);
		refused(post_json(&srv, "/v1/chat/completions", body), 400,
		    "invalid_messages");
	}
	refused(post_json(&srv, "/v1/chat/completions", "{\"messages\":[]}"),
	    400, "missing_model");
	refused(post_json(&srv, "/v1/chat/completions",
	    "{\"model\":\"gpt-4o\"}"), 404, "model_not_found");
	refused(post_json(&srv, "/v1/chat/completions", "{" CHAT
	    ",\"stream\":true}"), 400, "unsupported");
	refused(post_json(&srv, "/v1/chat/completions", "[1]"), 400,
	    "invalid_json");
	refused(post_json(&srv, "/v1/chat/completions", "{"), 400,
	    "invalid_json");
	refused(post_json(&srv, "/v1/chat/completions", ""), 400,
	    "invalid_json");
	refused(post_json(&srv, "/v1/chat/completions",
	    "{\"model\":\"\xff\"}"), 400, "invalid_json");
}

static unsigned int
get32(const char *p)
{
	unsigned char	b[4];

	memcpy(b, p, 4);
	return (b[0] | (unsigned)b[1] << 8 | (unsigned)b[2] << 16 |
	    (unsigned)b[3] << 24);
}

/* A WAV whose lengths are exact; its seconds. */
static double
wav_seconds(const struct reply *r)
{
	assert_int_equal(r->status, 200);
	assert_non_null(strcasestr(r->head, "content-type: audio/wav"));
	assert_true(r->len > 44);
	assert_memory_equal(r->body, "RIFF", 4);
	assert_memory_equal(r->body + 8, "WAVEfmt ", 8);
	assert_int_equal(get32(r->body + 4), r->len - 8);
	assert_int_equal(get32(r->body + 40), r->len - 44);
	return ((double)(r->len - 44) / get32(r->body + 28));
}

static void
speech_is_a_wav_that_is_understood(void **state)
{
	struct reply	r = post_json(&srv, "/v1/audio/speech", "{" TTS
	    ",\"input\":\"Hello, my father has died.\",\"voice\":\"slt\","
	    "\"response_format\":\"wav\"}");
	struct reply	t;
	double		s = wav_seconds(&r);

	(void)state;
	assert_true(s > 1.0 && s < 4.0);
	t = transcribe(&srv, r.body, r.len, STT);
	assert_int_equal(t.status, 200);
	assert_non_null(strstr(t.body, "father"));
	reply_free(&r);
	reply_free(&t);
}

static void
speed_changes_the_length(void **state)
{
	struct reply	slow, fast;

	(void)state;
	slow = post_json(&srv, "/v1/audio/speech", "{" TTS
	    ",\"input\":\"One two three four five.\",\"speed\":0.5}");
	fast = post_json(&srv, "/v1/audio/speech", "{" TTS
	    ",\"input\":\"One two three four five.\",\"speed\":2}");
	assert_true(wav_seconds(&slow) > 2.5 * wav_seconds(&fast));
	reply_free(&slow);
	reply_free(&fast);
}

static void
typographic_and_foreign_text_is_spoken(void **state)
{
	struct reply	r = post_json(&srv, "/v1/audio/speech", "{" TTS
	    ",\"input\":\"It\\u2019s \\u201cfine\\u201d \\u2014 really\\u2026 "
	    "caf\\u00e9 \\ud83d\\ude00\"}");

	(void)state;
	assert_true(wav_seconds(&r) > 1.0);
	reply_free(&r);
	/* Nothing in it can be spoken: a WAV of silence, not an error. */
	r = post_json(&srv, "/v1/audio/speech", "{" TTS
	    ",\"input\":\"\\ud83d\\ude00\"}");
	assert_int_equal(r.status, 200);
	reply_free(&r);
}

static void
the_longest_text_without_a_full_stop_is_spoken(void **state)
{
	static char	body[8192];
	struct reply	r;
	size_t		i, n;

	(void)state;
	n = (size_t)sprintf(body, "{" TTS ",\"input\":\"");
	for (i = 0; i < 4096; i++)
		body[n++] = "lorem ipsum dolor "[i % 18];
	(void)sprintf(body + n, "\"}");
	r = post_json(&srv, "/v1/audio/speech", body);
	assert_true(wav_seconds(&r) > 60);
	reply_free(&r);
	body[n] = 'x';
	(void)sprintf(body + n + 1, "\"}");
	refused(post_json(&srv, "/v1/audio/speech", body), 400,
	    "invalid_input");
}

static void
speech_refuses_what_is_wrong(void **state)
{
	static const char *const bad[][2] = {
		{ "", "invalid_input" }, { ",\"input\":\"\"", "invalid_input" },
		{ ",\"input\":7", "invalid_input" },
		{ ",\"input\":\"a\",\"voice\":\"alloy\"", "unknown_voice" },
		{ ",\"input\":\"a\",\"response_format\":\"mp4\"",
		    "unsupported_format" },
		{ ",\"input\":\"a\",\"speed\":0.1", "invalid_speed" },
		{ ",\"input\":\"a\",\"speed\":5", "invalid_speed" },
		{ ",\"input\":\"a\",\"speed\":\"1\"", "invalid_speed" },
	};
	char	body[256];
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(body, sizeof(body), "{" TTS "%s}", bad[i][0]);
		refused(post_json(&srv, "/v1/audio/speech", body), 400,
		    bad[i][1]);
	}
	refused(post_json(&srv, "/v1/audio/speech", "{\"model\":\"tts-1\","
	    "\"input\":\"a\"}"), 404, "model_not_found");
}

/* Whether the server has read all that was sent to it: the kernel's table. */
static int
all_is_read(int sock)
{
	struct sockaddr_in	here, there;
	socklen_t		len = sizeof(here);
	unsigned int		local, remote, rx;
	char			line[256];
	FILE			*f = fopen("/proc/net/tcp", "r");
	int			all = 0;

	assert_non_null(f);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&here, &len), 0);
	len = sizeof(there);
	assert_int_equal(getpeername(sock, (struct sockaddr *)&there, &len), 0);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " %*u: %*x:%x %*x:%x %*x %*x:%x", &local,
		    &remote, &rx) == 3 && local == ntohs(there.sin_port) &&
		    remote == ntohs(here.sin_port))
			all = rx == 0;
	}
	(void)fclose(f);
	return (all);
}

static void
it_does_not_matter_where_a_form_is_cut(void **state)
{
	static const char	body[] = "--XX\r\nContent-Disposition: form-data; "
	    "name=\"file\"; filename=\"a\"\r\n\r\nno audio at all\r\n"
	    "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
	    "pocketsphinx-en-us\r\n--XX--\r\n";
	struct call		c;
	char			req[1024];
	long long		begun;
	size_t			cut, n;
	int			head, one = 1;

	(void)state;
	head = snprintf(req, sizeof(req), "POST /v1/audio/transcriptions "
	    "HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: "
	    "multipart/form-data; boundary=XX\r\nContent-Length: %zu\r\n\r\n%s",
	    srv.port, sizeof(body) - 1, body) - (int)sizeof(body) + 1;
	n = (size_t)head + sizeof(body) - 1;
	for (cut = (size_t)head; cut < n; cut++) {
		c = call_start(&srv, req, cut);
		(void)setsockopt(c.sock, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		begun = now_ms();
		while (!all_is_read(c.sock))
			assert_true(patience(begun));
		assert_int_equal(send(c.sock, req + cut, n - cut,
		    MSG_NOSIGNAL), (ssize_t)(n - cut));
		refused(call_finish(c), 422, "audio_undecodable");
	}
}

static void
a_connection_serves_many_requests(void **state)
{
	static const char	one[] = "GET /health HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\n\r\n";
	struct call		c = call_start(&srv, one, sizeof(one) - 1);
	struct call		again;
	struct reply		r;
	int			i, fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		fd = dup(c.sock);
		again.sock = c.sock;
		r = call_finish(again);	/* closes one of the two */
		assert_int_equal(r.status, 200);
		reply_free(&r);
		c.sock = fd;
		assert_true(send(c.sock, one, sizeof(one) - 1, MSG_NOSIGNAL) >
		    0);
	}
	r = call_finish(c);
	assert_int_equal(r.status, 200);
	reply_free(&r);
}

static void
the_log_has_no_word_of_it(void **state)
{
	struct reply	r;
	char		*log, *p;

	(void)state;
	r = post_json(&srv, "/v1/chat/completions?" MARK "=1", "{" CHAT
	    ",\"messages\":[{\"role\":\"user\",\"content\":\"" MARK "\"}]}");
	reply_free(&r);
	r = post_json(&srv, "/v1/audio/speech", "{" TTS ",\"input\":\"" MARK
	    "\"}");
	reply_free(&r);
	r = get(&srv, "/" MARK);
	assert_null(strstr(r.body, MARK));
	reply_free(&r);
	r = transcribe_file(&srv, "goforward.wav", "model=" MARK);
	assert_null(strstr(r.body, MARK));
	reply_free(&r);
	r = transcribe_file(&srv, "goforward.wav", STT);
	reply_free(&r);
	log = server_log(&srv);
	assert_non_null(log);
	for (p = log; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	assert_null(strstr(log, MARK));
	assert_null(strstr(log, "forward"));
	assert_null(strstr(log, "meters"));
	assert_non_null(strstr(log, "/v1/audio/transcriptions 200"));
	free(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_and_models),
		cmocka_unit_test(a_person_is_understood_in_every_container),
		cmocka_unit_test(no_container_loses_a_part),
		cmocka_unit_test(a_synthetic_voice_is_understood),
		cmocka_unit_test(the_same_recording_is_always_heard_the_same),
		cmocka_unit_test(response_formats),
		cmocka_unit_test(silence_hum_and_noise_say_nothing),
		cmocka_unit_test(wrong_fields_are_refused),
		cmocka_unit_test(what_is_no_audio_is_undecodable),
		cmocka_unit_test(truncated_recordings_are_answered),
		cmocka_unit_test(a_small_file_of_endless_audio_is_refused),
		cmocka_unit_test(malformed_multipart_is_refused),
		cmocka_unit_test(
		    too_large_a_body_is_refused_before_and_while_it_comes),
		cmocka_unit_test(other_paths_and_methods_are_refused),
		cmocka_unit_test(pages_in_a_browser_may_not_ask),
		cmocka_unit_test(chat_answers_to_the_words),
		cmocka_unit_test(chat_refuses_what_is_wrong),
		cmocka_unit_test(speech_is_a_wav_that_is_understood),
		cmocka_unit_test(speed_changes_the_length),
		cmocka_unit_test(typographic_and_foreign_text_is_spoken),
		cmocka_unit_test(the_longest_text_without_a_full_stop_is_spoken),
		cmocka_unit_test(speech_refuses_what_is_wrong),
		cmocka_unit_test(it_does_not_matter_where_a_form_is_cut),
		cmocka_unit_test(a_connection_serves_many_requests),
		cmocka_unit_test(the_log_has_no_word_of_it),
	};

	return (cmocka_run_group_tests(tests, up, down));
}
