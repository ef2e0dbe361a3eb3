/* The WAV head's lengths are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "speech/wavhead.h"

static uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

static void
every_field_is_right(void **state)
{
	uint8_t	h[VG_WAVHEAD_BYTES];

	(void)state;
	assert_int_equal(vg_wavhead(h, 16000, 2, 6400), 0);
	assert_memory_equal(h, "RIFF", 4);
	assert_int_equal(get32(h + 4), 6436);
	assert_memory_equal(h + 8, "WAVEfmt ", 8);
	assert_int_equal(get32(h + 16), 16);
	assert_int_equal(get32(h + 20), 0x00020001);
	assert_int_equal(get32(h + 24), 16000);
	assert_int_equal(get32(h + 28), 64000);
	assert_int_equal(get32(h + 32), 0x00100004);
	assert_memory_equal(h + 36, "data", 4);
	assert_int_equal(get32(h + 40), 6400);
}

static void
what_riff_cannot_hold_is_refused(void **state)
{
	uint8_t	h[VG_WAVHEAD_BYTES];

	(void)state;
	assert_int_equal(vg_wavhead(h, 16000, 1, UINT32_MAX - 36), 0);
	assert_int_equal(get32(h + 4), UINT32_MAX);
	assert_int_equal(vg_wavhead(h, 16000, 1, UINT32_MAX - 35), -1);
	assert_int_equal(vg_wavhead(h, 16000, 1, UINT64_MAX), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_right),
		cmocka_unit_test(what_riff_cannot_hold_is_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
