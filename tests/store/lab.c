/*
 * The cluster runs as an unprivileged user where root tests (PostgreSQL refuses
 * root), in a folder of its own, on a free port, over loopback with a password.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/uuid.h"
#include "store/evloop.h"
#include "lib/port.h"
#include "lab.h"

static struct {
	char	bin[128];
	char	dir[160];
	char	url[256];
	int	port;
	int	databases;
} lab;

static struct {
	const struct vg_ev_handlers	*handlers;
	int64_t				tick_ms;
	int64_t				next_ms;
	int64_t				soon_ms;	/* 0: not asked for */
	int64_t				longest_ms;
	int				fd;
	bool				writing;
} loop = { .fd = -1 };

static int	as_owner(const char *);

int
vg_ev_open(const struct vg_ev_handlers *handlers, unsigned tick_ms)
{
	loop.handlers = handlers;
	loop.tick_ms = tick_ms;
	loop.next_ms = lab_ms();
	loop.soon_ms = 0;
	loop.fd = -1;
	return (0);
}

void
vg_ev_soon(unsigned ms)
{
	if (loop.soon_ms == 0)
		loop.soon_ms = lab_ms() + ms;
}

void
vg_ev_close(void)
{
	loop.handlers = NULL;
	loop.fd = -1;
}

void
vg_ev_watch(int fd, bool writing)
{
	loop.fd = fd;
	loop.writing = writing;
}

void
lab_turn(int ms)
{
	struct pollfd	pfd;
	int64_t		began, wait;

	wait = loop.next_ms - lab_ms();
	if (loop.soon_ms != 0 && loop.soon_ms - lab_ms() < wait)
		wait = loop.soon_ms - lab_ms();
	if (wait < 0)
		wait = 0;
	if (wait > ms)
		wait = ms;
	pfd.fd = loop.fd;
	pfd.events = (short)(POLLIN | (loop.writing ? POLLOUT : 0));
	pfd.revents = 0;
	if (poll(&pfd, 1, (int)wait) == 1 && loop.handlers != NULL) {
		/* As epoll: a closed descriptor is watched no more. */
		if (pfd.revents & POLLNVAL) {
			loop.fd = -1;
		} else {
			began = lab_ms();
			loop.handlers->ready();
			if (lab_ms() - began > loop.longest_ms)
				loop.longest_ms = lab_ms() - began;
		}
	}
	if (loop.soon_ms != 0 && lab_ms() >= loop.soon_ms &&
	    loop.handlers != NULL) {
		loop.soon_ms = 0;
		loop.handlers->soon();
	}
	if (lab_ms() >= loop.next_ms && loop.handlers != NULL) {
		began = lab_ms();
		loop.next_ms = began + loop.tick_ms;
		loop.handlers->tick();
		if (lab_ms() - began > loop.longest_ms)
			loop.longest_ms = lab_ms() - began;
	}
}

bool
lab_until(const volatile bool *flag)
{
	int64_t		end;

	for (end = lab_ms() + LAB_DEADLINE_MS; !*flag && lab_ms() < end;)
		lab_turn(50);
	return (*flag);
}

bool
lab_until_connected(bool connected)
{
	int64_t		end;

	for (end = lab_ms() + LAB_DEADLINE_MS;
	    vg_store_connected() != connected && lab_ms() < end;)
		lab_turn(50);
	return (vg_store_connected() == connected);
}

int64_t
lab_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int64_t
lab_longest_ms(void)
{
	int64_t		ms;

	ms = loop.longest_ms;
	loop.longest_ms = 0;
	return (ms);
}

void
lab_settings(struct vg_settings *s, char *url)
{
	memset(s, 0, sizeof(*s));
	s->database_url = url;
	s->workers = 2;
	s->rate_limit = true;
	s->rate_per_minute = 10;
	s->rate_strategy = VG_STRATEGY_FIXED;
	s->rate_fail_mode = VG_FAIL_LOCAL;
	s->session_ttl_h = 24;
	s->transcript_retention_d = 30;
	s->audio_ttl_h = 24;
}

void
lab_store_start(struct vg_settings *s, const struct vg_store_hooks *hooks)
{
	static const struct vg_store_hooks	none;
	char					error[VG_STORE_ERROR_SIZE];

	if (vg_store_prepare(s, error, sizeof(error)) == -1)
		fail_msg("vg_store_prepare: %s", error);
	assert_int_equal(vg_store_start(s, hooks != NULL ? hooks : &none), 0);
	assert_true(lab_until_connected(true));
}

void
lab_store_stop(void)
{
	vg_store_stop();
}

const char *
lab_url(void)
{
	return (lab.url);
}

int
lab_port(void)
{
	return (lab.port);
}

void
lab_uuid(char out[VG_UUID_SIZE])
{
	uint8_t		random[VG_UUID_BYTES];

	arc4random_buf(random, sizeof(random));
	vg_uuid4_format(out, random);
}

void
lab_database(char *url, size_t size)
{
	char		sql[96];

	snprintf(sql, sizeof(sql), "CREATE DATABASE lab%d", ++lab.databases);
	snprintf(url, size, "postgresql://voicegate:secret@127.0.0.1:%d/postgres",
	    lab.port);
	lab_sql(url, sql);
	snprintf(url, size, "postgresql://voicegate:secret@127.0.0.1:%d/lab%d",
	    lab.port, lab.databases);
}

void
lab_sql(const char *url, const char *sql)
{
	(void)lab_value(url, sql);
}

const char *
lab_value(const char *url, const char *sql)
{
	static char	value[4096];
	PGresult	*res;
	PGconn		*pg;

	pg = PQconnectdb(url);
	if (PQstatus(pg) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(pg));
	res = PQexec(pg, sql);
	if (PQresultStatus(res) != PGRES_TUPLES_OK &&
	    PQresultStatus(res) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(res));
	value[0] = '\0';
	if (PQntuples(res) > 0)
		snprintf(value, sizeof(value), "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
	PQfinish(pg);
	return (value);
}

long
lab_long(const char *url, const char *sql)
{
	return (strtol(lab_value(url, sql), NULL, 10));
}

int
lab_setup(void **state)
{
	char		command[1024], error[VG_STORE_ERROR_SIZE];
	const char	*tmp;
	struct passwd	*pw;
	FILE		*f;

	(void)state;

	if ((f = popen("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1",
	    "r")) == NULL || fgets(lab.bin, sizeof(lab.bin), f) == NULL)
		return (-1);
	pclose(f);
	lab.bin[strcspn(lab.bin, "\n")] = '\0';

	if ((tmp = getenv("TEST_TMP")) == NULL)
		tmp = "/tmp";
	snprintf(lab.dir, sizeof(lab.dir), "%s/store.XXXXXX", tmp);
	if (mkdtemp(lab.dir) == NULL)
		return (-1);
	if (geteuid() == 0 && ((pw = getpwnam("postgres")) == NULL ||
	    chown(lab.dir, pw->pw_uid, pw->pw_gid) == -1))
		return (-1);

	snprintf(command, sizeof(command), "echo secret >'%s/pw' && "
	    "'%s/initdb' -D '%s/data' -U voicegate -A scram-sha-256 "
	    "--pwfile='%s/pw' -E UTF8 --locale=C.UTF-8 -N >'%s/initdb.log' 2>&1",
	    lab.dir, lab.bin, lab.dir, lab.dir, lab.dir);
	if (as_owner(command) != 0)
		return (-1);
	lab.port = free_port();
	lab_pg_start();
	lab_database(lab.url, sizeof(lab.url));
	if (vg_migrate(lab.url, 10, NULL, NULL, error, sizeof(error)) < 1) {
		fprintf(stderr, "%s\n", error);
		return (-1);
	}
	return (0);
}

int
lab_teardown(void **state)
{
	char		command[256];

	(void)state;

	lab_pg_stop("immediate");
	snprintf(command, sizeof(command), "rm -rf '%s'", lab.dir);
	return (system(command) == 0 ? 0 : -1);
}

void
lab_pg_start(void)
{
	const char	*options = getenv("PG_OPTIONS");
	char		command[1024];

	snprintf(command, sizeof(command), "'%s/pg_ctl' -D '%s/data' -w "
	    "-l '%s/log' -o '-p %d -h 127.0.0.1 -k %s "
	    "-c max_prepared_transactions=2 %s' start >/dev/null",
	    lab.bin, lab.dir, lab.dir, lab.port, lab.dir,
	    options != NULL ? options : "");
	assert_int_equal(as_owner(command), 0);
}

void
lab_pg_stop(const char *mode)
{
	char		command[512];

	snprintf(command, sizeof(command),
	    "'%s/pg_ctl' -D '%s/data' -m %s -w stop >/dev/null", lab.bin,
	    lab.dir, mode);
	(void)as_owner(command);
}

/* The postmaster leads a session of its own: its children are its group. */
void
lab_pg_freeze(bool frozen)
{
	char		path[200], line[32];
	FILE		*f;
	pid_t		pid;

	snprintf(path, sizeof(path), "%s/data/postmaster.pid", lab.dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	pid = (pid_t)strtol(line, NULL, 10);
	assert_true(pid > 1);

	/* Its children have groups of their own: find them by parent. */
	DIR		*proc = opendir("/proc");
	struct dirent	*d;
	long		ppid;

	assert_non_null(proc);
	while ((d = readdir(proc)) != NULL) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/stat", d->d_name);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%*d (%*[^)]) %*c %ld", &ppid) == 1 &&
		    ppid == (long)pid)
			(void)kill((pid_t)strtol(d->d_name, NULL, 10),
			    frozen ? SIGSTOP : SIGCONT);
		fclose(f);
	}
	closedir(proc);
	(void)kill(pid, frozen ? SIGSTOP : SIGCONT);
}

static int
as_owner(const char *command)
{
	struct passwd	*pw;
	pid_t		pid;
	int		status;

	if ((pid = fork()) == 0) {
		if (geteuid() == 0) {
			if ((pw = getpwnam("postgres")) == NULL ||
			    setgid(pw->pw_gid) == -1 ||
			    setuid(pw->pw_uid) == -1)
				_exit(126);
		}
		if (chdir("/") == -1)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return (-1);
	}
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
