/* Field values: tokens, lists, parameters, types, tags, weights, tokens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/fields.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
test_tchar_is_exactly_the_set_of_the_rfc(void **state)
{
	static const char	set[] = "!#$%&'*+-.^_`|~0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	int			c;

	(void)state;
	for (c = 0; c < 256; c++)
		assert_int_equal(vg_field_is_tchar((uint8_t)c),
		    c != 0 && strchr(set, c) != NULL);
	assert_false(vg_field_is_token("", 0));
	assert_true(vg_field_is_token("a", 1));
	assert_false(vg_field_is_token("a b", 3));
}

static void
test_values_hold_no_control_but_tab(void **state)
{
	char	c;
	int	i;

	(void)state;
	for (i = 0; i < 256; i++) {
		c = (char)i;
		assert_int_equal(vg_field_is_value(&c, 1),
		    i == '\t' || (i >= 0x20 && i != 0x7f));
	}
	assert_true(vg_field_is_value("", 0));
	assert_false(vg_field_is_value("a\r\nSet-Cookie: b", 16));
}

static void
test_trim_takes_spaces_and_tabs_only(void **state)
{
	struct vg_str	s;

	(void)state;
	s = vg_field_trim(" \t a b\t ", 8);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.s, "a b", 3);
	assert_int_equal(vg_field_trim(" \t ", 3).len, 0);
	assert_int_equal(vg_field_trim("\n", 1).len, 1);
}

static void
test_quoted_strings_are_unescaped_or_refused(void **state)
{
	static const struct {
		const char	*in;
		size_t		used;
		const char	*out;
	} cases[] = {
		{ "\"\"", 2, "" }, { "\"a\"b", 3, "a" },
		{ "\"a\\\"b\"", 6, "a\"b" }, { "\"\\\\\"", 4, "\\" },
		{ "\"a\tb\"", 5, "a\tb" }, { "\"\xc3\xa9\"", 4, "\xc3\xa9" },
		{ "", 0, NULL }, { "\"", 0, NULL }, { "\"a", 0, NULL },
		{ "\"a\\\"", 0, NULL }, { "\"a\\", 0, NULL },
		{ "a\"b\"", 0, NULL }, { "\"a\nb\"", 0, NULL },
		{ "\"a\\\nb\"", 0, NULL }, { "\"\x7f\"", 0, NULL },
		{ "\"12345678\"", 10, "12345678" },
		{ "\"123456789\"", 0, NULL }
	};
	char			out[8];
	size_t			i, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(vg_field_quoted(cases[i].in,
		    strlen(cases[i].in), out, sizeof(out), &len),
		    cases[i].used);
		if (cases[i].out == NULL)
			continue;
		assert_int_equal(len, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, len);
	}
}

/* The members joined by "|", "!" at the end when it is malformed. */
static void
join(const char *s, char *out)
{
	struct vg_field_list	l;
	struct vg_str		item;
	int			more;

	out[0] = '\0';
	vg_field_list_init(&l, s, strlen(s));
	while ((more = vg_field_list_next(&l, &item)) == 1) {
		(void)strncat(out, item.s, item.len);
		(void)strcat(out, "|");
	}
	if (more == -1)
		(void)strcat(out, "!");
}

static void
test_lists_part_at_commas_outside_of_quotes(void **state)
{
	static const char	*const cases[][2] = {
		{ "a", "a|" }, { "a,b", "a|b|" }, { " a , b\t,c ", "a|b|c|" },
		{ "", "" }, { ",", "" }, { " , ,, ", "" },
		{ ",a,,b,", "a|b|" }, { "a b, c", "a b|c|" },
		{ "\"a,b\", c", "\"a,b\"|c|" },
		{ "x=\"a\\\",b\";q=1,d", "x=\"a\\\",b\";q=1|d|" },
		{ "a, \"b", "a|!" }, { "a, \"b\\\"", "a|!" }
	};
	char			out[128];
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		join(cases[i][0], out);
		assert_string_equal(out, cases[i][1]);
	}
}

static void
test_lists_are_bounded(void **state)
{
	struct vg_field_list	l;
	struct vg_str		item;
	char			commas[2 * VG_FIELD_LIST_MAX];
	int			more;

	(void)state;
	memset(commas, ',', sizeof(commas));
	vg_field_list_init(&l, commas, sizeof(commas));
	assert_int_equal(vg_field_list_next(&l, &item), -1);

	memset(commas, 'a', sizeof(commas));
	commas[1] = ',';
	vg_field_list_init(&l, commas, sizeof(commas));
	while ((more = vg_field_list_next(&l, &item)) == 1)
		continue;
	assert_int_equal(more, 0);
}

static void
test_media_types_are_read_strictly(void **state)
{
	static const char	*const good[] = { "a/b", " a/b ", "a/b;c=d",
	    "a/b ; c=\"d;e\" ;", "a/b;", "a/b;;c=d", "a/b;c=d;e=f",
	    "application/problem+json; charset=utf-8" };
	static const char	*const bad[] = { "", "a", "/", "a/", "/b",
	    "a/b/c", "a /b", "a/ b", "a/b c", "a/b;c", "a/b;c=", "a/b;=d",
	    "a/b;c =d", "a/b;c= d", "a/b;c=\"d", "a/b;c=d;C=e", "a/b,c/d",
	    "a/b;c=d e", "a/b;c=\"d\"e", "a/b\n", "*/\"b\"" };
	struct vg_media_type	m;
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		assert_int_equal(vg_field_media_type(&m, good[i],
		    strlen(good[i])), 0);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(vg_field_media_type(&m, bad[i],
		    strlen(bad[i])), -1);
}

static void
test_media_type_parameters_are_found_in_any_case(void **state)
{
	static const char	s[] = "Multipart/Form-Data; x=1; "
	    "Boundary=\"a\\b c\"";
	struct vg_media_type	m;
	char			out[16];
	size_t			len;

	(void)state;
	assert_int_equal(vg_field_media_type(&m, s, sizeof(s) - 1), 0);
	assert_true(vg_media_type_is(&m, "multipart", "form-data"));
	assert_false(vg_media_type_is(&m, "multipart", "form"));
	assert_int_equal(vg_media_type_param(&m, "boundary", out, sizeof(out),
	    &len), 1);
	assert_int_equal(len, 4);
	assert_memory_equal(out, "ab c", 4);
	assert_int_equal(vg_media_type_param(&m, "X", out, sizeof(out), &len),
	    1);
	assert_int_equal(vg_media_type_param(&m, "y", out, sizeof(out), &len),
	    0);
	assert_int_equal(vg_media_type_param(&m, "boundary", out, 3, &len),
	    -1);
}

static void
test_etags_compare_weakly_and_strongly(void **state)
{
	static const struct {
		const char	*a, *b;
		bool		strong, weak;
	} cases[] = {	/* RFC 9110 section 8.8.3.2, then what is no tag */
		{ "W/\"1\"", "W/\"1\"", false, true },
		{ "W/\"1\"", "W/\"2\"", false, false },
		{ "W/\"1\"", "\"1\"", false, true },
		{ "\"1\"", "\"1\"", true, true },
		{ "\"\"", "\"\"", true, true },
		{ "w/\"1\"", "\"1\"", false, false },
		{ "1", "1", false, false },
		{ "\"a b\"", "\"a b\"", false, false },
		{ "\"a\"b\"", "\"a\"b\"", false, false },
		{ "\"", "\"", false, false },
	};
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(vg_field_etag_strong_eq(cases[i].a,
		    strlen(cases[i].a), cases[i].b, strlen(cases[i].b)),
		    cases[i].strong);
		assert_int_equal(vg_field_etag_weak_eq(cases[i].a,
		    strlen(cases[i].a), cases[i].b, strlen(cases[i].b)),
		    cases[i].weak);
	}
}

static void
test_if_none_match_reads_lists_of_tags(void **state)
{
	static const struct {
		const char	*value;
		int		none, match;
	} cases[] = {
		{ "\"x\"", 1, 1 }, { "W/\"x\"", 1, 0 }, { "*", 1, 1 },
		{ " * ", 1, 1 }, { "\"y\"", 0, 0 }, { "\"y\", \"x\"", 1, 1 },
		{ "\"y\" , W/\"x\",", 1, 0 }, { ",,\"x\"", 1, 1 },
		{ "\"a\\\", \"x\"", 1, 1 }, { "\"a,\", \"x\"", 1, 1 },
		{ "", -1, -1 }, { ",", -1, -1 }, { "x", -1, -1 },
		{ "\"x", -1, -1 }, { "\"x\" \"y\"", -1, -1 },
		{ "\"x\"y", -1, -1 }, { "*, \"x\"", -1, -1 },
		{ "\"x\", *", -1, -1 }, { "\"x\", W/", -1, -1 },
		{ "\"x y\"", -1, -1 }, { "w/\"x\"", -1, -1 }
	};
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(vg_field_none_match(cases[i].value,
		    strlen(cases[i].value), "\"x\""), cases[i].none);
		assert_int_equal(vg_field_if_match(cases[i].value,
		    strlen(cases[i].value), "\"x\""), cases[i].match);
	}
}

static void
test_accept_encoding_weights(void **state)
{
	static const struct {
		const char	*value, *coding;
		int		q;
	} cases[] = {
		{ "gzip", "gzip", 1000 }, { "gzip, br", "br", 1000 },
		{ "GZIP", "gzip", 1000 }, { "gzip;q=0", "gzip", 0 },
		{ "gzip;q=0.5", "gzip", 500 }, { "gzip; q=0.123", "gzip", 123 },
		{ "gzip ;q=1.000", "gzip", 1000 }, { "gzip;q=0.", "gzip", 0 },
		{ "*", "br", 1000 }, { "*;q=0", "br", 0 },
		{ "*;q=0, br", "br", 1000 }, { "br;q=0, *", "br", 0 },
		{ "deflate", "gzip", 0 }, { "", "gzip", 0 },
		{ "", "identity", 1000 }, { "gzip", "identity", 1000 },
		{ "identity;q=0", "identity", 0 }, { "*;q=0", "identity", 0 },
		{ "gzip;q=1.1", "gzip", -1 }, { "gzip;q=2", "gzip", -1 },
		{ "gzip;q=0.1234", "gzip", -1 }, { "gzip;q=", "gzip", -1 },
		{ "gzip;q=.5", "gzip", -1 }, { "gzip;q=-1", "gzip", -1 },
		{ "gzip;q=0,5", "gzip", 0 }, { "gzip;x=1", "gzip", -1 },
		{ "gzip;q=1;q=0", "gzip", -1 }, { "gz ip", "gzip", -1 },
		{ "gzip;q=\"1\"", "gzip", -1 }, { ";q=1", "gzip", -1 },
		{ "gzip;q=1.001", "gzip", -1 }, { "gzip;q=0x1", "gzip", -1 }
	};
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (vg_field_coding_q(cases[i].value, strlen(cases[i].value),
		    cases[i].coding) != cases[i].q)
			fail_msg("%s for %s", cases[i].value, cases[i].coding);
	}
}

static void
test_bearer_tokens(void **state)
{
	static const struct {
		const char	*value;
		int		rc;
		const char	*token;
	} cases[] = {
		{ "Bearer abc", 1, "abc" }, { "bearer abc", 1, "abc" },
		{ "Bearer aZ09-._~+/==", 1, "aZ09-._~+/==" },
		{ "Basic abc", 0, NULL }, { "", 0, NULL },
		{ "Bearerx abc", 0, NULL }, { "Bear", 0, NULL },
		{ "Bearer", -1, NULL }, { "Bearer ", -1, NULL },
		{ "Bearer  abc", -1, NULL }, { "Bearer\tabc", -1, NULL },
		{ "Bearer abc ", -1, NULL }, { "Bearer a b", -1, NULL },
		{ "Bearer a,b", -1, NULL }, { "Bearer =", -1, NULL },
		{ "Bearer a=b", -1, NULL }, { "Bearer \"abc\"", -1, NULL },
		{ "Bearer a\xff", -1, NULL }
	};
	static char		longest[sizeof("Bearer ") + VG_BEARER_MAX + 1];
	struct vg_str		t;
	size_t			i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(vg_field_bearer(cases[i].value,
		    strlen(cases[i].value), &t), cases[i].rc);
		if (cases[i].token == NULL)
			continue;
		assert_int_equal(t.len, strlen(cases[i].token));
		assert_memory_equal(t.s, cases[i].token, t.len);
	}

	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "Bearer ", 7);
	assert_int_equal(vg_field_bearer(longest, 7 + VG_BEARER_MAX, &t), 1);
	assert_int_equal(vg_field_bearer(longest, 8 + VG_BEARER_MAX, &t), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_tchar_is_exactly_the_set_of_the_rfc),
		cmocka_unit_test(test_values_hold_no_control_but_tab),
		cmocka_unit_test(test_trim_takes_spaces_and_tabs_only),
		cmocka_unit_test(test_quoted_strings_are_unescaped_or_refused),
		cmocka_unit_test(test_lists_part_at_commas_outside_of_quotes),
		cmocka_unit_test(test_lists_are_bounded),
		cmocka_unit_test(test_media_types_are_read_strictly),
		cmocka_unit_test(
		    test_media_type_parameters_are_found_in_any_case),
		cmocka_unit_test(test_etags_compare_weakly_and_strongly),
		cmocka_unit_test(test_if_none_match_reads_lists_of_tags),
		cmocka_unit_test(test_accept_encoding_weights),
		cmocka_unit_test(test_bearer_tokens),
	};

	return (cmocka_run_group_tests_name("fields", tests, NULL, NULL));
}
