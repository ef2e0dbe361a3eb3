/*
 * The command line. Long options are ours, single letters are Kore's: -f stays in
 * the foreground, -n does not change root, -r does not change user.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpsl.h>

#include "core/uuid.h"
#include "core/version.h"
#include "gate/files.h"
#include "gate/logger.h"
#include "options.h"

#define EXIT_USAGE	64	/* sysexits(3): EX_USAGE */

static void
usage(FILE *out)
{
	const struct vg_setting	*row;
	const char		*group = "";
	char			allowed[256];
	size_t			i;

	fputs("usage: voicegate [-f] [-n] [-r] [-q] [--ready-file FILE]\n"
	    "       voicegate --check-config | --migrate | --version | --help\n"
	    "       voicegate --export-session UUID | --encrypt-transcripts\n"
	    "\n"
	    "  -f              stay in the foreground\n"
	    "  -n              do not change root\n"
	    "  -r              do not change user\n"
	    "  -q              Kore says errors only\n"
	    "  --check-config  print the effective settings (secrets as ***), or every\n"
	    "                  error at once, and exit 78\n"
	    "  --migrate       bring the database schema up; idempotent\n"
	    "  --export-session UUID  print what is kept of a session as JSON, decrypted\n"
	    "  --encrypt-transcripts  encrypt what is kept already with the first of\n"
	    "                  TRANSCRIPT_KEY; may be ended and run again\n"
	    "  --ready-file F  write the URL to F when every worker is ready\n"
	    "  --version       print the version\n"
	    "\n"
	    "Settings come from the environment, then from .env, then from these\n"
	    "defaults; every secret X also from the file that X_FILE names. VAR is\n"
	    "the folder of the run-state (default ./var).\n", out);
	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (strcmp(group, row->group)) {
			group = row->group;
			fprintf(out, "\n%s\n", group);
		}
		if (vg_setting_allowed(allowed, sizeof(allowed), row) == -1)
			allowed[0] = '\0';
		fprintf(out, "  %s=%s\n      %s\n      (%s%s)\n", row->name,
		    row->dflt, row->help, allowed,
		    row->flags & VG_SETTING_RELOAD ? "; SIGHUP" : "");
	}
}

static char *
join(const char *folder, const char *name)
{
	size_t	size = strlen(folder) + strlen(name) + 2;
	char	*path;

	if ((path = malloc(size)) == NULL)
		abort();
	(void)snprintf(path, size, "%s/%s", folder, name);
	return (path);
}

/* The id that stands behind --export-session. */
static char *
session_of(const char *arg)
{
	char	id[VG_UUID_SIZE], *copy;

	if (arg == NULL || vg_uuid4_parse(id, arg, strlen(arg)) == -1) {
		fprintf(stderr, "voicegate: --export-session needs the id of a "
		    "session, a version 4 UUID%s%s\n",
		    arg != NULL ? ", not " : "", arg != NULL ? arg : "");
		exit(EXIT_USAGE);
	}
	if ((copy = strdup(id)) == NULL)
		abort();
	return (copy);
}

void
vg_options_parse(struct vg_options *o, int *argc, char **argv)
{
	const char	*var;
	int		in, out = 1;

	memset(o, 0, sizeof(*o));
	for (in = 1; in < *argc; in++) {
		if (!strcmp(argv[in], "--check-config")) {
			o->check_config = true;
		} else if (!strcmp(argv[in], "--migrate")) {
			o->migrate = true;
		} else if (!strcmp(argv[in], "--encrypt-transcripts")) {
			o->encrypt_transcripts = true;
		} else if (!strcmp(argv[in], "--export-session")) {
			o->export_session = session_of(argv[in + 1]);
			in++;
		} else if (!strcmp(argv[in], "--help")) {
			usage(stdout);
			exit(0);
		} else if (!strcmp(argv[in], "--version")) {
			puts("voicegate " VG_VERSION);
			exit(0);
		} else if (!strcmp(argv[in], "--ready-file") && in + 1 < *argc) {
			/* Copied: Kore writes its process title over argv. */
			if ((o->ready_file = strdup(argv[++in])) == NULL)
				abort();
		} else if (argv[in][0] == '-' && argv[in][1] != '-') {
			/* Kore's own; but who the workers become is asked here. */
			o->keep_user |= strchr(argv[in], 'r') != NULL;
			argv[out++] = argv[in];
		} else if (argv[in][0] == '-') {
			fprintf(stderr, "voicegate: unknown option %s; "
			    "voicegate --help says which there are\n", argv[in]);
			exit(EXIT_USAGE);
		} else {
			argv[out++] = argv[in];
		}
	}
	argv[out] = NULL;
	*argc = out;
	if ((var = getenv("VAR")) == NULL || *var == '\0')
		var = "var";
	if (var[0] == '/') {
		o->var = strdup(var);
	} else {
		char	*cwd = getcwd(NULL, 0);

		o->var = join(cwd != NULL ? cwd : ".", var);
		free(cwd);
	}
	if (o->var == NULL)
		abort();
	o->pid_file = join(o->var, "kore.pid");
}

static int
public_suffix(void *ctx, const char *host)
{
	const psl_ctx_t	*psl = ctx;
	int		mask = VG_SUFFIX_NONE;

	if (psl == NULL)
		return (mask);
	if (psl_is_public_suffix2(psl, host,
	    PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE))
		mask |= VG_SUFFIX_ICANN;
	if (psl_is_public_suffix2(psl, host,
	    PSL_TYPE_PRIVATE | PSL_TYPE_NO_STAR_RULE))
		mask |= VG_SUFFIX_PRIVATE;
	return (mask);
}

static int
load(const struct vg_options *o, struct vg_settings *s,
    struct vg_settings_seen *seen, bool replay, struct vg_errors *errors)
{
	const psl_ctx_t	*psl = psl_builtin();
	void		*ctx;

	/* libpsl's own list is constant; the callback's context is not. */
	memcpy(&ctx, &psl, sizeof(ctx));
	vg_errors_init(errors);
	return (vg_settings_load_seen(s, o->var, public_suffix, ctx, seen,
	    replay, errors));
}

/* Who the workers become: told as an error where that is nobody. */
static uid_t
workers_user(const struct vg_options *o, const struct vg_settings *s,
    struct vg_errors *errors)
{
	struct passwd	*pw;

	if (geteuid() != 0 || o->keep_user || s->run_as_user == NULL ||
	    s->run_as_user[0] == '\0')
		return (geteuid());
	if ((pw = getpwnam(s->run_as_user)) == NULL) {
		vg_errors_add(errors, "RUN_AS_USER", s->run_as_user,
		    strlen(s->run_as_user), "there is no such user");
		return (geteuid());
	}
	return (pw->pw_uid);
}

uid_t
vg_options_settings(const struct vg_options *o, struct vg_settings *s)
{
	static struct vg_errors	errors;
	uid_t			uid;
	bool			made;

	(void)load(o, s, NULL, false, &errors);
	/* The folders' parent is ours to make. */
	made = mkdir(o->var, 0755) == 0;
	uid = workers_user(o, s, &errors);
	vg_files_check(s, uid, &errors);
	vg_errors_print(&errors, stderr);
	if (errors.nerrors == 0)
		return (uid);
	if (made)
		(void)rmdir(o->var);
	exit(VG_EXIT_CONFIG);
}

int
vg_options_reload(const struct vg_options *o, const struct vg_settings *old,
    struct vg_settings *next, struct vg_settings_seen *seen, bool replay)
{
	static struct vg_errors		errors;
	struct vg_settings_change	change[VG_SETTINGS_MAX];
	size_t				i, n;

	if (load(o, next, seen, replay, &errors) == -1) {
		for (i = 0; i < errors.nerrors && i < VG_ERRORS_MAX; i++)
			vg_log_str(VG_LOG_ERROR, errors.error[i].text, "setting",
			    errors.error[i].name);
		vg_log_say(VG_LOG_ERROR, "settings not reloaded: the old ones stay");
		vg_settings_free(next);
		return (-1);
	}
	n = vg_settings_reload_diff(old, next, change, VG_SETTINGS_MAX);
	for (i = 0; i < n && i < VG_SETTINGS_MAX; i++) {
		if (!change[i].reloadable)
			vg_log_str(VG_LOG_WARNING, "changed, but needs a restart",
			    "setting", change[i].setting->name);
	}
	if (vg_settings_carry_over(next, old) == -1) {
		vg_settings_free(next);
		return (-1);
	}
	return (0);
}

void
vg_options_notify(const char *state)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	const char		*path = getenv("NOTIFY_SOCKET");
	size_t			len;
	int			fd;

	if (path == NULL || (len = strlen(path)) == 0 ||
	    len >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)(const void *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}
