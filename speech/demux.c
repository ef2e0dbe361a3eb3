/*
 * Opening a recording: the demuxer is chosen by our own look at the content
 * (container.c), never probed for; formats, codecs and protocols are lists; there
 * is nothing to open, because the whole recording is memory behind two
 * callbacks (it must be seekable: the index of an M4A stands at its end); streams
 * that are not audio are dropped unread.  avformat_find_stream_info() is left out
 * on purpose: it would run decoders on guesses, and each of the codecs here
 * tells its own rate with its first frame.
 */
#include <libavutil/mem.h>

#include <errno.h>
#include <string.h>

#include "speech/container.h"
#include "speech/demux.h"
#include "speech/limits.h"

#define IO_BYTES	(32 * 1024)

/* Demuxers and decoders by libav's names; nothing else is ever opened. */
#define FORMATS		"wav,mp3,matroska,webm,ogg,mov,mp4,m4a,3gp,3g2,mj2"
#define CODECS		"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le," \
			"pcm_f64le,pcm_u8,pcm_mulaw,pcm_alaw,adpcm_ms,"	     \
			"adpcm_ima_wav,mp3float,mp3,aac,alac,opus,vorbis,"   \
			"flac,speex"
#define PROTOCOLS	"none"

static const char *
demuxer_name(enum vg_container c)
{
	switch (c) {
	case VG_CONTAINER_WAV:
		return ("wav");
	case VG_CONTAINER_MP3:
		return ("mp3");
	case VG_CONTAINER_MATROSKA:
		return ("matroska");
	case VG_CONTAINER_OGG:
		return ("ogg");
	case VG_CONTAINER_MP4:
		return ("mov");
	case VG_CONTAINER_NONE:
	default:
		return (NULL);
	}
}

static int
memory_read(void *arg, uint8_t *buf, int len)
{
	struct vg_memory	*m = arg;

	if (m->at >= m->size)
		return (AVERROR_EOF);
	if (len > m->size - m->at)
		len = (int)(m->size - m->at);
	memcpy(buf, m->data + m->at, (size_t)len);
	m->at += len;
	return (len);
}

static int64_t
memory_seek(void *arg, int64_t offset, int whence)
{
	struct vg_memory	*m = arg;
	int64_t		 base;

	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE:
		return (m->size);
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = m->at;
		break;
	case SEEK_END:
		base = m->size;
		break;
	default:
		return (AVERROR(EINVAL));
	}
	if (offset < -base || offset > INT64_MAX - base)
		return (AVERROR(EINVAL));
	m->at = base + offset;
	return (m->at);
}

/* The first audio stream, its decoder opened; all others are discarded. */
static AVCodecContext *
open_decoder(AVFormatContext *fmt, int *stream)
{
	AVCodecContext		*dec = NULL;
	const AVCodec		*codec;
	const AVCodecParameters	*par;
	AVDictionary		*opts = NULL;
	unsigned int		 i;

	*stream = -1;
	for (i = 0; i < fmt->nb_streams; i++) {
		if (*stream == -1 && fmt->streams[i]->codecpar->codec_type ==
		    AVMEDIA_TYPE_AUDIO)
			*stream = (int)i;
		else
			fmt->streams[i]->discard = AVDISCARD_ALL;
	}
	if (*stream == -1)
		return (NULL);

	par = fmt->streams[*stream]->codecpar;
	codec = avcodec_find_decoder(par->codec_id);
	if (codec == NULL)
		return (NULL);
	dec = avcodec_alloc_context3(codec);
	if (dec == NULL || avcodec_parameters_to_context(dec, par) < 0)
		goto fail;
	dec->thread_count = 1;
	dec->pkt_timebase = fmt->streams[*stream]->time_base;
	if (av_dict_set(&opts, "codec_whitelist", CODECS, 0) < 0 ||
	    avcodec_open2(dec, codec, &opts) < 0)
		goto fail;
	av_dict_free(&opts);
	return (dec);
fail:
	av_dict_free(&opts);
	avcodec_free_context(&dec);
	return (NULL);
}

/* Opens the demuxer over the memory; NULL when it refuses. */
static AVFormatContext *
open_demuxer(AVIOContext *io, const char *name)
{
	AVFormatContext		*fmt;
	const AVInputFormat	*in = av_find_input_format(name);
	AVDictionary		*opts = NULL;
	int			 rc;

	fmt = avformat_alloc_context();
	if (fmt == NULL || in == NULL)
		return (NULL);
	fmt->pb = io;
	fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
	fmt->max_streams = VG_DECODE_STREAMS_MAX;
	rc = av_dict_set(&opts, "format_whitelist", FORMATS, 0);
	if (rc >= 0)
		rc = av_dict_set(&opts, "codec_whitelist", CODECS, 0);
	if (rc >= 0)
		rc = av_dict_set(&opts, "protocol_whitelist", PROTOCOLS, 0);
	if (rc >= 0)
		rc = avformat_open_input(&fmt, "", in, &opts);
	else
		avformat_free_context(fmt);
	av_dict_free(&opts);
	return (rc < 0 ? NULL : fmt);
}

enum vg_result
vg_demux_open(struct vg_demux *d, const uint8_t *data, size_t size)
{
	const char	*name;
	uint8_t		*buf;

	memset(d, 0, sizeof(*d));
	d->mem.data = data;
	d->mem.size = (int64_t)size;
	name = demuxer_name(vg_container_of(data, size));
	if (name == NULL)
		return (VG_RESULT_NOT_AUDIO);
	buf = av_malloc(IO_BYTES);
	if (buf == NULL)
		return (VG_RESULT_FAILED);
	d->io = avio_alloc_context(buf, IO_BYTES, 0, &d->mem, memory_read,
	    NULL, memory_seek);
	if (d->io == NULL) {
		av_free(buf);
		return (VG_RESULT_FAILED);
	}
	d->fmt = open_demuxer(d->io, name);
	if (d->fmt == NULL)
		return (VG_RESULT_UNDECODABLE);
	d->dec = open_decoder(d->fmt, &d->stream);
	return (d->dec != NULL ? VG_RESULT_OK : VG_RESULT_UNDECODABLE);
}

void
vg_demux_close(struct vg_demux *d)
{
	avcodec_free_context(&d->dec);
	avformat_close_input(&d->fmt);
	if (d->io != NULL)
		av_freep(&d->io->buffer);
	avio_context_free(&d->io);
}
