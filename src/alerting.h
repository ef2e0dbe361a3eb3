#ifndef VG_ALERTING_H
#define VG_ALERTING_H

#include "store/store.h"
#include "upstream/upstream.h"

/* alerting.c: what a worker does with alerts, and with what providers tell. */

/* The store's hook: log line, webhook, and how it went. */
void	vg_alerts_take(void *, const struct vg_alert *);
/* The providers' hook: a security event. */
void	vg_alerts_provider(enum vg_up_kind, enum vg_up_event);

#endif
