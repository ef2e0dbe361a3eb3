/*
 * The folders of uploads and replies, and the janitor who keeps them clean.
 *
 * An upload has no name (O_TMPFILE): the kernel removes it with its last
 * descriptor, so a killed worker leaves nothing. A reply gets its name only when
 * it is whole, and before its turn is committed: a crash in between leaves a
 * file that no row knows, never a row without its file. The janitor asks the
 * database about every reply older than a request can last and removes what
 * it does not know any more; one worker does it, the first.
 */

#include <sys/stat.h>

#include <kore/kore.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gate/files.h"
#include "gate/gate.h"
#include "gate/logger.h"
#include "store/store.h"

#define JANITOR_MS	(VG_JANITOR_SECONDS * 1000)
#define RESYNC_MS	1000	/* after a reconnection */

/* What a reply can be (upstream asks for nothing else). */
static const char *const	extensions[] = { "wav", "mp3", "ogg", "webm", "m4a" };

#define EXTENSIONS	(sizeof(extensions) / sizeof(extensions[0]))

static struct {
	int		uploads;
	int		replies;
	int64_t		ttl_s;
	bool		asking;
	size_t		skip;		/* asked about in this pass already */
	size_t		seen;		/* in this round */
	size_t		nask;
	char		ask[VG_AUDIO_ASK_MAX][VG_UUID_SIZE];
} files = { .uploads = -1, .replies = -1 };

static const char *
trouble(int errnum, const char *const words[VG_TEMPFILE_OTHER + 1])
{
	return (words[errnum == 0 ? VG_TEMPFILE_OTHER :
	    vg_tempfile_trouble(errnum)]);
}

const char *
vg_files_upload_trouble(int errnum)
{
	static const char *const	words[VG_TEMPFILE_OTHER + 1] = {
		[VG_TEMPFILE_FULL] = "upload_folder_full",
		[VG_TEMPFILE_DESCRIPTORS] = "no_descriptors",
		[VG_TEMPFILE_DENIED] = "upload_folder_denied",
		[VG_TEMPFILE_GONE] = "upload_folder_gone",
		[VG_TEMPFILE_OTHER] = "upload_folder_failed"
	};

	return (trouble(errnum, words));
}

const char *
vg_files_reply_trouble(int errnum)
{
	static const char *const	words[VG_TEMPFILE_OTHER + 1] = {
		[VG_TEMPFILE_FULL] = "audio_folder_full",
		[VG_TEMPFILE_DESCRIPTORS] = "no_descriptors",
		[VG_TEMPFILE_DENIED] = "audio_folder_denied",
		[VG_TEMPFILE_GONE] = "audio_folder_gone",
		[VG_TEMPFILE_OTHER] = "audio_folder_failed"
	};

	return (trouble(errnum, words));
}

static int
folder(const char *name, const char *path, uid_t uid, char *error, size_t size)
{
	int	fd;

	/* Made by root for the user that the workers become. */
	fd = vg_tempdir_open(path, uid);
	if (fd == -1 && errno == EPERM && geteuid() == 0 &&
	    chown(path, uid, (gid_t)-1) == 0)
		fd = vg_tempdir_open(path, uid);
	/* vg_files_check() has the words for what is usual. */
	if (fd == -1)
		(void)snprintf(error, size, "%s=\"%s\": %s", name, path,
		    strerror(errno));
	return (fd);
}

static void
check(const char *name, const char *path, uid_t uid, struct vg_errors *errors)
{
	struct stat	st;
	int		fd;

	if (path == NULL || *path == '\0')
		return;		/* its own error is told already */
	if (lstat(path, &st) == -1 && errno == ENOENT) {
		if (mkdir(path, 0700) == 0)
			(void)rmdir(path);
		else
			vg_errors_add(errors, name, path, strlen(path),
			    "the folder cannot be made: %s", strerror(errno));
		return;
	}
	if ((fd = vg_tempdir_open(path, uid)) != -1) {
		if (faccessat(fd, ".", W_OK, 0) == -1)
			vg_errors_add(errors, name, path, strlen(path),
			    "the folder cannot be written: %s", strerror(errno));
		(void)close(fd);
	} else if (errno == EACCES) {
		vg_errors_add(errors, name, path, strlen(path), "not accessible, "
		    "or open to others: the folder must be 0700");
	} else if (errno != EPERM || geteuid() != 0) {
		/* Another's: root gives it to whom the workers become. */
		vg_errors_add(errors, name, path, strlen(path), "%s",
		    strerror(errno));
	}
}

/* Of a folder that is not there yet: its parent, and its name in there. */
static int
place(const char *path, struct stat *st, const char **name, size_t *len)
{
	char	parent[PATH_MAX];
	size_t	n = strlen(path);

	*name = "";
	*len = 0;
	if (stat(path, st) == 0)
		return (0);
	while (n > 1 && path[n - 1] == '/')
		n--;
	while (*len < n && path[n - *len - 1] != '/')
		(*len)++;
	*name = path + n - *len;
	if ((size_t)snprintf(parent, sizeof(parent), "%.*s.", (int)(n - *len),
	    path) >= sizeof(parent))
		return (-1);
	return (stat(parent, st));
}

/* Whatever links lead to them. */
static bool
one_folder(const char *a, const char *b)
{
	struct stat	first, second;
	const char	*one, *other;
	size_t		len, other_len;

	return (place(a, &first, &one, &len) == 0 &&
	    place(b, &second, &other, &other_len) == 0 &&
	    first.st_dev == second.st_dev && first.st_ino == second.st_ino &&
	    len == other_len && memcmp(one, other, len) == 0);
}

void
vg_files_check(const struct vg_settings *settings, uid_t uid,
    struct vg_errors *errors)
{
	check("UPLOAD_DIR", settings->upload_dir, uid, errors);
	check("AUDIO_DIR", settings->audio_dir, uid, errors);
	/* A start sweeps all that looks like an upload: every reply does. */
	if (settings->upload_dir != NULL && settings->audio_dir != NULL &&
	    one_folder(settings->upload_dir, settings->audio_dir))
		vg_errors_add(errors, "AUDIO_DIR", settings->audio_dir,
		    strlen(settings->audio_dir), "is the folder of UPLOAD_DIR: "
		    "each start would remove every reply");
}

/* A sweep's question: whole replies are kept. */
static bool
whole(void *arg, const char *name, const char *uuid)
{
	(void)arg;
	(void)name;
	return (uuid != NULL);
}

int
vg_files_prepare(const struct vg_settings *settings, uid_t uid, char *error,
    size_t size)
{
	struct vg_tempfile	probe;
	uint8_t			random[VG_TEMPFILE_RANDOM];
	size_t			removed, halves;

	if ((files.uploads = folder("UPLOAD_DIR", settings->upload_dir, uid,
	    error, size)) == -1 ||
	    (files.replies = folder("AUDIO_DIR", settings->audio_dir, uid,
	    error, size)) == -1)
		return (-1);
	vg_random(random, sizeof(random));
	if (vg_tempfile_create(&probe, files.uploads, random, 1) == -1) {
		(void)snprintf(error, size, "UPLOAD_DIR=\"%s\": cannot create "
		    "a file: %s", settings->upload_dir, strerror(errno));
		return (-1);
	}
	vg_tempfile_discard(&probe);
	/* Nothing of ours runs yet on a folder that is ours alone. */
	(void)vg_tempdir_sweep(files.uploads, time(NULL), 0, NULL, NULL, 0,
	    &removed);
	(void)vg_tempdir_sweep(files.replies, time(NULL), 0, whole, NULL, 0,
	    &halves);
	if (removed + halves > 0)
		vg_log_say(VG_LOG_NOTICE, "removed files that a crash left");
	return (0);
}

int
vg_files_upload(struct vg_tempfile *file, uint64_t max)
{
	uint8_t	random[VG_TEMPFILE_RANDOM];

	vg_random(random, sizeof(random));
	return (vg_tempfile_create(file, files.uploads, random, max));
}

int
vg_files_reply(struct vg_tempfile *file, uint64_t max)
{
	uint8_t	random[VG_TEMPFILE_RANDOM];

	vg_random(random, sizeof(random));
	return (vg_tempfile_create_named(file, files.replies, random, max));
}

int
vg_files_publish(struct vg_tempfile *file, const char *uuid, const char *ext)
{
	char	name[VG_TEMPFILE_NAME_SIZE];

	if (vg_tempfile_name(name, uuid, ext) == -1)
		return (-1);
	return (vg_tempfile_publish(file, name));
}

int
vg_files_retract(struct vg_tempfile *file, const char *uuid, const char *ext)
{
	char	name[VG_TEMPFILE_NAME_SIZE];
	uint8_t	random[VG_TEMPFILE_RANDOM];

	if (vg_tempfile_name(name, uuid, ext) == -1)
		return (-1);
	vg_random(random, sizeof(random));
	return (vg_tempfile_retract(file, name, random));
}

int
vg_files_open(const char *uuid, const char *ext, uint64_t *size)
{
	char	name[VG_TEMPFILE_NAME_SIZE];

	if (vg_tempfile_name(name, uuid, ext) == -1)
		return (-1);
	return (vg_tempfile_open(files.replies, name, size));
}

void
vg_files_remove_one(const char *uuid)
{
	char	name[VG_TEMPFILE_NAME_SIZE];
	size_t	i;

	for (i = 0; i < EXTENSIONS; i++) {
		if (vg_tempfile_name(name, uuid, extensions[i]) == 0 &&
		    vg_tempfile_remove(files.replies, name) == -1)
			vg_log_str(VG_LOG_WARNING, "cannot remove a reply",
			    "reason", strerror(errno));
	}
}

void
vg_files_remove(const char (*uuids)[VG_UUID_SIZE], size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++)
		vg_files_remove_one(uuids[i]);
}

/* --- the janitor ---------------------------------------------------------- */

static void
gone(void *arg, enum vg_db_status status, const char (*uuids)[VG_UUID_SIZE],
    size_t n)
{
	(void)arg;
	files.asking = false;
	if (status == VG_DB_OK)
		vg_files_remove(uuids, n);
}

/* A sweep's question: all are kept now, and asked about afterwards. */
static bool
note(void *arg, const char *name, const char *uuid)
{
	(void)arg;
	(void)name;
	if (uuid != NULL && files.seen++ >= files.skip &&
	    files.nask < VG_AUDIO_ASK_MAX) {
		(void)snprintf(files.ask[files.nask], VG_UUID_SIZE, "%s", uuid);
		files.nask++;
	}
	return (true);
}

static void
round_made(void *arg, u_int64_t now)
{
	int64_t	ttl_s = vg_gate_settings()->audio_ttl_h * 3600;
	size_t	removed;

	(void)arg;
	(void)now;
	if (files.asking)
		return;
	/* The longest that was promised since the start. */
	if (ttl_s > files.ttl_s)
		files.ttl_s = ttl_s;
	(void)vg_tempdir_sweep(files.uploads, time(NULL),
	    VG_UPLOAD_STALE_SECONDS, NULL, NULL, 0, &removed);
	/* Half-written ones are nobody's by now. */
	(void)vg_tempdir_sweep(files.replies, time(NULL),
	    VG_UPLOAD_STALE_SECONDS, whole, NULL, 0, &removed);
	files.nask = files.seen = 0;
	(void)vg_tempdir_sweep(files.replies, time(NULL),
	    VG_REPLY_ASK_SECONDS, note, NULL, 0, &removed);
	/* More than one question holds: the next round goes on behind it. */
	files.skip = files.nask == VG_AUDIO_ASK_MAX ? files.skip + files.nask : 0;
	if (files.nask > 0)
		files.asking = vg_audio_gone((const char (*)[VG_UUID_SIZE])
		    files.ask, files.nask, gone, NULL, NULL) == VG_DB_OK;
	/* Whatever the database says or cannot say: time is up for these. */
	(void)vg_tempdir_sweep(files.replies, time(NULL),
	    (time_t)files.ttl_s, NULL, NULL, 0, &removed);
}

void
vg_files_start(void)
{
	if (worker->id == 1)
		(void)kore_timer_add(round_made, JANITOR_MS, NULL, 0);
}

void
vg_files_resync(void)
{
	if (worker->id == 1)
		(void)kore_timer_add(round_made, RESYNC_MS, NULL,
		    KORE_TIMER_ONESHOT);
}
