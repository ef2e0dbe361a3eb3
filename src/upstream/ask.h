#ifndef VG_ASK_H
#define VG_ASK_H

/*
 * The three questions: what was said, what to answer, say it. Private to
 * src/upstream.
 */

#include "upstream/exchange.h"

#define VG_CHAT_TURNS_MAX	40	/* turns sent along, the newest */
#define VG_CHAT_HISTORY_MAX	16384	/* bytes of them */
#define VG_FILENAME_MAX		16	/* bytes, NUL included */

/* One question; embedded in whoever asks, who sets done and arg first. */
struct vg_ask {
	void			(*done)(struct vg_ask *);	/* once */
	void			*arg;

	/* The answer, valid in done. */
	enum vg_up_error	error;
	unsigned		retry_after_s;
	char			*text;		/* stt, chat: take it or leave it */
	size_t			audio_len;	/* tts: bytes written */
	const char		*audio_ext;
	const char		*audio_type;

	/* Inside. */
	struct vg_exchange	*x;
	struct vg_call_field	fields[3];
	char			*model;
	char			filename[VG_FILENAME_MAX];
};

/* stt.c, chat.c, tts.c: 0, or -1 when memory is short and done will not come. */
int	vg_stt_ask(struct vg_ask *, const struct vg_pipeline_in *,
	    uint64_t deadline_ms);
int	vg_chat_ask(struct vg_ask *, const struct vg_pipeline_turn *turns,
	    size_t nturns, const char *said, uint64_t deadline_ms);
int	vg_tts_ask(struct vg_ask *, const char *text, int out_fd, size_t max,
	    uint64_t deadline_ms);

/* ask.c */
/* How an exchange ends for its ask: the done of vg_exchange_spec. */
void	vg_ask_done(enum vg_up_error, unsigned retry_after_s, void *);
/* Ends it if it runs, and frees what it holds. Safe twice. */
void	vg_ask_cleanup(struct vg_ask *);

#endif
