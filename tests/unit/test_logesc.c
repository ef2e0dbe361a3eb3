/*
 * Foreign bytes in log lines and JSON: what passes, what is escaped, what is
 * cut.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/logesc.h"

static const char *
esc(const char *text, size_t len)
{
	static char	buf[256];
	size_t		n;

	n = vg_log_escape(buf, sizeof(buf), text, len);
	assert_int_equal(n, strlen(buf));

	return (buf);
}

#define ESC(text)	esc(text, sizeof(text) - 1)

static void
printable_text_stays(void **unused)
{
	(void)unused;
	assert_string_equal(ESC("hello world"), "hello world");
	assert_string_equal(ESC("gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82"),
	    "gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82");
	assert_string_equal(ESC(""), "");
}

static void
control_bytes_become_visible(void **unused)
{
	(void)unused;
	assert_string_equal(ESC("a\nb\rc\td"), "a\\nb\\rc\\td");
	assert_string_equal(ESC("\033[31m"), "\\x1b[31m");
	assert_string_equal(ESC("a\0b"), "a\\x00b");
	assert_string_equal(ESC("\x7f"), "\\x7f");
	assert_string_equal(ESC("\"\\"), "\\\"\\\\");
}

static void
c1_and_hidden_characters_become_visible(void **unused)
{
	(void)unused;
	assert_string_equal(ESC("\xc2\x9b"), "\\u{009b}");
	assert_string_equal(ESC("\xe2\x80\xae"), "\\u{202e}");
	assert_string_equal(ESC("\xe2\x80\xa8"), "\\u{2028}");
	assert_string_equal(ESC("\xef\xbb\xbf"), "\\u{feff}");
	assert_string_equal(ESC("\xd8\x9c"), "\\u{061c}");
}

static void
invalid_utf8_is_told_byte_by_byte(void **unused)
{
	(void)unused;
	assert_string_equal(ESC("\x80"), "\\x80");
	assert_string_equal(ESC("\xc0\xaf"), "\\xc0\\xaf");
	assert_string_equal(ESC("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	assert_string_equal(ESC("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	assert_string_equal(ESC("\xe2\x82"), "\\xe2\\x82");
	assert_string_equal(ESC("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
}

static void
a_cut_leaves_whole_characters_and_dots(void **unused)
{
	char		buf[8];

	(void)unused;
	assert_int_equal(vg_log_escape(buf, 8, "abcdefgh", 8), 7);
	assert_string_equal(buf, "abcd...");
	assert_int_equal(vg_log_escape(buf, 8, "abcdefg", 7), 7);
	assert_string_equal(buf, "abcdefg");
	(void)vg_log_escape(buf, 8, "abc\xe2\x82\xac" "d\xe2\x82\xac", 10);
	assert_string_equal(buf, "abc...");
	(void)vg_log_escape(buf, 8, "ab\x01\x01", 4);
	assert_string_equal(buf, "ab...");
	assert_int_equal(vg_log_escape(buf, 3, "abcdef", 6), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(vg_log_escape(buf, 0, "abc", 3), 0);
	assert_int_equal(vg_log_escape(buf, 1, "abc", 3), 0);
	assert_string_equal(buf, "");
}

static void
clean_keeps_quotes(void **unused)
{
	char		buf[32];

	(void)unused;
	(void)vg_log_clean(buf, sizeof(buf), "\"a\\b\"\n", 6);
	assert_string_equal(buf, "\"a\\b\"\\n");
}

static void
all_or_nothing_says_when_it_does_not_fit(void **unused)
{
	char		buf[4];

	(void)unused;
	assert_int_equal(vg_log_escape_all(buf, 4, "abc", 3), 3);
	assert_int_equal(vg_log_escape_all(buf, 4, "abcd", 4), -1);
	assert_string_equal(buf, "");
	assert_int_equal(vg_json_escape(buf, 4, "a\n", 2), 3);
	assert_int_equal(vg_json_escape(buf, 4, "a\x01", 2), -1);
	assert_int_equal(vg_json_escape(buf, 0, "", 0), -1);
}

static void
json_reads_back_for_every_byte_pair(void **unused)
{
	json_t		*doc;
	char		text[2], inner[64], json[80];
	int		a, b;

	(void)unused;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			text[0] = (char)a;
			text[1] = (char)b;
			assert_true(vg_json_escape(inner, sizeof(inner), text,
			    2) > 0);
			(void)snprintf(json, sizeof(json), "[\"%s\"]", inner);
			doc = json_loads(json, JSON_ALLOW_NUL, NULL);
			assert_non_null(doc);
			if (a < 0x80 && b < 0x80) {
				assert_int_equal(json_string_length(
				    json_array_get(doc, 0)), 2);
				assert_memory_equal(json_string_value(
				    json_array_get(doc, 0)), text, 2);
			}
			json_decref(doc);
		}
	}
}

static void
no_byte_pair_leaves_a_raw_control(void **unused)
{
	char		text[2], buf[32];
	size_t		i, n;
	int		a, b;

	(void)unused;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			text[0] = (char)a;
			text[1] = (char)b;
			n = vg_log_escape(buf, sizeof(buf), text, 2);
			for (i = 0; i < n; i++) {
				assert_true((unsigned char)buf[i] >= 0x20);
				assert_true(buf[i] != 0x7f);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(printable_text_stays),
		cmocka_unit_test(control_bytes_become_visible),
		cmocka_unit_test(c1_and_hidden_characters_become_visible),
		cmocka_unit_test(invalid_utf8_is_told_byte_by_byte),
		cmocka_unit_test(a_cut_leaves_whole_characters_and_dots),
		cmocka_unit_test(clean_keeps_quotes),
		cmocka_unit_test(all_or_nothing_says_when_it_does_not_fit),
		cmocka_unit_test(json_reads_back_for_every_byte_pair),
		cmocka_unit_test(no_byte_pair_leaves_a_raw_control)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
