/*
 * Decoding by libav, the one place where a stranger's bytes meet a large parser.
 * So it happens in a process that serves one recording and is gone, and even
 * there libav gets as little to do as possible (demux.c) and one thread.  Samples
 * are written as they come, so that memory does not grow with the recording, and
 * never more of them than the longest recording has.
 */
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>
#include <libswresample/swresample.h>

#include <errno.h>
#include <unistd.h>

#include "speech/decode.h"
#include "speech/demux.h"
#include "speech/limits.h"

#define PCM_SAMPLES	16384		/* samples written at once */

struct sink {
	struct SwrContext	*swr;
	AVChannelLayout		 layout;	/* of the frames so far */
	int			 rate;
	int			 format;
	int			 fd;
	uint32_t		 samples;
	uint32_t		 max;
};

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
decode_stream(struct vg_demux *d, struct sink *s)
{
	AVPacket	*pkt = av_packet_alloc();
	AVFrame		*frame = av_frame_alloc();
	enum vg_result	 res = VG_RESULT_OK;
	unsigned int	 bad = 0;

	if (pkt == NULL || frame == NULL) {
		res = VG_RESULT_FAILED;
		goto out;
	}
	while (res == VG_RESULT_OK && av_read_frame(d->fmt, pkt) == 0) {
		/* One damaged packet is a click, many are not audio. */
		if (pkt->stream_index == d->stream &&
		    avcodec_send_packet(d->dec, pkt) < 0 &&
		    ++bad > VG_DECODE_BAD_PACKETS)
			res = VG_RESULT_UNDECODABLE;
		av_packet_unref(pkt);
		if (res == VG_RESULT_OK)
			res = drain(d->dec, frame, s);
	}
	if (res == VG_RESULT_OK) {
		(void)avcodec_send_packet(d->dec, NULL);
		res = drain(d->dec, frame, s);
	}
	if (res == VG_RESULT_OK)
		res = sink_put(s, NULL);
out:
	av_frame_free(&frame);
	av_packet_free(&pkt);
	return (res);
}

enum vg_result
vg_decode(const uint8_t *data, size_t size, int out, unsigned int max_seconds,
    uint32_t *samples)
{
	struct sink	sink = { .fd = out, .max = max_seconds * VG_STT_RATE };
	struct vg_demux	d;
	enum vg_result	res;

	av_log_set_level(AV_LOG_QUIET);
	res = vg_demux_open(&d, data, size);
	if (res == VG_RESULT_OK)
		res = decode_stream(&d, &sink);
	if (res == VG_RESULT_OK && sink.samples == 0)
		res = VG_RESULT_UNDECODABLE;
	*samples = sink.samples;
	vg_demux_close(&d);
	swr_free(&sink.swr);
	av_channel_layout_uninit(&sink.layout);
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
