/*
 * A recording in memory, opened: its container and the decoder of its audio.
 */
#ifndef VG_SPEECH_DEMUX_H
#define VG_SPEECH_DEMUX_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include <stddef.h>
#include <stdint.h>

#include "speech/ipc.h"

struct vg_memory {
	const uint8_t	*data;
	int64_t		 size;
	int64_t		 at;
};

struct vg_demux {
	struct vg_memory	 mem;
	AVIOContext		*io;
	AVFormatContext		*fmt;
	AVCodecContext		*dec;
	int			 stream;	/* the audio's index */
};

/*
 * Opens the `size` bytes at `data`, which must stay. VG_RESULT_OK, NOT_AUDIO,
 * UNDECODABLE or FAILED; vg_demux_close() is due after each of them.
 */
enum vg_result	vg_demux_open(struct vg_demux *d, const uint8_t *data,
		    size_t size);
void		vg_demux_close(struct vg_demux *d);

#endif
