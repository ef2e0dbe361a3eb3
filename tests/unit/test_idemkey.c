/* core/idemkey.c: what an Idempotency-Key may be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/idemkey.h"

static void
keys_are_taken_with_and_without_quotes(void **unused)
{
	static const struct {
		const char	*field;
		const char	*key;
	} good[] = {
		{ "8e03978e-40d5-43dd-bc93-6894a57f9324",
		    "8e03978e-40d5-43dd-bc93-6894a57f9324" },
		{ "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
		    "8e03978e-40d5-43dd-bc93-6894a57f9324" },
		{ "a", "a" },
		{ " \tk1 ", "k1" },
		{ "\"with space, comma; and more\"",
		    "with space, comma; and more" },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c" },
		{ "AGJ6FJMkGQIpHUTX/=+", "AGJ6FJMkGQIpHUTX/=+" }
	};
	char	out[129];
	size_t	i;

	(void)unused;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(vg_idempotency_key(out, sizeof(out),
		    good[i].field), 0);
		assert_string_equal(out, good[i].key);
	}
}

static void
what_is_no_key_is_refused(void **unused)
{
	static const char *const	bad[] = { "", " ", "\"\"", "\"", "\"a",
		"a\"", "\"a\"b", "\"a\";p=1", "\"a\", \"b\"", "a b", "a,b", "a;b",
		"\"a\\b\"", "\"a\\", "\"\x01\"", "\"\xc3\xa9\"", "\xc3\xa9",
		"a\x7f", "\"a\x7f\"" };
	char				out[129] = "x";
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vg_idempotency_key(out, sizeof(out), bad[i]),
		    -1);
		assert_string_equal(out, "");
	}
}

static void
the_longest_fits_and_one_more_does_not(void **unused)
{
	char	field[200], out[129];

	(void)unused;
	memset(field, 'k', sizeof(field));
	field[128] = '\0';
	assert_int_equal(vg_idempotency_key(out, sizeof(out), field), 0);
	assert_int_equal(strlen(out), 128);
	field[128] = 'k';
	field[129] = '\0';
	assert_int_equal(vg_idempotency_key(out, sizeof(out), field), -1);
	field[0] = field[129] = '"';
	field[130] = '\0';
	assert_int_equal(vg_idempotency_key(out, sizeof(out), field), 0);
	field[129] = 'k';
	field[130] = '"';
	field[131] = '\0';
	assert_int_equal(vg_idempotency_key(out, sizeof(out), field), -1);
	assert_int_equal(vg_idempotency_key(out, 0, "a"), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(keys_are_taken_with_and_without_quotes),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(the_longest_fits_and_one_more_does_not),
	};

	return (cmocka_run_group_tests_name("core: idempotency key", tests, NULL,
	    NULL));
}
