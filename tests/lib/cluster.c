/*
 * See cluster.h. PostgreSQL refuses to run as root: where root tests, it runs
 * as the user postgres. The postmaster is a child of the test that is told to
 * end when the test does, however that ends.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "lib/cluster.h"
#include "lib/server.h"

#define PROCESSES_MAX	128

static const char *
bin_dir(void)
{
	static char	dir[128];
	FILE		*f;

	if (dir[0] != '\0')
		return (dir);
	f = popen("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1", "r");
	if (f == NULL || fgets(dir, sizeof(dir), f) == NULL)
		fail_msg("no PostgreSQL server found");
	(void)pclose(f);
	dir[strcspn(dir, "\n")] = '\0';
	return (dir);
}

/* In a child: no rights of root, no folder of ours. */
static void
become_owner(void)
{
	struct passwd	*pw;

	if (geteuid() == 0 && ((pw = getpwnam("postgres")) == NULL ||
	    setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1))
		_exit(126);
	if (chdir("/") == -1)
		_exit(126);
}

static void
as_owner(const char *command)
{
	pid_t	pid;
	int	status;

	if ((pid = fork()) == 0) {
		become_owner();
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("failed: %s", command);
}

static void
cluster_dir(struct cluster *c)
{
	struct passwd	*pw;
	const char	*tmp = getenv("TEST_TMP");

	memset(c, 0, sizeof(*c));
	(void)snprintf(c->dir, sizeof(c->dir), "%s/cluster.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(c->dir));
	if (geteuid() == 0) {
		assert_non_null(pw = getpwnam("postgres"));
		assert_int_equal(chown(c->dir, pw->pw_uid, pw->pw_gid), 0);
	}
	c->port = free_port();
	(void)snprintf(c->url, sizeof(c->url),
	    "postgresql://voicegate:secret@127.0.0.1:%d/" CLUSTER_DB, c->port);
}

void
cluster_create(struct cluster *c)
{
	char	command[2048], url[256];

	cluster_dir(c);
	(void)snprintf(command, sizeof(command), "echo secret >'%s/pw' && "
	    "'%s/initdb' -D '%s/data' -U voicegate -A scram-sha-256 "
	    "--pwfile='%s/pw' -E UTF8 --locale=C.UTF-8 -N >'%s/initdb.log' 2>&1",
	    c->dir, bin_dir(), c->dir, c->dir, c->dir);
	as_owner(command);
	cluster_start(c);
	(void)snprintf(url, sizeof(url),
	    "postgresql://voicegate:secret@127.0.0.1:%d/postgres", c->port);
	(void)database_long(url, "CREATE DATABASE " CLUSTER_DB);
}

static bool
is_synchronous(void *arg)
{
	const struct cluster	*c = arg;

	return (database_long(c->url, "SELECT count(*) FROM "
	    "pg_stat_replication WHERE sync_state = 'sync'") == 1);
}

void
cluster_standby(struct cluster *c, struct cluster *primary)
{
	char	command[2048];

	cluster_dir(c);
	(void)snprintf(command, sizeof(command), "PGPASSWORD=secret "
	    "'%s/pg_basebackup' -h 127.0.0.1 -p %d -U voicegate -D '%s/data' "
	    "-R -X stream -c fast >'%s/backup.log' 2>&1", bin_dir(),
	    primary->port, c->dir, c->dir);
	as_owner(command);
	cluster_start(c);
	/* After the copy: the copy itself has nobody to wait for. */
	(void)database_long(primary->url,
	    "ALTER SYSTEM SET synchronous_standby_names = '*'");
	(void)database_long(primary->url, "SELECT pg_reload_conf()::int");
	assert_true(eventually(is_synchronous, primary));
}

static bool
answers(void *arg)
{
	const struct cluster	*c = arg;

	return (PQping(c->url) == PQPING_OK);
}

void
cluster_start(struct cluster *c)
{
	const char	*options = getenv("PG_OPTIONS");
	char		command[1024], log[256];
	pid_t		parent = getpid();
	int		fd;

	(void)snprintf(log, sizeof(log), "%s/log", c->dir);
	(void)snprintf(command, sizeof(command), "exec '%s/postgres' "
	    "-D '%s/data' -p %d -h 127.0.0.1 -c unix_socket_directories= %s",
	    bin_dir(), c->dir, c->port, options != NULL ? options : "");
	if ((c->pid = fork()) == 0) {
		become_owner();
		/* SIGQUIT is its "immediate". */
		(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
		if (getppid() != parent)
			_exit(1);
		(void)setpgid(0, 0);
		fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (!eventually(answers, c))
		fail_msg("PostgreSQL does not answer; see %s", log);
}

void
cluster_stop(struct cluster *c, const char *mode)
{
	char	command[512];

	if (c->pid <= 0)
		return;
	(void)snprintf(command, sizeof(command),
	    "'%s/pg_ctl' -D '%s/data' -m %s -w stop >/dev/null", bin_dir(),
	    c->dir, mode);
	as_owner(command);
	(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

void
cluster_kill(struct cluster *c)
{
	pid_t	pid[PROCESSES_MAX];
	int	i, n;

	/* Stopped first, so that it can neither restart nor tidy up. */
	(void)kill(c->pid, SIGSTOP);
	n = children_of(c->pid, pid, PROCESSES_MAX);
	c->killed_ms = now_ms();
	for (i = 0; i < n; i++)
		(void)kill(pid[i], SIGKILL);
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

void
cluster_promote(struct cluster *c)
{
	char	command[512];

	(void)snprintf(command, sizeof(command),
	    "'%s/pg_ctl' -D '%s/data' -w promote >/dev/null", bin_dir(), c->dir);
	as_owner(command);
}

void
cluster_remove(struct cluster *c)
{
	char	command[512];

	if (c->dir[0] == '\0')
		return;
	cluster_stop(c, "immediate");
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", c->dir);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
	c->dir[0] = '\0';
}
