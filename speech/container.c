/*
 * The first bytes decide which of libav's demuxers is used, and the one that is
 * named here is the only one that sees the recording: libav's own probing tries
 * some three hundred, and most of their bugs are found there.
 */
#include <string.h>

#include "speech/container.h"

#define MP3_VERSION_RESERVED	1
#define MP3_LAYER_3		1
#define MP3_BITRATE_BAD		15
#define MP3_RATE_RESERVED	3

#define ZEROS_MAX		256	/* in front of an MP3, as of core/sniff_mpeg.c */

/* The header of an MPEG audio layer III frame. */
static int
is_mp3_frame(const uint8_t *p)
{
	return (p[0] == 0xff && (p[1] & 0xe0) == 0xe0 &&
	    ((p[1] >> 3) & 3) != MP3_VERSION_RESERVED &&
	    ((p[1] >> 1) & 3) == MP3_LAYER_3 &&
	    (p[2] >> 4) != MP3_BITRATE_BAD &&
	    ((p[2] >> 2) & 3) != MP3_RATE_RESERVED);
}

/* Frames or a tag before them, and perhaps a few zero bytes before that. */
static int
is_mp3(const uint8_t *p, size_t len)
{
	size_t	n;

	for (n = 0; n < len && n < ZEROS_MAX && p[n] == 0; n++)
		continue;
	p += n;
	len -= n;
	return ((len >= 3 && memcmp(p, "ID3", 3) == 0) ||
	    (len >= 8 && memcmp(p, "APETAGEX", 8) == 0) ||
	    (len >= 4 && is_mp3_frame(p)));
}

enum vg_container
vg_container_of(const uint8_t *p, size_t len)
{
	if (len < VG_CONTAINER_BYTES)
		return (VG_CONTAINER_NONE);
	if ((memcmp(p, "RIFF", 4) == 0 || memcmp(p, "RF64", 4) == 0) &&
	    memcmp(p + 8, "WAVE", 4) == 0)
		return (VG_CONTAINER_WAV);
	if (memcmp(p, "OggS", 4) == 0)
		return (VG_CONTAINER_OGG);
	if (memcmp(p, "\x1a\x45\xdf\xa3", 4) == 0)
		return (VG_CONTAINER_MATROSKA);
	if (memcmp(p + 4, "ftyp", 4) == 0)
		return (VG_CONTAINER_MP4);
	if (is_mp3(p, len))
		return (VG_CONTAINER_MP3);
	return (VG_CONTAINER_NONE);
}
