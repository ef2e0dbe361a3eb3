/*
 * Statements over one connection, in libpq's pipeline mode.
 *
 * Each statement is followed by a Sync of its own: it is a transaction of its
 * own, its error ends nothing but itself, and it is answered once it is
 * committed. The last matters: PostgreSQL reports the result of an INSERT
 * before the Sync commits it, so a callback runs when the Sync is answered, not
 * when the result is there. The pipeline keeps the server busy without a
 * round trip between two statements; only so many are sent ahead, since what
 * is still here can be forgotten for nothing.
 *
 * Two clocks. Who asks is answered by his deadline, counted from the asking. The
 * server has as long for each statement, counted from when it is first in line:
 * one that waits behind another's does not tell of a server that hangs. One that
 * does not answer takes the connection with it: PQcancel() blocks, and a server
 * that does not answer a statement answers a cancellation as little; with the
 * connection gone, its backend ends the statement by
 * client_connection_check_interval or statement_timeout.
 *
 * Slots are fixed, so that a flood meets VG_DB_BUSY and not the memory's end. A
 * ticket is the slot and a count of its uses: one that came too late hits
 * nothing.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "store/db.h"

#define NULLS_MAX	4	/* PQgetResult() saying "none" in a row */

enum state {
	Q_FREE = 0,
	Q_WAITING,
	Q_SENT,
	Q_ANSWERED		/* its callback is about to run */
};

struct query {
	TAILQ_ENTRY(query)	list;
	enum state		state;
	uint32_t		uses;
	enum vg_statement	statement;
	int64_t			deadline_us;	/* for who asked */
	int64_t			span_us;	/* for the server, first in line */
	struct vg_call		call;		/* done NULL: forgotten */
	struct vg_params	params;		/* while waiting */
	PGresult		*result;
};

TAILQ_HEAD(queries, query);

static struct {
	PGconn		*pg;
	struct query	slot[VG_DB_QUERIES_MAX];
	struct queries	unused;
	struct queries	waiting;
	struct queries	sent;
	uint32_t	nwaiting;
	uint32_t	nsent;
	int64_t		first_us;	/* since when the first in line is it */
	bool		broken;		/* a statement went out by half */
} q;

static void	query_answer(struct query *, enum vg_db_status);
static void	query_free(struct query *);
static int	query_send(struct query *, const struct vg_params *);
static void	queue_pump(void);
static int	query_finish(struct query *);
static int	result_take(struct query *, PGresult *);

void
vg_queue_reset(void)
{
	size_t		i;

	for (i = 0; i < VG_DB_QUERIES_MAX; i++) {
		vg_params_free(&q.slot[i].params);
		PQclear(q.slot[i].result);
	}
	memset(&q, 0, sizeof(q));
	TAILQ_INIT(&q.unused);
	TAILQ_INIT(&q.waiting);
	TAILQ_INIT(&q.sent);
	for (i = 0; i < VG_DB_QUERIES_MAX; i++)
		TAILQ_INSERT_TAIL(&q.unused, &q.slot[i], list);
}

void
vg_queue_attach(PGconn *pg)
{
	q.pg = pg;
	q.broken = false;
}

enum vg_db_status
vg_query(enum vg_statement statement, struct vg_params *params,
    int64_t deadline_ms, const struct vg_call *call, vg_ticket *ticket)
{
	struct query	*query;

	if (ticket != NULL)
		*ticket = 0;
	if (params->failed)
		return (VG_DB_ERROR);
	if (q.pg == NULL)
		return (VG_DB_AWAY);
	if ((query = TAILQ_FIRST(&q.unused)) == NULL)
		return (VG_DB_BUSY);

	TAILQ_REMOVE(&q.unused, query, list);
	query->uses++;
	query->statement = statement;
	query->call = *call;
	query->result = NULL;
	query->span_us = deadline_ms * 1000;
	query->deadline_us = vg_store_now_us() + query->span_us;
	query->state = Q_WAITING;

	/* A failure to send is the connection's: vg_queue_read() finds out. */
	if (q.nsent < VG_DB_IN_FLIGHT_MAX && q.nwaiting == 0) {
		if (query_send(query, params) == -1) {
			query_free(query);
			return (VG_DB_AWAY);
		}
	} else {
		vg_params_move(&query->params, params);
		TAILQ_INSERT_TAIL(&q.waiting, query, list);
		q.nwaiting++;
	}

	if (ticket != NULL)
		*ticket = (uint64_t)query->uses << 16 |
		    (uint64_t)(query - q.slot + 1);
	return (VG_DB_OK);
}

void
vg_query_forget(vg_ticket ticket)
{
	struct query	*query;
	uint64_t	index;

	index = ticket & 0xffff;
	if (index == 0 || index > VG_DB_QUERIES_MAX)
		return;
	query = &q.slot[index - 1];
	if (query->uses != (uint32_t)(ticket >> 16))
		return;

	if (query->state == Q_WAITING) {
		TAILQ_REMOVE(&q.waiting, query, list);
		q.nwaiting--;
		query_free(query);
	} else {
		query->call.done = NULL;
	}
}

void
vg_queue_fail(enum vg_db_status status)
{
	struct queries	lost;
	struct query	*query;

	/* Callbacks may ask anew: that must meet empty queues. */
	TAILQ_INIT(&lost);
	TAILQ_CONCAT(&lost, &q.sent, list);
	TAILQ_CONCAT(&lost, &q.waiting, list);
	q.nsent = q.nwaiting = 0;
	TAILQ_FOREACH(query, &lost, list)
		query->state = Q_ANSWERED;

	while ((query = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, query, list);
		query_answer(query, status);
	}
}

int
vg_queue_read(void)
{
	struct query	*query;
	PGresult	*res;
	int		nulls;

	nulls = 0;
	while (q.pg != NULL && (query = TAILQ_FIRST(&q.sent)) != NULL &&
	    nulls < NULLS_MAX && !PQisBusy(q.pg)) {
		if ((res = PQgetResult(q.pg)) == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (PQresultStatus(res) != PGRES_PIPELINE_SYNC) {
			if (result_take(query, res) == -1)
				return (-1);
			continue;
		}
		PQclear(res);
		TAILQ_REMOVE(&q.sent, query, list);
		q.nsent--;
		q.first_us = vg_store_now_us();
		if (query_finish(query) == -1)
			return (-1);
	}
	queue_pump();
	return (q.broken || (q.pg != NULL &&
	    PQstatus(q.pg) == CONNECTION_BAD) ? -1 : 0);
}

/* Whoever asked for it has waited long enough. */
static struct query *
sent_too_late(int64_t now_us)
{
	struct query	*query;

	TAILQ_FOREACH(query, &q.sent, list) {
		if (query->call.done != NULL && query->deadline_us <= now_us)
			return (query);
	}
	return (NULL);
}

int
vg_queue_tick(int64_t now_us)
{
	struct query	*query, *next;
	struct vg_call	call;

	if (q.broken)
		return (-1);
	if ((query = TAILQ_FIRST(&q.sent)) != NULL &&
	    now_us - q.first_us >= query->span_us) {
		/* The rest is told of the loss by whoever drops it. */
		TAILQ_REMOVE(&q.sent, query, list);
		q.nsent--;
		vg_stats.timeouts++;
		vg_db_log(VG_LOG_WARNING, "database: no answer to %s within "
		    "its deadline; giving the connection up",
		    vg_statements[query->statement].name);
		query->state = Q_ANSWERED;
		q.pg = NULL;
		query_answer(query, VG_DB_TIMEOUT);
		return (-1);
	}
	while ((query = sent_too_late(now_us)) != NULL) {
		/* Its answer will come, and finds nobody. */
		vg_stats.timeouts++;
		call = query->call;
		query->call.done = NULL;
		call.done(&call, VG_DB_TIMEOUT, NULL);
	}
	for (query = TAILQ_FIRST(&q.waiting); query != NULL; query = next) {
		next = TAILQ_NEXT(query, list);
		if (query->deadline_us > now_us)
			break;
		TAILQ_REMOVE(&q.waiting, query, list);
		q.nwaiting--;
		vg_stats.timeouts++;
		query->state = Q_ANSWERED;
		query_answer(query, VG_DB_TIMEOUT);
		/* The callback may have changed the list. */
		next = TAILQ_FIRST(&q.waiting);
	}
	return (0);
}

bool
vg_queue_idle(void)
{
	return (q.nsent == 0);
}

int
vg_queue_flush(void)
{
	vg_stats.in_flight = q.nsent;
	vg_stats.queued = q.nwaiting;
	return (q.pg != NULL ? PQflush(q.pg) : 0);
}

static void
queue_pump(void)
{
	struct query	*query;

	while (q.pg != NULL && q.nsent < VG_DB_IN_FLIGHT_MAX &&
	    (query = TAILQ_FIRST(&q.waiting)) != NULL) {
		TAILQ_REMOVE(&q.waiting, query, list);
		q.nwaiting--;
		if (query_send(query, &query->params) == -1) {
			/* Comes out with the rest once the loss is seen. */
			TAILQ_INSERT_HEAD(&q.waiting, query, list);
			q.nwaiting++;
			return;
		}
		vg_params_free(&query->params);
	}
}

static int
query_send(struct query *query, const struct vg_params *p)
{
	const char	*value[VG_PARAMS_MAX];
	int		i;

	for (i = 0; i < p->count; i++)
		value[i] = p->length[i] == -1 ? NULL :
		    (const char *)p->buf + p->at[i];

	if (!PQsendQueryPrepared(q.pg, vg_statements[query->statement].name,
	    p->count, value, p->length, p->format, 1) ||
	    !PQpipelineSync(q.pg)) {
		q.broken = true;
		return (-1);
	}

	query->state = Q_SENT;
	if (q.nsent == 0)
		q.first_us = vg_store_now_us();
	TAILQ_INSERT_TAIL(&q.sent, query, list);
	q.nsent++;
	vg_stats.statements++;
	return (0);
}

/* Keeps the result, or the error that followed it at commit. */
static int
result_take(struct query *query, PGresult *res)
{
	switch (PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (query->result != NULL) {
			PQclear(res);
			return (-1);
		}
		query->result = res;
		return (0);
	case PGRES_FATAL_ERROR:
		PQclear(query->result);
		query->result = res;
		return (0);
	default:
		PQclear(res);
		return (-1);
	}
}

/* A statement is over: 0, or -1 when the connection cannot go on. */
static int
query_finish(struct query *query)
{
	enum vg_db_status	status;
	int			ret;

	ret = 0;
	status = VG_DB_OK;
	if (query->result == NULL) {
		status = VG_DB_AWAY;
		ret = -1;
	} else if (PQresultStatus(query->result) == PGRES_FATAL_ERROR) {
		status = vg_db_refusal(query->statement, query->result);
		if (status == VG_DB_AWAY)
			ret = -1;
	}
	query->state = Q_ANSWERED;
	query_answer(query, status);
	return (ret);
}

static void
query_answer(struct query *query, enum vg_db_status status)
{
	if (query->call.done != NULL)
		query->call.done(&query->call, status,
		    status == VG_DB_OK ? query->result : NULL);
	query_free(query);
}

static void
query_free(struct query *query)
{
	PQclear(query->result);
	query->result = NULL;
	vg_params_free(&query->params);
	query->state = Q_FREE;
	query->call.done = NULL;
	TAILQ_INSERT_HEAD(&q.unused, query, list);
}
