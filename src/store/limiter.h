#ifndef VG_STORE_LIMITER_H
#define VG_STORE_LIMITER_H

/* Within the store only. */

#include "store/store.h"

/* A check's ticket has this bit, a statement's has not. */
#define VG_TICKET_CHECK	(UINT64_C(1) << 63)

/* limiter.c */
int	vg_limiter_start(const struct vg_settings *);
void	vg_limiter_reload(const struct vg_settings *);
void	vg_limiter_stop(void);
void	vg_limiter_forget(vg_ticket);
/* The connection came or went. */
void	vg_limiter_state(bool connected);
void	vg_limiter_tick(void);

#endif
