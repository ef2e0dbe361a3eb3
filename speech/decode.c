/*
 * Decoding by libav, the one place where a stranger's bytes meet a large parser.
 * So it happens in a process that serves one recording and is gone, and even
 * there libav gets as little to do as possible: the demuxer is chosen by our own
 * look at the content (container.c), never probed for; formats, codecs and
 * protocols are lists; there is nothing to open, because the whole recording is
 * a mapped memfd behind two callbacks (it must be seekable: the index of an M4A
 * stands at its end); streams that are not audio are dropped unread; and there
 * are no threads.  avformat_find_stream_info() is left out on purpose: it would
 * run decoders on guesses, and each of the codecs here tells its own rate with
 * its first frame.
 */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "speech/container.h"
#include "speech/decode.h"
#include "speech/limits.h"

#define IO_BYTES	(32 * 1024)
#define PCM_SAMPLES	16384		/* samples written at once */

/* Demuxers and decoders by libav's names; nothing else is ever opened. */
#define FORMATS		"wav,mp3,matroska,webm,ogg,mov,mp4,m4a,3gp,3g2,mj2"
#define CODECS		"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le," \
			"pcm_u8,pcm_mulaw,pcm_alaw,mp3float,mp3,aac,alac,"   \
			"opus,vorbis"
#define PROTOCOLS	"none"

struct memory {
	const uint8_t	*data;
	int64_t		 size;
	int64_t		 at;
};

struct sink {
	struct SwrContext	*swr;
	AVChannelLayout		 layout;	/* of the frames so far */
	int			 rate;
	int			 format;
	int			 fd;
	uint32_t		 samples;
	uint32_t		 max;
};

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
	struct memory	*m = arg;

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
	struct memory	*m = arg;
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

static int
write_all(int fd, const void *data, size_t len)
{
	const uint8_t	*p = data;
	ssize_t		 n;

	while (len != 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/* (Re)builds the resampler for what the decoder gives. */
static int
sink_setup(struct sink *s, const AVFrame *f)
{
	AVChannelLayout	mono = AV_CHANNEL_LAYOUT_MONO, in = { 0 };
	int		rc;

	if (s->swr != NULL && f->sample_rate == s->rate &&
	    f->format == s->format &&
	    av_channel_layout_compare(&f->ch_layout, &s->layout) == 0)
		return (0);
	if (f->sample_rate < VG_DECODE_RATE_MIN ||
	    f->sample_rate > VG_DECODE_RATE_MAX ||
	    f->ch_layout.nb_channels < 1 ||
	    f->ch_layout.nb_channels > VG_DECODE_CHANNELS_MAX)
		return (-1);

	/* What is compared with is the frame's own, even if it names no order. */
	swr_free(&s->swr);
	av_channel_layout_uninit(&s->layout);
	if (av_channel_layout_copy(&s->layout, &f->ch_layout) < 0)
		return (-1);
	if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
		av_channel_layout_default(&in, f->ch_layout.nb_channels);
	else if (av_channel_layout_copy(&in, &f->ch_layout) < 0)
		return (-1);
	rc = swr_alloc_set_opts2(&s->swr, &mono, AV_SAMPLE_FMT_S16,
	    VG_STT_RATE, &in, (enum AVSampleFormat)f->format, f->sample_rate,
	    0, NULL);
	av_channel_layout_uninit(&in);
	if (rc < 0 || swr_init(s->swr) < 0)
		return (-1);
	s->rate = f->sample_rate;
	s->format = f->format;
	return (0);
}

/* Resamples one frame (or, with NULL, what the resampler still holds). */
static enum vg_result
sink_put(struct sink *s, const AVFrame *f)
{
	static int16_t	 pcm[PCM_SAMPLES];
	uint8_t		*out = (uint8_t *)pcm;
	const uint8_t	**in = NULL;
	int		 n, nin = 0;

	if (f != NULL) {
		if (sink_setup(s, f) == -1)
			return (VG_RESULT_UNDECODABLE);
		/* swr takes const samples; the frame has them writable. */
		in = (const uint8_t **)(uintptr_t)f->extended_data;
		nin = f->nb_samples;
	} else if (s->swr == NULL)
		return (VG_RESULT_OK);

	for (;;) {
		n = swr_convert(s->swr, &out, PCM_SAMPLES, in, nin);
		if (n < 0)
			return (VG_RESULT_UNDECODABLE);
		if (n == 0)
			return (VG_RESULT_OK);
		if ((uint32_t)n > s->max - s->samples)
			return (VG_RESULT_TOO_LONG);
		if (write_all(s->fd, pcm, (size_t)n * sizeof(pcm[0])) == -1)
			return (VG_RESULT_FAILED);
		s->samples += (uint32_t)n;
		if (n < PCM_SAMPLES)
			return (VG_RESULT_OK);
		/* More is buffered than one buffer takes. */
		if (f != NULL) {
			in = NULL;
			nin = 0;
		}
	}
}

/* Takes every frame that the decoder has ready. */
static enum vg_result
drain(AVCodecContext *dec, AVFrame *frame, struct sink *s)
{
	enum vg_result	res;

	while (avcodec_receive_frame(dec, frame) == 0) {
		res = sink_put(s, frame);
		av_frame_unref(frame);
		if (res != VG_RESULT_OK)
			return (res);
	}
	return (VG_RESULT_OK);
}

static enum vg_result
decode_stream(AVFormatContext *fmt, AVCodecContext *dec, int stream,
    struct sink *s)
{
	AVPacket	*pkt = av_packet_alloc();
	AVFrame		*frame = av_frame_alloc();
	enum vg_result	 res = VG_RESULT_OK;
	unsigned int	 bad = 0;

	if (pkt == NULL || frame == NULL) {
		res = VG_RESULT_FAILED;
		goto out;
	}
	while (res == VG_RESULT_OK && av_read_frame(fmt, pkt) == 0) {
		/* One damaged packet is a click, many are not audio. */
		if (pkt->stream_index == stream &&
		    avcodec_send_packet(dec, pkt) < 0 &&
		    ++bad > VG_DECODE_BAD_PACKETS)
			res = VG_RESULT_UNDECODABLE;
		av_packet_unref(pkt);
		if (res == VG_RESULT_OK)
			res = drain(dec, frame, s);
	}
	if (res == VG_RESULT_OK) {
		(void)avcodec_send_packet(dec, NULL);
		res = drain(dec, frame, s);
	}
	if (res == VG_RESULT_OK)
		res = sink_put(s, NULL);
out:
	av_frame_free(&frame);
	av_packet_free(&pkt);
	return (res);
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
vg_decode(const uint8_t *data, size_t size, int out, unsigned int max_seconds,
    uint32_t *samples)
{
	struct memory	 mem = { .data = data, .size = (int64_t)size };
	struct sink	 sink = { .fd = out, .max = max_seconds * VG_STT_RATE };
	AVIOContext	*io = NULL;
	AVFormatContext	*fmt = NULL;
	AVCodecContext	*dec = NULL;
	uint8_t		*buf;
	const char	*name;
	enum vg_result	 res = VG_RESULT_UNDECODABLE;
	int		 stream;

	*samples = 0;
	av_log_set_level(AV_LOG_QUIET);
	name = demuxer_name(vg_container_of(data, size));
	if (name == NULL)
		return (VG_RESULT_NOT_AUDIO);

	buf = av_malloc(IO_BYTES);
	if (buf != NULL)
		io = avio_alloc_context(buf, IO_BYTES, 0, &mem, memory_read,
		    NULL, memory_seek);
	if (io == NULL) {
		av_free(buf);
		return (VG_RESULT_FAILED);
	}
	fmt = open_demuxer(io, name);
	if (fmt == NULL)
		goto out;
	dec = open_decoder(fmt, &stream);
	if (dec == NULL)
		goto out;
	res = decode_stream(fmt, dec, stream, &sink);
	if (res == VG_RESULT_OK && sink.samples == 0)
		res = VG_RESULT_UNDECODABLE;
	*samples = sink.samples;
out:
	avcodec_free_context(&dec);
	avformat_close_input(&fmt);
	swr_free(&sink.swr);
	av_channel_layout_uninit(&sink.layout);
	av_freep(&io->buffer);
	avio_context_free(&io);
	return (res);
}

void
vg_decode_warm_up(void)
{
	static const enum AVCodecID ids[] = { AV_CODEC_ID_MP3, AV_CODEC_ID_AAC,
	    AV_CODEC_ID_OPUS, AV_CODEC_ID_VORBIS, AV_CODEC_ID_PCM_S16LE };
	const AVChannelLayout	 mono = AV_CHANNEL_LAYOUT_MONO;
	const AVCodec		*codec;
	AVCodecContext		*dec;
	size_t			 i;

	av_log_set_level(AV_LOG_QUIET);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		codec = avcodec_find_decoder(ids[i]);
		if (codec == NULL)
			continue;
		dec = avcodec_alloc_context3(codec);
		if (dec == NULL)
			continue;
		dec->thread_count = 1;
		dec->sample_rate = 48000;
		if (av_channel_layout_copy(&dec->ch_layout, &mono) == 0)
			(void)avcodec_open2(dec, codec, NULL);
		avcodec_free_context(&dec);
	}
}
