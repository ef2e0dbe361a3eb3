/* core/textkey.c: what TRANSCRIPT_KEY may be, and what it says when it is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/textkey.h"

#define HEX	"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define BASE64	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER	"ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void
both_spellings_are_one_key(void **unused)
{
	struct vg_textkeys	hex, base64;
	const char		*why = "";
	size_t			i;

	(void)unused;
	assert_int_equal(vg_textkeys_parse(&hex, HEX, &why), 0);
	assert_int_equal(vg_textkeys_parse(&base64, BASE64, &why), 0);
	assert_int_equal(hex.count, 1);
	assert_int_equal(base64.count, 1);
	for (i = 0; i < VG_TEXTKEY_BYTES; i++)
		assert_int_equal(hex.key[0][i], i);
	assert_memory_equal(hex.key[0], base64.key[0], VG_TEXTKEY_BYTES);
	vg_textkeys_wipe(&hex);
	assert_int_equal(hex.count, 0);
	assert_int_equal(hex.key[0][31], 0);
}

static void
several_keep_their_order(void **unused)
{
	struct vg_textkeys	keys;
	const char		*why = "";

	(void)unused;
	assert_int_equal(vg_textkeys_parse(&keys, "", &why), 0);
	assert_int_equal(keys.count, 0);
	assert_int_equal(vg_textkeys_parse(&keys, OTHER "," BASE64, &why), 0);
	assert_int_equal(keys.count, 2);
	assert_int_equal(keys.key[0][0], 0xff);
	assert_int_equal(keys.key[1][0], 0);
}

static void
what_is_no_key_is_refused(void **unused)
{
	static const char *const	bad[] = {
		",", HEX ",", "," HEX, HEX ",," OTHER, HEX " ", " " HEX,
		HEX ", " OTHER, HEX "\n" OTHER, "0" HEX, HEX "0",
		"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"0001", "secret", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		/* 33 and 31 bytes, and bits behind the end */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
		/* placeholders */
		"0000000000000000000000000000000000000000000000000000000000000000",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		/* the same key in two spellings */
		HEX "," BASE64
	};
	struct vg_textkeys		keys;
	const char			*why;
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (vg_textkeys_parse(&keys, bad[i], &why) != -1)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(why);
		/* Nothing of it is told. */
		assert_null(strstr(why, bad[i]));
	}
}

static void
there_is_a_most(void **unused)
{
	struct vg_textkeys	keys;
	const char		*why = "";
	char			text[VG_TEXTKEY_BYTES * 2 * 10 + 10];
	size_t			at = 0;
	int			i;

	(void)unused;
	for (i = 0; i < VG_TEXTKEYS_MAX + 1; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%02x%s",
		    i > 0 ? "," : "", i + 1, HEX + 2);
		assert_int_equal(vg_textkeys_parse(&keys, text, &why),
		    i < VG_TEXTKEYS_MAX ? 0 : -1);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(both_spellings_are_one_key),
		cmocka_unit_test(several_keep_their_order),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(there_is_a_most),
	};

	return (cmocka_run_group_tests_name("textkey", tests, NULL, NULL));
}
