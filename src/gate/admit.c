/*
 * Admission: every decision that comes before a handler. vg_gate_header() is
 * called by the door when a head is there and nothing of the content was read;
 * vg_gate_admit() is Kore's own pre-request hook, called when the content is
 * there (or will not be read), and again whenever the request was woken.
 *
 * A refusal is noted where it is found and sent in one place, vg_gate_admit():
 * so that no refusal leaves without the headers that every answer has.
 */

#include <stdlib.h>
#include <string.h>

#include "core/problem.h"
#include "gate/gate.h"
#include "gate/logger.h"
#include "gate/respond.h"

#define CLOSED_RETRY_S	5	/* seconds: RATE_LIMIT_FAIL_MODE=closed */
#define GIVEN_UP_RETRY_S	1	/* seconds: another instance may be there */

static void	request_end(struct http_request *);

struct vg_request *
vg_request_of(struct http_request *req)
{
	return (req->hdlr_extra);
}

void
vg_refuse(struct vg_request *r, const char *word, const char *detail)
{
	if (r->refusal != NULL)
		return;		/* the first reason is the reason */
	r->refusal = word;
	r->refusal_detail = detail;
}

int
vg_wait(struct vg_request *r, int (*next)(struct vg_request *))
{
	r->next = next;
	http_request_sleep(r->req);
	return (KORE_RESULT_RETRY);
}

void
vg_resume(struct vg_request *r)
{
	http_request_wakeup(r->req);
}

/* --- may they ------------------------------------------------------------- */

/*
 * RFC 9110 section 7.4: an https target is for a connection that is secured, by
 * us or by a trusted proxy.
 */
static void
judge_scheme(struct vg_request *r, const struct vg_edge_request *er,
    const char *scheme)
{
	if (er->head->target_https && strcmp(scheme, "https") != 0)
		vg_refuse(r, "misdirected_request", NULL);
}

static void
judge_method(struct vg_request *r, const struct vg_edge_request *er)
{
	char	allow[64] = "";

	if (r->route->flags & VG_ROUTE_CATCHALL) {
		/* `OPTIONS *` asks about the server (RFC 9110 9.3.7). */
		if (!vg_head_is_asterisk(er->head))
			vg_refuse(r, "not_found", NULL);
		return;
	}
	if (r->req->method == HTTP_METHOD_OPTIONS ||
	    (r->route->methods & r->req->method))
		return;
	vg_allow_list(r->route, allow, sizeof(allow));
	vg_reply_field(r, "Allow", "%s", allow);
	vg_refuse(r, "method_not_allowed", NULL);
}

static void
judge_origin(struct vg_request *r, const struct vg_edge_request *er,
    const char *scheme)
{
	const struct vg_settings	*settings = vg_gate_settings();
	struct vg_span			origin, host, site;
	bool				has_origin, has_host;
	enum vg_fetch_site		fetch = VG_SITE_ABSENT;

	has_origin = vg_head_get(er->head, er->bytes, "origin", &origin);
	has_host = vg_head_get(er->head, er->bytes, "host", &host);
	if (vg_head_get(er->head, er->bytes, "sec-fetch-site", &site))
		fetch = vg_fetch_site_parse(vg_head_text(er->bytes, site), site.len);
	r->verdict = vg_origin_decide(settings->origins,
	    has_origin ? vg_head_text(er->bytes, origin) : NULL, origin.len,
	    scheme, has_host ? vg_head_text(er->bytes, host) : NULL, host.len,
	    fetch);
	if (has_origin && origin.len <= VG_ORIGIN_BYTES_MAX) {
		memcpy(r->origin, vg_head_text(er->bytes, origin), origin.len);
		r->origin[origin.len] = '\0';
	}
	/* A safe method is served, but not to the foreign page (no CORS). */
	if (r->verdict == VG_VERDICT_REFUSE && r->req->method != HTTP_METHOD_GET &&
	    r->req->method != HTTP_METHOD_HEAD)
		vg_refuse(r, "origin_denied", NULL);
}

/* --- how often ------------------------------------------------------------ */

static void
limit_known(struct vg_request *r)
{
	r->limit_known = true;
	r->limit_pending = false;
	if (r->refusal != NULL)
		return;		/* for another reason, before */
	switch (r->limit.verdict) {
	case VG_LIMIT_REFUSED:
		r->retry_after_s = vg_retry_after(r->limit.tightest,
		    vg_store_now_us());
		vg_refuse(r, "rate_limited", NULL);
		break;
	case VG_LIMIT_UNAVAILABLE:
		r->retry_after_s = CLOSED_RETRY_S;
		vg_refuse(r, "database_unavailable", NULL);
		break;
	case VG_LIMIT_ADMITTED:
	case VG_LIMIT_UNCOUNTED:
	default:
		vg_who_denied(r);
		break;
	}
}

/* All is decided that was asked while the content came. */
static void
decided(struct vg_request *r)
{
	/* A refusal ends an upload that is still coming; else: go on. */
	if (r->refusal != NULL)
		vg_edge_body_stop(r->req, vg_problem_find(r->refusal)->status,
		    r->refusal, NULL);
	if (vg_edge_of(r->req) == NULL ||
	    vg_edge_of(r->req)->body_end != VG_BODY_COMING)
		vg_resume(r);
	else
		vg_edge_continue(r->req);
}

static void
limit_answer(void *arg, const struct vg_limit_result *result)
{
	struct vg_request	*r = arg;

	r->limit = *result;
	/* The pointer is into the result itself. */
	if (result->tightest != NULL)
		r->limit.tightest = (const struct vg_quota *)(const void *)
		    ((const char *)&r->limit + ((const char *)(const void *)
		    result->tightest - (const char *)result));
	r->limit_ticket = 0;
	limit_known(r);
	decided(r);
}

static void
ask_limit(struct vg_request *r, bool peek)
{
	struct vg_limit_request	ask;

	memset(&ask, 0, sizeof(ask));
	ask.nsubjects = vg_gate_subjects(r, ask.subject);
	if (ask.nsubjects == 0)
		return;
	ask.cost = vg_gate_cost(r->route);
	ask.peek = peek;
	r->limit_pending = true;
	if (vg_limit_check(&ask, &r->limit, limit_answer, r, &r->limit_ticket))
		limit_known(r);
}

static void
key_known(struct vg_request *r)
{
	ask_limit(r, false);
	if (r->limit_pending)
		return;
	vg_who_denied(r);	/* where nothing is limited */
	decided(r);
}

/* --- the content ---------------------------------------------------------- */

static int
reader_data(void *arg, const uint8_t *bytes, size_t len,
    struct vg_edge_refusal *why)
{
	struct vg_request	*r = arg;

	if (r->route->reader->data(r, bytes, len) == 0)
		return (0);
	if (r->refusal == NULL)
		vg_refuse(r, "internal_error", NULL);
	why->word = r->refusal;
	why->status = vg_problem_find(r->refusal)->status;
	return (-1);
}

static void
reader_end(void *arg)
{
	struct vg_request	*r = arg;

	if (r->route->reader->end != NULL)
		r->route->reader->end(r);
}

static const struct vg_body_sink reader_sink = {
	.data = reader_data,
	.end = reader_end,
	.abort = NULL
};

enum vg_edge_decision
vg_gate_header(struct vg_edge_request *er)
{
	struct vg_request	*r;
	const struct vg_route	*route;
	const char		*scheme;
	size_t			max;
	bool			peek;

	if ((route = vg_gate_route(er->req->hdlr)) == NULL) {
		er->refusal.status = 500;
		er->refusal.word = "internal_error";
		return (VG_EDGE_REFUSE);
	}
	r = http_state_create(er->req, sizeof(*r), request_end);
	r->req = er->req;
	r->route = route;
	r->started_us = vg_monotonic_us();
	vg_new_id(r->id);

	scheme = vg_who(r, er);
	judge_scheme(r, er, scheme);
	judge_method(r, er);
	/* Of a refused request too: whom we allow may read why. */
	if (route->flags & VG_ROUTE_CORS)
		judge_origin(r, er, scheme);
	max = route->body_max != NULL ? route->body_max(vg_gate_settings()) :
	    VG_GATE_JSON_MAX;
	/* What is refused before any work is told its limit and uses none of it. */
	peek = r->refusal != NULL;
	if (r->refusal == NULL && er->head->content_length > max)
		vg_refuse(r, "payload_too_large", NULL);
	if (er->req->method != HTTP_METHOD_OPTIONS) {
		if (r->refusal != NULL || vg_who_key(r, er, key_known))
			ask_limit(r, peek);
		if (!r->limit_pending && !r->key_pending)
			vg_who_denied(r);
	}
	/* Without a key nothing of the content is looked at, also while the limit
	 * is still being asked. */
	if (r->refusal != NULL || r->denied != NULL)
		return (VG_EDGE_ANSWER);

	er->body_limit = max;
	/* Who may yet be refused is not asked for content. */
	er->hold_continue = r->limit_pending || r->key_pending;
	if (er->req->method == HTTP_METHOD_OPTIONS)
		return (VG_EDGE_RECEIVE);	/* content is refused at the door */
	if (route->reader != NULL) {
		if (route->reader->open(r) == -1)
			return (VG_EDGE_ANSWER);
		er->sink = &reader_sink;
		er->sink_arg = r;
	} else {
		r->content.limit = max;
		er->sink = &vg_body_memory_sink;
		er->sink_arg = &r->content;
	}
	return (VG_EDGE_RECEIVE);
}

size_t
vg_gate_refuse(struct connection *c, const struct vg_edge_refusal *refusal,
    char *buf, size_t size)
{
	struct vg_logline	*line;
	struct in6_addr		addr;
	char			client[VG_ADDR_SIZE] = "", id[VG_UUID_SIZE];

	vg_new_id(id);
	if ((line = vg_log_open(VG_LOG_INFO, "request refused at the door")) != NULL) {
		vg_logline_int(line, "status", refusal->status);
		vg_logline_str(line, "error", refusal->word);
		if (c != NULL) {
			vg_who_peer(c, &addr);
			(void)vg_addr_format(client, sizeof(client), &addr);
			vg_logline_str(line, "peer", client);
		}
		vg_logline_str(line, "request_id", id);
		vg_log_close(line);
	}
	vg_note_door(c, refusal, id);
	return (vg_reply_raw(buf, size, refusal, id));
}

int
vg_gate_admit(struct http_request *req, const void *unused)
{
	struct vg_request	*r;
	struct vg_edge_request	*er;

	(void)unused;
	/* A request that did not come through the door is not served. */
	if ((r = vg_request_of(req)) == NULL)
		fatal("a request came past the door");
	/* Nobody is there to be answered, nor can it be known whether all came. */
	if ((er = vg_edge_of(req)) == NULL)
		return (KORE_RESULT_ERROR);
	if (er->refusal.status != 0) {
		vg_refuse(r, er->refusal.word, er->refusal.text);
		if (r->retry_after_s == 0)
			r->retry_after_s = er->refusal.retry_after;
	}
	/* Refused or not: every answer tells the limit. */
	if (r->limit_pending || r->key_pending) {
		http_request_sleep(req);
		return (KORE_RESULT_RETRY);
	}
	if (r->refusal != NULL) {
		(void)vg_reply_problem(r, r->refusal, r->refusal_detail);
		return (KORE_RESULT_ERROR);
	}
	if (req->method == HTTP_METHOD_OPTIONS) {
		(void)vg_preflight(r);
		return (KORE_RESULT_ERROR);
	}
	return (KORE_RESULT_OK);
}

/* What it waited for will come too late: vg_drain(). */
void
vg_gate_give_up(struct http_request *req)
{
	struct vg_request	*r = vg_request_of(req);

	if (r == NULL || r->answered)
		return;
	r->retry_after_s = GIVEN_UP_RETRY_S;
	(void)vg_reply_problem(r, "shutting_down", NULL);
}

static const char *
method_name(int method)
{
	return (method == HTTP_METHOD_GET ? "GET" : method == HTTP_METHOD_POST ?
	    "POST" : method == HTTP_METHOD_HEAD ? "HEAD" :
	    method == HTTP_METHOD_OPTIONS ? "OPTIONS" : "other");
}

/*
 * However it ended: what it waited for is called off, what it held is given
 * back, and the log says one line. The route's name stands for the path, which
 * may hold an id.
 */
static void
request_end(struct http_request *req)
{
	struct vg_request	*r = vg_request_of(req);
	struct vg_logline	*line;

	if (r->limit_pending)
		vg_store_forget(r->limit_ticket);
	if (r->key_pending)
		vg_store_forget(r->key_ticket);
	vg_note_end(r);
	if (r->priv_free != NULL)
		r->priv_free(r->priv);
	vg_body_memory_free(&r->content);
	if ((line = vg_log_open(VG_LOG_INFO, "request")) == NULL)
		return;
	vg_logline_str(line, "method", method_name(req->method));
	vg_logline_str(line, "route", r->route->name);
	vg_logline_int(line, "status", r->answered ? r->status : 0);
	vg_logline_int(line, "us", (int64_t)(vg_monotonic_us() - r->started_us));
	vg_logline_int(line, "bytes", (int64_t)r->sent);
	vg_logline_str(line, "client", r->client);
	if (r->key.id[0] != '\0')
		vg_logline_str(line, "api_key_id", r->key.id);
	vg_logline_str(line, "request_id", r->id);
	if (!r->answered)
		vg_logline_str(line, "note", "client_gone");
	else if (r->note != NULL)
		vg_logline_str(line, "note", r->note);
	vg_log_close(line);
}
