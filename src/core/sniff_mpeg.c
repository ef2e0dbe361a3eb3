/*
 * MPEG audio has no magic: a frame begins with eleven bits that are set, and so
 * do many other things. What tells it from them is that its header says how
 * long the frame is, and that another one with the same parameters stands
 * there. Tags before the frames (ID3v2, APEv2) are passed over.
 */

#include "core/sniff_mpeg.h"

#define ID3_HEADER	10	/* bytes */
#define APE_HEADER	32	/* bytes, of the footer too */
#define FRAME_MAX	1445	/* bytes: the longest frame and the next's header */
#define ZEROS_MAX	256	/* bytes of padding in front, as encoders leave it */

static uint32_t
le32(const uint8_t *b)
{
	return ((uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 |
	    (uint32_t)b[1] << 8 | b[0]);
}

/*
 * The length of an MPEG layer III frame by its header (ISO/IEC 11172-3 section
 * 2.4.2.3, 13818-3), or 0 when it is none. Free format has no length in its
 * header, so it cannot be checked and is not taken.
 */
static size_t
mpeg_frame(const uint8_t *b)
{
	static const uint16_t	kbits[2][16] = {
		{ 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
		    320, 0 },
		{ 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144,
		    160, 0 }
	};
	static const uint16_t	rates[3] = { 44100, 48000, 32000 };
	unsigned int		version, bitrate, rate;
	size_t			hz, bits;

	version = (b[1] >> 3) & 3;	/* 0: MPEG 2.5, 2: MPEG 2, 3: MPEG 1 */
	bitrate = b[2] >> 4;
	rate = (b[2] >> 2) & 3;

	if (b[0] != 0xff || (b[1] & 0xe0) != 0xe0 || version == 1 ||
	    ((b[1] >> 1) & 3) != 1 || rate == 3 || (b[3] & 3) == 2)
		return (0);

	bits = (size_t)kbits[version == 3 ? 0 : 1][bitrate] * 1000;
	if (bits == 0)
		return (0);

	hz = rates[rate] >> (version == 3 ? 0 : version == 2 ? 1 : 2);

	return ((version == 3 ? 144 : 72) * bits / hz + ((b[2] >> 1) & 1));
}

/* Two frames in a row, of one version and rate: chance does not make that. */
static enum vg_sniff_verdict
mp3_frames(const uint8_t *b, size_t len, bool final)
{
	size_t	frame;

	/* Refuse at the first byte where that can be told. */
	if (len > 0 && b[0] != 0xff)
		return (VG_SNIFF_NO);
	if (len > 1 && (b[1] & 0xe6) != 0xe2)
		return (VG_SNIFF_NO);
	if (len < 4)
		return (vg_sniff_more(final));

	frame = mpeg_frame(b);
	if (frame == 0)
		return (VG_SNIFF_NO);

	/* A file of a single frame ends where the frame does. */
	if (len < frame + 4)
		return (final && len == frame ? VG_SNIFF_MATCH : vg_sniff_more(final));

	if (mpeg_frame(b + frame) == 0 || b[frame + 1] >> 1 != b[1] >> 1 ||
	    ((b[frame + 2] ^ b[2]) & 0x0c) != 0)
		return (VG_SNIFF_NO);

	return (VG_SNIFF_MATCH);
}

/*
 * Whether a tag stands here: MATCH with its size, NO, or NEED_MORE; *bad when it
 * begins as one and is none.
 */
static enum vg_sniff_verdict
id3_tag(const uint8_t *b, size_t len, bool final, size_t *size, bool *bad)
{
	enum vg_sniff_verdict	v;

	v = vg_sniff_magic(b, len, final, "ID3", 3);
	if (v != VG_SNIFF_MATCH)
		return (v);
	if (len < ID3_HEADER)
		return (vg_sniff_more(final));

	if (b[3] < 2 || b[3] > 4 || b[4] == 0xff || (b[5] & 0x0f) != 0 ||
	    ((b[6] | b[7] | b[8] | b[9]) & 0x80) != 0) {
		*bad = true;
		return (VG_SNIFF_NO);
	}

	*size = ID3_HEADER + ((size_t)b[6] << 21 | (size_t)b[7] << 14 |
	    (size_t)b[8] << 7 | b[9]);
	if ((b[5] & 0x10) != 0)
		*size += ID3_HEADER;

	return (VG_SNIFF_MATCH);
}

/* APEv2, with a header: its size counts the items and the footer. */
static enum vg_sniff_verdict
ape_tag(const uint8_t *b, size_t len, bool final, size_t *size, bool *bad)
{
	enum vg_sniff_verdict	v;
	uint32_t		version;

	v = vg_sniff_magic(b, len, final, "APETAGEX", 8);
	if (v != VG_SNIFF_MATCH)
		return (v);
	if (len < APE_HEADER)
		return (vg_sniff_more(final));

	version = le32(b + 8);
	*size = (size_t)APE_HEADER + le32(b + 12);
	if ((version != 1000 && version != 2000) || *size < 2 * APE_HEADER) {
		*bad = true;
		return (VG_SNIFF_NO);
	}

	return (VG_SNIFF_MATCH);
}

/*
 * Tags may stand in front, more than one: taggers add theirs to what is there. A
 * tag may hold a picture and so be longer than what is looked at; its header is
 * checked, and the frames when they are in sight.
 */
enum vg_sniff_verdict
vg_sniff_mp3(const uint8_t *b, size_t len, bool final)
{
	enum vg_sniff_verdict	id3, ape;
	size_t			pos = 0, size;
	bool			bad = false;

	while (pos < len && pos < ZEROS_MAX && b[pos] == 0)
		pos++;

	for (;;) {
		size = 0;
		id3 = id3_tag(b + pos, len - pos, final, &size, &bad);
		ape = id3 == VG_SNIFF_MATCH ? VG_SNIFF_NO :
		    ape_tag(b + pos, len - pos, final, &size, &bad);
		if (bad)
			return (VG_SNIFF_NO);
		if (id3 == VG_SNIFF_NEED_MORE || ape == VG_SNIFF_NEED_MORE)
			return (VG_SNIFF_NEED_MORE);
		if (id3 == VG_SNIFF_NO && ape == VG_SNIFF_NO)
			return (mp3_frames(b + pos, len - pos, final));

		pos += size;
		if (pos + FRAME_MAX > VG_SNIFF_MAX)
			return (VG_SNIFF_MATCH);
		if (len < pos)
			return (vg_sniff_more(final));

		/* Some taggers pad beyond the size that they state. */
		while (pos < len && b[pos] == 0)
			pos++;
		if (pos == len)
			return (vg_sniff_more(final));
	}
}
