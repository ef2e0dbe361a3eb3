#ifndef VG_STORE_SEAL_H
#define VG_STORE_SEAL_H

/*
 * What people said, encrypted for the database with a key that is not in it:
 * AES-256-GCM (NIST SP 800-38D) by libcrypto. Nothing here knows of a
 * connection.
 */

#include <stdbool.h>

#include "core/sealed.h"
#include "core/textkey.h"

#define VG_SEAL_ID_SIZE		17	/* a key's id in hex, with its NUL */

/* The keys in use; the first encrypts. Zero it, or vg_seal_init(). */
struct vg_seal_ring {
	struct vg_textkeys	keys;
	char			id[VG_TEXTKEYS_MAX][VG_SEAL_ID_SIZE];
};

enum vg_seal_result {
	VG_SEAL_OK = 0,
	VG_SEAL_NO_KEY,		/* none of the ring has this id */
	VG_SEAL_ALTERED,	/* not what was encrypted, or not for this place */
	VG_SEAL_FAILED		/* memory, or libcrypto */
};

/* seal.c */

/*
 * Of the setting TRANSCRIPT_KEY (NULL or "": no key, nothing is encrypted). 0, or
 * -1 and *WHY (static). Replaces what was there; vg_seal_clear() wipes it.
 */
int	vg_seal_init(struct vg_seal_ring *, const char *setting,
	    const char **why);
void	vg_seal_clear(struct vg_seal_ring *);
/* The id of the key that encrypts, borrowed; NULL: there is none. */
const char *vg_seal_id(const struct vg_seal_ring *);
/*
 * TEXT with the first key for its place, in the stored form: *OUT, NUL-terminated,
 * to be freed. What is not UTF-8 in TEXT becomes U+FFFD first, as everywhere
 * in the store.
 */
enum vg_seal_result vg_seal_text(const struct vg_seal_ring *,
	    const struct vg_sealed_place *, const char *text, char **out);
/*
 * The stored form, written with the key ID, back in the clear: *OUT,
 * NUL-terminated, to be wiped and freed with vg_seal_forget().
 */
enum vg_seal_result vg_seal_open(const struct vg_seal_ring *, const char *id,
	    const struct vg_sealed_place *, const char *stored, char **out);
/* NULL is nothing. */
void	vg_seal_forget(char *text);

#endif
