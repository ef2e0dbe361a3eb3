/*
 * The store's event loop is Kore's. Level-triggered, unlike Kore's own sockets:
 * with an edge every answer would cost one more recv(2) that only says EAGAIN,
 * and that is the largest part of what a batched check costs a worker.
 */

#include <sys/epoll.h>

#include <kore/kore.h>

#include <stdint.h>
#include <string.h>

#include "store/evloop.h"

/* Kore casts the pointer that epoll hands back to struct kore_event. */
static struct {
	struct kore_event		evt;
	const struct vg_ev_handlers	*handlers;
	struct kore_timer		*timer;
	struct kore_timer		*soon;
} ev;

static void	ev_ready(void *, int);
static void	ev_tick(void *, u_int64_t);
static void	ev_soon(void *, u_int64_t);

int
vg_ev_open(const struct vg_ev_handlers *handlers, unsigned tick_ms)
{
	memset(&ev, 0, sizeof(ev));
	ev.evt.type = KORE_TYPE_PGSQL_CONN;
	ev.evt.handle = ev_ready;
	ev.handlers = handlers;
	ev.timer = kore_timer_add(ev_tick, tick_ms, NULL, 0);
	return (ev.timer != NULL ? 0 : -1);
}

void
vg_ev_close(void)
{
	if (ev.timer != NULL)
		kore_timer_remove(ev.timer);
	if (ev.soon != NULL)
		kore_timer_remove(ev.soon);
	ev.timer = ev.soon = NULL;
	ev.handlers = NULL;
}

void
vg_ev_soon(unsigned ms)
{
	if (ev.soon == NULL)
		ev.soon = kore_timer_add(ev_soon, ms, NULL, KORE_TIMER_ONESHOT);
}

void
vg_ev_watch(int fd, bool writing)
{
	kore_platform_event_schedule(fd,
	    (int)(EPOLLIN | EPOLLRDHUP | (writing ? EPOLLOUT : 0)), 0, &ev);
}

static void
ev_ready(void *arg, int error)
{
	(void)arg;
	/* An error is readable too: reading tells which. */
	(void)error;

	ev.evt.flags = 0;
	if (ev.handlers != NULL)
		ev.handlers->ready();
}

static void
ev_tick(void *arg, u_int64_t now)
{
	(void)arg;
	(void)now;

	if (ev.handlers != NULL)
		ev.handlers->tick();
}

static void
ev_soon(void *arg, u_int64_t now)
{
	(void)arg;
	(void)now;

	/* Kore frees a timer of one shot when this returns. */
	ev.soon = NULL;
	if (ev.handlers != NULL)
		ev.handlers->soon();
}
