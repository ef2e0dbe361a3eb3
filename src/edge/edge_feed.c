/*
 * What Kore is told of a request.
 *
 * Kore parses heads too, otherwise: the first line that starts with "host" is
 * Host, more than 24 lines are cut off, an empty value or a byte over 0x7f is
 * an error that it answers by itself, and a body length that was sent along
 * wraps around. Two parsers on the same bytes are two readings. So Kore gets
 * other bytes: a head of three lines that we write from what core/head.h found,
 *
 *	METHOD path HTTP/1.1
 *	host: HOST
 *	content-length: 0
 *
 * with no body ever; ours comes by another way (edge_body.c). Behind them, in
 * the same memory, which Kore frees with the request, stand the query and the
 * whole Host, for req->query_string and req->host. Header lookups are answered
 * from the original (edge_request.c).
 *
 * A path that is too long for Kore, but not for us, is put in its place after
 * the fact, and its route looked up again.
 *
 * Should Kore refuse even that, its answer never leaves: it is taken out of the
 * send queue again, and the door answers with the same status in its place.
 */

#include <string.h>

#include "core/decimal.h"
#include "edge/edge_int.h"

#define FEED_FIXED	128		/* bytes besides path, query and hosts */
#define FEED_PATH_MAX	(HTTP_URI_LEN - 2)	/* bytes, by http_request_new() */
#define HOST_MAX_LEN	(KORE_DOMAINNAME_LEN - 2)	/* likewise */
#define SNI_BYTES	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"0123456789-._"
#define STATUS_OFFSET	9		/* of the digits in "HTTP/1.1 404" */

static const struct {
	const char	*name;
	size_t		len;
} methods[] = {
	[VG_METHOD_GET] = { "GET ", 4 },
	[VG_METHOD_HEAD] = { "HEAD ", 5 },
	[VG_METHOD_POST] = { "POST ", 5 },
	[VG_METHOD_PUT] = { "PUT ", 4 },
	[VG_METHOD_DELETE] = { "DELETE ", 7 },
	[VG_METHOD_OPTIONS] = { "OPTIONS ", 8 },
	[VG_METHOD_PATCH] = { "PATCH ", 6 }
};

#define METHODS	(sizeof(methods) / sizeof(methods[0]))

static void
put(char **p, const void *bytes, size_t len)
{
	memcpy(*p, bytes, len);
	*p += len;
}

static void
why_not(struct vg_edge_refusal *why, int status, const char *word)
{
	why->status = status;
	why->word = word;
}

/*
 * Whether the handshake was for the host that is asked (RFC 9110 7.4). TLS lets
 * any byte but NUL into a server name, and Kore is given it as Host.
 */
static bool
sni_agrees(const struct vg_conn *conn, const char *host, size_t len)
{
	const char	*sni = conn->c->tls_sni;

	if (sni == NULL)
		return (true);
	if (sni[0] == '\0' || strlen(sni) > HOST_MAX_LEN ||
	    sni[strspn(sni, SNI_BYTES)] != '\0')
		return (false);
	if (!conn->head.has_host)
		return (true);
	if (len > 0 && host[len - 1] == '.')
		len--;
	return (strlen(sni) == len && strncasecmp(sni, host, len) == 0);
}

/* Takes back what Kore wanted to say; its status. */
static int
take_back(struct connection *c)
{
	struct netbuf	*nb;
	int		status = 500, i, digits = 0;

	if ((nb = TAILQ_FIRST(&c->send_queue)) != NULL &&
	    nb->b_len > STATUS_OFFSET + 3) {
		for (i = 0; i < 3; i++)
			digits = digits * 10 + (nb->buf[STATUS_OFFSET + i] - '0');
		if (digits >= 400 && digits <= 599)
			status = digits;
	}
	while ((nb = TAILQ_FIRST(&c->send_queue)) != NULL)
		net_remove_netbuf(c, nb);
	c->flags &= (uint16_t)~CONN_CLOSE_EMPTY;

	return (status);
}

static const char *
word_of(int status)
{
	switch (status) {
	case 404:
		return ("not_found");
	case 405:
		return ("method_not_allowed");
	case 414:
		return ("uri_too_long");
	case 421:
		return ("misdirected_request");
	case 503:
		return ("overloaded");
	default:
		return (status < 500 ? "bad_request" : "internal_error");
	}
}

static struct http_request *
last_request(struct connection *c)
{
	struct http_request	*req, *last = NULL;

	TAILQ_FOREACH(req, &c->http_requests, olist)
		last = req;
	return (last);
}

/* Kore's new request, in phase RUN; NULL: *why says what to answer. */
struct http_request *
vg_feed(struct vg_conn *conn, struct vg_edge_refusal *why)
{
	const struct vg_head	*h = &conn->head;
	struct connection	*c = conn->c;
	struct http_request	*req, *last;
	struct netbuf		nb;
	const char		*path, *host, *query;
	char			*feed, *p, *kept_query, *kept_host, *kept_path;
	char			port[1 + VG_DECIMAL_MAX];
	size_t			path_len, host_len, query_len, sni_len;
	size_t			port_len = 0;

	if ((size_t)h->method >= METHODS || methods[h->method].name == NULL) {
		why_not(why, 501, "not_implemented");
		return (NULL);
	}

	path = "/";
	path_len = 1;
	if (vg_head_is_asterisk(h))
		path = "*";
	else if (h->path.len > 0) {
		path = vg_head_text(conn->buf, h->path);
		path_len = h->path.len;
	}
	query = vg_head_text(conn->buf, h->query);
	query_len = h->query.len;
	host = vg_head_text(conn->buf, h->host);
	if ((host_len = h->host.len) == 0) {
		host = "localhost";
		host_len = strlen(host);
	}
	if (h->port != 0) {
		port[0] = ':';
		port_len = 1 + vg_decimal_unsigned(port + 1, h->port);
	}

	if (host_len > HOST_MAX_LEN) {
		why_not(why, 400, "bad_request");
		return (NULL);
	}
	if (!sni_agrees(conn, host, host_len)) {
		why_not(why, 421, "misdirected_request");
		return (NULL);
	}

	/* Kore compares SNI and Host itself: the same bytes for both. */
	sni_len = (c->tls_sni != NULL) ? strlen(c->tls_sni) : host_len;

	feed = kore_malloc(FEED_FIXED + 2 * path_len + query_len + sni_len +
	    host_len + sizeof(port));
	p = feed;
	put(&p, methods[h->method].name, methods[h->method].len);
	put(&p, path, path_len > FEED_PATH_MAX ? 1 : path_len);
	put(&p, " HTTP/1.1\r\nhost: ", 17);
	put(&p, c->tls_sni != NULL ? c->tls_sni : host, sni_len);
	put(&p, "\r\ncontent-length: 0\r\n\r\n", 23);

	memset(&nb, 0, sizeof(nb));
	nb.owner = c;
	nb.buf = (uint8_t *)feed;
	nb.s_off = (size_t)(p - feed);
	nb.b_len = nb.s_off;
	nb.m_len = nb.s_off;

	kept_query = p;
	put(&p, query, query_len);
	*p++ = '\0';
	kept_host = p;
	put(&p, host, host_len);
	put(&p, port, port_len);
	*p++ = '\0';
	kept_path = p;
	if (path_len > FEED_PATH_MAX)
		put(&p, path, path_len);
	*p = '\0';

	last = last_request(c);
	conn->muted = true;
	(void)http_header_recv(&nb);
	conn->muted = false;

	req = last_request(c);
	if (nb.buf != NULL)
		kore_free(nb.buf);
	if (req == NULL || req == last || !TAILQ_EMPTY(&c->send_queue)) {
		why->status = take_back(c);
		why->word = word_of(why->status);
		return (NULL);
	}

	if (path_len > FEED_PATH_MAX) {
		req->path = kept_path;
		req->hdlr = kore_module_handler_find(req, req->hdlr->dom);
		if (req->hdlr == NULL) {
			req->flags |= HTTP_REQUEST_DELETE;
			vg_door.runnable = true;
			why_not(why, 404, "not_found");
			return (NULL);
		}
	}
	if (h->has_query)
		req->query_string = kept_query;
	req->host = kept_host;
	if (h->http10)
		req->flags = (uint16_t)((req->flags & ~HTTP_VERSION_1_1) |
		    HTTP_VERSION_1_0);
	c->http_timeout = 0;

	return (req);
}
