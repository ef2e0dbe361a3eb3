/*
 * As much of Kore's event loop as src/upstream uses.
 *
 * It is as unforgiving as Kore: taking off a descriptor that is not watched ends
 * the program, a batch of events is delivered to whatever its pointers then
 * point to.
 */

#include <sys/epoll.h>
#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kore/kore.h>

#include "koreshim.h"

#define BATCH	64

static TAILQ_HEAD(, kore_timer)	timers = TAILQ_HEAD_INITIALIZER(timers);
static unsigned			ntimers, nevents;
static int			efd = -1;
static uint64_t			longest;

static void	turn(uint64_t);
static void	insert(struct kore_timer *);

void
shim_init(void)
{
	if ((efd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		abort();
}

void
shim_cleanup(void)
{
	(void)close(efd);
	efd = -1;
}

bool
shim_run(const bool *done, uint64_t ms)
{
	uint64_t	end;

	end = kore_time_ms() + ms;
	while (!*done && kore_time_ms() < end)
		turn(end);

	return (*done);
}

void
shim_run_for(uint64_t ms)
{
	const bool	never = false;

	(void)shim_run(&never, ms);
}

unsigned
shim_timers(void)
{
	return (ntimers);
}

unsigned
shim_events(void)
{
	return (nevents);
}

uint64_t
shim_longest(void)
{
	uint64_t	ms;

	ms = longest;
	longest = 0;

	return (ms);
}

uint64_t
kore_time_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

struct kore_timer *
kore_timer_add(void (*cb)(void *, u_int64_t), u_int64_t interval, void *arg,
    int flags)
{
	struct kore_timer	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		abort();
	t->cb = cb;
	t->arg = arg;
	t->flags = flags;
	t->interval = interval;
	t->nextrun = kore_time_ms() + interval;
	insert(t);
	ntimers++;

	return (t);
}

void
kore_timer_remove(struct kore_timer *t)
{
	TAILQ_REMOVE(&timers, t, list);
	ntimers--;
	free(t);
}

void
kore_platform_event_level_read(int fd, void *udata)
{
	struct epoll_event	e;

	memset(&e, 0, sizeof(e));
	e.events = EPOLLIN | EPOLLRDHUP;
	e.data.ptr = udata;
	if (epoll_ctl(efd, EPOLL_CTL_ADD, fd, &e) == 0) {
		nevents++;
		return;
	}
	if (errno != EEXIST || epoll_ctl(efd, EPOLL_CTL_MOD, fd, &e) == -1) {
		perror("epoll_ctl");
		abort();
	}
}

void
kore_platform_disable_read(int fd)
{
	if (epoll_ctl(efd, EPOLL_CTL_DEL, fd, NULL) == -1) {
		perror("epoll_ctl DEL");
		abort();
	}
	nevents--;
}

size_t
kore_strlcpy(char *dst, const char *src, const size_t size)
{
	size_t	n;

	n = strlen(src);
	if (size > 0) {
		memcpy(dst, src, n < size ? n : size - 1);
		dst[n < size ? n : size - 1] = '\0';
	}

	return (n);
}

static void
insert(struct kore_timer *t)
{
	struct kore_timer	*o;

	TAILQ_FOREACH(o, &timers, list) {
		if (o->nextrun > t->nextrun) {
			TAILQ_INSERT_BEFORE(o, t, list);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&timers, t, list);
}

static void
turn(uint64_t end)
{
	struct epoll_event	e[BATCH];
	struct kore_event	*evt;
	struct kore_timer	*t;
	uint64_t		now, until;
	int			i, n;

	now = kore_time_ms();
	until = end;
	if ((t = TAILQ_FIRST(&timers)) != NULL && t->nextrun < until)
		until = t->nextrun;

	n = epoll_wait(efd, e, BATCH, until > now ? (int)(until - now) : 0);
	now = kore_time_ms();
	for (i = 0; i < n; i++) {
		evt = e[i].data.ptr;
		if (e[i].events & EPOLLIN)
			evt->flags |= KORE_EVENT_READ;
		if (e[i].events & EPOLLOUT)
			evt->flags |= KORE_EVENT_WRITE;
		evt->handle(evt, (e[i].events & (EPOLLERR | EPOLLHUP)) != 0);
	}

	while ((t = TAILQ_FIRST(&timers)) != NULL && t->nextrun <= now) {
		TAILQ_REMOVE(&timers, t, list);
		t->cb(t->arg, now);
		if (t->flags & KORE_TIMER_ONESHOT) {
			ntimers--;
			free(t);
		} else {
			t->nextrun = now + t->interval;
			insert(t);
		}
	}

	now = kore_time_ms() - now;
	if (now > longest)
		longest = now;
}
