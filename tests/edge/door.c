/*
 * A small application behind the door, to test the door alone: it is built by
 * kodev as voicegate is, from src/edge, the part of src/core that it needs, and
 * this file (tests/edge/stage.sh). DOOR_* in the environment sets limits.
 *
 *	/health			200 "ok"
 *	/echo			what the request was read as, one item a line
 *	/worker			the id of the worker
 *	/counts			the door's numbers, one a line
 *	/slow?MS		200 after MS milliseconds
 *	/big			8 MiB
 *	/upload...		counts the body's bytes; a chunk that begins with
 *				"!" is refused with 415; /upload-file also writes
 *				it to a nameless file
 *	/stop			the body is stopped with 429 100 ms after the head
 *	/refuse, /answer	the hook's decisions, for requests with a body
 *	/none			a handler that forgets to answer
 *	/queue			a response that is queued by the handler itself
 *	everything else		200, a body of up to 64 KiB kept in memory
 */

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/seccomp.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/edge.h"
#include "edge/edge_seccomp.h"

#define BODY_MAX	67108864	/* bytes, /upload */
#define MEMORY_MAX	65536		/* bytes, the others */
#define BIG_SIZE	8388608		/* bytes */
#define STOP_MS		100

struct state {
	struct vg_body_memory	memory;
	uint64_t		bytes;
	int			fd;
	int			ends;
	int			aborts;
	bool			woken;
};

void	kore_parent_configure(int, char **);
int	door_any(struct http_request *);
void	kore_seccomp_hook(void);

KORE_SECCOMP_FILTER("door", VG_EDGE_SECCOMP)

static unsigned	ended[VG_BODY_GONE + 1];	/* bodies, by their end */
static unsigned	twice;				/* ended more than once */

static int
upload_data(void *arg, const uint8_t *bytes, size_t len,
    struct vg_edge_refusal *why)
{
	struct state	*s = arg;

	s->bytes += len;
	if (bytes[0] == '!') {
		why->status = 415;
		why->word = "unsupported_media_type";
		return (-1);
	}
	if (s->fd != -1 && write(s->fd, bytes, len) != (ssize_t)len) {
		why->status = 503;
		why->word = "storage_unavailable";
		return (-1);
	}
	return (0);
}

static void
upload_end(void *arg)
{
	struct state	*s = arg;

	s->ends++;
	ended[VG_BODY_COMPLETE]++;
}

static void
upload_abort(void *arg, enum vg_body_end why)
{
	struct state	*s = arg;

	s->aborts++;
	ended[why]++;
}

static const struct vg_body_sink	upload = {
	upload_data, upload_end, upload_abort
};

static void
state_free(struct http_request *req)
{
	struct state	*s = http_state_get(req);

	if (s->ends + s->aborts > 1)
		twice++;
	if (s->fd > 0)
		(void)close(s->fd);
	vg_body_memory_free(&s->memory);
}

static bool
path_is(const struct http_request *req, const char *prefix)
{
	return (strncmp(req->path, prefix, strlen(prefix)) == 0);
}

static void
stop_later(void *arg, u_int64_t now)
{
	(void)now;
	vg_edge_body_stop(arg, 429, "rate_limited", NULL);
}

static enum vg_edge_decision
header(struct vg_edge_request *er)
{
	struct state	*s;

	if (er->head->content_length == 0)
		return (VG_EDGE_RECEIVE);

	s = http_state_create(er->req, sizeof(*s), state_free);
	s->fd = -1;
	if (path_is(er->req, "/refuse")) {
		er->refusal.status = 403;
		er->refusal.word = "forbidden";
		return (VG_EDGE_REFUSE);
	}
	if (path_is(er->req, "/answer"))
		return (VG_EDGE_ANSWER);

	er->body_limit = BODY_MAX;
	if (path_is(er->req, "/upload") || path_is(er->req, "/stop")) {
		if (path_is(er->req, "/upload-file"))
			s->fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (path_is(er->req, "/stop"))
			kore_timer_add(stop_later, STOP_MS, er->req,
			    KORE_TIMER_ONESHOT);
		er->sink = &upload;
		er->sink_arg = s;
	} else {
		er->body_limit = 1048576;
		s->memory.limit = MEMORY_MAX;
		er->sink = &vg_body_memory_sink;
		er->sink_arg = &s->memory;
	}

	return (VG_EDGE_RECEIVE);
}

static size_t
refuse(struct connection *c, const struct vg_edge_refusal *r, char *buf,
    size_t size)
{
	char	content[256], retry[32] = "";
	int	n;

	(void)c;
	n = snprintf(content, sizeof(content), "{\"status\":%d,\"error\":\"%s\"}",
	    r->status, r->word);
	if (r->retry_after != 0)
		(void)snprintf(retry, sizeof(retry), "Retry-After: %u\r\n",
		    r->retry_after);
	n = snprintf(buf, size, "HTTP/1.1 %d Refused\r\nX-Door: %s\r\n%s%s"
	    "Connection: close\r\nContent-Length: %d\r\n\r\n%s", r->status,
	    r->word, retry, r->fields != NULL ? r->fields : "", n,
	    r->head_only ? "" : content);
	return ((n > 0 && (size_t)n < size) ? (size_t)n : 0);
}

static const struct vg_edge_hooks	hooks = {
	.header = header, .refuse = refuse
};

static int
number(const char *name, int otherwise)
{
	const char	*value = getenv(name);

	return (value != NULL ? atoi(value) : otherwise);
}

void
kore_parent_configure(int argc, char **argv)
{
	struct vg_edge_limits	l;
	const char		*cert = getenv("DOOR_CERT");
	char			err[512];
	uint16_t		port = (uint16_t)number("DOOR_PORT", 18080);
	uint16_t		redirect = (uint16_t)number("DOOR_REDIRECT", 0);

	kore_default_getopt(argc, argv);
	vg_edge_limits_default(&l);
	l.header_ms = (uint64_t)number("DOOR_HEADER_MS", (int)l.header_ms);
	l.body_ms = (uint64_t)number("DOOR_BODY_MS", (int)l.body_ms);
	l.idle_ms = (uint64_t)number("DOOR_IDLE_MS", (int)l.idle_ms);
	l.stall_ms = (uint64_t)number("DOOR_STALL_MS", (int)l.stall_ms);
	l.drain_ms = (uint64_t)number("DOOR_DRAIN_MS", (int)l.drain_ms);
	l.handshake_ms = (uint64_t)number("DOOR_HANDSHAKE_MS",
	    (int)l.handshake_ms);
	l.rate_min = (uint64_t)number("DOOR_RATE", (int)l.rate_min);
	l.connections = (uint32_t)number("DOOR_CONNECTIONS", 1000);
	l.per_client = (uint32_t)number("DOOR_PER_CLIENT", 0);
	l.requests = (uint32_t)number("DOOR_REQUESTS", 0);
	if (vg_edge_init(&l, &hooks) == -1)
		fatalx("no memory");

	worker_count = (uint8_t)number("DOOR_WORKERS", 2);
	worker_rlimit_nofiles = vg_edge_descriptors() +
	    (uint32_t)number("DOOR_FILES", 256);
	http_server_version("door");
	if (cert != NULL && vg_edge_tls(cert, getenv("DOOR_KEY"), err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	if (vg_edge_listen("door", "127.0.0.1", port, cert != NULL, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	if (redirect != 0 && vg_edge_listen_redirect("redirect", "127.0.0.1",
	    redirect, port, err, sizeof(err)) == -1)
		fatalx("%s", err);
}

static void
answer(struct http_request *req, int status, const char *text)
{
	http_response(req, status, text, strlen(text));
}

static void
counts(struct http_request *req)
{
	struct vg_edge_counts	k;
	char			text[1024];

	/* Not counting the one that asks. */
	vg_edge_counts(&k);
	(void)snprintf(text, sizeof(text), "worker %u\naccepted %llu\n"
	    "turned_away %llu\nrequests %llu\nrefused %llu\ntimeouts %llu\n"
	    "surplus %llu\nconnections %u\nbodies %u\nkore_connections %u\n"
	    "kore_requests %u\ncomplete %u\nbody_refused %u\nbody_timeout %u\n"
	    "body_cut %u\nbody_gone %u\ntwice %u\n", worker->id,
	    (unsigned long long)k.accepted, (unsigned long long)k.turned_away,
	    (unsigned long long)k.requests, (unsigned long long)k.refused,
	    (unsigned long long)k.timeouts, (unsigned long long)k.surplus,
	    k.connections - 1, k.bodies, worker_active_connections - 1,
	    http_request_count - 1, ended[VG_BODY_COMPLETE], ended[VG_BODY_REFUSED],
	    ended[VG_BODY_TIMEOUT], ended[VG_BODY_CUT], ended[VG_BODY_GONE],
	    twice);
	answer(req, 200, text);
}

static void
echo(struct http_request *req)
{
	struct state	*s = http_state_exists(req) ? http_state_get(req) : NULL;
	const char	*last, *value;
	char		text[1024];
	size_t		index = 0, n = 0;

	if (!http_request_header(req, "x-last", &last))
		last = "";
	while ((value = vg_edge_header_next(req, "x-many", &index)) != NULL)
		n += strlen(value);
	(void)snprintf(text, sizeof(text), "%s\n%.100s\n%.100s\n%.100s\n"
	    "%.100s\n%zu\n%.400s\n", http_method_text(req->method), req->path,
	    req->query_string != NULL ? req->query_string : "-", req->host,
	    last, n, s != NULL && s->memory.bytes != NULL ? s->memory.bytes :
	    "");
	answer(req, 200, text);
}

static void
queue(struct http_request *req)
{
	struct connection	*c = req->owner;
	char			text[128];
	int			n;

	n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s"
	    "Content-Length: 6\r\n\r\nqueued", vg_edge_must_close(req) ?
	    "Connection: close\r\n" : "");
	net_send_queue(c, text, (size_t)n);
	req->status = 200;
	vg_edge_answered(req);
}

static void
wake(void *arg, u_int64_t now)
{
	(void)now;
	http_request_wakeup(arg);
}

static int
slow(struct http_request *req)
{
	struct state	*s;

	if (!http_state_exists(req)) {
		s = http_state_create(req, sizeof(*s), NULL);
		http_request_sleep(req);
		kore_timer_add(wake, (uint64_t)atoi(req->query_string), req,
		    KORE_TIMER_ONESHOT);
		return (KORE_RESULT_RETRY);
	}
	answer(req, 200, "slow");
	return (KORE_RESULT_OK);
}

int
door_any(struct http_request *req)
{
	static char		big[BIG_SIZE];
	struct vg_edge_request	*er = vg_edge_of(req);
	struct state		*s;
	char			text[64];

	if (er != NULL && er->refusal.status != 0) {
		answer(req, er->refusal.status, er->refusal.word);
		return (KORE_RESULT_OK);
	}
	if (path_is(req, "/none"))
		return (KORE_RESULT_OK);
	if (path_is(req, "/slow"))
		return (slow(req));

	if (path_is(req, "/counts")) {
		counts(req);
	} else if (path_is(req, "/echo")) {
		echo(req);
	} else if (path_is(req, "/queue")) {
		queue(req);
	} else if (path_is(req, "/big")) {
		http_response_stream(req, 200, big, sizeof(big), NULL, NULL);
	} else if (path_is(req, "/worker")) {
		(void)snprintf(text, sizeof(text), "%u", worker->id);
		answer(req, 200, text);
	} else if (path_is(req, "/upload") && http_state_exists(req)) {
		s = http_state_get(req);
		(void)snprintf(text, sizeof(text), "%llu %d %d",
		    (unsigned long long)s->bytes, s->ends, s->aborts);
		answer(req, 200, text);
	} else {
		answer(req, 200, "ok");
	}

	return (KORE_RESULT_OK);
}
