/*
 * The page's modules as one script.
 *
 * The sources are modules as any browser loads them, each with its own imports;
 * what is sent is their text, one behind the other, without the lines that tie
 * them to each other. So all top-level names are in one scope: they differ, and
 * an import keeps the name of what it imports. tests/checks/page_files.sh holds
 * the sources to that, and to what is asked of them here: an import is one line
 * at the start of a line, an export a word there.
 */

#include <kore/kore.h>

#include <string.h>

#include "gate/webfiles.h"

#define IMPORT	"import "
#define EXPORT	"export "

void
vg_web_script(struct kore_buf *out, const char *name, const void *text,
    size_t len)
{
	const char	*line = text, *eol;
	size_t		n;

	for (; len > 0; line += n, len -= n) {
		eol = memchr(line, '\n', len);
		n = eol == NULL ? len : (size_t)(eol - line) + 1;
		if (vg_web_starts(line, line + n, IMPORT)) {
			if (eol == NULL || eol[-1] != ';')
				fatal("%s: an import is not in one line", name);
			continue;
		}
		if (vg_web_starts(line, line + n, EXPORT))
			kore_buf_append(out, line + strlen(EXPORT),
			    n - strlen(EXPORT));
		else
			kore_buf_append(out, line, n);
	}
}
