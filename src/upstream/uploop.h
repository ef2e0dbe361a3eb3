#ifndef VG_UPLOOP_H
#define VG_UPLOOP_H

/* libcurl's multi interface on Kore's event loop. Private to src/upstream. */

#include <curl/curl.h>
#include <stdbool.h>

/* Told once for each transfer that ended; the handle is off the loop already. */
typedef void	(*vg_uploop_done_fn)(CURL *, CURLcode);
/* Told about once a second while transfers run. */
typedef void	(*vg_uploop_tick_fn)(uint64_t now_ms);

int	vg_uploop_init(vg_uploop_done_fn, vg_uploop_tick_fn);	/* 0 / -1 */
void	vg_uploop_cleanup(void);

/*
 * A transfer starts from the loop, not from here. *no_socket, which must stay as
 * long as the transfer, becomes true when there was none to be had. 0 / -1.
 */
int	vg_uploop_add(CURL *, bool *no_socket);
/* Takes it off, whatever it is doing, without waiting for anything. */
void	vg_uploop_remove(CURL *);

#endif
