#ifndef VG_CORE_APIDOC_H
#define VG_CORE_APIDOC_H

#include <stddef.h>

/*
 * What a person reads of the API, out of its OpenAPI 3.1 document (LEN bytes):
 * the inside of an HTML body, without script and style, every text escaped.
 * Ends with NUL, *HTML_LEN bytes before it; free() it. NULL: the document is
 * none, or refers to what is not in it, or memory is short.
 */
char	*vg_apidoc_html(const char *document, size_t len, size_t *html_len);

#endif
