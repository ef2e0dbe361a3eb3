/*
 * How a file that was made at the start is answered: by what the client takes
 * (RFC 9110 12.5.3), and by what it has already (13.1.2).
 */

#include <stdio.h>
#include <string.h>

#include "core/fields.h"
#include "gate/gate.h"
#include "gate/webfiles.h"

#define ETAG_SIZE	(VG_WEB_ID_LEN + sizeof("\"-gzip\""))

/* "identity" that nobody named is acceptable, but it was not asked for. */
static bool
wants_gzip(const char *accept)
{
	size_t	len;
	int	gzip, identity;

	if (accept == NULL)
		return (false);
	len = strlen(accept);
	gzip = vg_field_coding_q(accept, len, "gzip");
	identity = vg_field_coding_q(accept, len, "identity");
	if (gzip <= 0)
		return (false);
	return (gzip >= identity || (strchr(accept, '*') == NULL &&
	    strcasestr(accept, "identity") == NULL));
}

int
vg_reply_webfile(struct vg_request *r, const struct vg_webfile *file)
{
	const char	*none_match;
	char		etag[ETAG_SIZE];
	bool		gzip;

	gzip = file->gzip != NULL &&
	    wants_gzip(vg_edge_header_list(r->req, "accept-encoding"));
	/* One Vary only: a route for other origins has its own already. */
	if (r->route->flags & VG_ROUTE_CORS)
		r->by_coding = true;
	else
		vg_reply_field(r, "Vary", "Accept-Encoding");
	if (r->route->cache != NULL) {
		(void)snprintf(etag, sizeof(etag), "\"%s\"", gzip ?
		    file->gzip_tag : file->tag);
		vg_reply_field(r, "ETag", "%s", etag);
		none_match = vg_edge_header_list(r->req, "if-none-match");
		if (none_match != NULL && vg_field_none_match(none_match,
		    strlen(none_match), etag) == 1)
			return (vg_reply_empty(r, 304));
	}
	if (!gzip)
		return (vg_reply(r, 200, file->type, file->bytes, file->len));
	vg_reply_field(r, "Content-Encoding", "gzip");
	return (vg_reply(r, 200, file->type, file->gzip, file->gzip_len));
}
