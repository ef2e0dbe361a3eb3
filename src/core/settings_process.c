/*
 * The settings' sources as this process has them: getenv(3), files, the working
 * directory. Everything else about settings is pure; this file is the seam.
 *
 * Files are opened without O_NOFOLLOW, since secrets are commonly mounted as
 * symbolic links, but with O_NONBLOCK and a look at what was opened, so that a
 * path which names a FIFO or a device cannot hold up the start.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dotenv.h"
#include "core/settings.h"

#define DOTENV_FILE	".env"
#define VAR_DEFAULT	"var"

#define SEEN_MAX	(1024 * 1024)	/* bytes noted of all files */
#define CWD_RECORD	""		/* the working directory's, no path */

struct process {
	vg_public_suffix_fn	fn;
	void			*ctx;
	struct vg_settings_seen	*seen;		/* NULL: nothing is noted */
	bool			replay;
};

static const char	*process_env(void *, const char *);
static int	seen_note(struct vg_settings_seen *, const char *, const char *,
		    size_t);
static int	seen_find(const struct vg_settings_seen *, const char *, char *,
		    size_t, size_t *);
static int	file_read(const char *, char *, size_t, size_t *);
static int	process_read(void *, const char *, char *, size_t, size_t *);
static int	process_suffix(void *, const char *);
static int	absolute(char *, size_t, const char *, const char *);

int
vg_settings_load_process(struct vg_settings *s, const char *var_dir,
    vg_public_suffix_fn fn, void *ctx, struct vg_errors *errs)
{
	return (vg_settings_load_seen(s, var_dir, fn, ctx, NULL, false, errs));
}

int
vg_settings_load_seen(struct vg_settings *s, const char *var_dir,
    vg_public_suffix_fn fn, void *ctx, struct vg_settings_seen *seen,
    bool replay, struct vg_errors *errs)
{
	struct vg_settings_input	in;
	struct process			process;
	char				cwd[PATH_MAX], var[PATH_MAX];
	char				*text;
	size_t				len;
	int				ret, bad;

	memset(s, 0, sizeof(*s));
	memset(&in, 0, sizeof(in));
	process.fn = fn;
	process.ctx = ctx;
	process.seen = seen;
	process.replay = replay;
	in.env = process_env;
	in.read_file = process_read;
	in.public_suffix = fn != NULL ? process_suffix : NULL;
	in.ctx = &process;

	ret = -1;
	bad = 0;
	if ((text = malloc(VG_DOTENV_BYTES_MAX)) == NULL) {
		vg_errors_add(errs, DOTENV_FILE, NULL, 0, "out of memory");
		goto out;
	}
	/* A worker may have another one, in its chroot. */
	if (replay) {
		if (seen_find(seen, CWD_RECORD, cwd, sizeof(cwd) - 1, &len) == -1)
			len = 0;
		cwd[len] = '\0';
	} else if (getcwd(cwd, sizeof(cwd)) == NULL) {
		cwd[0] = '\0';
	} else if (seen != NULL) {
		(void)seen_note(seen, CWD_RECORD, cwd, strlen(cwd));
	}
	if (cwd[0] == '\0' || absolute(var, sizeof(var),
	    cwd, var_dir != NULL ? var_dir : VAR_DEFAULT) == -1) {
		vg_errors_add(errs, "VAR", NULL, 0, "the working directory "
		    "cannot be found: %s", strerror(errno));
		goto out;
	}
	in.cwd = cwd;
	in.var_dir = var;

	if (process_read(&process, DOTENV_FILE, text, VG_DOTENV_BYTES_MAX,
	    &in.dotenv_len) == 0) {
		in.dotenv = text;
	} else if (errno != ENOENT) {
		vg_errors_add(errs, DOTENV_FILE, NULL, 0, "cannot be read: %s",
		    strerror(errno));
		bad = -1;
	}

	ret = vg_settings_load(s, &in, errs);
	if (bad == -1)
		ret = -1;
out:
	if (text != NULL)
		explicit_bzero(text, VG_DOTENV_BYTES_MAX);
	free(text);
	return (ret);
}

static const char *
process_env(void *ctx, const char *name)
{
	(void)ctx;

	return (getenv(name));
}

static int
process_suffix(void *ctx, const char *host)
{
	const struct process	*process;

	process = ctx;
	return (process->fn(process->ctx, host));
}

static int
process_read(void *ctx, const char *path, char *buf, size_t size, size_t *len)
{
	struct process	*process = ctx;

	if (process->replay)
		return (seen_find(process->seen, path, buf, size, len));
	if (file_read(path, buf, size, len) == -1)
		return (-1);
	if (process->seen != NULL)
		return (seen_note(process->seen, path, buf, *len));
	return (0);
}

static int
seen_note(struct vg_settings_seen *seen, const char *path, const char *text,
    size_t len)
{
	uint64_t	length = len;
	uint8_t		*bytes, *at;
	size_t		name = strlen(path) + 1;

	if (seen->size == 0) {
		if ((bytes = malloc(SEEN_MAX)) == NULL)
			return (-1);
		seen->bytes = bytes;
		seen->size = SEEN_MAX;
	}
	if (name + sizeof(length) + len > seen->size - seen->len) {
		errno = EFBIG;
		return (-1);
	}
	at = seen->bytes + seen->len;
	memcpy(at, path, name);
	memcpy(at + name, &length, sizeof(length));
	memcpy(at + name + sizeof(length), text, len);
	seen->len += name + sizeof(length) + len;
	return (0);
}

static int
seen_find(const struct vg_settings_seen *seen, const char *path, char *buf,
    size_t size, size_t *len)
{
	const uint8_t	*at = seen->bytes, *end = seen->bytes + seen->len, *nul;
	uint64_t	length;
	bool		found;

	*len = 0;
	while (at < end) {
		if ((nul = memchr(at, '\0', (size_t)(end - at))) == NULL ||
		    (size_t)(end - nul) < 1 + sizeof(length))
			break;
		found = !strcmp((const char *)at, path);
		memcpy(&length, nul + 1, sizeof(length));
		at = nul + 1 + sizeof(length);
		if (length > (uint64_t)(end - at))
			break;
		if (found) {
			if (length > size) {
				errno = EFBIG;
				return (-1);
			}
			memcpy(buf, at, (size_t)length);
			*len = (size_t)length;
			return (0);
		}
		at += length;
	}
	errno = ENOENT;
	return (-1);
}

void
vg_settings_seen_free(struct vg_settings_seen *seen)
{
	if (seen->bytes != NULL)
		explicit_bzero(seen->bytes, seen->len);
	free(seen->bytes);
	memset(seen, 0, sizeof(*seen));
}

static int
file_read(const char *path, char *buf, size_t size, size_t *len)
{
	struct stat	st;
	ssize_t		n;
	char		more;
	int		fd, ret, saved;

	ret = -1;
	*len = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return (-1);
	if (fstat(fd, &st) == -1)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto out;
	}

	while (*len < size) {
		n = read(fd, buf + *len, size - *len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			goto out;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	if (*len == size && read(fd, &more, 1) == 1) {
		errno = EFBIG;
		goto out;
	}

	ret = 0;
out:
	saved = errno;
	(void)close(fd);
	errno = saved;
	return (ret);
}

static int
absolute(char *buf, size_t size, const char *cwd, const char *path)
{
	int		n;

	if (path[0] == '/')
		n = snprintf(buf, size, "%s", path);
	else if (path[0] == '.' && path[1] == '/')
		n = snprintf(buf, size, "%s/%s", cwd, path + 2);
	else
		n = snprintf(buf, size, "%s/%s", cwd, path);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return (-1);
	}

	return (0);
}
