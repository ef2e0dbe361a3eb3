/*
 * One HTTP exchange with a provider, from its start to its one callback.
 *
 * Time is bounded three times over: connecting, the whole, and while bytes are
 * due also their pace. The pace is not libcurl's low-speed option, which takes
 * the silence of a model that thinks for a broken line: here nothing is due
 * between the last byte sent and the first byte of the answer's body.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "upstream/call.h"
#include "upstream/client.h"
#include "upstream/uploop.h"

static void	on_done(CURL *, CURLcode);
static void	on_tick(uint64_t);
static void	finish(struct vg_call *, CURLcode);
static void	call_free(struct vg_call *);

static LIST_HEAD(, vg_call)	calls = LIST_HEAD_INITIALIZER(calls);

int
vg_client_init(void)
{
	return (vg_uploop_init(on_done, on_tick));
}

void
vg_client_cleanup(void)
{
	struct vg_call	*c;

	while ((c = LIST_FIRST(&calls)) != NULL)
		vg_call_cancel(c);

	vg_uploop_cleanup();
}

struct vg_call *
vg_call_start(const struct vg_call_spec *spec, vg_call_cb cb, void *arg)
{
	struct vg_call	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);

	c->cb = cb;
	c->arg = arg;
	c->audio = spec->audio;
	c->out_fd = spec->out_fd;
	c->answer_max = spec->answer_max;
	c->in_fd = spec->upload.fd;
	c->in_len = spec->upload.len;
	c->phase = c->in_fd != -1 ? PHASE_SENDING : PHASE_WAITING;
	c->window_ms = kore_time_ms();
	LIST_INSERT_HEAD(&calls, c, list);

	if ((c->easy = curl_easy_init()) == NULL ||
	    vg_call_set_common(c->easy, spec) == -1 ||
	    vg_call_set_headers(c->easy, spec, &c->headers) == -1)
		goto fail;

	if (spec->get) {
		if (curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L) != CURLE_OK)
			goto fail;
	} else if (spec->json != NULL) {
		if (vg_call_set_json(c->easy, spec->json) == -1)
			goto fail;
	} else if (vg_call_set_form(c->easy, &spec->upload, vg_call_on_send, vg_call_on_seek,
	    c, &c->form) == -1)
		goto fail;

	if (curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c) != CURLE_OK ||
	    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, vg_call_on_head) !=
	    CURLE_OK ||
	    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c) != CURLE_OK ||
	    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, vg_call_on_body) !=
	    CURLE_OK ||
	    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c) != CURLE_OK ||
	    vg_uploop_add(c->easy, &c->no_socket) == -1)
		goto fail;

	return (c);
fail:
	call_free(c);
	return (NULL);
}

void
vg_call_cancel(struct vg_call *c)
{
	if (c == NULL)
		return;

	vg_uploop_remove(c->easy);
	call_free(c);
}

static void
on_done(CURL *easy, CURLcode code)
{
	struct vg_call	*c;

	c = NULL;
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
	if (c != NULL)
		finish(c, code);
}

static void
on_tick(uint64_t now)
{
	struct vg_call	*c;

	LIST_FOREACH(c, &calls, list) {
		if (c->phase == PHASE_WAITING)
			continue;
		/* A call of this very turn may have begun after NOW was read. */
		if (now < c->window_ms || now - c->window_ms < VG_CALL_STALL_MS)
			continue;
		c->stalled = c->moved - c->moved_before < VG_CALL_STALL_BYTES;
		c->moved_before = c->moved;
		c->window_ms = now;
	}

	/* A callback may end other calls: begin anew after each. */
again:
	LIST_FOREACH(c, &calls, list) {
		if (c->stalled) {
			vg_uploop_remove(c->easy);
			finish(c, CURLE_OPERATION_TIMEDOUT);
			goto again;
		}
	}
}

static void
finish(struct vg_call *c, CURLcode code)
{
	struct vg_call_result	r;
	curl_off_t		after;

	memset(&r, 0, sizeof(r));
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &r.status);
	r.error = vg_call_error(c, code, r.status);
	r.unsent = vg_call_unsent(c, code);
	r.type = c->type;
	r.body = c->body != NULL && !c->audio ? c->body : "";
	r.len = c->drop ? 0 : c->len;

	after = 0;
	(void)curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after);
	if (after > 0) {
		r.retry_after_s = after > VG_UPSTREAM_RETRY_AFTER_MAX ?
		    VG_UPSTREAM_RETRY_AFTER_MAX : (unsigned)after;
	}

	if (r.error == VG_UP_OK && c->audio)
		r.error = vg_call_end_sound(c);
	if (r.error == VG_UP_OK && c->audio) {
		r.audio_ext = c->kind.ext;
		r.audio_type = c->kind.type;
	}

	/* Off the list first: whatever the callback does, this one is over. */
	LIST_REMOVE(c, list);
	c->list.le_prev = NULL;
	c->cb(&r, c->arg);
	call_free(c);
}

static void
call_free(struct vg_call *c)
{
	if (c->list.le_prev != NULL)
		LIST_REMOVE(c, list);

	/* The handle first: it refers to all the others. */
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	curl_mime_free(c->form);
	vg_call_free_headers(c->headers);
	if (c->body != NULL)
		explicit_bzero(c->body, c->held);
	free(c->body);
	free(c);
}

