/*
 * What the executable does instead of serving, where the command line says so:
 * it is done, told, and the process ends with a status of sysexits(3).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "options.h"
#include "store/kept.h"
#include "store/migrate.h"
#include "store/store.h"

#define MIGRATE_WAIT_S	30	/* for a database that is starting */

static void
say(void *arg, const char *line)
{
	fprintf(arg, "%s\n", line);
	(void)fflush(arg);	/* progress: somebody waits for it */
}

static void
say_migrated(void *arg, bool warning, const char *line)
{
	if (warning)
		fprintf(stderr, "warning: %s\n", line);
	else
		say(arg, line);
}

static int
migrate(const struct vg_settings *s, char *error, size_t size)
{
	switch (vg_migrate(s->database_url, MIGRATE_WAIT_S, say_migrated, stdout,
	    error, size)) {
	case VG_MIGRATE_AWAY:
		return (EX_UNAVAILABLE);
	case -1:
		return (EX_SOFTWARE);
	default:
		return (EX_OK);
	}
}

/* With the settings' secrets wiped; the first line of an error says what. */
static void
end(int status, const char *error)
{
	if (status != EX_OK)
		fprintf(stderr, "error: %s\n", error);
	exit(status);
}

static void
export(const struct vg_options *o, const struct vg_settings *s)
{
	char	error[VG_STORE_ERROR_SIZE], *json;
	int	status;

	status = vg_export_session(s->database_url, s->transcript_key,
	    o->export_session, &json, error, sizeof(error));
	if (status == EX_OK) {
		/* A full disk must not look like a whole export. */
		if (puts(json) == EOF || fflush(stdout) == EOF) {
			status = EX_IOERR;
			(void)snprintf(error, sizeof(error),
			    "standard output cannot be written");
		}
		explicit_bzero(json, strlen(json));
		free(json);
	}
	end(status, error);
}

void
vg_options_act(const struct vg_options *o, const struct vg_settings *s)
{
	char	error[VG_STORE_ERROR_SIZE];
	int	status;

	if (o->check_config) {
		vg_settings_print(s, stdout);
		exit(EX_OK);
	}
	if (s->database_url[0] == '\0')
		end(EX_CONFIG, "DATABASE_URL: a libpq URI is needed "
		    "(make run and make up start a database and set it)");
	if (o->migrate) {
		status = migrate(s, error, sizeof(error));
		end(status, error);
	}
	if (o->export_session != NULL)
		export(o, s);
	if (o->encrypt_transcripts) {
		status = vg_encrypt_transcripts(s->database_url,
		    s->transcript_key, say, stderr, error, sizeof(error));
		end(status, error);
	}
}
