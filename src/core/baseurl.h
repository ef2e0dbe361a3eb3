#ifndef VG_CORE_BASEURL_H
#define VG_CORE_BASEURL_H

#include <stdbool.h>
#include <stddef.h>

#define VG_BASEURL_MAX	1024	/* bytes of a provider's base URL */

struct vg_baseurl {
	char	url[VG_BASEURL_MAX + 1]; /* scheme://host[:port][/path], scheme
					   and host in lower case, no slash and
					   no /v1 at the end */
	char	host[256];		/* without brackets */
	int	port;			/* 1..65535, the default filled in */
	bool	https;
	bool	loopback;		/* 127.0.0.0/8, ::1 or localhost */
};

/* baseurl.c */

/*
 * An absolute http or https URL (RFC 3986) without userinfo, query and
 * fragment. On -1, WHY (if not NULL) points to a constant text that says what
 * is allowed.
 */
int	vg_baseurl_parse(struct vg_baseurl *, const char *text,
	    const char **why);

#endif
