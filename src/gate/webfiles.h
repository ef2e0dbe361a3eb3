#ifndef VG_WEBFILES_H
#define VG_WEBFILES_H

/* The page's files as they are sent: made once, before the workers fork. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/settings.h"

#define VG_WEB_ID_LEN		16	/* hexadecimal digits of a hash */
#define VG_WEB_NAME_SIZE	64	/* bytes of a served name, with its NUL */
#define VG_WEB_NONCE_LEN	22	/* base64url digits of 128 bits */

struct vg_webfile {
	char		name[VG_WEB_NAME_SIZE];	/* as it is asked for */
	const char	*type;			/* Content-Type */
	const uint8_t	*bytes;
	size_t		len;
	const uint8_t	*gzip;			/* NULL: it would not be smaller */
	size_t		gzip_len;
	/* RFC 9110 8.8.3: one for each representation, quotes not included. */
	char		tag[VG_WEB_ID_LEN + 1];
	char		gzip_tag[VG_WEB_ID_LEN + sizeof("-gzip")];
};

/*
 * In the parent, before it forks. A reference to a file that is not there is a
 * mistake of the build: fatal.
 */
void	vg_webfiles_prepare(void);
/* Compresses what BYTES and LEN say, and makes the tags. */
void	vg_webfile_finish(struct vg_webfile *);
/* Whether the text from P to END begins with WORD. */
static inline bool
vg_web_starts(const char *p, const char *end, const char *word)
{
	return ((size_t)(end - p) >= strlen(word) &&
	    !memcmp(p, word, strlen(word)));
}

/*
 * webscript.c: appends the module NAME to a script of several, without its
 * imports and exports. An import that is not one line: fatal.
 */
struct kore_buf;
void	vg_web_script(struct kore_buf *, const char *name, const void *text,
	    size_t len);
/* The file that is served under /assets/NAME, or NULL. */
const struct vg_webfile *vg_webfile_find(const char *name);

/*
 * apidocs.c: the API's document, and the page for people that is made of it.
 * prepare() completes TEMPLATE, in the parent.
 */
void	vg_apidocs_prepare(struct vg_webfile *template);
const struct vg_webfile *vg_apidocs_document(void);
const struct vg_webfile *vg_apidocs_page(void);

/* 128 random bits for a policy, and for the page that it stands for. */
void	vg_web_nonce(char nonce[VG_WEB_NONCE_LEN + 1]);
/* What changes when the page does, or a setting that it tells. */
void	vg_web_page_id(const struct vg_settings *, char id[VG_WEB_ID_LEN + 1]);
/* The page with NONCE; it is borrowed until the next call. */
const char *vg_web_page(const struct vg_settings *, const char *nonce,
	    size_t *len);

#endif
