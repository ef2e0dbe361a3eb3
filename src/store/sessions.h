#ifndef VG_STORE_SESSIONS_H
#define VG_STORE_SESSIONS_H

/* Within the store only; the calls of sessions.c are in store.h. */

#include <libpq-fe.h>

#include "core/settings.h"
#include "store/store.h"
#include "store/transcripts.h"

/* sessions.c: the lifetimes that new rows get. */
void	vg_sessions_configure(const struct vg_settings *);

/* Seconds, as the settings have them. */
struct vg_lifetimes {
	int64_t	session_s;
	int64_t	text_s;		/* 0: texts are not stored */
	int64_t	audio_s;
	int64_t	idle_s;		/* 0: unused sessions do not end */
	int64_t	busy_s;		/* how long a voice message may take */
};
const struct vg_lifetimes *vg_sessions_lifetimes(void);

/*
 * claims.c: the row of claim_turn() or commit_turn(). TURN is what it tells, all
 * of it borrowed from the row and from TEXTS, to be forgotten after TURN;
 * `repeated` when it was there before.
 */
enum vg_claim_state vg_claim_read(const PGresult *, struct vg_turn *,
	    struct vg_texts *);

#endif
