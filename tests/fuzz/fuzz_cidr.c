/*
 * Addresses and range lists. What was read must read back from its text.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/cidr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vg_errors	errs;
	struct vg_cidr_list	list;
	struct vg_cidr		again;
	struct in6_addr		addr, back;
	char			shown[VG_CIDR_SIZE], key[VG_CLIENT_SIZE];
	char			*text;
	size_t			i;

	if ((text = malloc(size + 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';

	if (vg_addr_parse(&addr, (const char *)data, size) == 0) {
		if (vg_addr_format(shown, sizeof(shown), &addr) == -1 ||
		    vg_addr_parse(&back, shown, strlen(shown)) == -1 ||
		    !vg_addr_equal(&addr, &back) ||
		    vg_client_key(key, sizeof(key), &addr, 64) == -1)
			abort();
	}

	vg_errors_init(&errs);
	if (vg_cidr_list_parse(&list, text, "T", &errs) == 0) {
		for (i = 0; i < list.count; i++) {
			if (vg_cidr_format(shown, sizeof(shown),
			    &list.item[i]) == -1 ||
			    vg_cidr_parse(&again, shown, strlen(shown)) == -1 ||
			    !vg_cidr_match(&again, &list.item[i].net) ||
			    !vg_cidr_list_match(&list, &list.item[i].net))
				abort();
		}
		vg_cidr_list_free(&list);
	} else if (errs.nerrors == 0 || list.item != NULL) {
		abort();
	}

	free(text);
	return (0);
}
