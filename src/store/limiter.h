#ifndef VG_STORE_LIMITER_H
#define VG_STORE_LIMITER_H

/* Within the store only; vg_limit_check() is in store.h. */

#include "store/store.h"

#define VG_TICKET_LIMIT	(UINT64_C(1) << 63)	/* a check's ticket */

/* limiter.c */
int	vg_limiter_start(const struct vg_settings *);
void	vg_limiter_configure(const struct vg_settings *);
void	vg_limiter_stop(void);
void	vg_limiter_forget(vg_ticket);
void	vg_limiter_state(bool connected);
void	vg_limiter_tick(int64_t now_us);
void	vg_limiter_soon(void);

#endif
