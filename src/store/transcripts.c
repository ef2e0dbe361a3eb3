/*
 * Texts between a worker and the database: encrypted on the way in where
 * TRANSCRIPT_KEY is set, decrypted on the way out. A text that cannot be read,
 * for want of its key or because somebody changed it, is left out: the
 * conversation goes on without it, and whoever is responsible is told, once for
 * each key until the settings are read again.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/transcripts.h"

#define TOLD_MAX	16	/* keys that are told apart */

static struct {
	struct vg_seal_ring	ring;
	char			told[TOLD_MAX][VG_SEAL_ID_SIZE];
	size_t			ntold;
} t;

static void	tell(const char *, enum vg_seal_result);

void
vg_transcripts_configure(const struct vg_settings *settings)
{
	struct vg_seal_ring	next = { 0 };
	const char		*why = "";
	char			before[VG_SEAL_ID_SIZE];

	t.ntold = 0;
	memcpy(before, t.ring.id[0], sizeof(before));
	/* Never from encrypted to clear by a failure: the old ones stay. */
	if (vg_seal_init(&next, settings->transcript_key, &why) == -1)
		vg_db_log(VG_LOG_ERROR, "TRANSCRIPT_KEY %s", why);
	else
		t.ring = next;
	vg_seal_clear(&next);
	if (strcmp(before, t.ring.id[0]) != 0)
		vg_db_log(VG_LOG_NOTICE, t.ring.id[0][0] != '\0' ?
		    "transcripts: encrypted with the key %s" :
		    "transcripts: kept in the clear from now on%s",
		    t.ring.id[0]);
}

void
vg_transcripts_stop(void)
{
	vg_seal_clear(&t.ring);
	t.ntold = 0;
}

const char *
vg_transcripts_key(void)
{
	return (vg_seal_id(&t.ring));
}

int
vg_transcripts_seal(struct vg_texts *out, const char *session_id, int64_t seq,
    const char *transcript, const char *reply)
{
	struct vg_sealed_place	place = { session_id, seq, 't' };

	memset(out, 0, sizeof(*out));
	if (vg_seal_text(&t.ring, &place, transcript,
	    &out->transcript) == VG_SEAL_OK) {
		place.field = 'r';
		if (vg_seal_text(&t.ring, &place, reply,
		    &out->reply) == VG_SEAL_OK)
			return (0);
	}
	vg_texts_forget(out);
	return (-1);
}

int
vg_transcripts_open(struct vg_texts *out, const char *session_id, int64_t seq,
    const char *key, const char *transcript, const char *reply)
{
	struct vg_sealed_place	place = { session_id, seq, 't' };
	enum vg_seal_result	ret;

	memset(out, 0, sizeof(*out));
	ret = vg_seal_open(&t.ring, key, &place, transcript, &out->transcript);
	if (ret == VG_SEAL_OK) {
		place.field = 'r';
		ret = vg_seal_open(&t.ring, key, &place, reply, &out->reply);
		if (ret == VG_SEAL_OK)
			return (0);
	}
	vg_texts_forget(out);
	tell(key, ret);
	return (-1);
}

void
vg_texts_forget(struct vg_texts *texts)
{
	vg_seal_forget(texts->transcript);
	vg_seal_forget(texts->reply);
	memset(texts, 0, sizeof(*texts));
}

/* The id of a key is no secret, and nothing else of a row is told. */
static void
tell(const char *key, enum vg_seal_result result)
{
	const char	*why = result == VG_SEAL_NO_KEY ? "no_key" :
			    result == VG_SEAL_ALTERED ? "altered" : "failed";
	char		detail[VG_EVENT_DETAIL_SIZE];
	size_t		i;

	for (i = 0; i < t.ntold; i++) {
		if (!strcmp(t.told[i], key))
			return;
	}
	if (t.ntold == TOLD_MAX)
		return;
	(void)snprintf(t.told[t.ntold++], VG_SEAL_ID_SIZE, "%s", key);
	vg_db_log(VG_LOG_ERROR, "transcripts: texts of key %s cannot be read "
	    "(%s); conversations go on without them", key, why);
	(void)snprintf(detail, sizeof(detail),
	    "{\"text_key\":\"%s\",\"reason\":\"%s\"}", key, why);
	vg_event(VG_EVENT_TRANSCRIPT_UNREADABLE, NULL, NULL, NULL, detail);
}
