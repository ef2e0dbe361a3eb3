/*
 * OPTIONS: a CORS preflight (Fetch 3.2.2, 4.8) or a plain question (RFC 9110
 * 9.3.7). A preflight is answered with exactly what is allowed, whatever was
 * asked: 204 when all of the question is within it, 403 when origin, method or
 * a header is not. A preflight for private-network access is always refused: no
 * public page has business with a server in somebody's home.
 *
 * Idempotency-Key is not among the headers: what other origins may send is
 * promised to be these two and no more. A page of theirs sends a turn without;
 * our own page and programs need no preflight.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/fields.h"
#include "gate/gate.h"
#include "gate/respond.h"

#define MAX_AGE_S	600	/* seconds a browser may remember the answer */

static const char *const	allowed_headers[] = {
	"content-type", "authorization",
	/* Safelisted (Fetch 2.2.2): a browser need not ask, others do. */
	"accept", "accept-language", "content-language"
};

void
vg_allow_list(const struct vg_route *route, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s%sOPTIONS",
	    route->methods & HTTP_METHOD_GET ? "GET, " : "",
	    route->methods & HTTP_METHOD_HEAD ? "HEAD, " : "",
	    route->methods & HTTP_METHOD_POST ? "POST, " : "");
}

static bool
method_allowed(const char *method)
{
	/* Methods are case-sensitive (RFC 9110 9.1). */
	return (!strcmp(method, "GET") || !strcmp(method, "POST") ||
	    !strcmp(method, "HEAD"));
}

static bool
headers_allowed(const char *list)
{
	struct vg_field_list	it;
	struct vg_str		item;
	size_t			i;
	int			more;

	vg_field_list_init(&it, list, strlen(list));
	while ((more = vg_field_list_next(&it, &item)) == 1) {
		for (i = 0; i < sizeof(allowed_headers) /
		    sizeof(allowed_headers[0]); i++) {
			if (vg_field_eq(item.s, item.len, allowed_headers[i]))
				break;
		}
		if (i == sizeof(allowed_headers) / sizeof(allowed_headers[0]))
			return (false);
	}
	return (more == 0);
}

/* By the name that browsers use, and by that of the older draft. */
static bool
asks_for_private_network(const struct vg_request *r)
{
	return (vg_edge_header(r->req,
	    "access-control-request-private-network") != NULL ||
	    vg_edge_header(r->req,
	    "access-control-request-local-network") != NULL);
}

int
vg_preflight(struct vg_request *r)
{
	const char	*method, *list;
	char		allow[64];

	vg_allow_list(r->route, allow, sizeof(allow));
	method = vg_edge_header(r->req, "access-control-request-method");
	if (r->origin[0] == '\0' || method == NULL) {
		vg_reply_field(r, "Allow", "%s", allow);
		return (vg_reply_empty(r, 204));
	}
	list = vg_edge_header_list(r->req, "access-control-request-headers");
	if (!(r->route->flags & VG_ROUTE_CORS) || asks_for_private_network(r) ||
	    !method_allowed(method) || (list != NULL && !headers_allowed(list)))
		return (vg_reply_problem(r, "origin_denied", "The origin, the "
		    "method or a header of the preflight is not allowed."));
	vg_reply_field(r, "Access-Control-Allow-Methods", "GET, POST");
	vg_reply_field(r, "Access-Control-Allow-Headers",
	    "Content-Type, Authorization");
	vg_reply_field(r, "Access-Control-Max-Age", "%d", MAX_AGE_S);
	return (vg_reply_empty(r, 204));
}
