#ifndef VG_STORE_STATEMENTS_H
#define VG_STORE_STATEMENTS_H

#include "store/dbwire.h"

/* Every statement a worker may send, prepared once a connection. */
enum vg_statement {
	VG_ST_PING = 0,
	VG_ST_SESSION_START,
	VG_ST_SESSION_FIND,
	VG_ST_SESSION_END,
	VG_ST_TURN_COMMIT,
	VG_ST_TURN_CLAIM,
	VG_ST_CLAIM_KEEP,
	VG_ST_CLAIM_RELEASE,
	VG_ST_AUDIO_FIND,
	VG_ST_AUDIO_GONE,
	VG_ST_TAKE_FIXED,
	VG_ST_TAKE_MOVING,
	VG_ST_TAKE_GROUPED,
	VG_ST_PEEK,
	VG_ST_PURGE,
	VG_ST_KEY_FIND,
	VG_ST_KEY_TOUCH,
	VG_ST_BLOCKS,
	VG_ST_EVENTS,
	VG_ST_ALERTS_CLAIM,
	VG_ST_ALERT_SETTLE,
	VG_ST_PURGE_KEYS,
	VG_ST_END_IDLE,
	VG_ST_MAX
};

struct vg_statement_def {
	const char	*name;
	const char	*sql;
	int		nparams;
	Oid		type[VG_PARAMS_MAX];
};

/* statements.c */
extern const struct vg_statement_def	vg_statements[VG_ST_MAX];

/* Settings of the connection and what it listens to, run after connecting. */
extern const char *const	vg_connection_setup[];	/* ends with NULL */

#define VG_CHANNEL_SESSION_END	"voicegate_session_end"
#define VG_CHANNEL_API_KEY	"voicegate_api_key"
#define VG_CHANNEL_CLIENT_BLOCK	"voicegate_client_block"
#define VG_CHANNEL_ALERT	"voicegate_alert"

#endif
