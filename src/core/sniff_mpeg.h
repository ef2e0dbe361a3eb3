#ifndef VG_SNIFF_MPEG_H
#define VG_SNIFF_MPEG_H

/* Private to sniff*.c. */

#include "core/sniff.h"

/* Compares what is there of a magic of n bytes with the len bytes at b. */
enum vg_sniff_verdict	vg_sniff_magic(const uint8_t *b, size_t len,
			    bool final, const char *s, size_t n);

/* More is needed, unless there is no more. */
enum vg_sniff_verdict	vg_sniff_more(bool final);

/* MPEG layer III, with tags (ID3v2, APEv2) before it or without. */
enum vg_sniff_verdict	vg_sniff_mp3(const uint8_t *b, size_t len,
			    bool final);

#endif
