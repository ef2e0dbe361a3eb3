/*
 * What a check is told: the quotas as they stand after it, and which of them to
 * show. Pure: what was counted comes in, nothing is counted here.
 */

#include <string.h>

#include "store/limitanswer.h"

void
vg_answer_uncounted(struct vg_limit_result *r, enum vg_limit_source source)
{
	memset(r, 0, sizeof(*r));
	r->verdict = VG_LIMIT_UNCOUNTED;
	r->source = source;
	r->now_us = vg_store_now_us();
}

void
vg_answer_group(const struct vg_group *g, struct vg_limit_result *r, int64_t index,
    int64_t granted)
{
	const struct vg_question	*q;
	const struct vg_limit		*limit;
	const struct vg_row		*row;
	size_t				i, j;
	int64_t				used;
	bool				admitted;

	q = &g->question;
	vg_answer_begin(r, q, VG_LIMIT_BY_DATABASE);
	admitted = q->peek ? granted > 0 : index < granted;
	r->verdict = admitted ? VG_LIMIT_ADMITTED : VG_LIMIT_REFUSED;

	row = g->row;
	for (i = 0; i < q->nsubjects; i++) {
		for (j = 0; j < q->subject[i].limits.count; j++, row++) {
			limit = &q->subject[i].limits.item[j];
			used = row->used;
			/* Those admitted after it do not count against it. */
			if (admitted && !q->peek)
				used -= (granted - 1 - index) * q->cost;
			vg_quota_from_store(&r->subject[i].quota[j], limit,
			    admitted || row->used + q->cost <= limit->quota,
			    used, row->reset_us, row->retry_us, r->now_us);
		}
	}
	vg_answer_tightest(r);
}

void
vg_answer_begin(struct vg_limit_result *r, const struct vg_question *q,
    enum vg_limit_source source)
{
	size_t		i, j;

	r->source = source;
	r->now_us = vg_store_now_us();
	r->nsubjects = q->nsubjects;
	for (i = 0; i < q->nsubjects; i++) {
		r->subject[i].count = q->subject[i].limits.count;
		for (j = 0; j < r->subject[i].count; j++)
			vg_quota_from_store(&r->subject[i].quota[j],
			    &q->subject[i].limits.item[j], true, 0, r->now_us,
			    r->now_us, r->now_us);
	}
}

void
vg_answer_tightest(struct vg_limit_result *r)
{
	const struct vg_quota	*of[VG_LIMIT_SUBJECTS_MAX];
	struct vg_quota		candidate[VG_LIMIT_SUBJECTS_MAX];
	size_t			i;

	if (r->nsubjects == 0)
		return;
	for (i = 0; i < r->nsubjects; i++) {
		of[i] = vg_quota_tightest(r->subject[i].quota,
		    r->subject[i].count);
		candidate[i] = *of[i];
	}
	r->tightest_subject = (size_t)(vg_quota_tightest(candidate,
	    r->nsubjects) - candidate);
	r->tightest = of[r->tightest_subject];
}
