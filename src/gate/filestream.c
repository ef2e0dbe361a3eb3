/*
 * A file on its way to a client: one piece of it in memory at a time, the next
 * read when the last has left. Kore's own way (kore_fileref) wants a path, keeps
 * the file open for others and maps it whole under TLS; a reply belongs to one
 * session, may be removed at any moment, and is read once.
 *
 * Kore calls a stream's callback when its piece was sent, and likewise when the
 * connection ends with the piece unsent: then everything is given back.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "gate/gate.h"
#include "gate/respond.h"

#define PIECE_SIZE	65536	/* bytes in memory for each client */

struct filestream {
	int		fd;
	uint64_t	left;		/* bytes still to be read */
	uint8_t		piece[PIECE_SIZE];
};

static int	filestream_sent(struct netbuf *);

static void
filestream_free(struct filestream *fs)
{
	(void)close(fs->fd);
	free(fs);
}

/* Reads a piece and queues it. 0 / -1: nothing was queued. */
static int
filestream_next(struct connection *c, struct filestream *fs)
{
	struct netbuf	*nb;
	size_t		want;
	ssize_t		n;

	want = fs->left < PIECE_SIZE ? (size_t)fs->left : PIECE_SIZE;
	do {
		n = read(fs->fd, fs->piece, want);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (-1);
	fs->left -= (uint64_t)n;
	net_send_stream(c, fs->piece, (size_t)n, filestream_sent, &nb);
	nb->extra = fs;
	return (0);
}

static int
filestream_sent(struct netbuf *nb)
{
	struct filestream	*fs = nb->extra;
	struct connection	*c = nb->owner;

	if (c->state == CONN_STATE_DISCONNECTING || fs->left == 0) {
		filestream_free(fs);
	} else if (filestream_next(c, fs) == -1) {
		/* Cut short: only the end of the connection can say so. */
		c->flags |= CONN_CLOSE_EMPTY;
		filestream_free(fs);
	}
	return (KORE_RESULT_OK);
}

int
vg_filestream_queue(struct connection *c, int fd, uint64_t offset, uint64_t len)
{
	struct filestream	*fs;

	if (lseek(fd, (off_t)offset, SEEK_SET) == -1 ||
	    (fs = malloc(sizeof(*fs))) == NULL) {
		(void)close(fd);
		return (-1);
	}
	fs->fd = fd;
	fs->left = len;
	if (filestream_next(c, fs) == -1) {
		filestream_free(fs);
		return (-1);
	}
	return (0);
}
