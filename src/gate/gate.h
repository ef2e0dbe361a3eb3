#ifndef VG_GATE_H
#define VG_GATE_H

/*
 * What happens before and after every handler: who asks, may they, how often,
 * and in what shape an answer leaves. A route is one file: a const struct
 * vg_route, a static handler, and one exported function that hands both to
 * vg_gate_serve().
 *
 * The order of decisions, the cheapest first; each needs nothing of the body:
 *
 *	1 the address		403 for one that an operator has blocked
 *	2 path and method	404, 405 with Allow
 *	3 origin		preflights; 403 for an unsafe method
 *	4 size of the content	413, 400 where there may be none
 *	5 API key		whose it is
 *	6 rate limit		429, 503 when it must fail closed
 *	7 API key		401, 403: after the limit, which a guess uses up
 *
 * The first four are decided in the header phase, before any content is read,
 * and the others are asked then, so that their answer comes while the content
 * does. Kore's pre-request hook (vg_gate_admit, `authentication` in the conf)
 * holds the handler back until all are known.
 *
 * A request with a good key counts against the key, wherever it comes from, and
 * not against its address: an address full of strangers cannot use up a
 * user's limit, nor can a user evade it by changing addresses. All others count
 * against their address.
 */

#include <kore/kore.h>
#include <kore/http.h>

#include <netinet/in.h>

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cidr.h"
#include "core/origin.h"
#include "core/settings.h"
#include "core/uuid.h"
#include "edge/edge.h"
#include "store/store.h"

#define VG_GATE_JSON_MAX	16384	/* bytes of a JSON request body */
#define VG_REPLY_HEAD_MAX	6144	/* bytes of a response's head */
#define VG_REPLY_FIELDS_MAX	1024	/* bytes of a route's own fields */

struct vg_request;

/*
 * What limits a route. A class of its own is counted for each name: routes of
 * one class share one count, and then must have one limit. Every route but
 * those of VG_QUOTA_NONE counts against RATE_LIMIT_ALL too.
 */
enum vg_quota_setting {
	VG_QUOTA_NONE = 0,
	VG_QUOTA_MAIN,		/* RATE_LIMIT_PER_MINUTE */
	VG_QUOTA_SESSION,	/* RATE_LIMIT_SESSION, else as MAIN */
	VG_QUOTA_VOICE,		/* RATE_LIMIT_VOICE, else as MAIN */
	VG_QUOTA_LIGHT,		/* RATE_LIMIT_HEALTH_PER_MINUTE */
	VG_QUOTA_HEALTH,	/* RATE_LIMIT_HEALTH, else as LIGHT */
	VG_QUOTA_AUDIO,		/* RATE_LIMIT_AUDIO, else as LIGHT */
	VG_QUOTA_OWN,		/* the descriptor's own limits */
	VG_QUOTA_COUNT
};

/* The policy block of a response (headers.c). */
enum vg_policy {
	VG_POLICY_API = 0,	/* with the CSP of an answer that is no document */
	VG_POLICY_PAGE,		/* without: the page's has a nonce */
	VG_POLICY_COUNT
};

#define VG_ROUTE_CORS		0x01	/* answers other origins, if allowed */
#define VG_ROUTE_CATCHALL	0x02	/* not a resource: 404 whatever the method */

/*
 * Who takes the content as it comes, for a route that does not want it whole in
 * memory. None of these may block.
 */
struct vg_body_reader {
	/*
	 * In the header phase, when the request is let in. 0; or -1 after
	 * vg_refuse(): the content is not read.
	 */
	int	(*open)(struct vg_request *);
	/* 0; or -1 after vg_refuse(): no more is read. */
	int	(*data)(struct vg_request *, const uint8_t *, size_t);
	/* All of it was there; NULL: nothing to do. */
	void	(*end)(struct vg_request *);
};

struct vg_route {
	const char		*name;		/* in the log: "session_start" */
	uint16_t		methods;	/* HTTP_METHOD_*, without OPTIONS */
	unsigned		flags;		/* VG_ROUTE_* */
	enum vg_quota_setting	quota;
	const char		*class;		/* of its limit: "session" */
	const char		*limits;	/* VG_QUOTA_OWN: `10/minute;100/hour` */
	int64_t			(*cost)(const struct vg_settings *); /* NULL: 1 */
	unsigned		scope;		/* VG_SCOPE_* of an API key; 0: none
						   is asked for */
	const char		*cache;		/* Cache-Control; NULL: no-store */
	size_t			(*body_max)(const struct vg_settings *); /* bytes */
	const struct vg_body_reader *reader;	/* NULL: whole, in memory */
	/*
	 * Answers with vg_reply*() and returns KORE_RESULT_OK, or waits:
	 * return (vg_wait(r, next)), after a call whose callback does
	 * vg_resume(r); NEXT is then called in its place.
	 */
	int			(*handle)(struct vg_request *);
};

/* One request, from its head until its answer was handed to Kore. */
struct vg_request {
	struct http_request	*req;
	const struct vg_route	*route;
	uint64_t		started_us;	/* monotonic */
	char			id[VG_UUID_SIZE];
	char			client[VG_CLIENT_SIZE];	/* its limiter's name */

	/* The origin policy's answer; origin is NUL-terminated, "" for none. */
	enum vg_origin_verdict	verdict;
	char			origin[VG_ORIGIN_BYTES_MAX + 1];

	/* The limiter's. */
	bool			limit_pending;
	bool			limit_known;
	vg_ticket		limit_ticket;
	struct vg_limit_result	limit;

	/* The API key's; id "": none. */
	bool			key_pending;
	vg_ticket		key_ticket;
	struct vg_key		key;
	char			key_client[VG_CLIENT_NAME_MAX + 1];
	struct vg_limits	key_limits;
	void			(*key_known)(struct vg_request *);
	const char		*denied;	/* refused for want of a key, once
						   the limit is known */
	const char		*denied_detail;
	const char		*denied_error;	/* of WWW-Authenticate; or NULL */

	/* A refusal that is still to be sent: word of core/problem.h. */
	const char		*refusal;
	const char		*refusal_detail;
	int64_t			retry_after_s;	/* 0: none */
	bool			close;		/* content was left unread */

	bool			answered;
	int			status;		/* what was answered */
	const char		*note;		/* static text for the log, or NULL */
	size_t			sent;		/* bytes of content */
	struct vg_body_memory	content;	/* whole, without a reader */

	/* The route's. */
	int			(*next)(struct vg_request *);
	void			*priv;
	void			(*priv_free)(void *); /* called once, at the end */
	size_t			nfields;
	char			fields[VG_REPLY_FIELDS_MAX]; /* "Name: value\r\n" */
	bool			own_csp;	/* it is among the fields above */
	bool			by_coding;	/* the answer varies by it, too */
};

/* gate.c: the life of a worker's gate. */
int	vg_gate_init(const struct vg_settings *);
/* SIGHUP: SETTINGS replace the old ones, which the caller then frees. */
void	vg_gate_reload(const struct vg_settings *);
const struct vg_settings *vg_gate_settings(void);
/*
 * The only thing a route's exported function does. REQ NULL: asked for its
 * descriptor, when the worker starts.
 */
int	vg_gate_serve(struct http_request *, const struct vg_route *);

/* admit.c */
/* The door's hooks: the header phase, and the bytes of a refusal. */
enum vg_edge_decision	vg_gate_header(struct vg_edge_request *);
size_t	vg_gate_refuse(struct connection *, const struct vg_edge_refusal *,
	    char *buf, size_t size);
/* Whether the other end is one of TRUSTED_PROXIES. */
bool	vg_gate_trusted(struct connection *);
void	vg_gate_give_up(struct http_request *);
/* Kore's pre-request hook (KORE_RESULT_*). */
int	vg_gate_admit(struct http_request *, const void *);
struct vg_request *vg_request_of(struct http_request *);
/* A refusal found by a reader or a handler: sent at the next occasion. */
void	vg_refuse(struct vg_request *, const char *word, const char *detail);
/* Sleep until vg_resume(), then NEXT. Returns KORE_RESULT_RETRY. */
int	vg_wait(struct vg_request *, int (*next)(struct vg_request *));
void	vg_resume(struct vg_request *);

/* headers.c: what every response carries. */
void	vg_headers_setup(const struct vg_settings *);
/* The block of a policy, "" when security headers are off. */
const char *vg_headers_policy(enum vg_policy, size_t *len);
/* "Date: ...\r\n" of this second. */
const char *vg_headers_date(size_t *len);
uint64_t vg_monotonic_us(void);
/* From a pool of the system's random bytes, filled before the sandbox closes. */
void	vg_random(void *, size_t);
/* A fresh UUIDv4 of them. */
void	vg_new_id(char id[VG_UUID_SIZE]);

/* reply.c: answers. Each returns KORE_RESULT_OK. */

/* A field of the route's own; NAME and VALUE are the program's. */
void	vg_reply_field(struct vg_request *, const char *name, const char *fmt,
	    ...) __attribute__((format (printf, 3, 4)));
int	vg_reply(struct vg_request *, int status, const char *type,
	    const void *content, size_t len);
/* VALUE is stolen; NULL (no memory) becomes internal_error. */
int	vg_reply_json(struct vg_request *, int status, json_t *value);
int	vg_reply_empty(struct vg_request *, int status);
/* WORD of core/problem.h; DETAIL NULL: the table's. */
int	vg_reply_problem(struct vg_request *, const char *word,
	    const char *detail);
/* 401: its key was found and has been revoked since. */
int	vg_reply_key_invalid(struct vg_request *);
/* 503 with Retry-After: the database could not answer. */
int	vg_reply_away(struct vg_request *, enum vg_db_status);
/*
 * webreply.c: FILE as it is or as gzip, whichever the client takes (RFC 9110
 * 12.5.3). With a tag, and 304, where the route lets its answers be kept.
 */
struct vg_webfile;
int	vg_reply_webfile(struct vg_request *, const struct vg_webfile *);
/*
 * LEN bytes of a file from OFFSET; the descriptor is stolen. Sent as the client
 * takes it, never held whole in memory.
 */
int	vg_reply_file(struct vg_request *, int status, const char *type, int fd,
	    uint64_t offset, uint64_t len);
/*
 * The response of a request that never became one (refused by its framing,
 * timed out, over a bound), as bytes: a whole response with Connection: close.
 * ID: its X-Request-ID, as the log has it. Returns the length; 0: no room.
 */
size_t	vg_reply_raw(char *buf, size_t size,
	    const struct vg_edge_refusal *, const char *id);

#endif
