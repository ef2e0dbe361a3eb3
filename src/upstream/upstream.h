#ifndef VG_UPSTREAM_H
#define VG_UPSTREAM_H

/*
 * Speech to text, chat and text to speech: one client for any server that
 * speaks OpenAI's HTTP interface (/v1/audio/transcriptions,
 * /v1/chat/completions, /v1/audio/speech).
 *
 * How the process uses it:
 *
 *	parent, before fork, chroot and sandbox	vg_upstream_parent_init()
 *	kore_seccomp_hook()			vg_upstream_seccomp()
 *	kore_worker_configure()			vg_upstream_worker_init()
 *	SIGHUP, in each worker			vg_upstream_reload()
 *	kore_worker_teardown()			vg_upstream_worker_cleanup()
 *	a recording came			vg_pipeline_start()
 *	its client went away			vg_pipeline_cancel()
 *	GET /api/health				vg_upstream_health()
 *
 * Nothing here blocks the worker's event loop, and every callback comes from
 * that loop, never from inside the call that set it up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/settings.h"

/* Limits. Those of single answers stand in answer.h. */
#define VG_UPSTREAM_IN_FLIGHT_MAX	64	/* pipelines at once, a worker */
#define VG_UPSTREAM_KEYS_MAX		8	/* keys of one provider */
#define VG_UPSTREAM_KEY_MAX		512	/* bytes of a key */
#define VG_UPSTREAM_RETRIES_MAX		2	/* after the first attempt */
#define VG_UPSTREAM_AUDIO_MAX		(32 * 1024 * 1024) /* bytes of a reply's sound */
#define VG_UPSTREAM_RETRY_AFTER_MAX	3600	/* seconds; a longer one is cut */
#define VG_UPSTREAM_CA_FILE		"/etc/ssl/certs/ca-certificates.crt"

/* The providers, in the order of the pipeline. */
enum vg_up_kind {
	VG_UP_STT = 0,
	VG_UP_CHAT,
	VG_UP_TTS,
	VG_UP_KINDS
};

/* How a call ended. The words of vg_up_error_word() are stable. */
enum vg_up_error {
	VG_UP_OK = 0,
	VG_UP_UNREACHABLE,	/* refused, no such host, TLS, broken off */
	VG_UP_TIMEOUT,		/* deadline, connect time or a trickle */
	VG_UP_RATE_LIMITED,	/* 429 */
	VG_UP_AUTH,		/* 401 or 403 with every key there is */
	VG_UP_CLIENT,		/* other 4xx: this request is not wanted */
	VG_UP_NO_ENDPOINT,	/* 404, 405: no such path or model there */
	VG_UP_UNDECODABLE,	/* 400, 415, 422 for a recording */
	VG_UP_LONG,		/* 413 for a recording */
	VG_UP_SERVER,		/* 5xx */
	VG_UP_GARBAGE,		/* an answer that is none */
	VG_UP_TOO_LARGE,	/* an answer beyond its bound */
	VG_UP_CANCELLED,
	VG_UP_BREAKER_OPEN,	/* not tried: the provider is known to be down */
	VG_UP_BUSY,		/* not tried: too many calls in flight here */
	VG_UP_LOCAL,		/* trouble of our own: memory, disk */
	VG_UP_NO_ROOM,		/* of our own: no room where the sound goes */
	VG_UP_NO_DESCRIPTORS,	/* of our own: no descriptor for a socket */
	VG_UP_ERRORS
};

/* What on_event tells; none carries a key, an address or a request's words. */
enum vg_up_event {
	VG_UP_EVENT_KEY_REFUSED = 0,	/* the next key is used from now on */
	VG_UP_EVENT_KEYS_EXHAUSTED,	/* every key was refused */
	VG_UP_EVENT_BREAKER_OPENED,
	VG_UP_EVENT_BREAKER_CLOSED,
	VG_UP_EVENTS
};

/* "stt", "chat", "tts": as in /api/health and in "degraded". */
const char	*vg_up_kind_word(enum vg_up_kind);
/* "ok", "unreachable", "timeout", "rate_limited", ... */
const char	*vg_up_error_word(enum vg_up_error);
/* "key_refused", "keys_exhausted", "breaker_opened", "breaker_closed". */
const char	*vg_up_event_word(enum vg_up_event);

typedef void	(*vg_upstream_event_fn)(enum vg_up_kind, enum vg_up_event);

/* --- the process (upstream.c) --- */

/*
 * In the parent, once, before fork, chroot and sandbox: copies what it needs
 * of the settings, reads the CA bundle (ca_file, NULL: VG_UPSTREAM_CA_FILE;
 * only missed when a provider is https), makes the page that the workers
 * share. 0, or -1 with *why set to a constant text fit for the operator.
 * on_event (may be NULL) is called in the worker that noticed.
 */
int	vg_upstream_parent_init(const struct vg_settings *, const char *ca_file,
	    vg_upstream_event_fn on_event, const char **why);

/* In each worker, from kore_worker_configure(). 0 / -1. */
int	vg_upstream_worker_init(void);

/*
 * In a worker, before vg_upstream_worker_init() too: other keys, models or
 * addresses from now on; calls in flight go on with what they had, but one whose
 * key is refused is made again with the new ones. A provider whose address or
 * keys are not what the instance had starts with a closed breaker. 0, or -1
 * with *why, and the old ones stay.
 */
int	vg_upstream_reload(const struct vg_settings *, const char **why);

/* In a worker that ends: cancels everything, calls no callback. */
void	vg_upstream_worker_cleanup(void);

/* From kore_seccomp_hook(): adds the rules of seccomp_rules.c, why beside each. */
void	vg_upstream_seccomp(void);

/* --- health --- */

struct vg_upstream_state {
	const char		*breaker;	/* "closed", "open", "half-open" */
	enum vg_up_error	last_error;	/* of the newest call, OK for none */
	unsigned		retry_after_s;	/* whole seconds, 0: ask now */
};

/* "connected", "disconnected", or "unknown" before the first probe ended. */
const char	*vg_upstream_health(enum vg_up_kind);
void		vg_upstream_state(enum vg_up_kind, struct vg_upstream_state *);

/* Pipelines running in this worker. */
size_t		vg_upstream_in_flight(void);

/* --- the voice turn (pipeline.c) --- */

enum vg_pipeline_state {
	VG_PIPELINE_TRANSCRIBE = 0,
	VG_PIPELINE_REPLY,
	VG_PIPELINE_SPEAK,
	VG_PIPELINE_DONE
};

struct vg_pipeline_turn {
	const char	*role;		/* "user" or "assistant" */
	const char	*text;		/* UTF-8 */
};

/* Everything is copied at start, but for the two descriptors. */
struct vg_pipeline_in {
	/*
	 * The recording: audio_len bytes from the descriptor's first byte on,
	 * read by lseek(2) and read(2). Borrowed until the callback or cancel.
	 */
	int				audio_fd;
	size_t				audio_len;
	const char			*audio_ext;	/* as core/sniff.h: "webm" */
	const char			*audio_type;	/* "audio/webm" */

	/* The conversation so far, oldest first; the newest that fit are sent. */
	const struct vg_pipeline_turn	*turns;
	size_t				nturns;

	/*
	 * Where the spoken reply is written, from the descriptor's position on
	 * (an empty file). Borrowed likewise. -1: text only is wanted.
	 */
	int				reply_fd;
	size_t				reply_max; /* bytes; 0: VG_UPSTREAM_AUDIO_MAX */

	uint64_t			deadline_ms;	/* 0: PIPELINE_TIMEOUT_S */
};

#define VG_DEGRADED_CHAT	0x01	/* the text is the fixed reply */
#define VG_DEGRADED_TTS		0x02	/* there is no sound */

/* Valid during the callback only. */
struct vg_pipeline_out {
	/*
	 * VG_UP_OK: transcript and text are there. Otherwise the transcription
	 * was lost: nothing else is set but retry_after_s, and
	 * VG_UP_UNDECODABLE (422) and VG_UP_LONG (413) are the client's fault,
	 * VG_UP_TIMEOUT ours to tell as 504, all others as 503.
	 */
	enum vg_up_error	error;
	unsigned		retry_after_s;	/* whole seconds, at least 1 on error */

	const char		*transcript;	/* UTF-8, cleaned; "" for silence */
	const char		*text;		/* UTF-8, cleaned, never empty */
	bool			silence;	/* nothing was said: chat was not asked */

	size_t			audio_len;	/* bytes in reply_fd; 0: none */
	const char		*audio_ext;	/* "wav" or "mp3"; NULL: none */
	const char		*audio_type;	/* "audio/wav" or "audio/mpeg"; NULL */

	unsigned		degraded;	/* VG_DEGRADED_* */
	/* For the log: how each stage ended; OK and 0 for one not begun. */
	enum vg_up_error	ended[VG_UP_KINDS];
	uint32_t		took_ms[VG_UP_KINDS];
};

struct vg_pipeline;

typedef void	(*vg_pipeline_cb)(const struct vg_pipeline_out *, void *arg);

/*
 * Starts a turn. The callback comes exactly once, from the event loop, and the
 * handle is gone when it returns. NULL: VG_UPSTREAM_IN_FLIGHT_MAX are running
 * or memory is short (answer 503); no callback then.
 *
 * When sound was lost half-way (VG_DEGRADED_TTS), bytes may have been written
 * to reply_fd: throw that file away.
 */
struct vg_pipeline	*vg_pipeline_start(const struct vg_pipeline_in *,
			    vg_pipeline_cb, void *arg);

/*
 * The one who asked is gone: ends every call at once, no callback any more. When
 * it returns the descriptors are the caller's alone. Not from the callback.
 * NULL is allowed.
 */
void			vg_pipeline_cancel(struct vg_pipeline *);

/* Where it is: for logs. */
enum vg_pipeline_state	vg_pipeline_where(const struct vg_pipeline *);

/* --- alerts (webhook.c) --- */

/*
 * How it went: delivered (2xx), or what to do: RETRY_AFTER_S as the receiver
 * told it (0: it did not), GIVE_UP when it will never be taken (410).
 */
typedef void	(*vg_webhook_cb)(void *, bool delivered, bool give_up,
		    unsigned retry_after_s);

/*
 * Sends PAYLOAD (JSON, copied) to URL, signed with SECRET as Standard Webhooks
 * has it: webhook-id, webhook-timestamp (NOW_S), webhook-signature. 0, or -1
 * (memory, a secret that is none): no callback then.
 */
int	vg_webhook_send(const char *url, const char *secret, const char *id,
	    const char *payload, int64_t now_s, vg_webhook_cb, void *arg);
/* Whether one can be sent to: https needs the CA certificates. */
bool	vg_webhook_ready(const char *url);

#endif
