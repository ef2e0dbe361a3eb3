/*
 * Providers' base URLs: what is normalised, what is refused and why.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/baseurl.h"

static const char *
norm(const char *text)
{
	static struct vg_baseurl	url;
	const char			*why;

	why = NULL;
	if (vg_baseurl_parse(&url, text, &why) == -1) {
		assert_non_null(why);
		return ("refused");
	}

	return (url.url);
}

static void
urls_are_normalised(void **unused)
{
	static const struct {
		const char	*in, *out;
	} pairs[] = {
		{ "https://api.openai.com/v1", "https://api.openai.com" },
		{ "https://api.openai.com/v1/", "https://api.openai.com" },
		{ "https://api.openai.com", "https://api.openai.com" },
		{ "https://api.openai.com/", "https://api.openai.com" },
		{ "HTTPS://API.OpenAI.com:443/v1", "https://api.openai.com" },
		{ "http://127.0.0.1:8081", "http://127.0.0.1:8081" },
		{ "http://localhost:80/", "http://localhost" },
		{ "http://[::1]:8081/v1", "http://[::1]:8081" },
		{ "http://[2001:DB8::1]/", "http://[2001:db8::1]" },
		{ "https://h.test/openai/v1/", "https://h.test/openai" },
		{ "https://h.test/v1beta", "https://h.test/v1beta" },
		{ "https://h.test/xv1", "https://h.test/xv1" },
		{ "https://h.test/a%20b/v1", "https://h.test/a%20b" },
		{ "https://h_1.test:65535", "https://h_1.test:65535" }
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(norm(pairs[i].in), pairs[i].out);
}

static void
what_is_ambiguous_is_refused(void **unused)
{
	static const char	*const bad[] = {
		"", "api.openai.com", "ftp://h.test", "https:/h.test",
		"https://", "https:///v1", "https://u:p@h.test",
		"http://api.openai.com@evil.test/", "https://h.test?x",
		"https://h.test/v1?x=1", "https://h.test/#x",
		"https://h.test:0", "https://h.test:65536", "https://h.test:",
		"https://h.test:080", "https://h.test:8o", "https://h.test//v1",
		"https://h.test/v1//", "https://h.test/../v1",
		"https://h.test/./v1", "https://h.test/a b",
		"https://h.test/\n", "https://h.test/%zz", "https://h.test/%2",
		"https://h.test\\x", "https://127.1", "https://0x7f000001",
		"https://127.0.0.256", "https://01.2.3.4", "https://[::1",
		"https://::1", "https://[127.0.0.1]", "https://[::1]x",
		"https://-h.test", "https://h-.test", "https://h..test",
		"https://.h", "https://h.", "https://\xc3\xbc.test",
		"https://[fe80::1%25eth0]", " https://h.test"
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(norm(bad[i]), "refused") != 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void
the_reason_is_told(void **unused)
{
	static const struct {
		const char	*url, *why;
	} rows[] = {
		{ "https://u:p@h.test", "user name" },
		{ "https://h.test/?q", "query" },
		{ "ftp://h.test", "https://" },
		{ "https://h.test:0", "port" },
		{ "https://h.test/..", "path" },
		{ "https://..", "host" },
		{ "https://a b", "blank" }
	};
	struct vg_baseurl	url;
	const char		*why;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(vg_baseurl_parse(&url, rows[i].url, &why), -1);
		assert_non_null(strstr(why, rows[i].why));
	}
}

static void
this_machine_is_known(void **unused)
{
	struct vg_baseurl	url;

	(void)unused;
	assert_int_equal(vg_baseurl_parse(&url, "http://LOCALHOST:1", NULL), 0);
	assert_true(url.loopback);
	assert_false(url.https);
	assert_int_equal(url.port, 1);
	assert_int_equal(vg_baseurl_parse(&url, "http://127.9.9.9", NULL), 0);
	assert_true(url.loopback);
	assert_int_equal(url.port, 80);
	assert_int_equal(vg_baseurl_parse(&url, "https://[::1]", NULL), 0);
	assert_true(url.loopback);
	assert_string_equal(url.host, "::1");
	assert_int_equal(url.port, 443);
	assert_int_equal(vg_baseurl_parse(&url, "http://10.0.0.1", NULL), 0);
	assert_false(url.loopback);
	assert_int_equal(vg_baseurl_parse(&url, "http://localhost.evil.test",
	    NULL), 0);
	assert_false(url.loopback);
}

static void
the_length_is_bounded(void **unused)
{
	char		text[VG_BASEURL_MAX + 2];

	(void)unused;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h.test/", 15);
	text[VG_BASEURL_MAX + 1] = '\0';
	assert_string_equal(norm(text), "refused");
	text[VG_BASEURL_MAX] = '\0';
	assert_string_equal(norm(text), text);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(urls_are_normalised),
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(the_reason_is_told),
		cmocka_unit_test(this_machine_is_known),
		cmocka_unit_test(the_length_is_bounded)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
