/*
 * The .env reader: what is read, and that everything else is refused with the
 * number of its line.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dotenv.h"

static struct vg_errors	errs;
static struct vg_dotenv	env;

static int
read_text(const char *text, size_t len)
{
	vg_dotenv_free(&env);
	vg_errors_init(&errs);

	return (vg_dotenv_parse(&env, text, len, &errs));
}

static void
is(const char *text, const char *name, const char *want)
{
	const char	*got;

	if (read_text(text, strlen(text)) == -1)
		fail_msg("refused: %s: %s", text, errs.error[0].text);
	got = vg_dotenv_get(&env, name);
	assert_non_null(got);
	assert_string_equal(got, want);
}

static void
bad(const char *text, size_t len, const char *message)
{
	if (read_text(text, len) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(errs.nerrors, 1);
	assert_string_equal(errs.error[0].name, ".env");
	if (strstr(errs.error[0].text, message) == NULL)
		fail_msg("%s: says \"%s\"", text, errs.error[0].text);
}

#define BAD(text, message)	bad(text, sizeof(text) - 1, message)

static void
bare_values_are_read(void **unused)
{
	(void)unused;
	is("A=b", "A", "b");
	is("A=b\n", "A", "b");
	is("A=\n", "A", "");
	is("A=   \n", "A", "");
	is("A= # nothing\n", "A", "");
	is("A=#b\n", "A", "#b");
	is("A=b c  \n", "A", "b c");
	is("A=b # comment\n", "A", "b");
	is("A=b#c\n", "A", "b#c");
	is("A=b=c\n", "A", "b=c");
	is("A=b\r\nC=d\r\n", "C", "d");
	is("A=b\r\nC=d\r\n", "A", "b");
	is("  A=b", "A", "b");
	is("export A=b", "A", "b");
	is("export\tA=b", "A", "b");
	is("export=b", "export", "b");
	is("\n# x\n   # y\n\nA_1=b\n", "A_1", "b");
	is("\xef\xbb\xbf" "A=b", "A", "b");
	is("A=gr\xc3\xbc\xc3\x9f", "A", "gr\xc3\xbc\xc3\x9f");
}

static void
quoted_values_are_read(void **unused)
{
	(void)unused;
	is("A='b c'", "A", "b c");
	is("A='$b\\n#\"'  # x\n", "A", "$b\\n#\"");
	is("A=\"b # c\"\n", "A", "b # c");
	is("A=\"\\n\\r\\t\\\\\\\"\\$\\`\"", "A", "\n\r\t\\\"$`");
	is("A='one\ntwo'\nB=c", "A", "one\ntwo");
	is("A='one\r\ntwo'\nB=c", "A", "one\ntwo");
	is("A=\"one\ntwo\"\nB=c", "B", "c");
	is("A=''", "A", "");
	is("A=\"\"", "A", "");
}

static void
lines_are_remembered(void **unused)
{
	(void)unused;
	is("\nA='x\ny'\n\nB=c\n", "B", "c");
	assert_int_equal(env.count, 2);
	assert_int_equal(env.entry[0].line, 2);
	assert_int_equal(env.entry[1].line, 5);
	assert_null(vg_dotenv_get(&env, "C"));
}

static void
everything_else_is_refused_with_its_line(void **unused)
{
	(void)unused;
	BAD("A", "line 1: = is expected");
	BAD("\n\nA b", "line 3: = is expected");
	BAD("A =b", "line 1: = is expected");
	BAD("A= b", "no blank is allowed");
	BAD("=b", "line 1: a name");
	BAD("1A=b", "line 1: a name");
	BAD("A-B=c", "= is expected");
	BAD("A.B=c", "= is expected");
	BAD("A=b'c'", "single quotes");
	BAD("A=b\"c", "single quotes");
	BAD("A=$b", "single quotes");
	BAD("A=b\\c", "single quotes");
	BAD("A=`b`", "single quotes");
	BAD("A=\"$b\"", "nothing is expanded");
	BAD("A=\"\\x\"", "the only escapes");
	BAD("A=\"\\", "the only escapes");
	BAD("B=c\nA='b\n", "line 2: the single quote");
	BAD("B=c\nA=\"b\n", "line 2: the double quote");
	BAD("A='b'c", "nothing but a comment");
	BAD("A='b'#c", "nothing but a comment");
	BAD("A='b''c'", "nothing but a comment");
	BAD("A=b\0c", "control bytes");
	BAD("A='b\0c'", "NUL");
	BAD("A=\"b\0c\"", "NUL");
	BAD("A=b\033c", "control bytes");
	BAD("A=b\rc\n", "control bytes");
	BAD("export", "= is expected");
	BAD("A=b\nB=c\nA=d\n", "line 3: A was already given in line 1");
}

static void
all_errors_come_at_once_and_the_rest_is_read(void **unused)
{
	static const char	text[] = "A b\nB=c\nC=$d\n=e\nF=g\n";

	(void)unused;
	assert_int_equal(read_text(text, sizeof(text) - 1), -1);
	assert_int_equal(errs.nerrors, 3);
	assert_non_null(strstr(errs.error[0].text, "line 1"));
	assert_non_null(strstr(errs.error[1].text, "line 3"));
	assert_non_null(strstr(errs.error[2].text, "line 4"));
	assert_string_equal(vg_dotenv_get(&env, "B"), "c");
	assert_string_equal(vg_dotenv_get(&env, "F"), "g");
}

static void
an_error_never_shows_the_line(void **unused)
{
	size_t		i;

	(void)unused;
	(void)read_text("KEY=$ecret\nKEY2=\"s$ecret\"\n", 26);
	assert_true(errs.nerrors > 0);
	for (i = 0; i < errs.nerrors; i++) {
		assert_null(strstr(errs.error[i].text, "ecret"));
		assert_false(errs.error[i].has_value);
	}
}

static void
size_and_number_are_bounded(void **unused)
{
	char		*text;
	size_t		i, n;

	(void)unused;
	text = malloc(VG_DOTENV_BYTES_MAX + 1);
	assert_non_null(text);
	memset(text, '#', VG_DOTENV_BYTES_MAX + 1);
	assert_int_equal(read_text(text, VG_DOTENV_BYTES_MAX), 0);
	assert_int_equal(read_text(text, VG_DOTENV_BYTES_MAX + 1), -1);

	n = 0;
	for (i = 0; i <= VG_DOTENV_ENTRIES_MAX; i++)
		n += (size_t)sprintf(text + n, "A%zu=b\n", i);
	assert_int_equal(read_text(text, n), -1);
	assert_int_equal(errs.nerrors, 1);
	assert_int_equal(env.count, VG_DOTENV_ENTRIES_MAX);
	free(text);
	vg_dotenv_free(&env);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(bare_values_are_read),
		cmocka_unit_test(quoted_values_are_read),
		cmocka_unit_test(lines_are_remembered),
		cmocka_unit_test(everything_else_is_refused_with_its_line),
		cmocka_unit_test(all_errors_come_at_once_and_the_rest_is_read),
		cmocka_unit_test(an_error_never_shows_the_line),
		cmocka_unit_test(size_and_number_are_bounded)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
