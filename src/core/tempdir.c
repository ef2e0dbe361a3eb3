/*
 * The folder of the temporary files: made and verified before the sandbox,
 * swept by the janitor ever after. The files are in tempfile.c.
 *
 * The janitor removes by name and kind, never by what a name leads to: only
 * regular files whose names this program could have made. A folder that the
 * operator named by mistake loses nothing but what looks exactly like ours.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/tempfile.h"

#define DIR_MODE	0700
#define DIR_FLAGS	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A folder that we have just made: its owner and mode, whatever the umask. */
static int
adopt(int fd, uid_t owner)
{
	struct stat	st;

	if (fstat(fd, &st) == -1)
		return (-1);

	/* Somebody put another one in its place: leave it, it is checked. */
	if (st.st_uid != geteuid())
		return (0);
	if (st.st_uid != owner && fchown(fd, owner, (gid_t)-1) == -1)
		return (-1);

	return (fchmod(fd, DIR_MODE));
}

int
vg_tempdir_open(const char *path, uid_t owner)
{
	struct stat	st;
	bool		made;
	int		fd, saved;

	made = (mkdir(path, DIR_MODE) == 0);
	if (!made && errno != EEXIST)
		return (-1);

	fd = open(path, DIR_FLAGS);
	if (fd == -1)
		return (-1);

	if ((made && adopt(fd, owner) == -1) || fstat(fd, &st) == -1)
		goto out;

	errno = 0;
	if (st.st_uid != owner)
		errno = EPERM;
	else if ((st.st_mode & ALLPERMS) != DIR_MODE)
		errno = EACCES;
	if (errno == 0)
		return (fd);
out:
	saved = errno;
	(void)close(fd);
	errno = saved;

	return (-1);
}

static bool
is_due(int dirfd, const char *name, time_t now, time_t max_age)
{
	struct stat	st;

	return (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime <= now &&
	    now - st.st_mtime >= max_age);
}

static bool
is_wanted(const char *name, vg_tempdir_keep keep, void *arg)
{
	char	uuid[VG_UUID_SIZE];

	if (keep == NULL)
		return (false);
	if (vg_tempfile_is_temporary(name))
		return (keep(arg, name, NULL));

	memcpy(uuid, name, VG_UUID_LEN);
	uuid[VG_UUID_LEN] = '\0';

	return (keep(arg, name, uuid));
}

int
vg_tempdir_sweep(int dirfd, time_t now, time_t max_age, vg_tempdir_keep keep,
    void *arg, size_t limit, size_t *removed)
{
	struct dirent	*e;
	DIR		*dir;
	int		fd, rc = -1, saved;

	*removed = 0;

	/* A descriptor of its own: a shared one has a shared position. */
	fd = openat(dirfd, ".", DIR_FLAGS);
	if (fd == -1)
		return (-1);
	dir = fdopendir(fd);
	if (dir == NULL) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		return (-1);
	}

	for (;;) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL) {
			rc = (errno == 0) ? 0 : -1;
			break;
		}

		if (!vg_tempfile_is_temporary(e->d_name) &&
		    !vg_tempfile_is_published(e->d_name))
			continue;
		if (!is_due(dirfd, e->d_name, now, max_age) ||
		    is_wanted(e->d_name, keep, arg))
			continue;

		if (limit != 0 && *removed == limit) {
			rc = 1;
			break;
		}

		/* Gone already: another worker's janitor was here. */
		if (unlinkat(dirfd, e->d_name, 0) == 0) {
			(*removed)++;
		} else if (errno != ENOENT) {
			rc = -1;
			break;
		}
	}

	saved = errno;
	(void)closedir(dir);
	errno = saved;

	return (rc);
}
