/*
 * Messages between the processes of the speech server: one fixed header, an
 * optional payload, up to VG_IPC_FDS descriptors, over a SOCK_SEQPACKET pair
 * (a message arrives whole or not at all, and the end of a process is an EOF).
 */
#ifndef VG_SPEECH_IPC_H
#define VG_SPEECH_IPC_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#define VG_IPC_FDS	2
#define VG_IPC_PAYLOAD	(96u * 1024u)	/* bytes; below the kernel's 208 KiB */

enum vg_pool {
	VG_POOL_DECODE,
	VG_POOL_STT,
	VG_POOL_TTS,
	VG_POOLS
};

enum vg_ipc_kind {
	/* keeper to front */
	VG_IPC_WORKER = 1,	/* fd 0: the worker's socket; id, arg = pool */
	VG_IPC_DRAIN,		/* finish what is there, then say DRAINED */
	/* front to keeper */
	VG_IPC_READY,		/* every pool has a worker */
	VG_IPC_KILL,		/* end worker `id` */
	VG_IPC_DRAINED,		/* nothing is in flight any more */
	/* worker to front */
	VG_IPC_HELLO,		/* in the sandbox and waiting for its job */
	VG_IPC_RESULT,		/* arg = enum vg_result; payload by pool */
	/* front to worker */
	VG_IPC_JOB		/* descriptors and payload by pool */
};

enum vg_result {
	VG_RESULT_OK,
	VG_RESULT_NOT_AUDIO,	/* no container that is served */
	VG_RESULT_UNDECODABLE,	/* one, but it cannot be decoded */
	VG_RESULT_TOO_LONG,	/* longer than --max-seconds */
	VG_RESULT_FAILED	/* our fault */
};

struct vg_ipc {
	uint32_t	kind;		/* enum vg_ipc_kind */
	uint32_t	id;		/* the worker's number */
	uint32_t	arg;
	uint32_t	milli;		/* milliseconds of audio; speed * 1000 */
	uint32_t	bytes;		/* bytes of audio written */
	uint32_t	format;		/* enum vg_audio_format */
};

/*
 * Sends one message.  The descriptors stay the caller's.  0, or -1 with errno
 * (EAGAIN on a full non-blocking socket, EMSGSIZE over VG_IPC_PAYLOAD).
 */
int	vg_ipc_send(int sock, const struct vg_ipc *msg, const void *payload,
	    size_t len, const int *fds, size_t nfds);

/*
 * Receives one message into msg and payload (room bytes; *len is what came).
 * fds gets up to VG_IPC_FDS descriptors (CLOEXEC), -1 where there is none; they
 * are the caller's.  1 for a message, 0 at the end of the stream, -1 with errno
 * (EAGAIN; EPROTO for a truncated or foreign message, whose descriptors are
 * closed).
 */
int	vg_ipc_recv(int sock, struct vg_ipc *msg, void *payload, size_t room,
	    size_t *len, int fds[VG_IPC_FDS]);

/* The pool's name in log lines. */
const char *vg_pool_name(enum vg_pool pool);

#endif
