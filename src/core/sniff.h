#ifndef VG_SNIFF_H
#define VG_SNIFF_H

/*
 * What kind of audio a file is, by its first bytes and nothing else: neither
 * the name nor the media type that a client gives is believed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_SNIFF_MAX	4096	/* bytes after which the answer is final */

enum vg_sniff_kind {
	VG_SNIFF_NONE = 0,
	VG_SNIFF_WAV,			/* RIFF or RF64 WAVE */
	VG_SNIFF_MP3,			/* MPEG layer III, ID3v2 before or not */
	VG_SNIFF_WEBM,			/* EBML: WebM or Matroska */
	VG_SNIFF_OGG,			/* Opus, Vorbis, Speex, FLAC in Ogg */
	VG_SNIFF_M4A			/* ISO base media with audio brands */
};

enum vg_sniff_verdict {
	VG_SNIFF_NO = 0,
	VG_SNIFF_NEED_MORE,
	VG_SNIFF_MATCH
};

struct vg_sniff {
	enum vg_sniff_kind	kind;
	const char		*ext;	/* "wav", static */
	const char		*type;	/* "audio/wav", static */
};

/*
 * buf holds the file's first len bytes; final tells that there are no more of
 * them. Never VG_SNIFF_NEED_MORE when final, nor when len >= VG_SNIFF_MAX. A
 * verdict other than NEED_MORE stays the same however much is added. out is
 * set on MATCH only, and may be NULL.
 */
enum vg_sniff_verdict	vg_sniff(const uint8_t *buf, size_t len, bool final,
			    struct vg_sniff *out);

#endif
