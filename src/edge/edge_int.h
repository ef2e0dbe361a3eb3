#ifndef VG_EDGE_INT_H
#define VG_EDGE_INT_H

/* Private to src/edge/: one connection's state and the door's own. */

#include <kore/kore.h>
#include <kore/http.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "edge/edge.h"

#define VG_EDGE_BUFFER		262144	/* bytes of a body read at a time */
#define VG_EDGE_TURN		262144	/* bytes of a body before others' turn */
#define VG_EDGE_TURN_ALL	1048576	/* bytes of all bodies, likewise */
#define VG_EDGE_PATIENCE	262144	/* bytes waited for from a fast sender */
#define VG_EDGE_FAST		32768	/* bytes in a read: a fast sender */
#define VG_EDGE_LINGER_MS	5000	/* our FIN to the end, at most */
#define VG_EDGE_LINGER_BYTES	33554432 /* read and thrown away, at most */
#define VG_EDGE_OVERFLOW	64	/* connections over a limit, to be told */
#define VG_EDGE_TOLD		64	/* that were, and still have their end to come */
#define VG_EDGE_OVERFLOW_MS	2000	/* accept to the end of one of either */
#define VG_EDGE_RETRY_S		1	/* told with 503 */
#define VG_EDGE_LAST_MS		1000	/* draining: for a first request, a FIN */
#define VG_EDGE_GIVE_BACK_MS	200	/* drained: for what requests give back */
#define VG_EDGE_RATE_GRACE_MS	5000	/* before the minimum rate is asked for */
#define VG_EDGE_PROBE_MS	1000	/* half-closed, unanswered: still there? */
#define VG_EDGE_TICK_MS		250	/* between two looks at the deadlines */
#define VG_EDGE_PAUSE_MS	100	/* without accepting, short of something */
#define VG_EDGE_RESPONSE_MAX	8192	/* bytes of a refusal's response */
#define VG_EDGE_WORKERS_MAX	256	/* Kore's ids go up to UCHAR_MAX */

/* Read results besides a count of bytes. */
#define VG_READ_EOF		0
#define VG_READ_AGAIN		-1
#define VG_READ_LOST		-2

enum vg_phase {
	VG_PHASE_IDLE = 0,	/* no byte of the next request is here */
	VG_PHASE_HEAD,
	VG_PHASE_BODY,
	VG_PHASE_RUN,		/* the application has it */
	VG_PHASE_SEND,		/* the response is leaving */
	VG_PHASE_LINGER		/* our end is closed, theirs is emptied */
};

struct vg_conn {
	struct connection	*c;
	enum vg_phase		phase;
	bool			tls;
	bool			shaken;		/* the TLS handshake is done */
	bool			turned_away;	/* to be told 503, whatever it asks */
	bool			overflow;	/* over a limit: holds a slot for it */
	bool			told;		/* likewise, and lingers */
	bool			close;		/* after the next response */
	bool			linger;		/* unread bytes may be there then */
	bool			fin_near;	/* a FIN is behind what is unread */
	bool			eof;		/* it was read */
	bool			probed;
	bool			muted;		/* Kore speaks: not a word out */
	bool			answering;	/* Kore queues a response */
	bool			ready;		/* on the list */
	bool			counted;	/* in the shared table */
	bool			patient;	/* SO_RCVLOWAT is raised */
	bool			continue_due;	/* the client waits for 100 */
	uint16_t		https_port;	/* not 0: redirect to it */
	uint32_t		nrequests;
	uint32_t		cell[2];	/* of the client, shared table */
	uint64_t		deadline;	/* ms; 0: none */
	uint64_t		since;		/* ms: of the phase, or of the FIN */
	uint64_t		left;		/* bytes of the body to come */
	uint64_t		received_mark;	/* of the body, at the last tick */
	uint64_t		thrown;		/* bytes, lingering */
	uint64_t		sent;		/* bytes, ever */
	uint64_t		sent_mark;	/* when last looked at */
	uint8_t			*buf;		/* the head; owned */
	size_t			len;		/* bytes in it */
	struct vg_edge_request	er;
	struct vg_head		head;
	TAILQ_ENTRY(vg_conn)	list;		/* of the ready */
};

TAILQ_HEAD(vg_conn_list, vg_conn);

struct vg_door {
	struct vg_edge_limits	limits;
	struct vg_edge_hooks	hooks;
	size_t			head_size;	/* bytes of a head's buffer */
	bool			worker;		/* this process is one */
	bool			draining;
	bool			runnable;	/* a request waits for Kore */
	bool			buried;		/* a connection waits for its end */
	uint64_t		clock;		/* ms, of this turn; 0: not read */
	uint64_t		drain_from;	/* ms */
	uint64_t		drain_until;	/* ms */
	uint64_t		gave_up;	/* ms; 0: not yet */
	uint64_t		tick_at;	/* ms */
	uint64_t		accept_at;	/* ms: paused until then; 0: not */
	uint32_t		overflow;	/* connections over a limit, to be told */
	uint32_t		told;		/* and those that were */
	size_t			turn;		/* bytes of bodies, in this turn */
	struct vg_edge_counts	counts;
};

extern struct vg_door	vg_door;

void	vg_conn_event(void *, int);

/* Ours, or NULL: Kore's message channels. */
static inline struct vg_conn *
vg_conn_of(const struct connection *c)
{
	if (c == NULL || c->evt.handle != vg_conn_event)
		return (NULL);
	return (c->hdlr_extra);
}

static inline bool
vg_conn_alive(const struct vg_conn *conn)
{
	return (conn->c->state != CONN_STATE_DISCONNECTING);
}

/* Monotonic ms, read once in a turn of the event loop. */
static inline uint64_t
vg_now(void)
{
	if (vg_door.clock == 0)
		vg_door.clock = kore_time_ms();
	return (vg_door.clock);
}

/* edge_conn.c: the life of a connection. */
int	vg_conn_start(struct connection *, struct listener *);
void	vg_conn_readable(struct vg_conn *);
void	vg_conn_flushed(struct vg_conn *);
void	vg_conn_ready(struct vg_conn *);
void	vg_conn_run_ready(void);
bool	vg_conn_is_ready(void);
void	vg_conn_phase(struct vg_conn *, enum vg_phase, uint64_t ms);

/* edge_io.c: bytes in and out. */
ssize_t	vg_io_read(struct vg_conn *, uint8_t *, size_t);
ssize_t	vg_io_fill(struct vg_conn *, uint8_t *, size_t enough, size_t max);
int	vg_io_write(struct connection *, size_t, size_t *);
int	vg_io_write_tls(struct connection *, size_t, size_t *);
uint64_t vg_io_sent(const struct vg_conn *);
bool	vg_io_lost(struct vg_conn *);
void	vg_io_peek(struct vg_conn *);
void	vg_io_whole(struct vg_conn *);
void	vg_io_linger(struct vg_conn *);
void	vg_io_linger_read(struct vg_conn *);

/* edge_head.c: from bytes to a request. */
void	vg_head_readable(struct vg_conn *);

/* edge_feed.c: what Kore is told of a request. NULL: refused. */
struct http_request	*vg_feed(struct vg_conn *, struct vg_edge_refusal *);

/* edge_body.c */
void	vg_body_begin(struct vg_conn *);
bool	vg_body_continue(struct vg_conn *);
void	vg_body_readable(struct vg_conn *);
void	vg_body_tick(struct vg_conn *);
void	vg_body_end(struct vg_conn *, enum vg_body_end);

/* edge_refuse.c */
void	vg_refuse_head(struct vg_conn *, enum vg_head_reason);
void	vg_refuse_with(struct vg_conn *, int status, const char *word,
	    const char *text);
void	vg_refuse_send(struct vg_conn *, const struct vg_edge_refusal *);
void	vg_refuse_redirect(struct vg_conn *);

/* edge_accept.c */
void	vg_accept_event(void *, int);
void	vg_accept_pause(uint64_t ms);
void	vg_accept_resume(void);
void	vg_accept_certified(void);
void	vg_accept_last(void);
bool	vg_accept_told(struct vg_conn *);
void	vg_accept_ended(const struct vg_conn *);

/* edge_table.c: who is connected, over all workers. */
int	vg_table_create(void);
void	vg_table_worker(uint16_t id);
void	vg_table_find(const struct connection *, uint32_t cell[2]);
uint32_t vg_table_client(const uint32_t cell[2]);
void	vg_table_add(struct vg_conn *);
void	vg_table_remove(struct vg_conn *);
bool	vg_table_yield(void);
void	vg_table_waiting(bool);

/* edge_tick.c */
void	vg_tick(void);
void	vg_drain(void);

/* edge_tls.c, edge_tickets.c, edge_keypair.c */
void	vg_tls_configure(struct kore_domain *);
int	vg_tickets_create(void);
void	vg_tickets_configure(SSL_CTX *);
void	vg_tls_reload(void);

/* edge_keymgr.c: which key is meant. */
const uint8_t	*vg_keymgr_mark_new(EVP_PKEY *);
void		vg_keymgr_mark(const uint8_t *);
void		vg_keymgr_forget(void);

/* edge_parent.c: of the parent's loop, at most TIMER ms; and of any process. */
void	vg_parent_wait(u_int64_t timer);
void	vg_parent_listen_no_more(void);

/* edge_setup.c */
uint16_t	vg_setup_https_port(const struct kore_server *);
void		vg_setup_worker(void);

/* What the linker puts in the place of Kore's (conf/build.conf; edge_wrap.c). */
int	__wrap_net_send_flush(struct connection *);
int	__real_net_send_flush(struct connection *);
int	__wrap_net_recv_flush(struct connection *);
int	__real_net_recv_flush(struct connection *);
void	__wrap_net_recv_reset(struct connection *, size_t,
	    int (*)(struct netbuf *));
void	__real_net_recv_reset(struct connection *, size_t,
	    int (*)(struct netbuf *));
void	__wrap_http_process(void);
void	__real_http_process(void);
void	__wrap_http_response(struct http_request *, int, const void *, size_t);
void	__real_http_response(struct http_request *, int, const void *, size_t);
void	__wrap_http_response_stream(struct http_request *, int, void *, size_t,
	    int (*)(struct netbuf *), void *);
void	__real_http_response_stream(struct http_request *, int, void *, size_t,
	    int (*)(struct netbuf *), void *);
void	__wrap_http_response_fileref(struct http_request *, int,
	    struct kore_fileref *);
void	__real_http_response_fileref(struct http_request *, int,
	    struct kore_fileref *);
int	__wrap_http_request_header(struct http_request *, const char *,
	    const char **);
int	__real_http_request_header(struct http_request *, const char *,
	    const char **);
void	__wrap_kore_platform_event_wait(u_int64_t);
void	__real_kore_platform_event_wait(u_int64_t);
void	__wrap_kore_connection_check_timeout(u_int64_t);
void	__wrap_kore_fileref_init(void);
void	__real_kore_fileref_init(void);
pid_t	__wrap_fork(void);
pid_t	__real_fork(void);
void	__wrap_kore_signal_setup(void);
void	__real_kore_signal_setup(void);
void	__wrap_kore_worker_init(void);
void	__real_kore_worker_init(void);
void	__wrap_kore_worker_reap(void);
void	__real_kore_worker_reap(void);
void	__wrap_kore_server_closeall(void);
void	__real_kore_server_closeall(void);
void	__wrap_kore_msg_parent_add(struct kore_worker *);
void	__real_kore_msg_parent_add(struct kore_worker *);
void	__wrap_kore_msg_send(u_int16_t, u_int8_t, const void *, size_t);
void	__real_kore_msg_send(u_int16_t, u_int8_t, const void *, size_t);
int	__wrap_kore_msg_register(u_int8_t, void (*)(struct kore_msg *,
	    const void *));
int	__real_kore_msg_register(u_int8_t, void (*)(struct kore_msg *,
	    const void *));
EVP_PKEY *__wrap_kore_rsakey_load(const char *);
EVP_PKEY *__real_kore_rsakey_load(const char *);
int	__wrap_kore_domain_attach(struct kore_domain *, struct kore_server *);
int	__real_kore_domain_attach(struct kore_domain *, struct kore_server *);
void	__wrap_kore_domain_tlsinit(struct kore_domain *, int, const void *,
	    size_t);
void	__real_kore_domain_tlsinit(struct kore_domain *, int, const void *,
	    size_t);
int	__wrap_SSL_CTX_use_PrivateKey(SSL_CTX *, EVP_PKEY *);
int	__real_SSL_CTX_use_PrivateKey(SSL_CTX *, EVP_PKEY *);
void	*__wrap_EVP_PKEY_get0(const EVP_PKEY *);

#endif
