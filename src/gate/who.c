/*
 * Who asks: the address, behind trusted proxies the one that they name, whether
 * an operator has blocked it; and the API key, where a route wants one.
 *
 * A key is asked for in the database or remembered for seconds (store/keys.c).
 * A good one names the client from then on. One that is unknown is refused only
 * when the limit of its address has been counted, so that whoever guesses is
 * soon told 429 and asks nothing any more.
 *
 * Without AUTH_REQUIRED a request needs no key, but one that presents a key
 * must have a good one: a client that believes to be known must not be served
 * as a stranger, without its sessions.
 */

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "core/bearer.h"
#include "core/forwarded.h"
#include "gate/gate.h"
#include "gate/respond.h"

#define FIELD_LINES_MAX	8	/* of Forwarded, and of each X-Forwarded-* */
#define AWAY_RETRY_S	5	/* seconds: nobody can say whose key it is */
#define CHALLENGE	"Bearer realm=\"voicegate\"%s"
#define TOKEN_INVALID	", error=\"invalid_token\""

static void	key_judge(struct vg_request *, enum vg_db_status);

void
vg_who_peer(const struct connection *c, struct in6_addr *addr)
{
	const struct sockaddr	*sa;

	sa = c->family == AF_INET6 ?
	    (const struct sockaddr *)(const void *)&c->addr.ipv6 :
	    (const struct sockaddr *)(const void *)&c->addr.ipv4;
	if (vg_addr_from_sockaddr(addr, sa) == -1)
		memset(addr, 0, sizeof(*addr));
}

static size_t
field_lines(const struct vg_edge_request *er, const char *name,
    struct vg_field *line)
{
	struct vg_span	span;
	size_t		n, index = 0;

	for (n = 0; n < FIELD_LINES_MAX && vg_head_get_next(er->head, er->bytes,
	    name, &index, &span); n++) {
		line[n].text = vg_head_text(er->bytes, span);
		line[n].len = span.len;
	}
	return (n);
}

bool
vg_gate_trusted(struct connection *c)
{
	struct in6_addr	addr;

	vg_who_peer(c, &addr);
	return (vg_cidr_list_match(&vg_gate_settings()->proxies, &addr));
}

const char *
vg_who(struct vg_request *r, const struct vg_edge_request *er)
{
	const struct vg_settings	*settings = vg_gate_settings();
	struct vg_forwarded_fields	fields;
	struct vg_field			fwd[FIELD_LINES_MAX], xff[FIELD_LINES_MAX];
	struct vg_field			xfp[FIELD_LINES_MAX];
	struct vg_client		client;
	struct in6_addr			addr;
	const char			*scheme = er->tls ? "https" : "http";

	vg_who_peer(er->c, &addr);
	if (settings->proxies.count > 0 &&
	    vg_cidr_list_match(&settings->proxies, &addr)) {
		fields.forwarded = fwd;
		fields.nforwarded = field_lines(er, "forwarded", fwd);
		fields.xff = xff;
		fields.nxff = field_lines(er, "x-forwarded-for", xff);
		fields.xfp = xfp;
		fields.nxfp = field_lines(er, "x-forwarded-proto", xfp);
		vg_client_resolve(&client, &settings->proxies, &addr, &fields);
		addr = client.addr;
		if (client.conflict)
			vg_refuse(r, "bad_request", "Forwarded and "
			    "X-Forwarded-For name different clients.");
		if (client.proto == VG_PROTO_HTTPS)
			scheme = "https";
		else if (client.proto == VG_PROTO_HTTP)
			scheme = "http";
	}
	if (vg_block_match(&addr))
		vg_refuse(r, "client_blocked", NULL);
	if (vg_client_key(r->client, sizeof(r->client), &addr,
	    (unsigned)settings->rate_ipv6_prefix) == -1)
		r->client[0] = '\0';
	return (scheme);
}

/* RFC 6750 3: what a client is told about its key. */
static void
deny(struct vg_request *r, const char *word, const char *error)
{
	r->denied = word;
	r->denied_error = error;
}

void
vg_who_denied(struct vg_request *r)
{
	if (r->denied == NULL || r->refusal != NULL)
		return;
	if (r->denied_error != NULL)
		vg_reply_field(r, "WWW-Authenticate", CHALLENGE,
		    r->denied_error);
	vg_refuse(r, r->denied, r->denied_detail);
}

int
vg_reply_key_invalid(struct vg_request *r)
{
	vg_reply_field(r, "WWW-Authenticate", CHALLENGE, TOKEN_INVALID);
	return (vg_reply_problem(r, "invalid_api_key", NULL));
}

static void
key_judge(struct vg_request *r, enum vg_db_status status)
{
	switch (status) {
	case VG_DB_OK:
	case VG_KEY_KNOWN:
		break;
	case VG_NOT_FOUND:
		deny(r, "invalid_api_key", TOKEN_INVALID);
		return;
	default:
		r->retry_after_s = AWAY_RETRY_S;
		r->denied = "database_unavailable";
		return;
	}
	(void)snprintf(r->key_client, sizeof(r->key_client), "key:%s",
	    r->key.id);
	if (r->key.rate_per_minute > 0)
		(void)vg_limits_per_minute(&r->key_limits,
		    r->key.rate_per_minute);
	if ((r->key.scopes & r->route->scope) == 0)
		deny(r, "insufficient_scope", r->route->scope == VG_SCOPE_VOICE ?
		    ", error=\"insufficient_scope\", scope=\"voice\"" :
		    ", error=\"insufficient_scope\", scope=\"session\"");
}

static void
key_found(void *arg, enum vg_db_status status, const struct vg_key *key)
{
	struct vg_request	*r = arg;

	r->key_pending = false;
	r->key_ticket = 0;
	if (key != NULL)
		r->key = *key;
	key_judge(r, status);
	r->key_known(r);
}

bool
vg_who_key(struct vg_request *r, const struct vg_edge_request *er,
    void (*known)(struct vg_request *))
{
	enum vg_db_status	status;
	struct vg_span		span, second;
	const char		*token = NULL;
	size_t			index = 0;

	if (r->route->scope == 0)
		return (true);
	if (!vg_head_get_next(er->head, er->bytes, "authorization", &index,
	    &span)) {
		if (vg_gate_settings()->auth_required)
			deny(r, "authentication_required", "");
		return (true);
	}
	if (vg_head_get_next(er->head, er->bytes, "authorization", &index,
	    &second)) {
		r->denied = "bad_request";
		r->denied_detail = "Authorization is given twice.";
		return (true);
	}
	switch (vg_bearer_parse(vg_head_text(er->bytes, span), span.len,
	    &token)) {
	case VG_BEARER_NONE:
		if (vg_gate_settings()->auth_required)
			deny(r, "authentication_required", "");
		return (true);
	case VG_BEARER_MALFORMED:
		key_judge(r, VG_NOT_FOUND);
		return (true);
	case VG_BEARER_KEY:
	default:
		break;
	}
	r->key_known = known;
	status = vg_key_find(token, &r->key, key_found, r, &r->key_ticket);
	if (status == VG_DB_OK) {
		r->key_pending = true;
		return (false);
	}
	key_judge(r, status);
	return (true);
}
