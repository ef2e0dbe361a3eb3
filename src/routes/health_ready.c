/*
 * GET, HEAD /api/health/ready
 *
 * In:	nothing.
 * Out:	200 {"status":"ready"}; 503 when no session could be started or no
 *	recording transcribed: a balancer then asks another instance.
 * Errors: 405, 429, 503 database_unavailable, provider_unavailable.
 */

#include <string.h>

#include "gate/gate.h"
#include "upstream/upstream.h"

#define RETRY_S	5	/* seconds */

int	route_health_ready(struct http_request *);

static int
answer(struct vg_request *r)
{
	static const char	text[] = "{\"status\":\"ready\"}";

	if (!vg_store_connected())
		return (vg_reply_away(r, VG_DB_AWAY));
	if (!strcmp(vg_upstream_health(VG_UP_STT), "disconnected")) {
		r->retry_after_s = RETRY_S;
		return (vg_reply_problem(r, "provider_unavailable", NULL));
	}
	return (vg_reply(r, 200, "application/json", text, strlen(text)));
}

static const struct vg_route	ready = {
	.name = "health_ready",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_HEALTH,
	.class = "ready",
	.handle = answer
};

int
route_health_ready(struct http_request *req)
{
	return (vg_gate_serve(req, &ready));
}
