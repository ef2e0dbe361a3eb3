/*
 * GET, HEAD /api/health
 *
 * In:	nothing.
 * Out:	200 {"status":"healthy"|"degraded","version":…,"services":{"postgres":
 *	"connected"|"disconnected","stt":…,"chat":…,"tts":…}}; the providers also
 *	"unknown", before the first probe ended.
 * Errors: 405, 429.
 *
 * Told from memory: nothing is asked of the database or of a provider here.
 */

#include <stdio.h>
#include <string.h>

#include "core/version.h"
#include "gate/gate.h"
#include "upstream/upstream.h"

int	route_health(struct http_request *);

static int
answer(struct vg_request *r)
{
	const char	*stt, *chat, *tts;
	char		text[256];
	bool		ok;
	int		len;

	stt = vg_upstream_health(VG_UP_STT);
	chat = vg_upstream_health(VG_UP_CHAT);
	tts = vg_upstream_health(VG_UP_TTS);
	ok = vg_store_connected() && strcmp(stt, "disconnected") &&
	    strcmp(chat, "disconnected") && strcmp(tts, "disconnected");
	len = snprintf(text, sizeof(text), "{\"status\":\"%s\",\"version\":\""
	    VG_VERSION "\",\"services\":{\"postgres\":\"%s\",\"stt\":\"%s\","
	    "\"chat\":\"%s\",\"tts\":\"%s\"}}", ok ? "healthy" : "degraded",
	    vg_store_connected() ? "connected" : "disconnected", stt, chat, tts);
	return (vg_reply(r, 200, "application/json", text, (size_t)len));
}

static const struct vg_route	health = {
	.name = "health",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.flags = VG_ROUTE_CORS,
	.quota = VG_QUOTA_HEALTH,
	.class = "health",
	.handle = answer
};

int
route_health(struct http_request *req)
{
	return (vg_gate_serve(req, &health));
}
