/* Containers are told by their content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "speech/container.h"

static enum vg_container
of(const char *bytes, size_t len)
{
	uint8_t	buf[64] = { 0 };

	memcpy(buf, bytes, len);
	return (vg_container_of(buf, len));
}

static void
the_five_are_known(void **state)
{
	(void)state;
	assert_int_equal(of("RIFF\0\0\0\0WAVEfmt ", 16), VG_CONTAINER_WAV);
	assert_int_equal(of("OggS\0\2\0\0\0\0\0\0", 12), VG_CONTAINER_OGG);
	assert_int_equal(of("\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", 12),
	    VG_CONTAINER_MATROSKA);
	assert_int_equal(of("\0\0\0\x20" "ftypM4A ", 12), VG_CONTAINER_MP4);
	assert_int_equal(of("ID3\4\0\0\0\0\0\0\0\0", 12), VG_CONTAINER_MP3);
	assert_int_equal(of("\xff\xfb\x90\x64\0\0\0\0\0\0\0\0", 12),
	    VG_CONTAINER_MP3);
	assert_int_equal(of("RF64\xff\xff\xff\xffWAVEds64", 16),
	    VG_CONTAINER_WAV);
	assert_int_equal(of("APETAGEX\xd0\7\0\0", 12), VG_CONTAINER_MP3);
	assert_int_equal(of("\0\0\0\0\0\0\0\0\0\0\0\0\xff\xfb\x90\x64", 16),
	    VG_CONTAINER_MP3);
	assert_int_equal(of("\0\0ID3\4\0\0\0\0\0\0", 12), VG_CONTAINER_MP3);
}

static void
others_are_not(void **state)
{
	static const char *const bad[] = { "RIFF\1\1\1\1AVI LIST",
	    "fLaC\1\1\1\1\1\1\1\1", "<!DOCTYPE html>", "\xff\xf1\x50\x80""aaaaaaaa",
	    "\xff\xff\xff\xff""aaaaaaaa", "\xff\xfb\xf0\x64""aaaaaaaa",
	    "\xff\xfb\x9c\x64""aaaaaaaa", "#EXTM3U\n....", "#!/bin/sh\n\n\n" };
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(of(bad[i], 12), VG_CONTAINER_NONE);
}

static void
too_short_is_none(void **state)
{
	size_t	n;

	(void)state;
	for (n = 0; n < VG_CONTAINER_BYTES; n++)
		assert_int_equal(of("RIFF\0\0\0\0WAVE", n), VG_CONTAINER_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_five_are_known),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(too_short_is_none),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
