/*
 * What the two files of the keeper share: its state, and its processes.
 */
#ifndef VG_SPEECH_KEEPER_INT_H
#define VG_SPEECH_KEEPER_INT_H

#include <sys/types.h>

#include <limits.h>
#include <stdint.h>

#include "speech/ipc.h"
#include "speech/limits.h"
#include "speech/options.h"

struct slot {
	pid_t		pid;		/* 0: empty */
	uint32_t	id;
	long long	due;		/* empty: when to fill it */
	int		ordered;	/* we ended it ourselves */
};

struct pool {
	struct slot	slots[VG_WORKERS_MAX];
	unsigned int	crashes;	/* in a row */
	long long	last_crash;
};

struct keeper {
	const struct vg_options	*o;
	struct pool		 pools[VG_POOLS];
	pid_t			 self;
	pid_t			 front;
	long long		 front_due;
	unsigned int		 front_crashes;
	int			 listener;
	int			 ctl;		/* to the front */
	int			 sigfd;
	int			 ready;
	int			 loaded;
	int			 status;	/* exit code, once over */
	int			 over;
	long long		 drain_until;	/* 0: not draining */
	uint32_t		 next_id;
	uint16_t		 port;
	int			 port_fd;
	char			 port_tmp[PATH_MAX];
};

#define VG_RETRY_MS	100	/* after a fork or a socket that failed */

/* Starts the front, then the workers that are due; vg_procs_front() alone. */
void	vg_procs_front(struct keeper *k);
void	vg_procs_fill(struct keeper *k);
/* Takes note of children that ended, and decides when each is replaced. */
void	vg_procs_reap(struct keeper *k);
/* Ends one worker, or all of them; they are replaced without delay. */
void	vg_procs_kill(struct keeper *k, uint32_t id);
void	vg_procs_kill_all(struct keeper *k);

#endif
