/*
 * GET, HEAD /assets/<name>
 *
 * In:	a name that the page or one of its files gave; Accept-Encoding (RFC 9110
 *	12.5.3), If-None-Match.
 * Out:	200 the file, as it is or as gzip; 304. It may be kept for ever, since
 *	its name has the hash of the build in it.
 * Errors: 404 not_found, for the name of another build too; 405.
 */

#include <stdio.h>
#include <string.h>

#include "core/fields.h"
#include "gate/gate.h"
#include "gate/webfiles.h"

#define ETAG_SIZE	(VG_WEB_ID_LEN + sizeof("\"-gzip\""))

int	route_page_asset(struct http_request *);

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

static int
answer(struct vg_request *r)
{
	const struct vg_webfile	*file;
	const char		*none_match;
	char			etag[ETAG_SIZE];
	bool			gzip;

	file = vg_webfile_find(strrchr(r->req->path, '/') + 1);
	if (file == NULL)
		return (vg_reply_problem(r, "not_found", NULL));
	gzip = file->gzip != NULL &&
	    wants_gzip(vg_edge_header(r->req, "accept-encoding"));
	(void)snprintf(etag, sizeof(etag), "\"%s\"", gzip ? file->gzip_tag :
	    file->tag);
	vg_reply_field(r, "ETag", "%s", etag);
	vg_reply_field(r, "Vary", "Accept-Encoding");
	none_match = vg_edge_header(r->req, "if-none-match");
	if (none_match != NULL && vg_field_none_match(none_match,
	    strlen(none_match), etag) == 1)
		return (vg_reply_empty(r, 304));
	if (!gzip)
		return (vg_reply(r, 200, file->type, file->bytes, file->len));
	vg_reply_field(r, "Content-Encoding", "gzip");
	return (vg_reply(r, 200, file->type, file->gzip, file->gzip_len));
}

static const struct vg_route	page_asset = {
	.name = "page_asset",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.quota = VG_QUOTA_NONE,
	.cache = "public, max-age=31536000, immutable",
	.handle = answer
};

int
route_page_asset(struct http_request *req)
{
	return (vg_gate_serve(req, &page_asset));
}
