/*
 * POST /api/csp-report
 *
 * In:	application/reports+json (Reporting API) or application/csp-report.
 * Out:	204: the report became a security event, its directive and disposition
 *	alone. What a browser says of a page's content is nobody's business here.
 * Errors: 400 bad_request; 405; 413; 415; 429.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/fields.h"
#include "gate/gate.h"
#include "gate/logger.h"

#define REPORTS_MAX	8	/* told of one request; the rest is dropped */

int	route_csp_report(struct http_request *);

/* CSP 3, 6; and Trusted Types. */
static const char *const	directives[] = {
	"base-uri", "child-src", "connect-src", "default-src", "font-src",
	"form-action", "frame-ancestors", "frame-src", "img-src",
	"manifest-src", "media-src", "object-src", "report-to", "report-uri",
	"require-trusted-types-for", "sandbox", "script-src",
	"script-src-attr", "script-src-elem", "style-src", "style-src-attr",
	"style-src-elem", "trusted-types", "upgrade-insecure-requests",
	"worker-src"
};

/* How a report names it: CSP 3 (5.5), and its older form (5.3). */
static const char *const	names[] = {
	"effectiveDirective", "effective-directive", "violated-directive"
};

static bool
is_report(const char *type)
{
	struct vg_media_type	media;

	return (type != NULL &&
	    vg_field_media_type(&media, type, strlen(type)) == 0 &&
	    (vg_media_type_is(&media, "application", "reports+json") ||
	    vg_media_type_is(&media, "application", "csp-report") ||
	    vg_media_type_is(&media, "application", "json")));
}

/* The directive's own name out of ours, for a log holds no bytes of a client. */
static const char *
known(const char *text)
{
	size_t	i, len = strcspn(text, " \t");

	for (i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (strlen(directives[i]) == len &&
		    !strncmp(text, directives[i], len))
			return (directives[i]);
	}
	return ("other");
}

static void
note(struct vg_request *r, json_t *report)
{
	struct vg_logline	*line;
	const char		*directive = NULL;
	char			detail[VG_EVENT_DETAIL_SIZE];
	json_t			*body;
	size_t			i;

	/* Reporting API: {"type","body":{…}}; CSP 2: {"csp-report":{…}}. */
	if ((body = json_object_get(report, "body")) == NULL)
		body = json_object_get(report, "csp-report");
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && directive == NULL;
	    i++)
		directive = json_string_value(json_object_get(body, names[i]));
	if (directive == NULL)
		return;
	(void)snprintf(detail, sizeof(detail), "{\"directive\":\"%s\"}",
	    known(directive));
	vg_event(VG_EVENT_CSP_REPORT, r->client, r->route->name, r->id, detail);
	if ((line = vg_log_open(VG_LOG_WARNING, "security event")) == NULL)
		return;
	vg_logline_str(line, "kind", "csp_report");
	vg_logline_str(line, "directive", known(directive));
	vg_log_close(line);
}

static int
take(struct vg_request *r)
{
	json_t	*root, *item;
	size_t	i;

	if (!is_report(vg_edge_header(r->req, "content-type")))
		return (vg_reply_problem(r, "unsupported_media_type", NULL));
	root = r->content.len == 0 ? NULL : json_loadb(r->content.bytes,
	    r->content.len, 0, NULL);
	if (root == NULL)
		return (vg_reply_problem(r, "bad_request",
		    "The content is not valid JSON."));
	if (json_is_array(root)) {
		json_array_foreach(root, i, item) {
			if (i == REPORTS_MAX)
				break;
			note(r, item);
		}
	} else {
		note(r, root);
	}
	json_decref(root);
	return (vg_reply_empty(r, 204));
}

static const struct vg_route	csp_report = {
	.name = "csp_report",
	.methods = HTTP_METHOD_POST,
	/* No VG_ROUTE_CORS: a page that frames us reports as `null`. */
	.quota = VG_QUOTA_OWN,
	.class = "csp_report",
	.limits = "60/minute",
	.handle = take
};

int
route_csp_report(struct http_request *req)
{
	return (vg_gate_serve(req, &csp_report));
}
