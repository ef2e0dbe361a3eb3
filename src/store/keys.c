/*
 * API keys, as the gate asks about them.
 *
 * A key is known by its SHA-256 alone, here as in the database: 256 random bits
 * need no slow hash, and whoever reads this memory or that table learns no key.
 * A lookup's time depends on the hash, of which an attacker controls no prefix,
 * so a key that is nearly right costs what a wrong one costs; the comparison
 * itself takes the same time all the same.
 *
 * Answers, good ones and bad ones, are kept for VG_KEY_FRESH_US at most, which
 * bounds how long a lost notification can be missed, and are all forgotten when
 * any key changes (NOTIFY voicegate_api_key). An answer to a question that
 * was on its way meanwhile is used once and not kept.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "store/db.h"
#include "store/ruled.h"

#define KEYS_KEPT	1024		/* answers, a power of two */
#define ASKED_MAX	256		/* questions on their way */
#define USED_MAX	64		/* keys whose use is told at a time */
#define USED_EVERY_US	(5 * VG_USEC)

struct kept {
	uint8_t		hash[VG_SHA256_SIZE];
	int64_t		until_us;	/* 0: empty */
	bool		valid;
	struct vg_key	key;
};

struct asked {
	uint8_t		hash[VG_SHA256_SIZE];
	uint64_t	generation;
	vg_key_cb	cb;		/* NULL: forgotten */
	void		*arg;
	uint32_t	uses;		/* of this slot: a ticket's second half */
	bool		busy;
};

static struct {
	struct kept	*kept;
	uint64_t	generation;
	struct asked	asked[ASKED_MAX];
	char		used[USED_MAX][VG_UUID_SIZE];
	size_t		nused;
	int64_t		used_due_us;
} k;

static void	key_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);
static void	key_used(const char *);
static void	key_read(struct vg_key *, const PGresult *);

int
vg_keys_start(void)
{
	memset(&k, 0, sizeof(k));
	return ((k.kept = calloc(KEYS_KEPT, sizeof(*k.kept))) != NULL ? 0 : -1);
}

void
vg_keys_stop(void)
{
	free(k.kept);
	memset(&k, 0, sizeof(k));
}

void
vg_keys_changed(void)
{
	k.generation++;
	if (k.kept != NULL)
		memset(k.kept, 0, KEYS_KEPT * sizeof(*k.kept));
}

static struct kept *
slot(const uint8_t hash[VG_SHA256_SIZE])
{
	return (&k.kept[(hash[0] | (size_t)hash[1] << 8) & (KEYS_KEPT - 1)]);
}

static struct asked *
unused(void)
{
	size_t	i;

	for (i = 0; i < ASKED_MAX; i++) {
		if (!k.asked[i].busy)
			return (&k.asked[i]);
	}
	return (NULL);
}

enum vg_db_status
vg_key_find(const char *token, struct vg_key *key, vg_key_cb cb, void *arg,
    vg_ticket *ticket)
{
	struct vg_params	p;
	struct vg_call		call;
	struct kept		*kept;
	struct asked		*a;
	enum vg_db_status	status;
	uint8_t			hash[VG_SHA256_SIZE];
	int64_t			now = vg_store_now_us();

	if (ticket != NULL)
		*ticket = 0;
	(void)SHA256((const unsigned char *)token, VG_API_KEY_LEN, hash);
	kept = slot(hash);
	if (kept->until_us > now &&
	    CRYPTO_memcmp(kept->hash, hash, sizeof(hash)) == 0) {
		if (!kept->valid)
			return (VG_NOT_FOUND);
		*key = kept->key;
		key_used(key->id);
		return (VG_KEY_KNOWN);
	}

	if ((a = unused()) == NULL)
		return (VG_DB_BUSY);
	memcpy(a->hash, hash, sizeof(hash));
	a->generation = k.generation;
	a->cb = cb;
	a->arg = arg;
	memset(&p, 0, sizeof(p));
	vg_param_bytes(&p, hash, sizeof(hash));
	call.done = key_done;
	call.cb = NULL;
	call.arg = a;
	status = vg_query(VG_ST_KEY_FIND, &p, VG_DB_DEADLINE_MS, &call, NULL);
	vg_params_free(&p);
	if (status != VG_DB_OK)
		return (status);
	a->busy = true;
	a->uses++;
	if (ticket != NULL)
		*ticket = VG_TICKET_KEY | (vg_ticket)a->uses << 16 |
		    (vg_ticket)(a - k.asked);
	return (VG_DB_OK);
}

/* The question itself goes on: its answer is worth keeping. */
void
vg_keys_forget(vg_ticket ticket)
{
	struct asked	*a = &k.asked[(ticket & 0xffff) % ASKED_MAX];

	if (a->busy && a->uses == (uint32_t)(ticket >> 16))
		a->cb = NULL;
}

static void
key_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct asked	*a = call->arg;
	struct kept	*kept = slot(a->hash);
	struct vg_key	key = { 0 };
	int64_t		now = vg_store_now_us();

	if (status == VG_DB_OK && PQntuples(res) == 1)
		key_read(&key, res);
	else if (status == VG_DB_OK)
		status = VG_NOT_FOUND;
	if ((status == VG_DB_OK || status == VG_NOT_FOUND) &&
	    a->generation == k.generation) {
		memcpy(kept->hash, a->hash, sizeof(kept->hash));
		kept->valid = status == VG_DB_OK;
		kept->key = key;
		kept->until_us = now + VG_KEY_FRESH_US;
		/* Its own end may come before. */
		if (kept->valid && key.usable_ms >= 0 &&
		    key.usable_ms * 1000 < VG_KEY_FRESH_US)
			kept->until_us = now + key.usable_ms * 1000;
	}
	if (status == VG_DB_OK)
		key_used(key.id);
	a->busy = false;
	if (a->cb != NULL)
		a->cb(a->arg, status, status == VG_DB_OK ? &key : NULL);
}

static void
key_read(struct vg_key *key, const PGresult *res)
{
	vg_col_uuid(key->id, res, 0, 0);
	if (vg_col_bool(res, 0, 1))
		key->scopes |= VG_SCOPE_SESSION;
	if (vg_col_bool(res, 0, 2))
		key->scopes |= VG_SCOPE_VOICE;
	key->rate_per_minute = vg_col_null(res, 0, 3) ? 0 :
	    vg_col_int4(res, 0, 3);
	key->usable_ms = vg_col_null(res, 0, 4) ? -1 : vg_col_int4(res, 0, 4);
}

static void
key_used(const char *id)
{
	size_t	i;

	for (i = 0; i < k.nused; i++) {
		if (!strcmp(k.used[i], id))
			return;
	}
	/* Beyond that: told the next time it is used. */
	if (k.nused < USED_MAX)
		memcpy(k.used[k.nused++], id, VG_UUID_SIZE);
}

void
vg_keys_tick(int64_t now_us)
{
	struct vg_params	p;
	struct vg_call		call;
	size_t			i;

	if (k.nused == 0 || now_us < k.used_due_us || !vg_db_connected())
		return;
	k.used_due_us = now_us + USED_EVERY_US;
	memset(&p, 0, sizeof(p));
	memset(&call, 0, sizeof(call));
	vg_param_array(&p, VG_OID_UUID, k.nused);
	for (i = 0; i < k.nused; i++)
		vg_elem_uuid(&p, k.used[i]);
	vg_param_array_end(&p);
	if (vg_query(VG_ST_KEY_TOUCH, &p, VG_DB_DEADLINE_MS, &call, NULL) ==
	    VG_DB_OK)
		k.nused = 0;
	vg_params_free(&p);
}
