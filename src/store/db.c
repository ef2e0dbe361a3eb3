/*
 * A worker's one connection to PostgreSQL, and how it comes back.
 *
 * Nothing here waits. libpq connects step by step (PQconnectPoll), each step
 * when its socket is ready; each address has a deadline, since libpq has none
 * when it is driven this way. One address is tried after the other, beginning
 * with the one that served last; after a whole round without success the next
 * comes after a pause that doubles, drawn at random below its bound (full
 * jitter), so that a database that returns is not met by every worker of every
 * machine at once.
 *
 * The end of a connection is one function. It closes the connection first, then
 * tells everything that was in flight, then the rest of the program: whoever
 * asks again from a callback already meets VG_DB_AWAY. PQfinish() does not
 * block: the connection is non-blocking from its first moment (the farewell is
 * written only where the socket takes it).
 *
 * A server may take connections and finish no statement: a primary whose only
 * synchronous standby is gone waits in each commit, and does not notice there
 * that its client went away. So what was given up is ended by the next
 * connection to that server, or they would pile up until it takes no more; and
 * the pause before that one grows as long as it goes on so.
 *
 * Log lines are written when the state changes, not on each attempt.
 */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/evloop.h"

#define CONNECT_MS	1500	/* milliseconds for one address */
#define BACKOFF_MIN_MS	100U	/* milliseconds, bound of the first pause */
#define BACKOFF_MAX_MS	2000U	/* milliseconds, bound of every later one */
#define SETTLED_US	(10 * VG_USEC)	/* a connection that lasts */
#define QUIET_US	(5 * 1000000)	/* absence: from the first line to the next */
#define QUIET_MORE_US	(60 * 1000000)	/* and between the others */
#define PING_AFTER_MS	2000	/* silence after which it is asked */
#define PING_DEADLINE_MS 1000

enum state {
	DB_STOPPED = 0,
	DB_PAUSING,		/* until next_us */
	DB_CONNECTING,		/* PQconnectPoll() */
	DB_SETTING_UP,		/* settings, prepared statements, LISTEN */
	DB_READY
};

static struct {
	enum state		state;
	PGconn			*pg;
	const struct vg_dburl	*url;
	struct vg_db_hooks	hooks;
	size_t			host;	/* tried now, or serving */
	size_t			tried;	/* addresses in this round */
	unsigned		rounds;	/* without success */
	unsigned		hangs;	/* connections in a row that hung */
	int			left_pid; /* backend of the last that hung, or 0 */
	size_t			left_host; /* and which server's it is */
	int64_t			since_us; /* connected */
	PostgresPollingStatusType want;
	bool			writing;
	bool			pinging;
	bool			told;	/* the absence was logged */
	int64_t			told_us;	/* when */
	int64_t			quiet_us;	/* not again before that has passed */
	int64_t			deadline_us;
	int64_t			next_us;
	int64_t			heard_us;
} db;

static void	db_ready(void);
static void	db_tick(void);
static void	db_soon(void);
static void	db_connect(void);
static void	db_connect_step(void);
static void	db_setup(void);
static void	db_setup_read(void);
static void	db_read(void);
static void	db_lost(const char *);
static void	db_hung(void);
static int64_t	db_pause_us(unsigned);
static void	db_failed(const char *);
static void	db_flush(void);
static void	db_ping_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	db_notice(void *, const PGresult *);
static const char	*first_line(const char *);

static const struct vg_ev_handlers	db_handlers = {
	.ready = db_ready,
	.tick = db_tick,
	.soon = db_soon,
};

int
vg_db_start(const struct vg_dburl *url, const struct vg_db_hooks *hooks)
{
	memset(&db, 0, sizeof(db));
	vg_queue_reset();
	db.url = url;
	db.hooks = *hooks;
	if (vg_ev_open(&db_handlers, VG_DB_TICK_MS) == -1)
		return (-1);
	db_connect();
	return (0);
}

void
vg_db_stop(void)
{
	if (db.state == DB_STOPPED)
		return;
	vg_ev_close();
	PQfinish(db.pg);
	vg_queue_reset();
	memset(&db, 0, sizeof(db));
}

bool
vg_db_connected(void)
{
	return (db.state == DB_READY);
}

void
vg_db_soon(unsigned ms)
{
	vg_ev_soon(ms);
}

static void
db_soon(void)
{
	if (db.state != DB_STOPPED && db.hooks.soon != NULL)
		db.hooks.soon();
}

static void
db_ready(void)
{
	switch (db.state) {
	case DB_CONNECTING:
		db_connect_step();
		break;
	case DB_SETTING_UP:
		db_setup_read();
		break;
	case DB_READY:
		db_read();
		break;
	case DB_STOPPED:
	case DB_PAUSING:
		/* Stale, of a socket closed since. */
		break;
	}
}

static void
db_tick(void)
{
	struct vg_params	none;
	struct vg_call		call;
	int64_t			now;

	now = vg_store_now_us();
	switch (db.state) {
	case DB_PAUSING:
		if (now >= db.next_us)
			db_connect();
		break;
	case DB_CONNECTING:
	case DB_SETTING_UP:
		if (now >= db.deadline_us)
			db_failed("no answer");
		break;
	case DB_READY:
		/* A write met the end: no event of a socket that is closed. */
		if (PQsocket(db.pg) == -1) {
			db_read();
			break;
		}
		if (vg_queue_tick(now) == -1) {
			db_hung();
			break;
		}
		if (!db.pinging && vg_queue_idle() &&
		    now - db.heard_us > PING_AFTER_MS * 1000) {
			memset(&none, 0, sizeof(none));
			memset(&call, 0, sizeof(call));
			call.done = db_ping_done;
			db.pinging = vg_query(VG_ST_PING, &none,
			    PING_DEADLINE_MS, &call, NULL) == VG_DB_OK;
		}
		db_flush();
		break;
	case DB_STOPPED:
		return;
	}
	if (db.hooks.tick != NULL)
		db.hooks.tick(now);
}

static void
db_connect(void)
{
	struct vg_dburl_keywords	k;

	vg_dburl_keywords(&k, db.url, db.host);
	db.state = DB_CONNECTING;
	db.deadline_us = vg_store_now_us() + CONNECT_MS * 1000;
	db.want = PGRES_POLLING_WRITING;
	db.pg = PQconnectStartParams(k.keyword, k.value, 0);
	if (db.pg == NULL || PQstatus(db.pg) == CONNECTION_BAD) {
		db_failed(db.pg != NULL ? PQerrorMessage(db.pg) :
		    "out of memory");
		return;
	}
	PQsetNoticeReceiver(db.pg, db_notice, NULL);
	vg_ev_watch(PQsocket(db.pg), true);
}

static void
db_connect_step(void)
{
	struct pollfd	pfd;

	/*
	 * An event of a socket closed before may come under this number, and
	 * PQconnectPoll() must not be called before its socket is ready.
	 */
	pfd.fd = PQsocket(db.pg);
	pfd.events = db.want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	pfd.revents = 0;
	if (poll(&pfd, 1, 0) < 1)
		return;

	db.want = PQconnectPoll(db.pg);
	switch (db.want) {
	case PGRES_POLLING_READING:
	case PGRES_POLLING_WRITING:
		vg_ev_watch(PQsocket(db.pg), db.want == PGRES_POLLING_WRITING);
		break;
	case PGRES_POLLING_OK:
		db_setup();
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
	default:
		db_failed(PQerrorMessage(db.pg));
		break;
	}
}

static void
db_setup(void)
{
	db.state = DB_SETTING_UP;
	if (PQsetnonblocking(db.pg, 1) == -1 || !PQenterPipelineMode(db.pg) ||
	    vg_db_setup_send(db.pg, db.left_host == db.host ? db.left_pid :
	    0) == -1) {
		db_failed(PQerrorMessage(db.pg));
		return;
	}
	db.writing = true;
	db_flush();
}

static void
db_setup_read(void)
{
	char		why[VG_STORE_ERROR_SIZE];

	switch (vg_db_setup_read(db.pg, why, sizeof(why))) {
	case -1:
		db_failed(why);
		return;
	case 0:
		db_flush();
		return;
	default:
		break;
	}
	db.state = DB_READY;
	db.rounds = 0;
	db.tried = 0;
	db.pinging = false;
	db.told = false;
	db.heard_us = db.since_us = vg_store_now_us();
	if (db.left_host == db.host)
		db.left_pid = 0;
	vg_stats.connects++;
	vg_queue_attach(db.pg);
	vg_db_log(VG_LOG_NOTICE, "database: connected");
	db.hooks.state(true);
	if (db.state == DB_READY)
		db_read();
}

static void
db_read(void)
{
	PGnotify	*n;

	if (!PQconsumeInput(db.pg)) {
		/* What came before the end is still an answer. */
		(void)vg_queue_read();
		db_lost(PQerrorMessage(db.pg));
		return;
	}
	db.heard_us = vg_store_now_us();
	if (vg_queue_read() == -1) {
		db_lost(PQstatus(db.pg) == CONNECTION_BAD ?
		    PQerrorMessage(db.pg) : "it cannot serve us any more");
		return;
	}
	while ((n = PQnotifies(db.pg)) != NULL) {
		db.hooks.notify(n->relname, n->extra);
		PQfreemem(n);
	}
	db_flush();
}

/* Watch for writing only while there is something to write. */
static void
db_flush(void)
{
	bool		writing;
	int		ret;

	ret = db.state == DB_READY ? vg_queue_flush() : PQflush(db.pg);
	/* libpq may have closed its socket: what to do about it is told by a read. */
	if (PQsocket(db.pg) == -1)
		return;
	if (ret == -1)
		ret = 0;
	writing = ret == 1;
	if (writing != db.writing) {
		db.writing = writing;
		vg_ev_watch(PQsocket(db.pg), writing);
	}
}

/* A statement, or the server as a whole, passed its deadline. */
static void
db_hung(void)
{
	if (vg_store_now_us() - db.since_us > SETTLED_US)
		db.hangs = 0;
	db.left_pid = PQbackendPID(db.pg);
	db.left_host = db.host;
	db.hangs++;
	db_lost("it does not answer");
}

/* Full jitter below a bound that doubles. */
static int64_t
db_pause_us(unsigned rounds)
{
	uint32_t	bound;

	bound = BACKOFF_MAX_MS;
	if (rounds < 8 && (BACKOFF_MIN_MS << rounds) < BACKOFF_MAX_MS)
		bound = BACKOFF_MIN_MS << rounds;
	return ((int64_t)arc4random_uniform(bound) * 1000);
}

/* The end of a connection that served. */
static void
db_lost(const char *why)
{
	char		reason[VG_STORE_ERROR_SIZE];

	snprintf(reason, sizeof(reason), "%s", first_line(why));
	vg_stats.losses++;
	PQfinish(db.pg);
	db.pg = NULL;
	db.state = DB_PAUSING;
	db.rounds = 0;
	db.tried = 0;
	db.told = true;
	db.told_us = vg_store_now_us();
	db.quiet_us = QUIET_US;
	db.writing = false;
	db.next_us = db.told_us + db_pause_us(db.hangs);
	vg_queue_attach(NULL);

	vg_db_log(VG_LOG_WARNING, "database: away: %s", reason);
	db.hooks.state(false);
	vg_queue_fail(VG_DB_AWAY);
}

/* An attempt came to nothing: the next address, or a pause after the last. */
static void
db_failed(const char *why)
{
	db.next_us = vg_store_now_us();
	if (!db.told) {
		vg_db_log(VG_LOG_WARNING, "database: cannot connect: %s",
		    first_line(why));
		db.told_us = db.next_us;
		db.quiet_us = QUIET_US;
	} else if (db.next_us - db.told_us >= db.quiet_us) {
		/* Why it went and why it cannot be had may differ. */
		vg_db_log(VG_LOG_WARNING, "database: still away: %s",
		    first_line(why));
		db.told_us = db.next_us;
		db.quiet_us = QUIET_MORE_US;
	}
	PQfinish(db.pg);
	db.pg = NULL;
	db.writing = false;
	db.state = DB_PAUSING;
	db.host = (db.host + 1) % db.url->nhosts;
	if (++db.tried < db.url->nhosts)
		return;		/* the next tick tries it */

	db.told = true;
	db.tried = 0;
	db.next_us += db_pause_us(db.rounds++);
}

static void
db_ping_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	(void)call;
	(void)status;
	(void)res;

	db.pinging = false;
}

/* Notices are PostgreSQL's small talk; libpq would print them. */
static void
db_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

static const char *
first_line(const char *text)
{
	static char	line[VG_STORE_ERROR_SIZE];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	return (line);
}
