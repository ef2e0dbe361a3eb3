/*
 * The command line. Long options are ours, single letters are Kore's: -f stays in
 * the foreground, -n does not change root, -r does not change user.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <libpsl.h>

#include "core/uuid.h"
#include "core/version.h"
#include "gate/logger.h"
#include "options.h"

#define KORE_FLAGS	"fnqr"

static void
usage(FILE *out)
{
	const struct vg_setting	*row;
	const char		*group = "";
	char			allowed[256];
	size_t			i;

	fputs("usage: voicegate [-f] [-n] [-r] [-q] [--ready-file FILE]\n"
	    "       voicegate --check-config | --migrate | --version | --help\n"
	    "       voicegate --print-setting NAME\n"
	    "       voicegate --export-session UUID | --encrypt-transcripts\n"
	    "\n"
	    "  -f              stay in the foreground; without it nothing is logged,\n"
	    "                  standard error is /dev/null\n"
	    "  -n              do not change root\n"
	    "  -r              do not change user\n"
	    "  -q              Kore says errors only\n"
	    "  --check-config  print the effective settings (secrets as ***), or every\n"
	    "                  error at once, and exit 78; with the -n and -r of the\n"
	    "                  start that is meant\n"
	    "  --print-setting NAME  print what holds of one; of the secrets DATABASE_URL\n"
	    "                  alone, the others as ***\n"
	    "  --migrate       bring the database schema up, as its owner, and grant the\n"
	    "                  roles what is theirs; idempotent\n"
	    "  --export-session UUID  print what is kept of a session as JSON, decrypted\n"
	    "  --encrypt-transcripts  encrypt what is kept already with the first of\n"
	    "                  TRANSCRIPT_KEY; may be ended and run again\n"
	    "  --ready-file F  write the URL to F when every worker is ready, remove it at\n"
	    "                  the end\n"
	    "  -v, --version   print the version\n"
	    "  -h, --help      print this\n"
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
		exit(EX_USAGE);
	}
	if ((copy = strdup(id)) == NULL)
		abort();
	return (copy);
}

static void	refuse(const char *, const char *) __attribute__((noreturn));

static void
refuse(const char *what, const char *arg)
{
	fprintf(stderr, "voicegate: %s %s; voicegate --help says what there is\n",
	    what, arg);
	exit(EX_USAGE);
}

/* Kore's own letters, of which it would say less. */
static void
letters(struct vg_options *o, const char *arg)
{
	const char	*c;

	for (c = arg + 1; *c != '\0'; c++) {
		if (*c == 'h') {
			usage(stdout);
			exit(EX_OK);
		} else if (*c == 'v') {
			puts("voicegate " VG_VERSION);
			exit(EX_OK);
		} else if (strchr(KORE_FLAGS, *c) == NULL) {
			refuse("unknown option", arg);
		}
		/* What else is asked of the machine depends on them. */
		o->keep_user |= *c == 'r';
		o->keep_root |= *c == 'n';
	}
}

/* The one that stands behind an option; copied: Kore writes over argv. */
static char *
argument(const char *option, const char *arg)
{
	char	*copy;

	if (arg == NULL)
		refuse("an argument is missing behind", option);
	if ((copy = strdup(arg)) == NULL)
		abort();
	return (copy);
}

void
vg_options_parse(struct vg_options *o, int *argc, char **argv)
{
	const char	*var, *arg;
	int		in, commands = 0, out = 1;

	memset(o, 0, sizeof(*o));
	for (in = 1; in < *argc; in++) {
		arg = argv[in];
		if (!strcmp(arg, "--check-config")) {
			o->check_config = true;
			commands++;
		} else if (!strcmp(arg, "--migrate")) {
			o->migrate = true;
			commands++;
		} else if (!strcmp(arg, "--encrypt-transcripts")) {
			o->encrypt_transcripts = true;
			commands++;
		} else if (!strcmp(arg, "--export-session")) {
			o->export_session = session_of(argv[in + 1]);
			commands++;
			in++;
		} else if (!strcmp(arg, "--print-setting")) {
			o->print_setting = argument(arg, argv[++in]);
			commands++;
		} else if (!strcmp(arg, "--ready-file")) {
			o->ready_file = argument(arg, argv[++in]);
		} else if (!strcmp(arg, "--help")) {
			letters(o, "-h");
		} else if (!strcmp(arg, "--version")) {
			letters(o, "-v");
		} else if (arg[0] == '-' && arg[1] != '-' && arg[1] != '\0') {
			letters(o, arg);
			argv[out++] = argv[in];
		} else {
			refuse(arg[0] == '-' ? "unknown option" :
			    "unexpected argument", arg);
		}
		/* Whoever gives two expects both. */
		if (commands > 1)
			refuse("one command at a time, not also", arg);
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

/* Whether an error is of this setting, or of all that .env says. */
static bool
concerns(const struct vg_error *error, const char *name)
{
	size_t	len = strlen(name);

	return (!strcmp(error->name, ".env") || !strcmp(error->name, name) ||
	    (!strncmp(error->name, name, len) &&
	    !strcmp(error->name + len, "_FILE")));
}

void
vg_options_print(const struct vg_options *o)
{
	static struct vg_errors		errors;
	static char			value[VG_SETTING_VALUE_MAX + 1];
	const struct vg_setting		*row;
	struct vg_settings		s;
	size_t				i, n = 0;

	if ((row = vg_setting_find(o->print_setting)) == NULL)
		refuse("no such setting:", o->print_setting);
	(void)load(o, &s, NULL, false, &errors);
	for (i = 0; i < errors.nerrors && i < VG_ERRORS_MAX; i++) {
		if (concerns(&errors.error[i], row->name))
			errors.error[n++] = errors.error[i];
	}
	/* That there is none is for who needs it: make run has one of its own. */
	if (row->type == VG_TYPE_DATABASE && s.database_url != NULL &&
	    s.database_url[0] == '\0')
		n = 0;
	errors.nerrors = n;
	errors.nwarnings = 0;
	vg_errors_print(&errors, stderr);
	/* The one secret that another program is started with, psql. */
	if (row->type == VG_TYPE_DATABASE && s.database_url != NULL)
		(void)snprintf(value, sizeof(value), "%s", s.database_url);
	else
		(void)vg_setting_format(value, sizeof(value), row, &s);
	vg_settings_free(&s);
	if (errors.nerrors == 0)
		puts(value);
	explicit_bzero(value, sizeof(value));
	exit(errors.nerrors == 0 ? EX_OK : EX_CONFIG);
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
	uid = vg_start_check(o, s, &errors);
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
