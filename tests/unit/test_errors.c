/*
 * The list of configuration errors: nothing is lost, nothing is raw.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/errors.h"

static struct vg_errors	errs;

static char *
printed(void)
{
	char		*text;
	size_t		size;
	FILE		*fp;

	fp = open_memstream(&text, &size);
	assert_non_null(fp);
	vg_errors_print(&errs, fp);
	assert_int_equal(fclose(fp), 0);

	return (text);
}

static void
a_line_names_setting_value_and_rule(void **unused)
{
	char		*text;

	(void)unused;
	vg_errors_init(&errs);
	vg_errors_add(&errs, "PORT", "ten", 3, "%d to %d", 1, 65535);
	text = printed();
	assert_string_equal(text, "error: PORT=\"ten\": 1 to 65535\n");
	free(text);
}

static void
a_missing_value_is_not_shown(void **unused)
{
	char		*text;

	(void)unused;
	vg_errors_init(&errs);
	vg_errors_add(&errs, "DATABASE_URL", NULL, 0, "is missing");
	text = printed();
	assert_string_equal(text, "error: DATABASE_URL: is missing\n");
	free(text);
}

static void
control_bytes_are_escaped_everywhere(void **unused)
{
	char		*text;

	(void)unused;
	vg_errors_init(&errs);
	vg_errors_add(&errs, "A\nB", "x\033[2J\n\"", 7, "bad %s", "\r\"y\"");
	text = printed();
	assert_string_equal(text,
	    "error: A\\nB=\"x\\x1b[2J\\n\\\"\": bad \\r\"y\"\n");
	free(text);
}

static void
warnings_follow_and_do_not_count_as_errors(void **unused)
{
	char		*text;

	(void)unused;
	vg_errors_init(&errs);
	vg_errors_warn(&errs, ".env", NULL, 0, "odd");
	assert_int_equal(errs.nerrors, 0);
	assert_int_equal(errs.nwarnings, 1);
	vg_errors_add(&errs, "X", NULL, 0, "bad");
	text = printed();
	assert_string_equal(text, "error: X: bad\nwarning: .env: odd\n");
	free(text);
}

static void
what_does_not_fit_is_counted(void **unused)
{
	char		*text;
	int		i;

	(void)unused;
	vg_errors_init(&errs);
	for (i = 0; i < VG_ERRORS_MAX + 3; i++)
		vg_errors_add(&errs, "X", NULL, 0, "bad");
	assert_int_equal(errs.nerrors, VG_ERRORS_MAX + 3);
	text = printed();
	assert_non_null(strstr(text, "error: and 3 more\n"));
	free(text);
}

static void
a_long_value_is_cut(void **unused)
{
	char		value[1000];

	(void)unused;
	memset(value, 'a', sizeof(value));
	vg_errors_init(&errs);
	vg_errors_add(&errs, "X", value, sizeof(value), "bad");
	assert_int_equal(strlen(errs.error[0].value), VG_ERROR_VALUE_SIZE - 1);
	assert_string_equal(errs.error[0].value + VG_ERROR_VALUE_SIZE - 4,
	    "...");
}

static void
no_list_is_no_crash(void **unused)
{
	(void)unused;
	vg_errors_add(NULL, "X", NULL, 0, "bad");
	vg_errors_warn(NULL, "X", NULL, 0, "bad");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_line_names_setting_value_and_rule),
		cmocka_unit_test(a_missing_value_is_not_shown),
		cmocka_unit_test(control_bytes_are_escaped_everywhere),
		cmocka_unit_test(warnings_follow_and_do_not_count_as_errors),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(a_long_value_is_cut),
		cmocka_unit_test(no_list_is_no_crash)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
