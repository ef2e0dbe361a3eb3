/*
 * GET, HEAD /assets/<name>
 *
 * In:	a name that the page or one of its files gave; Accept-Encoding (RFC 9110
 *	12.5.3), If-None-Match.
 * Out:	200 the file, as it is or as gzip; 304. It may be kept for ever, since
 *	its name has the hash of the build in it.
 * Errors: 404 not_found, for the name of another build too; 405.
 */

#include <string.h>

#include "gate/gate.h"
#include "gate/webfiles.h"

int	route_page_asset(struct http_request *);

static int
answer(struct vg_request *r)
{
	const struct vg_webfile	*file;

	file = vg_webfile_find(strrchr(r->req->path, '/') + 1);
	if (file == NULL)
		return (vg_reply_problem(r, "not_found", NULL));
	return (vg_reply_webfile(r, file));
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
