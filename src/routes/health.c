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

/* As it was told last: what it tells changes seldom, and is asked for often. */
static struct {
	const char	*stt, *chat, *tts;
	bool		connected;
	int		len;
	char		text[256];
} told;

static int
answer(struct vg_request *r)
{
	const char	*stt, *chat, *tts;
	bool		ok, connected = vg_store_connected();

	stt = vg_upstream_health(VG_UP_STT);
	chat = vg_upstream_health(VG_UP_CHAT);
	tts = vg_upstream_health(VG_UP_TTS);
	if (told.len > 0 && told.connected == connected && told.stt == stt &&
	    told.chat == chat && told.tts == tts)
		return (vg_reply(r, 200, "application/json", told.text,
		    (size_t)told.len));

	ok = connected && strcmp(stt, "disconnected") &&
	    strcmp(chat, "disconnected") && strcmp(tts, "disconnected");
	told.len = snprintf(told.text, sizeof(told.text), "{\"status\":\"%s\",\"version\":\""
	    VG_VERSION "\",\"services\":{\"postgres\":\"%s\",\"stt\":\"%s\","
	    "\"chat\":\"%s\",\"tts\":\"%s\"}}", ok ? "healthy" : "degraded",
	    connected ? "connected" : "disconnected", stt, chat, tts);
	told.connected = connected;
	told.stt = stt;
	told.chat = chat;
	told.tts = tts;
	return (vg_reply(r, 200, "application/json", told.text,
	    (size_t)told.len));
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
