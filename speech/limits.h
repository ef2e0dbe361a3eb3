/*
 * Every limit of the offline speech server, each with its unit, in one place:
 * what a request may cost is decided here and nowhere else.  The four that an
 * operator may want to change have an option of their own (see options.h).
 */
#ifndef VG_SPEECH_LIMITS_H
#define VG_SPEECH_LIMITS_H

#define VG_SPEECH_VERSION	"1.0.0"

/* Model names, as a client must spell them. */
#define VG_MODEL_STT		"pocketsphinx-en-us"
#define VG_MODEL_CHAT		"reflective-listener-not-an-llm"
#define VG_MODEL_TTS		"flite-slt"
#define VG_VOICE_TTS		"slt"

/* Options: default, smallest, largest. */
#define VG_WORKERS_MIN		1	/* processes of each pool */
#define VG_WORKERS_MAX		16
#define VG_WORKERS_DEFAULT_MAX	4
#define VG_QUEUE_DEFAULT	16	/* requests of a kind that may wait */
#define VG_QUEUE_MAX		256
#define VG_SECONDS_DEFAULT	120	/* seconds of audio in a recording */
#define VG_SECONDS_MAX		600
#define VG_UPLOAD_DEFAULT	(12u * 1024u * 1024u)	/* bytes of a body */
#define VG_UPLOAD_MIN		(64u * 1024u)
#define VG_UPLOAD_MAX		(64u * 1024u * 1024u)
#define VG_DEADLINE_DEFAULT	60	/* seconds, a whole request */
#define VG_DEADLINE_MAX		600
#define VG_DRAIN_SECONDS	10	/* seconds, what SIGTERM waits for */

/* HTTP. */
#define VG_CONNECTIONS_MAX	128	/* open connections */
#define VG_CONN_MEMORY		(96u * 1024u)	/* bytes, a connection */
#define VG_IDLE_SECONDS		15	/* a connection without a request */
#define VG_JSON_BODY_MAX	(256u * 1024u)	/* bytes of a JSON body */
#define VG_MESSAGES_MAX	256	/* messages of a conversation */
#define VG_FIELD_MAX		64	/* bytes of a small form field */
#define VG_PARTS_MAX		32	/* parts of a multipart body */
#define VG_DISCARD_FACTOR	4	/* bodies up to this many times the limit
					   are read and thrown away, so that the
					   refusal reaches the client */
#define VG_RETRY_AFTER		"2"	/* seconds */

/* Speech synthesis. */
#define VG_TTS_CHARS_MAX	4096	/* characters, as OpenAI */
#define VG_TTS_CHUNK_MAX	180	/* bytes given to flite at once */
#define VG_TTS_PAUSE_MS		120	/* silence between two sentences */
#define VG_TTS_OUT_MAX		(96u * 1024u * 1024u)	/* bytes of audio */
#define VG_TTS_CPU_SECONDS	30
#define VG_SPEED_MIN		0.25
#define VG_SPEED_MAX		4.0

/* Speech recognition. */
#define VG_STT_RATE		16000	/* samples a second, mono s16 */
#define VG_STT_TEXT_MAX		(64u * 1024u)	/* bytes of a transcript */
#define VG_STT_CPU_PER_SECOND	2	/* CPU seconds a second of audio */
#define VG_STT_CPU_BASE		10	/* CPU seconds on top of it */

/* Decoding. */
#define VG_DECODE_CPU_SECONDS	5
#define VG_DECODE_CHANNELS_MAX	8
#define VG_DECODE_RATE_MIN	4000	/* samples a second */
#define VG_DECODE_RATE_MAX	192000
#define VG_DECODE_STREAMS_MAX	8
#define VG_DECODE_BAD_PACKETS	64	/* undecodable packets until it is over */

/* Processes. */
#define VG_WORKER_AS_SPARE	(512u * 1024u * 1024u)	/* bytes of address
					   space beyond what the keeper has */
#define VG_WORKER_NOFILE	16	/* descriptors */
#define VG_BACKOFF_FREE		3	/* crashes in a row replaced at once */
#define VG_BACKOFF_FIRST_MS	50
#define VG_BACKOFF_MAX_MS	800	/* "within a second" holds even then */
#define VG_BACKOFF_CALM_MS	10000	/* no crash for so long: start afresh */
#define VG_START_CRASHES_MAX	12	/* crashes before ready: give up */

#endif
