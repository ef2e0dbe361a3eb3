/*
 * Alerts on their way out. PostgreSQL raises them (a rule's count within its
 * span, at most one a rule and span) and tells whoever listens to
 * voicegate_alert; one worker of all servers gets each, writes it to its log,
 * and sends it to ALERT_WEBHOOK_URL. What does not arrive is tried again, later
 * each time, for a day; the database remembers, so no restart loses one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alerting.h"
#include "gate/gate.h"
#include "gate/logger.h"

#define RETRY_FIRST_S	2	/* seconds, doubled at each attempt */
#define RETRY_MAX_S	3600
#define ATTEMPTS_MAX	32	/* with these pauses: about a day */

struct delivery {
	char	id[VG_UUID_SIZE];
	int32_t	attempt;
};

static int64_t
pause_of(int32_t attempt)
{
	int64_t	s = RETRY_FIRST_S;

	while (--attempt > 0 && s < RETRY_MAX_S)
		s *= 2;
	return (s < RETRY_MAX_S ? s : RETRY_MAX_S);
}

static void
settle(const char *id, int32_t attempt, bool delivered, bool give_up,
    unsigned retry_after_s)
{
	int64_t	again = pause_of(attempt);

	if (retry_after_s > again)
		again = retry_after_s;
	if (give_up || attempt >= ATTEMPTS_MAX)
		again = -1;
	if (!delivered)
		vg_log_str(VG_LOG_WARNING, again == -1 ?
		    "alert not delivered, given up" :
		    "alert not delivered, will be tried again", "alert_id", id);
	/* Away: the lease runs out, and it is tried again. */
	(void)vg_alert_settle(id, delivered, again);
}

static void
delivered(void *arg, bool ok, bool give_up, unsigned retry_after_s)
{
	struct delivery	*d = arg;

	settle(d->id, d->attempt, ok, give_up, retry_after_s);
	free(d);
}

void
vg_alerts_take(void *arg, const struct vg_alert *alert)
{
	const struct vg_settings	*settings = vg_gate_settings();
	const char			*url = settings->alert_webhook_url;
	struct delivery			*d;

	(void)arg;
	if (alert->fresh)
		vg_log_str(VG_LOG_WARNING, "alert", "alert", alert->payload);
	if (url[0] == '\0') {
		(void)vg_alert_settle(alert->id, true, -1);
		return;
	}
	if (!vg_webhook_ready(url) || (d = calloc(1, sizeof(*d))) == NULL) {
		settle(alert->id, alert->attempt, false, false, 0);
		return;
	}
	memcpy(d->id, alert->id, sizeof(d->id));
	d->attempt = alert->attempt;
	if (vg_webhook_send(url, settings->alert_webhook_secret, alert->id,
	    alert->payload, (int64_t)time(NULL), delivered, d) == -1) {
		free(d);
		settle(alert->id, alert->attempt, false, false, 0);
	}
}

void
vg_alerts_provider(enum vg_up_kind kind, enum vg_up_event event)
{
	struct vg_logline	*line;
	char			detail[VG_EVENT_DETAIL_SIZE];

	(void)snprintf(detail, sizeof(detail),
	    "{\"provider\":\"%s\",\"event\":\"%s\"}", vg_up_kind_word(kind),
	    vg_up_event_word(event));
	switch (event) {
	case VG_UP_EVENT_BREAKER_OPENED:
		vg_event(VG_EVENT_BREAKER_OPENED, NULL, NULL, NULL, detail);
		break;
	case VG_UP_EVENT_KEY_REFUSED:
	case VG_UP_EVENT_KEYS_EXHAUSTED:
		vg_event(VG_EVENT_PROVIDER_KEY_REFUSED, NULL, NULL, NULL,
		    detail);
		break;
	case VG_UP_EVENT_BREAKER_CLOSED:
	case VG_UP_EVENTS:
	default:
		break;
	}
	if ((line = vg_log_open(VG_LOG_WARNING, "provider")) == NULL)
		return;
	vg_logline_str(line, "provider", vg_up_kind_word(kind));
	vg_logline_str(line, "event", vg_up_event_word(event));
	vg_log_close(line);
}
