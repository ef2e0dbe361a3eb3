/*
 * What others can see of a server that runs.
 *
 * VAR belongs to one server at a time: a second one would sweep the uploads of
 * the first, write its own pid over it and, when it ends, leave a server behind
 * that nobody can signal by the file. The lock (flock(2)) is on the folder itself
 * and on a descriptor that the parent alone has, so that it is free the moment
 * the parent is gone, be it by SIGKILL; nothing has to be cleaned up.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <kore/kore.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gate/logger.h"
#include "runstate.h"

static struct {
	int		var;		/* the folder, locked; -1: not */
	const char	*ready_file;	/* or NULL; borrowed */
} runstate = { .var = -1 };

/* What stands in the pid file; 0: nothing that is one. */
static long
pid_in(const char *path)
{
	char	line[32], *end;
	long	pid = 0;
	FILE	*fp;

	if ((fp = fopen(path, "re")) == NULL)
		return (0);
	if (fgets(line, sizeof(line), fp) != NULL) {
		pid = strtol(line, &end, 10);
		if (end == line || (*end != '\n' && *end != '\0') || pid < 0)
			pid = 0;
	}
	(void)fclose(fp);
	return (pid);
}

static int
take_var(const struct vg_options *o, char *error, size_t size)
{
	char	who[48] = "another process";
	long	pid;

	/* A folder that cannot be opened, or locked: nobody else's, either. */
	runstate.var = open(o->var, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (runstate.var == -1 || flock(runstate.var, LOCK_EX | LOCK_NB) == 0 ||
	    errno != EWOULDBLOCK)
		return (0);
	/* It may not have come to write it. */
	pid = pid_in(o->pid_file);
	if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
		(void)snprintf(who, sizeof(who), "process %ld", pid);
	(void)snprintf(error, size, "VAR is in use by %s: %s", who, o->var);
	return (EX_UNAVAILABLE);
}

/* Whatever else may be named there, a terminal say, is not ours to remove. */
static void
remove_ready(void)
{
	struct stat	st;

	if (lstat(runstate.ready_file, &st) == 0 && S_ISREG(st.st_mode))
		(void)unlink(runstate.ready_file);
}

static int
take_ready(const struct vg_options *o, char *error, size_t size)
{
	struct stat	st;
	int		fd;

	if ((runstate.ready_file = o->ready_file) == NULL)
		return (0);
	remove_ready();
	if (lstat(o->ready_file, &st) == 0)
		return (0);
	fd = open(o->ready_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1) {
		(void)snprintf(error, size, "--ready-file %s: %s",
		    o->ready_file, strerror(errno));
		return (EX_CONFIG);
	}
	(void)close(fd);
	remove_ready();
	return (0);
}

int
vg_runstate_take(const struct vg_options *o, char *error, size_t size)
{
	int	status;

	if ((status = take_var(o, error, size)) != 0)
		return (status);
	return (take_ready(o, error, size));
}

void
vg_runstate_child(void)
{
	if (runstate.var != -1)
		(void)close(runstate.var);
	runstate.var = -1;
}

void
vg_runstate_ready(const char *url)
{
	FILE	*fp;

	if (runstate.ready_file == NULL)
		return;
	if ((fp = fopen(runstate.ready_file, "we")) == NULL) {
		vg_log_str(VG_LOG_ERROR, "the ready file cannot be written",
		    "reason", strerror(errno));
		return;
	}
	fprintf(fp, "%s\n", url);
	(void)fclose(fp);
}

void
vg_runstate_end(void)
{
	static char	none[] = "";

	if (runstate.ready_file != NULL)
		remove_ready();
	if (pid_in(kore_pidfile) == (long)getpid())
		(void)unlink(kore_pidfile);
	/* Kore removes it whosesoever it is. */
	kore_pidfile = none;
}
