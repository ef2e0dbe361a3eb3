/*
 * One message, whole or not at all.  A worker is one untrusted party and the
 * front another, so the receiver checks everything: the length of the header,
 * truncation of payload and descriptors, and it never keeps a descriptor that it
 * did not ask for.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "speech/ipc.h"

union control {
	struct cmsghdr	align;
	char		buf[CMSG_SPACE(sizeof(int) * VG_IPC_FDS)];
};

const char *
vg_pool_name(enum vg_pool pool)
{
	static const char *const names[] = { "decode", "stt", "tts" };

	return ((unsigned int)pool < VG_POOLS ? names[pool] : "?");
}

int
vg_ipc_send(int sock, const struct vg_ipc *msg, const void *payload,
    size_t len, const int *fds, size_t nfds)
{
	union control	 ctl;
	struct cmsghdr	*cmsg;
	struct msghdr	 mh;
	struct iovec	 iov[2];
	struct vg_ipc	 head = *msg;
	/* sendmsg() only reads, but struct iovec knows no const. */
	union { const void *c; void *v; } body = { .c = payload };
	ssize_t		 n;

	if (len > VG_IPC_PAYLOAD || nfds > VG_IPC_FDS) {
		errno = EMSGSIZE;
		return (-1);
	}

	memset(&mh, 0, sizeof(mh));
	iov[0].iov_base = &head;
	iov[0].iov_len = sizeof(head);
	iov[1].iov_base = body.v;
	iov[1].iov_len = len;
	mh.msg_iov = iov;
	mh.msg_iovlen = len != 0 ? 2 : 1;

	if (nfds != 0) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.buf;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}

	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);

	return (n == -1 ? -1 : 0);
}

/* Takes the descriptors out of a received message; returns how many. */
static size_t
take_fds(struct msghdr *mh, int fds[VG_IPC_FDS])
{
	struct cmsghdr	*cmsg;
	size_t		 i, n, got = 0;
	int		 fd;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			if (got < VG_IPC_FDS)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	return (got);
}

int
vg_ipc_recv(int sock, struct vg_ipc *msg, void *payload, size_t room,
    size_t *len, int fds[VG_IPC_FDS])
{
	union control	ctl;
	struct msghdr	mh;
	struct iovec	iov[2];
	ssize_t		n;
	size_t		i;

	for (i = 0; i < VG_IPC_FDS; i++)
		fds[i] = -1;
	*len = 0;

	memset(&mh, 0, sizeof(mh));
	iov[0].iov_base = msg;
	iov[0].iov_len = sizeof(*msg);
	iov[1].iov_base = payload;
	iov[1].iov_len = room;
	mh.msg_iov = iov;
	mh.msg_iovlen = room != 0 ? 2 : 1;
	mh.msg_control = ctl.buf;
	mh.msg_controllen = sizeof(ctl.buf);

	do {
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (errno == ECONNRESET ? 0 : -1);
	if (n == 0)
		return (0);

	(void)take_fds(&mh, fds);
	if ((size_t)n < sizeof(*msg) ||
	    (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (i = 0; i < VG_IPC_FDS; i++) {
			if (fds[i] != -1)
				close(fds[i]);
			fds[i] = -1;
		}
		errno = EPROTO;
		return (-1);
	}
	*len = (size_t)n - sizeof(*msg);
	return (1);
}
