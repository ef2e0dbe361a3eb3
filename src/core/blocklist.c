/*
 * The networks that an operator has blocked, as a worker looks at them with
 * every request. Sorted by family, length of prefix and address: an address is
 * cut to each length that occurs and looked up among those. No tree, no pointer
 * to follow, and a list of thousands costs what a list of ten costs.
 */

#include <stdlib.h>
#include <string.h>

#include "core/blocklist.h"

#define RUNS_MAX	(129 + 33)	/* lengths of prefix, both families */
#define V4_OFFSET	96		/* bits before a v4-mapped address' own */

/* Those of one family and length: [first, first + count). */
struct run {
	unsigned	bits;
	bool		v4;
	size_t		first;
	size_t		count;
};

struct vg_blocklist {
	size_t		count;
	size_t		nruns;
	struct run	run[RUNS_MAX];
	struct vg_block	item[];
};

static int
compare(const void *pa, const void *pb)
{
	const struct vg_block	*a = pa, *b = pb;
	int			n;

	if (a->net.v4 != b->net.v4)
		return (a->net.v4 ? -1 : 1);
	if (a->net.bits != b->net.bits)
		return (a->net.bits < b->net.bits ? -1 : 1);
	n = memcmp(&a->net.net, &b->net.net, sizeof(a->net.net));
	if (n != 0)
		return (n);
	/* The same network twice: the one that lasts longest comes first. */
	if (a->ends_us == b->ends_us)
		return (0);
	if (a->ends_us == 0 || b->ends_us == 0)
		return (a->ends_us == 0 ? -1 : 1);
	return (a->ends_us > b->ends_us ? -1 : 1);
}

struct vg_blocklist *
vg_blocklist_new(const struct vg_block *block, size_t n)
{
	struct vg_blocklist	*list;
	struct run		*run = NULL;
	size_t			i, kept = 0;

	if (n > VG_BLOCKS_MAX || (list = calloc(1, sizeof(*list) +
	    n * sizeof(list->item[0]))) == NULL)
		return (NULL);
	if (n > 0) {
		memcpy(list->item, block, n * sizeof(list->item[0]));
		qsort(list->item, n, sizeof(list->item[0]), compare);
	}
	for (i = 0; i < n; i++) {
		struct vg_block	*b = &list->item[kept];

		if (kept > 0 && list->item[i].net.v4 == b[-1].net.v4 &&
		    list->item[i].net.bits == b[-1].net.bits &&
		    vg_addr_equal(&list->item[i].net.net, &b[-1].net.net))
			continue;
		*b = list->item[i];
		if (run == NULL || run->v4 != b->net.v4 ||
		    run->bits != b->net.bits) {
			run = &list->run[list->nruns++];
			run->v4 = b->net.v4;
			run->bits = b->net.bits;
			run->first = kept;
		}
		run->count++;
		kept++;
	}
	list->count = kept;
	return (list);
}

void
vg_blocklist_free(struct vg_blocklist *list)
{
	free(list);
}

size_t
vg_blocklist_count(const struct vg_blocklist *list)
{
	return (list == NULL ? 0 : list->count);
}

bool
vg_blocklist_match(const struct vg_blocklist *list,
    const struct in6_addr *addr, int64_t now_us)
{
	const struct run	*run;
	struct in6_addr		cut;
	bool			v4 = vg_addr_is_v4(addr);
	size_t			i, low, high, middle;
	int			n;

	for (i = 0; list != NULL && i < list->nruns; i++) {
		run = &list->run[i];
		if (run->v4 != v4)
			continue;
		cut = *addr;
		vg_addr_mask(&cut, run->bits + (v4 ? V4_OFFSET : 0));
		low = run->first;
		high = run->first + run->count;
		while (low < high) {
			middle = low + (high - low) / 2;
			n = memcmp(&cut, &list->item[middle].net.net,
			    sizeof(cut));
			if (n == 0) {
				if (list->item[middle].ends_us == 0 ||
				    list->item[middle].ends_us > now_us)
					return (true);
				break;
			}
			if (n < 0)
				high = middle;
			else
				low = middle + 1;
		}
	}
	return (false);
}
