/*
 * Sessions: start, look up, end.
 *
 * The life of a session is decided in PostgreSQL by PostgreSQL's clock, in the
 * statement that needs to know: a worker caches nothing of it. So a session
 * that was ended in psql is refused by the next statement of any worker, with
 * or without a notification; the notification is for the files.
 *
 * With TRANSCRIPT_RETENTION_DAYS=0 nothing that was said is written, not even to
 * an unlogged or temporary table, which is a file too. Such a conversation has
 * no memory: each turn stands alone.
 */

#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/sessions.h"

#define HOUR_S		INT64_C(3600)
#define DAY_S		INT64_C(86400)
#define MINUTE_S	INT64_C(60)
#define BUSY_SPARE_S	INT64_C(10)	/* beside the providers: the database */

static struct vg_lifetimes	lifetimes;

static void	session_read(struct vg_session *, const PGresult *);
static void	start_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	find_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	end_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

void
vg_sessions_configure(const struct vg_settings *settings)
{
	lifetimes.session_s = settings->session_ttl_h * HOUR_S;
	lifetimes.text_s = settings->transcript_retention_d * DAY_S;
	lifetimes.audio_s = settings->audio_ttl_h * HOUR_S;
	lifetimes.idle_s = settings->session_idle_min * MINUTE_S;
	lifetimes.busy_s = settings->pipeline_timeout_s + BUSY_SPARE_S;
	vg_transcripts_configure(settings);
}

const struct vg_lifetimes *
vg_sessions_lifetimes(void)
{
	return (&lifetimes);
}

enum vg_db_status
vg_session_start(const struct vg_session_new *new, vg_session_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, new->id);
	vg_param_literal(&p, new->client);
	vg_param_uuid(&p, new->api_key_id);
	vg_param_seconds(&p, lifetimes.session_s);
	vg_param_seconds(&p, lifetimes.text_s);
	vg_param_seconds(&p, lifetimes.idle_s);

	call.done = start_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_SESSION_START, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

enum vg_db_status
vg_session_find(const char *id, const char *owner, size_t ncontext,
    vg_session_cb cb, void *arg, vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	if (ncontext > VG_SESSION_CONTEXT_MAX)
		ncontext = VG_SESSION_CONTEXT_MAX;
	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, id);
	vg_param_int4(&p, (int32_t)ncontext);
	vg_param_owner(&p, owner);
	vg_param_seconds(&p, lifetimes.busy_s);

	call.done = find_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_SESSION_FIND, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

enum vg_db_status
vg_session_end(const char *id, const char *owner, vg_session_end_cb cb,
    void *arg, vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, id);
	vg_param_owner(&p, owner);

	call.done = end_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_SESSION_END, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

static void
session_read(struct vg_session *s, const PGresult *res)
{
	memset(s, 0, sizeof(*s));
	vg_col_uuid(s->id, res, 0, 0);
	vg_col_uuid(s->api_key_id, res, 0, 1);
	s->created_us = vg_col_time(res, 0, 2);
	s->expires_us = vg_col_time(res, 0, 3);
	s->turns = vg_col_int4(res, 0, 4);
}

static void
start_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_session	s;
	vg_session_cb		cb;

	cb = (vg_session_cb)call->cb;
	/* Its key was revoked while it was asked for: nothing was inserted. */
	if (status == VG_DB_OK && PQntuples(res) != 1)
		status = VG_NOT_FOUND;
	if (status != VG_DB_OK) {
		cb(call->arg, status, NULL);
		return;
	}
	session_read(&s, res);
	cb(call->arg, VG_DB_OK, &s);
}

static void
find_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_turn_text	context[VG_SESSION_CONTEXT_MAX];
	struct vg_texts		opened[VG_SESSION_CONTEXT_MAX];
	struct vg_session	s;
	vg_session_cb		cb;
	const char		*key;
	size_t			nopened = 0;
	int			i, n;

	cb = (vg_session_cb)call->cb;
	n = 0;
	if (status == VG_DB_OK && (n = PQntuples(res)) == 0)
		status = VG_SESSION_GONE;
	if (status != VG_DB_OK) {
		cb(call->arg, status, NULL);
		return;
	}
	session_read(&s, res);
	for (i = 0; i < n && s.ncontext < VG_SESSION_CONTEXT_MAX; i++) {
		if (vg_col_null(res, i, 5))
			continue;
		context[s.ncontext].transcript = vg_col_text(res, i, 5);
		context[s.ncontext].reply = vg_col_text(res, i, 6);
		if ((key = vg_col_text(res, i, 8)) != NULL) {
			/* What cannot be read has been told of. */
			if (vg_transcripts_open(&opened[nopened], s.id,
			    vg_col_int4(res, i, 7), key,
			    context[s.ncontext].transcript,
			    context[s.ncontext].reply) == -1)
				continue;
			context[s.ncontext].transcript =
			    opened[nopened].transcript;
			context[s.ncontext].reply = opened[nopened].reply;
			nopened++;
		}
		s.ncontext++;
	}
	s.context = context;
	cb(call->arg, VG_DB_OK, &s);
	while (nopened > 0)
		vg_texts_forget(&opened[--nopened]);
}

static void
end_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	char			(*audio)[VG_UUID_SIZE];
	vg_session_end_cb	cb;
	size_t			n, i, rows;

	cb = (vg_session_end_cb)call->cb;
	audio = NULL;
	n = rows = 0;
	if (status == VG_DB_OK) {
		rows = (size_t)PQntuples(res);
		if (rows == 0)
			status = VG_SESSION_GONE;
	}
	/* Without memory the files are left to the janitor. */
	if (rows > 0 && (audio = calloc(rows, sizeof(*audio))) != NULL) {
		for (i = 0; i < rows && n < VG_SESSION_AUDIO_MAX; i++) {
			if (vg_col_null(res, (int)i, 0))
				continue;
			vg_col_uuid(audio[n++], res, (int)i, 0);
		}
	}
	cb(call->arg, status, (const char (*)[VG_UUID_SIZE])audio, n);
	free(audio);
}
