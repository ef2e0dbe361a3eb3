/*
 * GET, HEAD /api/openapi.json
 *
 * In:	nothing; Accept-Encoding.
 * Out:	200 the OpenAPI 3.1 document of all that is under /api/.
 * Errors: 405, 429.
 */

#include "gate/gate.h"
#include "gate/webfiles.h"

int	route_openapi(struct http_request *);

static int
answer(struct vg_request *r)
{
	return (vg_reply_webfile(r, vg_apidocs_document()));
}

static const struct vg_route	openapi = {
	.name = "openapi",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_HEALTH,
	.class = "openapi",
	.handle = answer
};

int
route_openapi(struct http_request *req)
{
	return (vg_gate_serve(req, &openapi));
}
