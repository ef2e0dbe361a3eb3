/*
 * POST /api/csp-report
 *
 * In:	application/reports+json (Reporting API) or application/csp-report.
 * Out:	204: the report became a security event, its directive and disposition
 *	alone. What a browser says of a page's content is nobody's business here.
 * Errors: 400 bad_request; 405; 413; 415; 429.
 */

#include <jansson.h>
#include <string.h>

#include "core/fields.h"
#include "gate/gate.h"
#include "gate/logger.h"

#define DIRECTIVE_MAX	64	/* bytes of a directive's name in the log */

int	route_csp_report(struct http_request *);

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

static void
note(json_t *report)
{
	struct vg_logline	*line;
	const char		*directive;
	json_t			*body;

	/* Reporting API: {"type","body":{…}}; CSP 2: {"csp-report":{…}}. */
	if ((body = json_object_get(report, "body")) == NULL)
		body = json_object_get(report, "csp-report");
	directive = json_string_value(json_object_get(body,
	    "effectiveDirective"));
	if (directive == NULL)
		directive = json_string_value(json_object_get(body,
		    "violated-directive"));
	if ((line = vg_log_open(VG_LOG_WARNING, "security event")) == NULL)
		return;
	vg_logline_str(line, "kind", "csp_report");
	if (directive != NULL)
		vg_logline_mem(line, "directive", directive,
		    strnlen(directive, DIRECTIVE_MAX));
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
		json_array_foreach(root, i, item)
			note(item);
	} else {
		note(root);
	}
	json_decref(root);
	return (vg_reply_empty(r, 204));
}

static const struct vg_route	csp_report = {
	.name = "csp_report",
	.methods = HTTP_METHOD_POST,
	/* No origin policy: a page that frames us reports as `null`. */
	.flags = VG_ROUTE_BODY,
	.quota = VG_QUOTA_HEALTH,
	.class = "csp_report",
	.handle = take
};

int
route_csp_report(struct http_request *req)
{
	return (vg_gate_serve(req, &csp_report));
}
