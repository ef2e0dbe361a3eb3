#ifndef VG_CORE_PROBLEM_H
#define VG_CORE_PROBLEM_H

#include <stddef.h>

#define VG_PROBLEM_MEDIA_TYPE	"application/problem+json"
#define VG_PROBLEM_SIZE		2048	/* bytes, holds any document made here */
#define VG_PROBLEM_DETAIL_MAX	240	/* bytes of a detail; longer is -1 */
#define VG_PROBLEM_ID_MAX	64	/* bytes of a request id; longer is -1 */

/*
 * One kind of error (RFC 9457 3.1). `type` is the relative reference
 * /problems/<word>: stable, the same on every host and below both /api/ and
 * /api/v1/, an identifier and not a promise that something is served there.
 * `word` is the stable word clients switch on.
 */
struct vg_problem {
	const char	*word;
	const char	*type;
	const char	*title;		/* the same in every occurrence */
	const char	*detail;	/* said when the caller has no better */
	int		status;
};

/* problem.c */

/* The entry of WORD, or NULL. */
const struct vg_problem	*vg_problem_find(const char *word);
/* The table: INDEX from 0; NULL at its end. */
const struct vg_problem	*vg_problem_at(size_t index);
/* The entry to use for a bare status; internal_error when none has it. */
const struct vg_problem	*vg_problem_for_status(int status);

/*
 * Writes the document {"type","title","status","detail","request_id","error"}.
 * An unknown WORD becomes internal_error. DETAIL NULL: the table's. DETAIL is
 * the program's own text, never a request's. REQUEST_ID NULL: left out. Returns
 * the length (NUL-terminated), or -1 when it does not fit.
 */
int	vg_problem_format(char *buf, size_t size, const char *word,
	    const char *detail, const char *request_id);

#endif
