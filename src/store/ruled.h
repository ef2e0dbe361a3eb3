#ifndef VG_STORE_RULED_H
#define VG_STORE_RULED_H

/* Within the store only: keys, blocks, events and alerts; see store.h. */

#include "store/store.h"

#define VG_TICKET_KEY	(UINT64_C(1) << 62)	/* a key's question */

/* keys.c */
int	vg_keys_start(void);			/* 0 / -1 */
void	vg_keys_stop(void);
void	vg_keys_changed(void);			/* notified: some key */
void	vg_keys_forget(vg_ticket);
void	vg_keys_tick(int64_t now_us);

/* blocks.c */
void	vg_blocks_stop(void);
void	vg_blocks_changed(void);		/* notified, or connected anew */
void	vg_blocks_tick(int64_t now_us);

/* events.c */
int	vg_events_start(void);			/* 0 / -1 */
void	vg_events_stop(void);			/* before the connection's end */
void	vg_events_tick(int64_t now_us);

/* alerts.c: the hook of store.h, or NULL. */
void	vg_alerts_start(void (*)(void *, const struct vg_alert *), void *arg);
void	vg_alerts_raised(void);			/* notified */
void	vg_alerts_tick(int64_t now_us);

#endif
