#ifndef VG_CORE_ORIGIN_POLICY_H
#define VG_CORE_ORIGIN_POLICY_H

#include "core/origin.h"

#define VG_ORIGIN_TEXT_SIZE	288	/* https:// + 253 + :65535 + NUL, spare */

/*
 * One origin of a policy; private to origin.c and origin_match.c. Exact:
 * https://example.com:8443. Wildcard: https:// in TEXT up to SCHEME_LEN, and
 * then .example.com:8443, between which the subdomains go.
 */
struct vg_origin_entry {
	size_t	len;
	size_t	scheme_len;	/* 0: exact */
	char	text[VG_ORIGIN_TEXT_SIZE];
};

struct vg_origin_policy {
	bool			any;
	size_t			count;
	struct vg_origin_entry	entry[];
};

#endif
