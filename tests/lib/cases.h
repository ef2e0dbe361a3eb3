#ifndef TESTS_CASES_H
#define TESTS_CASES_H

/*
 * Test cases as data: tests/cases/<area>/<name>/ holds the files `input` and
 * `expect` (and what else the area wants). Adding a case touches no C.
 *
 * `expect` is plain text: `key: value` lines; `#` begins a comment line; a key
 * may stand several times. Values that name alternatives part them by `|`.
 *
 * `input` is escaped text, so that every byte can be seen in a review:
 *	\r \n \t \\	CR, LF, HTAB, backslash
 *	\xHH		the byte HH
 *	\{N:TEXT}	TEXT (escapes allowed, no further \{) N times
 * Line ends of the file itself are not part of the input, all other bytes
 * must be printable ASCII; anything else is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CASE_NAME_SIZE		128	/* bytes, NUL included */
#define CASE_LINES_MAX		64	/* lines of expect */
#define CASE_INPUT_MAX		(4u << 20) /* bytes, decoded */

struct test_case {
	char		name[CASE_NAME_SIZE];
	char		dir[512];
	uint8_t		*input;		/* exactly input_len bytes of malloc */
	size_t		input_len;
	size_t		nlines;
	struct {
		char	*key;
		char	*value;
	} lines[CASE_LINES_MAX];
	char		*text;		/* what the lines point into */
};

/*
 * Decodes the escaped form. 0 and *out (free it; never NULL) or -1.
 */
int	case_decode(const char *text, size_t len, uint8_t **out,
	    size_t *outlen);

/* A whole file, NUL terminated: free it; NULL when it cannot be read. */
char	*case_read_file(const char *path, size_t *len);

/*
 * Calls fn for each case of the area, in the order of the names. A case that
 * cannot be loaded is told on stderr and counted as failed. Returns how many
 * failed (fn returned other than 0), *count is how many there were. The folder
 * is tests/cases, or $CASES_DIR.
 */
int	cases_each(const char *area, int (*fn)(const struct test_case *, void *),
	    void *arg, size_t *count);

/* The first value of a key, or NULL. */
const char	*case_get(const struct test_case *, const char *key);
/* The value of the nth line with that key, or NULL. */
const char	*case_get_nth(const struct test_case *, const char *key,
		    size_t n);
/* Whether word is one of the alternatives in value. */
bool	case_allows(const char *value, const char *word);

#endif
