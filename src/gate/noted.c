/*
 * Which ends of a request are security events. The table is the one place that
 * says so; it is held against the word of the refusal, which every refusal has.
 * An event carries the client, the route and the request's id, and nothing that
 * the request said.
 */

#include <stdio.h>
#include <string.h>

#include "gate/gate.h"
#include "gate/respond.h"

static const struct {
	const char		*word;
	enum vg_event_kind	kind;
} kinds[] = {
	{ "rate_limited", VG_EVENT_RATE_LIMITED },
	{ "origin_denied", VG_EVENT_ORIGIN_DENIED },
	{ "client_blocked", VG_EVENT_CLIENT_BLOCKED },
	{ "payload_too_large", VG_EVENT_PAYLOAD_TOO_LARGE }
};

void
vg_note_end(const struct vg_request *r)
{
	const char	*word = r->refusal;
	size_t		i;

	if (word == NULL)
		return;
	/* Not asked for and not given is no attack; a wrong one may be, also
	 * where its address' limit was refused before it. */
	if (r->denied != NULL && !strcmp(r->denied, "invalid_api_key"))
		vg_event(VG_EVENT_BAD_KEY, r->client, r->route->name, r->id, NULL);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].word, word)) {
			vg_event(kinds[i].kind, r->client, r->route->name, r->id,
			    NULL);
			return;
		}
	}
	if (!strcmp(word, "unsupported_media_type") &&
	    r->route->reader != NULL)
		vg_event(VG_EVENT_UNSUPPORTED_AUDIO, r->client, r->route->name,
		    r->id, NULL);
}

/* What is no request: its framing is why, but for time and load. */
void
vg_note_door(const struct connection *c, const struct vg_edge_refusal *refusal,
    const char *request_id)
{
	struct in6_addr	addr;
	char		client[VG_CLIENT_SIZE] = "", detail[VG_EVENT_DETAIL_SIZE];

	if (refusal->status == 408 || refusal->status == 503 ||
	    refusal->status == 500)
		return;
	if (c != NULL) {
		vg_who_peer(c, &addr);
		if (vg_client_key(client, sizeof(client), &addr,
		    (unsigned)vg_gate_settings()->rate_ipv6_prefix) == -1)
			client[0] = '\0';
	}
	(void)snprintf(detail, sizeof(detail), "{\"status\":%d,\"error\":\"%s\"}",
	    refusal->status, refusal->word);
	vg_event(VG_EVENT_BAD_FRAMING, client, "", request_id, detail);
}
