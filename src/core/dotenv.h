#ifndef VG_CORE_DOTENV_H
#define VG_CORE_DOTENV_H

#include <stddef.h>

#include "core/errors.h"

#define VG_DOTENV_BYTES_MAX	(256 * 1024)	/* bytes of a .env file */
#define VG_DOTENV_ENTRIES_MAX	512		/* assignments in a .env file */
#define VG_DOTENV_NAME_MAX	63		/* bytes of a name */

struct vg_dotenv_entry {
	char		*name;		/* NUL-terminated, owned */
	char		*value;		/* NUL-terminated, owned, unquoted */
	unsigned	line;		/* 1-based, where the name stands */
};

struct vg_dotenv {
	struct vg_dotenv_entry	*entry;
	size_t			count;
};

/* dotenv.c */

/*
 * Parses LEN bytes of TEXT. Grammar, one assignment a line:
 *	[export] NAME=value	up to a ` #`, blanks at the end cut off
 *	[export] NAME='value'	literal, may span lines
 *	[export] NAME="value"	\n \r \t \\ \" \$ \` are escapes, may span lines
 * Blank lines and lines that start with # are skipped; CRLF is taken as LF; a
 * byte order mark is skipped. No expansion: a bare or double-quoted value
 * with an unescaped dollar or backtick is an error, since other readers would expand it.
 * Returns 0, or -1 with every error in the list as `.env`, "line N: ...".
 * What was read is in the struct either way: call vg_dotenv_free().
 */
int	vg_dotenv_parse(struct vg_dotenv *, const char *text, size_t len,
	    struct vg_errors *);

/* The value of NAME, borrowed, or NULL. */
const char	*vg_dotenv_get(const struct vg_dotenv *, const char *name);

void	vg_dotenv_free(struct vg_dotenv *);

#endif
