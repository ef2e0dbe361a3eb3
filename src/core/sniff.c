/*
 * Audio, told by its content.
 *
 * An upload's name and media type are what the client says; what a decoder
 * will make of it is decided by its bytes. So the bytes are looked at, and
 * looked at hard enough that text, pictures, archives and pages do not pass:
 * a magic number alone is not believed where the format offers more (the next
 * MPEG frame, the codec in the first Ogg page, the DocType in EBML).
 *
 * The answer must come from the first bytes, as an upload that is not audio is
 * to be refused before the rest of it is read. Each format is a function from
 * (bytes so far, whether that is all) to NO, NEED_MORE or MATCH; none looks
 * beyond VG_SNIFF_MAX. Whether a file can be decoded is the decoder's to say.
 * MPEG audio, which has no magic of its own, is in sniff_mpeg.c.
 */

#include <string.h>

#include "core/sniff.h"
#include "core/sniff_mpeg.h"

typedef enum vg_sniff_verdict	(*sniffer)(const uint8_t *, size_t, bool);

#define RIFF_HEADER	12	/* bytes: "RIFF" size "WAVE" */
#define RIFF_CHUNK	8	/* bytes of the first chunk's header */
#define OGG_HEADER	27	/* bytes of a page header, table aside */
#define FTYP_MIN	16	/* bytes: size "ftyp" major version */
#define EBML_ID_LEN	4	/* bytes */
#define EBML_DOCTYPE	0x4282	/* RFC 8794 section 11.2.5 */
#define EBML_DOCTYPE_MAX 32	/* bytes of its value */

/* Compares what is there of a magic; an empty file may yet become anything. */
enum vg_sniff_verdict
vg_sniff_magic(const uint8_t *b, size_t len, bool final, const char *s, size_t n)
{
	if (len < n) {
		if (final || memcmp(b, s, len) != 0)
			return (VG_SNIFF_NO);
		return (VG_SNIFF_NEED_MORE);
	}

	return (memcmp(b, s, n) == 0 ? VG_SNIFF_MATCH : VG_SNIFF_NO);
}

/* More is needed, unless there is no more. */
enum vg_sniff_verdict
vg_sniff_more(bool final)
{
	return (final ? VG_SNIFF_NO : VG_SNIFF_NEED_MORE);
}

static uint32_t
be32(const uint8_t *b)
{
	return ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3]);
}

/* RIFF (or RF64, EBU Tech 3306) "WAVE", then a chunk with a printable id. */
static enum vg_sniff_verdict
wav(const uint8_t *b, size_t len, bool final)
{
	enum vg_sniff_verdict	v;
	bool			rf64;
	size_t			i;

	v = vg_sniff_magic(b, len, final, "RIFF", 4);
	rf64 = false;
	if (v == VG_SNIFF_NO) {
		v = vg_sniff_magic(b, len, final, "RF64", 4);
		rf64 = true;
	}
	if (v != VG_SNIFF_MATCH)
		return (v);

	if (len > 8) {
		v = vg_sniff_magic(b + 8, len - 8, final, "WAVE", 4);
		if (v != VG_SNIFF_MATCH)
			return (v);
	}
	if (len < RIFF_HEADER + RIFF_CHUNK)
		return (vg_sniff_more(final));

	/* The 64 bit sizes come first in RF64, always. */
	if (rf64)
		return (memcmp(b + RIFF_HEADER, "ds64", 4) == 0 ?
		    VG_SNIFF_MATCH : VG_SNIFF_NO);

	for (i = 0; i < 4; i++) {
		if (b[RIFF_HEADER + i] < 0x20 || b[RIFF_HEADER + i] > 0x7e)
			return (VG_SNIFF_NO);
	}

	return (VG_SNIFF_MATCH);
}

/* RFC 8794 section 4: a variable-size integer; its length, 0 when cut off. */
static size_t
ebml_vint(const uint8_t *b, size_t len, bool keep_marker, uint64_t *value)
{
	size_t	n, i;

	if (len == 0 || b[0] == 0)
		return (0);

	for (n = 1; (b[0] & (0x80 >> (n - 1))) == 0; n++)
		continue;
	if (len < n)
		return (0);

	*value = keep_marker ? b[0] : b[0] & (0xffU >> n);
	for (i = 1; i < n; i++)
		*value = *value << 8 | b[i];

	return (n);
}

/* EBML with the DocType of WebM or Matroska (RFC 9559). */
static enum vg_sniff_verdict
webm(const uint8_t *b, size_t len, bool final)
{
	enum vg_sniff_verdict	v;
	uint64_t		size, id;
	size_t			pos = EBML_ID_LEN, end, n, k;

	v = vg_sniff_magic(b, len, final, "\x1a\x45\xdf\xa3", EBML_ID_LEN);
	if (v != VG_SNIFF_MATCH)
		return (v);
	if (len == pos)
		return (vg_sniff_more(final));

	n = ebml_vint(b + pos, len - pos, false, &size);
	if (n == 0)
		return (b[pos] == 0 ? VG_SNIFF_NO : vg_sniff_more(final));
	pos += n;
	if (size > VG_SNIFF_MAX - pos)
		return (VG_SNIFF_NO);
	end = pos + (size_t)size;

	while (pos < end) {
		if (pos >= len)
			return (vg_sniff_more(final));
		n = ebml_vint(b + pos, len - pos, true, &id);
		k = n == 0 ? 0 : ebml_vint(b + pos + n, len - pos - n, false,
		    &size);
		if (k == 0) {
			if (b[pos] == 0 || (n != 0 && pos + n < len &&
			    b[pos + n] == 0))
				return (VG_SNIFF_NO);
			return (vg_sniff_more(final));
		}
		pos += n + k;
		if (pos > end || size > end - pos)
			return (VG_SNIFF_NO);
		if (id != EBML_DOCTYPE) {
			pos += (size_t)size;
			continue;
		}
		if (size > EBML_DOCTYPE_MAX)
			return (VG_SNIFF_NO);
		if (len - pos < size)
			return (vg_sniff_more(final));
		/* Strings may be padded with zero bytes. */
		while (size > 0 && b[pos + (size_t)size - 1] == 0)
			size--;
		return ((size == 4 && memcmp(b + pos, "webm", 4) == 0) ||
		    (size == 8 && memcmp(b + pos, "matroska", 8) == 0) ?
		    VG_SNIFF_MATCH : VG_SNIFF_NO);
	}

	return (VG_SNIFF_NO);
}

/* RFC 3533 section 6: the first page of a stream, and what codec it opens. */
static enum vg_sniff_verdict
ogg(const uint8_t *b, size_t len, bool final)
{
	static const struct {
		const char	*magic;
		size_t		len;
	} codecs[] = {
		{ "OpusHead", 8 },		/* RFC 7845 section 5.1 */
		{ "\x01vorbis", 7 },
		{ "Speex   ", 8 },
		{ "\x7f" "FLAC", 5 }
	};
	enum vg_sniff_verdict	v, best = VG_SNIFF_NO;
	size_t			i, start;

	v = vg_sniff_magic(b, len, final, "OggS", 5);	/* version 0 included */
	if (v != VG_SNIFF_MATCH)
		return (v);

	if (len > 5 && (b[5] & 0x07) != 0x02)	/* begins, continues nothing */
		return (VG_SNIFF_NO);
	if (len < OGG_HEADER)
		return (vg_sniff_more(final));

	start = OGG_HEADER + (size_t)b[OGG_HEADER - 1];
	if (len <= start)
		return (vg_sniff_more(final));

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		v = vg_sniff_magic(b + start, len - start, final, codecs[i].magic,
		    codecs[i].len);
		if (v > best)
			best = v;
	}

	return (best);
}

/*
 * ISO/IEC 14496-12 section 4.3: ftyp first. The major brand decides; pictures
 * (heic, avif, crx) carry general brands in their list of compatible ones.
 */
static enum vg_sniff_verdict
m4a(const uint8_t *b, size_t len, bool final)
{
	static const char	brands[][5] = {
		"M4A ", "M4B ", "M4P ", "M4V ", "F4A ", "F4B ", "f4v ", "isom",
		"iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9",
		"mp41", "mp42", "mp71", "MSNV", "dash", "avc1", "3gp4", "3gp5",
		"3gp6", "3gp7", "3gp8", "3gp9", "3ge6", "3gg6", "3g2a", "3g2b",
		"3g2c", "qt  ", "iso1", "isml", "cmfc", "cmf2", "msdh", "piff",
		"dby1", "3gs7", "3gr6", "3ge7", "3gg9", "kddi"
	};
	enum vg_sniff_verdict	v;
	uint32_t		size;
	size_t			i;

	if (len < 4)
		return (len > 0 && b[0] != 0 ? VG_SNIFF_NO : vg_sniff_more(final));

	size = be32(b);
	if (size < FTYP_MIN || size > VG_SNIFF_MAX || size % 4 != 0)
		return (VG_SNIFF_NO);

	v = vg_sniff_magic(b + 4, len - 4, final, "ftyp", 4);
	if (v != VG_SNIFF_MATCH)
		return (v);
	if (len < FTYP_MIN)
		return (vg_sniff_more(final));

	for (i = 0; i < sizeof(brands) / sizeof(brands[0]); i++) {
		if (memcmp(b + 8, brands[i], 4) == 0)
			return (VG_SNIFF_MATCH);
	}

	return (VG_SNIFF_NO);
}

enum vg_sniff_verdict
vg_sniff(const uint8_t *buf, size_t len, bool final, struct vg_sniff *out)
{
	static const struct {
		sniffer		fn;
		struct vg_sniff	is;
	} formats[] = {
		{ wav, { VG_SNIFF_WAV, "wav", "audio/wav" } },
		{ vg_sniff_mp3, { VG_SNIFF_MP3, "mp3", "audio/mpeg" } },
		{ webm, { VG_SNIFF_WEBM, "webm", "audio/webm" } },
		{ ogg, { VG_SNIFF_OGG, "ogg", "audio/ogg" } },
		{ m4a, { VG_SNIFF_M4A, "m4a", "audio/mp4" } }
	};
	enum vg_sniff_verdict	v, best = VG_SNIFF_NO;
	size_t			i;

	/* With that many there is nothing to wait for. */
	if (len >= VG_SNIFF_MAX) {
		len = VG_SNIFF_MAX;
		final = true;
	}

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		v = formats[i].fn(buf, len, final);
		if (v == VG_SNIFF_MATCH) {
			if (out != NULL)
				*out = formats[i].is;
			return (v);
		}
		if (v > best)
			best = v;
	}

	return (best);
}
