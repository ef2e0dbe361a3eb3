/*
 * UUIDv4: one form in, one form out.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/uuid.h"

static void
random_bytes_become_version_4(void **unused)
{
	uint8_t		bytes[VG_UUID_BYTES];
	char		text[VG_UUID_SIZE];

	(void)unused;
	memset(bytes, 0xff, sizeof(bytes));
	vg_uuid4_format(text, bytes);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	memset(bytes, 0, sizeof(bytes));
	vg_uuid4_format(text, bytes);
	assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
}

static void
what_is_made_is_accepted(void **unused)
{
	uint8_t		bytes[VG_UUID_BYTES];
	char		text[VG_UUID_SIZE], back[VG_UUID_SIZE];
	unsigned	i, j;

	(void)unused;
	for (i = 0; i < 256; i++) {
		for (j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)(i * 31 + j * 7);
		vg_uuid4_format(text, bytes);
		assert_int_equal(vg_uuid4_parse(back, text, strlen(text)), 0);
		assert_string_equal(back, text);
	}
}

static void
upper_case_is_read_as_lower(void **unused)
{
	char		back[VG_UUID_SIZE];

	(void)unused;
	assert_int_equal(vg_uuid4_parse(back,
	    "ABCDEF01-2345-4678-9ABC-DEF012345678", 36), 0);
	assert_string_equal(back, "abcdef01-2345-4678-9abc-def012345678");
	assert_int_equal(vg_uuid4_parse(NULL, back, 36), 0);
}

static void
everything_else_is_refused(void **unused)
{
	static const char	*const bad[] = {
		"",
		"abcdef01-2345-4678-9abc-def01234567",
		"abcdef01-2345-4678-9abc-def0123456789",
		"abcdef01-2345-1678-9abc-def012345678",
		"abcdef01-2345-7678-9abc-def012345678",
		"abcdef01-2345-4678-7abc-def012345678",
		"abcdef01-2345-4678-cabc-def012345678",
		"abcdef01234546789abcdef0123456789abc",
		"{abcdef01-2345-4678-9abc-def01234567}",
		"urn:uuid:abcdef01-2345-4678-9abc-def0",
		"gbcdef01-2345-4678-9abc-def012345678",
		"abcdef01-2345-4678-9abc_def012345678",
		" bcdef01-2345-4678-9abc-def012345678",
		"abcdef012-345-4678-9abc-def012345678",
		"00000000-0000-0000-0000-000000000000"
	};
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vg_uuid4_parse(NULL, bad[i], strlen(bad[i])),
		    -1);
	assert_int_equal(vg_uuid4_parse(NULL,
	    "abcdef01-2345-4678-9abc-def01234567\0", 36), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(random_bytes_become_version_4),
		cmocka_unit_test(what_is_made_is_accepted),
		cmocka_unit_test(upper_case_is_read_as_lower),
		cmocka_unit_test(everything_else_is_refused)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
