#ifndef VG_STORE_TRANSCRIPTS_H
#define VG_STORE_TRANSCRIPTS_H

/* Within the store only: a worker's texts on their way to and from a row. */

#include "core/settings.h"
#include "store/seal.h"

/* The two texts of one turn, in the clear or not; owned where they are made. */
struct vg_texts {
	char	*transcript;
	char	*reply;
};

/* transcripts.c */

/* The keys of the settings, which have been checked; at start and reload. */
void	vg_transcripts_configure(const struct vg_settings *);
void	vg_transcripts_stop(void);
/* The id of the key that new texts are encrypted with; NULL: they are not. */
const char *vg_transcripts_key(void);
/* For turn SEQ of a session; 0, or -1: nothing may be stored. */
int	vg_transcripts_seal(struct vg_texts *, const char *session_id,
	    int64_t seq, const char *transcript, const char *reply);
/*
 * What a row has, in the clear: KEY is its text_key, never NULL here. 0, or -1:
 * it cannot be read, which was told (log, security event) once for each key.
 */
int	vg_transcripts_open(struct vg_texts *, const char *session_id,
	    int64_t seq, const char *key, const char *transcript,
	    const char *reply);
void	vg_texts_forget(struct vg_texts *);

#endif
