/* See server.h. */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "lib/server.h"

#define POLL_MS		20

static int	counter;

static const char *
need(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL)
		fail_msg("%s is not set: run the tests by make test", name);
	return (value);
}

long
now_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

bool
eventually(bool (*check)(void *), void *arg)
{
	long	end = now_ms() + SERVER_DEADLINE_MS;

	while (!check(arg)) {
		if (now_ms() > end)
			return (false);
		(void)poll(NULL, 0, POLL_MS);
	}
	return (true);
}

static PGresult *
run(const char *url, const char *sql)
{
	PGconn		*db = PQconnectdb(url);
	PGresult	*res;

	if (PQstatus(db) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(db));
	res = PQexec(db, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK &&
	    PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	PQfinish(db);
	return (res);
}

void
database_value(const char *url, const char *sql, char *out, size_t size)
{
	PGresult	*res = run(url, sql);

	(void)snprintf(out, size, "%s", PQntuples(res) > 0 ?
	    PQgetvalue(res, 0, 0) : "");
	PQclear(res);
}

long
database_long(const char *url, const char *sql)
{
	char	text[64];

	database_value(url, sql, text, sizeof(text));
	return (strtol(text, NULL, 10));
}

void
database_migrate(const char *url)
{
	const char	*args[] = { "--migrate", NULL };
	char		setting[320], said[4096];
	const char	*env[] = { setting, NULL };

	(void)snprintf(setting, sizeof(setting), "DATABASE_URL=%s", url);
	if (server_run(args, env, said, sizeof(said)) != 0)
		fail_msg("--migrate: %s", said);
}

/* A copy of the one that tests/run.sh migrated. */
void
database_create(char *url, size_t size)
{
	const char	*base = need("TEST_DATABASE_URL");
	const char	*slash = strrchr(base, '/');
	char		sql[160];

	(void)snprintf(sql, sizeof(sql), "create database t_%d_%d template %s",
	    getpid(), ++counter, need("TEST_TEMPLATE"));
	PQclear(run(base, sql));
	(void)snprintf(url, size, "%.*s/t_%d_%d", (int)(slash - base), base,
	    getpid(), counter);
}

/* The environment of a child: nothing of a developer's own settings. */
static void
set_env(const char *const *env)
{
	static const char *const	kept[] = { "PATH", "HOME", "LANG",
		"TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
		"SPEECH_URL" };
	char				*saved[sizeof(kept) / sizeof(kept[0])];
	size_t				i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		saved[i] = getenv(kept[i]) != NULL ? strdup(getenv(kept[i])) : NULL;
	(void)clearenv();
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (saved[i] != NULL)
			(void)setenv(kept[i], saved[i], 1);
	}
	for (i = 0; env != NULL && env[i] != NULL; i++) {
		char	*copy = strdup(env[i]), *value = strchr(copy, '=');

		*value++ = '\0';
		(void)setenv(copy, value, 1);
	}
}

int
server_run(const char *const *args, const char *const *env, char *out,
    size_t size)
{
	char	*argv[16];
	int	fds[2], status, n = 0;
	pid_t	pid;
	size_t	len = 0;
	ssize_t	got;

	argv[n++] = strdup(need("BIN"));
	while (args != NULL && n < 15 && args[n - 1] != NULL) {
		argv[n] = strdup(args[n - 1]);
		n++;
	}
	argv[n] = NULL;
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		char	var[300], port[16];

		(void)dup2(fds[1], STDOUT_FILENO);
		(void)dup2(fds[1], STDERR_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		(void)snprintf(var, sizeof(var), "%s/run-%d", getenv("TEST_TMP"),
		    getpid());
		/* It may come as far as to listen: not where another does. */
		(void)snprintf(port, sizeof(port), "%d", free_port());
		if (chdir(getenv("TEST_TMP")) == -1)
			_exit(127);
		set_env(env);
		(void)setenv("VAR", var, 0);
		(void)setenv("PORT", port, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	(void)close(fds[1]);
	while (len + 1 < size &&
	    (got = read(fds[0], out + len, size - 1 - len)) > 0)
		len += (size_t)got;
	out[len] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (n-- > 0)
		free(argv[n]);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool
is_ready(void *arg)
{
	struct server	*s = arg;
	struct stat	st;
	char		path[300];
	int		status;

	(void)snprintf(path, sizeof(path), "%s/ready", s->dir);
	if (stat(path, &st) == 0 && st.st_size > 0)
		return (true);
	if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
		s->pid = -1;
		return (true);
	}
	return (false);
}

static void
print_log(const struct server *s)
{
	char	line[2048];
	FILE	*fp = fopen(s->log, "r");

	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL)
		fputs(line, stderr);
	if (fp != NULL)
		(void)fclose(fp);
}

static void
launch(struct server *s, const char *const *env)
{
	const char	*user = getenv("TEST_USER");
	const char	*root = getenv("TEST_ROOT");
	char		ready[300], port[32], var[300], url[300], run_as[64];
	char		cert[512], key[512], chroot_dir[512];
	char		bin[512], foreground[] = "-f", no_chroot[] = "-n";
	char		no_runas[] = "-r", ready_file[] = "--ready-file";
	char		*argv[8];
	const char	*base[9];
	int		fd, n = 0;

	(void)snprintf(bin, sizeof(bin), "%s", need("BIN"));
	(void)snprintf(ready, sizeof(ready), "%s/ready", s->dir);
	(void)snprintf(port, sizeof(port), "PORT=%d", s->port);
	(void)snprintf(var, sizeof(var), "VAR=%s", s->dir);
	(void)snprintf(url, sizeof(url), "DATABASE_URL=%s", s->database);
	(void)snprintf(run_as, sizeof(run_as), "RUN_AS_USER=%s",
	    user != NULL ? user : "");
	base[n++] = port;
	base[n++] = var;
	base[n++] = url;
	if (user != NULL && *user != '\0')
		base[n++] = run_as;
	if (getenv("TEST_TLS") != NULL) {
		(void)snprintf(cert, sizeof(cert), "TLS_CERT_FILE=%s",
		    need("TEST_TLS_CERT"));
		(void)snprintf(key, sizeof(key), "TLS_KEY_FILE=%s",
		    need("TEST_TLS_KEY"));
		base[n++] = cert;
		base[n++] = key;
	}
	if (root != NULL) {
		(void)snprintf(chroot_dir, sizeof(chroot_dir), "CHROOT_DIR=%s",
		    root);
		base[n++] = chroot_dir;
	}
	base[n] = NULL;
	n = 0;
	argv[n++] = bin;
	argv[n++] = foreground;
	if (root == NULL)
		argv[n++] = no_chroot;
	if (user == NULL || *user == '\0')
		argv[n++] = no_runas;
	argv[n++] = ready_file;
	argv[n++] = ready;
	argv[n] = NULL;
	if ((s->pid = fork()) == 0) {
		(void)setpgid(0, 0);
		/* Not to outlive a test that failed or was ended. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		(void)close(fd);
		if (chdir(s->dir) == -1)
			_exit(127);
		set_env(base);
		for (n = 0; env != NULL && env[n] != NULL; n++) {
			char	*copy = strdup(env[n]), *value = strchr(copy, '=');

			*value++ = '\0';
			(void)setenv(copy, value, 1);
		}
		execv(argv[0], argv);
		_exit(127);
	}
	(void)setpgid(s->pid, s->pid);
	if (!eventually(is_ready, s) || s->pid == -1) {
		print_log(s);
		fail_msg("the gateway did not start");
	}
}

void
server_start(struct server *s, const char *database, const char *const *env)
{
	memset(s, 0, sizeof(*s));
	if (database == NULL)
		database_create(s->database, sizeof(s->database));
	else
		(void)snprintf(s->database, sizeof(s->database), "%s", database);
	s->port = free_port();
	(void)snprintf(s->dir, sizeof(s->dir), "%s/g-%d-%d", need("TEST_TMP"),
	    getpid(), ++counter);
	assert_int_equal(mkdir(s->dir, 0755), 0);
	(void)snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
	launch(s, env);
}

void
server_again(struct server *s, const char *const *env)
{
	char	ready[300];

	(void)snprintf(ready, sizeof(ready), "%s/ready", s->dir);
	(void)unlink(ready);
	launch(s, env);
}

static bool
has_ended(void *arg)
{
	struct server	*s = arg;
	int		status;

	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return (false);
	s->pid = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
	return (true);
}

int
server_log_lines(const struct server *s, const char *text)
{
	char	line[4096];
	FILE	*fp;
	int	n = 0;

	if ((fp = fopen(s->log, "r")) == NULL)
		return (0);
	while (fgets(line, sizeof(line), fp) != NULL)
		n += strstr(line, text) != NULL;
	(void)fclose(fp);
	return (n);
}

bool
server_logged(const struct server *s, const char *text)
{
	return (server_log_lines(s, text) > 0);
}

struct line {
	const struct server	*s;
	const char		*text;
};

static bool
is_logged(void *arg)
{
	const struct line	*line = arg;

	return (server_logged(line->s, line->text));
}

bool
eventually_logged(const struct server *s, const char *text)
{
	struct line	line = { s, text };

	return (eventually(is_logged, &line));
}

static void
stop(struct server *s, bool hurt)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGTERM);
	if (!eventually(has_ended, s)) {
		(void)kill(-s->pid, SIGKILL);
		fail_msg("the gateway did not stop");
	}
	if (s->pid != 0 || server_logged(s, "sandbox violation") ||
	    (!hurt && server_logged(s, "restarting worker")) ||
	    server_logged(s, "ERROR: AddressSanitizer") ||
	    server_logged(s, "ignoring \"")) {
		print_log(s);
		fail_msg("the gateway ended badly, or a worker of it did");
	}
}

void
server_stop(struct server *s)
{
	stop(s, false);
}

void
server_stop_hurt(struct server *s)
{
	stop(s, true);
}

/* By the title that it gives itself. */
static bool
is_keymgr(pid_t pid)
{
	char	path[64], title[128];
	size_t	len;
	FILE	*fp;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (false);
	len = fread(title, 1, sizeof(title) - 1, fp);
	(void)fclose(fp);
	title[len] = '\0';
	return (strstr(title, "[keymgr]") != NULL);
}

pid_t
server_keymgr(const struct server *s)
{
	pid_t	pid[16];
	int	i, n = children_of(s->pid, pid, 16);

	for (i = 0; i < n; i++) {
		if (is_keymgr(pid[i]))
			return (pid[i]);
	}
	return (0);
}

int
server_workers(const struct server *s, pid_t *pids, int max)
{
	pid_t	pid[16];
	int	i, n = children_of(s->pid, pid, 16), workers = 0;

	for (i = 0; i < n && workers < max; i++) {
		if (!is_keymgr(pid[i]))
			pids[workers++] = pid[i];
	}
	return (workers);
}

/* What a folder holds, but for what is hidden; -1: there is none. */
static int
entries(const char *path)
{
	struct dirent	*entry;
	DIR		*dir;
	int		n = 0;

	if ((dir = opendir(path)) == NULL)
		return (-1);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return (n);
}

int
process_descriptors(pid_t pid)
{
	char	path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return (entries(path));
}

long
process_memory(pid_t pid, const char *name)
{
	char	path[64], line[256];
	size_t	len = strlen(name);
	long	kb = -1;
	FILE	*fp;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (-1);
	while (kb == -1 && fgets(line, sizeof(line), fp) != NULL) {
		if (!strncmp(line, name, len))
			kb = strtol(line + len, NULL, 10);
	}
	(void)fclose(fp);
	return (kb);
}

void
server_kill(struct server *s)
{
	(void)kill(-s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

int
server_files(const struct server *s, const char *folder)
{
	char	path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, folder);
	return (entries(path));
}

int
children_of(pid_t parent, pid_t *pid, int max)
{
	struct dirent	*d;
	char		path[64];
	long		ppid;
	DIR		*proc;
	FILE		*f;
	int		n = 0;

	assert_non_null(proc = opendir("/proc"));
	while ((d = readdir(proc)) != NULL && n < max) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", d->d_name);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%*d (%*[^)]) %*c %ld", &ppid) == 1 &&
		    ppid == (long)parent)
			pid[n++] = (pid_t)strtol(d->d_name, NULL, 10);
		(void)fclose(f);
	}
	(void)closedir(proc);
	return (n);
}
