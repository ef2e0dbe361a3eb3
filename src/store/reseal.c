/*
 * Encrypting what is kept already: texts from before there was a key, and texts
 * of keys that are to go.
 *
 * The table is walked in the order of its primary key, a batch at a time; what
 * is encrypted with the newest key is passed over. Each batch is read, encrypted
 * here, and written in one transaction, which changes a row only if it still
 * has the text and the key that were read: what was erased meanwhile stays
 * erased, and of two that run at once each row is one's.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "core/uuid.h"
#include "store/dbonce.h"
#include "store/kept.h"
#include "store/transcripts.h"

#define BATCH		"100"	/* turns in a transaction */
#define SAY_EVERY_S	1	/* seconds between two lines of progress */
#define MISSING_MAX	8	/* keys told by name */
#define NEEDS		"DATABASE_URL must name the owner of the schema, as for --migrate"

struct reseal {
	PGconn			*pg;
	struct vg_seal_ring	ring;
	char			session[VG_UUID_SIZE];	/* the last one seen */
	char			seq[16];
	unsigned long		done;
	unsigned long		unread;
	char			missing[MISSING_MAX][VG_SEAL_ID_SIZE];
	size_t			nmissing;
	time_t			said;
	vg_kept_say		say;
	void			*arg;
	char			*error;
	size_t			size;
};

static const char	read_sql[] =
    "SELECT t.session_id, t.seq, t.transcript, t.reply, t.text_key "
    "FROM voicegate.turn AS t "
    "WHERE (t.session_id, t.seq) > ($1::uuid, $2::integer) "
    "AND t.transcript IS NOT NULL AND t.text_key IS DISTINCT FROM $3 "
    "ORDER BY t.session_id, t.seq LIMIT " BATCH;
static const char	write_sql[] =
    "UPDATE voicegate.turn AS t SET transcript = $3, reply = $4, text_key = $5 "
    "WHERE t.session_id = $1::uuid AND t.seq = $2::integer "
    "AND t.transcript IS NOT NULL AND t.text_key IS NOT DISTINCT FROM $6";

static int	batch(struct reseal *, int *);
static int	reseal_row(struct reseal *, const PGresult *, int);
static int	read_row(struct reseal *, struct vg_texts *, const PGresult *,
		    int);
static int	finish(struct reseal *);
static void	progress(struct reseal *);
static void	note_missing(struct reseal *, const char *);

int
vg_encrypt_transcripts(const char *url, const char *keys, vg_kept_say say,
    void *arg, char *error, size_t size)
{
	struct reseal	r = { .session = "00000000-0000-0000-0000-000000000000",
			    .seq = "0", .say = say, .arg = arg, .error = error,
			    .size = size };
	const char	*why = "";
	char		line[160];
	size_t		i;
	int		ret = EX_CONFIG, n = 0;

	if (vg_seal_init(&r.ring, keys, &why) == -1) {
		snprintf(error, size, "TRANSCRIPT_KEY %s", why);
		goto out;
	}
	if (vg_seal_id(&r.ring) == NULL) {
		snprintf(error, size, "TRANSCRIPT_KEY is empty; it must hold "
		    "the key to encrypt with");
		goto out;
	}
	ret = EX_UNAVAILABLE;
	if ((r.pg = vg_db_command(url, error, size)) == NULL)
		goto out;
	r.said = time(NULL);
	do {
		if ((ret = batch(&r, &n)) != EX_OK)
			goto out;
		progress(&r);
	} while (n > 0);
	(void)snprintf(line, sizeof(line), "%lu turns encrypted with the key %s",
	    r.done, vg_seal_id(&r.ring));
	say(arg, line);
	for (i = 0; i < r.nmissing; i++) {
		(void)snprintf(line, sizeof(line), "TRANSCRIPT_KEY does not "
		    "have the key %s, which some are encrypted with",
		    r.missing[i]);
		say(arg, line);
	}
	if (r.unread > 0) {
		snprintf(error, size, "%lu turns cannot be read and are left as "
		    "they are", r.unread);
		ret = EX_DATAERR;
	}
out:
	PQfinish(r.pg);
	vg_seal_clear(&r.ring);
	return (ret);
}

/* *N: how many turns there were. */
static int
batch(struct reseal *r, int *n)
{
	const char	*value[] = { r->session, r->seq, vg_seal_id(&r->ring) };
	PGresult	*res;
	int		i, ret;

	res = PQexecParams(r->pg, read_sql, 3, NULL, value, NULL, NULL, 0);
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		ret = vg_db_command_status(res, NEEDS, r->error, r->size);
		goto out;
	}
	*n = PQntuples(res);
	ret = EX_OK;
	if (*n == 0)
		goto out;
	/* One after the other without waiting: one transaction, one round trip. */
	ret = EX_UNAVAILABLE;
	if (!PQenterPipelineMode(r->pg))
		goto lost;
	for (i = 0; i < *n; i++) {
		if (reseal_row(r, res, i) == -1)
			goto lost;
	}
	(void)snprintf(r->session, sizeof(r->session), "%s",
	    PQgetvalue(res, *n - 1, 0));
	(void)snprintf(r->seq, sizeof(r->seq), "%s", PQgetvalue(res, *n - 1, 1));
	if (!PQpipelineSync(r->pg))
		goto lost;
	ret = finish(r);
	goto out;
lost:
	snprintf(r->error, r->size, "the connection was lost, or memory is "
	    "short; run it again");
out:
	PQclear(res);
	return (ret);
}

/* 0, also where it cannot be read; -1: it could not be sent. */
static int
reseal_row(struct reseal *r, const PGresult *res, int row)
{
	const char		*value[6];
	struct vg_sealed_place	place = { PQgetvalue(res, row, 0),
				    atoi(PQgetvalue(res, row, 1)), 't' };
	struct vg_texts		plain, sealed = { 0 };
	int			ret = -1;

	if (read_row(r, &plain, res, row) == -1) {
		r->unread++;
		return (0);
	}
	if (vg_seal_text(&r->ring, &place, plain.transcript,
	    &sealed.transcript) == VG_SEAL_OK) {
		place.field = 'r';
		if (vg_seal_text(&r->ring, &place, plain.reply,
		    &sealed.reply) == VG_SEAL_OK)
			ret = 0;
	}
	vg_texts_forget(&plain);
	value[0] = place.session_id;
	value[1] = PQgetvalue(res, row, 1);
	value[2] = sealed.transcript;
	value[3] = sealed.reply;
	value[4] = vg_seal_id(&r->ring);
	value[5] = PQgetisnull(res, row, 4) ? NULL : PQgetvalue(res, row, 4);
	if (ret == 0 && !PQsendQueryParams(r->pg, write_sql, 6, NULL, value,
	    NULL, NULL, 0))
		ret = -1;
	vg_texts_forget(&sealed);
	return (ret);
}

static int
read_row(struct reseal *r, struct vg_texts *plain, const PGresult *res, int row)
{
	const char		*transcript = PQgetvalue(res, row, 2);
	const char		*reply = PQgetvalue(res, row, 3);
	const char		*key = PQgetvalue(res, row, 4);
	struct vg_sealed_place	place = { PQgetvalue(res, row, 0),
				    atoi(PQgetvalue(res, row, 1)), 't' };
	enum vg_seal_result	result;

	memset(plain, 0, sizeof(*plain));
	if (PQgetisnull(res, row, 4)) {
		plain->transcript = strdup(transcript);
		plain->reply = strdup(reply);
		if (plain->transcript != NULL && plain->reply != NULL)
			return (0);
		vg_texts_forget(plain);
		return (-1);
	}
	result = vg_seal_open(&r->ring, key, &place, transcript,
	    &plain->transcript);
	place.field = 'r';
	if (result == VG_SEAL_OK)
		result = vg_seal_open(&r->ring, key, &place, reply,
		    &plain->reply);
	if (result == VG_SEAL_OK)
		return (0);
	if (result == VG_SEAL_NO_KEY)
		note_missing(r, key);
	vg_texts_forget(plain);
	return (-1);
}

/* The answers of a batch: EX_OK once it is committed. */
static int
finish(struct reseal *r)
{
	ExecStatusType	status;
	PGresult	*res;
	int		ret = EX_OK, nulls = 0;
	unsigned long	rows = 0;

	while (nulls < 2) {
		if ((res = PQgetResult(r->pg)) == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		status = PQresultStatus(res);
		if (status == PGRES_COMMAND_OK)
			rows += strtoul(PQcmdTuples(res), NULL, 10);
		else if (status == PGRES_FATAL_ERROR && ret == EX_OK)
			ret = vg_db_command_status(res, NEEDS, r->error,
			    r->size);
		PQclear(res);
		if (status == PGRES_PIPELINE_SYNC)
			break;
	}
	if (ret == EX_OK && (nulls > 1 || !PQexitPipelineMode(r->pg))) {
		snprintf(r->error, r->size, "the connection was lost; run it "
		    "again");
		ret = EX_UNAVAILABLE;
	}
	if (ret == EX_OK)
		r->done += rows;
	return (ret);
}

static void
progress(struct reseal *r)
{
	char	line[64];
	time_t	now = time(NULL);

	if (now < r->said + SAY_EVERY_S)
		return;
	r->said = now;
	(void)snprintf(line, sizeof(line), "%lu turns encrypted so far", r->done);
	r->say(r->arg, line);
}

static void
note_missing(struct reseal *r, const char *key)
{
	size_t	i;

	for (i = 0; i < r->nmissing; i++) {
		if (!strcmp(r->missing[i], key))
			return;
	}
	if (r->nmissing < MISSING_MAX)
		(void)snprintf(r->missing[r->nmissing++], VG_SEAL_ID_SIZE, "%s",
		    key);
}
