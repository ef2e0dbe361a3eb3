/*
 * Security events on their way to the database: gathered by core/eventlog.c,
 * written once a second by one statement, never waited for by a request. What
 * cannot be written stays and is counted on; only what PostgreSQL refuses is
 * dropped, and counted. At a worker's end what is there is sent with the last
 * bytes of its connection; a worker that is killed loses a second of them.
 */

#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/ruled.h"

#define WRITE_EVERY_US	VG_USEC
#define BATCH_MAX	128	/* events a statement */

static struct {
	struct vg_eventlog	*log;
	int64_t			due_us;
	size_t			nsent;	/* on their way; 0: none */
	int64_t			sent_us;
	struct vg_event		sent[BATCH_MAX];
} e;

static void	events_write(int64_t, bool);
static void	events_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

int
vg_events_start(void)
{
	memset(&e, 0, sizeof(e));
	return ((e.log = vg_eventlog_new()) != NULL ? 0 : -1);
}

void
vg_events_stop(void)
{
	if (e.log != NULL && vg_db_connected()) {
		events_write(vg_store_now_us(), true);
		(void)vg_queue_flush();
	}
	vg_eventlog_free(e.log);
	memset(&e, 0, sizeof(e));
}

/* What does not fit is cut; printf(3) would be half of what an event costs. */
static void
keep(char *out, size_t size, const char *text)
{
	size_t	len;

	if (text == NULL)
		return;
	len = strnlen(text, size - 1);
	memcpy(out, text, len);
	out[len] = '\0';
}

void
vg_event(enum vg_event_kind kind, const char *client, const char *route,
    const char *request_id, const char *detail)
{
	struct vg_event	event;

	if (e.log == NULL)
		return;
	memset(&event, 0, sizeof(event));
	event.kind = kind;
	keep(event.client, sizeof(event.client), client);
	event.route = route != NULL ? route : "";
	keep(event.request_id, sizeof(event.request_id), request_id);
	keep(event.detail, sizeof(event.detail), detail);
	event.count = 1;
	event.first_us = event.last_us = vg_store_now_us();
	vg_eventlog_add(e.log, &event);
}

void
vg_events_tick(int64_t now_us)
{
	if (e.nsent == 0 && now_us >= e.due_us && vg_db_connected()) {
		e.due_us = now_us + WRITE_EVERY_US;
		events_write(now_us, false);
	}
}

static void
back(void)
{
	size_t	i;

	for (i = 0; i < e.nsent; i++)
		vg_eventlog_add(e.log, &e.sent[i]);
	e.nsent = 0;
}

static void
text_array(struct vg_params *p, const char *(*of)(const struct vg_event *))
{
	size_t	i;

	vg_param_array(p, VG_OID_TEXT, e.nsent);
	for (i = 0; i < e.nsent; i++)
		vg_elem_text(p, of(&e.sent[i]));
	vg_param_array_end(p);
}

static const char *
kind_of(const struct vg_event *event)
{
	return (vg_event_kind_name(event->kind));
}

static const char *
severity_of(const struct vg_event *event)
{
	return (vg_event_severity(event->kind));
}

static const char *
client_of(const struct vg_event *event)
{
	return (event->client);
}

static const char *
route_of(const struct vg_event *event)
{
	return (event->route);
}

static const char *
request_of(const struct vg_event *event)
{
	return (event->request_id);
}

static const char *
detail_of(const struct vg_event *event)
{
	return (event->detail);
}

static int32_t
clamp(int64_t value)
{
	return (value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : (int32_t)value);
}

static void
events_write(int64_t now_us, bool all)
{
	struct vg_params	p;
	struct vg_call		call;
	size_t			i;

	if (e.nsent != 0 || (e.nsent = vg_eventlog_take(e.log, now_us, all,
	    e.sent, BATCH_MAX)) == 0)
		return;
	memset(&p, 0, sizeof(p));
	memset(&call, 0, sizeof(call));
	text_array(&p, kind_of);
	text_array(&p, severity_of);
	text_array(&p, client_of);
	text_array(&p, route_of);
	text_array(&p, request_of);
	text_array(&p, detail_of);
	vg_param_array(&p, VG_OID_INT4, e.nsent);
	for (i = 0; i < e.nsent; i++)
		vg_elem_int4(&p, clamp(e.sent[i].count));
	vg_param_array_end(&p);
	vg_param_array(&p, VG_OID_INT4, e.nsent);
	for (i = 0; i < e.nsent; i++)
		vg_elem_int4(&p, clamp((now_us - e.sent[i].first_us) / 1000));
	vg_param_array_end(&p);
	vg_param_array(&p, VG_OID_INT4, e.nsent);
	for (i = 0; i < e.nsent; i++)
		vg_elem_int4(&p, clamp((e.sent[i].last_us -
		    e.sent[i].first_us) / 1000));
	vg_param_array_end(&p);
	call.done = events_done;
	if (vg_query(VG_ST_EVENTS, &p, VG_DB_DEADLINE_MS, &call, NULL) !=
	    VG_DB_OK)
		back();
	vg_params_free(&p);
}

static void
events_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	(void)call;
	(void)res;

	if (status == VG_DB_ERROR) {
		vg_stats.events_dropped += e.nsent;
		vg_db_log(VG_LOG_ERROR, "database: security events were refused "
		    "and are dropped (%llu so far)",
		    (unsigned long long)vg_stats.events_dropped);
		e.nsent = 0;
		return;
	}
	/* After a timeout they may be there: twice is better than not at all. */
	if (status != VG_DB_OK)
		back();
	e.nsent = 0;
}
