/* The page and its files: a policy without exceptions, and what may be kept. */

#include "wire.h"

#define NONCE_LEN	22
#define FILES_MAX	32
#define PATH_SIZE	128

static const char	api_policy[] = "default-src 'none'; frame-ancestors 'none'";

/* What belongs to everyone's page and to no API. */
static void
assert_plain(const struct response *r)
{
	assert_security(r);
	assert_false(response_has(r, "access-control-allow-origin"));
	assert_false(response_has(r, "ratelimit"));
}

/* The nonce of a policy; it must be the same wherever the policy has one. */
static void
policy_nonce(const struct response *r, char nonce[NONCE_LEN + 1])
{
	static const char	mark[] = "'nonce-";
	char			policy[8192];
	const char		*p = policy;

	(void)snprintf(policy, sizeof(policy), "%s",
	    response_field(r, "content-security-policy"));
	nonce[0] = '\0';
	while ((p = strstr(p, mark)) != NULL) {
		p += sizeof(mark) - 1;
		assert_int_equal(strcspn(p, "'"), NONCE_LEN);
		if (nonce[0] != '\0')
			assert_memory_equal(nonce, p, NONCE_LEN);
		memcpy(nonce, p, NONCE_LEN);
		nonce[NONCE_LEN] = '\0';
	}
	assert_int_equal(strlen(nonce), NONCE_LEN);
	assert_int_equal(strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_"), NONCE_LEN);
}

static void
get_page(int port, struct response *r)
{
	client_ask(port, "GET", "/", "", r);
	assert_int_equal(r->status, 200);
}

/* The paths under /assets/ that TEXT names; how many. */
static size_t
references(const char *text, char paths[FILES_MAX][PATH_SIZE])
{
	const char	*p = text;
	size_t		n = 0, len;

	while ((p = strstr(p, "/assets/")) != NULL) {
		len = strcspn(p, "\"')");
		assert_true(n < FILES_MAX && len < PATH_SIZE);
		memcpy(paths[n], p, len);
		paths[n++][len] = '\0';
		p += len;
	}
	return (n);
}

/* A path of the page's files whose name begins with WORD. */
static void
asset_path(const char *word, char path[PATH_SIZE])
{
	char		paths[FILES_MAX][PATH_SIZE], start[PATH_SIZE];
	struct response	r;
	size_t		i, n;

	get_page(gateway.port, &r);
	n = references((const char *)r.body, paths);
	(void)snprintf(start, sizeof(start), "/assets/%s.", word);
	for (i = 0; i < n; i++) {
		if (!strncmp(paths[i], start, strlen(start)))
			break;
	}
	if (i == n)
		fail_msg("the page does not refer to %s", word);
	memcpy(path, paths[i], PATH_SIZE);
	response_free(&r);
}

/* What COMMAND (its input is a file of these bytes) prints. */
static size_t
filter(const char *command, const uint8_t *bytes, size_t len, char *out,
    size_t size)
{
	char	path[300], line[700];
	FILE	*fp;
	size_t	n;

	(void)snprintf(path, sizeof(path), "%s/page-%d", getenv("TEST_TMP"),
	    getpid());
	assert_non_null(fp = fopen(path, "wb"));
	assert_int_equal(fwrite(bytes, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	(void)snprintf(line, sizeof(line), "cat %s | %s", path, command);
	assert_non_null(fp = popen(line, "r"));
	n = fread(out, 1, size - 1, fp);
	out[n] = '\0';
	assert_int_equal(pclose(fp), 0);
	(void)unlink(path);
	return (n);
}

static void
policy_has_no_exception(void **state)
{
	static const char *const	never[] = { "unsafe-inline", "unsafe-eval",
		"unsafe-hashes", "wasm-unsafe-eval", "http:", "https:", "data:",
		"*" };
	static const char *const	always[] = { "default-src 'none'",
		"'strict-dynamic'", "base-uri 'none'", "form-action 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'",
		"trusted-types 'none'", "report-uri /api/csp-report",
		"report-to csp" };
	struct response			r;
	const char			*policy;
	size_t				i;

	(void)state;
	get_page(gateway.port, &r);
	assert_plain(&r);
	policy = response_field(&r, "content-security-policy");
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (strstr(policy, never[i]) != NULL)
			fail_msg("the policy has %s", never[i]);
	}
	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (strstr(policy, always[i]) == NULL)
			fail_msg("the policy lacks %s", always[i]);
	}
	assert_string_equal(response_field(&r, "reporting-endpoints"),
	    "csp=\"/api/csp-report\"");
	assert_string_equal(response_field(&r, "content-type"),
	    "text/html; charset=utf-8");
	assert_string_equal(response_field(&r, "cache-control"),
	    "private, no-cache");
	assert_null(strstr((const char *)r.body, " style="));
	assert_null(strstr((const char *)r.body, "<style"));
	response_free(&r);
}

static void
nonce_is_fresh_and_is_the_one_in_the_page(void **state)
{
	enum { ROUNDS = 50 };
	char		seen[ROUNDS][NONCE_LEN + 1], want[64];
	struct response	r;
	const char	*p;
	int		i, j, used;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		get_page(gateway.port, &r);
		policy_nonce(&r, seen[i]);
		for (j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
		(void)snprintf(want, sizeof(want), "nonce=\"%.*s\"", NONCE_LEN,
		    seen[i]);
		used = 0;
		p = (const char *)r.body;
		while ((p = strstr(p, "nonce=\"")) != NULL) {
			assert_memory_equal(p, want, strlen(want));
			p += strlen(want);
			used++;
		}
		assert_true(used > 0);
		/* Each script has it: none would run else. */
		assert_null(strstr((const char *)r.body, "<script>"));
		response_free(&r);
	}
}

static void
no_placeholder_is_left(void **state)
{
	static const char *const	env[] = { "AUDIO_TTL_HOURS=7",
		"TRANSCRIPT_RETENTION_DAYS=0", NULL };
	struct server			other;
	struct response			r, again;

	(void)state;
	get_page(gateway.port, &r);
	assert_null(strstr((const char *)r.body, "{{"));
	assert_non_null(strstr((const char *)r.body,
	    "audio-hours=24 transcript-days=30"));
	server_start(&other, NULL, env);
	get_page(other.port, &again);
	assert_null(strstr((const char *)again.body, "{{"));
	assert_non_null(strstr((const char *)again.body,
	    "audio-hours=7 transcript-days=0"));
	/* A page that says something else has another tag. */
	assert_memory_not_equal(response_field(&r, "etag"),
	    response_field(&again, "etag"), 17);
	response_free(&r);
	response_free(&again);
	server_stop(&other);
}

static void
revalidated_page_keeps_its_nonce(void **state)
{
	char		etag[128], fields[300], nonce[NONCE_LEN + 1];
	char		kept[NONCE_LEN + 1];
	struct response	r;

	(void)state;
	get_page(gateway.port, &r);
	policy_nonce(&r, kept);
	(void)snprintf(etag, sizeof(etag), "%s", response_field(&r, "etag"));
	response_free(&r);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", etag);
	client_ask(gateway.port, "GET", "/", fields, &r);
	assert_int_equal(r.status, 304);
	assert_int_equal(r.body_len, 0);
	assert_plain(&r);
	policy_nonce(&r, nonce);
	assert_string_equal(nonce, kept);
	assert_string_equal(response_field(&r, "etag"), etag);
	assert_string_equal(response_field(&r, "cache-control"),
	    "private, no-cache");
	response_free(&r);
}

/* Whatever is not exactly a tag of ours gets a page and a fresh nonce. */
static void
foreign_tags_choose_no_nonce(void **state)
{
	static const char *const	tails[] = { "AAAAAAAAAAAAAAAAAAAAA\"",
		"AAAAAAAAAAAAAAAAAAAAAAA\"", "AAAAAAAAAAAAAAAAAAAAA'\"",
		"AAAAAAAAAAAAAAAAAAAAA;\"", "AAAAAAAAAAAAAAAAAAAAA \"",
		"AAAAAAAAAAAAAAAAAAAAA%\"", "AAAAAAAAAAAAAAAAAAAAAA'",
		"AAAAAAAAAAAAAAAAAAAAAA\", \"x\"", "\"", "" };
	char				fields[300], nonce[NONCE_LEN + 1];
	char				tag[18];
	struct response			r;
	size_t				i;

	(void)state;
	get_page(gateway.port, &r);
	(void)snprintf(tag, sizeof(tag), "%s", response_field(&r, "etag"));
	response_free(&r);
	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(fields, sizeof(fields), "If-None-Match: %s-%s\r\n",
		    tag, tails[i]);
		client_ask(gateway.port, "GET", "/", fields, &r);
		if (r.status != 200)
			fail_msg("%d for the tail %s", r.status, tails[i]);
		policy_nonce(&r, nonce);
		assert_memory_not_equal(nonce, "AAAAAAAAAA", 10);
		response_free(&r);
	}
	client_ask(gateway.port, "GET", "/", "If-None-Match: "
	    "\"0000000000000000-AAAAAAAAAAAAAAAAAAAAAA\"\r\n", &r);
	assert_int_equal(r.status, 200);
	policy_nonce(&r, nonce);
	assert_string_not_equal(nonce, "AAAAAAAAAAAAAAAAAAAAAA");
	response_free(&r);
}

static void
head_is_get_without_content(void **state)
{
	char		path[PATH_SIZE];
	struct response	get, head;
	const char	*const paths[] = { "/", path };
	size_t		i;

	(void)state;
	asset_path("main", path);
	for (i = 0; i < 2; i++) {
		client_ask(gateway.port, "GET", paths[i], "", &get);
		client_ask(gateway.port, "HEAD", paths[i], "", &head);
		assert_int_equal(head.status, 200);
		assert_int_equal(head.body_len, 0);
		assert_plain(&head);
		assert_int_equal(strtoul(response_field(&head, "content-length"),
		    NULL, 10), get.body_len);
		assert_string_equal(response_field(&head, "content-type"),
		    response_field(&get, "content-type"));
		response_free(&get);
		response_free(&head);
	}
}

static void
refusals_have_the_policy_of_the_api(void **state)
{
	char		path[PATH_SIZE];
	const char	*const paths[] = { "/", path };
	struct response	r;
	size_t		i;

	(void)state;
	asset_path("main", path);
	for (i = 0; i < 2; i++) {
		client_post(gateway.port, paths[i], "", NULL, NULL, 0, &r);
		assert_problem(&r, 405, "method_not_allowed");
		assert_plain(&r);
		assert_string_equal(response_field(&r, "allow"),
		    "GET, HEAD, OPTIONS");
		assert_string_equal(response_field(&r, "cache-control"),
		    "no-store");
		assert_string_equal(response_field(&r,
		    "content-security-policy"), api_policy);
		response_free(&r);
	}
}

static const struct {
	const char	*ext;
	const char	*type;
} types[] = {
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
	{ ".webmanifest", "application/manifest+json" }
};

static const char *
type_of(const char *path)
{
	size_t	i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(strrchr(path, '.'), types[i].ext))
			return (types[i].type);
	}
	fail_msg("no type for %s", path);
	return ("");
}

/* One file: as it is and as gzip, by its tags; and what it refers to. */
static void
check_asset(const char *path)
{
	static char	plain[262144];
	char		inner[FILES_MAX][PATH_SIZE], fields[300], etag[2][64];
	struct response	as_is, gzip, r;
	size_t		i, n;

	client_ask(gateway.port, "GET", path, "", &as_is);
	if (as_is.status != 200)
		fail_msg("%d for %s", as_is.status, path);
	client_ask(gateway.port, "GET", path, "Accept-Encoding: gzip, br\r\n",
	    &gzip);
	assert_int_equal(gzip.status, 200);
	assert_false(response_has(&as_is, "content-encoding"));
	assert_string_equal(response_field(&gzip, "content-encoding"), "gzip");
	assert_true(gzip.body_len < as_is.body_len);
	n = filter("gzip -dc", gzip.body, gzip.body_len, plain, sizeof(plain));
	assert_int_equal(n, as_is.body_len);
	assert_memory_equal(plain, as_is.body, n);
	for (i = 0; i < 2; i++) {
		const struct response	*a = i == 0 ? &as_is : &gzip;

		assert_plain(a);
		assert_string_equal(response_field(a, "content-type"),
		    type_of(path));
		assert_string_equal(response_field(a, "cache-control"),
		    "public, max-age=31536000, immutable");
		assert_string_equal(response_field(a, "vary"), "Accept-Encoding");
		(void)snprintf(etag[i], sizeof(etag[i]), "%s",
		    response_field(a, "etag"));
		assert_int_equal(etag[i][0], '"');
		(void)snprintf(fields, sizeof(fields), "If-None-Match: \"x\", "
		    "%s\r\n%s", etag[i], i == 0 ? "" :
		    "Accept-Encoding: gzip\r\n");
		client_ask(gateway.port, "GET", path, fields, &r);
		assert_int_equal(r.status, 304);
		assert_int_equal(r.body_len, 0);
		assert_string_equal(response_field(&r, "etag"), etag[i]);
		assert_string_equal(response_field(&r, "vary"),
		    "Accept-Encoding");
		assert_string_equal(response_field(&r, "cache-control"),
		    "public, max-age=31536000, immutable");
		response_free(&r);
	}
	/* Strong tags: two representations, two tags. */
	assert_string_not_equal(etag[0], etag[1]);
	n = references((const char *)as_is.body, inner);
	for (i = 0; i < n; i++) {
		client_ask(gateway.port, "HEAD", inner[i], "", &r);
		if (r.status != 200)
			fail_msg("%s refers to %s: %d", path, inner[i], r.status);
		response_free(&r);
	}
	response_free(&as_is);
	response_free(&gzip);
}

static void
files_are_kept_for_ever(void **state)
{
	char		paths[FILES_MAX][PATH_SIZE];
	struct response	r;
	size_t		i, n;

	(void)state;
	get_page(gateway.port, &r);
	n = references((const char *)r.body, paths);
	assert_int_equal(n, 4);	/* icon, manifest, style, script */
	response_free(&r);
	for (i = 0; i < n; i++)
		check_asset(paths[i]);
}

static void
integrity_is_that_of_the_file_as_it_is_sent(void **state)
{
	static const char	mark[] = "integrity=\"sha384-";
	char			path[FILES_MAX][PATH_SIZE], line[1024], hash[256];
	struct response		page, r;
	const char		*p;
	size_t			n = 0, len;

	(void)state;
	get_page(gateway.port, &page);
	for (p = (const char *)page.body; (p = strstr(p, "\n<")) != NULL; p++) {
		len = strcspn(p + 1, "\n");
		(void)snprintf(line, sizeof(line), "%.*s", (int)len, p + 1);
		if (strstr(line, mark) == NULL)
			continue;
		assert_int_equal(references(line, path), 1);
		client_ask(gateway.port, "GET", path[0], "", &r);
		(void)filter("openssl dgst -sha384 -binary | openssl base64 -A",
		    r.body, r.body_len, hash, sizeof(hash));
		assert_int_equal(strlen(hash), 64);
		assert_memory_equal(strstr(line, mark) + sizeof(mark) - 1, hash,
		    64);
		response_free(&r);
		n++;
	}
	assert_int_equal(n, 2);	/* style, script */
	response_free(&page);
}

/* One request, and no word of it that would make a browser ask for another. */
static void
modules_are_one_script(void **state)
{
	static const char *const	words[] = { "class Conversation ",
		"class Meter ", "class Player ", "class Recorder ",
		"class View ", "function explain(", "function startSession(",
		"conversation.open();" };
	char				path[PATH_SIZE];
	struct response			r;
	size_t				i;

	(void)state;
	asset_path("main", path);
	client_ask(gateway.port, "GET", path, "", &r);
	assert_int_equal(r.status, 200);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr((const char *)r.body, words[i]) == NULL)
			fail_msg("%s is not in it", words[i]);
	}
	assert_null(strstr((const char *)r.body, "\nimport "));
	assert_null(strstr((const char *)r.body, "\nexport "));
	response_free(&r);
}

static void
coding_is_what_the_client_prefers(void **state)
{
	static const struct {
		const char	*accept;
		bool		gzip;
	} rows[] = {
		{ "gzip", true },
		{ "GZIP", true },
		{ "br, gzip;q=0.5", true },
		{ "*", true },
		{ "gzip;q=0.5, identity;q=0.5", true },
		{ "gzip;q=0.001", true },
		{ "identity;q=0, gzip;q=0.1", true },
		{ "", false },
		{ "br", false },
		{ "identity", false },
		{ "gzip;q=0", false },
		{ "*;q=0", false },
		{ "gzip;q=0, *", false },
		{ "gzip;q=0.4, identity;q=0.8", false },
		{ "gzip;q=0.4, *;q=0.8", false },
		{ "xgzip", false },
		{ "gzip;q=2", false },
		{ "gzip;q=0.1234", false }
	};
	char			path[PATH_SIZE], fields[200];
	struct response		r;
	size_t			i;

	(void)state;
	asset_path("main", path);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(fields, sizeof(fields), "Accept-Encoding: %s\r\n",
		    rows[i].accept);
		client_ask(gateway.port, "GET", path, fields, &r);
		assert_int_equal(r.status, 200);
		if (response_has(&r, "content-encoding") != rows[i].gzip)
			fail_msg("Accept-Encoding: %s", rows[i].accept);
		response_free(&r);
	}
}

/* RFC 9110 section 5.3: the lines of a list are one list. */
static void
lists_are_read_whole(void **state)
{
	char			path[PATH_SIZE], fields[300], etag[128];
	struct response		r;

	(void)state;
	asset_path("main", path);
	client_ask(gateway.port, "GET", path, "Accept-Encoding: br\r\n"
	    "Accept-Encoding: gzip\r\n", &r);
	assert_string_equal(response_field(&r, "content-encoding"), "gzip");
	response_free(&r);
	client_ask(gateway.port, "GET", path, "Accept-Encoding: gzip;q=0.5\r\n"
	    "Accept-Encoding: identity\r\n", &r);
	assert_false(response_has(&r, "content-encoding"));
	(void)snprintf(etag, sizeof(etag), "%s", response_field(&r, "etag"));
	response_free(&r);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: \"x\"\r\n"
	    "If-None-Match: %s\r\n", etag);
	client_ask(gateway.port, "GET", path, fields, &r);
	assert_int_equal(r.status, 304);
	response_free(&r);
}

static void
other_names_are_not_found(void **state)
{
	static const char *const	names[] = { "", "main.js", "index.html",
		"build.sh", "0001_session_turn.sql", "main.0000000000000000.js",
		"..", "%2e%2e%2findex.html", "a/b.js" };
	char				path[PATH_SIZE], longer[PATH_SIZE + 4];
	struct response			r;
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "/assets/%s", names[i]);
		client_ask(gateway.port, "GET", path, "", &r);
		if (r.status != 404 && r.status != 400)
			fail_msg("%d for %s", r.status, path);
		assert_string_equal(response_field(&r,
		    "content-security-policy"), api_policy);
		assert_string_equal(response_field(&r, "cache-control"),
		    "no-store");
		response_free(&r);
	}
	asset_path("main", path);
	(void)snprintf(longer, sizeof(longer), "%s.gz", path);
	client_ask(gateway.port, "GET", longer, "", &r);
	assert_problem(&r, 404, "not_found");
	response_free(&r);
}

static void
policy_can_be_taken_off(void **state)
{
	static const char *const	off[] = { "ENABLE_SECURITY_HEADERS=false",
		NULL };
	char				path[FILES_MAX][PATH_SIZE];
	struct server			bare;
	struct response			r;

	(void)state;
	server_start(&bare, NULL, off);
	get_page(bare.port, &r);
	assert_no_security(&r);
	assert_false(response_has(&r, "reporting-endpoints"));
	assert_false(response_has(&r, "permissions-policy"));
	assert_true(response_has(&r, "x-request-id"));
	assert_true(references((const char *)r.body, path) > 0);
	response_free(&r);
	client_ask(bare.port, "GET", path[0], "", &r);
	assert_int_equal(r.status, 200);
	assert_false(response_has(&r, "content-security-policy"));
	response_free(&r);
	server_stop(&bare);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(policy_has_no_exception),
		cmocka_unit_test(nonce_is_fresh_and_is_the_one_in_the_page),
		cmocka_unit_test(no_placeholder_is_left),
		cmocka_unit_test(revalidated_page_keeps_its_nonce),
		cmocka_unit_test(foreign_tags_choose_no_nonce),
		cmocka_unit_test(head_is_get_without_content),
		cmocka_unit_test(refusals_have_the_policy_of_the_api),
		cmocka_unit_test(files_are_kept_for_ever),
		cmocka_unit_test(integrity_is_that_of_the_file_as_it_is_sent),
		cmocka_unit_test(modules_are_one_script),
		cmocka_unit_test(coding_is_what_the_client_prefers),
		cmocka_unit_test(lists_are_read_whole),
		cmocka_unit_test(other_names_are_not_found),
		cmocka_unit_test(policy_can_be_taken_off),
	};

	return (cmocka_run_group_tests(tests, wide_setup, wide_teardown));
}
