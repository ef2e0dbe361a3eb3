/*
 * Files that hold recordings and replies.
 *
 * What must not happen: that another user reads one, that a client chooses
 * where one is, that one outlives its request. So they are made with openat()
 * under a folder whose owner and mode were verified once, in the parent, and
 * is from then on known by its descriptor alone: a path that is exchanged
 * later leads nowhere. An upload has no name at all (O_TMPFILE): there is
 * nothing to guess, to follow or to forget, and a crash closes it. A reply
 * gets its name when it is complete, by linkat(), which never replaces what
 * is there; until then it has a random one that the janitor knows.
 *
 * The worker's system call filter knows no fstat, pread, ftruncate or fsync.
 * None is used after the start: sizes come from what was written, or from
 * lseek(). Durability is not wanted either; after a power cut these files
 * are to be gone.
 *
 * The janitor is in tempdir.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/tempfile.h"

#define MODE	0600

static int
fail(struct vg_tempfile *t, int errnum)
{
	if (t->error == 0)
		t->error = errnum;
	errno = errnum;

	return (-1);
}

enum vg_tempfile_trouble
vg_tempfile_trouble(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return (VG_TEMPFILE_FULL);
	case EMFILE:
	case ENFILE:
		return (VG_TEMPFILE_DESCRIPTORS);
	case EACCES:
	case EPERM:
	case EROFS:
		return (VG_TEMPFILE_DENIED);
	case ENOENT:
		return (VG_TEMPFILE_GONE);
	default:
		return (VG_TEMPFILE_OTHER);
	}
}

static void
prepare(struct vg_tempfile *t, int dirfd, uint64_t max)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->dirfd = dirfd;
	t->max = max;
}

static void
take_name(struct vg_tempfile *t, const uint8_t random[VG_TEMPFILE_RANDOM])
{
	static const char	digits[] = "0123456789abcdef";
	size_t			i, n = sizeof(VG_TEMPFILE_PREFIX) - 1;

	memcpy(t->name, VG_TEMPFILE_PREFIX, n);
	for (i = 0; i < VG_TEMPFILE_RANDOM; i++) {
		t->name[n++] = digits[random[i] >> 4];
		t->name[n++] = digits[random[i] & 0x0f];
	}
	t->name[n] = '\0';
}

static int
open_named(struct vg_tempfile *t, const uint8_t random[VG_TEMPFILE_RANDOM])
{
	take_name(t, random);
	t->fd = openat(t->dirfd, t->name, O_RDWR | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, MODE);
	if (t->fd == -1) {
		t->name[0] = '\0';
		return (fail(t, errno));
	}

	return (0);
}

/* What open(2) says when the file system, or the kernel, has no O_TMPFILE. */
static bool
no_tmpfile(int errnum)
{
	return (errnum == EOPNOTSUPP || errnum == EISDIR || errnum == EINVAL);
}

int
vg_tempfile_create(struct vg_tempfile *t, int dirfd,
    const uint8_t random[VG_TEMPFILE_RANDOM], uint64_t max)
{
	int	saved;

	prepare(t, dirfd, max);

	t->fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
	if (t->fd != -1)
		return (0);
	if (!no_tmpfile(errno))
		return (fail(t, errno));

	if (open_named(t, random) == -1)
		return (-1);
	if (unlinkat(dirfd, t->name, 0) == -1) {
		saved = errno;
		vg_tempfile_discard(t);
		return (fail(t, saved));
	}
	t->name[0] = '\0';

	return (0);
}

int
vg_tempfile_create_named(struct vg_tempfile *t, int dirfd,
    const uint8_t random[VG_TEMPFILE_RANDOM], uint64_t max)
{
	prepare(t, dirfd, max);

	return (open_named(t, random));
}

int
vg_tempfile_write(struct vg_tempfile *t, const void *data, size_t len)
{
	const uint8_t	*p = data;
	ssize_t		n;

	if (t->error != 0 || t->fd == -1)
		return (fail(t, t->error != 0 ? t->error : EBADF));
	if (len > t->max - t->size)
		return (fail(t, EFBIG));

	while (len > 0) {
		n = write(t->fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (fail(t, errno));
		/* write(2) of a regular file does not return 0 for no reason */
		if (n == 0)
			return (fail(t, EIO));
		t->size += (uint64_t)n;
		p += n;
		len -= (size_t)n;
	}

	return (0);
}

int
vg_tempfile_rewind(struct vg_tempfile *t)
{
	return (lseek(t->fd, 0, SEEK_SET) == -1 ? fail(t, errno) : 0);
}

int
vg_tempfile_publish(struct vg_tempfile *t, const char *name)
{
	char	path[32];	/* bytes of /proc/self/fd/<int> */

	if (t->error != 0 || t->fd == -1)
		return (fail(t, t->error != 0 ? t->error : EBADF));
	if (!vg_tempfile_is_published(name))
		return (fail(t, EINVAL));

	if (t->name[0] == '\0') {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
		if (linkat(AT_FDCWD, path, t->dirfd, name,
		    AT_SYMLINK_FOLLOW) == -1)
			return (fail(t, errno));
		return (0);
	}

	/* Should the second fail, the janitor finds the name. */
	if (linkat(t->dirfd, t->name, t->dirfd, name, 0) == -1)
		return (fail(t, errno));
	(void)unlinkat(t->dirfd, t->name, 0);
	t->name[0] = '\0';

	return (0);
}

int
vg_tempfile_retract(struct vg_tempfile *t, const char *name,
    const uint8_t random[VG_TEMPFILE_RANDOM])
{
	take_name(t, random);
	if (linkat(t->dirfd, name, t->dirfd, t->name, 0) == -1) {
		t->name[0] = '\0';
		return (fail(t, errno));
	}
	(void)unlinkat(t->dirfd, name, 0);

	return (0);
}

void
vg_tempfile_discard(struct vg_tempfile *t)
{
	if (t->name[0] != '\0') {
		(void)unlinkat(t->dirfd, t->name, 0);
		t->name[0] = '\0';
	}

	if (t->fd != -1) {
		(void)close(t->fd);
		t->fd = -1;
	}
}

int
vg_tempfile_name(char out[VG_TEMPFILE_NAME_SIZE], const char *uuid,
    const char *ext)
{
	int	n;

	n = snprintf(out, VG_TEMPFILE_NAME_SIZE, "%s.%s", uuid, ext);
	if (n < 0 || n >= VG_TEMPFILE_NAME_SIZE ||
	    !vg_tempfile_is_published(out)) {
		out[0] = '\0';
		errno = EINVAL;
		return (-1);
	}

	return (0);
}

bool
vg_tempfile_is_published(const char *name)
{
	char	lower[VG_UUID_SIZE];
	size_t	i, len = strlen(name);

	if (len < VG_UUID_LEN + 2 ||
	    len > VG_UUID_LEN + 1 + VG_TEMPFILE_EXT_MAX ||
	    name[VG_UUID_LEN] != '.' ||
	    vg_uuid4_parse(lower, name, VG_UUID_LEN) == -1 ||
	    memcmp(lower, name, VG_UUID_LEN) != 0)
		return (false);

	for (i = VG_UUID_LEN + 1; i < len; i++) {
		if (!(name[i] >= 'a' && name[i] <= 'z') &&
		    !(name[i] >= '0' && name[i] <= '9'))
			return (false);
	}

	return (true);
}

bool
vg_tempfile_is_temporary(const char *name)
{
	size_t	n = sizeof(VG_TEMPFILE_PREFIX) - 1;

	return (strncmp(name, VG_TEMPFILE_PREFIX, n) == 0 &&
	    strlen(name) == n + 2 * VG_TEMPFILE_RANDOM &&
	    strspn(name + n, "0123456789abcdef") == 2 * VG_TEMPFILE_RANDOM);
}

int
vg_tempfile_open(int dirfd, const char *name, uint64_t *size)
{
	off_t	end;
	int	fd, saved;

	if (!vg_tempfile_is_published(name)) {
		errno = EINVAL;
		return (-1);
	}

	/* O_NONBLOCK: should it be a fifo, opening it must not wait. */
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	if (fd == -1)
		return (-1);

	end = lseek(fd, 0, SEEK_END);
	if (end < 0 || lseek(fd, 0, SEEK_SET) == -1) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		return (-1);
	}

	*size = (uint64_t)end;

	return (fd);
}

int
vg_tempfile_remove(int dirfd, const char *name)
{
	if (!vg_tempfile_is_published(name)) {
		errno = EINVAL;
		return (-1);
	}

	return (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT ? 0 : -1);
}
