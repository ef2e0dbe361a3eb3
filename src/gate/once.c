/*
 * One turn for one key: see once.h, and src/store/claims.c for who decides.
 *
 * The content is told by a SHA-256 that begins with the key: the hash of a
 * recording under one key says nothing about the same recording under another,
 * and it is gone with the key after a day. It is worked out as the bytes come,
 * for requests with a key alone.
 */

#include <string.h>

#include "core/idemkey.h"
#include "gate/once.h"

#define POLL_FIRST_MS	50
#define POLL_MAX_MS	500
#define RENEW_MS	(VG_CLAIM_LEASE_S * 1000 / 4)

static enum vg_db_status	ask(struct vg_once *);

int
vg_once_open(struct vg_once *o, struct vg_request *r)
{
	const char	*field;

	memset(o, 0, sizeof(*o));
	o->r = r;
	if ((field = vg_edge_header(r->req, "idempotency-key")) == NULL)
		return (0);
	if (vg_idempotency_key(o->key, sizeof(o->key), field) == -1) {
		vg_refuse(r, "validation_failed", "Idempotency-Key must have 1 "
		    "to 128 visible ASCII characters, quoted or not.");
		return (-1);
	}
	if ((o->hash = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(o->hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(o->hash, o->key, strlen(o->key) + 1) != 1) {
		vg_refuse(r, "internal_error", NULL);
		return (-1);
	}
	o->wanted = true;
	return (0);
}

void
vg_once_data(struct vg_once *o, const uint8_t *data, size_t len)
{
	if (o->wanted && o->hash != NULL)
		(void)EVP_DigestUpdate(o->hash, data, len);
}

static void
finish_hash(struct vg_once *o)
{
	static const char	digits[] = "0123456789abcdef";
	unsigned char		sum[VG_CLAIM_CONTENT_LEN / 2] = { 0 };
	size_t			i;

	(void)EVP_DigestFinal_ex(o->hash, sum, NULL);
	EVP_MD_CTX_free(o->hash);
	o->hash = NULL;
	for (i = 0; i < sizeof(sum); i++) {
		o->content[i * 2] = digits[sum[i] >> 4];
		o->content[i * 2 + 1] = digits[sum[i] & 0x0f];
	}
	o->content[i * 2] = '\0';
}

static void
renew(void *arg, u_int64_t now)
{
	struct vg_once	*o = arg;

	(void)now;
	vg_claim_keep(&o->claim);
}

static void
again(void *arg, u_int64_t now)
{
	struct vg_once		*o = arg;
	enum vg_db_status	status;

	(void)now;
	o->poll = NULL;		/* Kore frees it when this returns */
	if ((status = ask(o)) != VG_DB_OK)
		o->cb(o->arg, status, VG_CLAIM_OTHER, NULL);
}

static void
claimed(void *arg, enum vg_db_status status, enum vg_claim_state state,
    const struct vg_turn *turn)
{
	struct vg_once	*o = arg;

	o->ticket = 0;
	if (((status == VG_DB_OK && state == VG_CLAIM_OTHER) ||
	    status == VG_DB_LOCKED) && vg_monotonic_us() + o->pause_ms * 1000 < o->deadline_us) {
		o->poll = kore_timer_add(again, o->pause_ms, o,
		    KORE_TIMER_ONESHOT);
		o->pause_ms *= 2;
		if (o->pause_ms > POLL_MAX_MS)
			o->pause_ms = POLL_MAX_MS;
		return;
	}
	if (status == VG_DB_OK && state == VG_CLAIM_MINE && o->renew == NULL)
		o->renew = kore_timer_add(renew, RENEW_MS, o, 0);
	o->cb(o->arg, status, state, turn);
}

static enum vg_db_status
ask(struct vg_once *o)
{
	o->asked = true;
	return (vg_turn_claim(&o->claim, claimed, o, &o->ticket));
}

enum vg_db_status
vg_once_claim(struct vg_once *o, const char *session_id, uint64_t deadline_us,
    vg_once_cb cb, void *arg)
{
	if (o->hash != NULL)
		finish_hash(o);
	o->claim.session_id = session_id;
	o->claim.owner = o->r->key.id;
	o->claim.key = o->key;
	o->claim.content = o->content;
	o->claim.holder = o->r->id;
	o->pause_ms = POLL_FIRST_MS;
	o->deadline_us = deadline_us;
	o->cb = cb;
	o->arg = arg;
	return (ask(o));
}

static void
stop(struct vg_once *o)
{
	if (o->poll != NULL)
		kore_timer_remove(o->poll);
	if (o->renew != NULL)
		kore_timer_remove(o->renew);
	o->poll = o->renew = NULL;
	vg_store_forget(o->ticket);
	o->ticket = 0;
}

void
vg_once_settled(struct vg_once *o)
{
	stop(o);
	o->asked = false;
}

void
vg_once_close(struct vg_once *o)
{
	stop(o);
	/* Also one whose answer never came: it may have been given to us. */
	if (o->asked)
		vg_claim_release(&o->claim);
	o->asked = false;
	EVP_MD_CTX_free(o->hash);
	o->hash = NULL;
}
