/*
 * A worker: one process, one job, then it is gone.
 */
#ifndef VG_SPEECH_WORKER_H
#define VG_SPEECH_WORKER_H

#include "speech/ipc.h"
#include "speech/options.h"
#include "speech/sandbox.h"

/*
 * Enters the pool's sandbox, says HELLO on sock, does one job and ends the
 * process: with 0 after a job or when the front closed the socket before one.
 */
void	vg_worker_main(enum vg_pool pool, int sock, uint32_t id,
	    const struct vg_options *o) __attribute__((noreturn));

/* The sandbox role of a pool's workers. */
enum vg_role	vg_worker_role(enum vg_pool pool);

#endif
