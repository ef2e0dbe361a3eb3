/*
 * GET, HEAD /docs/api
 *
 * In:	nothing; Accept-Encoding, If-None-Match.
 * Out:	200 the API's document as a page for people; 304.
 * Errors: 405.
 *
 * The policy is the page's without what that needs: there is no script here, so
 * no nonce, and the same bytes serve everybody.
 */

#include "gate/gate.h"
#include "gate/webfiles.h"

#define POLICY								\
	"default-src 'none'; style-src 'self'; img-src 'self'; "	\
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "	\
	"require-trusted-types-for 'script'; trusted-types 'none'; "	\
	"report-uri /api/csp-report"

int	route_page_docs(struct http_request *);

static int
answer(struct vg_request *r)
{
	size_t	len;

	r->own_csp = true;
	(void)vg_headers_policy(VG_POLICY_PAGE, &len);
	if (len > 0)	/* else ENABLE_SECURITY_HEADERS=false */
		vg_reply_field(r, "Content-Security-Policy", POLICY);
	return (vg_reply_webfile(r, vg_apidocs_page()));
}

static const struct vg_route	page_docs = {
	.name = "page_docs",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.quota = VG_QUOTA_NONE,
	.cache = "no-cache",
	.handle = answer
};

int
route_page_docs(struct http_request *req)
{
	return (vg_gate_serve(req, &page_docs));
}
