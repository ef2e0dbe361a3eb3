#ifndef VG_CORE_EVENTLOG_H
#define VG_CORE_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cidr.h"
#include "core/uuid.h"

#define VG_EVENT_DETAIL_SIZE	128	/* bytes of a detail (JSON) + NUL */
#define VG_EVENT_SLOTS		256	/* kept apart at a time */
#define VG_EVENT_DISTINCT_MAX	32	/* of one kind, told apart in a minute */
#define VG_EVENT_REPEAT_US	INT64_C(10000000) /* the same one: a row each */

/* What a server notices by itself; an operator's doings are SQL's to record. */
enum vg_event_kind {
	VG_EVENT_RATE_LIMITED = 0,
	VG_EVENT_ORIGIN_DENIED,
	VG_EVENT_BAD_FRAMING,
	VG_EVENT_BAD_KEY,
	VG_EVENT_CLIENT_BLOCKED,
	VG_EVENT_PAYLOAD_TOO_LARGE,
	VG_EVENT_UNSUPPORTED_AUDIO,
	VG_EVENT_CSP_REPORT,
	VG_EVENT_BREAKER_OPENED,
	VG_EVENT_PROVIDER_KEY_REFUSED,
	VG_EVENT_CONFIGURATION_CHANGED,
	VG_EVENT_TRANSCRIPT_UNREADABLE,
	VG_EVENT_KINDS
};

/* Nothing of what was said, no path, no query: names and numbers of ours. */
struct vg_event {
	enum vg_event_kind	kind;
	char			client[VG_CLIENT_SIZE];	/* "": none, or many */
	const char		*route;			/* static; "": none */
	char			request_id[VG_UUID_SIZE]; /* of the first; "" */
	char			detail[VG_EVENT_DETAIL_SIZE]; /* JSON; "": none */
	int64_t			count;			/* 1.. */
	int64_t			first_us;		/* the caller's clock */
	int64_t			last_us;
};

struct vg_eventlog;

/* eventlog.c */

const char	*vg_event_kind_name(enum vg_event_kind);
/* "info", "warning" or "critical". */
const char	*vg_event_severity(enum vg_event_kind);

/*
 * What happened again and again becomes one event with a count. Everything is
 * allocated here and never more: where clients become too many to be told
 * apart, they are counted together, by kind, and no count is lost. NULL when
 * memory is short.
 */
struct vg_eventlog *vg_eventlog_new(void);
void	vg_eventlog_free(struct vg_eventlog *);
/* EVENT is copied, with its count; first_us tells when it is. */
void	vg_eventlog_add(struct vg_eventlog *, const struct vg_event *);
/*
 * Takes up to MAX events that are to be written at NOW_US: one that is new at
 * once, one that goes on every VG_EVENT_REPEAT_US. ALL: whatever is there, for
 * the end. Returns how many.
 */
size_t	vg_eventlog_take(struct vg_eventlog *, int64_t now_us, bool all,
	    struct vg_event *out, size_t max);

#endif
