#ifndef VG_CORE_BASE64_H
#define VG_CORE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters that N bytes take, without a NUL; bytes that N characters hold. */
#define VG_BASE64_LEN(n)	(((n) + 2) / 3 * 4)
#define VG_BASE64_BYTES(n)	((n) / 4 * 3)

/* base64.c */

/*
 * RFC 4648 section 4, with its padding. OUT has VG_BASE64_LEN(LEN) + 1 bytes
 * and ends with a NUL.
 */
void	vg_base64_encode(char *out, const uint8_t *bytes, size_t len);
/*
 * The bytes of TEXT (N characters) into OUT, which has VG_BASE64_BYTES(N). 0 and
 * *LEN; or -1: another character (RFC 4648 section 3.3), missing or wrong
 * padding, or bits behind the end (section 3.5), so that there is one spelling
 * for each content. Takes the same time for whatever is well formed: what is
 * decoded may be a key.
 */
int	vg_base64_decode(uint8_t *out, size_t *len, const char *text, size_t n);

#endif
