/*
 * From libmicrohttpd's callbacks to the routes.  A request is received, then it
 * is answered at once or waits, suspended, for a worker; here is what holds
 * for all of them: who may ask, how much may be sent, how a refusal reaches the
 * client.
 *
 * Only programs of this machine may ask, and not the pages that its browser
 * shows: a request that names an Origin, or a Host that is not this machine
 * (DNS rebinding), is refused.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "speech/front_int.h"
#include "speech/slog.h"

static void	health(struct vg_request *);
static void	models(struct vg_request *);

static const struct vg_route	route_health = {
	.path = "/health", .method = "GET", .finish = health,
};

static const struct vg_route	route_models = {
	.path = "/v1/models", .method = "GET", .finish = models,
};

static const struct vg_route *const	routes[] = {
	&vg_route_transcribe, &vg_route_chat, &vg_route_speak, &route_models,
	&route_health,
};

/* {"decode":2,"stt":1,"tts":2} */
static json_t *
counts(const struct vg_front *f, int busy)
{
	json_t		*root = json_object();
	unsigned int	 p;

	for (p = 0; p < VG_POOLS; p++)
		(void)json_object_set_new(root, vg_pool_name((enum vg_pool)p),
		    json_integer(vg_dispatch_count(f, (enum vg_pool)p, busy)));
	return (root);
}

static void
health(struct vg_request *r)
{
	if (r->f->draining)
		vg_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "draining",
		    "The server is shutting down.");
	else if (!r->f->ready)
		vg_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "starting",
		    "The server is starting.");
	else
		vg_answer_json(r, json_pack("{s:s, s:o, s:o}", "status", "ok",
		    "workers", counts(r->f, 0), "busy", counts(r->f, 1)));
}

static void
models(struct vg_request *r)
{
	static const char *const names[] = { VG_MODEL_STT, VG_MODEL_CHAT,
	    VG_MODEL_TTS };
	json_t	*list = json_array();
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)json_array_append_new(list, json_pack(
		    "{s:s, s:s, s:i, s:s}", "id", names[i], "object", "model",
		    "created", 0, "owned_by", "voicegate"));
	vg_answer_json(r, json_pack("{s:s, s:o}", "object", "list", "data",
	    list));
}

/* "localhost", "127.0.0.1", "[::1]", each with or without a port. */
static int
host_is_here(const char *host)
{
	size_t	len;

	if (host == NULL)
		return (1);
	if (host[0] == '[')
		return (strncmp(host, "[::1]", 5) == 0 &&
		    (host[5] == '\0' || host[5] == ':'));
	len = strcspn(host, ":");
	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return (1);
	return (strncmp(host, "127.", 4) == 0 &&
	    strspn(host, "0123456789.") == len);
}

static const char *
header(const struct vg_request *r, const char *name)
{
	return (MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name));
}

/* The route of a path; sets the answer when there is none for the method. */
static void
find_route(struct vg_request *r, const char *url, const char *method)
{
	size_t	i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i]->path, url) != 0)
			continue;
		r->route = routes[i];
		if (strcmp(routes[i]->method, method) == 0 ||
		    (strcmp(routes[i]->method, "GET") == 0 &&
		    strcmp(method, "HEAD") == 0))
			return;
		r->allow = strcmp(routes[i]->method, "GET") == 0 ?
		    "GET, HEAD" : routes[i]->method;
		vg_answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "method_not_allowed", "This method is not allowed here.");
		return;
	}
	vg_answer_error(r, MHD_HTTP_NOT_FOUND, "not_found",
	    "There is no such endpoint.");
}

static size_t
body_limit(const struct vg_request *r)
{
	if (r->route == NULL || r->route->data == NULL)
		return (0);
	return (r->route == &vg_route_transcribe ? r->f->o->max_upload :
	    VG_JSON_BODY_MAX);
}

/* 1 when a place in the queue was free, and is taken now. */
static int
take_place(struct vg_request *r)
{
	unsigned int	*n = &r->f->queued[r->route == &vg_route_speak];

	if (*n >= r->f->o->workers + r->f->o->queue)
		return (0);
	(*n)++;
	r->counted = 1;
	return (1);
}

void
vg_endpoint_done(struct vg_request *r)
{
	r->stage = VG_STAGE_DONE;
	if (r->counted) {
		r->counted = 0;
		r->f->queued[r->route == &vg_route_speak]--;
	}
	if (r->suspended) {
		r->suspended = 0;
		MHD_resume_connection(r->conn);
	}
}

static void
admit(struct vg_request *r, const char *url, const char *method)
{
	const char	*length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	find_route(r, url, method);
	if (r->status != 0)
		return;
	if (!host_is_here(header(r, MHD_HTTP_HEADER_HOST)) ||
	    header(r, "Origin") != NULL) {
		vg_answer_error(r, MHD_HTTP_FORBIDDEN, "not_local",
		    "Only programs of this machine may ask.");
		return;
	}
	if (length != NULL && strtoull(length, NULL, 10) > body_limit(r)) {
		vg_answer_error(r, MHD_HTTP_CONTENT_TOO_LARGE,
		    "body_too_large", "The request body is too large.");
		return;
	}
	if (r->route->queued && (r->f->draining || !r->f->ready)) {
		vg_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "not_ready",
		    "The server is starting or shutting down.");
		return;
	}
	if (r->route->queued && !take_place(r)) {
		vg_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "queue_full",
		    "Too many requests are waiting.");
		return;
	}
	if (r->route->begin != NULL)
		r->route->begin(r);
}

static struct vg_request *
request_new(struct vg_front *f, struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo	*info;
	struct vg_request		*r = calloc(1, sizeof(*r));

	if (r == NULL)
		return (NULL);
	r->f = f;
	r->conn = conn;
	r->number = ++f->requests;
	r->t0 = vg_now_ms();
	r->deadline = r->t0 + (long long)f->o->deadline * 1000;
	r->out_fd = r->up.fd = -1;
	info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	r->client = info != NULL ? info->connect_fd : -1;
	info = MHD_get_connection_info(conn,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info != NULL && info->socket_context != NULL)
		((struct vg_conn *)info->socket_context)->busy = 1;

	r->prev = f->tail;
	if (f->tail != NULL)
		f->tail->next = r;
	else
		f->head = r;
	f->tail = r;
	return (r);
}

/*
 * A refusal before the body is there: at once when the client waits for it
 * (Expect) or would send too much to listen to, else after the body was read
 * and thrown away, since closing on a client that is still sending takes the
 * answer away from it.
 */
static enum MHD_Result
refuse(struct vg_request *r)
{
	const char	*length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (header(r, MHD_HTTP_HEADER_EXPECT) != NULL ||
	    (length != NULL && strtoull(length, NULL, 10) >
	    (unsigned long long)r->f->o->max_upload * VG_DISCARD_FACTOR))
		return (vg_answer_send(r));
	return (MHD_YES);
}

static enum MHD_Result
take_data(struct vg_request *r, const char *data, size_t *size)
{
	size_t	len = *size;

	*size = 0;
	r->received += len;
	/* No end in sight. */
	if (r->received > r->f->o->max_upload * VG_DISCARD_FACTOR)
		return (MHD_NO);
	if (r->status == 0 && r->received > body_limit(r))
		vg_answer_error(r, MHD_HTTP_CONTENT_TOO_LARGE,
		    "body_too_large", "The request body is too large.");
	if (r->status == 0)
		r->route->data(r, data, len);
	return (MHD_YES);
}

enum MHD_Result
vg_endpoint_handler(void *cls, struct MHD_Connection *conn, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **ctx)
{
	struct vg_request	*r = *ctx;

	(void)version;
	if (r == NULL) {
		r = request_new(cls, conn);
		if (r == NULL)
			return (MHD_NO);
		*ctx = r;
		admit(r, url, method);
		return (r->status != 0 ? refuse(r) : MHD_YES);
	}
	if (*size != 0)
		return (take_data(r, data, size));
	if (r->gone)
		return (MHD_NO);
	if (r->status == 0 && r->stage == VG_STAGE_RECEIVING)
		r->route->finish(r);
	if (r->status != 0)
		return (vg_answer_send(r));
	MHD_suspend_connection(conn);
	r->suspended = 1;
	return (MHD_YES);
}

void
vg_endpoint_completed(void *cls, struct MHD_Connection *conn, void **ctx,
    enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo	*info;
	struct vg_front			*f = cls;
	struct vg_request		*r = *ctx;
	struct vg_conn			*c;

	(void)code;
	if (r == NULL)
		return;
	*ctx = NULL;
	info = MHD_get_connection_info(conn,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info != NULL && info->socket_context != NULL) {
		c = info->socket_context;
		c->busy = 0;
		c->since = vg_now_ms();
	}

	vg_dispatch_cancel(r);
	r->suspended = 0;
	vg_endpoint_done(r);
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		f->head = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	else
		f->tail = r->prev;

	if (r->up.pp != NULL)
		(void)MHD_destroy_post_processor(r->up.pp);
	if (r->up.fd != -1)
		close(r->up.fd);
	if (r->out_fd != -1)
		close(r->out_fd);
	if (!r->logged)
		vg_slog("req=%lu %s 499 %lld ms", r->number,
		    r->route != NULL ? r->route->path : "-",
		    vg_now_ms() - r->t0);
	free(r->body);
	free(r->answer);
	free(r);
}
