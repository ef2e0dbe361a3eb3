#ifndef VG_STORE_LIMITAHEAD_H
#define VG_STORE_LIMITAHEAD_H

/* Within the limiter only: units of large limits, taken ahead of their use. */

#include "store/limitgroups.h"

/* limitahead.c */

/* Whoever holds units gives them up: the settings changed. */
void	vg_ahead_clear(void);
/* Answers from what was taken ahead: true, and one of it is used. */
bool	vg_ahead_answer(const struct vg_question *, enum vg_strategy,
	    int64_t now_us, struct vg_limit_result *);
/* After that: whether it is time to ask for more, be there a check or not. */
bool	vg_ahead_low(const struct vg_question *, int64_t now_us);
/*
 * How many units to take beyond those of NCHECKS checks that wait, which may be
 * none.
 */
int64_t	vg_ahead_ask(const struct vg_question *, enum vg_strategy,
	    size_t nchecks, int64_t now_us);
/*
 * What the database said of a group to what was sent at SENT_US (worker's
 * clock), and how many units of it are left over.
 * Returns how many were held before: the database counts them as used.
 */
int64_t	vg_ahead_keep(const struct vg_question *, enum vg_strategy,
	    const struct vg_row *, int64_t left, int64_t sent_us,
	    int64_t now_us);

#endif
