/*
 * Which limits hold for which route.
 *
 * A descriptor names a setting (VG_QUOTA_*), and the setting holds one limit or
 * several; where it is empty, so many a minute as the general ones say. A route
 * that no operator needs to tune has its limits in its descriptor. Read when the
 * worker starts and at each reload, never for a request.
 *
 * RATE_LIMIT_ALL is one count over all limited routes. It is a second subject of
 * the same question, so that both admit a request or neither is used.
 */

#include <stdio.h>
#include <string.h>

#include "gate/gate.h"
#include "gate/respond.h"

#define CLASS_ALL	"all"	/* of RATE_LIMIT_ALL; no route has it */
#define OWN_MAX		16	/* routes with limits of their own */

static struct {
	bool			on;
	const struct vg_settings *settings;
	struct vg_limits	of[VG_QUOTA_COUNT];	/* count 0: none */
	struct vg_limits	all;
	size_t			nown;
	struct {
		const struct vg_route	*route;
		struct vg_limits	limits;
	}			own[OWN_MAX];
} quota;

/* TEXT was checked when it was loaded; empty: so many a minute. */
static void
limits_read(struct vg_limits *limits, const char *text, int64_t per_minute)
{
	limits->count = 0;
	if (text[0] != '\0')
		(void)vg_limits_parse(limits, text, strlen(text));
	else if (per_minute > 0)
		(void)vg_limits_per_minute(limits, per_minute);
}

void
vg_quota_setup(const struct vg_settings *s)
{
	quota.on = s->rate_limit;
	quota.settings = s;
	limits_read(&quota.of[VG_QUOTA_MAIN], "", s->rate_per_minute);
	limits_read(&quota.of[VG_QUOTA_SESSION], s->rate_session,
	    s->rate_per_minute);
	limits_read(&quota.of[VG_QUOTA_VOICE], s->rate_voice,
	    s->rate_per_minute);
	limits_read(&quota.of[VG_QUOTA_LIGHT], "", s->rate_health_per_minute);
	limits_read(&quota.of[VG_QUOTA_HEALTH], s->rate_health,
	    s->rate_health_per_minute);
	limits_read(&quota.of[VG_QUOTA_AUDIO], s->rate_audio,
	    s->rate_health_per_minute);
	limits_read(&quota.all, s->rate_all, 0);
}

static const struct vg_limits *
limits_own(const struct vg_route *route)
{
	size_t	i;

	for (i = 0; i < quota.nown; i++) {
		if (quota.own[i].route == route)
			return (&quota.own[i].limits);
	}
	return (NULL);
}

int
vg_quota_check(const struct vg_route *route)
{
	struct vg_limits	limits;
	char			text[VG_RATELIMIT_POLICY_SIZE];

	if (route->quota == VG_QUOTA_NONE)
		return (0);
	/* A class is a name that the fields can bear. */
	(void)vg_limits_per_minute(&limits, 1);
	if (route->class == NULL || !strcmp(route->class, CLASS_ALL) ||
	    vg_ratelimit_policy(text, sizeof(text), route->class, &limits) == -1)
		return (-1);
	if (route->quota != VG_QUOTA_OWN)
		return (route->limits == NULL ? 0 : -1);
	if (limits_own(route) != NULL)
		return (0);	/* one more line of the conf */
	if (route->limits == NULL || quota.nown == OWN_MAX ||
	    vg_limits_parse(&limits, route->limits,
	    strlen(route->limits)) == -1)
		return (-1);
	quota.own[quota.nown].route = route;
	quota.own[quota.nown++].limits = limits;
	return (0);
}

/* What a key's own limit stands in for. */
static bool
is_main(enum vg_quota_setting of)
{
	return (of == VG_QUOTA_MAIN || of == VG_QUOTA_SESSION ||
	    of == VG_QUOTA_VOICE);
}

size_t
vg_gate_subjects(const struct vg_request *r, struct vg_limit_subject *subject)
{
	const struct vg_route	*route = r->route;
	const char		*client = r->client;

	/* A key's user is counted wherever they are, their address is not. */
	if (r->key.id[0] != '\0')
		client = r->key_client;
	if (!quota.on || route->quota == VG_QUOTA_NONE)
		return (0);
	subject[0].client = client;
	subject[0].name = route->class;
	subject[0].limits = route->quota == VG_QUOTA_OWN ? limits_own(route) :
	    &quota.of[route->quota];
	if (r->key_limits.count > 0 && is_main(route->quota))
		subject[0].limits = &r->key_limits;
	if (quota.all.count == 0)
		return (1);
	subject[1].client = client;
	subject[1].name = CLASS_ALL;
	subject[1].limits = &quota.all;
	return (2);
}

int64_t
vg_gate_cost(const struct vg_route *route)
{
	return (route->cost == NULL ? 1 : route->cost(quota.settings));
}
