#ifndef VG_STORE_H
#define VG_STORE_H

/*
 * What the gate, the routes and the process may ask of PostgreSQL. One
 * connection a worker on Kore's event loop; nothing declared here ever waits
 * on the database, save what is marked "parent" (before fork).
 *
 * The rule of every asynchronous call: it returns VG_DB_OK when it was taken,
 * and then its callback runs exactly once, later, from the event loop, never
 * from within the call; or it returns why it was refused, and the callback
 * never runs. Results are borrowed for the duration of the callback. A
 * callback may start new calls and forget others. A ticket (where one is
 * wanted; NULL: not) can be handed to vg_store_forget() when the requester went
 * away: the callback then never runs. What was already sent still takes effect.
 *
 * Times are microseconds since the epoch.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bearer.h"
#include "core/blocklist.h"
#include "core/eventlog.h"
#include "core/settings.h"
#include "core/uuid.h"
#include "core/window.h"

#define VG_STORE_ERROR_SIZE	512	/* bytes of an explanation + NUL */
#define VG_CLIENT_NAME_MAX	127	/* bytes of a client's name */
#define VG_LIMIT_SUBJECTS_MAX	2	/* whom one request counts against */
#define VG_SESSION_CONTEXT_MAX	50	/* turns handed out as context */
#define VG_SESSION_AUDIO_MAX	1000	/* audio ids told of one session */
#define VG_AUDIO_ASK_MAX	1000	/* ids in one vg_audio_gone() */
#define VG_IDEMPOTENCY_MAX	128	/* bytes of an idempotency key */
#define VG_TURN_TEXT_MAX	65536	/* bytes of a transcript or a reply */
#define VG_TURN_DEGRADED_MAX	8	/* names in one turn's `degraded` */

enum vg_db_status {
	VG_DB_OK = 0,
	VG_DB_AWAY,		/* no connection, or lost meanwhile */
	VG_DB_TIMEOUT,		/* the deadline passed; may have happened */
	VG_DB_LOCKED,		/* somebody holds a row of it: did not happen */
	VG_DB_BUSY,		/* the queue is full: refused, not sent */
	VG_DB_ERROR,		/* PostgreSQL refused it; logged */
	VG_SESSION_GONE,	/* unknown, ended or expired */
	VG_NOT_FOUND,		/* no such audio or key (any more) */
	VG_KEY_KNOWN,		/* vg_key_find(): the answer is there already */
	VG_CLAIM_LOST,		/* another request makes this turn by now */
	VG_TURN_MOVED		/* another turn took its number meanwhile */
};

typedef uint64_t vg_ticket;	/* 0 is never one */

/* store.c: the life of it. */

struct vg_alert;

struct vg_store_hooks {
	/* Once per change; also once at the first connection. */
	void	(*state)(void *, bool connected);
	/* A line for the log, without newline; no client's or speaker's data. */
	void	(*log)(void *, enum vg_log_level, const char *msg);
	/*
	 * A session ended somewhere (API, psql, purge): remove its audio files.
	 * Called on every worker of every instance; may repeat. More than
	 * VG_SESSION_AUDIO_MAX ids come in several calls.
	 */
	void	(*session_ended)(void *, const char *session_id,
		    const char (*audio)[VG_UUID_SIZE], size_t naudio);
	/*
	 * Notifications may have been missed (each time a connection was made):
	 * check what is on disk with vg_audio_gone().
	 */
	void	(*resync)(void *);
	/* An alert was raised and is this worker's: see vg_alert_settle(). */
	void	(*alert)(void *, const struct vg_alert *);
	void	*arg;
};

/*
 * Whether libpq would try to connect by this URL, as far as that can be told
 * without a network. 0, or -1 with ERROR in words, without what the URL says.
 */
int	vg_store_check_url(const char *url, char *error, size_t size);
/* Whether what is said there may cross a network in the clear. */
bool	vg_store_url_in_clear(const char *url);
/*
 * Parent, before fork: parses the URL and resolves its host names (blocking; a
 * worker cannot). 0, or -1 and ERROR says why in words for an operator, without
 * the password. Call again before vg_store_start() to replace.
 */
int	vg_store_prepare(const struct vg_settings *, char *error, size_t size);
/*
 * Worker, from kore_worker_configure(): starts to connect. HOOKS is copied,
 * each of its functions may be NULL. 0 / -1 (memory).
 */
int	vg_store_start(const struct vg_settings *, const struct vg_store_hooks *);
/* Worker, SIGHUP: takes the reloadable settings (limits, fail mode, TTLs, keys). */
void	vg_store_reload(const struct vg_settings *);
/* Worker, from kore_worker_teardown(): no callback runs any more. */
void	vg_store_stop(void);

bool	vg_store_connected(void);
/* 0 and tickets of what has ended are ignored. */
void	vg_store_forget(vg_ticket);
const char *vg_db_status_name(enum vg_db_status);
/*
 * The clock of this file's results: looks like microseconds since the epoch,
 * never steps (CLOCK_MONOTONIC plus the offset at start).
 */
int64_t	vg_store_now_us(void);

struct vg_store_stats {
	uint64_t	statements;	/* sent */
	uint64_t	checks;		/* vg_limit_check() calls */
	uint64_t	checks_sent;	/* of them, in statements */
	uint64_t	checks_cached;	/* of them, refused from memory */
	uint64_t	checks_ahead;	/* of them, counted before they came */
	uint64_t	checks_local;	/* of them, by the fail mode */
	uint64_t	batches;	/* statements that carried checks */
	uint64_t	timeouts;
	uint64_t	connects;
	uint64_t	losses;
	uint64_t	events_dropped;	/* security events PostgreSQL refused */
	uint32_t	in_flight;
	uint32_t	queued;
};
void	vg_store_stats(struct vg_store_stats *);

/* limiter.c */

/* One whom a request counts against: an address, or an API key, ... */
struct vg_limit_subject {
	const char		*client; /* any name, VG_CLIENT_NAME_MAX */
	const char		*name;	/* class, as vg_ratelimit() wants it */
	const struct vg_limits	*limits; /* all of them must admit */
};

/* Everything is copied by the call. */
struct vg_limit_request {
	struct vg_limit_subject	subject[VG_LIMIT_SUBJECTS_MAX];
	size_t			nsubjects;	/* 1.. */
	int64_t			cost;		/* 1.. */
	bool			peek;		/* ask without taking */
};

enum vg_limit_verdict {
	VG_LIMIT_ADMITTED = 0,
	VG_LIMIT_REFUSED,	/* 429 */
	VG_LIMIT_UNAVAILABLE,	/* 503: database away, fail mode `closed` */
	VG_LIMIT_UNCOUNTED	/* admitted without counting: limits are off,
				   or away and fail mode `open`: no headers */
};

enum vg_limit_source {
	VG_LIMIT_BY_DATABASE = 0,
	VG_LIMIT_BY_MEMORY,	/* a refusal that still holds */
	VG_LIMIT_BY_FAIL_MODE,
	VG_LIMIT_BY_SETTING	/* RATE_LIMIT_ENABLED=false */
};

struct vg_limit_result {
	enum vg_limit_verdict	verdict;
	enum vg_limit_source	source;
	int64_t			now_us;		/* vg_store_now_us() */
	size_t			nsubjects;
	struct {
		size_t		count;
		struct vg_quota	quota[VG_LIMITS_MAX]; /* reset_us and retry_us
							 on the same clock */
	}			subject[VG_LIMIT_SUBJECTS_MAX];
	/* Which to tell (vg_quota_tightest); NULL for the last two verdicts. */
	size_t			tightest_subject;
	const struct vg_quota	*tightest;
};

typedef void	(*vg_limit_cb)(void *, const struct vg_limit_result *);

/*
 * Returns true when the answer is known at once: it is in RESULT, the callback
 * never runs. Returns false when it comes later: the callback runs exactly
 * once, within VG_LIMIT_DEADLINE_MS, whatever happens to the database (the
 * fail mode answers then). A refused request consumes nothing of any limit.
 */
#define VG_LIMIT_DEADLINE_MS	1500	/* milliseconds */

bool	vg_limit_check(const struct vg_limit_request *,
	    struct vg_limit_result *result, vg_limit_cb, void *arg, vg_ticket *);

/* sessions.c */

struct vg_session_new {
	const char	*id;		/* UUIDv4, from vg_uuid4_format() */
	const char	*client;	/* address or prefix, as vg_client_key() */
	const char	*api_key_id;	/* UUID, or NULL */
};

/* One earlier turn of the conversation; NUL-terminated UTF-8. */
struct vg_turn_text {
	const char	*transcript;
	const char	*reply;
};

struct vg_session {
	char			id[VG_UUID_SIZE];
	char			api_key_id[VG_UUID_SIZE]; /* "" for none */
	int64_t			created_us;	/* database's clock */
	int64_t			expires_us;	/* database's clock */
	int64_t			turns;		/* committed so far */
	const struct vg_turn_text *context;	/* oldest first */
	size_t			ncontext;
};

/* VG_DB_OK and the session, else NULL. */
typedef void	(*vg_session_cb)(void *, enum vg_db_status,
		    const struct vg_session *);
/* VG_DB_OK and the audio ids that were the session's. */
typedef void	(*vg_session_end_cb)(void *, enum vg_db_status,
		    const char (*audio)[VG_UUID_SIZE], size_t naudio);

/*
 * The row is committed when the callback says VG_DB_OK; VG_NOT_FOUND: its key has
 * been revoked.
 */
enum vg_db_status vg_session_start(const struct vg_session_new *,
	    vg_session_cb, void *arg, vg_ticket *);
/*
 * A session belongs to the API key that started it: OWNER is the id of the key
 * that asks, "" for none, here and below. To anyone else it is unknown. One that
 * was started without a key belongs to whoever knows its id.
 */

/*
 * A live session, with its last NCONTEXT turns (0..VG_SESSION_CONTEXT_MAX) that
 * have a text and can be read. One that may end for being idle is in use for as
 * long as a voice message may take. VG_SESSION_GONE when unknown, ended or
 * expired. With
 * TRANSCRIPT_RETENTION_DAYS=0 the context is always empty: what was said is
 * kept nowhere.
 */
enum vg_db_status vg_session_find(const char *id, const char *owner,
	    size_t ncontext, vg_session_cb, void *arg, vg_ticket *);
/*
 * Ends it: committed, and every worker was notified, when VG_DB_OK. The files
 * of the audio ids are the caller's to remove (only those of this machine are
 * there). Ended or expired already: VG_SESSION_GONE.
 */
enum vg_db_status vg_session_end(const char *id, const char *owner,
	    vg_session_end_cb, void *arg, vg_ticket *);

struct vg_turn_new {
	const char	*session_id;
	const char	*idempotency_key;	/* or NULL */
	const char	*holder;		/* of its claim; with the key */
	const char	*transcript;
	const char	*reply;
	const char	*audio_id;		/* UUIDv4, or NULL: no audio */
	const char	*audio_ext;		/* "wav"; with audio_id */
	const char	*degraded[VG_TURN_DEGRADED_MAX]; /* what fell back */
	size_t		ndegraded;
	int64_t		seq;		/* the number it will probably have: an
					   encrypted text is bound to it */
};

struct vg_turn {
	int64_t		seq;		/* 1.. within the session */
	bool		repeated;	/* this key was committed before: what
					   follows is that earlier turn */
	const char	*transcript;	/* NULL: not kept */
	const char	*reply;		/* NULL: not kept */
	char		audio_id[VG_UUID_SIZE]; /* "" for none, or expired */
	char		audio_ext[9];
	const char	*degraded;	/* what fell back then: "chat tts"; only of
					   an earlier turn */
};

typedef void	(*vg_turn_cb)(void *, enum vg_db_status, const struct vg_turn *);

/*
 * Commits a turn and touches its session. VG_SESSION_GONE when that ended or
 * expired meanwhile: nothing is written, remove the audio file. `repeated`:
 * nothing is written, answer with the earlier turn (and remove the new file).
 * VG_CLAIM_LOST: nothing is written; claim again. VG_TURN_MOVED (only where
 * texts are encrypted): nothing is written; commit again with the seq that the
 * turn, given with it, has.
 */
enum vg_db_status vg_turn_commit(const struct vg_turn_new *, vg_turn_cb,
	    void *arg, vg_ticket *);

/*
 * The right to make the turn of an idempotency key, over all servers. It is a
 * lease of VG_CLAIM_LEASE_S seconds: renew it while the turn is being made.
 */
#define VG_CLAIM_LEASE_S	6	/* seconds */
#define VG_CLAIM_CONTENT_LEN	64	/* hex digits of a SHA-256 */

struct vg_claim {
	const char	*session_id;
	const char	*owner;		/* the asking API key's id, or "" */
	const char	*key;		/* at most VG_IDEMPOTENCY_MAX bytes */
	const char	*content;	/* VG_CLAIM_CONTENT_LEN hex digits */
	const char	*holder;	/* UUIDv4 of this request */
};

enum vg_claim_state {
	VG_CLAIM_MINE = 0,	/* make it; then commit or release */
	VG_CLAIM_OTHER,		/* one is making it: ask again in a moment */
	VG_CLAIM_DIFFERS,	/* the key was used with other content */
	VG_CLAIM_DONE,		/* made: the turn is given */
	VG_CLAIM_MOVED		/* within the store: see VG_TURN_MOVED */
};

/* With VG_DB_OK; the turn is NULL but for VG_CLAIM_DONE. */
typedef void	(*vg_claim_cb)(void *, enum vg_db_status, enum vg_claim_state,
		    const struct vg_turn *);

/* VG_SESSION_GONE when the session is unknown, ended or expired. */
enum vg_db_status vg_turn_claim(const struct vg_claim *, vg_claim_cb,
	    void *arg, vg_ticket *);
/* Both without an answer: if it is lost, the lease runs out. */
void	vg_claim_keep(const struct vg_claim *);
/* A claim that was asked for and came to no turn; a turn's is left as it is. */
void	vg_claim_release(const struct vg_claim *);

struct vg_audio {
	char		id[VG_UUID_SIZE];
	char		ext[9];
	char		session_id[VG_UUID_SIZE];
	char		api_key_id[VG_UUID_SIZE]; /* owner's, "" for none */
	int64_t		expires_us;	/* the earlier of audio and session */
};

typedef void	(*vg_audio_cb)(void *, enum vg_db_status,
		    const struct vg_audio *);
typedef void	(*vg_audio_gone_cb)(void *, enum vg_db_status,
		    const char (*gone)[VG_UUID_SIZE], size_t ngone);

/* Audio of a live session within its own time, or VG_NOT_FOUND. */
enum vg_db_status vg_audio_find(const char *audio_id, const char *owner,
	    vg_audio_cb, void *arg, vg_ticket *);
/*
 * The janitor's question: which of these N (1..VG_AUDIO_ASK_MAX) ids may be
 * removed? An id whose turn is not committed yet is "gone" too: ask only for
 * files older than a request can last.
 */
enum vg_db_status vg_audio_gone(const char (*ids)[VG_UUID_SIZE], size_t n,
	    vg_audio_gone_cb, void *arg, vg_ticket *);

/* keys.c */

#define VG_SCOPE_SESSION	0x01
#define VG_SCOPE_VOICE		0x02
#define VG_KEY_FRESH_US		INT64_C(3000000) /* how long an answer is kept */

struct vg_key {
	char	id[VG_UUID_SIZE];
	unsigned scopes;		/* VG_SCOPE_* */
	int64_t	rate_per_minute;	/* 0: none of its own */
	int64_t	usable_ms;		/* left of its time; -1: no end */
};

/* VG_DB_OK and the key, else NULL. */
typedef void	(*vg_key_cb)(void *, enum vg_db_status, const struct vg_key *);

/*
 * Whose key is this (VG_API_KEY_LEN bytes)? VG_KEY_KNOWN and VG_NOT_FOUND are
 * answers from memory, the first into KEY; VG_DB_OK: the callback comes, with
 * VG_NOT_FOUND for one that is unknown, revoked or expired.
 */
enum vg_db_status vg_key_find(const char *token, struct vg_key *key, vg_key_cb,
	    void *arg, vg_ticket *);

/* blocks.c: whether an operator has blocked the address. */
bool	vg_block_match(const struct in6_addr *);

/* events.c */

/*
 * A security event: written within a second, nobody waits for it. CLIENT,
 * REQUEST_ID and DETAIL (JSON) may be NULL and are copied; ROUTE (NULL: none)
 * must be static.
 */
void	vg_event(enum vg_event_kind, const char *client, const char *route,
	    const char *request_id, const char *detail);

/* alerts.c */

struct vg_alert {
	char		id[VG_UUID_SIZE];
	const char	*payload;	/* JSON, borrowed for the call */
	int32_t		attempt;	/* 1.. */
	bool		fresh;		/* nobody had it before */
};

/* How it went; RETRY_S: when to try again, -1: never. */
enum vg_db_status vg_alert_settle(const char *id, bool delivered,
	    int64_t retry_s);

#endif
