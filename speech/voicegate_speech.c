/*
 * voicegate-speech: the offline speech server.  Reads the command line, binds the
 * loopback port, gives up privileges, and becomes the keeper (keeper.c).
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "speech/keeper.h"
#include "speech/limits.h"
#include "speech/options.h"
#include "speech/recognise.h"
#include "speech/sandbox.h"
#include "speech/slog.h"

#define BACKLOG		128
#define ERR_MAX		256	/* bytes */

#if VG_SANITIZED
/* Looking for leaks means tracing oneself, which the sandbox rightly forbids. */
const char	*__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return ("detect_leaks=0");
}
#endif

/* Descriptors 0, 1 and 2 must be open, or something else will become them. */
static int
standard_files(void)
{
	int	fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			return (-1);
	} while (fd <= STDERR_FILENO);
	/* Nothing is read from standard input, and children write nowhere. */
	if (dup2(fd, STDIN_FILENO) == -1)
		return (-1);
	return (close(fd));
}

static int
listen_on(const struct vg_options *o, uint16_t *port)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	} a;
	socklen_t	len;
	int		fd, on = 1;

	memset(&a, 0, sizeof(a));
	if (strchr(o->host, ':') != NULL) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(o->port);
		len = sizeof(a.in6);
		if (inet_pton(AF_INET6, o->host, &a.in6.sin6_addr) != 1)
			return (-1);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(o->port);
		len = sizeof(a.in);
		if (inet_pton(AF_INET, o->host, &a.in.sin_addr) != 1)
			return (-1);
	}
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, &a.sa, len) == -1 || listen(fd, BACKLOG) == -1 ||
	    getsockname(fd, &a.sa, &len) == -1) {
		close(fd);
		return (-1);
	}
	*port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port :
	    a.in.sin_port);
	return (fd);
}

/* What --check tells, and every start needs. */
static int
check(const struct vg_options *o)
{
	if (!vg_recognise_check(o->model_dir)) {
		vg_slog("--model-dir %s has no readable en-us model "
		    "(Debian: pocketsphinx-en-us)", o->model_dir);
		return (VG_EXIT_CONFIG);
	}
	if (o->user != NULL && getpwnam(o->user) == NULL) {
		vg_slog("--user %s: there is no such user", o->user);
		return (VG_EXIT_CONFIG);
	}
	return (0);
}

static int
run(const struct vg_options *o)
{
	uint16_t	port;
	int		fd;

	fd = listen_on(o, &port);
	if (fd == -1) {
		vg_slog("--listen %s port %u: %s", o->host,
		    (unsigned int)o->port, strerror(errno));
		return (VG_EXIT_CONFIG);
	}
	if (o->user != NULL && vg_sandbox_drop(o->user) == -1) {
		vg_slog("--user %s: %s", o->user, strerror(errno));
		return (VG_EXIT_CONFIG);
	}
#if !VG_SANITIZED
	/* Not to be traced, and no core with somebody's words in it. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	vg_slog("version " VG_SPEECH_VERSION " starting: workers %u of each "
	    "kind, queue %u", o->workers, o->queue);
	return (vg_keeper_run(o, fd, port));
}

int
main(int argc, char *argv[])
{
	static struct vg_options	o;
	char				err[ERR_MAX];
	long				cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int				rc;

	if (standard_files() == -1)
		return (VG_EXIT_SOFTWARE);
	/* Both open a file when first needed, which will be in the sandbox. */
	tzset();
	json_object_seed(0);
	rc = vg_options_parse(argc, argv, cpus > 0 ? (unsigned int)cpus : 1,
	    &o, err, sizeof(err));
	if (rc != 0) {
		vg_slog("%s", err);
		return (rc);
	}
	switch (o.action) {
	case VG_ACTION_HELP:
		return (fputs(vg_options_help(), stdout) == EOF);
	case VG_ACTION_VERSION:
		return (puts("voicegate-speech " VG_SPEECH_VERSION) == EOF);
	case VG_ACTION_CHECK:
	case VG_ACTION_RUN:
	default:
		break;
	}
	rc = check(&o);
	if (rc == 0 && o.action == VG_ACTION_CHECK)
		vg_slog("the configuration is fine");
	if (rc != 0 || o.action == VG_ACTION_CHECK)
		return (rc);
	return (run(&o));
}
