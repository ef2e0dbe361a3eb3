#ifndef VG_STORE_EVLOOP_H
#define VG_STORE_EVLOOP_H

#include <stdbool.h>

/*
 * The little that the store asks of an event loop: one descriptor, watched
 * level-triggered, and a tick. evkore.c gives it Kore's; tests link one of
 * their own.
 */
struct vg_ev_handlers {
	void	(*ready)(void);	/* the descriptor: readable, writable, broken */
	void	(*tick)(void);	/* every so many milliseconds */
	void	(*soon)(void);	/* once for each vg_ev_soon() that was due */
};

/* HANDLERS must outlive the loop. 0 / -1. */
int	vg_ev_open(const struct vg_ev_handlers *, unsigned tick_ms);
void	vg_ev_close(void);
/* `soon` in so many milliseconds; asked again before that, the first holds. */
void	vg_ev_soon(unsigned ms);
/*
 * Watch FD for reading, or for writing too. Closing the descriptor ends it. A
 * stale `ready` may still come for it: handlers must bear that.
 */
void	vg_ev_watch(int fd, bool writing);

#endif
