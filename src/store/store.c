/*
 * The life of a worker's store: one connection, what listens to it, and the
 * clean-up that the first worker of an instance does for all.
 */

#include <kore/kore.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/db.h"
#include "store/limiter.h"

#define PURGE_EVERY_US	(60 * VG_USEC)
#define PURGE_ROWS	10000		/* of each kind, in one statement */

struct vg_store_stats	vg_stats;

static struct {
	struct vg_dburl		url;
	bool			prepared;
	bool			started;
	int64_t			offset_us;	/* monotonic to epoch */
	int64_t			purge_us;	/* when next */
	struct vg_store_hooks	hooks;
} store;

int
vg_store_prepare(const struct vg_settings *settings, char *error, size_t size)
{
	if (store.prepared)
		vg_dburl_free(&store.url);
	store.prepared = false;
	if (vg_dburl_parse(&store.url, settings->database_url, error, size) == -1)
		return (-1);
	store.prepared = true;
	return (0);
}

int64_t
vg_store_now_us(void)
{
	struct timespec	mono, real;

	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	if (store.offset_us == 0) {
		(void)clock_gettime(CLOCK_REALTIME, &real);
		store.offset_us = ((int64_t)real.tv_sec - mono.tv_sec) * VG_USEC +
		    (real.tv_nsec - mono.tv_nsec) / 1000;
	}
	return ((int64_t)mono.tv_sec * VG_USEC + mono.tv_nsec / 1000 +
	    store.offset_us);
}

void
vg_db_log(enum vg_log_level level, const char *fmt, ...)
{
	char	msg[VG_STORE_ERROR_SIZE];
	va_list	args;

	if (store.hooks.log == NULL)
		return;
	va_start(args, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	store.hooks.log(store.hooks.arg, level, msg);
}

static void
on_state(bool connected)
{
	vg_limiter_state(connected);
	if (store.hooks.state != NULL)
		store.hooks.state(store.hooks.arg, connected);
	if (connected && store.hooks.resync != NULL)
		store.hooks.resync(store.hooks.arg);
}

/* "session audio audio ...": see notify_session_end() in the schema. */
static void
on_notify(const char *channel, const char *payload)
{
	static char	audio[VG_SESSION_AUDIO_MAX][VG_UUID_SIZE];
	char		session[VG_UUID_SIZE];
	const char	*at = payload;
	size_t		n = 0;

	if (store.hooks.session_ended == NULL ||
	    strcmp(channel, VG_CHANNEL_SESSION_END) ||
	    strlen(payload) < VG_UUID_LEN ||
	    vg_uuid4_parse(session, payload, VG_UUID_LEN) == -1)
		return;
	for (at += VG_UUID_LEN; *at == ' ' && n < VG_SESSION_AUDIO_MAX;
	    at += VG_UUID_LEN + 1) {
		if (strlen(at + 1) < VG_UUID_LEN ||
		    vg_uuid4_parse(audio[n], at + 1, VG_UUID_LEN) == -1)
			break;
		n++;
	}
	store.hooks.session_ended(store.hooks.arg, session,
	    (const char (*)[VG_UUID_SIZE])audio, n);
}

static void
purged(const struct vg_call *call, enum vg_db_status status, const PGresult *res)
{
	(void)call;
	/* There is more: go on at the next tick, not in a minute. */
	if (status == VG_DB_OK && PQntuples(res) == 1 && vg_col_bool(res, 0, 3))
		store.purge_us = 0;
}

static void
on_tick(int64_t now_us)
{
	struct vg_call		call = { .done = purged };
	struct vg_params	params = { 0 };

	vg_limiter_tick();
	if (worker == NULL || worker->id != 1 || now_us < store.purge_us ||
	    !vg_db_connected())
		return;
	store.purge_us = now_us + PURGE_EVERY_US;
	vg_params_reset(&params);
	vg_param_int4(&params, PURGE_ROWS);
	(void)vg_query(VG_ST_PURGE, &params, VG_DB_DEADLINE_MS, &call, NULL);
	vg_params_free(&params);
}

int
vg_store_start(const struct vg_settings *settings,
    const struct vg_store_hooks *hooks)
{
	static const struct vg_db_hooks	db_hooks = {
		.state = on_state,
		.notify = on_notify,
		.tick = on_tick
	};

	if (!store.prepared)
		return (-1);
	store.hooks = *hooks;
	store.purge_us = vg_store_now_us() + PURGE_EVERY_US;
	vg_sessions_reload(settings);
	if (vg_limiter_start(settings) == -1)
		return (-1);
	if (vg_db_start(&store.url, &db_hooks) == -1) {
		vg_limiter_stop();
		return (-1);
	}
	store.started = true;
	return (0);
}

void
vg_store_reload(const struct vg_settings *settings)
{
	vg_sessions_reload(settings);
	vg_limiter_reload(settings);
}

void
vg_store_stop(void)
{
	if (!store.started)
		return;
	store.started = false;
	vg_db_stop();
	vg_limiter_stop();
}

bool
vg_store_connected(void)
{
	return (vg_db_connected());
}

void
vg_store_forget(vg_ticket ticket)
{
	if (!store.started || ticket == 0)
		return;
	if (ticket & VG_TICKET_CHECK)
		vg_limiter_forget(ticket);
	else
		vg_query_forget(ticket);
}

const char *
vg_db_status_name(enum vg_db_status status)
{
	switch (status) {
	case VG_DB_OK:
		return ("ok");
	case VG_DB_AWAY:
		return ("database_away");
	case VG_DB_TIMEOUT:
		return ("database_timeout");
	case VG_DB_BUSY:
		return ("database_busy");
	case VG_DB_ERROR:
		return ("database_error");
	case VG_SESSION_GONE:
		return ("session_gone");
	case VG_NOT_FOUND:
		return ("not_found");
	}
	return ("unknown");
}

void
vg_store_stats(struct vg_store_stats *out)
{
	(void)vg_queue_flush();
	*out = vg_stats;
}
