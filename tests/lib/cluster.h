#ifndef TESTS_CLUSTER_H
#define TESTS_CLUSTER_H

/*
 * A PostgreSQL of a test's own, which may be stopped, killed, copied. It listens
 * on loopback, has the role voicegate, and ends with the test.
 */

#include <sys/types.h>

#include <stdbool.h>

#define CLUSTER_DB	"voicegate"

struct cluster {
	char	dir[200];
	int	port;
	pid_t	pid;		/* the postmaster's; 0: not running */
	long	killed_ms;	/* now_ms() as cluster_kill() killed the first */
	char	url[256];	/* of its database, once that was made */
};

/* initdb, start, an empty database. Fails the test if that fails. */
void	cluster_create(struct cluster *);
/* A copy that follows PRIMARY, which from then on waits for its commits. */
void	cluster_standby(struct cluster *, struct cluster *primary);
void	cluster_start(struct cluster *);
/* MODE as pg_ctl has it: fast, immediate. */
void	cluster_stop(struct cluster *, const char *mode);
/* SIGKILL to the postmaster and all of its processes. */
void	cluster_kill(struct cluster *);
/* Returns when it takes writes. */
void	cluster_promote(struct cluster *);
/* Stops it and removes its folder. */
void	cluster_remove(struct cluster *);

#endif
