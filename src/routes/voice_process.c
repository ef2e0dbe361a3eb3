/*
 * POST /api/voice/process
 *
 * In:	multipart/form-data: `audio` (WAV, MP3, WebM, OGG, M4A by content, at most
 *	MAX_UPLOAD_BYTES) and `session_id`; Idempotency-Key, if wanted.
 * Out:	200 {"session_id","transcript","text","audio_url"}, audio_url null when
 *	there is no sound; "degraded":[…] when something fell back. The turn is
 *	committed before the answer. A repeat of an Idempotency-Key within 24 h
 *	gets the first answer; where texts are not kept, its sound alone, and
 *	"degraded":["text"].
 * Errors: 400, 401, 403, 404 session_not_found, 405, 409 idempotency_conflict, 413,
 *	415, 422 audio_undecodable, idempotency_mismatch, 429 rate_limited,
 *	too_many_uploads, 503 provider_unavailable, database_unavailable, storage_unavailable,
 *	overloaded, 504 provider_timeout.
 *
 * The upload has no name and is gone with the request, however that ends. The
 * reply's file gets its name before the commit, so that no committed turn
 * lacks it; a process that dies between the two leaves a file for the janitor.
 */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gate/files.h"
#include "gate/gate.h"
#include "gate/inflight.h"
#include "gate/once.h"
#include "gate/upload.h"
#include "upstream/upstream.h"

#define CONTEXT_TURNS	20	/* earlier turns told to the chat provider */
#define BUSY_RETRY_S	2	/* seconds */
#define REPLY_MAX	(32 * 1024 * 1024) /* bytes of sound */
#define CLAIMS_MAX	3	/* times that a claim is asked for anew */
#define MOVES_MAX	200	/* times that other turns may come before ours */
#define LOCKED_MIN	4	/* tries at a session that is held, late or not */
#define LOCKED_FIRST_MS	50U	/* between the first of them, growing */
#define LOCKED_MS	500U	/* and between the others */

/* Beside VG_DEGRADED_*: a repeat whose words were not kept. */
#define DEGRADED_TEXT	0x100

int	route_voice_process(struct http_request *);

struct voice {
	struct vg_request	*r;
	uint32_t		place;		/* among those in flight */
	struct vg_upload	upload;
	vg_ticket		ticket;
	enum vg_db_status	status;
	struct vg_once		once;
	enum vg_claim_state	claim;
	unsigned		claims;		/* asked for */
	int64_t			seq;		/* the turn's number, as far as known */
	unsigned		moves;		/* times that it was another's */
	unsigned		locked;		/* times that somebody held it */
	struct kore_timer	*pause;		/* until it is tried again */
	uint64_t		deadline_us;	/* of the whole, monotonic */
	struct vg_pipeline_turn	turns[CONTEXT_TURNS * 2];
	char			*owned[CONTEXT_TURNS * 2];
	size_t			nturns;
	struct vg_pipeline	*pipeline;
	struct vg_tempfile	reply;
	enum vg_up_error	error;
	unsigned		retry_s;
	unsigned		degraded;
	const char		*lost;		/* why, for the log; or NULL */
	char			*transcript;
	char			*text;
	char			audio_id[VG_UUID_SIZE];	/* "" for none */
	char			audio_ext[VG_TEMPFILE_EXT_MAX + 1];
};

static int	claim(struct vg_request *);
static int	transcribed(struct vg_request *);
static int	commit(struct vg_request *);
static int	committed(struct vg_request *);

static void
voice_free(void *arg)
{
	struct voice	*v = arg;
	size_t		i;

	vg_pipeline_cancel(v->pipeline);
	vg_store_forget(v->ticket);
	if (v->pause != NULL)
		kore_timer_remove(v->pause);
	vg_once_close(&v->once);
	vg_upload_close(&v->upload);
	if (v->reply.fd != -1)
		vg_tempfile_discard(&v->reply);
	for (i = 0; i < v->nturns; i++)
		free(v->owned[i]);
	free(v->transcript);
	free(v->text);
	vg_inflight_give(v->place);
	free(v);
}

static void
take_sound(void *arg, const uint8_t *data, size_t len)
{
	struct voice	*v = arg;

	vg_once_data(&v->once, data, len);
}

static int
open_upload(struct vg_request *r)
{
	struct voice	*v;
	uint32_t	place;

	if (vg_inflight_take(r, vg_edge_of(r->req)->head->content_length,
	    &place) == -1)
		return (-1);
	if ((v = calloc(1, sizeof(*v))) == NULL) {
		vg_inflight_give(place);
		r->retry_after_s = BUSY_RETRY_S;
		vg_refuse(r, "overloaded", NULL);
		return (-1);
	}
	v->r = r;
	v->place = place;
	v->reply.fd = -1;
	r->priv = v;
	r->priv_free = voice_free;
	if (vg_upload_open(&v->upload, r) == -1 ||
	    vg_once_open(&v->once, r) == -1)
		return (-1);
	v->upload.listen = take_sound;
	v->upload.listen_arg = v;
	return (0);
}

static int
take_data(struct vg_request *r, const uint8_t *data, size_t len)
{
	struct voice	*v = r->priv;

	return (vg_upload_data(&v->upload, data, len));
}

static size_t
content_max(const struct vg_settings *settings)
{
	return ((size_t)settings->max_upload_bytes + VG_UPLOAD_OVERHEAD);
}

static int
answer(struct vg_request *r)
{
	struct voice	*v = r->priv;
	json_t		*root, *list;
	char		url[64];

	(void)snprintf(url, sizeof(url), "/api/voice/audio/%s", v->audio_id);
	root = json_pack("{s:s, s:s, s:s, s:s?}", "session_id",
	    v->upload.session_id, "transcript",
	    v->transcript != NULL ? v->transcript : "", "text",
	    v->text != NULL ? v->text : "", "audio_url",
	    v->audio_id[0] != '\0' ? url : NULL);
	if (root != NULL && v->degraded != 0 && (list = json_array()) != NULL) {
		if (v->degraded & VG_DEGRADED_CHAT)
			(void)json_array_append_new(list, json_string("chat"));
		if (v->degraded & VG_DEGRADED_TTS)
			(void)json_array_append_new(list, json_string("tts"));
		if (v->degraded & DEGRADED_TEXT)
			(void)json_array_append_new(list, json_string("text"));
		(void)json_object_set_new(root, "degraded", list);
	}
	return (vg_reply_json(r, 200, root));
}

/* --- the turn is kept ----------------------------------------------------- */

/* An earlier answer to the same key stands in for ours. */
static void
take_turn(struct voice *v, const struct vg_turn *turn)
{
	free(v->transcript);
	free(v->text);
	v->transcript = turn->transcript == NULL ? NULL : strdup(turn->transcript);
	v->text = turn->reply == NULL ? NULL : strdup(turn->reply);
	(void)kore_strlcpy(v->audio_id, turn->audio_id, sizeof(v->audio_id));
	v->degraded = turn->reply == NULL ? DEGRADED_TEXT : 0;
	if (turn->degraded != NULL && strstr(turn->degraded, "chat") != NULL)
		v->degraded |= VG_DEGRADED_CHAT;
	if (turn->degraded != NULL && strstr(turn->degraded, "tts") != NULL)
		v->degraded |= VG_DEGRADED_TTS;
	v->r->note = "repeated";
}

static void
turn_committed(void *arg, enum vg_db_status status, const struct vg_turn *turn)
{
	struct voice	*v = arg;

	v->ticket = 0;
	v->status = status;
	if (v->audio_id[0] != '\0' && (status == VG_SESSION_GONE ||
	    (turn != NULL && turn->repeated)))
		vg_files_remove_one(v->audio_id);
	if (turn != NULL && turn->repeated)
		take_turn(v, turn);
	if (status == VG_DB_OK)
		vg_once_settled(&v->once);
	if (status == VG_TURN_MOVED)
		v->seq = turn->seq;
	vg_resume(v->r);
}

static void
pause_over(void *arg, u_int64_t now)
{
	struct voice	*v = arg;

	(void)now;
	v->pause = NULL;	/* Kore frees it when this returns */
	vg_resume(v->r);
}

static int
committed(struct vg_request *r)
{
	struct voice	*v = r->priv;

	/*
	 * We were away for longer than our lease: somebody else is at it, and it
	 * may be ours again much later. Or an operator has the session in an
	 * open transaction. No row knows the sound until then.
	 */
	if (v->status == VG_CLAIM_LOST || v->status == VG_DB_LOCKED) {
		if (v->audio_id[0] != '\0')
			(void)vg_files_retract(&v->reply, v->audio_id,
			    v->audio_ext);
		v->audio_id[0] = '\0';
	}
	if (v->status == VG_CLAIM_LOST)
		return (claim(r));
	if (v->status == VG_DB_LOCKED && (v->locked++ < LOCKED_MIN ||
	    vg_monotonic_us() < v->deadline_us)) {
		v->pause = kore_timer_add(pause_over, v->locked < LOCKED_MIN ?
		    LOCKED_FIRST_MS * v->locked : LOCKED_MS, v,
		    KORE_TIMER_ONESHOT);
		return (vg_wait(r, commit));
	}
	/* Two messages of one session at once: ours is the next turn. */
	if (v->status == VG_TURN_MOVED && v->moves++ < MOVES_MAX)
		return (commit(r));
	if (v->status == VG_TURN_MOVED && v->audio_id[0] != '\0')
		vg_files_remove_one(v->audio_id);
	if (v->status == VG_SESSION_GONE)
		return (vg_reply_problem(r, "session_not_found", NULL));
	if (v->status != VG_DB_OK)
		return (vg_reply_away(r, v->status));
	return (answer(r));
}

static int
commit(struct vg_request *r)
{
	struct voice		*v = r->priv;
	struct vg_turn_new	turn = { 0 };

	if (v->audio_ext[0] != '\0' && v->audio_id[0] == '\0') {
		vg_new_id(v->audio_id);
		if (vg_files_publish(&v->reply, v->audio_id, v->audio_ext) == -1) {
			v->audio_id[0] = '\0';
			v->degraded |= VG_DEGRADED_TTS;
			r->note = vg_files_reply_trouble(v->reply.error);
		}
	}
	turn.session_id = v->upload.session_id;
	if (v->once.wanted) {
		turn.idempotency_key = v->once.key;
		turn.holder = r->id;
	}
	turn.transcript = v->transcript;
	turn.reply = v->text;
	turn.seq = v->seq;
	if (v->audio_id[0] != '\0') {
		turn.audio_id = v->audio_id;
		turn.audio_ext = v->audio_ext;
	}
	if (v->degraded & VG_DEGRADED_CHAT)
		turn.degraded[turn.ndegraded++] = "chat";
	if (v->degraded & VG_DEGRADED_TTS)
		turn.degraded[turn.ndegraded++] = "tts";
	v->status = vg_turn_commit(&turn, turn_committed, v, &v->ticket);
	if (v->status != VG_DB_OK) {
		if (v->audio_id[0] != '\0')
			vg_files_remove_one(v->audio_id);
		return (vg_reply_away(r, v->status));
	}
	return (vg_wait(r, committed));
}

/* --- the pipeline --------------------------------------------------------- */

/* Why a turn that went on without a stage did, in one word. */
static const char *
lost(const struct vg_pipeline_out *out)
{
	enum vg_up_error	error;

	error = out->ended[out->degraded & VG_DEGRADED_CHAT ?
	    VG_UP_CHAT : VG_UP_TTS];
	if (error == VG_UP_NO_ROOM)
		return (vg_files_reply_trouble(ENOSPC));
	return (vg_up_error_word(error));
}

static void
piped(const struct vg_pipeline_out *out, void *arg)
{
	struct voice	*v = arg;

	v->pipeline = NULL;
	v->error = out->error;
	v->retry_s = out->retry_after_s;
	v->degraded = out->degraded;
	if (out->degraded != 0)
		v->lost = lost(out);
	if (v->reply.fd == -1)
		v->degraded |= VG_DEGRADED_TTS;
	if (out->error == VG_UP_OK) {
		v->transcript = strdup(out->transcript);
		v->text = strdup(out->text);
		if (out->audio_len > 0 && v->reply.fd != -1)
			(void)kore_strlcpy(v->audio_ext, out->audio_ext,
			    sizeof(v->audio_ext));
	}
	vg_resume(v->r);
}

static int
transcribed(struct vg_request *r)
{
	struct voice	*v = r->priv;

	r->note = v->error == VG_UP_OK ? v->lost : vg_up_error_word(v->error);
	if (v->error == VG_UP_UNDECODABLE)
		return (vg_reply_problem(r, "audio_undecodable", NULL));
	/* Within our limit and beyond the provider's: smaller it may pass. */
	if (v->error == VG_UP_LONG)
		return (vg_reply_problem(r, "payload_too_large",
		    "The recording is too large for the speech recognition."));
	if (v->error == VG_UP_TIMEOUT)
		return (vg_reply_problem(r, "provider_timeout", NULL));
	if (v->error == VG_UP_LOCAL || v->error == VG_UP_NO_DESCRIPTORS) {
		r->retry_after_s = BUSY_RETRY_S;
		return (vg_reply_problem(r, "overloaded", NULL));
	}
	if (v->error != VG_UP_OK) {
		r->retry_after_s = v->retry_s > 0 ? (int64_t)v->retry_s : 1;
		return (vg_reply_problem(r, "provider_unavailable", NULL));
	}
	if (v->transcript == NULL || v->text == NULL)
		return (vg_reply_problem(r, "overloaded", NULL));
	return (commit(r));
}

static int
transcribe(struct vg_request *r)
{
	struct voice		*v = r->priv;
	struct vg_pipeline_in	in = { 0 };
	uint64_t		now;

	if (v->status == VG_SESSION_GONE)
		return (vg_reply_problem(r, "session_not_found", NULL));
	if (v->status != VG_DB_OK)
		return (vg_reply_away(r, v->status));
	/* Without a place for the sound the words are still worth having. */
	if (vg_files_reply(&v->reply, REPLY_MAX) == -1) {
		v->lost = vg_files_reply_trouble(errno);
		v->reply.fd = -1;
	}
	in.audio_fd = v->upload.file.fd;
	in.audio_len = (size_t)v->upload.file.size;
	in.audio_ext = v->upload.kind.ext;
	in.audio_type = v->upload.kind.type;
	in.turns = v->turns;
	in.nturns = v->nturns;
	in.reply_fd = v->reply.fd;
	in.reply_max = REPLY_MAX;
	/* What is left of the one deadline, after waiting for another. */
	now = vg_monotonic_us();
	in.deadline_ms = v->deadline_us > now + 1000 ?
	    (v->deadline_us - now) / 1000 : 1;
	if ((v->pipeline = vg_pipeline_start(&in, piped, v)) == NULL) {
		r->retry_after_s = BUSY_RETRY_S;
		return (vg_reply_problem(r, "overloaded", NULL));
	}
	return (vg_wait(r, transcribed));
}

/* --- the session ---------------------------------------------------------- */

static void
add_turn(struct voice *v, const char *role, const char *text)
{
	if (text == NULL || v->nturns == CONTEXT_TURNS * 2 ||
	    (v->owned[v->nturns] = strdup(text)) == NULL)
		return;
	v->turns[v->nturns].role = role;
	v->turns[v->nturns].text = v->owned[v->nturns];
	v->nturns++;
}

static void
session_found(void *arg, enum vg_db_status status,
    const struct vg_session *session)
{
	struct voice	*v = arg;
	size_t		i;

	v->ticket = 0;
	v->status = status;
	if (session != NULL)
		v->seq = session->turns + 1;
	for (i = 0; session != NULL && i < session->ncontext; i++) {
		add_turn(v, "user", session->context[i].transcript);
		add_turn(v, "assistant", session->context[i].reply);
	}
	vg_resume(v->r);
}

static int
find_session(struct vg_request *r)
{
	struct voice	*v = r->priv;

	v->status = vg_session_find(v->upload.session_id, r->key.id,
	    CONTEXT_TURNS, session_found, v, &v->ticket);
	if (v->status != VG_DB_OK)
		return (vg_reply_away(r, v->status));
	return (vg_wait(r, transcribe));
}

/* --- the key -------------------------------------------------------------- */

static void
claim_ended(void *arg, enum vg_db_status status, enum vg_claim_state state,
    const struct vg_turn *turn)
{
	struct voice	*v = arg;

	v->status = status;
	v->claim = state;
	if (turn != NULL) {
		/* Our own sound, made in vain. */
		if (v->audio_id[0] != '\0')
			vg_files_remove_one(v->audio_id);
		take_turn(v, turn);
		vg_once_settled(&v->once);
	}
	vg_resume(v->r);
}

static int
claimed(struct vg_request *r)
{
	struct voice	*v = r->priv;

	if (v->status == VG_DB_OK && v->claim == VG_CLAIM_MINE)
		return (v->text != NULL ? commit(r) : find_session(r));
	if (v->status == VG_DB_OK && v->claim == VG_CLAIM_DONE)
		return (answer(r));
	if (v->audio_id[0] != '\0')
		vg_files_remove_one(v->audio_id);
	if (v->status == VG_SESSION_GONE)
		return (vg_reply_problem(r, "session_not_found", NULL));
	if (v->status != VG_DB_OK)
		return (vg_reply_away(r, v->status));
	if (v->claim == VG_CLAIM_DIFFERS)
		return (vg_reply_problem(r, "idempotency_mismatch", NULL));
	r->retry_after_s = BUSY_RETRY_S;
	return (vg_reply_problem(r, "idempotency_conflict", NULL));
}

static int
claim(struct vg_request *r)
{
	struct voice	*v = r->priv;

	v->status = v->claims++ == CLAIMS_MAX ? VG_DB_TIMEOUT :
	    vg_once_claim(&v->once, v->upload.session_id, v->deadline_us,
	    claim_ended, v);
	if (v->status != VG_DB_OK)
		return (claimed(r));
	return (vg_wait(r, claimed));
}

static int
process(struct vg_request *r)
{
	struct voice	*v = r->priv;

	if (vg_upload_finish(&v->upload) == -1)
		return (vg_reply_problem(r, r->refusal, r->refusal_detail));
	v->deadline_us = vg_monotonic_us() +
	    (uint64_t)vg_gate_settings()->pipeline_timeout_s * 1000000;
	return (v->once.wanted ? claim(r) : find_session(r));
}

static const struct vg_body_reader	reader = {
	.open = open_upload,
	.data = take_data
};

static int64_t
cost(const struct vg_settings *settings)
{
	return (settings->rate_voice_cost);
}

static const struct vg_route	voice_process = {
	.name = "voice_process",
	.methods = HTTP_METHOD_POST,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_VOICE,
	.class = "voice",
	.scope = VG_SCOPE_VOICE,
	.cost = cost,
	.body_max = content_max,
	.reader = &reader,
	.handle = process
};

int
route_voice_process(struct http_request *req)
{
	return (vg_gate_serve(req, &voice_process));
}
