#ifndef VG_CORE_ORIGIN_HOST_H
#define VG_CORE_ORIGIN_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/origin.h"

#define VG_ORIGIN_HOST_SIZE	(VG_ORIGIN_HOST_MAX + 1)

/* origin_host.c: hosts as the WHATWG URL standard serialises them. */

/*
 * Normalises a host (a name, IPv4, or IPv6 in brackets) into OUT: lower case,
 * IPv6 compressed. *IS_IP tells an address from a name. 0, or -1 with WHY.
 */
int	vg_origin_host(char out[VG_ORIGIN_HOST_SIZE], bool *is_ip,
	    const char *text, size_t len, const char **why);

/* Whether the bytes are labels as browsers send them: [a-z0-9_-], dots. */
bool	vg_origin_labels(const char *text, size_t len);

#endif
