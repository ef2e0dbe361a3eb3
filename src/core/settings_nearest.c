/*
 * What somebody meant who wrote RATE_LIMIT_PER_MIN.
 *
 * A misspelt name in .env changes nothing, and nothing is the hardest thing to
 * notice: the old limit holds, the origin stays closed. So unknown names are
 * reported with the nearest known one, by the number of letters to change,
 * insert, remove or swap.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/settings.h"

#define NAME_DISTANCE_MAX	3	/* edits between a name and a typo */
#define NAME_BYTES_MAX		48	/* of a name that is compared */

static bool	same(char, char);
static size_t	distance(const char *, const char *);

const char *
vg_setting_nearest(const char *name)
{
	const char	*best;
	const char	*known;
	size_t		i, d, least;

	best = NULL;
	least = NAME_DISTANCE_MAX + 1;
	for (i = 0; vg_setting_at(i) != NULL; i++) {
		known = vg_setting_at(i)->name;
		d = distance(known, name);
		/* PORT is not what somebody meant by VAR. */
		if (d < least && d * 2 < strlen(known)) {
			least = d;
			best = known;
		}
		/* A name that was cut short or carried on. */
		if (best == NULL && strlen(name) >= 8 &&
		    (!strncasecmp(known, name, strlen(name)) ||
		    !strncasecmp(known, name, strlen(known))))
			best = known;
	}

	return (best);
}
static bool
same(char a, char b)
{
	return (toupper((unsigned char)a) == toupper((unsigned char)b));
}

/* Levenshtein's, with swapped neighbours as one edit, case disregarded. */
static size_t
distance(const char *a, const char *b)
{
	size_t		row[3][NAME_BYTES_MAX + 1];
	size_t		i, j, la, lb, best;

	la = strlen(a);
	lb = strlen(b);
	if (la > NAME_BYTES_MAX || lb > NAME_BYTES_MAX)
		return (NAME_BYTES_MAX);

	for (j = 0; j <= lb; j++)
		row[0][j] = j;
	for (i = 1; i <= la; i++) {
		row[i % 3][0] = i;
		for (j = 1; j <= lb; j++) {
			best = row[(i - 1) % 3][j - 1] +
			    (same(a[i - 1], b[j - 1]) ? 0 : 1);
			if (row[(i - 1) % 3][j] + 1 < best)
				best = row[(i - 1) % 3][j] + 1;
			if (row[i % 3][j - 1] + 1 < best)
				best = row[i % 3][j - 1] + 1;
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) &&
			    row[(i - 2) % 3][j - 2] + 1 < best)
				best = row[(i - 2) % 3][j - 2] + 1;
			row[i % 3][j] = best;
		}
	}

	return (row[la % 3][lb]);
}
