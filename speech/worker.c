/*
 * What runs in a worker.  Every worker serves exactly one job: a decoder that a
 * recording managed to take over has that recording, which its sender knew
 * already, an output that is going to be transcribed, and no next client to lie
 * in wait for; processor time and memory limits are those of one request; what
 * a library leaks is gone.  A fork from the keeper, which holds all models
 * and tables, makes that affordable (a few milliseconds), and the next worker is
 * ready before it is needed.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "speech/decode.h"
#include "speech/limits.h"
#include "speech/recognise.h"
#include "speech/synth.h"
#include "speech/worker.h"

/* A descriptor's whole content, read-only. */
struct view {
	const void	*data;
	size_t		 len;
};

static char	payload[VG_IPC_PAYLOAD];

enum vg_role
vg_worker_role(enum vg_pool pool)
{
	return (pool == VG_POOL_DECODE ? VG_ROLE_DECODE :
	    pool == VG_POOL_STT ? VG_ROLE_STT : VG_ROLE_TTS);
}

static unsigned int
cpu_seconds(enum vg_pool pool, const struct vg_options *o)
{
	if (pool == VG_POOL_DECODE)
		return (VG_DECODE_CPU_SECONDS);
	if (pool == VG_POOL_TTS)
		return (VG_TTS_CPU_SECONDS);
	return (VG_STT_CPU_BASE + o->max_seconds * VG_STT_CPU_PER_SECOND);
}

static int
view_open(struct view *v, int fd)
{
	struct stat	st;
	void		*p;

	if (fd == -1 || fstat(fd, &st) == -1 || st.st_size <= 0)
		return (-1);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return (-1);
	v->data = p;
	v->len = (size_t)st.st_size;
	return (0);
}

static enum vg_result
job_decode(struct vg_ipc *msg, const int *fds, const struct vg_options *o)
{
	struct view	v;
	uint32_t	samples;
	enum vg_result	res;

	if (view_open(&v, fds[0]) == -1 || fds[1] == -1)
		return (VG_RESULT_FAILED);
	res = vg_decode(v.data, v.len, fds[1], o->max_seconds, &samples);
	msg->bytes = samples * (uint32_t)sizeof(int16_t);
	msg->milli = (uint32_t)((uint64_t)samples * 1000 / VG_STT_RATE);
	return (res);
}

static enum vg_result
job_stt(const int *fds, size_t *len)
{
	struct view	v;

	if (view_open(&v, fds[0]) == -1)
		return (VG_RESULT_FAILED);
	if (vg_recognise(v.data, v.len / sizeof(int16_t), payload,
	    VG_STT_TEXT_MAX) == -1)
		return (VG_RESULT_FAILED);
	*len = strlen(payload);
	return (VG_RESULT_OK);
}

static enum vg_result
job_tts(struct vg_ipc *msg, const int *fds, size_t len)
{
	double	speed = (double)msg->milli / 1000.0;

	if (fds[0] == -1 || len >= sizeof(payload) ||
	    speed < VG_SPEED_MIN || speed > VG_SPEED_MAX)
		return (VG_RESULT_FAILED);
	payload[len] = '\0';
	if (vg_synth_wav(payload, speed, fds[0], &msg->bytes,
	    &msg->milli) == -1)
		return (VG_RESULT_FAILED);
	return (VG_RESULT_OK);
}

void
vg_worker_main(enum vg_pool pool, int sock, uint32_t id,
    const struct vg_options *o)
{
	struct vg_ipc	msg = { .kind = VG_IPC_HELLO, .id = id };
	enum vg_result	res = VG_RESULT_FAILED;
	size_t		len = 0, out = 0;
	int		fds[VG_IPC_FDS];

	if (vg_sandbox_limits(vg_worker_role(pool),
	    cpu_seconds(pool, o)) == -1 ||
	    vg_sandbox_enter(vg_worker_role(pool)) == -1)
		_exit(VG_EXIT_SOFTWARE);
	if (vg_ipc_send(sock, &msg, NULL, 0, NULL, 0) == -1)
		_exit(0);
	/* No job any more: the front is gone. */
	if (vg_ipc_recv(sock, &msg, payload, sizeof(payload), &len, fds) != 1)
		_exit(0);

	switch (pool) {
	case VG_POOL_DECODE:
		res = job_decode(&msg, fds, o);
		break;
	case VG_POOL_STT:
		res = job_stt(fds, &out);
		break;
	case VG_POOL_TTS:
		res = job_tts(&msg, fds, len);
		break;
	case VG_POOLS:
	default:
		break;
	}
	msg.kind = VG_IPC_RESULT;
	msg.arg = (uint32_t)res;
	(void)vg_ipc_send(sock, &msg, payload, out, NULL, 0);
	_exit(0);
}
