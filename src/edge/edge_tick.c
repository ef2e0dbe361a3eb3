/*
 * Time: deadlines, and the end.
 *
 * Kore has one timer for a connection, which every event sets back: a byte now
 * and then holds a slot for ever. Here each phase has a deadline that no byte
 * moves: a head, a handshake and a body have to be whole by theirs, a body must
 * keep a minimum rate after a grace, and a response must, too, in each span of
 * stall_ms. An idle connection ends without a word, as RFC 9112 section 9.5
 * wants it; whoever began a request is told 408.
 *
 * SIGTERM ends Kore's workers at once, with whatever is in flight. Here the
 * signal is kept back while requests finish: no new connections, the idle ones
 * are closed, the others after their response, and then it takes its course.
 * A moment is left to those whose first request is on its way, and to those that
 * were answered before they had said everything, so that the answer arrives. Who
 * is not answered when the time is over is told so (503, shutting_down), and what
 * his request held is given back as if he had gone: while the loop still turns.
 */

#include <signal.h>

#include "edge/edge_int.h"

#define CONTINUE	"HTTP/1.1 100 Continue\r\n\r\n"

static bool
too_slow(uint64_t bytes, uint64_t ms)
{
	return (vg_door.limits.rate_min != 0 &&
	    bytes * 1000 < vg_door.limits.rate_min * ms);
}

static void
body_late(struct vg_conn *conn)
{
	vg_door.counts.timeouts++;
	memset(&conn->er.refusal, 0, sizeof(conn->er.refusal));
	conn->er.refusal.status = 408;
	conn->er.refusal.word = "request_timeout";
	vg_body_end(conn, VG_BODY_TIMEOUT);
}

/*
 * The client sent a FIN and no answer is ready. One that closed its socket and
 * one that only has no more to say look alike, until something is sent to
 * them: the former's kernel answers with a RST. An interim response is what
 * every client must be able to take (RFC 9110 section 15.2), but for one of
 * HTTP/1.0, which cannot be asked. Such a client may well go on reading, and is
 * answered; but a trusted proxy that speaks 1.0 (as nginx does, unless told
 * otherwise) closes both ways, when its own client has gone.
 */
static void
probe(struct vg_conn *conn)
{
	if (conn->probed || !conn->eof ||
	    vg_now() - conn->since < VG_EDGE_PROBE_MS)
		return;
	conn->probed = true;
	if (conn->head.http10) {
		if (vg_door.hooks.trusted != NULL &&
		    vg_door.hooks.trusted(conn->c))
			kore_connection_disconnect(conn->c);
		return;
	}
	net_send_queue(conn->c, CONTINUE, sizeof(CONTINUE) - 1);
	if (!net_send_flush(conn->c) && vg_conn_alive(conn))
		kore_connection_disconnect(conn->c);
}

static void
late(struct vg_conn *conn)
{
	struct connection	*c = conn->c;
	uint64_t		sent;

	switch (conn->phase) {
	case VG_PHASE_HEAD:
		vg_door.counts.timeouts++;
		vg_refuse_with(conn, 408, "request_timeout", NULL);
		break;
	case VG_PHASE_BODY:
		body_late(conn);
		break;
	case VG_PHASE_SEND:
		sent = vg_io_sent(conn);
		if (!conn->turned_away && sent != conn->sent_mark &&
		    !too_slow(sent - conn->sent_mark,
		    vg_now() - conn->since)) {
			conn->sent_mark = sent;
			vg_conn_phase(conn, VG_PHASE_SEND,
			    vg_door.limits.stall_ms);
			break;
		}
		vg_door.counts.timeouts++;
		kore_connection_disconnect(c);
		break;
	case VG_PHASE_RUN:
		break;
	case VG_PHASE_IDLE:
	case VG_PHASE_LINGER:
		kore_connection_disconnect(c);
		break;
	}
}

void
vg_tick(void)
{
	struct connection	*c, *next;
	struct vg_conn		*conn;
	uint64_t		now = vg_now();

	if (now < vg_door.tick_at)
		return;
	vg_door.tick_at = now + VG_EDGE_TICK_MS;
	vg_accept_resume();

	for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if ((conn = vg_conn_of(c)) == NULL)
			continue;

		if (conn->deadline != 0 && now >= conn->deadline) {
			late(conn);
			continue;
		}
		if (conn->phase == VG_PHASE_BODY &&
		    now - conn->since > VG_EDGE_RATE_GRACE_MS &&
		    too_slow(conn->er.body_received, now - conn->since)) {
			body_late(conn);
			continue;
		}
		if (conn->phase == VG_PHASE_BODY)
			vg_body_tick(conn);
		if (conn->phase != VG_PHASE_RUN)
			continue;
		/* A handler that gave no answer: nothing will ever come. */
		if (TAILQ_EMPTY(&c->http_requests))
			kore_connection_disconnect(c);
		else
			probe(conn);
	}
}

/* Whether the end waits for it. */
static bool
is_busy(const struct vg_conn *conn)
{
	switch (conn->phase) {
	case VG_PHASE_IDLE:
		return (conn->nrequests == 0 &&
		    vg_now() - vg_door.drain_from < VG_EDGE_LAST_MS);
	case VG_PHASE_LINGER:
		return (vg_now() - conn->since < VG_EDGE_LAST_MS);
	case VG_PHASE_HEAD:
	case VG_PHASE_BODY:
	case VG_PHASE_RUN:
	case VG_PHASE_SEND:
	default:
		return (true);
	}
}

/* On each turn from then on: nobody is waited for any more. */
static void
give_up(struct vg_conn *conn)
{
	struct connection	*c = conn->c;
	struct http_request	*req;

	switch (conn->phase) {
	case VG_PHASE_HEAD:
		vg_refuse_with(conn, 503, "shutting_down", NULL);
		return;
	case VG_PHASE_BODY:
		memset(&conn->er.refusal, 0, sizeof(conn->er.refusal));
		conn->er.refusal.status = 503;
		conn->er.refusal.word = "shutting_down";
		conn->er.refusal.retry_after = VG_EDGE_RETRY_S;
		vg_body_end(conn, VG_BODY_REFUSED);
		return;
	case VG_PHASE_RUN:
		req = TAILQ_FIRST(&c->http_requests);
		if (req == NULL || vg_door.hooks.give_up == NULL)
			break;
		vg_door.hooks.give_up(req);
		(void)net_send_flush(c);
		break;
	case VG_PHASE_LINGER:
		return;
	case VG_PHASE_IDLE:
	case VG_PHASE_SEND:
		break;
	}
	if (vg_conn_alive(conn))
		kore_connection_disconnect(c);
}

/* Called on each turn: takes SIGTERM and its like from Kore until all is done. */
void
vg_drain(void)
{
	struct connection	*c, *next;
	struct vg_conn		*conn;
	bool			busy = false;

	if (!vg_door.draining) {
		if (sig_recv != SIGTERM && sig_recv != SIGQUIT &&
		    sig_recv != SIGINT)
			return;
		vg_door.draining = true;
		vg_door.drain_from = vg_now();
		vg_door.drain_until = vg_now() + vg_door.limits.drain_ms;
		vg_accept_last();
	}

	for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if ((conn = vg_conn_of(c)) == NULL)
			continue;
		if (is_busy(conn))
			busy = true;
		else if (conn->phase == VG_PHASE_IDLE)
			kore_connection_disconnect(c);
	}

	if (busy && vg_now() >= vg_door.drain_until) {
		if (vg_door.gave_up == 0)
			vg_door.gave_up = vg_now();
		for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
			next = TAILQ_NEXT(c, list);
			if ((conn = vg_conn_of(c)) != NULL && vg_conn_alive(conn))
				give_up(conn);
		}
	}
	if (vg_door.gave_up != 0)
		busy = vg_now() - vg_door.gave_up < VG_EDGE_GIVE_BACK_MS;
	sig_recv = busy ? 0 : SIGTERM;
}
