/*
 * Where the log's lines go: whatever standard error is. A file or a terminal
 * takes them; a pipe or a socket (a log collector, systemd's journal) takes them
 * as long as somebody reads, and the server must go on when nobody does.
 *
 * O_NONBLOCK on standard error itself would be set for everybody who shares it,
 * the shell that started us for one. A pipe is opened once more instead, through
 * /proc, for a description of our own, which its workers inherit; to a socket
 * each call says that it will not wait. A pipe that may not be opened again (it
 * belongs to another user) is asked first: then only several processes at once
 * can still make one wait.
 *
 * A pipe takes up to PIPE_BUF bytes whole or not at all, so lines that several
 * processes write do not mix.
 */

#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "gate/logsink.h"

enum sink_kind {
	SINK_FILE,		/* never waits for a reader */
	SINK_PIPE,		/* a description of our own */
	SINK_PIPE_SHARED,
	SINK_SOCKET
};

static struct {
	int		fd;
	enum sink_kind	kind;
} sink = { .fd = STDERR_FILENO };

void
vg_logsink_open(void)
{
	struct stat	st;
	int		fd;

	if (sink.kind != SINK_FILE || fstat(STDERR_FILENO, &st) == -1)
		return;
	if (S_ISSOCK(st.st_mode)) {
		sink.kind = SINK_SOCKET;
	} else if (S_ISFIFO(st.st_mode)) {
		sink.kind = SINK_PIPE_SHARED;
		fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd != -1) {
			sink.kind = SINK_PIPE;
			sink.fd = fd;
		}
	}
}

/* As many whole lines as a pipe takes at once; of a longer one a part. */
static size_t
lines_at_once(const char *text, size_t len)
{
	const char	*end;

	if (len <= PIPE_BUF)
		return (len);
	end = memrchr(text, '\n', PIPE_BUF);
	return (end != NULL ? (size_t)(end - text) + 1 : PIPE_BUF);
}

static ssize_t
write_some(const char *text, size_t len)
{
	struct pollfd	pfd = { .fd = sink.fd, .events = POLLOUT };

	switch (sink.kind) {
	case SINK_SOCKET:
		return (send(sink.fd, text, lines_at_once(text, len),
		    MSG_DONTWAIT | MSG_NOSIGNAL));
	case SINK_PIPE_SHARED:
		if (poll(&pfd, 1, 0) == 0) {
			errno = EAGAIN;
			return (-1);
		}
		/* FALLTHROUGH */
	case SINK_PIPE:
		len = lines_at_once(text, len);
		/* FALLTHROUGH */
	case SINK_FILE:
	default:
		return (write(sink.fd, text, len));
	}
}

ssize_t
vg_logsink_write(const char *text, size_t len)
{
	ssize_t		n;

	do {
		n = write_some(text, len);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return (0);
	/* A write of nothing never comes to an end. */
	return (n == 0 ? -1 : n);
}
