/*
 * Turns of a conversation, and the audio that belongs to them.
 *
 * A turn is committed by one function in the database, which holds the lock of
 * its session meanwhile: the turn is there and the session alive, or neither
 * was written. One that has an idempotency key is committed by the request that
 * holds its claim (claims.c), and by no other.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/sessions.h"

static void	turn_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	audio_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	gone_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

enum vg_db_status
vg_turn_commit(const struct vg_turn_new *new, vg_turn_cb cb, void *arg,
    vg_ticket *ticket)
{
	const struct vg_lifetimes	*life;
	struct vg_params		p;
	struct vg_call			call;
	struct vg_texts			sealed = { 0 };
	const char			*transcript, *reply, *key;
	enum vg_db_status		status;
	size_t				i;

	if (new->ndegraded > VG_TURN_DEGRADED_MAX ||
	    strlen(new->transcript) > VG_TURN_TEXT_MAX ||
	    strlen(new->reply) > VG_TURN_TEXT_MAX ||
	    (new->idempotency_key != NULL &&
	    strlen(new->idempotency_key) > VG_IDEMPOTENCY_MAX))
		return (VG_DB_ERROR);

	life = vg_sessions_lifetimes();
	/* What is not to be stored does not travel either. */
	transcript = life->text_s > 0 ? new->transcript : NULL;
	reply = life->text_s > 0 ? new->reply : NULL;
	key = transcript != NULL ? vg_transcripts_key() : NULL;
	if (key != NULL && new->seq > 0) {
		/* Rather no turn than one in the clear. */
		if (vg_transcripts_seal(&sealed, new->session_id, new->seq,
		    transcript, reply) == -1)
			return (VG_DB_ERROR);
		transcript = sealed.transcript;
		reply = sealed.reply;
	} else if (key != NULL) {
		/* Its number is not known: this asks for it, no more. */
		transcript = reply = "";
	}
	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, new->session_id);
	vg_param_text(&p, new->idempotency_key);
	vg_param_uuid(&p, new->holder);
	vg_param_text(&p, transcript);
	vg_param_text(&p, reply);
	vg_param_seconds(&p, life->text_s);
	vg_param_uuid(&p, new->audio_id);
	vg_param_text(&p, new->audio_id != NULL ? new->audio_ext : NULL);
	vg_param_seconds(&p, life->audio_s);
	vg_param_array(&p, VG_OID_TEXT, new->ndegraded);
	for (i = 0; i < new->ndegraded; i++)
		vg_elem_text(&p, new->degraded[i]);
	vg_param_array_end(&p);
	vg_param_text(&p, key);
	vg_param_int4(&p, (int32_t)new->seq);
	vg_texts_forget(&sealed);

	call.done = turn_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_TURN_COMMIT, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

enum vg_db_status
vg_audio_find(const char *audio_id, const char *owner, vg_audio_cb cb,
    void *arg, vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, audio_id);
	vg_param_owner(&p, owner);

	call.done = audio_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_AUDIO_FIND, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

enum vg_db_status
vg_audio_gone(const char (*ids)[VG_UUID_SIZE], size_t n, vg_audio_gone_cb cb,
    void *arg, vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;
	size_t			i;

	if (n == 0 || n > VG_AUDIO_ASK_MAX)
		return (VG_DB_ERROR);
	memset(&p, 0, sizeof(p));
	vg_param_array(&p, VG_OID_UUID, n);
	for (i = 0; i < n; i++)
		vg_elem_uuid(&p, ids[i]);
	vg_param_array_end(&p);

	call.done = gone_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_AUDIO_GONE, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

static void
turn_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	enum vg_claim_state	state;
	struct vg_turn		turn;
	struct vg_texts		texts = { 0 };

	if (status == VG_DB_OK && PQntuples(res) == 0) {
		status = VG_SESSION_GONE;
	} else if (status == VG_DB_OK) {
		state = vg_claim_read(res, &turn, &texts);
		if (state == VG_CLAIM_OTHER)
			status = VG_CLAIM_LOST;
		else if (state == VG_CLAIM_MOVED)
			status = VG_TURN_MOVED;
	}
	((vg_turn_cb)call->cb)(call->arg, status,
	    status == VG_DB_OK || status == VG_TURN_MOVED ? &turn : NULL);
	vg_texts_forget(&texts);
}

static void
audio_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_audio	audio;
	const char	*ext;

	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_NOT_FOUND;
	if (status != VG_DB_OK) {
		((vg_audio_cb)call->cb)(call->arg, status, NULL);
		return;
	}
	memset(&audio, 0, sizeof(audio));
	vg_col_uuid(audio.id, res, 0, 0);
	if ((ext = vg_col_text(res, 0, 1)) != NULL)
		snprintf(audio.ext, sizeof(audio.ext), "%s", ext);
	vg_col_uuid(audio.session_id, res, 0, 2);
	vg_col_uuid(audio.api_key_id, res, 0, 3);
	audio.expires_us = vg_col_time(res, 0, 4);
	((vg_audio_cb)call->cb)(call->arg, VG_DB_OK, &audio);
}

static void
gone_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	char	(*gone)[VG_UUID_SIZE];
	size_t	i, n;

	gone = NULL;
	n = 0;
	if (status == VG_DB_OK && (n = (size_t)PQntuples(res)) > 0) {
		if ((gone = calloc(n, sizeof(*gone))) == NULL)
			n = 0;
		for (i = 0; i < n; i++)
			vg_col_uuid(gone[i], res, (int)i, 0);
	}
	((vg_audio_gone_cb)call->cb)(call->arg, status,
	    (const char (*)[VG_UUID_SIZE])gone, n);
	free(gone);
}
