/*
 * SipHash-2-4 against its paper's and its reference program's vectors.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/siphash.h"

static uint64_t
vector(size_t len)
{
	uint8_t		key[VG_SIPHASH_KEY_SIZE], in[64];
	size_t		i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;

	return (vg_siphash(key, in, len));
}

static void
the_published_vectors_hold(void **unused)
{
	(void)unused;
	assert_true(vector(15) == UINT64_C(0xa129ca6149be45e5));
	assert_true(vector(0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(vector(1) == UINT64_C(0x74f839c593dc67fd));
	assert_true(vector(8) == UINT64_C(0x93f5f5799a932462));
}

static void
the_key_matters(void **unused)
{
	uint8_t		a[VG_SIPHASH_KEY_SIZE] = { 1 };
	uint8_t		b[VG_SIPHASH_KEY_SIZE] = { 2 };

	(void)unused;
	assert_true(vg_siphash(a, "x", 1) != vg_siphash(b, "x", 1));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(the_published_vectors_hold),
		cmocka_unit_test(the_key_matters)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
