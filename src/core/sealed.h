#ifndef VG_CORE_SEALED_H
#define VG_CORE_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include "core/uuid.h"

#define VG_SEALED_NONCE		12	/* bytes: SP 800-38D, 96 bits */
#define VG_SEALED_TAG		16	/* bytes */
#define VG_SEALED_CONTEXT	80	/* bytes, at most, of what is bound */
#define VG_SEALED_TEXT_MAX	(1 << 20) /* bytes of an encrypted text */
#define VG_SEALED_VERSION	"v1:"

/* Which text of which turn: what an encrypted text is bound to. */
struct vg_sealed_place {
	const char	*session_id;	/* UUIDv4 */
	int64_t		seq;		/* the turn, 1.. */
	char		field;		/* 't' transcript, 'r' reply */
};

/* The parts of the stored form, in the buffer it was decoded into. */
struct vg_sealed {
	const uint8_t	*nonce;		/* VG_SEALED_NONCE bytes */
	const uint8_t	*text;		/* ciphertext */
	size_t		len;		/* of it, bytes; may be 0 */
	const uint8_t	*tag;		/* VG_SEALED_TAG bytes */
};

/* sealed.c */

/* Bytes of the stored form of a text of LEN bytes, with its NUL. */
size_t	vg_sealed_size(size_t len);
/*
 * NONCE, ciphertext and tag, one after the other in RAW (LEN bytes of
 * ciphertext), as the stored form: into OUT, vg_sealed_size(LEN) bytes.
 */
void	vg_sealed_write(char *out, const uint8_t *raw, size_t len);
/*
 * Reads the stored form: 0 and the parts, which point into BUF; or -1: it is
 * none, or has more than VG_SEALED_TEXT_MAX bytes. BUF has N bytes.
 */
int	vg_sealed_read(struct vg_sealed *, uint8_t *buf, const char *text,
	    size_t n);
/*
 * The additional data of the cipher: into OUT, *LEN bytes of it. 0, or -1 where
 * the place is none.
 */
int	vg_sealed_context(uint8_t out[VG_SEALED_CONTEXT], size_t *len,
	    const struct vg_sealed_place *);

#endif
