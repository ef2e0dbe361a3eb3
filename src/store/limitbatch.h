#ifndef VG_STORE_LIMITBATCH_H
#define VG_STORE_LIMITBATCH_H

/* Within the limiter only: the statement that is on its way. */

#include "store/limitgroups.h"

#define VG_BATCH_ROWS_MAX	512	/* limits in one statement */

/*
 * Called once a group was answered (STATUS VG_DB_OK: its rows are set), or came
 * to nothing. The receiver takes its checks off with vg_group_take().
 */
typedef void	(*vg_batch_answer)(struct vg_group *, enum vg_db_status);

/* limitbatch.c */
void	vg_batch_start(vg_batch_answer);
void	vg_batch_stop(void);
void	vg_batch_strategy(enum vg_strategy);
void	vg_batch_connected(bool);
/*
 * Sends what waits, unless a statement is on its way already or it is better to
 * linger; LINGERED: that was done.
 */
void	vg_batch_send(bool lingered);

#endif
