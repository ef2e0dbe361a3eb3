/*
 * Where we stand around Kore: each function here is put in the place of one of
 * Kore's by the linker (--wrap in conf/build.conf), for the calls that come from
 * its other files. Kore's source stays as it is packaged.
 *
 *	net_send_flush		a response has left only when the queue is empty
 *	net_recv_flush		reading is ours, for connections of clients
 *	net_recv_reset		http.c: the response was queued, read on
 *	http_process		requests that become ready meanwhile need a turn
 *	http_response*		close when we must, and when it was answered
 *	http_request_header	from the head that we parsed
 *	kore_platform_event_wait	the turn of the loop: time, signals
 *	kore_connection_check_timeout	replaced by the deadlines of edge_tick.c
 *	kore_fileref_init	the first thing in a worker after its sandbox
 *	fork, kore_signal_setup	a child's first moments: edge_fork.c
 *	kore_worker_init	in the parent, edge_parent.c: signals are ours
 *	kore_worker_reap	likewise: the keymgr comes back
 *	kore_msg_parent_add	likewise: a new child gets each message once
 *	kore_server_closeall	likewise: the keymgr does not hold the port open
 *
 * and for TLS, in edge_tls.c, edge_keypair.c and edge_keymgr.c:
 *
 *	kore_domain_tlsinit	our protocol versions, ciphers, tickets
 *	kore_domain_attach	certificate and key come from the settings
 *	SSL_CTX_use_PrivateKey, EVP_PKEY_get0	mended for OpenSSL 3
 *	kore_msg_send		not to a parent that has gone; which key is meant
 *	kore_msg_register, kore_rsakey_load	likewise, in the keymgr
 */

#include "edge/edge_int.h"

int
__wrap_net_send_flush(struct connection *c)
{
	struct vg_conn	*conn = vg_conn_of(c);
	uint16_t	closing;
	int		r;

	if (conn == NULL)
		return (__real_net_send_flush(c));
	if (conn->muted || !vg_conn_alive(conn))
		return (KORE_RESULT_OK);

	/*
	 * Kore disconnects when the queue is empty and the flag is set, be there
	 * a response yet or not; here only after one, and maybe lingering.
	 */
	closing = c->flags & CONN_CLOSE_EMPTY;
	c->flags &= (uint16_t)~CONN_CLOSE_EMPTY;
	r = __real_net_send_flush(c);
	c->flags |= closing;

	if (r == KORE_RESULT_OK && TAILQ_EMPTY(&c->send_queue))
		vg_conn_flushed(conn);
	return (r);
}

int
__wrap_net_recv_flush(struct connection *c)
{
	struct vg_conn	*conn = vg_conn_of(c);

	if (conn == NULL)
		return (__real_net_recv_flush(c));
	if (vg_conn_alive(conn) && !conn->answering)
		vg_conn_readable(conn);
	return (KORE_RESULT_OK);
}

void
__wrap_net_recv_reset(struct connection *c, size_t len,
    int (*cb)(struct netbuf *))
{
	if (vg_conn_of(c) == NULL)
		__real_net_recv_reset(c, len, cb);
}

void
__wrap_http_process(void)
{
	vg_door.runnable = false;
	__real_http_process();
}

/* Before and after Kore makes a response of its own style. */
static struct vg_conn *
answer_begin(struct http_request *req)
{
	struct vg_conn	*conn = vg_conn_of(req->owner);

	if (conn == NULL || conn->er.req != req)
		return (NULL);
	if (vg_edge_must_close(req))
		req->owner->flags |= CONN_CLOSE_EMPTY;
	conn->answering = true;
	return (conn);
}

static void
answer_end(struct vg_conn *conn, struct http_request *req)
{
	if (conn == NULL)
		return;
	conn->answering = false;
	vg_edge_answered(req);
}

void
__wrap_http_response(struct http_request *req, int status, const void *d,
    size_t len)
{
	struct vg_conn	*conn = answer_begin(req);

	__real_http_response(req, status, d, len);
	answer_end(conn, req);
}

void
__wrap_http_response_stream(struct http_request *req, int status, void *base,
    size_t len, int (*cb)(struct netbuf *), void *arg)
{
	struct vg_conn	*conn = answer_begin(req);

	__real_http_response_stream(req, status, base, len, cb, arg);
	answer_end(conn, req);
}

void
__wrap_http_response_fileref(struct http_request *req, int status,
    struct kore_fileref *ref)
{
	struct vg_conn	*conn = answer_begin(req);

	__real_http_response_fileref(req, status, ref);
	answer_end(conn, req);
}

int
__wrap_http_request_header(struct http_request *req, const char *name,
    const char **out)
{
	const char	*value;

	if (vg_edge_of(req) == NULL)
		return (__real_http_request_header(req, name, out));
	if ((value = vg_edge_header(req, name)) == NULL)
		return (KORE_RESULT_ERROR);
	*out = value;
	return (KORE_RESULT_OK);
}

void
__wrap_kore_platform_event_wait(u_int64_t timer)
{
	if (worker == NULL) {
		vg_parent_wait(timer);
		return;
	}
	if (!vg_door.worker) {
		__real_kore_platform_event_wait(timer);
		vg_tls_reload();
		return;
	}

	vg_door.turn = 0;
	vg_conn_run_ready();
	/*
	 * Kore closes connections, and frees their requests, after everything
	 * else in a turn: with nothing more to do, it would wait before that.
	 */
	if (vg_door.runnable || vg_door.buried || vg_conn_is_ready())
		timer = 0;
	else if ((vg_door.counts.connections > 0 || vg_door.accept_at != 0) &&
	    timer > VG_EDGE_TICK_MS)
		timer = VG_EDGE_TICK_MS;

	vg_door.buried = false;
	vg_door.clock = 0;
	vg_table_waiting(true);
	__real_kore_platform_event_wait(timer);
	vg_table_waiting(false);

	vg_tick();
	vg_drain();
}

void
__wrap_kore_connection_check_timeout(u_int64_t now)
{
	(void)now;
}

void
__wrap_kore_fileref_init(void)
{
	__real_kore_fileref_init();
	vg_setup_worker();
}
