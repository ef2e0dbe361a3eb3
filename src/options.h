#ifndef VG_OPTIONS_H
#define VG_OPTIONS_H

/* The command line, and what is asked of it alone. */

#include <sys/types.h>

#include <stdbool.h>

#include "core/settings.h"

struct vg_options {
	bool	check_config;
	bool	migrate;
	bool	encrypt_transcripts;
	char	*export_session; /* its id, or NULL; owned */
	char	*print_setting;	/* its name, or NULL; owned */
	bool	keep_user;	/* -r */
	bool	keep_root;	/* -n */
	char	*ready_file;	/* written when every worker is ready, or NULL */
	char	*pid_file;	/* under VAR */
	char	*var;		/* VAR, absolute or as given; owned */
};

/* options.c */

/*
 * Takes the long options out of the arguments, so that Kore's own getopt sees
 * the rest. Ends the process (64) on what does not exist, on an argument too many
 * and on two commands, and with 0 after --help and --version.
 */
void	vg_options_parse(struct vg_options *, int *argc, char **argv);
/*
 * --print-setting: prints it and ends the process, with 78 where it is wrong;
 * whatever is wrong with others.
 */
void	vg_options_print(const struct vg_options *);
/*
 * Loads the settings and looks at what they name (vg_start_check()); ends the
 * process (78) with every error at once. Returns who the workers will be.
 */
uid_t	vg_options_settings(const struct vg_options *, struct vg_settings *);
/*
 * The settings anew; 0, or -1 after every error was logged: OLD stays. SEEN and
 * REPLAY as vg_settings_load_seen().
 */
int	vg_options_reload(const struct vg_options *, const struct vg_settings *old,
	    struct vg_settings *next, struct vg_settings_seen *, bool replay);
/* sd_notify(3), where NOTIFY_SOCKET is set. */
void	vg_options_notify(const char *state);

/* startcheck.c */

/*
 * What is wrong with the settings on this machine. For a start and its check it
 * tells Kore as whom and where the workers run, and tries the TLS pair, which
 * vg_edge_tls() keeps. Returns who the workers will be.
 */
uid_t	vg_start_check(const struct vg_options *, const struct vg_settings *,
	    struct vg_errors *);

/* commands.c */

/* --check-config, --migrate, ...: does it and ends the process. */
void	vg_options_act(const struct vg_options *, const struct vg_settings *);

#endif
