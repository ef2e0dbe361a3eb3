/*
 * The origin policy: the cases are in tests/cases/origin. Each has a policy and
 * either `error:` (words of the message, one line an error) or any number of
 * allow:, any: and deny: lines with an Origin; `format:` is the policy
 * normalised.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "casefile.h"
#include "core/origin.h"

#define CASES_MIN	60

static struct vg_errors	errs;

static int
suffixes(void *ctx, const char *host)
{
	static const char	*const icann[] = {
		"com", "org", "test", "uk", "co.uk", "xn--p1ai"
	};
	static const char	*const priv[] = {
		"github.io", "blogspot.com"
	};
	size_t			i;

	(void)ctx;
	for (i = 0; i < sizeof(icann) / sizeof(icann[0]); i++) {
		if (!strcmp(icann[i], host))
			return (VG_SUFFIX_ICANN);
	}
	for (i = 0; i < sizeof(priv) / sizeof(priv[0]); i++) {
		if (!strcmp(priv[i], host))
			return (VG_SUFFIX_PRIVATE);
	}

	return (VG_SUFFIX_NONE);
}

static struct vg_origin_policy *
policy(const char *text)
{
	vg_errors_init(&errs);
	return (vg_origin_policy_parse(text, suffixes, NULL, &errs));
}

static void
expect(const struct casefile *c, const struct vg_origin_policy *p,
    const char *key, enum vg_origin_match want)
{
	const char	*origin;
	char		*exact;
	size_t		n, len;

	for (n = 0; (origin = case_get(c, key, n, &len)) != NULL; n++) {
		/* Exactly as long as it is, for the address sanitizer. */
		exact = malloc(len > 0 ? len : 1);
		assert_non_null(exact);
		memcpy(exact, origin, len);
		if (vg_origin_policy_match(p, exact, len) != want)
			fail_msg("%s: not \"%s\": %s", c->name, key, origin);
		free(exact);
	}
}

static void
check_case(const struct casefile *c)
{
	struct vg_origin_policy	*p;
	const char		*text, *want;
	char			shown[4096];
	size_t			n;

	text = case_get(c, "policy", 0, NULL);
	assert_non_null(text);
	p = policy(text);

	for (n = 0; (want = case_get(c, "error", n, NULL)) != NULL; n++) {
		if (p != NULL)
			fail_msg("%s: accepted", c->name);
		if (n >= errs.nerrors || !strstr(errs.error[n].text, want))
			fail_msg("%s: says not \"%s\" but \"%s\"", c->name,
			    want, errs.error[n].text);
		assert_string_equal(errs.error[n].name, "ALLOWED_ORIGINS");
	}
	if (n > 0) {
		assert_int_equal(errs.nerrors, n);
		return;
	}

	if (p == NULL)
		fail_msg("%s: refused: %s", c->name, errs.error[0].text);
	expect(c, p, "allow", VG_ORIGIN_ALLOW_LISTED);
	expect(c, p, "any", VG_ORIGIN_ALLOW_ANY);
	expect(c, p, "deny", VG_ORIGIN_DENY);
	if ((want = case_get(c, "format", 0, NULL)) != NULL) {
		assert_int_equal(vg_origin_policy_format(p, shown,
		    sizeof(shown)), 0);
		assert_string_equal(shown, want);
	}
	vg_origin_policy_free(p);
}

static void
every_case_is_decided_rightly(void **unused)
{
	(void)unused;
	assert_true(case_each("origin", check_case) >= CASES_MIN);
}

static void
the_normalised_policy_parses_to_itself(void **unused)
{
	struct vg_origin_policy	*a, *b;
	char			one[256], two[256];

	(void)unused;
	a = policy("HTTPS://Example.com:443 , http://*.a.test:80,"
	    "http://[::1]:3000");
	assert_non_null(a);
	assert_int_equal(vg_origin_policy_format(a, one, sizeof(one)), 0);
	b = policy(one);
	assert_non_null(b);
	assert_int_equal(vg_origin_policy_format(b, two, sizeof(two)), 0);
	assert_string_equal(one, two);
	assert_int_equal(vg_origin_policy_count(a), 3);
	assert_false(vg_origin_policy_is_any(a));
	assert_int_equal(vg_origin_policy_format(a, one, 10), -1);
	vg_origin_policy_free(a);
	vg_origin_policy_free(b);
	vg_origin_policy_free(NULL);
}

static void
too_many_origins_are_refused(void **unused)
{
	char		text[16 * (VG_ORIGIN_ENTRIES_MAX + 2)];
	size_t		i;

	(void)unused;
	text[0] = '\0';
	for (i = 0; i <= VG_ORIGIN_ENTRIES_MAX; i++)
		strcat(text, i > 0 ? ",http://a.test" : "http://a.test");
	assert_null(policy(text));
	assert_int_equal(errs.nerrors, 1);
}

static void
without_a_suffix_list_top_level_domains_are_known(void **unused)
{
	struct vg_origin_policy	*p;

	(void)unused;
	vg_errors_init(&errs);
	assert_null(vg_origin_policy_parse("https://*.com", NULL, NULL, &errs));
	p = vg_origin_policy_parse("https://*.github.io", NULL, NULL, &errs);
	assert_non_null(p);
	vg_origin_policy_free(p);
}

static bool
same(const char *origin, const char *scheme, const char *host)
{
	return (vg_origin_same(origin, strlen(origin), scheme, host,
	    strlen(host)));
}

static void
the_same_origin_is_known_by_host(void **unused)
{
	(void)unused;
	assert_true(same("http://127.0.0.1:8000", "http", "127.0.0.1:8000"));
	assert_true(same("https://a.test", "https", "a.test"));
	assert_true(same("https://a.test", "https", "A.Test:443"));
	assert_true(same("https://a.test", "https", "a.test:"));
	assert_true(same("http://[::1]:8000", "http", "[::1]:8000"));
	assert_true(same("http://[::1]", "http", "[::1]"));
	assert_true(same("http://[::1]", "http", "[::1]:80"));
	assert_true(same("https://a.test:80", "https", "a.test:80"));
}

static void
another_origin_is_not_the_same(void **unused)
{
	(void)unused;
	assert_false(same("http://a.test", "https", "a.test"));
	assert_false(same("https://a.test", "https", "a.test:80"));
	assert_false(same("https://a.test:8443", "https", "a.test"));
	assert_false(same("https://a.test.evil", "https", "a.test"));
	assert_false(same("https://evil.a.test", "https", "a.test"));
	assert_false(same("https://a.test", "https", ""));
	assert_false(same("https://a.test", "https", ":443"));
	assert_false(same("null", "https", "null"));
	assert_false(same("", "https", ""));
	assert_false(same("https://", "https", ""));
	assert_false(same("HTTPS://a.test", "https", "a.test"));
}

static enum vg_fetch_site
site(const char *text)
{
	return (vg_fetch_site_parse(text, strlen(text)));
}

static void
fetch_site_values_are_exact(void **unused)
{
	(void)unused;
	assert_int_equal(site("cross-site"), VG_SITE_CROSS_SITE);
	assert_int_equal(site("same-site"), VG_SITE_SAME_SITE);
	assert_int_equal(site("same-origin"), VG_SITE_SAME_ORIGIN);
	assert_int_equal(site("none"), VG_SITE_NONE);
	assert_int_equal(site("Cross-Site"), VG_SITE_ABSENT);
	assert_int_equal(site("cross-site "), VG_SITE_ABSENT);
	assert_int_equal(site(""), VG_SITE_ABSENT);
}

static enum vg_origin_verdict
decide(const char *list, const char *origin, const char *host,
    enum vg_fetch_site s)
{
	struct vg_origin_policy	*p;
	enum vg_origin_verdict	v;

	p = policy(list);
	assert_non_null(p);
	v = vg_origin_decide(p, origin, origin != NULL ? strlen(origin) : 0,
	    "https", host, host != NULL ? strlen(host) : 0, s);
	vg_origin_policy_free(p);

	return (v);
}

static void
the_whole_decision(void **unused)
{
	static const struct {
		const char		*list, *origin, *host;
		enum vg_fetch_site	site;
		enum vg_origin_verdict	want;
	} rows[] = {
		{ "*", NULL, "a.test", VG_SITE_ABSENT, VG_VERDICT_PLAIN },
		{ "*", NULL, "a.test", VG_SITE_CROSS_SITE, VG_VERDICT_PLAIN },
		{ "*", "https://b.test", "a.test", VG_SITE_CROSS_SITE,
		    VG_VERDICT_ANY },
		{ "*", "https://a.test", "a.test", VG_SITE_SAME_ORIGIN,
		    VG_VERDICT_PLAIN },
		{ "*", "null", "a.test", VG_SITE_CROSS_SITE,
		    VG_VERDICT_REFUSE },
		{ "https://b.test", NULL, "a.test", VG_SITE_ABSENT,
		    VG_VERDICT_PLAIN },
		{ "https://b.test", NULL, "a.test", VG_SITE_NONE,
		    VG_VERDICT_PLAIN },
		{ "https://b.test", NULL, "a.test", VG_SITE_SAME_SITE,
		    VG_VERDICT_PLAIN },
		{ "https://b.test", NULL, "a.test", VG_SITE_CROSS_SITE,
		    VG_VERDICT_REFUSE },
		{ "https://b.test", "https://b.test", "a.test",
		    VG_SITE_CROSS_SITE, VG_VERDICT_LISTED },
		{ "https://b.test", "https://c.test", "a.test",
		    VG_SITE_ABSENT, VG_VERDICT_REFUSE },
		{ "https://b.test", "https://a.test", "a.test",
		    VG_SITE_ABSENT, VG_VERDICT_PLAIN },
		{ "https://b.test", "https://a.test", "a.test",
		    VG_SITE_CROSS_SITE, VG_VERDICT_REFUSE },
		{ "https://b.test", "http://a.test", "a.test",
		    VG_SITE_ABSENT, VG_VERDICT_REFUSE },
		{ "https://b.test", "null", "a.test", VG_SITE_ABSENT,
		    VG_VERDICT_REFUSE },
		{ "https://b.test", "https://a.test", NULL, VG_SITE_ABSENT,
		    VG_VERDICT_REFUSE }
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (decide(rows[i].list, rows[i].origin, rows[i].host,
		    rows[i].site) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_case_is_decided_rightly),
		cmocka_unit_test(the_normalised_policy_parses_to_itself),
		cmocka_unit_test(too_many_origins_are_refused),
		cmocka_unit_test(
		    without_a_suffix_list_top_level_domains_are_known),
		cmocka_unit_test(the_same_origin_is_known_by_host),
		cmocka_unit_test(another_origin_is_not_the_same),
		cmocka_unit_test(fetch_site_values_are_exact),
		cmocka_unit_test(the_whole_decision)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
