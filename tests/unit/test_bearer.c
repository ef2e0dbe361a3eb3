/*
 * Authorization: what is a key, what is none, and what is for somebody else.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/bearer.h"

#define KEY	"vg_0123456789abcdefghijklmnopqrstuvwxyzABCDE-_"

static void
a_key_is_found(void **unused)
{
	static const char	*const good[] = {
		"Bearer " KEY, "bearer " KEY, "BEARER   " KEY, "Bearer " KEY " "
	};
	const char		*key;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		key = NULL;
		assert_int_equal(vg_bearer_parse(good[i], strlen(good[i]),
		    &key), VG_BEARER_KEY);
		assert_memory_equal(key, KEY, VG_API_KEY_LEN);
	}
}

static void
what_has_no_keys_form_is_malformed(void **unused)
{
	static const char	*const bad[] = {
		"Bearer", "Bearer ", "Bearer x", "Bearer sk-0123456789",
		"Bearer " KEY "x", "Bearer " KEY " " KEY,
		"Bearer vg_0123456789abcdefghijklmnopqrstuvwxyzABCDE-",
		"Bearer vg_0123456789abcdefghijklmnopqrstuvwxyzABCDE-+",
		"Bearer VG_0123456789abcdefghijklmnopqrstuvwxyzABCDE-_"
	};
	const char		*key;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vg_bearer_parse(bad[i], strlen(bad[i]), &key),
		    VG_BEARER_MALFORMED);
}

static void
another_scheme_is_not_ours(void **unused)
{
	static const char	*const other[] = {
		"", "Basic dXNlcjpwYXNz", "Bearerish " KEY, KEY, "Bear",
		"Digest username=\"x\""
	};
	const char		*key;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(vg_bearer_parse(other[i], strlen(other[i]),
		    &key), VG_BEARER_NONE);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(a_key_is_found),
		cmocka_unit_test(what_has_no_keys_form_is_malformed),
		cmocka_unit_test(another_scheme_is_not_ours)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
