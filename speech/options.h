/*
 * The command line of voicegate-speech.
 */
#ifndef VG_SPEECH_OPTIONS_H
#define VG_SPEECH_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#define VG_EXIT_USAGE		64	/* EX_USAGE */
#define VG_EXIT_SOFTWARE	70	/* EX_SOFTWARE */
#define VG_EXIT_CONFIG		78	/* EX_CONFIG */

#define VG_MODEL_DIR	"/usr/share/pocketsphinx/model/en-us"

enum vg_action {
	VG_ACTION_RUN,
	VG_ACTION_CHECK,
	VG_ACTION_HELP,
	VG_ACTION_VERSION
};

struct vg_options {
	enum vg_action	 action;
	char		 host[48];	/* a literal loopback address */
	uint16_t	 port;		/* 0: any free one */
	unsigned int	 workers;	/* processes of each pool */
	unsigned int	 queue;		/* requests that may wait */
	unsigned int	 max_seconds;	/* of audio in a recording */
	unsigned int	 deadline;	/* seconds, a whole request */
	size_t		 max_upload;	/* bytes */
	const char	*user;		/* NULL: stay who we are */
	const char	*port_file;	/* NULL: none */
	const char	*model_dir;
};

/*
 * Parses argv into o; cpus is the number of processors, for --workers' default.
 * Strings stay argv's.  0, VG_EXIT_USAGE (unknown option, missing argument) or
 * VG_EXIT_CONFIG (a value that is not allowed), with one line in err.
 */
int	vg_options_parse(int argc, char *const argv[], unsigned int cpus,
	    struct vg_options *o, char *err, size_t errlen);

/* The text of --help. */
const char *vg_options_help(void);

#endif
