/*
 * What providers answer, read strictly: the bad ones are garbage, the words of
 * the good ones are clean and bounded.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer.h"

static const char *const	bad_transcripts[] = {
	"", " ", "null", "7", "\"text\"", "[]", "{}", "[{\"text\":\"a\"}]",
	"{\"text\":null}", "{\"text\":7}", "{\"text\":[\"a\"]}",
	"{\"text\":{}}", "{\"text\":true}", "{\"Text\":\"a\"}",
	"{\"text\":\"a\"", "{\"text\":\"a\"}x", "{\"text\":\"a\"}{}",
	"{\"text\":\"a\",\"text\":\"b\"}", "{\"text\":\"\\u0000\"}",
	"{\"text\":\"\\ud800\"}", "{\"text\":\"\xff\"}", "{'text':'a'}",
	"<html></html>", "{\"error\":{\"message\":\"no\"}}",
	"data: {\"text\":\"a\"}\n\n",
};

static const char *const	bad_replies[] = {
	"", "{}", "[]", "{\"choices\":null}", "{\"choices\":{}}",
	"{\"choices\":[]}", "{\"choices\":[null]}", "{\"choices\":[[]]}",
	"{\"choices\":[{}]}", "{\"choices\":[{\"message\":null}]}",
	"{\"choices\":[{\"message\":\"hi\"}]}",
	"{\"choices\":[{\"message\":{}}]}",
	"{\"choices\":[{\"message\":{\"content\":null}}]}",
	"{\"choices\":[{\"message\":{\"content\":[\"hi\"]}}]}",
	"{\"choices\":[{\"message\":{\"content\":7}}]}",
	"{\"choices\":[{\"message\":{\"content\":\"\"}}]}",
	"{\"choices\":[{\"message\":{\"content\":\" \\n\\t \"}}]}",
	"{\"choices\":[{\"message\":{\"content\":\"\\u0007\\u202e\"}}]}",
	"{\"choices\":[{\"text\":\"hi\"}]}",
	"{\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}",
	"{\"error\":\"no\",\"choices\":[]}",
};

static void
what_is_no_transcript_is_garbage(void **unused)
{
	char	*text;
	size_t	i;

	(void)unused;
	for (i = 0; i < sizeof(bad_transcripts) / sizeof(char *); i++) {
		text = (char *)1;
		if (vg_answer_transcript(bad_transcripts[i],
		    strlen(bad_transcripts[i]), &text) != VG_UP_GARBAGE)
			fail_msg("taken: %s", bad_transcripts[i]);
		assert_null(text);
	}
}

static void
what_is_no_reply_is_garbage(void **unused)
{
	char	*text;
	size_t	i;

	(void)unused;
	for (i = 0; i < sizeof(bad_replies) / sizeof(char *); i++) {
		text = (char *)1;
		if (vg_answer_reply(bad_replies[i], strlen(bad_replies[i]),
		    &text) != VG_UP_GARBAGE)
			fail_msg("taken: %s", bad_replies[i]);
		assert_null(text);
	}
}

static void
nesting_without_end_is_garbage(void **unused)
{
	char	*deep, *text;

	(void)unused;
	deep = malloc(VG_ANSWER_JSON_MAX);
	assert_non_null(deep);
	memset(deep, '[', VG_ANSWER_JSON_MAX);
	assert_int_equal(vg_answer_reply(deep, VG_ANSWER_JSON_MAX, &text),
	    VG_UP_GARBAGE);
	free(deep);
}

static void
silence_is_an_empty_transcript(void **unused)
{
	static const char *const	silent[] = {
		"{\"text\":\"\"}", "{\"text\":\" \\n \"}",
		"{\"text\":\"\\u200b\\ufeff\"}",
	};
	char	*text;
	size_t	i;

	(void)unused;
	for (i = 0; i < 3; i++) {
		assert_int_equal(vg_answer_transcript(silent[i],
		    strlen(silent[i]), &text), VG_UP_OK);
		assert_string_equal(text, "");
		free(text);
	}
}

static void
other_members_do_not_matter(void **unused)
{
	static const char	a[] = "{\"task\":\"transcribe\",\"duration\":1.5,"
	    "\"text\":\"hello\",\"segments\":[{\"text\":7}]}";
	static const char	b[] = "{\"id\":7,\"choices\":[{\"index\":0,"
	    "\"message\":{\"role\":\"assistant\",\"content\":\"hi\","
	    "\"refusal\":null}},{\"message\":7}],\"usage\":{}}";
	char	*text;

	(void)unused;
	assert_int_equal(vg_answer_transcript(a, sizeof(a) - 1, &text),
	    VG_UP_OK);
	assert_string_equal(text, "hello");
	free(text);
	assert_int_equal(vg_answer_reply(b, sizeof(b) - 1, &text), VG_UP_OK);
	assert_string_equal(text, "hi");
	free(text);
}

struct cleaned {
	const char	*in;
	bool		lines;
	const char	*out;
};

static const struct cleaned	cleanings[] = {
	{ "", true, "" },
	{ "plain", true, "plain" },
	{ "  two   blanks\t\there  ", true, "two blanks here" },
	{ "a\r\nb", true, "a\nb" },
	{ "a\r\nb", false, "a b" },
	{ "a\n\n\n\n\nb", true, "a\n\nb" },
	{ "a \n b \n ", true, "a\nb" },
	{ "\n\n a", true, "a" },
	{ "bell\a esc\x1b[31mred", true, "bell esc[31mred" },
	{ "del\x7f" "c1\xc2\x9b" "x", true, "delc1x" },
	{ "nbsp\xc2\xa0here\xe2\x80\x8athin", true, "nbsp here thin" },
	{ "line\xe2\x80\xa8sep\xe2\x80\xa9par", true, "line\nsep\npar" },
	{ "over\xe2\x80\xae" "ride\xe2\x81\xa6iso", true, "overrideiso" },
	{ "tag\xf3\xa0\x81\x81\xf3\xa0\x81\xbf!", true, "tag!" },
	{ "bom\xef\xbb\xbf.", true, "bom." },
	{ "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82", true,
	    "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82" },
	{ "broken\xff\xc3", true, "broken" },
	{ "cut\xe2\x80", true, "cut" },
};

static void
words_lose_what_a_reader_cannot_see(void **unused)
{
	char	buf[128];
	size_t	i, n;

	(void)unused;
	for (i = 0; i < sizeof(cleanings) / sizeof(cleanings[0]); i++) {
		(void)snprintf(buf, sizeof(buf), "%s", cleanings[i].in);
		n = vg_answer_clean(buf, cleanings[i].lines, sizeof(buf));
		assert_string_equal(buf, cleanings[i].out);
		assert_int_equal(n, strlen(buf));
	}
}

static void
long_words_are_cut_where_it_hurts_least(void **unused)
{
	char	buf[128];

	(void)unused;
	strcpy(buf, "One sentence here. Another one that is too long");
	assert_int_equal(vg_answer_clean(buf, true, 30), 18);
	assert_string_equal(buf, "One sentence here.");

	strcpy(buf, "no sentence ends here at all");
	(void)vg_answer_clean(buf, true, 15);
	assert_string_equal(buf, "no sentence");

	/* Nowhere a blank: but never inside a character. */
	strcpy(buf, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	(void)vg_answer_clean(buf, true, 5);
	assert_string_equal(buf, "\xc3\xa9\xc3\xa9");
	strcpy(buf, "\xf0\x9f\x99\x82");
	assert_int_equal(vg_answer_clean(buf, true, 3), 0);
}

static void
a_reply_beyond_its_bound_is_cut_to_it(void **unused)
{
	char	*body, *text;
	size_t	n;

	(void)unused;
	body = malloc(100000);
	assert_non_null(body);
	n = (size_t)sprintf(body,
	    "{\"choices\":[{\"message\":{\"content\":\"");
	while (n < 90000)
		n += (size_t)sprintf(body + n, "So it goes. ");
	n += (size_t)sprintf(body + n, "\"}}]}");
	assert_int_equal(vg_answer_reply(body, n, &text), VG_UP_OK);
	assert_in_range(strlen(text), VG_REPLY_MAX - 12, VG_REPLY_MAX);
	assert_int_equal(text[strlen(text) - 1], '.');
	free(text);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(what_is_no_transcript_is_garbage),
		cmocka_unit_test(what_is_no_reply_is_garbage),
		cmocka_unit_test(nesting_without_end_is_garbage),
		cmocka_unit_test(silence_is_an_empty_transcript),
		cmocka_unit_test(other_members_do_not_matter),
		cmocka_unit_test(words_lose_what_a_reader_cannot_see),
		cmocka_unit_test(long_words_are_cut_where_it_hurts_least),
		cmocka_unit_test(a_reply_beyond_its_bound_is_cut_to_it),
	};

	return (cmocka_run_group_tests_name("upanswer", tests, NULL, NULL));
}
