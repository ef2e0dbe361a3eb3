/*
 * The process: settings, listeners, workers, sandbox, signals.
 *
 * Kore calls, in this order: kore_parent_configure() in the parent, before it
 * parses the embedded conf, forks, changes root or user; in each worker
 * kore_seccomp_hook() as the sandbox closes, and kore_worker_configure() after
 * that; kore_worker_teardown() at the worker's end, kore_parent_teardown() at
 * that of everything. Whatever may block or needs a file (settings, schema,
 * folders, certificates, names of hosts) is done in the first; nothing after it
 * waits for anything.
 */

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/curl.h>
#include <kore/seccomp.h>


#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <libpsl.h>

#include "alerting.h"
#include "core/uuid.h"
#include "core/version.h"
#include "edge/edge.h"
#include "edge/edge_seccomp.h"
#include "gate/files.h"
#include "gate/gate.h"
#include "gate/inflight.h"
#include "gate/logger.h"
#include "gate/logsink.h"
#include "gate/webfiles.h"
#include "options.h"
#include "runstate.h"
#include "store/sandbox.h"
#include "store/store.h"
#include "upstream/upstream.h"

#define LOG_FLUSH_MS		100	/* how long an access line may wait */
#define MSG_WORKER_READY	200	/* KORE_MSG: worker to parent */
#define MSG_RELOAD		201	/* KORE_MSG: parent to worker */
#define DESCRIPTORS_SPARE	256	/* beside uploads: replies, providers, database */

void	kore_parent_configure(int, char **);
void	kore_parent_teardown(void);
void	kore_worker_configure(void);
void	kore_worker_teardown(void);
void	kore_seccomp_hook(void);
int	vg_validate_uuid(struct http_request *, char *);
static void	reload(struct kore_msg *, const void *);
void	__wrap_kore_module_reload(int);
void	__wrap_kore_platform_sandbox(void);
void	__real_kore_platform_sandbox(void);

static struct {
	struct vg_settings	settings;
	struct vg_options	options;
	int64_t			workers_ready;
	bool			connected;	/* worker: told the parent */
} process;

/*
 * Beyond Kore's filter and what store, edge and upstream bring:
 *	linkat, unlinkat		a reply gets its name, and loses it
 *	getdents64, newfstatat		the janitor looks through its folders;
 *					a file's size
 */
static struct sock_filter	filter[] = {
	VG_STORE_SECCOMP_RULES,
	VG_EDGE_SECCOMP,
	KORE_SYSCALL_ALLOW(linkat),
	KORE_SYSCALL_ALLOW(unlinkat),
	KORE_SYSCALL_ALLOW(getdents64),
	KORE_SYSCALL_ALLOW(newfstatat),
};

/*
 * In each process, privileges dropped (which undoes what vg_edge_orphan() asked
 * for at the fork), before its sandbox closes. Not in the hook below, which the
 * keymgr does not get to: it has no module any more to look for it in.
 */
void
__wrap_kore_platform_sandbox(void)
{
	vg_edge_orphan();
	vg_runstate_child();
	__real_kore_platform_sandbox();
}

void
kore_seccomp_hook(void)
{
	(void)kore_seccomp_filter("voicegate", filter, KORE_FILTER_LEN(filter));
	vg_upstream_seccomp();
}

/* The conf's v_uuid: what names a session. */
int
vg_validate_uuid(struct http_request *req, char *value)
{
	(void)req;
	return (vg_uuid4_parse(NULL, value, strlen(value)) == 0 ?
	    KORE_RESULT_OK : KORE_RESULT_ERROR);
}

static const struct vg_edge_hooks	hooks = {
	.header = vg_gate_header,
	.refuse = vg_gate_refuse,
	.give_up = vg_gate_give_up,
	.trusted = vg_gate_trusted
};

static void
edge_limits(struct vg_edge_limits *limits, const struct vg_settings *s)
{
	int64_t	workers = s->workers > 0 ? s->workers : 1;

	vg_edge_limits_default(limits);
	limits->header_ms = (uint64_t)s->header_timeout_s * 1000;
	limits->handshake_ms = limits->header_ms;
	limits->body_ms = (uint64_t)s->body_timeout_s * 1000;
	limits->idle_ms = (uint64_t)s->idle_timeout_s * 1000;
	limits->drain_ms = (uint64_t)s->drain_s * 1000;
	limits->rate_min = (uint64_t)s->min_body_rate;
	limits->connections = (uint32_t)((s->max_connections + workers - 1) /
	    workers);
	limits->per_client = (uint32_t)s->max_connections_per_client;
	limits->requests = (uint32_t)s->max_requests_per_connection;
	limits->ipv6_bits = (uint32_t)s->rate_ipv6_prefix;
}

/* One line on standard error. EX_UNAVAILABLE: it may come right by itself. */
static void
refuse_start(int status, const char *why)
{
	fprintf(stderr, "error: %s\n", why);
	exit(status);
}

static void
ready(struct kore_msg *msg, const void *data)
{
	const struct vg_settings	*s = &process.settings;
	char				url[128];

	(void)msg;
	(void)data;
	if (++process.workers_ready != s->workers)
		return;
	(void)snprintf(url, sizeof(url), strchr(s->host, ':') != NULL ?
	    "%s://[%s]:%d" : "%s://%s:%d", s->tls_cert_file[0] != '\0' ?
	    "https" : "http", s->host, (int)s->port);
	vg_log_str(VG_LOG_NOTICE, "ready", "url", url);
	vg_runstate_ready(url);
	vg_options_notify("READY=1");
}

void
kore_parent_configure(int argc, char **argv)
{
	const struct vg_settings	*s = &process.settings;
	struct vg_edge_limits		limits;
	const char			*why = "";
	char				error[VG_STORE_ERROR_SIZE];
	bool				tls;
	uid_t				uid;
	int				status;

	vg_options_parse(&process.options, &argc, argv);
	kore_default_getopt(argc, argv);
	if (process.options.print_setting != NULL)
		vg_options_print(&process.options);
	uid = vg_options_settings(&process.options, &process.settings);
	vg_logsink_open();
	vg_log_setup((enum vg_log_level)s->log_level,
	    (enum vg_log_format)s->log_format);
	vg_options_act(&process.options, &process.settings);

	/* Before another's files are swept. */
	if ((status = vg_runstate_take(&process.options, error,
	    sizeof(error))) != 0)
		refuse_start(status, error);
	if (vg_files_prepare(s, uid, error, sizeof(error)) == -1)
		refuse_start(EX_CONFIG, error);
	/* Its address was checked: its name is not known, now. */
	if (vg_store_prepare(s, error, sizeof(error)) == -1)
		refuse_start(EX_UNAVAILABLE, error);
	if (vg_upstream_parent_init(s, NULL, vg_alerts_provider, &why) == -1)
		refuse_start(EX_CONFIG, why);

	vg_headers_setup(s);
	vg_webfiles_prepare();
	worker_count = (u_int8_t)s->workers;
	worker_set_affinity = 0;	/* the kernel knows better on a shared machine */
	kore_pidfile = process.options.pid_file;
	edge_limits(&limits, s);
	if (vg_edge_init(&limits, &hooks) == -1 || vg_inflight_create() == -1)
		refuse_start(EX_OSERR, "not enough memory");
	worker_rlimit_nofiles = vg_edge_descriptors() + DESCRIPTORS_SPARE +
	    (u_int32_t)s->max_uploads;
	tls = s->tls_cert_file[0] != '\0';
	if (vg_edge_listen("door", s->host, (uint16_t)s->port, tls, error,
	    sizeof(error)) == -1 ||
	    (tls && s->http_redirect_port > 0 && vg_edge_listen_redirect("redirect",
	    s->host, (uint16_t)s->http_redirect_port, (uint16_t)s->port, error,
	    sizeof(error)) == -1))
		refuse_start(EX_UNAVAILABLE, error);
	(void)kore_msg_register(MSG_WORKER_READY, ready);
	vg_log_flush();
}

/*
 * Every child has ended. Kore's own end would be with 0, whatever it was; and
 * what it has not yet given back of its memory goes with the process.
 */
void
kore_parent_teardown(void)
{
	vg_runstate_end();
	if (!vg_edge_failed())
		return;
	vg_log_flush();
	_exit(EX_SOFTWARE);
}

static void
flush_log(void *arg, u_int64_t now)
{
	(void)arg;
	(void)now;
	vg_log_flush();
}

static void
store_state(void *arg, bool connected)
{
	(void)arg;
	if (connected && !process.connected) {
		process.connected = true;
		kore_msg_send(KORE_MSG_PARENT, MSG_WORKER_READY, NULL, 0);
	}
}

static void
store_log(void *arg, enum vg_log_level level, const char *msg)
{
	(void)arg;
	vg_log_say(level, msg);
}

static void
session_ended(void *arg, const char *id, const char (*audio)[VG_UUID_SIZE],
    size_t naudio)
{
	(void)arg;
	(void)id;
	vg_files_remove(audio, naudio);
}

static void
resync(void *arg)
{
	(void)arg;
	vg_files_resync();
}

/* What a worker's door and providers take of the settings, at start and later. */
static void
door_and_providers(const struct vg_settings *settings)
{
	struct vg_edge_limits	limits;
	const char		*why = "";

	edge_limits(&limits, settings);
	vg_edge_set_limits(&limits);
	if (vg_upstream_reload(settings, &why) == -1)
		vg_log_str(VG_LOG_ERROR, "providers kept", "reason", why);
}

void
kore_worker_configure(void)
{
	static const struct vg_store_hooks	store_hooks = {
		.state = store_state,
		.log = store_log,
		.session_ended = session_ended,
		.resync = resync,
		.alert = vg_alerts_take
	};

	if (vg_gate_init(&process.settings) == -1)
		fatal("the worker cannot start");
	/* A worker that died is started anew by a parent that may have reloaded. */
	door_and_providers(&process.settings);
	if (vg_upstream_worker_init() == -1 ||
	    vg_store_start(&process.settings, &store_hooks) == -1)
		fatal("the worker cannot start");
	(void)kore_msg_register(MSG_RELOAD, reload);
	vg_inflight_worker();
	vg_files_start();
	(void)kore_timer_add(flush_log, LOG_FLUSH_MS, NULL, 0);
}

void
kore_worker_teardown(void)
{
	vg_store_stop();
	vg_upstream_worker_cleanup();
	vg_log_flush();
}

static void
take(struct vg_settings *next)
{
	struct vg_edge_limits	limits;

	if (worker != NULL) {
		door_and_providers(next);
		vg_store_reload(next);
	} else {
		/* How long the parent waits for workers that drain. */
		edge_limits(&limits, next);
		vg_edge_set_limits(&limits);
	}
	vg_log_setup((enum vg_log_level)next->log_level,
	    (enum vg_log_format)next->log_format);
	vg_settings_free(&process.settings);
	process.settings = *next;
	if (worker != NULL) {
		vg_gate_reload(&process.settings);
		/* Each worker is told; the first says so. Kore counts from 1. */
		if (worker->id == 1)
			vg_event(VG_EVENT_CONFIGURATION_CHANGED, NULL, NULL,
			    NULL, NULL);
	}
	vg_log_say(VG_LOG_NOTICE, "settings reloaded");
}

/* In a worker: what the parent read, of files that only it may read. */
static void
reload(struct kore_msg *msg, const void *data)
{
	struct vg_settings	next;
	struct vg_settings_seen	seen = { 0 };

	if ((seen.bytes = malloc(msg->length)) == NULL)
		return;
	memcpy(seen.bytes, data, msg->length);
	seen.len = seen.size = msg->length;
	if (vg_options_reload(&process.options, &process.settings, &next, &seen,
	    true) == 0)
		take(&next);
	vg_settings_seen_free(&seen);
}

/* kore_msg_send() is for workers: the parent writes to each by itself. */
static void
tell_workers(const struct vg_settings_seen *seen)
{
	struct kore_msg		msg = { 0 };
	struct kore_worker	*kw;
	u_int8_t		index;

	for (index = KORE_WORKER_BASE; index < worker_count; index++) {
		kw = kore_worker_data(index);
		if (!kw->running || kw->msg[0] == NULL)
			continue;
		msg.id = MSG_RELOAD;
		msg.src = KORE_MSG_PARENT;
		msg.dst = kw->id;
		msg.length = seen->len;
		net_send_queue(kw->msg[0], &msg, sizeof(msg));
		net_send_queue(kw->msg[0], seen->bytes, seen->len);
		(void)net_send_flush(kw->msg[0]);
	}
}

/*
 * SIGHUP: Kore has no modules to load anew in a single executable, so this is
 * the place to read the settings again. The parent reads, since workers may not
 * (a secret's file belongs to root), and tells them what it read. What cannot
 * change without a restart stays, and the log says so.
 */
void
__wrap_kore_module_reload(int callbacks)
{
	struct vg_settings	next;
	struct vg_settings_seen	seen = { 0 };

	(void)callbacks;
	if (worker != NULL)
		return;
	if (vg_options_reload(&process.options, &process.settings, &next, &seen,
	    false) == 0) {
		tell_workers(&seen);
		take(&next);
	}
	vg_settings_seen_free(&seen);
}
