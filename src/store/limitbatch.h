#ifndef VG_STORE_LIMITBATCH_H
#define VG_STORE_LIMITBATCH_H

/* Within the limiter only: what is waiting, and what is on its way. */

#include <sys/queue.h>

#include "core/siphash.h"
#include "store/limiter.h"

#define VG_CHECKS_MAX		4096	/* checks without an answer */
#define VG_BATCH_ROWS_MAX	512	/* limits in one statement */
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

/* Checks that ask the same; in a statement they are one row a limit. */
struct vg_question {
	struct vg_subject	subject[VG_LIMIT_SUBJECTS_MAX];
	size_t			nsubjects;
	int64_t			cost;
	bool			peek;
};

struct vg_row {
	int64_t			granted;	/* requests */
	int64_t			used;		/* units, after them */
	int64_t			reset_us;	/* worker's clock */
	int64_t			retry_us;
};

struct vg_group {
	TAILQ_ENTRY(vg_group)	list;		/* waiting, flying or unused */
	struct vg_group		*next;		/* of its hash, while waiting */
	uint64_t		hash;
	struct vg_question	question;
	struct vg_checks	checks;
	size_t			nchecks;
	size_t			nrows;
	struct vg_row		row[VG_GROUP_ROWS_MAX];
};

/* limitbatch.c */

/*
 * Called once a group was answered (STATUS VG_DB_OK: its rows are set), or came
 * to nothing. The receiver takes its checks off with vg_batch_take().
 */
typedef void	(*vg_batch_answer)(struct vg_group *, enum vg_db_status);

int	vg_batch_start(vg_batch_answer);
void	vg_batch_stop(void);
/* Both take effect with the next statement. */
void	vg_batch_strategy(enum vg_strategy);
void	vg_batch_connected(bool);

/* Adds a check; NULL when there are too many. */
struct vg_check	*vg_batch_add(const struct vg_question *, int64_t deadline_us);
/* Sends what waits, unless a statement is on its way already. */
void	vg_batch_send(void);
/* The first check of a group, now free (cb and arg stay readable), or NULL. */
struct vg_check	*vg_batch_take(struct vg_group *);
void	vg_batch_forget(vg_ticket);
vg_ticket vg_batch_ticket(const struct vg_check *);
/* A group to answer without the database: what waits longest, or NULL. */
struct vg_group	*vg_batch_waiting(void);
/* The oldest check, if its deadline has passed, taken off its group. */
struct vg_check	*vg_batch_overdue(int64_t now_us, struct vg_question *);
void	vg_batch_drop(struct vg_group *);

#endif
