#ifndef VG_STORE_LIMITANSWER_H
#define VG_STORE_LIMITANSWER_H

/* Within the limiter only. */

#include "store/limitgroups.h"

/* limitanswer.c */

/* Every quota as if nothing were used; whoever knows better overwrites it. */
void	vg_answer_begin(struct vg_limit_result *, const struct vg_question *,
	    enum vg_limit_source);
/* Once all quotas are set: which of them to tell. */
void	vg_answer_tightest(struct vg_limit_result *);
/* No quotas at all, VG_LIMIT_UNCOUNTED. */
void	vg_answer_uncounted(struct vg_limit_result *, enum vg_limit_source);
/* The whole answer to check INDEX of a group of which GRANTED were admitted. */
void	vg_answer_group(const struct vg_group *, struct vg_limit_result *,
	    int64_t index, int64_t granted);

#endif
