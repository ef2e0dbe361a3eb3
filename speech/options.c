/*
 * The command line.  Anything that is not exactly right stops the start with one
 * line that names the option, the value and what is allowed: a server that
 * guesses what was meant listens where nobody expected it to.
 */
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech/limits.h"
#include "speech/options.h"

#define DEFAULT_HOST	"127.0.0.1"
#define DEFAULT_PORT	8090

static const char help[] =
"usage: voicegate-speech [options]\n"
"\n"
"Offline speech server: transcription, a reflective listener and speech\n"
"synthesis behind OpenAI-compatible endpoints on the loopback interface. It\n"
"needs no network and no key.\n"
"\n"
"  --listen ADDR:PORT  loopback address and port (127.0.0.1:8090; port 0: any\n"
"                      free one; [::1]:PORT for IPv6)\n"
"  --workers N         processes of each kind, 1-16 (processors, at most 4)\n"
"  --queue N           requests of a kind that may wait, 0-256 (16); beyond\n"
"                      it: 503\n"
"  --max-seconds N     longest recording, 1-600 seconds (120)\n"
"  --max-upload BYTES  largest request body, 65536-67108864 (12582912)\n"
"  --deadline N        longest request, 1-600 seconds (60)\n"
"  --user NAME         become NAME after binding, when started as root\n"
"  --port-file FILE    write the port there, atomically, once ready\n"
"  --model-dir DIR     pocketsphinx's en-us model (" VG_MODEL_DIR ")\n"
"  --check             check options and model, then exit: 0 or 78\n"
"  --help, --version\n"
"\n"
"Endpoints: POST /v1/audio/transcriptions, /v1/chat/completions,\n"
"/v1/audio/speech; GET /v1/models, /health.\n"
"Models: " VG_MODEL_STT " (a low-accuracy fallback), " VG_MODEL_TTS ",\n"
VG_MODEL_CHAT " (rules, not a language model).\n"
"Exit codes: 0 ended on request, 64 usage, 70 failure, 78 configuration.\n";

const char *
vg_options_help(void)
{
	return (help);
}

/* Decimal digits only; no sign, no space, no surprise. */
static int
number(const char *s, unsigned long min, unsigned long max, unsigned long *out)
{
	char		*end;
	unsigned long	 v;

	if (*s < '0' || *s > '9' || strlen(s) > 10)
		return (-1);
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return (-1);
	*out = v;
	return (0);
}

/* "127.0.0.1:8090" or "[::1]:8090", and nothing that is not loopback. */
static int
listen_address(const char *s, struct vg_options *o)
{
	struct in6_addr	 a6;
	struct in_addr	 a4;
	const char	*colon = strrchr(s, ':');
	unsigned long	 port;
	size_t		 len;

	if (colon == NULL || number(colon + 1, 0, 65535, &port) == -1)
		return (-1);
	len = (size_t)(colon - s);
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(o->host))
		return (-1);
	memcpy(o->host, s, len);
	o->host[len] = '\0';
	o->port = (uint16_t)port;

	if (inet_pton(AF_INET, o->host, &a4) == 1)
		return ((ntohl(a4.s_addr) >> 24) == 127 ? 0 : -1);
	if (inet_pton(AF_INET6, o->host, &a6) == 1)
		return (IN6_IS_ADDR_LOOPBACK(&a6) ? 0 : -1);
	return (-1);
}

struct option_def {
	const char	*name;
	const char	*allowed;
	unsigned long	 min;
	unsigned long	 max;
	int		 (*set)(struct vg_options *, const char *,
			    const struct option_def *);
};

static int
set_listen(struct vg_options *o, const char *v, const struct option_def *d)
{
	(void)d;
	return (listen_address(v, o));
}

#define NUMBER_SETTER(field, type)					\
static int								\
set_##field(struct vg_options *o, const char *v,			\
    const struct option_def *d)						\
{									\
	unsigned long	n;						\
									\
	if (number(v, d->min, d->max, &n) == -1)			\
		return (-1);						\
	o->field = (type)n;						\
	return (0);							\
}

#define STRING_SETTER(field)						\
static int								\
set_##field(struct vg_options *o, const char *v,			\
    const struct option_def *d)						\
{									\
	(void)d;							\
	o->field = v;							\
	return (*v != '\0' ? 0 : -1);					\
}

NUMBER_SETTER(workers, unsigned int)
NUMBER_SETTER(queue, unsigned int)
NUMBER_SETTER(max_seconds, unsigned int)
NUMBER_SETTER(deadline, unsigned int)
NUMBER_SETTER(max_upload, size_t)
STRING_SETTER(user)
STRING_SETTER(port_file)
STRING_SETTER(model_dir)

static const struct option_def defs[] = {
	{ "--listen", "a loopback address and a port, like 127.0.0.1:8090",
	    0, 0, set_listen },
	{ "--workers", "1-16", VG_WORKERS_MIN, VG_WORKERS_MAX, set_workers },
	{ "--queue", "0-256", 0, VG_QUEUE_MAX, set_queue },
	{ "--max-seconds", "1-600", 1, VG_SECONDS_MAX, set_max_seconds },
	{ "--deadline", "1-600", 1, VG_DEADLINE_MAX, set_deadline },
	{ "--max-upload", "65536-67108864", VG_UPLOAD_MIN, VG_UPLOAD_MAX,
	    set_max_upload },
	{ "--user", "a user's name", 0, 0, set_user },
	{ "--port-file", "a file's name", 0, 0, set_port_file },
	{ "--model-dir", "a folder", 0, 0, set_model_dir },
};

static const struct {
	const char	*name;
	enum vg_action	 action;
} actions[] = {
	{ "--check", VG_ACTION_CHECK },
	{ "--help", VG_ACTION_HELP },
	{ "--version", VG_ACTION_VERSION },
};

/* Handles argv[*i], and the value after it; the exit code of the parser. */
static int
one(int argc, char *const argv[], int *i, struct vg_options *o, char *err,
    size_t errlen)
{
	const struct option_def	*d;
	const char		*value, *arg = argv[*i];
	size_t			 k, len;

	for (k = 0; k < sizeof(actions) / sizeof(actions[0]); k++) {
		if (strcmp(arg, actions[k].name) == 0) {
			o->action = actions[k].action;
			return (0);
		}
	}
	for (k = 0; k < sizeof(defs) / sizeof(defs[0]); k++) {
		d = &defs[k];
		len = strlen(d->name);
		if (strncmp(arg, d->name, len) != 0)
			continue;
		if (arg[len] == '=')
			value = arg + len + 1;
		else if (arg[len] != '\0')
			continue;
		else if (*i + 1 < argc)
			value = argv[++*i];
		else {
			(void)snprintf(err, errlen, "%s needs a value: %s",
			    d->name, d->allowed);
			return (VG_EXIT_USAGE);
		}
		if (d->set(o, value, d) == 0)
			return (0);
		(void)snprintf(err, errlen, "%s \"%.60s\" is not allowed: %s",
		    d->name, value, d->allowed);
		return (VG_EXIT_CONFIG);
	}
	(void)snprintf(err, errlen, "unknown option \"%.60s\"; see --help", arg);
	return (VG_EXIT_USAGE);
}

int
vg_options_parse(int argc, char *const argv[], unsigned int cpus,
    struct vg_options *o, char *err, size_t errlen)
{
	int	i, rc;

	memset(o, 0, sizeof(*o));
	(void)snprintf(o->host, sizeof(o->host), "%s", DEFAULT_HOST);
	o->port = DEFAULT_PORT;
	o->workers = cpus < VG_WORKERS_MIN ? VG_WORKERS_MIN :
	    cpus > VG_WORKERS_DEFAULT_MAX ? VG_WORKERS_DEFAULT_MAX : cpus;
	o->queue = VG_QUEUE_DEFAULT;
	o->max_seconds = VG_SECONDS_DEFAULT;
	o->max_upload = VG_UPLOAD_DEFAULT;
	o->deadline = VG_DEADLINE_DEFAULT;
	o->model_dir = VG_MODEL_DIR;

	for (i = 1; i < argc; i++) {
		rc = one(argc, argv, &i, o, err, errlen);
		if (rc != 0)
			return (rc);
	}
	return (0);
}
