/*
 * Which audio container a recording is, by its content.
 */
#ifndef VG_SPEECH_CONTAINER_H
#define VG_SPEECH_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

enum vg_container {
	VG_CONTAINER_NONE,
	VG_CONTAINER_WAV,
	VG_CONTAINER_MP3,
	VG_CONTAINER_MATROSKA,	/* WebM too */
	VG_CONTAINER_OGG,
	VG_CONTAINER_MP4	/* M4A, MOV, 3GP */
};

/* Bytes at the start of a file that the decision looks at, at least. */
#define VG_CONTAINER_BYTES	12

/* The container that `data` starts like; NONE when it is none of the five. */
enum vg_container vg_container_of(const uint8_t *data, size_t len);

#endif
