/*
 * One session for the person whose it is. The database gives what it has, and
 * notes that it did (session_exported); what is ciphertext there is decrypted
 * here, with keys that the database never sees.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "store/dbonce.h"
#include "store/kept.h"
#include "store/seal.h"

static int	fetch(json_t **, const char *, const char *, char *, size_t);
static int	open_turn(json_t *, const struct vg_seal_ring *, const char *,
		    char *, size_t);
static int	open_text(json_t *, const char *, const struct vg_seal_ring *,
		    const struct vg_sealed_place *, const char *, char *,
		    size_t);

int
vg_export_session(const char *url, const char *keys, const char *id,
    char **json, char *error, size_t size)
{
	struct vg_seal_ring	ring = { 0 };
	const char		*why = "";
	json_t			*root = NULL, *turn;
	size_t			i;
	int			ret;

	*json = NULL;
	if (vg_seal_init(&ring, keys, &why) == -1) {
		snprintf(error, size, "TRANSCRIPT_KEY %s", why);
		return (EX_CONFIG);
	}
	if ((ret = fetch(&root, url, id, error, size)) != EX_OK)
		goto out;
	json_array_foreach(json_object_get(root, "turns"), i, turn) {
		ret = open_turn(turn, &ring, id, error, size);
		if (ret != EX_OK)
			goto out;
	}
	if ((*json = json_dumps(root, JSON_INDENT(2))) == NULL) {
		snprintf(error, size, "out of memory");
		ret = EX_SOFTWARE;
	}
out:
	json_decref(root);
	vg_seal_clear(&ring);
	return (ret);
}

static int
fetch(json_t **root, const char *url, const char *id, char *error, size_t size)
{
	const char	*code;
	PGconn		*pg;
	PGresult	*res;
	int		ret = EX_OK;

	if ((pg = vg_db_command(url, error, size)) == NULL)
		return (EX_UNAVAILABLE);
	res = PQexecParams(pg, "SELECT voicegate.export_session($1::uuid)", 1,
	    NULL, &id, NULL, NULL, 0);
	code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (code != NULL && !strcmp(code, "P0002")) {
		snprintf(error, size, "there is no session %s: it was never "
		    "there, was erased, or its retention is over", id);
		ret = EX_NOINPUT;
	} else if (PQresultStatus(res) != PGRES_TUPLES_OK ||
	    PQntuples(res) != 1) {
		ret = vg_db_command_status(res, "DATABASE_URL must name the "
		    "owner of the schema or a member of voicegate_operator",
		    error, size);
	} else if ((*root = json_loads(PQgetvalue(res, 0, 0), 0,
	    NULL)) == NULL) {
		snprintf(error, size, "the database's answer is no JSON");
		ret = EX_SOFTWARE;
	}
	PQclear(res);
	PQfinish(pg);
	return (ret);
}

static int
open_turn(json_t *turn, const struct vg_seal_ring *ring, const char *id,
    char *error, size_t size)
{
	struct vg_sealed_place	place = { id, 0, 't' };
	const char		*key;
	char			name[VG_SEAL_ID_SIZE];
	int			ret;

	/* Null: it stands in the clear. */
	if ((key = json_string_value(json_object_get(turn,
	    "encrypted_with"))) == NULL)
		return (EX_OK);
	(void)snprintf(name, sizeof(name), "%s", key);
	place.seq = json_integer_value(json_object_get(turn, "seq"));
	ret = open_text(turn, "transcript", ring, &place, name, error, size);
	place.field = 'r';
	if (ret == EX_OK)
		ret = open_text(turn, "reply", ring, &place, name, error, size);
	if (ret == EX_OK)
		(void)json_object_set_new(turn, "encrypted_with", json_null());
	return (ret);
}

static int
open_text(json_t *turn, const char *member, const struct vg_seal_ring *ring,
    const struct vg_sealed_place *place, const char *key, char *error,
    size_t size)
{
	enum vg_seal_result	result;
	const char		*stored;
	char			*plain;
	int			ok;

	stored = json_string_value(json_object_get(turn, member));
	result = vg_seal_open(ring, key, place, stored != NULL ? stored : "",
	    &plain);
	if (result == VG_SEAL_NO_KEY) {
		snprintf(error, size, "turn %lld is encrypted with the key %s, "
		    "which TRANSCRIPT_KEY does not have",
		    (long long)place->seq, key);
		return (EX_CONFIG);
	}
	if (result == VG_SEAL_ALTERED) {
		snprintf(error, size, "the %s of turn %lld was altered in the "
		    "database: it is not what was encrypted there", member,
		    (long long)place->seq);
		return (EX_DATAERR);
	}
	ok = result == VG_SEAL_OK &&
	    json_object_set_new(turn, member, json_string(plain)) == 0;
	vg_seal_forget(plain);
	if (!ok) {
		snprintf(error, size, "turn %lld cannot be decrypted: out of "
		    "memory", (long long)place->seq);
		return (EX_SOFTWARE);
	}
	return (EX_OK);
}
