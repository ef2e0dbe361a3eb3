#ifndef VG_CORE_DOTENV_VALUE_H
#define VG_CORE_DOTENV_VALUE_H

#include <stddef.h>

#include "core/dotenv.h"

/* Where the parser stands; private to dotenv.c and dotenv_value.c. */
struct vg_dotenv_reader {
	const char		*text;
	size_t			len;
	size_t			at;
	unsigned		line;
	struct vg_dotenv	*env;
	struct vg_errors	*errs;
	char			*value;		/* scratch, as long as text */
	int			ret;
};

/* dotenv_value.c */

/* Adds an error about LINE. The line itself is not shown: it may hold a key. */
void	vg_dotenv_fault(struct vg_dotenv_reader *, unsigned line, const char *);
/* The byte at hand; CR LF counts as LF; -1 at the end. */
int	vg_dotenv_peek(const struct vg_dotenv_reader *);
void	vg_dotenv_blanks(struct vg_dotenv_reader *);

/* One value into the scratch, its length in LEN. 0, or -1 with the error. */
int	vg_dotenv_bare(struct vg_dotenv_reader *, size_t *len);
int	vg_dotenv_single(struct vg_dotenv_reader *, size_t *len);
int	vg_dotenv_double(struct vg_dotenv_reader *, size_t *len);

#endif
