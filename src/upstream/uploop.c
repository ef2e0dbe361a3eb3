/*
 * libcurl's multi interface on Kore's event loop.
 *
 * Kore brings such a loop of its own (kore_curl), which is not used here. A
 * transfer that is added from a request's handler is not begun before the
 * loop's next turn, up to 100 ms later; every answer is gathered in memory up
 * to one bound for all. And it ends the worker: libcurl 7.88 closes a socket
 * whose connection attempt failed before it says that the socket need not be
 * watched any more, and Kore takes a descriptor that cannot be unwatched for a
 * fatal error, so that a provider which does not answer takes the gateway down.
 *
 * So the sockets are watched by an epoll instance of our own, in which nothing
 * is fatal, and Kore's loop watches that one. An event names a descriptor, not
 * a record: whatever was closed meanwhile, libcurl ignores what it does not
 * know. Sockets are opened here, so that a descriptor's number that comes back
 * before libcurl has let go of it is watched again: libcurl would see no change,
 * while the kernel forgets a watch with the socket it was set for.
 *
 * Sockets are watched level-triggered, since libcurl does not always read until
 * there is nothing left. A transfer's end is told only after libcurl has
 * returned, so that whoever is told may start and cancel transfers as it likes.
 */

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kore/kore.h>

#include "upstream/uploop.h"

#define CONNECTIONS_KEPT	32	/* idle ones, for the next call */
#define TICK_MS			1000	/* milliseconds */
#define BATCH			32	/* events taken at once */
#define WANTED_FIRST		256	/* descriptors, grows */

struct door {
	struct kore_event	evt;	/* first: Kore knows it by this */
	int			fd;	/* our epoll instance */
};

static void	on_events(void *, int);
static int	on_socket(CURL *, curl_socket_t, int, void *, void *);
static curl_socket_t	on_open(void *, curlsocktype, struct curl_sockaddr *);
static int	on_timer(CURLM *, long, void *);
static void	on_timeout(void *, uint64_t);
static void	on_tick(void *, uint64_t);
static int	want(int, uint32_t);
static void	watch(int, uint32_t);
static void	reap(void);
static void	set_tick(void);

static struct door		door = { .fd = -1 };
static CURLM			*multi;
static struct kore_timer	*timer;
static struct kore_timer	*ticker;
static unsigned			transfers;
static vg_uploop_done_fn	done_fn;
static vg_uploop_tick_fn	tick_fn;

/* What libcurl wants of each descriptor: bits of epoll, 0 for nothing. */
static uint32_t			*wanted;
static size_t			nwanted;

int
vg_uploop_init(vg_uploop_done_fn done, vg_uploop_tick_fn tick)
{
	done_fn = done;
	tick_fn = tick;
	transfers = 0;

	if ((door.fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		return (-1);
	memset(&door.evt, 0, sizeof(door.evt));
	door.evt.handle = on_events;

	if ((multi = curl_multi_init()) == NULL ||
	    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) !=
	    CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) !=
	    CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
	    (long)CONNECTIONS_KEPT) != CURLM_OK) {
		(void)curl_multi_cleanup(multi);
		multi = NULL;
		(void)close(door.fd);
		door.fd = -1;
		return (-1);
	}

	kore_platform_event_level_read(door.fd, &door);

	return (0);
}

void
vg_uploop_cleanup(void)
{
	if (multi == NULL)
		return;

	/* Idle connections are closed in here. */
	(void)curl_multi_cleanup(multi);
	multi = NULL;

	kore_platform_disable_read(door.fd);
	(void)close(door.fd);
	door.fd = -1;
	free(wanted);
	wanted = NULL;
	nwanted = 0;

	if (timer != NULL) {
		kore_timer_remove(timer);
		timer = NULL;
	}
	if (ticker != NULL) {
		kore_timer_remove(ticker);
		ticker = NULL;
	}
	transfers = 0;
}

int
vg_uploop_add(CURL *easy, bool *no_socket)
{
	if (multi == NULL ||
	    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) !=
	    CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, no_socket) !=
	    CURLE_OK || curl_multi_add_handle(multi, easy) != CURLM_OK)
		return (-1);

	transfers++;
	set_tick();

	return (0);
}

void
vg_uploop_remove(CURL *easy)
{
	if (multi == NULL ||
	    curl_multi_remove_handle(multi, easy) != CURLM_OK)
		return;

	if (transfers > 0)
		transfers--;
	set_tick();
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *data)
{
	uint32_t	bits;

	(void)easy;
	(void)arg;
	(void)data;

	bits = 0;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		bits |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		bits |= EPOLLOUT;

	/* -1 ends the transfer that asked, and only that. */
	if (want(fd, bits) == -1)
		return (-1);
	watch(fd, bits);

	return (0);
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	bool	*no_socket = arg;
	int	fd;

	(void)purpose;

	fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    a->protocol);
	if (fd == -1) {
		/* Not: a family that this machine does not have. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			*no_socket = true;
		return (CURL_SOCKET_BAD);
	}
	if ((size_t)fd < nwanted && wanted[fd] != 0)
		watch(fd, wanted[fd]);

	return (fd);
}

static int
want(int fd, uint32_t bits)
{
	uint32_t	*p;
	size_t		n;

	if ((size_t)fd >= nwanted) {
		n = nwanted == 0 ? WANTED_FIRST : nwanted;
		while (n <= (size_t)fd)
			n *= 2;
		if ((p = realloc(wanted, n * sizeof(*p))) == NULL)
			return (-1);
		memset(p + nwanted, 0, (n - nwanted) * sizeof(*p));
		wanted = p;
		nwanted = n;
	}
	wanted[fd] = bits;

	return (0);
}

/* What cannot be watched is ended by its deadline. */
static void
watch(int fd, uint32_t bits)
{
	struct epoll_event	e;

	if (bits == 0) {
		/* EBADF and ENOENT: it is closed already. */
		(void)epoll_ctl(door.fd, EPOLL_CTL_DEL, fd, NULL);
		return;
	}

	memset(&e, 0, sizeof(e));
	e.events = bits;
	e.data.fd = fd;
	if (epoll_ctl(door.fd, EPOLL_CTL_ADD, fd, &e) == -1 &&
	    errno == EEXIST)
		(void)epoll_ctl(door.fd, EPOLL_CTL_MOD, fd, &e);
}

static void
on_events(void *arg, int error)
{
	struct epoll_event	e[BATCH];
	int			i, n, what, running;

	(void)arg;
	(void)error;
	door.evt.flags = 0;

	n = epoll_wait(door.fd, e, BATCH, 0);
	for (i = 0; i < n && multi != NULL; i++) {
		what = 0;
		if (e[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (e[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (e[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		(void)curl_multi_socket_action(multi, e[i].data.fd, what,
		    &running);
	}
	reap();
}

static int
on_timer(CURLM *handle, long ms, void *arg)
{
	(void)handle;
	(void)arg;

	if (timer != NULL) {
		kore_timer_remove(timer);
		timer = NULL;
	}
	if (ms >= 0) {
		timer = kore_timer_add(on_timeout, (uint64_t)ms, NULL,
		    KORE_TIMER_ONESHOT);
	}

	return (0);
}

static void
on_timeout(void *arg, uint64_t now)
{
	int	running;

	(void)arg;
	(void)now;

	/* Kore frees it when this returns. */
	timer = NULL;

	(void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0,
	    &running);
	reap();
}

static void
on_tick(void *arg, uint64_t now)
{
	(void)arg;

	ticker = NULL;
	tick_fn(now);
	set_tick();
}

static void
set_tick(void)
{
	if (transfers > 0 && ticker == NULL) {
		ticker = kore_timer_add(on_tick, TICK_MS, NULL,
		    KORE_TIMER_ONESHOT);
	} else if (transfers == 0 && ticker != NULL) {
		kore_timer_remove(ticker);
		ticker = NULL;
	}
}

static void
reap(void)
{
	CURLMsg		*msg;
	CURL		*easy;
	CURLcode	result;
	int		left;

	while (multi != NULL &&
	    (msg = curl_multi_info_read(multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		/* The message is gone with the handle's removal. */
		easy = msg->easy_handle;
		result = msg->data.result;
		vg_uploop_remove(easy);
		done_fn(easy, result);
	}
}
