/*
 * Security events before they are written. A flood must not become a flood of
 * rows, and must not lose its count either: the same thing (kind, client,
 * route, detail) is one entry that counts, and it is written when it is new and
 * then every ten seconds. Of each kind so many may be told apart in a minute;
 * whoever comes after that is counted in one entry of the kind, without a
 * client. Entries are found by a walk: there are few, and the walk is bounded.
 */

#include <stdlib.h>
#include <string.h>

#include "core/eventlog.h"

#define MINUTE_US	INT64_C(60000000)

struct entry {
	struct vg_event	event;		/* count: not yet written */
	bool		used;
	int64_t		due_us;		/* when it may be written */
};

struct vg_eventlog {
	struct entry	entry[VG_EVENT_SLOTS];
	size_t		used;		/* entries below this may be in use */
	/* Those that are not told apart. */
	struct entry	many[VG_EVENT_KINDS];
	size_t		distinct[VG_EVENT_KINDS];
	int64_t		minute_us[VG_EVENT_KINDS];
};

static const struct {
	const char	*name;
	const char	*severity;
} kinds[VG_EVENT_KINDS] = {
	[VG_EVENT_RATE_LIMITED] = { "rate_limited", "info" },
	[VG_EVENT_ORIGIN_DENIED] = { "origin_denied", "warning" },
	[VG_EVENT_BAD_FRAMING] = { "bad_framing", "warning" },
	[VG_EVENT_BAD_KEY] = { "bad_key", "warning" },
	[VG_EVENT_CLIENT_BLOCKED] = { "client_blocked", "info" },
	[VG_EVENT_PAYLOAD_TOO_LARGE] = { "payload_too_large", "info" },
	[VG_EVENT_UNSUPPORTED_AUDIO] = { "unsupported_audio", "info" },
	[VG_EVENT_CSP_REPORT] = { "csp_report", "warning" },
	[VG_EVENT_BREAKER_OPENED] = { "breaker_opened", "critical" },
	[VG_EVENT_PROVIDER_KEY_REFUSED] = { "provider_key_refused", "critical" },
	[VG_EVENT_CONFIGURATION_CHANGED] = { "configuration_changed", "info" },
	[VG_EVENT_TRANSCRIPT_UNREADABLE] = { "transcript_unreadable", "critical" }
};

const char *
vg_event_kind_name(enum vg_event_kind kind)
{
	return (kinds[kind].name);
}

const char *
vg_event_severity(enum vg_event_kind kind)
{
	return (kinds[kind].severity);
}

struct vg_eventlog *
vg_eventlog_new(void)
{
	return (calloc(1, sizeof(struct vg_eventlog)));
}

void
vg_eventlog_free(struct vg_eventlog *log)
{
	free(log);
}

static bool
same(const struct vg_event *a, const struct vg_event *b)
{
	return (a->kind == b->kind && a->route == b->route &&
	    !strcmp(a->client, b->client) && !strcmp(a->detail, b->detail));
}

/* One that goes on stays until it was quiet for a while. */
static bool
is_over(const struct entry *e, int64_t now_us)
{
	return (e->event.count == 0 && now_us >= e->due_us);
}

static struct entry *
find(struct vg_eventlog *log, const struct vg_event *event)
{
	struct entry	*e, *room = NULL;
	size_t		i;
	int64_t		now_us = event->first_us;

	for (i = 0; i < log->used; i++) {
		e = &log->entry[i];
		if (e->used && is_over(e, now_us))
			e->used = false;
		if (!e->used) {
			if (room == NULL)
				room = e;
		} else if (same(&e->event, event)) {
			return (e);
		}
	}
	if (now_us - log->minute_us[event->kind] >= MINUTE_US) {
		log->minute_us[event->kind] = now_us;
		log->distinct[event->kind] = 0;
	}
	if (log->distinct[event->kind] >= VG_EVENT_DISTINCT_MAX)
		return (NULL);
	if (room == NULL && log->used < VG_EVENT_SLOTS)
		room = &log->entry[log->used++];
	if (room != NULL)
		log->distinct[event->kind]++;
	return (room);
}

void
vg_eventlog_add(struct vg_eventlog *log, const struct vg_event *event)
{
	struct entry	*e;
	bool		together = false;

	if ((e = find(log, event)) == NULL) {
		e = &log->many[event->kind];
		together = true;
	}
	if (!e->used) {
		e->used = true;
		e->event = *event;
		e->due_us = event->first_us;	/* now */
		if (together) {
			e->event.client[0] = '\0';
			e->event.request_id[0] = '\0';
			e->event.detail[0] = '\0';
			e->event.route = "";
		}
		return;
	}
	if (e->event.count == 0) {
		e->event.first_us = event->first_us;
		if (!together)
			memcpy(e->event.request_id, event->request_id,
			    sizeof(e->event.request_id));
	}
	if (event->last_us > e->event.last_us)
		e->event.last_us = event->last_us;
	e->event.count += event->count;
}

static bool
take(struct entry *e, int64_t now_us, bool all, struct vg_event *out)
{
	if (!e->used || e->event.count == 0 || (!all && now_us < e->due_us))
		return (false);
	*out = e->event;
	e->event.count = 0;
	e->due_us = now_us + VG_EVENT_REPEAT_US;
	return (true);
}

size_t
vg_eventlog_take(struct vg_eventlog *log, int64_t now_us, bool all,
    struct vg_event *out, size_t max)
{
	size_t	i, n = 0;

	for (i = 0; i < VG_EVENT_KINDS && n < max; i++) {
		if (take(&log->many[i], now_us, all, &out[n]))
			n++;
	}
	for (i = 0; i < log->used && n < max; i++) {
		if (take(&log->entry[i], now_us, all, &out[n]))
			n++;
	}
	return (n);
}
