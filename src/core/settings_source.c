/*
 * Where a setting's value comes from.
 *
 * The environment wins over .env, and .env over the default. A secret can stand
 * in a file that NAME_FILE names, so that it is in no process list, no shell
 * history and no `docker inspect`. NAME and NAME_FILE of one source together
 * are an error: one of them is stale, and it is not for us to say which. Across
 * sources the rule is the usual one, so that a NAME in the environment overrides
 * a NAME_FILE in .env.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/settings.h"
#include "core/settings_private.h"

#define NAME_SIZE	96	/* bytes of NAME_FILE, or of a path's end */
#define PATH_SIZE	4096	/* bytes of a path */

static const char	*not_empty(const char *);
static int	take(char *, const struct vg_setting *, const char *,
		    struct vg_errors *);
static int	take_file(char *, const struct vg_setting *, const char *,
		    const char *, const struct vg_settings_input *,
		    struct vg_errors *);
static int	take_var(char *, enum vg_source *, const struct vg_setting *,
		    const struct vg_settings_input *);
static size_t	strip_newline(char *, size_t);

int
vg_setting_lookup(char *buf, enum vg_source *source,
    const struct vg_setting *row, const struct vg_settings_input *in,
    const struct vg_dotenv *env, struct vg_errors *errs)
{
	char		file[NAME_SIZE];
	const char	*value, *path;
	int		pass;

	(void)snprintf(file, sizeof(file), "%s_FILE", row->name);

	for (pass = 0; pass < 2; pass++) {
		value = NULL;
		path = NULL;
		if (pass == 0 && in->env != NULL) {
			/* getenv(3)'s answer need not outlive the next call. */
			value = not_empty(in->env(in->ctx, row->name));
			if (value != NULL && take(buf, row, value, errs) == -1)
				return (-1);
			if (row->flags & VG_SETTING_SECRET)
				path = not_empty(in->env(in->ctx, file));
			*source = VG_SOURCE_ENV;
		} else if (pass == 1) {
			value = not_empty(vg_dotenv_get(env, row->name));
			if (value != NULL && take(buf, row, value, errs) == -1)
				return (-1);
			if (row->flags & VG_SETTING_SECRET)
				path = not_empty(vg_dotenv_get(env, file));
			*source = VG_SOURCE_DOTENV;
		}

		if (value != NULL && path != NULL) {
			vg_errors_add(errs, row->name, NULL, 0, "is given, and "
			    "so is %s; only one of them is allowed", file);
			return (-1);
		}
		if (value != NULL)
			return (0);
		if (path != NULL) {
			*source = VG_SOURCE_FILE;
			return (take_file(buf, row, file, path, in, errs));
		}
	}

	if (row->type == VG_TYPE_DATABASE && take_var(buf, source, row, in) == 0)
		return (0);

	*source = VG_SOURCE_DEFAULT;
	return (take(buf, row, row->dflt, errs));
}

void
vg_settings_unknown(const struct vg_dotenv *env, struct vg_errors *errs)
{
	const struct vg_setting	*row;
	const char		*name, *near;
	char			base[NAME_SIZE];
	size_t			i, len;

	for (i = 0; i < env->count; i++) {
		name = env->entry[i].name;
		if (vg_setting_find(name) != NULL)
			continue;

		len = strlen(name);
		if (len > 5 && len < sizeof(base) &&
		    !strcmp(name + len - 5, "_FILE")) {
			memcpy(base, name, len - 5);
			base[len - 5] = '\0';
			row = vg_setting_find(base);
			if (row != NULL && (row->flags & VG_SETTING_SECRET))
				continue;
		}

		near = vg_setting_nearest(name);
		vg_errors_warn(errs, ".env", NULL, 0, "line %u: %s is not a "
		    "setting%s%s%s", env->entry[i].line, name,
		    near != NULL ? "; is " : "", near != NULL ? near : "",
		    near != NULL ? " meant?" : "");
	}
}

static const char *
not_empty(const char *value)
{
	return (value != NULL && value[0] != '\0' ? value : NULL);
}

static int
take(char *buf, const struct vg_setting *row, const char *value,
    struct vg_errors *errs)
{
	size_t		len;

	len = strlen(value);
	if (len > VG_SETTING_VALUE_MAX) {
		vg_errors_add(errs, row->name, NULL, 0, "is longer than %d "
		    "bytes", VG_SETTING_VALUE_MAX);
		return (-1);
	}

	memcpy(buf, value, len + 1);
	return (0);
}

static int
take_file(char *buf, const struct vg_setting *row, const char *file,
    const char *path, const struct vg_settings_input *in,
    struct vg_errors *errs)
{
	size_t		len;

	_Static_assert(VG_SECRET_FILE_MAX <= VG_SETTING_VALUE_MAX,
	    "a secret's file must fit into a value");

	len = 0;
	errno = ENOENT;
	if (in->read_file == NULL || in->read_file(in->ctx, path, buf,
	    VG_SECRET_FILE_MAX, &len) == -1) {
		if (errno == EFBIG) {
			vg_errors_add(errs, file, path, strlen(path), "the "
			    "file is larger than %d bytes", VG_SECRET_FILE_MAX);
		} else {
			vg_errors_add(errs, file, path, strlen(path), "the "
			    "file cannot be read: %s", strerror(errno));
		}
		return (-1);
	}

	len = strip_newline(buf, len);
	if (len == 0 || memchr(buf, '\0', len) != NULL) {
		vg_errors_add(errs, file, path, strlen(path), "the file %s; "
		    "it must hold %s and nothing else",
		    len == 0 ? "is empty" : "holds a NUL byte", row->name);
		return (-1);
	}

	return (0);
}

/* The database that `make run` made, when nothing else was said. */
static int
take_var(char *buf, enum vg_source *source, const struct vg_setting *row,
    const struct vg_settings_input *in)
{
	char		path[PATH_SIZE];
	size_t		len;
	int		n;

	if (in->var_dir == NULL || in->read_file == NULL)
		return (-1);

	n = snprintf(path, sizeof(path), "%s/%s", in->var_dir, row->under_var);
	if (n < 0 || (size_t)n >= sizeof(path) || in->read_file(in->ctx, path,
	    buf, VG_SECRET_FILE_MAX, &len) == -1)
		return (-1);

	len = strip_newline(buf, len);
	if (len == 0 || memchr(buf, '\0', len) != NULL)
		return (-1);

	*source = VG_SOURCE_FILE;
	return (0);
}

static size_t
strip_newline(char *buf, size_t len)
{
	while (len > 0 && (buf[len - 1] == '\n' || buf[len - 1] == '\r'))
		len--;
	buf[len] = '\0';

	return (len);
}
