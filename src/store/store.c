/*
 * The life of the store in a process: what is worked out in the parent, what a
 * worker starts, stops and tells the rest of the program.
 *
 * A worker also keeps house: every so often one of them (PostgreSQL's advisory
 * lock says which) deletes what has run out. Rounds are small and follow each
 * other quickly while there is more, so that no statement of a request waits
 * behind a long one.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/db.h"
#include "store/limiter.h"
#include "store/ruled.h"
#include "store/sessions.h"

#define PURGE_ROWS		2000	/* rows a round */
#define PURGE_EVERY_US		(10 * VG_USEC)
#define PURGE_MORE_US		VG_USEC		/* not through the table yet */
#define PURGE_BUSY_US		(VG_USEC / 10)	/* and there is much to do */
#define AUDIO_IDS_STEP		128

struct vg_store_stats	vg_stats;

static struct {
	struct vg_dburl		url;
	struct vg_store_hooks	hooks;
	int64_t			offset_us;	/* CLOCK_MONOTONIC to epoch */
	int64_t			purge_us;	/* when the next round is due */
	bool			purging;
} store;

static void	store_state(bool);
static void	store_notify(const char *, const char *);
static void	store_tick(int64_t);
static void	store_purge_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static int64_t	clock_us(clockid_t);

static const struct vg_db_hooks	store_db_hooks = {
	.state = store_state,
	.notify = store_notify,
	.tick = store_tick,
	.soon = vg_limiter_soon,
};

int
vg_store_check_url(const char *url, char *error, size_t size)
{
	return (vg_dburl_check(url, error, size));
}

bool
vg_store_url_in_clear(const char *url)
{
	return (vg_dburl_in_clear(url));
}

int
vg_store_prepare(const struct vg_settings *settings, char *error, size_t size)
{
	struct vg_seal_ring	ring = { 0 };
	struct vg_dburl		url;
	const char		*why = "";

	/* A worker whose texts are to be encrypted can do so: it is tried here. */
	if (vg_seal_init(&ring, settings->transcript_key, &why) == -1) {
		(void)snprintf(error, size, "TRANSCRIPT_KEY %s", why);
		return (-1);
	}
	vg_seal_clear(&ring);
	if (vg_dburl_parse(&url, settings->database_url, error, size) == -1)
		return (-1);
	vg_dburl_free(&store.url);
	store.url = url;
	return (0);
}

int
vg_store_start(const struct vg_settings *settings,
    const struct vg_store_hooks *hooks)
{
	if (store.url.nhosts == 0)
		return (-1);
	memset(&vg_stats, 0, sizeof(vg_stats));
	store.hooks = *hooks;
	store.offset_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	/* Workers that start together do not ask together. */
	store.purge_us = vg_store_now_us() +
	    (int64_t)arc4random_uniform((uint32_t)PURGE_EVERY_US);
	store.purging = false;

	vg_alerts_start(hooks->alert, hooks->arg);
	vg_sessions_configure(settings);
	if (vg_limiter_start(settings) == -1 || vg_keys_start() == -1 ||
	    vg_events_start() == -1 ||
	    vg_db_start(&store.url, &store_db_hooks) == -1) {
		vg_limiter_stop();
		vg_keys_stop();
		vg_events_stop();
		return (-1);
	}
	return (0);
}

void
vg_store_reload(const struct vg_settings *settings)
{
	vg_limiter_configure(settings);
	vg_sessions_configure(settings);
}

void
vg_store_stop(void)
{
	vg_events_stop();
	vg_db_stop();
	vg_limiter_stop();
	vg_keys_stop();
	vg_blocks_stop();
	vg_transcripts_stop();
	memset(&store.hooks, 0, sizeof(store.hooks));
	vg_dburl_free(&store.url);
}

bool
vg_store_connected(void)
{
	return (vg_db_connected());
}

void
vg_store_forget(vg_ticket ticket)
{
	if (ticket & VG_TICKET_LIMIT)
		vg_limiter_forget(ticket);
	else if (ticket & VG_TICKET_KEY)
		vg_keys_forget(ticket);
	else
		vg_query_forget(ticket);
}

void
vg_store_stats(struct vg_store_stats *out)
{
	(void)vg_queue_flush();
	*out = vg_stats;
}

const char *
vg_db_status_name(enum vg_db_status status)
{
	switch (status) {
	case VG_DB_OK:
		return ("ok");
	case VG_DB_AWAY:
		return ("away");
	case VG_DB_LOCKED:
		return ("locked");
	case VG_DB_TIMEOUT:
		return ("timeout");
	case VG_DB_BUSY:
		return ("busy");
	case VG_DB_ERROR:
		return ("error");
	case VG_SESSION_GONE:
		return ("session gone");
	case VG_NOT_FOUND:
		return ("not found");
	case VG_KEY_KNOWN:
		return ("known");
	case VG_CLAIM_LOST:
		return ("claim lost");
	case VG_TURN_MOVED:
		return ("turn moved");
	}
	return ("unknown");
}

int64_t
vg_store_now_us(void)
{
	return (clock_us(CLOCK_MONOTONIC) + store.offset_us);
}

void
vg_db_log(enum vg_log_level level, const char *fmt, ...)
{
	char		line[VG_STORE_ERROR_SIZE * 2];
	va_list		args;

	if (store.hooks.log == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	store.hooks.log(store.hooks.arg, level, line);
}

static void
store_state(bool connected)
{
	vg_limiter_state(connected);
	if (connected) {
		/* Notifications may have been missed. */
		vg_keys_changed();
		vg_blocks_changed();
	}
	if (store.hooks.state != NULL)
		store.hooks.state(store.hooks.arg, connected);
	if (connected && store.hooks.resync != NULL)
		store.hooks.resync(store.hooks.arg);
}

/* "session audio audio ...": anyone may NOTIFY, so it is read with care. */
static void
store_notify(const char *channel, const char *payload)
{
	char		session[VG_UUID_SIZE], (*audio)[VG_UUID_SIZE], (*more)[VG_UUID_SIZE];
	size_t		n, room;

	if (!strcmp(channel, VG_CHANNEL_API_KEY))
		vg_keys_changed();
	else if (!strcmp(channel, VG_CHANNEL_CLIENT_BLOCK))
		vg_blocks_changed();
	else if (!strcmp(channel, VG_CHANNEL_ALERT))
		vg_alerts_raised();
	if (strcmp(channel, VG_CHANNEL_SESSION_END) != 0 ||
	    store.hooks.session_ended == NULL)
		return;
	if (strlen(payload) < VG_UUID_LEN ||
	    vg_uuid4_parse(session, payload, VG_UUID_LEN) == -1)
		return;

	audio = NULL;
	n = room = 0;
	for (payload += VG_UUID_LEN; payload[0] == ' '; payload += VG_UUID_LEN) {
		payload++;
		if (n == room) {
			more = realloc(audio, (room + AUDIO_IDS_STEP) *
			    sizeof(*audio));
			if (more == NULL)
				break;
			audio = more;
			room += AUDIO_IDS_STEP;
		}
		if (strlen(payload) < VG_UUID_LEN ||
		    vg_uuid4_parse(audio[n], payload, VG_UUID_LEN) == -1)
			break;
		n++;
	}
	store.hooks.session_ended(store.hooks.arg, session,
	    (const char (*)[VG_UUID_SIZE])audio, n);
	free(audio);
}

static void
store_tick(int64_t now_us)
{
	struct vg_params	params;
	struct vg_call		call;

	vg_limiter_tick(now_us);
	vg_keys_tick(now_us);
	vg_blocks_tick(now_us);
	vg_events_tick(now_us);
	vg_alerts_tick(now_us);

	if (now_us < store.purge_us || store.purging || !vg_db_connected())
		return;
	store.purge_us = now_us + PURGE_EVERY_US;
	memset(&params, 0, sizeof(params));
	memset(&call, 0, sizeof(call));
	call.done = store_purge_done;
	vg_param_int4(&params, PURGE_ROWS);
	store.purging = vg_query(VG_ST_PURGE, &params, VG_DB_DEADLINE_MS,
	    &call, NULL) == VG_DB_OK;
	vg_params_free(&params);
	/* Nobody waits for the number; what is left over is for the next. */
	memset(&call, 0, sizeof(call));
	vg_param_int4(&params, PURGE_ROWS);
	(void)vg_query(VG_ST_PURGE_KEYS, &params, VG_DB_DEADLINE_MS, &call,
	    NULL);
	vg_params_free(&params);
	memset(&call, 0, sizeof(call));
	vg_param_int4(&params, PURGE_ROWS);
	(void)vg_query(VG_ST_END_IDLE, &params, VG_DB_DEADLINE_MS, &call, NULL);
	vg_params_free(&params);
}

static void
store_purge_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	(void)call;

	store.purging = false;
	if (status != VG_DB_OK || PQntuples(res) != 1 ||
	    !vg_col_bool(res, 0, 0))
		return;
	/* A round ends by its time, not by a number: only it knows. */
	store.purge_us = vg_store_now_us() +
	    (vg_col_bool(res, 0, 1) ? PURGE_BUSY_US : PURGE_MORE_US);
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec	ts;

	(void)clock_gettime(clock, &ts);
	return ((int64_t)ts.tv_sec * VG_USEC + ts.tv_nsec / 1000);
}
