/*
 * Sessions, turns and their audio: parameters out, rows in, and the typed answer
 * of store.h in between. No PGresult leaves the store.
 *
 * TRANSCRIPT_RETENTION_DAYS=0 is kept in SQL (commit_turn() writes no text), so
 * that no code path of ours can break the promise; the context of a
 * conversation is then empty, since it is kept nowhere.
 */

#include <string.h>

#include "store/db.h"

#define DAY_S	86400
#define HOUR_S	3600

static struct {
	int64_t	session_s;	/* seconds */
	int64_t	text_s;
	int64_t	audio_s;
} keep;

void
vg_sessions_reload(const struct vg_settings *settings)
{
	keep.session_s = settings->session_ttl_h * HOUR_S;
	keep.text_s = settings->transcript_retention_d * DAY_S;
	keep.audio_s = settings->audio_ttl_h * HOUR_S;
}

static enum vg_db_status
ask(enum vg_statement statement, struct vg_params *params, vg_call_done done,
    void (*cb)(void), void *arg, vg_ticket *ticket)
{
	struct vg_call		call = { .done = done, .cb = cb, .arg = arg };
	enum vg_db_status	status;

	status = vg_query(statement, params, VG_DB_DEADLINE_MS, &call, ticket);
	vg_params_free(params);
	return (status);
}

/* id, api_key_id, created_at, expires_at, turns [, transcript, reply] */
static void
session_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_turn_text	context[VG_SESSION_CONTEXT_MAX];
	struct vg_session	session;
	vg_session_cb		cb = (vg_session_cb)call->cb;
	int			row;

	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_SESSION_GONE;
	if (status != VG_DB_OK) {
		cb(call->arg, status, NULL);
		return;
	}
	memset(&session, 0, sizeof(session));
	vg_col_uuid(session.id, res, 0, 0);
	if (!vg_col_null(res, 0, 1))
		vg_col_uuid(session.api_key_id, res, 0, 1);
	session.created_us = vg_col_time(res, 0, 2);
	session.expires_us = vg_col_time(res, 0, 3);
	session.turns = vg_col_int4(res, 0, 4);
	session.context = context;
	for (row = 0; PQnfields(res) > 5 && row < PQntuples(res) &&
	    session.ncontext < VG_SESSION_CONTEXT_MAX; row++) {
		if (vg_col_null(res, row, 5))
			continue;
		context[session.ncontext].transcript = vg_col_text(res, row, 5);
		context[session.ncontext].reply = vg_col_text(res, row, 6);
		session.ncontext++;
	}
	cb(call->arg, VG_DB_OK, &session);
}

enum vg_db_status
vg_session_start(const struct vg_session_new *new, vg_session_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	params = { 0 };

	vg_params_reset(&params);
	vg_param_uuid(&params, new->id);
	vg_param_literal(&params, new->client);
	vg_param_uuid(&params, new->api_key_id);
	vg_param_seconds(&params, keep.session_s);
	vg_param_seconds(&params, keep.text_s);
	return (ask(VG_ST_SESSION_START, &params, session_done,
	    (void (*)(void))cb, arg, ticket));
}

enum vg_db_status
vg_session_find(const char *id, size_t ncontext, vg_session_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	params = { 0 };

	if (ncontext > VG_SESSION_CONTEXT_MAX)
		ncontext = VG_SESSION_CONTEXT_MAX;
	vg_params_reset(&params);
	vg_param_uuid(&params, id);
	vg_param_int4(&params, (int32_t)ncontext);
	return (ask(VG_ST_SESSION_FIND, &params, session_done,
	    (void (*)(void))cb, arg, ticket));
}

/* Column 0 of each row: an audio id, or null. */
static size_t
ids(const PGresult *res, char (*out)[VG_UUID_SIZE], size_t max, int *row)
{
	size_t	n = 0;

	for (; *row < PQntuples(res) && n < max; (*row)++) {
		if (!vg_col_null(res, *row, 0))
			vg_col_uuid(out[n++], res, *row, 0);
	}
	return (n);
}

static void
end_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	static char		audio[VG_SESSION_AUDIO_MAX][VG_UUID_SIZE];
	vg_session_end_cb	cb = (vg_session_end_cb)call->cb;
	size_t			n = 0;
	int			row = 0;

	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_SESSION_GONE;
	if (status == VG_DB_OK)
		n = ids(res, audio, VG_SESSION_AUDIO_MAX, &row);
	/* Beyond that many, the notification tells them all in parts. */
	cb(call->arg, status, (const char (*)[VG_UUID_SIZE])audio, n);
}

enum vg_db_status
vg_session_end(const char *id, vg_session_end_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	params = { 0 };

	vg_params_reset(&params);
	vg_param_uuid(&params, id);
	return (ask(VG_ST_SESSION_END, &params, end_done,
	    (void (*)(void))cb, arg, ticket));
}

/* repeated, seq, transcript, reply, audio_id, audio_ext */
static void
turn_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_turn	turn;
	vg_turn_cb	cb = (vg_turn_cb)call->cb;

	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_SESSION_GONE;
	if (status == VG_DB_OK && vg_col_null(res, 0, 1))
		status = VG_NOT_FOUND;
	if (status != VG_DB_OK) {
		cb(call->arg, status, NULL);
		return;
	}
	memset(&turn, 0, sizeof(turn));
	turn.repeated = vg_col_bool(res, 0, 0);
	turn.seq = vg_col_int4(res, 0, 1);
	turn.transcript = vg_col_text(res, 0, 2);
	turn.reply = vg_col_text(res, 0, 3);
	if (!vg_col_null(res, 0, 4)) {
		vg_col_uuid(turn.audio_id, res, 0, 4);
		strncpy(turn.audio_ext, vg_col_text(res, 0, 5),
		    sizeof(turn.audio_ext) - 1);
	}
	cb(call->arg, VG_DB_OK, &turn);
}

enum vg_db_status
vg_turn_commit(const struct vg_turn_new *new, vg_turn_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	params = { 0 };
	size_t			i;

	vg_params_reset(&params);
	vg_param_uuid(&params, new->session_id);
	vg_param_text(&params, new->idempotency_key);
	vg_param_text(&params, new->transcript);
	vg_param_text(&params, new->reply);
	vg_param_seconds(&params, keep.text_s);
	vg_param_uuid(&params, new->audio_id);
	vg_param_text(&params, new->audio_id != NULL ? new->audio_ext : NULL);
	vg_param_seconds(&params, keep.audio_s);
	vg_param_array(&params, VG_OID_TEXT, new->ndegraded);
	for (i = 0; i < new->ndegraded; i++)
		vg_elem_text(&params, new->degraded[i]);
	vg_param_array_end(&params);
	return (ask(VG_ST_TURN_COMMIT, &params, turn_done,
	    (void (*)(void))cb, arg, ticket));
}

enum vg_db_status
vg_turn_find(const char *session_id, const char *key, vg_turn_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	params = { 0 };

	vg_params_reset(&params);
	vg_param_uuid(&params, session_id);
	vg_param_text(&params, key);
	return (ask(VG_ST_TURN_FIND, &params, turn_done,
	    (void (*)(void))cb, arg, ticket));
}

/* audio_id, audio_ext, session, api_key_id, until */
static void
audio_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_audio	audio;
	vg_audio_cb	cb = (vg_audio_cb)call->cb;

	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_NOT_FOUND;
	if (status != VG_DB_OK) {
		cb(call->arg, status, NULL);
		return;
	}
	memset(&audio, 0, sizeof(audio));
	vg_col_uuid(audio.id, res, 0, 0);
	strncpy(audio.ext, vg_col_text(res, 0, 1), sizeof(audio.ext) - 1);
	vg_col_uuid(audio.session_id, res, 0, 2);
	if (!vg_col_null(res, 0, 3))
		vg_col_uuid(audio.api_key_id, res, 0, 3);
	audio.expires_us = vg_col_time(res, 0, 4);
	cb(call->arg, VG_DB_OK, &audio);
}

enum vg_db_status
vg_audio_find(const char *id, vg_audio_cb cb, void *arg, vg_ticket *ticket)
{
	struct vg_params	params = { 0 };

	vg_params_reset(&params);
	vg_param_uuid(&params, id);
	return (ask(VG_ST_AUDIO_FIND, &params, audio_done,
	    (void (*)(void))cb, arg, ticket));
}

static void
gone_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	static char		gone[VG_AUDIO_ASK_MAX][VG_UUID_SIZE];
	vg_audio_gone_cb	cb = (vg_audio_gone_cb)call->cb;
	size_t			n = 0;
	int			row = 0;

	if (status == VG_DB_OK)
		n = ids(res, gone, VG_AUDIO_ASK_MAX, &row);
	cb(call->arg, status, (const char (*)[VG_UUID_SIZE])gone, n);
}

enum vg_db_status
vg_audio_gone(const char (*uuids)[VG_UUID_SIZE], size_t n, vg_audio_gone_cb cb,
    void *arg, vg_ticket *ticket)
{
	struct vg_params	params = { 0 };
	size_t			i;

	vg_params_reset(&params);
	vg_param_array(&params, VG_OID_UUID, n);
	for (i = 0; i < n; i++)
		vg_elem_uuid(&params, uuids[i]);
	vg_param_array_end(&params);
	return (ask(VG_ST_AUDIO_GONE, &params, gone_done,
	    (void (*)(void))cb, arg, ticket));
}
