#ifndef VG_TEMPFILE_H
#define VG_TEMPFILE_H

/*
 * Files that hold what people said: unnamed while they can be, 0600 in a 0700
 * folder, never under a name that a client chose.
 *
 * System calls needed in a sandbox, beside openat, read, write, lseek and
 * close: unlinkat (to discard or remove named files, to publish, to sweep),
 * linkat (to publish), getdents64 and newfstatat (to sweep). vg_tempdir_open()
 * needs mkdir, fchmod, fchown and newfstatat too: it is for the parent,
 * before the sandbox.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "core/uuid.h"

#define VG_TEMPFILE_RANDOM	16	/* bytes of randomness for a name */
#define VG_TEMPFILE_PREFIX	"vgtmp-"
#define VG_TEMPFILE_NAME_SIZE	64	/* bytes, NUL included */
#define VG_TEMPFILE_EXT_MAX	8	/* bytes of an extension */

/*
 * Opens the folder path, created 0700 when it is not there (its parent must
 * be). What is there must be a real folder (no link as its last component),
 * owned by owner, with no permission for group or others. Returns a
 * descriptor (close it), or -1 with errno: ENOTDIR or ELOOP no folder,
 * EPERM another owner, EACCES wrong mode or no access, or of the system call.
 */
int	vg_tempdir_open(const char *path, uid_t owner);

/* The kinds of failure that a caller answers differently. */
enum vg_tempfile_trouble {
	VG_TEMPFILE_FULL,	/* ENOSPC, EDQUOT, EFBIG: no room */
	VG_TEMPFILE_DESCRIPTORS, /* EMFILE, ENFILE */
	VG_TEMPFILE_DENIED,	/* EACCES, EPERM, EROFS */
	VG_TEMPFILE_GONE,	/* ENOENT: file or folder is not there */
	VG_TEMPFILE_OTHER
};

enum vg_tempfile_trouble	vg_tempfile_trouble(int errnum);

struct vg_tempfile {
	int		fd;		/* -1: closed */
	int		dirfd;		/* borrowed */
	int		error;		/* errno of the first failure, or 0 */
	uint64_t	size;		/* bytes written so far, exactly */
	uint64_t	max;		/* bytes allowed; beyond: EFBIG */
	char		name[VG_TEMPFILE_NAME_SIZE]; /* "" while unnamed */
};

/*
 * A new empty file in dirfd (borrowed until discard) that has no name and so
 * is gone when it is closed, however the process ends: O_TMPFILE, or where the
 * file system has none, a random name that is removed at once. 0600,
 * O_CLOEXEC. 0, or -1 with t->error and errno.
 */
int	vg_tempfile_create(struct vg_tempfile *t, int dirfd,
	    const uint8_t random[VG_TEMPFILE_RANDOM], uint64_t max);

/*
 * The same with a random name of ours from the start. For what is to be
 * published: an unnamed file can be, too, but only where /proc is mounted,
 * which it is not in a chroot.
 */
int	vg_tempfile_create_named(struct vg_tempfile *t, int dirfd,
	    const uint8_t random[VG_TEMPFILE_RANDOM], uint64_t max);

/*
 * Writes all of data: 0, or -1 with t->error (ENOSPC, EDQUOT, EFBIG, ...).
 * After a failure every later write fails the same; t->size stays exact.
 */
int	vg_tempfile_write(struct vg_tempfile *t, const void *data, size_t len);

/* Back to the first byte, for reading. 0 / -1. */
int	vg_tempfile_rewind(struct vg_tempfile *t);

/*
 * Makes the file appear as name (see vg_tempfile_name()), atomically and
 * complete; -1 with EEXIST when that name is taken: nothing is ever
 * overwritten. The descriptor stays open. 0 / -1 with t->error.
 */
int	vg_tempfile_publish(struct vg_tempfile *t, const char *name);

/*
 * The same backwards, for what nobody was told of: NAME is no more, the file has
 * a random name of ours again and can be published anew. -1 with t->error where
 * it had gone (ENOENT): then it cannot be.
 */
int	vg_tempfile_retract(struct vg_tempfile *t, const char *name,
	    const uint8_t random[VG_TEMPFILE_RANDOM]);

/*
 * Closes it, and removes what of it is not published. Safe to call at any
 * time and twice.
 */
void	vg_tempfile_discard(struct vg_tempfile *t);

/*
 * "<uuid>.<ext>" into out. The uuid must be 36 characters of lower-case hex and
 * dashes in their places, the extension 1 to VG_TEMPFILE_EXT_MAX of
 * [a-z0-9]. 0, or -1 with EINVAL.
 */
int	vg_tempfile_name(char out[VG_TEMPFILE_NAME_SIZE], const char *uuid,
	    const char *ext);

/*
 * Opens a published file for reading (O_NOFOLLOW | O_CLOEXEC) and tells its
 * size. A descriptor, or -1 with errno.
 */
int	vg_tempfile_open(int dirfd, const char *name, uint64_t *size);

/* Removes a published file. 0, also when it was not there; -1 with errno. */
int	vg_tempfile_remove(int dirfd, const char *name);

/* Whether name is one that this file makes: temporary, or <uuid>.<ext>. */
bool	vg_tempfile_is_temporary(const char *name);
bool	vg_tempfile_is_published(const char *name);

/*
 * Asked for each candidate of a sweep that is old enough: true keeps it. uuid
 * is NULL for a temporary one.
 */
typedef bool	(*vg_tempdir_keep)(void *, const char *name, const char *uuid);

/*
 * Removes what a crash or time left behind in dirfd: regular files with names
 * of ours, last changed max_age seconds before now or earlier, that keep
 * (NULL: none) does not want. Links, folders and foreign names are never
 * touched. At most limit files are removed in a call (0: all), their number is
 * in *removed. 0, 1 when limit ended it, -1 with errno (removed is still right).
 */
int	vg_tempdir_sweep(int dirfd, time_t now, time_t max_age,
	    vg_tempdir_keep keep, void *arg, size_t limit, size_t *removed);

#endif
