#ifndef VG_EDGE_H
#define VG_EDGE_H

/*
 * The door: what is linked around Kore so that every byte of a connection is
 * read by one strict parser (core/head.h), bounded in size, time and number,
 * before Kore or the application sees a request.
 *
 * In the parent, before Kore parses its configuration (kore_parent_configure):
 * vg_edge_init(), then vg_edge_listen() for each port, vg_edge_tls() for
 * HTTPS. Nothing need be called in the workers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/head.h"

struct connection;		/* Kore's */
struct http_request;		/* Kore's */

/* --- Answers that are made at the door ---------------------------------- */

/* Why the door answers by itself. All strings are static, never client bytes,
 * except fields, which is made of checked bytes alone. */
struct vg_edge_refusal {
	int		status;		/* 308, 400, 408, 413, 414, 417, 421, 431,
					 * 500, 501, 503, 505, or a hook's own */
	const char	*word;		/* the stable "error" of the document */
	const char	*text;		/* its "detail"; may be NULL */
	const char	*fields;	/* whole field lines, each with its CRLF
					 * ("Allow: GET\r\n"), or NULL */
	uint32_t	retry_after;	/* seconds, 0: no Retry-After */
	bool		head_only;	/* no content: the method is HEAD */
};

/* --- Request bodies ----------------------------------------------------- */

/* How a body ended: the argument of abort(), and body_end below. */
enum vg_body_end {
	VG_BODY_NONE = 0,	/* no body, or its content is not wanted */
	VG_BODY_COMING,		/* being received */
	VG_BODY_COMPLETE,	/* every byte was given to the sink; end() */
	VG_BODY_REFUSED,	/* by the sink, or vg_edge_body_stop() */
	VG_BODY_TIMEOUT,	/* deadline passed, or under the minimum rate */
	VG_BODY_CUT,		/* the client half-closed before its end */
	VG_BODY_GONE		/* the connection is lost; no answer is possible */
};

/*
 * Where a body goes, as it comes. Exactly one of end() and abort() is called,
 * once, unless the request had no body; nothing is called after it. data() is
 * never given more than Content-Length in all, nor zero bytes; to refuse it
 * fills *why (status and word) and returns -1: abort(arg, VG_BODY_REFUSED)
 * follows, and the request runs at once with why in its `refusal`. abort() and
 * end() may be NULL.
 */
struct vg_body_sink {
	int	(*data)(void *arg, const uint8_t *bytes, size_t len,
		    struct vg_edge_refusal *why);
	void	(*end)(void *arg);
	void	(*abort)(void *arg, enum vg_body_end why);
};

/*
 * A ready-made sink for small bodies: set limit (bytes) and zero the rest, give
 * &vg_body_memory_sink with it, read bytes and len (NUL-terminated) after the
 * end, and free with vg_body_memory_free(). Over the limit: 413.
 */
struct vg_body_memory {
	size_t	limit;
	size_t	len;
	size_t	size;
	char	*bytes;		/* NULL while empty; owned */
};

extern const struct vg_body_sink	vg_body_memory_sink;
void	vg_body_memory_free(struct vg_body_memory *);

/* --- Requests ----------------------------------------------------------- */

enum vg_edge_decision {
	VG_EDGE_RECEIVE = 0,	/* read the body into the sink, then run the
				 * request (no body: run it now) */
	VG_EDGE_ANSWER,		/* run the request now, its body unread: the
				 * handler answers; the connection closes after
				 * it if a body is outstanding */
	VG_EDGE_REFUSE		/* drop the request; the door answers with
				 * er->refusal through refuse() and closes */
};

/*
 * A request at the door. Valid from the header hook until the response has been
 * handed to Kore, and only while its client is there: vg_edge_of() gives NULL
 * afterwards.
 */
struct vg_edge_request {
	struct connection	*c;
	struct http_request	*req;
	const struct vg_head	*head;		/* parsed */
	const uint8_t		*bytes;		/* what its spans point into */
	bool			tls;

	/* The header hook's: what to do with the body. */
	uint64_t		body_limit;	/* bytes; more is 413, unread */
	const struct vg_body_sink *sink;	/* NULL: read and thrown away */
	void			*sink_arg;
	/*
	 * The sink's, at any time: where it will put the next byte, in bytes
	 * from the beginning of its file. The door reads it to the same place
	 * of an aligned buffer.
	 */
	uint64_t		sink_at;
	/*
	 * The header hook's: whether it is still being asked if the body is
	 * wanted. 100 (Continue) then waits for vg_edge_continue().
	 */
	bool			hold_continue;

	/*
	 * status 0, or what the handler must answer (and nothing else): the
	 * body was refused by limit, sink, time, or vg_edge_body_stop().
	 */
	struct vg_edge_refusal	refusal;

	uint64_t		body_received;	/* bytes, so far */
	enum vg_body_end	body_end;
};

/*
 * What the application does at the door. Set once, in the parent.
 */
struct vg_edge_hooks {
	/*
	 * A well-formed head has arrived, nothing of the body was read; er->req
	 * is Kore's new request, on which http_state_create() may be called.
	 * Decide (see above), set body_limit, sink and sink_arg. Content-Length
	 * is er->head->content_length. Called for every request, also without a
	 * body. NULL: receive and throw away, up to 64 KiB.
	 */
	enum vg_edge_decision (*header)(struct vg_edge_request *);

	/*
	 * Write a whole HTTP/1.1 response for a refusal into buf: status line,
	 * fields (with `connection: close`, content-length and r->fields) and,
	 * unless head_only, content. Returns its length, 0 for the door's own
	 * plain answer (also when NULL). c is for its address alone; it is NULL
	 * only in tests.
	 */
	size_t	(*refuse)(struct connection *c, const struct vg_edge_refusal *r,
		    char *buf, size_t size);

	/*
	 * The time to drain is over: answer the request, whose handler waits
	 * for something, at once (503, shutting_down). It is freed after that.
	 * May be NULL: then there is no answer.
	 */
	void	(*give_up)(struct http_request *);

	/*
	 * A trusted proxy is exempt from the number of connections per client.
	 * May be NULL: nobody is.
	 */
	bool	(*trusted)(struct connection *c);
};

/* NULL once the client is gone or the response was given. */
struct vg_edge_request	*vg_edge_of(const struct http_request *);

/*
 * The first value of a request header, by case-insensitive name, as a string
 * valid as long as vg_edge_of(): NULL when there is none. Kore's
 * http_request_header() gives the same (it is wrapped). For a field that is no
 * list: of a list, see vg_edge_header_list().
 */
const char	*vg_edge_header(const struct http_request *, const char *name);
/* The next one of a list-valued header; start with *index 0. */
const char	*vg_edge_header_next(const struct http_request *,
		    const char *name, size_t *index);

/*
 * All lines of a list-valued field as one list, joined by ", " (RFC 9110
 * section 5.3): what a list says must not depend on how it was cut into lines.
 * NULL when there is none; valid until the next call.
 */
const char	*vg_edge_header_list(const struct http_request *,
		    const char *name);

/*
 * Ends a body that is being received: abort(VG_BODY_REFUSED) is called, the
 * request runs with this refusal in er. Nothing happens when none is coming.
 */
void	vg_edge_body_stop(struct http_request *, int status, const char *word,
	    const char *text);

/*
 * The body is wanted after all: sends the 100 that hold_continue kept back, if
 * the client waits for it and no byte of the body came meanwhile.
 */
void	vg_edge_continue(struct http_request *);

/* The connection closes after this request's response. */
void	vg_edge_close_after(struct http_request *);

/*
 * For those who queue a whole response by themselves (net_send_queue(),
 * net_send_stream()) and do not call http_response(), where the door sees to
 * both. First: must the response say `Connection: close`? True for a client
 * that asked for it, HTTP/1.0, surplus bytes, a body left unread, the last
 * request of a connection, a client that half-closed, and while draining.
 */
bool	vg_edge_must_close(const struct http_request *);
/*
 * Then: all of the response that is there at once was queued. It must make
 * progress from now on; when the send queue is empty (stream callbacks may add
 * to it until then), the connection closes (if it must, or CONN_CLOSE_EMPTY is
 * set), or the next request is read. er is no longer valid.
 */
void	vg_edge_answered(struct http_request *);

/* The client sent its FIN: it may or may not still read. */
bool	vg_edge_half_closed(const struct http_request *);

/* --- Setting up --------------------------------------------------------- */

#define VG_EDGE_HEADER_MS	10000	/* first byte (or accept) to the head's end */
#define VG_EDGE_BODY_MS		120000	/* the head's end to the body's end */
#define VG_EDGE_IDLE_MS		20000	/* a response to the next first byte */
#define VG_EDGE_HANDSHAKE_MS	10000	/* accept to the end of the TLS handshake */
#define VG_EDGE_STALL_MS	10000	/* a response makes progress within it */
#define VG_EDGE_RATE_MIN	1024	/* bytes a second of a body, of a response */
#define VG_EDGE_CONNECTIONS	1000	/* of a worker */
#define VG_EDGE_PER_CLIENT	100	/* connections, over all workers */
#define VG_EDGE_REQUESTS	1000	/* of one connection */
#define VG_EDGE_DRAIN_MS	10000	/* SIGTERM to the end */

struct vg_edge_limits {
	struct vg_head_limits	head;
	uint64_t	header_ms;
	uint64_t	body_ms;
	uint64_t	idle_ms;
	uint64_t	handshake_ms;
	uint64_t	stall_ms;
	uint64_t	drain_ms;
	uint64_t	rate_min;	/* bytes a second, 0: any */
	uint32_t	connections;	/* of a worker */
	uint32_t	per_client;	/* 0: any number */
	uint32_t	requests;	/* of a connection, 0: any number */
	uint32_t	ipv6_bits;	/* what one client is, 64 */
};

/* The defaults above. */
void	vg_edge_limits_default(struct vg_edge_limits *);

/*
 * Takes copies. Sets Kore's own limits (worker_max_connections, http_* and the
 * rest) so that they never come into play. 0, or -1 when memory is short.
 */
int	vg_edge_init(const struct vg_edge_limits *, const struct vg_edge_hooks *);
/*
 * In a worker: new limits for everything that begins from now on. In the parent:
 * how long workers may drain.
 */
void	vg_edge_set_limits(const struct vg_edge_limits *);
/* Descriptors that the door needs in a worker, for worker_rlimit_nofiles. */
uint32_t vg_edge_descriptors(void);

/*
 * Binds a Kore server of that name ("attach NAME" in the conf). 0, or -1 with a
 * sentence in err. Two processes cannot share a port.
 */
int	vg_edge_listen(const char *server, const char *host, uint16_t port,
	    bool tls, char *err, size_t errsize);
/* A plain port that sends everybody to https on https_port (308). */
int	vg_edge_listen_redirect(const char *server, const char *host,
	    uint16_t port, uint16_t https_port, char *err, size_t errsize);

/*
 * Certificate chain and private key (PEM) for every domain on a TLS server.
 * Checks in a child process, which alone sees the key, that both are readable
 * for the keymgr process (by kore_runas_user, within kore_root_path: set them
 * before), belong together, are RSA (2048 to 4096 bits) or EC (P-256, P-384,
 * P-521), and that the certificate is in its time. SIGHUP reads them again; a pair that fails
 * the same check is told in the log and the old one stays. 0, or -1 with a
 * sentence in err.
 */
int	vg_edge_tls(const char *certfile, const char *keyfile, char *err,
	    size_t errsize);

/*
 * In a child that has just changed its user: it is to end when its parent is
 * killed, and ends here if that has happened.
 */
void	vg_edge_orphan(void);

/*
 * In the parent, when its loop has ended: whether the server ends because it
 * cannot go on (the keymgr kept ending), not because it was told to.
 */
bool	vg_edge_failed(void);

/* --- Numbers ------------------------------------------------------------ */

struct vg_edge_counts {
	uint64_t	accepted;	/* connections */
	uint64_t	turned_away;	/* over a limit on connections */
	uint64_t	requests;	/* well-formed heads */
	uint64_t	refused;	/* answered at the door */
	uint64_t	timeouts;
	uint64_t	surplus;	/* connections with bytes too many */
	uint32_t	connections;	/* now */
	uint32_t	bodies;		/* being received now */
};

/* Of this worker. */
void	vg_edge_counts(struct vg_edge_counts *);

#endif
