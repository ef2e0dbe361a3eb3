/*
 * How an answer leaves. The head is written here and not by Kore's
 * http_response(): that copies each field twice, checks none for CR or LF, and
 * names itself in Server. What Kore needs of us after an answer stands in
 * finish(): the status for its books, and to be told when to read on.
 *
 * An answer is one contiguous write wherever it fits: head and content go out
 * in one packet.
 */

#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/decimal.h"
#include "core/problem.h"
#include "core/window.h"
#include "edge/edge.h"
#include "gate/gate.h"
#include "gate/respond.h"

#define JSON_TYPE	"application/json"
#define AWAY_RETRY_S	5	/* seconds: the store reconnects within them */
#define POLICIES_KEPT	16	/* texts: classes, times the limits in use */

/* Not in http_status_text() of Kore, or worded otherwise there. */
static const char *
reason_phrase(int status)
{
	switch (status) {
	case 206:
		return ("Partial Content");
	case 308:
		return ("Permanent Redirect");
	case 408:
		return ("Request Timeout");
	case 413:
		return ("Content Too Large");
	case 414:
		return ("URI Too Long");
	case 416:
		return ("Range Not Satisfiable");
	case 422:
		return ("Unprocessable Content");
	case 429:
		return ("Too Many Requests");
	case 431:
		return ("Request Header Fields Too Large");
	case 504:
		return ("Gateway Timeout");
	case 505:
		return ("HTTP Version Not Supported");
	default:
		return (http_status_text(status));
	}
}

void
vg_out_init(struct vg_out *out, char *buf, size_t size)
{
	out->buf = buf;
	out->size = size;
	out->len = 0;
	out->overflow = false;
}

void
vg_out_mem(struct vg_out *out, const void *data, size_t len)
{
	if (len > out->size - out->len) {
		out->overflow = true;
		return;
	}
	memcpy(out->buf + out->len, data, len);
	out->len += len;
}

void
vg_out_str(struct vg_out *out, const char *text)
{
	vg_out_mem(out, text, strlen(text));
}

void
vg_out_num(struct vg_out *out, uint64_t value)
{
	char	digits[VG_DECIMAL_MAX];

	vg_out_mem(out, digits, vg_decimal_unsigned(digits, value));
}

void
vg_out_status(struct vg_out *out, int status)
{
	const char	*text;
	size_t		len;

	/* Whatever the request said (RFC 9110 section 2.5, RFC 9112 2.3). */
	vg_out_str(out, "HTTP/1.1 ");
	vg_out_num(out, (uint64_t)status);
	vg_out_mem(out, " ", 1);
	vg_out_str(out, reason_phrase(status));
	vg_out_str(out, "\r\nServer: voicegate\r\n");
	text = vg_headers_date(&len);
	vg_out_mem(out, text, len);
}

void
vg_out_field(struct vg_out *out, const char *name, const char *value)
{
	vg_out_str(out, name);
	vg_out_mem(out, ": ", 2);
	vg_out_str(out, value);
	vg_out_mem(out, "\r\n", 2);
}

static void
out_field_num(struct vg_out *out, const char *name, int64_t value)
{
	vg_out_str(out, name);
	vg_out_mem(out, ": ", 2);
	vg_out_num(out, value < 0 ? 0 : (uint64_t)value);
	vg_out_mem(out, "\r\n", 2);
}

/*
 * Fetch 3.2: who else may read this answer. Vary is there whether an Origin was
 * sent or not, or a cache would give one origin's answer to another.
 */
static void
out_cors(struct vg_out *out, const struct vg_request *r)
{
	if (!(r->route->flags & VG_ROUTE_CORS))
		return;
	vg_out_str(out, r->by_coding ? "Vary: Origin, Accept-Encoding\r\n" :
	    "Vary: Origin\r\n");
	if (r->verdict == VG_VERDICT_ANY)
		vg_out_str(out, "Access-Control-Allow-Origin: *\r\n");
	else if (r->verdict == VG_VERDICT_LISTED)
		vg_out_field(out, "Access-Control-Allow-Origin", r->origin);
	else
		return;
	vg_out_str(out, "Access-Control-Expose-Headers: RateLimit, RateLimit-Policy, "
	    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
	    "Retry-After, X-Request-ID\r\n");
}

/*
 * RateLimit-Policy changes only with the settings: it is kept for each class
 * until other limits are asked for.
 */
static const char *
policy_text(const char *class, const struct vg_limits *limits)
{
	static struct {
		const char		*class;
		struct vg_limits	limits;
		char			text[VG_RATELIMIT_POLICY_SIZE];
	} kept[POLICIES_KEPT];
	static size_t	oldest;
	size_t		i;

	for (i = 0; i < POLICIES_KEPT; i++) {
		if (kept[i].class == class &&
		    kept[i].limits.count == limits->count &&
		    !memcmp(kept[i].limits.item, limits->item,
		    limits->count * sizeof(limits->item[0])))
			return (kept[i].text);
	}
	i = oldest;
	oldest = (oldest + 1) % POLICIES_KEPT;
	kept[i].class = NULL;
	if (vg_ratelimit_policy(kept[i].text, sizeof(kept[i].text), class,
	    limits) == -1)
		return (NULL);
	kept[i].class = class;
	kept[i].limits = *limits;
	return (kept[i].text);
}

/* All that counts is told in the policy, and what is closest to its end. */
static void
out_limits(struct vg_out *out, const struct vg_request *r)
{
	struct vg_limit_subject		subject[VG_LIMIT_SUBJECTS_MAX];
	const struct vg_limit_subject	*told;
	const struct vg_quota		*tight;
	const char			*policy;
	char				text[VG_RATELIMIT_SIZE];
	int64_t				now;
	size_t				i, n;

	n = vg_gate_subjects(r, subject);
	for (i = 0; i < n; i++) {
		policy = policy_text(subject[i].name, subject[i].limits);
		if (policy == NULL)
			continue;
		vg_out_str(out, i == 0 ? "RateLimit-Policy: " : ", ");
		vg_out_str(out, policy);
	}
	if (n > 0)
		vg_out_mem(out, "\r\n", 2);
	/* After a reload there may be fewer than were asked. */
	if (!r->limit_known || (tight = r->limit.tightest) == NULL ||
	    r->limit.tightest_subject >= n)
		return;
	told = &subject[r->limit.tightest_subject];
	now = vg_store_now_us();
	if (vg_ratelimit(text, sizeof(text), told->name, told->limits, tight,
	    now) > 0)
		vg_out_field(out, "RateLimit", text);
	out_field_num(out, "X-RateLimit-Limit", tight->limit.quota);
	out_field_num(out, "X-RateLimit-Remaining", tight->remaining);
	out_field_num(out, "X-RateLimit-Reset", vg_ratelimit_reset_epoch(tight));
}

static bool
is_http10(const struct vg_request *r)
{
	return ((r->req->flags & HTTP_VERSION_1_0) != 0);
}

static bool
must_close(const struct vg_request *r)
{
	return (r->close || is_http10(r) ||
	    (r->req->owner->flags & CONN_CLOSE_EMPTY) != 0 ||
	    vg_edge_must_close(r->req));
}

static void
build_head(struct vg_out *out, struct vg_request *r, int status,
    const char *type, uint64_t len)
{
	const char	*block;
	size_t		block_len;

	vg_out_status(out, status);
	vg_out_str(out, "X-Request-ID: ");
	vg_out_mem(out, r->id, VG_UUID_LEN);
	vg_out_mem(out, "\r\n", 2);
	block = vg_headers_policy(r->own_csp ? VG_POLICY_PAGE : VG_POLICY_API,
	    &block_len);
	vg_out_mem(out, block, block_len);
	out_cors(out, r);
	out_limits(out, r);
	if (r->retry_after_s > 0)
		out_field_num(out, "Retry-After", r->retry_after_s);
	vg_out_field(out, "Cache-Control",
	    r->route->cache != NULL && status < 400 ? r->route->cache : "no-store");
	if (type != NULL)
		vg_out_field(out, "Content-Type", type);
	vg_out_mem(out, r->fields, r->nfields);
	/* RFC 9110 8.6: none with 1xx and 204; a 304 may go without. */
	if (status != 204 && status != 304)
		out_field_num(out, "Content-Length", (int64_t)len);
	if (must_close(r))
		vg_out_str(out, "Connection: close\r\n");
	vg_out_mem(out, "\r\n", 2);
}

/* After the bytes are queued: Kore's books, and whether to read on. */
static int
finish(struct vg_request *r, int status, uint64_t sent)
{
	struct connection	*c = r->req->owner;
	bool			close = must_close(r);

	r->answered = true;
	r->status = status;
	r->sent = sent;
	r->req->status = (uint16_t)status;
	if (close)
		c->flags |= CONN_CLOSE_EMPTY;
	vg_edge_answered(r->req);
	return (KORE_RESULT_OK);
}

static int
send_content(struct vg_request *r, int status, const char *type,
    const void *content, size_t len)
{
	struct connection	*c = r->req->owner;
	struct vg_out		out;
	char			buf[VG_REPLY_HEAD_MAX + 2048];
	bool			head = r->req->method == HTTP_METHOD_HEAD;

	if (c == NULL || r->answered)
		return (KORE_RESULT_OK);
	vg_out_init(&out, buf, sizeof(buf));
	build_head(&out, r, status, type, len);
	if (out.overflow)
		fatal("a response head exceeds %d bytes", VG_REPLY_HEAD_MAX);
	if (len > 0 && !head && len <= out.size - out.len) {
		vg_out_mem(&out, content, len);
		net_send_queue(c, out.buf, out.len);
	} else {
		net_send_queue(c, out.buf, out.len);
		if (len > 0 && !head)
			net_send_queue(c, content, len);
	}
	return (finish(r, status, head ? 0 : len));
}

void
vg_reply_field(struct vg_request *r, const char *name, const char *fmt, ...)
{
	char		value[VG_REPLY_FIELDS_MAX];
	va_list		args;
	size_t		left = sizeof(r->fields) - r->nfields;
	int		n;

	va_start(args, fmt);
	n = vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	/* A line end in a value would split the response: never, whoever asks. */
	if (n < 0 || (size_t)n >= sizeof(value) || strpbrk(value, "\r\n") != NULL)
		fatal("the value of %s is no field value", name);
	n = snprintf(r->fields + r->nfields, left, "%s: %s\r\n", name, value);
	if (n < 0 || (size_t)n >= left)
		fatal("too many response fields: %s", name);
	r->nfields += (size_t)n;
}

int
vg_reply(struct vg_request *r, int status, const char *type,
    const void *content, size_t len)
{
	return (send_content(r, status, type, content, len));
}

int
vg_reply_empty(struct vg_request *r, int status)
{
	return (send_content(r, status, NULL, NULL, 0));
}

int
vg_reply_json(struct vg_request *r, int status, json_t *value)
{
	char	*text;
	int	result;

	text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
	json_decref(value);
	if (text == NULL)
		return (vg_reply_problem(r, "internal_error", NULL));
	result = send_content(r, status, JSON_TYPE, text, strlen(text));
	free(text);
	return (result);
}

int
vg_reply_problem(struct vg_request *r, const char *word, const char *detail)
{
	const struct vg_problem	*problem;
	char			text[VG_PROBLEM_SIZE];
	int			len;

	if ((problem = vg_problem_find(word)) == NULL)
		problem = vg_problem_find("internal_error");
	len = vg_problem_format(text, sizeof(text), problem->word, detail, r->id);
	if (len < 0)
		len = 0;
	if (r->note == NULL)
		r->note = problem->word;
	return (send_content(r, problem->status, VG_PROBLEM_MEDIA_TYPE, text,
	    (size_t)len));
}

int
vg_reply_file(struct vg_request *r, int status, const char *type, int fd,
    uint64_t offset, uint64_t len)
{
	struct connection	*c = r->req->owner;
	struct vg_out		out;
	char			buf[VG_REPLY_HEAD_MAX];

	if (c == NULL || r->answered) {
		(void)close(fd);
		return (KORE_RESULT_OK);
	}
	vg_out_init(&out, buf, sizeof(buf));
	build_head(&out, r, status, type, len);
	if (out.overflow)
		fatal("a response head exceeds %d bytes", VG_REPLY_HEAD_MAX);
	net_send_queue(c, out.buf, out.len);
	if (r->req->method == HTTP_METHOD_HEAD || len == 0) {
		(void)close(fd);
		return (finish(r, status, 0));
	}
	if (vg_filestream_queue(c, fd, offset, len) == -1) {
		/* The head is out: a short content tells the client. */
		r->close = true;
		r->note = "file_unreadable";
		c->flags |= CONN_CLOSE_EMPTY;
	}
	return (finish(r, status, len));
}

int
vg_reply_away(struct vg_request *r, enum vg_db_status status)
{
	r->retry_after_s = AWAY_RETRY_S;
	r->note = vg_db_status_name(status);
	return (vg_reply_problem(r, "database_unavailable", NULL));
}

size_t
vg_reply_raw(char *buf, size_t size, const struct vg_edge_refusal *refusal,
    const char *id)
{
	struct vg_out	out;
	const char	*block, *word = refusal->word;
	char		text[VG_PROBLEM_SIZE];
	size_t		block_len;
	int		status = refusal->status, len = 0;

	/* The parser's finer words stay in its log; clients get the table's. */
	if (word == NULL || vg_problem_find(word) == NULL ||
	    vg_problem_find(word)->status != status)
		word = vg_problem_for_status(status)->word;
	if (status >= 400)
		len = vg_problem_format(text, sizeof(text), word, refusal->text,
		    id);
	if (len < 0)
		len = 0;
	vg_out_init(&out, buf, size);
	vg_out_status(&out, status);
	vg_out_field(&out, "X-Request-ID", id);
	block = vg_headers_policy(VG_POLICY_API, &block_len);
	vg_out_mem(&out, block, block_len);
	vg_out_str(&out, "Cache-Control: no-store\r\n");
	if (len > 0)
		vg_out_field(&out, "Content-Type", VG_PROBLEM_MEDIA_TYPE);
	if (refusal->retry_after > 0)
		out_field_num(&out, "Retry-After", refusal->retry_after);
	if (refusal->fields != NULL)
		vg_out_str(&out, refusal->fields);
	out_field_num(&out, "Content-Length", len);
	vg_out_str(&out, "Connection: close\r\n\r\n");
	if (!refusal->head_only)
		vg_out_mem(&out, text, (size_t)len);
	return (out.overflow ? 0 : out.len);
}
