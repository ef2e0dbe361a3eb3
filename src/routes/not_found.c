/*
 * Whatever no other route serves: the last line of the conf.
 *
 * Out:	404 not_found, whatever the method; `OPTIONS *` (RFC 9110 9.3.7) is
 *	answered 204, for it asks about the server and not about a resource.
 */

#include <string.h>

#include "gate/gate.h"

int	route_not_found(struct http_request *);

static int
answer(struct vg_request *r)
{
	return (vg_reply_problem(r, "not_found", NULL));
}

static const struct vg_route	not_found = {
	.name = "not_found",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_POST,
	.flags = VG_ROUTE_CATCHALL | VG_ROUTE_CORS,
	.quota = VG_QUOTA_NONE,
	.handle = answer
};

int
route_not_found(struct http_request *req)
{
	return (vg_gate_serve(req, &not_found));
}
