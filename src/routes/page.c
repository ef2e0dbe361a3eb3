/*
 * GET, HEAD /
 *
 * In:	nothing; If-None-Match.
 * Out:	200 the page, under a policy with a nonce of its own; 304.
 * Errors: 405.
 *
 * A browser that gets a 304 keeps its page and takes over the new fields: a
 * policy with another nonce would stop every script of it. So the tag ends in
 * the nonce, and a 304 repeats that one, once it was seen to be nothing but
 * 22 digits of base64url. It is known to that one browser alone (private), and
 * no other site can set If-None-Match for it: a preflight would be refused.
 *
 * The policy over plain HTTP is there twice: Chromium knows no reporting
 * endpoint without TLS, and ignores report-uri beside a report-to. Behind a
 * proxy that ends TLS both of them hold as well.
 */

#include <string.h>

#include "gate/gate.h"
#include "gate/webfiles.h"

#define POLICY								\
	"default-src 'none'; script-src 'nonce-%s' 'strict-dynamic'; "	\
	"style-src 'self'; img-src 'self'; connect-src 'self'; "	\
	"media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "	\
	"form-action 'none'; frame-ancestors 'none'; "			\
	"require-trusted-types-for 'script'; trusted-types 'none'"
#define REPORT_URI	"; report-uri /api/csp-report"
#define REPORT_TO	"; report-to csp"

#define TAG_LEN		(VG_WEB_ID_LEN + 1 + VG_WEB_NONCE_LEN + 2)	/* quoted */

int	route_page(struct http_request *);

static int	answer(struct vg_request *);

static const struct vg_route	page_route = {
	.name = "page",
	.methods = HTTP_METHOD_GET | HTTP_METHOD_HEAD,
	.quota = VG_QUOTA_NONE,
	.cache = "private, no-cache",
	.handle = answer
};

/* Whether VALUE is a tag of ours for this page; its nonce. */
static bool
known(const char *value, const char *id, char nonce[VG_WEB_NONCE_LEN + 1])
{
	static const char	base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char		*digits;

	if (value == NULL || strlen(value) != TAG_LEN)
		return (false);
	digits = value + 1 + VG_WEB_ID_LEN + 1;
	if (value[0] != '"' || memcmp(value + 1, id, VG_WEB_ID_LEN) ||
	    digits[-1] != '-' ||
	    strspn(digits, base64url) != VG_WEB_NONCE_LEN ||
	    value[TAG_LEN - 1] != '"')
		return (false);
	memcpy(nonce, digits, VG_WEB_NONCE_LEN);
	nonce[VG_WEB_NONCE_LEN] = '\0';
	return (true);
}

static void
add_policy(struct vg_request *r, const char *nonce)
{
	size_t	len;

	(void)vg_headers_policy(VG_POLICY_PAGE, &len);
	if (len == 0)
		return;		/* ENABLE_SECURITY_HEADERS=false */
	if (r->req->owner->ssl != NULL)
		vg_reply_field(r, "Content-Security-Policy",
		    POLICY REPORT_URI REPORT_TO, nonce);
	else
		vg_reply_field(r, "Content-Security-Policy",
		    POLICY REPORT_TO ", " POLICY REPORT_URI, nonce, nonce);
	vg_reply_field(r, "Reporting-Endpoints", "csp=\"/api/csp-report\"");
}

static int
answer(struct vg_request *r)
{
	const struct vg_settings	*settings = vg_gate_settings();
	char				id[VG_WEB_ID_LEN + 1];
	char				nonce[VG_WEB_NONCE_LEN + 1];
	const char			*page;
	size_t				len;
	bool				same;

	if (r->req->owner == NULL)
		return (KORE_RESULT_OK);
	r->own_csp = true;
	vg_web_page_id(settings, id);
	same = known(vg_edge_header_list(r->req, "if-none-match"), id, nonce);
	if (!same)
		vg_web_nonce(nonce);
	add_policy(r, nonce);
	vg_reply_field(r, "ETag", "\"%s-%s\"", id, nonce);
	if (same)
		return (vg_reply_empty(r, 304));
	page = vg_web_page(settings, nonce, &len);
	return (vg_reply(r, 200, "text/html; charset=utf-8", page, len));
}

int
route_page(struct http_request *req)
{
	return (vg_gate_serve(req, &page_route));
}
