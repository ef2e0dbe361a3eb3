#ifndef VG_CORE_IDEMKEY_H
#define VG_CORE_IDEMKEY_H

#include <stddef.h>

/*
 * The value of an Idempotency-Key field as a key, into OUT (NUL-terminated): a
 * String of RFC 9651 3.3.3 ("..."; the draft of the field wants that), or what
 * is sent without quotes in practice: visible ASCII without a quote, comma or
 * semicolon. Both spellings of the same characters are the same key. 0, or -1:
 * it is neither, is empty, or does not fit into SIZE bytes.
 */
int	vg_idempotency_key(char *out, size_t size, const char *field);

#endif
