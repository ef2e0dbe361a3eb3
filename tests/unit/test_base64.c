/* core/base64.c: one spelling for each content, and no other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base64.h"

static void
the_rfcs_own_examples(void **unused)
{
	/* RFC 4648 section 10. */
	static const struct {
		const char	*bytes;
		const char	*text;
	} given[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }
	};
	char	text[16];
	uint8_t	bytes[16];
	size_t	i, len;

	(void)unused;
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		vg_base64_encode(text, (const uint8_t *)given[i].bytes,
		    strlen(given[i].bytes));
		assert_string_equal(text, given[i].text);
		assert_int_equal(vg_base64_decode(bytes, &len, text,
		    strlen(text)), 0);
		assert_int_equal(len, strlen(given[i].bytes));
		assert_memory_equal(bytes, given[i].bytes, len);
	}
}

static void
every_length_comes_back(void **unused)
{
	uint8_t	bytes[100], back[100 + 2];
	char	text[VG_BASE64_LEN(100) + 1];
	size_t	n, len;

	(void)unused;
	for (n = 0; n < sizeof(bytes); n++)
		bytes[n] = (uint8_t)(n * 151 + 7);
	for (n = 0; n <= sizeof(bytes); n++) {
		vg_base64_encode(text, bytes, n);
		assert_int_equal(strlen(text), VG_BASE64_LEN(n));
		assert_int_equal(vg_base64_decode(back, &len, text,
		    strlen(text)), 0);
		assert_int_equal(len, n);
		assert_memory_equal(back, bytes, n);
	}
}

static void
every_other_character_is_refused(void **unused)
{
	static const char	alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char			text[5] = "AAAA";
	uint8_t			out[3];
	size_t			len;
	int			c, at, known;

	(void)unused;
	for (at = 0; at < 3; at++) {
		for (c = 0; c < 256; c++) {
			text[at] = (char)c;
			known = c != 0 && strchr(alphabet, c) != NULL;
			assert_int_equal(vg_base64_decode(out, &len, text, 4),
			    known ? 0 : -1);
			assert_int_equal(len, known ? 3 : 0);
		}
		text[at] = 'A';
	}
}

static void
another_spelling_is_refused(void **unused)
{
	static const char *const	bad[] = { "A", "AA", "AAA", "AAAAA",
		"=", "====", "A===", "AA=A", "=AAA", "Zg==Zg==", "Zg==\n",
		"Zh==", "Zm9=", "Zm8=A", "Zm-_", " Zm9v", "Zm9v ", "Zm\n9v" };
	uint8_t				out[16];
	size_t				i, len;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vg_base64_decode(out, &len, bad[i], strlen(bad[i])) != -1)
			fail_msg("taken: %s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(the_rfcs_own_examples),
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(every_other_character_is_refused),
		cmocka_unit_test(another_spelling_is_refused),
	};

	return (cmocka_run_group_tests_name("base64", tests, NULL, NULL));
}
