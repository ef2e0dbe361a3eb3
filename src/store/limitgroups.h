#ifndef VG_STORE_LIMITGROUPS_H
#define VG_STORE_LIMITGROUPS_H

/* Within the limiter only: checks that wait, put together by what they ask. */

#include <sys/queue.h>

#include "store/limiter.h"

#define VG_CHECKS_MAX		4096	/* checks without an answer */
#define VG_GROUP_ROWS_MAX	(VG_LIMIT_SUBJECTS_MAX * VG_LIMITS_MAX)

struct vg_group;

struct vg_check {
	TAILQ_ENTRY(vg_check)	by_group;
	TAILQ_ENTRY(vg_check)	by_age;
	struct vg_group		*group;		/* NULL: free */
	uint32_t		uses;
	int64_t			deadline_us;
	vg_limit_cb		cb;
	void			*arg;
};
TAILQ_HEAD(vg_checks, vg_check);

/* A subject as the limiter keeps it: printable ASCII, NUL-terminated. */
struct vg_subject {
	char			client[VG_CLIENT_NAME_MAX + 1];
	char			name[VG_LIMIT_NAME_MAX + 1];
	size_t			client_len;
	size_t			name_len;
	uint64_t		hash;		/* of client and name */
	struct vg_limits	limits;
};

struct vg_question {
	struct vg_subject	subject[VG_LIMIT_SUBJECTS_MAX];
	size_t			nsubjects;
	int64_t			cost;
	bool			peek;
};

/* What came back for one limit. */
struct vg_row {
	int64_t			granted;	/* requests */
	int64_t			used;		/* units, after them */
	int64_t			reset_us;	/* worker's clock */
	int64_t			retry_us;
};

/* Checks that ask the same; in a statement they are one row a limit. */
struct vg_group {
	TAILQ_ENTRY(vg_group)	list;
	struct vg_group		*next;		/* of its hash, while waiting */
	uint64_t		hash;
	bool			waiting;	/* not sent yet */
	bool			wanted;		/* for units ahead, checks or not */
	struct vg_question	question;
	struct vg_checks	checks;
	size_t			nchecks;
	int64_t			sent;		/* checks, when it was sent */
	int64_t			ahead;		/* units beyond theirs */
	int64_t			sent_us;	/* when it was sent */
	size_t			nrows;
	struct vg_row		row[VG_GROUP_ROWS_MAX];
};
TAILQ_HEAD(vg_groups, vg_group);

/* limitgroups.c */
int	vg_groups_start(void);
void	vg_groups_stop(void);

/* Adds a check to the group that asks the same; NULL: too many. */
struct vg_check	*vg_group_add(const struct vg_question *, int64_t deadline_us);
/* A group that asks this, with no check of its own; or nothing, if memory ends. */
void	vg_group_want(const struct vg_question *);
/* The first check of a group, now free (cb and arg stay readable), or NULL. */
struct vg_check	*vg_group_take(struct vg_group *);
vg_ticket vg_group_ticket(const struct vg_check *);
void	vg_group_forget(vg_ticket);
/* The oldest check, if its deadline has passed, taken off its group. */
struct vg_check	*vg_group_overdue(int64_t now_us, struct vg_question *);

/* Groups that wait, in the order of their first checks; walk it, do not edit. */
struct vg_groups	*vg_groups_waiting(void);
size_t	vg_groups_checks(void);		/* in all of those */
/* It waits no more (and is the caller's), or is done with. */
void	vg_group_leave(struct vg_group *);
void	vg_group_drop(struct vg_group *);

#endif
