#ifndef VG_STORE_DB_H
#define VG_STORE_DB_H

/* Within the store only: the connection and what is sent over it. */

#include <libpq-fe.h>

#include "core/logesc.h"
#include "store/dburl.h"
#include "store/statements.h"
#include "store/store.h"

#define VG_DB_TICK_MS		50	/* how often deadlines are looked at */
#define VG_DB_QUERIES_MAX	1024	/* queued and in flight */
#define VG_DB_IN_FLIGHT_MAX	32	/* sent, not answered */
#define VG_DB_DEADLINE_MS	1500	/* milliseconds, of any statement */

struct vg_call;

/* RES is borrowed, and NULL unless VG_DB_OK. */
typedef void	(*vg_call_done)(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

/* What to do with an answer: DONE decodes it and calls the requester's CB. */
struct vg_call {
	vg_call_done	done;
	void		(*cb)(void);	/* of DONE's own type */
	void		*arg;
};

/* db.c: the connection. */
struct vg_db_hooks {
	void	(*state)(bool connected);
	void	(*notify)(const char *channel, const char *payload);
	void	(*tick)(int64_t now_us);
	void	(*soon)(void);
};

/* URL is borrowed for as long as the connection lasts. */
int		vg_db_start(const struct vg_dburl *url,
		    const struct vg_db_hooks *);
void		vg_db_stop(void);
bool		vg_db_connected(void);

/* Has the `soon` of the hooks run once, in so many milliseconds. */
void		vg_db_soon(unsigned ms);

/* dbsetup.c: a connection in pipeline mode is made ready. */
/* LEFT_PID: a backend of this server that was given up, to be ended; or 0. */
int		vg_db_setup_send(PGconn *, int left_pid);
/* 1 it is, 0 not yet, -1 WHY not. */
int		vg_db_setup_read(PGconn *, char *why, size_t size);

/* dberror.c: VG_DB_ERROR, _TIMEOUT, or _AWAY (another connection is needed). */
enum vg_db_status vg_db_refusal(enum vg_statement, const PGresult *);
/* Whether it failed for want of what a migration makes. */
bool		vg_db_is_other_schema(const PGresult *);

/* dbqueue.c: statements over it. */

/* As vg_store's calls. PARAMS are taken over where they must wait. */
enum vg_db_status vg_query(enum vg_statement, struct vg_params *,
		    int64_t deadline_ms, const struct vg_call *, vg_ticket *);
void		vg_query_forget(vg_ticket);

void		vg_queue_reset(void);
/* A connection is there (NULL: no more); what waits is failed with STATUS. */
void		vg_queue_attach(PGconn *);
void		vg_queue_fail(enum vg_db_status);
/* Answers that came: 0, or -1 when the connection is of no use any more. */
int		vg_queue_read(void);
/* Deadlines: 0, or -1 when one passed that only a new connection ends. */
int		vg_queue_tick(int64_t now_us);
bool		vg_queue_idle(void);
/* Whether libpq still holds bytes that the socket did not take: 0, 1, -1. */
int		vg_queue_flush(void);

/* store.c */
extern struct vg_store_stats	vg_stats;
void		vg_db_log(enum vg_log_level, const char *fmt, ...)
		    __attribute__((format (printf, 2, 3)));

#endif
