/* Text for the synthesiser: plain ASCII, cut where a reader would breathe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "speech/spoken.h"

static void
becomes(const char *in, const char *out)
{
	char	*s = vg_spoken_ascii(in);

	assert_non_null(s);
	assert_string_equal(s, out);
	free(s);
}

static void
typographic_marks_become_plain(void **state)
{
	(void)state;
	becomes("it\xe2\x80\x99s", "it's");
	becomes("\xe2\x80\x9cyes\xe2\x80\x9d", "\"yes\"");
	becomes("a\xe2\x80\x94" "b", "a, b");
	becomes("well\xe2\x80\xa6", "well...");
	becomes("caf\xc3\xa9", "cafe");
	becomes("stra\xc3\x9f" "e", "strasse");
	becomes("\xe2\x82\xac" "5", "euro 5");
}

static void
white_space_is_one_space(void **state)
{
	(void)state;
	becomes("  a\r\n\tb  c ", "a b c");
	becomes("a\xc2\xa0 b", "a b");
}

static void
what_cannot_be_spoken_is_left_out(void **state)
{
	(void)state;
	becomes("\xf0\x9f\x98\x80", "");
	becomes("ok \xe4\xbd\xa0\xe5\xa5\xbd", "ok");
	becomes("\x01\x7f" "a", "a");
}

static void
malformed_utf8_does_no_harm(void **state)
{
	(void)state;
	becomes("a\xff" "b", "ab");
	becomes("a\xc3", "a");
	becomes("a\xe2\x80", "a");
	becomes("\xf4\x90\x80\x80z", "z");
	becomes("\xc0\xaf", "");
}

static void
the_longest_replacement_fits(void **state)
{
	char	in[2001], *s;
	size_t	i;

	(void)state;
	/* Two bytes each, seven out. */
	for (i = 0; i + 1 < sizeof(in); i += 2)
		memcpy(in + i, "\xc2\xa3", 2);
	in[2000] = '\0';
	s = vg_spoken_ascii(in);
	assert_non_null(s);
	assert_true(strlen(s) > 2000);
	free(s);
}

static void
sentences_are_cut_at_their_end(void **state)
{
	const char	*t = "Hello there. How are you? \"Fine!\" she said";

	(void)state;
	assert_int_equal(vg_spoken_next(t, 100), 12);
	assert_int_equal(vg_spoken_next(t + 12, 100), 13);
	assert_int_equal(vg_spoken_next(t + 25, 100), 8);
	assert_int_equal(vg_spoken_next(t + 33, 100), 9);
	assert_int_equal(vg_spoken_next("", 100), 0);
}

static void
a_point_within_a_word_is_no_end(void **state)
{
	(void)state;
	assert_int_equal(vg_spoken_next("3.14 is pi. Yes", 100), 11);
}

static void
a_long_sentence_is_cut_at_a_clause_then_at_a_word(void **state)
{
	(void)state;
	assert_int_equal(vg_spoken_next("one, two three four", 12), 4);
	assert_int_equal(vg_spoken_next("one two three four", 12), 8);
	assert_int_equal(vg_spoken_next("aaaaaaaaaaaaaaaa", 12), 12);
}

static void
cutting_always_comes_to_an_end(void **state)
{
	char	text[5001];
	size_t	i, n, pieces = 0;

	(void)state;
	for (i = 0; i < 5000; i++)
		text[i] = " .,!?'\")a"[(i * 7 + i / 13) % 9];
	text[5000] = '\0';
	for (i = 0; (n = vg_spoken_next(text + i, 20)) != 0; i += n) {
		assert_true(n <= 20);
		pieces++;
	}
	assert_int_equal(i, 5000);
	assert_true(pieces >= 250);
}

static void
characters_are_code_points(void **state)
{
	(void)state;
	assert_int_equal(vg_spoken_chars(""), 0);
	assert_int_equal(vg_spoken_chars("abc"), 3);
	assert_int_equal(vg_spoken_chars("\xe2\x80\x99\xf0\x9f\x98\x80"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typographic_marks_become_plain),
		cmocka_unit_test(white_space_is_one_space),
		cmocka_unit_test(what_cannot_be_spoken_is_left_out),
		cmocka_unit_test(malformed_utf8_does_no_harm),
		cmocka_unit_test(the_longest_replacement_fits),
		cmocka_unit_test(sentences_are_cut_at_their_end),
		cmocka_unit_test(a_point_within_a_word_is_no_end),
		cmocka_unit_test(a_long_sentence_is_cut_at_a_clause_then_at_a_word),
		cmocka_unit_test(cutting_always_comes_to_an_end),
		cmocka_unit_test(characters_are_code_points),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
