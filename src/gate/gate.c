/*
 * The gate of one worker: its settings, and which route belongs to which of
 * Kore's handlers.
 *
 * A route's descriptor lives in the route's file and nowhere else: there is no
 * list of routes to keep in step. Kore knows the routes from the conf, so when
 * the worker starts, each of their functions is called once without a request,
 * and answers by handing its descriptor to vg_gate_serve().
 */

#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "gate/logger.h"
#include "gate/respond.h"

#define ROUTES_MAX	64	/* lines `route` in the conf */

struct entry {
	const struct kore_module_handle	*handle;
	const struct vg_route		*route;
};

static struct {
	const struct vg_settings	*settings;
	size_t				nentries;
	struct entry			entry[ROUTES_MAX];
	const struct vg_route		*told;
} gate;

/* Asks the handler's function for its descriptor. */
static const struct vg_route *
ask(const struct kore_module_handle *handle)
{
	int	(*function)(struct http_request *);

	memcpy(&function, &handle->rcall->addr, sizeof(function));
	gate.told = NULL;
	(void)function(NULL);
	return (gate.told);
}

/* Routes of one class share one count, which two limits would tear apart. */
static bool
class_agrees(const struct vg_route *route)
{
	const struct vg_route	*other;
	size_t			i;

	for (i = 0; i < gate.nentries; i++) {
		other = gate.entry[i].route;
		if (other == route || other->class == NULL ||
		    route->class == NULL || strcmp(other->class, route->class))
			continue;
		if (other->quota != route->quota || (route->limits != NULL &&
		    strcmp(other->limits, route->limits)))
			return (false);
	}
	return (true);
}

int
vg_gate_init(const struct vg_settings *settings)
{
	struct kore_server		*server;
	struct kore_domain		*domain;
	struct kore_module_handle	*handle;

	vg_gate_reload(settings);
	gate.nentries = 0;
	LIST_FOREACH(server, &kore_servers, list) {
		TAILQ_FOREACH(domain, &server->domains, list) {
			TAILQ_FOREACH(handle, &domain->handlers, list) {
				if (gate.nentries == ROUTES_MAX)
					return (-1);
				/* A route past the gate would be a hole. */
				if (handle->auth == NULL || ask(handle) == NULL) {
					vg_log_str(VG_LOG_ERROR,
					    "route does not go through the gate",
					    "route", handle->path);
					return (-1);
				}
				if (vg_quota_check(gate.told) == -1 ||
				    !class_agrees(gate.told)) {
					vg_log_str(VG_LOG_ERROR,
					    "route's limits cannot be kept", "route",
					    handle->path);
					return (-1);
				}
				gate.entry[gate.nentries].handle = handle;
				gate.entry[gate.nentries].route = gate.told;
				gate.nentries++;
			}
		}
	}
	return (0);
}

void
vg_gate_reload(const struct vg_settings *settings)
{
	gate.settings = settings;
	vg_quota_setup(settings);
	vg_headers_setup(settings);
}

const struct vg_settings *
vg_gate_settings(void)
{
	return (gate.settings);
}

const struct vg_route *
vg_gate_route(const struct kore_module_handle *handle)
{
	size_t	i;

	for (i = 0; i < gate.nentries; i++) {
		if (gate.entry[i].handle == handle)
			return (gate.entry[i].route);
	}
	return (NULL);
}

int
vg_gate_serve(struct http_request *req, const struct vg_route *route)
{
	struct vg_request	*r;
	int			(*next)(struct vg_request *);
	int			result;

	if (req == NULL) {
		gate.told = route;
		return (KORE_RESULT_OK);
	}
	r = vg_request_of(req);
	next = r->next != NULL ? r->next : route->handle;
	r->next = NULL;
	result = next(r);
	if (result == KORE_RESULT_RETRY)
		return (result);
	if (r->refusal != NULL && !r->answered)
		(void)vg_reply_problem(r, r->refusal, r->refusal_detail);
	if (!r->answered) {
		vg_log_str(VG_LOG_ERROR, "handler gave no answer", "route",
		    route->name);
		(void)vg_reply_problem(r, "internal_error", NULL);
	}
	return (KORE_RESULT_OK);
}
