/*
 * Is each provider there? For the health answer.
 *
 * The health route is asked by load balancers, often, and must neither wait for
 * a provider nor hammer it. So one worker asks each provider now and then, for
 * the one thing that costs nothing everywhere (GET /v1/models), and leaves the
 * result in the shared page. Which worker does it is settled anew each time: the
 * first that sees that it is due. None has to be alive for the others to go on.
 *
 * An answer of any kind but a failing server's means that the provider is there,
 * but for one: a key that is refused makes it as good as absent.
 */

#include <stdio.h>
#include <string.h>

#include <kore/kore.h>

#include "upstream/exchange.h"
#include "upstream/probe.h"
#include "upstream/upshared.h"

#define TICK_MS		1000	/* milliseconds */
#define ANSWER_MAX	65536	/* bytes; nobody reads them */
#define PROBE_PATH	"/v1/models"

struct probe {
	enum vg_up_kind	kind;
	struct vg_call	*call;
};

static void	on_tick(void *, uint64_t);
static void	probe_start(struct probe *);
static void	on_answer(const struct vg_call_result *, void *);

static struct probe		probes[VG_UP_KINDS];
static struct kore_timer	*timer;

void
vg_probe_init(void)
{
	int	i;

	for (i = 0; i < VG_UP_KINDS; i++) {
		probes[i].kind = (enum vg_up_kind)i;
		probes[i].call = NULL;
	}

	timer = kore_timer_add(on_tick, TICK_MS, NULL, 0);
	on_tick(NULL, kore_time_ms());
}

void
vg_probe_cleanup(void)
{
	int	i;

	if (timer != NULL)
		kore_timer_remove(timer);
	timer = NULL;

	for (i = 0; i < VG_UP_KINDS; i++) {
		vg_call_cancel(probes[i].call);
		probes[i].call = NULL;
	}
}

void
vg_probe_restart(void)
{
	if (timer == NULL)
		return;

	vg_probe_cleanup();
	vg_probe_init();
}

static void
on_tick(void *arg, uint64_t now)
{
	int	i;

	(void)arg;
	for (i = 0; i < VG_UP_KINDS; i++) {
		if (probes[i].call == NULL && vg_upshared_probe_due(
		    probes[i].kind, now, VG_PROBE_INTERVAL_MS))
			probe_start(&probes[i]);
	}
}

static void
probe_start(struct probe *probe)
{
	const struct vg_provider	*p;
	struct vg_call_spec		spec;
	char				url[VG_CALL_URL_MAX];
	int				n;

	p = vg_provider(probe->kind);
	n = snprintf(url, sizeof(url), "%s%s", p->base_url, PROBE_PATH);
	if (n < 0 || (size_t)n >= sizeof(url))
		return;

	memset(&spec, 0, sizeof(spec));
	spec.url = url;
	spec.key = p->nkeys > 0 ?
	    p->key[vg_upshared_key(probe->kind, p->mark) % p->nkeys] : "";
	spec.get = true;
	spec.upload.fd = -1;
	spec.out_fd = -1;
	spec.answer_max = ANSWER_MAX;
	spec.timeout_ms = VG_PROBE_TIMEOUT_MS;

	probe->call = vg_call_start(&spec, on_answer, probe);
}

static void
on_answer(const struct vg_call_result *r, void *arg)
{
	struct probe	*probe;
	bool		there;

	probe = arg;
	probe->call = NULL;

	there = r->status >= 200 && r->status < 500 &&
	    r->status != 401 && r->status != 403;
	vg_upshared_set_health(probe->kind,
	    there ? VG_UP_CONNECTED : VG_UP_DISCONNECTED, kore_time_ms());
}
