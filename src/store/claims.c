/*
 * Who makes the turn of an idempotency key.
 *
 * Two requests with one key may arrive at once, at two workers or two machines:
 * the database decides, by the row of the key, which of them asks the
 * providers. The other asks again until the turn is there. It polls, and
 * listens to nothing: repeats are rare, and a NOTIFY at each commit would make
 * every turn pay for them.
 *
 * What nobody waits for (renewing, giving back) goes over the same connection
 * after what was sent before, so that a release never overtakes its commit.
 */

#include <stdio.h>
#include <string.h>

#include "store/db.h"
#include "store/sessions.h"

static void	claim_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

enum vg_db_status
vg_turn_claim(const struct vg_claim *c, vg_claim_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	if (strlen(c->key) > VG_IDEMPOTENCY_MAX)
		return (VG_DB_ERROR);
	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, c->session_id);
	vg_param_text(&p, c->key);
	vg_param_text(&p, c->content);
	vg_param_uuid(&p, c->holder);
	vg_param_seconds(&p, VG_CLAIM_LEASE_S);
	vg_param_owner(&p, c->owner);

	call.done = claim_done;
	call.cb = (void (*)(void))cb;
	call.arg = arg;
	status = vg_query(VG_ST_TURN_CLAIM, &p, VG_DB_DEADLINE_MS, &call,
	    ticket);
	vg_params_free(&p);
	return (status);
}

/* To the database, about a claim that we hold; nobody waits for the answer. */
static void
claim_tell(enum vg_statement statement, const struct vg_claim *c, int64_t lease_s)
{
	const struct vg_call	nobody = { 0 };
	struct vg_params	p;

	memset(&p, 0, sizeof(p));
	vg_param_uuid(&p, c->session_id);
	vg_param_text(&p, c->key);
	vg_param_uuid(&p, c->holder);
	if (lease_s > 0)
		vg_param_seconds(&p, lease_s);
	(void)vg_query(statement, &p, VG_DB_DEADLINE_MS, &nobody, NULL);
	vg_params_free(&p);
}

void
vg_claim_keep(const struct vg_claim *c)
{
	claim_tell(VG_ST_CLAIM_KEEP, c, VG_CLAIM_LEASE_S);
}

void
vg_claim_release(const struct vg_claim *c)
{
	claim_tell(VG_ST_CLAIM_RELEASE, c, 0);
}

static void
claim_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	enum vg_claim_state	state;
	struct vg_turn		turn;
	struct vg_texts		texts = { 0 };

	state = VG_CLAIM_OTHER;
	if (status == VG_DB_OK && PQntuples(res) == 0)
		status = VG_SESSION_GONE;
	else if (status == VG_DB_OK)
		state = vg_claim_read(res, &turn, &texts);
	((vg_claim_cb)call->cb)(call->arg, status, state,
	    status == VG_DB_OK && state == VG_CLAIM_DONE ? &turn : NULL);
	vg_texts_forget(&texts);
}

enum vg_claim_state
vg_claim_read(const PGresult *res, struct vg_turn *turn,
    struct vg_texts *texts)
{
	const char	*state, *ext, *key;
	char		session[VG_UUID_SIZE];

	memset(turn, 0, sizeof(*turn));
	memset(texts, 0, sizeof(*texts));
	if ((state = vg_col_text(res, 0, 0)) == NULL)
		return (VG_CLAIM_OTHER);
	turn->seq = vg_col_int4(res, 0, 1);
	if (!strcmp(state, "done")) {
		turn->repeated = true;
		turn->transcript = vg_col_text(res, 0, 2);
		turn->reply = vg_col_text(res, 0, 3);
		/* Unreadable is as good as not kept. */
		if (turn->transcript != NULL && turn->reply != NULL &&
		    (key = vg_col_text(res, 0, 7)) != NULL) {
			vg_col_uuid(session, res, 0, 8);
			(void)vg_transcripts_open(texts, session, turn->seq,
			    key, turn->transcript, turn->reply);
			turn->transcript = texts->transcript;
			turn->reply = texts->reply;
		}
		vg_col_uuid(turn->audio_id, res, 0, 4);
		if ((ext = vg_col_text(res, 0, 5)) != NULL &&
		    turn->audio_id[0] != '\0')
			snprintf(turn->audio_ext, sizeof(turn->audio_ext), "%s",
			    ext);
		turn->degraded = vg_col_text(res, 0, 6);
		return (VG_CLAIM_DONE);
	}
	if (!strcmp(state, "mine") || !strcmp(state, "new"))
		return (VG_CLAIM_MINE);
	if (!strcmp(state, "moved"))
		return (VG_CLAIM_MOVED);
	return (!strcmp(state, "differs") ? VG_CLAIM_DIFFERS : VG_CLAIM_OTHER);
}
