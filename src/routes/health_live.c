/*
 * GET, HEAD /api/health/live
 *
 * In:	nothing.
 * Out:	200 {"status":"alive"}: the process serves. Restart it when it does not
 *	answer; do not when the database is away.
 * Errors: 405, 429.
 */

#include <string.h>

#include "gate/gate.h"

int	route_health_live(struct http_request *);

static int
answer(struct vg_request *r)
{
	static const char	text[] = "{\"status\":\"alive\"}";

	return (vg_reply(r, 200, "application/json", text, strlen(text)));
}

static const struct vg_route	live = {
	.name = "health_live",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_HEALTH,
	.class = "live",
	.handle = answer
};

int
route_health_live(struct http_request *req)
{
	return (vg_gate_serve(req, &live));
}
