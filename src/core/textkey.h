#ifndef VG_CORE_TEXTKEY_H
#define VG_CORE_TEXTKEY_H

#include <stddef.h>
#include <stdint.h>

#define VG_TEXTKEY_BYTES	32	/* AES-256 */
#define VG_TEXTKEYS_MAX		8	/* in one setting */

/* The keys of TRANSCRIPT_KEY: the first encrypts, all decrypt. */
struct vg_textkeys {
	uint8_t	key[VG_TEXTKEYS_MAX][VG_TEXTKEY_BYTES];
	size_t	count;		/* 0: texts are kept as they are */
};

/* textkey.c */

/*
 * Keys separated by commas, each of 32 bytes as 64 hexadecimal digits or in
 * base64. "" is none. 0, or -1 and *WHY (static) says what is wrong, without a
 * byte of it. vg_textkeys_wipe() after both.
 */
int	vg_textkeys_parse(struct vg_textkeys *, const char *text,
	    const char **why);
void	vg_textkeys_wipe(struct vg_textkeys *);

#endif
