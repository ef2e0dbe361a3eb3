/*
 * Setting up: limits, listening sockets, and what of Kore's own limits would
 * otherwise come before ours. Kore binds what its conf says; here the addresses
 * come from the settings, which are known before the conf is parsed.
 *
 * Two processes that share a port by SO_REUSEPORT would take turns with an
 * older one's clients; it is not set, so a port in use is an error, said at the
 * start.
 */

#include <stdio.h>
#include <string.h>

#include "edge/edge_int.h"

#define REDIRECTS_MAX	8		/* listening sockets that redirect */
#define HEAD_SLACK	64		/* bytes: line ends, and one too many */
#define SPARE_FDS	16		/* the message channel, logs and the like */
#define KEEPALIVE_S	60		/* what Kore tells; our deadline is ours */
#define NO_PAUSE_MS	UINT32_MAX	/* of handlers in one turn */

struct vg_door	vg_door;

static struct {
	const struct kore_server	*server;
	uint16_t			https_port;
} redirects[REDIRECTS_MAX];

void
vg_edge_limits_default(struct vg_edge_limits *l)
{
	memset(l, 0, sizeof(*l));
	l->head = vg_head_limits_default;
	l->header_ms = VG_EDGE_HEADER_MS;
	l->body_ms = VG_EDGE_BODY_MS;
	l->idle_ms = VG_EDGE_IDLE_MS;
	l->handshake_ms = VG_EDGE_HANDSHAKE_MS;
	l->stall_ms = VG_EDGE_STALL_MS;
	l->drain_ms = VG_EDGE_DRAIN_MS;
	l->rate_min = VG_EDGE_RATE_MIN;
	l->connections = VG_EDGE_CONNECTIONS;
	l->per_client = VG_EDGE_PER_CLIENT;
	l->requests = VG_EDGE_REQUESTS;
	l->ipv6_bits = 64;
}

void
vg_edge_set_limits(const struct vg_edge_limits *limits)
{
	struct vg_head_limits	head = vg_door.limits.head;
	uint32_t		most = vg_door.limits.connections;

	vg_door.limits = *limits;
	/* What memory and pools were made for. */
	vg_door.limits.head = head;
	if (vg_door.limits.connections > most)
		vg_door.limits.connections = most;
}

int
vg_edge_init(const struct vg_edge_limits *limits,
    const struct vg_edge_hooks *hooks)
{
	struct vg_head	probe;

	memset(&vg_door, 0, sizeof(vg_door));
	vg_door.limits = *limits;
	if (hooks != NULL)
		vg_door.hooks = *hooks;

	/* The parser clamps them: ask it what it will take. */
	vg_head_init(&probe, &limits->head);
	vg_door.head_size = probe.limits.request_line + probe.limits.section +
	    HEAD_SLACK;

	worker_max_connections = vg_edge_descriptors();
	http_request_limit = worker_max_connections;
	http_request_ms = NO_PAUSE_MS;
	http_header_max = 1;
	http_body_disk_offload = 0;
	http_hsts_enable = 0;
	http_keepalive_time = KEEPALIVE_S;

	return (vg_table_create());
}

uint32_t
vg_edge_descriptors(void)
{
	return (vg_door.limits.connections + VG_EDGE_OVERFLOW + VG_EDGE_TOLD +
	    SPARE_FDS);
}

static int
server_bind(struct kore_server **out, const char *name, const char *host,
    uint16_t port, bool tls, char *err, size_t errsize)
{
	struct kore_server	*server;
	char			text[8];

	if ((server = kore_server_lookup(name)) == NULL) {
		server = kore_server_create(name);
		server->tls = tls;
	}
	(void)snprintf(text, sizeof(text), "%u", port);
	if (!kore_server_bind(server, host, text, NULL)) {
		(void)snprintf(err, errsize, "cannot listen on %s port %u: %s",
		    host, port, errno_s);
		return (-1);
	}

	*out = server;
	return (0);
}

int
vg_edge_listen(const char *name, const char *host, uint16_t port, bool tls,
    char *err, size_t errsize)
{
	struct kore_server	*server;

	return (server_bind(&server, name, host, port, tls, err, errsize));
}

int
vg_edge_listen_redirect(const char *name, const char *host, uint16_t port,
    uint16_t https_port, char *err, size_t errsize)
{
	struct kore_server	*server;
	size_t			i;

	if (server_bind(&server, name, host, port, false, err, errsize) == -1)
		return (-1);
	for (i = 0; i < REDIRECTS_MAX; i++) {
		if (redirects[i].server != NULL)
			continue;
		redirects[i].server = server;
		redirects[i].https_port = https_port;
		return (0);
	}

	(void)snprintf(err, errsize, "more than %d redirecting ports",
	    REDIRECTS_MAX);
	return (-1);
}

/* 0: a server that serves. */
uint16_t
vg_setup_https_port(const struct kore_server *server)
{
	size_t	i;

	for (i = 0; i < REDIRECTS_MAX && redirects[i].server != NULL; i++) {
		if (redirects[i].server == server)
			return (redirects[i].https_port);
	}
	return (0);
}

/*
 * In a new worker, after fork and sandbox, before Kore decides whether its
 * workers take turns to accept: they do not where there are no listeners.
 */
void
vg_setup_worker(void)
{
	struct kore_server	*server;
	struct listener		*l;

	if (vg_door.head_size == 0)
		fatal("vg_edge_init() was not called");

	vg_door.worker = true;
	vg_table_worker(worker->id);
	nlisteners = 0;
	LIST_FOREACH(server, &kore_servers, list) {
		LIST_FOREACH(l, &server->listeners, list)
			l->evt.handle = vg_accept_event;
	}
}

void
vg_edge_counts(struct vg_edge_counts *counts)
{
	*counts = vg_door.counts;
}
