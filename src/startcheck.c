/*
 * What only the machine can tell of the settings: whether the user, the root and
 * the folders are there, whether the certificate is good, whether libpq takes the
 * database's address. All of it is told at once, to --check-config as to a start;
 * nothing here speaks to a network.
 *
 * What depends on who starts it, and with which options, stops a start; in a
 * check it is a warning, since root may look at what another user will start.
 */

#include <kore/kore.h>

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/edge.h"
#include "gate/files.h"
#include "options.h"
#include "store/store.h"

/* A text setting that is not empty; NULL: it was wrong, which is told. */
static bool
is_set(const char *text)
{
	return (text != NULL && text[0] != '\0');
}

/* Who the workers become: told as an error where that is nobody. */
static uid_t
workers_user(const struct vg_options *o, const struct vg_settings *s,
    struct vg_errors *errors)
{
	struct passwd	*pw;

	if (geteuid() != 0 || o->keep_user || !is_set(s->run_as_user))
		return (geteuid());
	if ((pw = getpwnam(s->run_as_user)) == NULL) {
		vg_errors_add(errors, "RUN_AS_USER", s->run_as_user,
		    strlen(s->run_as_user), "there is no such user");
		return (geteuid());
	}
	if (pw->pw_uid == 0)
		vg_errors_warn(errors, "RUN_AS_USER", s->run_as_user,
		    strlen(s->run_as_user), "is root: the workers, who read "
		    "what strangers send, would keep all its rights");
	return (pw->pw_uid);
}

/*
 * The workers have no business in root's home. libpq looks there for a client's
 * certificate, takes the refusal for a reason not to speak TLS, and goes on
 * without, if the server lets it: to them home is where it is of whom they become.
 */
static void
move_home(uid_t uid)
{
	struct passwd	*pw;

	if (uid != 0 && (pw = getpwuid(uid)) != NULL)
		(void)setenv("HOME", pw->pw_dir, 1);
}

static void
by_whom(const struct vg_options *o, const struct vg_settings *s,
    struct vg_errors *errors)
{
	void	(*tell)(struct vg_errors *, const char *, const char *, size_t,
		    const char *, ...) =
		    o->check_config ? vg_errors_warn : vg_errors_add;

	if (geteuid() == 0 && !o->keep_user && s->run_as_user != NULL &&
	    s->run_as_user[0] == '\0')
		tell(errors, "RUN_AS_USER", NULL, 0, "is missing; started by "
		    "root, the workers need a user to become (or start with -r "
		    "to stay as you are)");
	if (geteuid() != 0 && !o->keep_user && !o->check_config)
		tell(errors, "RUN_AS_USER", NULL, 0, "only root can become "
		    "another user: start with -r");
	if (geteuid() != 0 && !o->keep_root && is_set(s->chroot_dir))
		tell(errors, "CHROOT_DIR", s->chroot_dir, strlen(s->chroot_dir),
		    "only root can change root: start with -n");
}

static void
root(const struct vg_settings *s, struct vg_errors *errors)
{
	const char	*path = s->chroot_dir;
	int		fd;

	if (!is_set(path))
		return;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || faccessat(fd, ".", X_OK, AT_EACCESS) == -1)
		vg_errors_add(errors, "CHROOT_DIR", path, strlen(path),
		    "the folder cannot be entered: %s", strerror(errno));
	if (fd != -1)
		(void)close(fd);
}

static bool
readable(const char *name, const char *path, struct vg_errors *errors)
{
	int	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		vg_errors_add(errors, name, path, strlen(path),
		    "the file cannot be read: %s", strerror(errno));
	else
		(void)close(fd);
	return (fd != -1);
}

/*
 * As the process that will hold the key is confined; where that cannot be tried,
 * why is told already.
 */
static void
tls(const struct vg_settings *s, bool confined, struct vg_errors *errors)
{
	const char	*cert = s->tls_cert_file, *key = s->tls_key_file;
	char		error[VG_STORE_ERROR_SIZE];
	bool		both, of_key;

	if (!is_set(cert) || !is_set(key))
		return;
	both = readable("TLS_CERT_FILE", cert, errors);
	both &= readable("TLS_KEY_FILE", key, errors);
	if (!both || !confined ||
	    vg_edge_tls(cert, key, error, sizeof(error)) == 0)
		return;
	of_key = !strncmp(error, "key file", strlen("key file"));
	vg_errors_add(errors, of_key ? "TLS_KEY_FILE" : "TLS_CERT_FILE", NULL, 0,
	    "%s", error);
}

uid_t
vg_start_check(const struct vg_options *o, const struct vg_settings *s,
    struct vg_errors *errors)
{
	char	error[VG_STORE_ERROR_SIZE];
	size_t	before;
	uid_t	uid;
	bool	user, changes_root;

	before = errors->nerrors;
	uid = workers_user(o, s, errors);
	user = errors->nerrors == before;
	vg_files_check(s, uid, errors);
	if (is_set(s->database_url) &&
	    vg_store_check_url(s->database_url, error, sizeof(error)) == -1)
		vg_errors_add(errors, "DATABASE_URL", "***", 3, "%s", error);
	else if (is_set(s->database_url) &&
	    vg_store_url_in_clear(s->database_url))
		vg_errors_warn(errors, "DATABASE_URL", NULL, 0, "goes to another "
		    "machine without sslmode=require, or better verify-full: "
		    "what people said may cross the network in the clear");
	if (o->migrate || o->encrypt_transcripts || o->export_session != NULL)
		return (uid);

	before = errors->nerrors;
	by_whom(o, s, errors);
	root(s, errors);
	if (geteuid() == 0 && !o->keep_user && is_set(s->run_as_user)) {
		kore_runas_user = kore_strdup(s->run_as_user);
		move_home(uid);
	}
	changes_root = is_set(s->chroot_dir);
	if (changes_root)
		kore_root_path = kore_strdup(s->chroot_dir);
	else
		skip_chroot = 1;	/* empty: none, as the setting says */
	tls(s, user && errors->nerrors == before && (geteuid() == 0 ||
	    o->keep_root || !changes_root), errors);
	return (uid);
}
