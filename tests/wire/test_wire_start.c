/* A mistake stops the start, with a line that says which; all of them at once. */

#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <dirent.h>
#include <pwd.h>
#include <signal.h>
#include <sysexits.h>

#include "lib/cluster.h"
#include "wire.h"

#define KEYMGR_ENDS	5	/* within a minute, and it comes back */

static const char *const	no_args[] = { "-f", "-n", "-r", NULL };
static const char *const	check[] = { "--check-config", NULL };

static void
each_mistake_stops_the_start(void **state)
{
	static const char *const	bad[][3] = {
		{ "ALLOWED_ORIGINS=https://x.test/path", "ALLOWED_ORIGINS" },
		{ "ALLOWED_ORIGINS=null", "ALLOWED_ORIGINS" },
		{ "ALLOWED_ORIGINS=https://*.co.uk", "ALLOWED_ORIGINS" },
		{ "RATE_LIMIT_PER_MINUTE=ten", "RATE_LIMIT_PER_MINUTE" },
		{ "RATE_LIMIT_STRATEGY=guess", "RATE_LIMIT_STRATEGY" },
		{ "STT_BASE_URL=https://stt.example.test", "STT_API_KEY" },
		{ "TRUSTED_PROXIES=10.0.0.1/8", "TRUSTED_PROXIES" },
		{ "PORT=70000", "PORT" },
		{ "ALERT_WEBHOOK_URL=https://hooks.example.test/x",
		    "ALERT_WEBHOOK_SECRET" },
		{ "ALERT_WEBHOOK_URL=http://hooks.example.test/x",
		    "ALERT_WEBHOOK_URL" },
		{ "ALERT_WEBHOOK_SECRET=whsec_not-base64-but-long-enough-for-one",
		    "ALERT_WEBHOOK_SECRET" },
		{ "TRANSCRIPT_KEY=0001", "TRANSCRIPT_KEY" },
		{ "TRANSCRIPT_KEY_FILE=/nowhere.key", "TRANSCRIPT_KEY_FILE" },
		{ "SESSION_IDLE_MINUTES=-1", "SESSION_IDLE_MINUTES" },
		{ "TLS_CERT_FILE=/nowhere.pem", "TLS_" },
		{ "DATABASE_URL=mysql://x", "DATABASE_URL" },
		{ "DATABASE_URL=postgresql://127.0.0.1:99999/x", "DATABASE_URL" },
		{ "DATABASE_URL=postgresql://127.0.0.1/x?nonsense=1",
		    "DATABASE_URL" },
		{ "DATABASE_URL=postgresql://127.0.0.1/x?sslmode=bogus",
		    "DATABASE_URL" },
		{ "CHROOT_DIR=/nowhere", "CHROOT_DIR" },
		{ "CHROOT_DIR=/dev/null", "CHROOT_DIR" }
	};
	static const char *const	*const ways[] = { no_args, check };
	char	said[8192];
	size_t	i;

	(void)state;
	/* A start and its check say the same. */
	for (i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
		const char	*const *one = bad[i / 2];
		const char	*env[] = { "DATABASE_URL=postgresql://127.0.0.1/x",
			one[0], NULL };

		if (server_run(ways[i % 2], env, said, sizeof(said)) !=
		    EX_CONFIG)
			fail_msg("%s: %s", one[0], said);
		if (strstr(said, one[1]) == NULL)
			fail_msg("%s is not named: %s", one[0], said);
	}
}

static void
all_mistakes_are_told_at_once(void **state)
{
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://127.0.0.1/x",
		"ALLOWED_ORIGINS=https://x.test/path",
		"RATE_LIMIT_PER_MINUTE=ten",
		"UPLOAD_DIR=/proc/voicegate-uploads",
		"TLS_CERT_FILE=/nowhere.pem", "TLS_KEY_FILE=/nowhere.key",
		"CHROOT_DIR=/nowhere",
		"STT_BASE_URL=https://stt.example.test", NULL };
	char				said[8192];

	(void)state;
	assert_int_equal(server_run(check, env, said, sizeof(said)), EX_CONFIG);
	assert_non_null(strstr(said, "TLS_CERT_FILE=\"/nowhere.pem\""));
	assert_non_null(strstr(said, "TLS_KEY_FILE=\"/nowhere.key\""));
	assert_non_null(strstr(said, "CHROOT_DIR"));
	assert_non_null(strstr(said, "ALLOWED_ORIGINS"));
	assert_non_null(strstr(said, "RATE_LIMIT_PER_MINUTE"));
	assert_non_null(strstr(said, "STT_API_KEY"));
	assert_non_null(strstr(said, "UPLOAD_DIR"));
}

static void
unwritable_upload_folder_stops_the_start(void **state)
{
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://127.0.0.1/x",
		"UPLOAD_DIR=/proc/voicegate-uploads", NULL };
	char				said[8192];

	(void)state;
	assert_int_equal(server_run(no_args, env, said, sizeof(said)), EX_CONFIG);
	assert_non_null(strstr(said, "UPLOAD_DIR"));
}

static void
upload_folder_open_to_others_stops_the_start(void **state)
{
	char		path[512], setting[600], said[8192];
	const char	*env[] = { "DATABASE_URL=postgresql://127.0.0.1/x",
		setting, NULL };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/open-%d", getenv("TEST_TMP"),
	    getpid());
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(setting, sizeof(setting), "UPLOAD_DIR=%s", path);
	assert_int_equal(server_run(no_args, env, said, sizeof(said)), EX_CONFIG);
	assert_non_null(strstr(said, "UPLOAD_DIR"));
}

/* By whatever path, and before it is made: a start removes what is in the first. */
static void
one_folder_for_both_stops_the_start(void **state)
{
	static const char *const	pair[][2] = {
		{ "there", "there" }, { "there", "link/there" },
		{ "new", "new" }, { "link/new", "new" }, { "new", "new//" },
		{ "there/../new", "new" }
	};
	char		base[300], path[400], link[400], upload[900];
	char		audio[900], said[8192];
	const char	*env[] = { "DATABASE_URL=postgresql://127.0.0.1/x",
		upload, audio, NULL };
	size_t		i;

	(void)state;
	(void)snprintf(base, sizeof(base), "%s/both-%d", getenv("TEST_TMP"),
	    getpid());
	(void)snprintf(path, sizeof(path), "%s/there", base);
	(void)snprintf(link, sizeof(link), "%s/link", base);
	assert_int_equal(mkdir(base, 0755), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(symlink(".", link), 0);
	for (i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		(void)snprintf(upload, sizeof(upload), "UPLOAD_DIR=%s/%s", base,
		    pair[i][0]);
		(void)snprintf(audio, sizeof(audio), "AUDIO_DIR=%s/%s", base,
		    pair[i][1]);
		assert_int_equal(server_run(i % 2 == 0 ? no_args : check, env,
		    said, sizeof(said)), EX_CONFIG);
		if (strstr(said, "is the folder of UPLOAD_DIR") == NULL)
			fail_msg("%s, %s: %s", upload, audio, said);
	}
	/* One inside the other loses nothing. */
	(void)snprintf(upload, sizeof(upload), "UPLOAD_DIR=%s/there", base);
	(void)snprintf(audio, sizeof(audio), "AUDIO_DIR=%s/there/in", base);
	assert_int_equal(server_run(check, env, said, sizeof(said)), 0);
}

/* Root can read it; the process that is to hold it runs as somebody else. */
static void
key_the_keymgr_cannot_read_stops_the_start(void **state)
{
	static const char *const	args[] = { "-f", "-n", NULL };
	char		path[512], key[600], cert[600], user[100], url[300];
	char		said[8192];
	const char	*env[] = { url, user, cert, key, NULL };
	uint8_t		*bytes;
	FILE		*fp;
	size_t		len;

	(void)state;
	if (geteuid() != 0)
		skip();
	bytes = file_read(getenv("TEST_TLS_KEY"), &len);
	(void)snprintf(path, sizeof(path), "%s/root-%d.key", getenv("TEST_TMP"),
	    getpid());
	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_int_equal(fwrite(bytes, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(path, 0600), 0);
	free(bytes);
	(void)snprintf(url, sizeof(url), "DATABASE_URL=%s",
	    getenv("TEST_DATABASE_URL"));
	(void)snprintf(user, sizeof(user), "RUN_AS_USER=%s",
	    getenv("TEST_USER"));
	(void)snprintf(cert, sizeof(cert), "TLS_CERT_FILE=%s",
	    getenv("TEST_TLS_CERT"));
	(void)snprintf(key, sizeof(key), "TLS_KEY_FILE=%s", path);
	assert_int_equal(server_run(args, env, said, sizeof(said)), EX_CONFIG);
	if (strstr(said, "error: TLS_KEY_FILE: key file ") == NULL)
		fail_msg("%s", said);
	assert_non_null(strstr(said, "Permission denied"));
}

struct keymgr {
	const struct server	*s;
	pid_t			last;
};

static bool
is_another(void *arg)
{
	struct keymgr	*k = arg;
	pid_t		pid = server_keymgr(k->s);

	if (pid == 0 || pid == k->last)
		return (false);
	k->last = pid;
	return (true);
}

static int	ended;

static bool
has_ended(void *arg)
{
	struct server	*s = arg;

	return (waitpid(s->pid, &ended, WNOHANG) == s->pid);
}

static void
path_in(char *path, size_t size, const struct server *s, const char *name)
{
	(void)snprintf(path, size, "%.250s/%s", s->dir, name);
}

/* How many descriptors of its children are the folder itself. */
static int
held_by_children(const struct server *s)
{
	char		path[300], link[300];
	struct dirent	*entry;
	pid_t		pid[16];
	ssize_t		len;
	int		i, n = children_of(s->pid, pid, 16), held = 0;
	DIR		*dir;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid[i]);
		if ((dir = opendir(path)) == NULL)
			continue;
		while ((entry = readdir(dir)) != NULL) {
			(void)snprintf(path, sizeof(path), "/proc/%d/fd/%.32s",
			    pid[i], entry->d_name);
			len = readlink(path, link, sizeof(link) - 1);
			link[len > 0 ? len : 0] = '\0';
			held += !strcmp(link, s->dir);
		}
		(void)closedir(dir);
	}
	return (held);
}

static bool
is_the_parents_alone(void *arg)
{
	return (held_by_children(arg) == 0);
}

static void
one_var_has_one_server(void **state)
{
	struct server	s;
	char		var[300], url[300], path[300], pid[64], said[8192];
	const char	*env[] = { var, url, NULL };

	(void)state;
	server_start(&s, NULL, NULL);
	(void)snprintf(var, sizeof(var), "VAR=%.280s", s.dir);
	(void)snprintf(url, sizeof(url), "DATABASE_URL=%s", s.database);
	assert_int_equal(server_run(no_args, env, said, sizeof(said)),
	    EX_UNAVAILABLE);
	(void)snprintf(pid, sizeof(pid), "VAR is in use by process %d", s.pid);
	if (strstr(said, pid) == NULL)
		fail_msg("%s", said);
	/* The first one still has its pid there; commands do not need VAR. */
	path_in(path, sizeof(path), &s, "kore.pid");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(server_run(check, env, said, sizeof(said)), 0);
	/* It is free when the parent is gone, whoever is still there. */
	assert_true(eventually(is_the_parents_alone, &s));
	assert_int_equal(kill(s.pid, SIGKILL), 0);
	assert_int_equal(waitpid(s.pid, NULL, 0), s.pid);
	server_again(&s, NULL);
	server_stop(&s);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_pid_file_of_another_is_left(void **state)
{
	struct server	s;
	char		path[300];
	FILE		*fp;

	(void)state;
	server_start(&s, NULL, NULL);
	path_in(path, sizeof(path), &s, "kore.pid");
	fp = fopen(path, "w");
	assert_non_null(fp);
	(void)fprintf(fp, "1\n");
	assert_int_equal(fclose(fp), 0);
	server_stop(&s);
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_ready_file_is_there_while_it_serves(void **state)
{
	static const char *const	args[] = { "-f", "-n", "-r",
		"--ready-file", "/nowhere/ready", NULL };
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://127.0.0.1/x", NULL };
	struct server			s;
	char				path[300], said[8192];

	(void)state;
	assert_int_equal(server_run(args, env, said, sizeof(said)), EX_CONFIG);
	assert_non_null(strstr(said, "--ready-file /nowhere/ready: No such"));
	server_start(&s, NULL, NULL);
	path_in(path, sizeof(path), &s, "ready");
	assert_int_equal(access(path, F_OK), 0);
	server_stop(&s);
	assert_int_equal(access(path, F_OK), -1);
}

/* What one left that was killed does not make the next one ready. */
static void
a_ready_file_of_an_earlier_start_is_removed(void **state)
{
	const char	*args[] = { "-f", "-n", "-r", "--ready-file", NULL, NULL };
	char		path[300], said[8192];
	const char	*env[] = { "DATABASE_URL=postgresql://no.invalid/x", NULL };
	FILE		*fp;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/ready-%d", getenv("TEST_TMP"),
	    getpid());
	args[4] = path;
	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(server_run(args, env, said, sizeof(said)),
	    EX_UNAVAILABLE);
	assert_int_equal(access(path, F_OK), -1);
}

/* It comes back some times; then a supervisor has to know. */
static void
keymgr_that_keeps_ending_ends_the_server(void **state)
{
	char		cert[600], key[600];
	const char	*env[] = { cert, key, NULL };
	struct server	s;
	struct keymgr	keymgr = { &s, 0 };
	int		i;

	(void)state;
	(void)snprintf(cert, sizeof(cert), "TLS_CERT_FILE=%s",
	    getenv("TEST_TLS_CERT"));
	(void)snprintf(key, sizeof(key), "TLS_KEY_FILE=%s",
	    getenv("TEST_TLS_KEY"));
	server_start(&s, NULL, env);
	for (i = 0; i <= KEYMGR_ENDS; i++) {
		assert_true(eventually(is_another, &keymgr));
		assert_int_equal(kill(keymgr.last, SIGKILL), 0);
	}
	assert_true(eventually(has_ended, &s));
	assert_true(WIFEXITED(ended));
	assert_int_equal(WEXITSTATUS(ended), EX_SOFTWARE);
	assert_int_equal(server_log_lines(&s, "was ended by signal 9"),
	    KEYMGR_ENDS + 1);
	assert_true(server_logged(&s, "the server ends"));
}

/* A check is no start: what another user will start, root may look at. */
static void
root_without_a_user_is_told_and_stopped(void **state)
{
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://127.0.0.1/x", NULL };
	static const char *const	start[] = { "-f", "-n", NULL };
	char				said[16384];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(server_run(start, env, said, sizeof(said)), EX_CONFIG);
	assert_non_null(strstr(said, "error: RUN_AS_USER"));
	assert_int_equal(server_run(check, env, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "warning: RUN_AS_USER"));
}

static void
what_is_hardly_meant_is_warned_of(void **state)
{
	static const char *const	row[][2] = {
		{ "DATABASE_URL=postgresql://db.invalid/x",
		    "warning: DATABASE_URL: goes to another machine" },
		{ "RUN_AS_USER=root", "warning: RUN_AS_USER=\"root\": is root" },
		{ "TRUSTED_PROXIES=0.0.0.0/0",
		    "warning: TRUSTED_PROXIES=\"0.0.0.0/0\": trusts everybody" }
	};
	char				said[16384];
	size_t				i;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char	*env[] = { "DATABASE_URL=postgresql://127.0.0.1/x",
			row[i][0], NULL };

		assert_int_equal(server_run(check, env, said, sizeof(said)), 0);
		if (strstr(said, row[i][1]) == NULL)
			fail_msg("%s: %s", row[i][0], said);
	}
}

static void
conf_add(const char *path, const char *line)
{
	FILE	*fp = fopen(path, "a");

	assert_non_null(fp);
	(void)fputs(line, fp);
	assert_int_equal(fclose(fp), 0);
}

static void
give_to_postgres(const char *from, const char *to)
{
	struct passwd	*pw = getpwnam("postgres");
	uint8_t		*bytes;
	size_t		len;
	FILE		*fp;

	bytes = file_read(from, &len);
	fp = fopen(to, "w");
	assert_non_null(fp);
	assert_int_equal(fwrite(bytes, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(to, 0600), 0);
	assert_int_equal(chown(to, pw->pw_uid, pw->pw_gid), 0);
	free(bytes);
}

/*
 * libpq looks for a certificate in the home of whoever started it, and goes on in
 * the clear where it may not look: root's, to the workers.
 */
static void
workers_of_roots_shell_reach_the_database_by_tls(void **state)
{
	static struct cluster	c;
	struct server		s;
	char			path[512], home[600];
	const char		*env[] = { home, NULL };

	(void)state;
	if (geteuid() != 0)
		skip();
	cluster_create(&c);
	cluster_stop(&c, "fast");
	(void)snprintf(path, sizeof(path), "%s/data/server.crt", c.dir);
	give_to_postgres(getenv("TEST_TLS_CERT"), path);
	(void)snprintf(path, sizeof(path), "%s/data/server.key", c.dir);
	give_to_postgres(getenv("TEST_TLS_KEY"), path);
	(void)snprintf(path, sizeof(path), "%s/data/postgresql.auto.conf", c.dir);
	conf_add(path, "ssl = on\n");
	cluster_start(&c);
	database_migrate(c.url);

	(void)snprintf(home, sizeof(home), "HOME=%s/home-%d", getenv("TEST_TMP"),
	    getpid());
	assert_int_equal(mkdir(home + sizeof("HOME=") - 1, 0700), 0);
	server_start(&s, c.url, env);
	assert_int_equal(database_long(c.url, "select count(*) from "
	    "pg_stat_activity join pg_stat_ssl using (pid) where "
	    "application_name = 'voicegate' and ssl"), 2);
	server_stop(&s);
	cluster_remove(&c);
}

/* It may be free in a moment: a supervisor is to try again. */
static void
a_port_in_use_is_no_wrong_setting(void **state)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	char			port[32], said[8192];
	const char		*env[] = {
		"DATABASE_URL=postgresql://127.0.0.1/x", port, NULL };
	int			fd, number = free_port();

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)number);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&sin,
	    sizeof(sin)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)snprintf(port, sizeof(port), "PORT=%d", number);
	assert_int_equal(server_run(no_args, env, said, sizeof(said)),
	    EX_UNAVAILABLE);
	assert_non_null(strstr(said, "cannot listen"));
	(void)close(fd);
}

static void
one_setting_is_printed_as_it_holds(void **state)
{
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://u:hunter2@127.0.0.1/x",
		"TTS_API_KEY=sk-5f3a9b1c7d2e4f60", "WORKERS=many", "PORT=8123",
		NULL };
	static const struct {
		const char	*name;
		int		status;
		const char	*said;
	} row[] = {
		/* Another's mistake is not its own. */
		{ "PORT", 0, "8123\n" },
		{ "RUN_AS_USER", 0, "\n" },
		{ "DATABASE_URL", 0, "postgresql://u:hunter2@127.0.0.1/x\n" },
		{ "TTS_API_KEY", 0, "***\n" },
		{ "WORKERS", EX_CONFIG, "error: WORKERS=\"many\": a whole "
		    "number from 1 to 64, processes\n" },
		{ "NO_SUCH", EX_USAGE, "voicegate: no such setting: NO_SUCH; "
		    "voicegate --help says what there is\n" }
	};
	char				said[8192];
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char	*args[] = { "--print-setting", row[i].name, NULL };

		assert_int_equal(server_run(args, env, said, sizeof(said)),
		    row[i].status);
		assert_string_equal(said, row[i].said);
	}
}

static void
check_config_prints_and_hides(void **state)
{
	static const char *const	env[] = {
		"DATABASE_URL=postgresql://u:hunter2@127.0.0.1/x",
		"STT_BASE_URL=https://stt.example.test",
		"STT_API_KEY=sk-5f3a9b1c7d2e4f60", "STT_MODEL=whisper-1", NULL };
	char				said[16384];

	(void)state;
	assert_int_equal(server_run(check, env, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "STT_API_KEY=***"));
	assert_null(strstr(said, "5f3a9b1c"));
	assert_null(strstr(said, "hunter2"));
	assert_non_null(strstr(said, "RATE_LIMIT_PER_MINUTE=10"));
}

static void
help_and_version(void **state)
{
	static const char *const	help[][2] = { { "--help" }, { "-h" } };
	static const char *const	version[][2] = { { "--version" },
		{ "-v" } };
	char				said[65536];
	int				i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(server_run(help[i], NULL, said, sizeof(said)),
		    0);
		assert_non_null(strstr(said, "ALLOWED_ORIGINS"));
		assert_non_null(strstr(said, "--check-config"));
		assert_int_equal(server_run(version[i], NULL, said,
		    sizeof(said)), 0);
		assert_memory_equal(said, "voicegate ", 10);
	}
}

static void
what_is_not_understood_is_refused(void **state)
{
	static const char *const	bad[][3] = {
		{ "--no-such-option" }, { "-x" }, { "-fx" }, { "-" }, { "--" },
		{ "check-config" }, { "-f", "voicegate.conf" },
		{ "--check-config", "--migrate" }, { "--migrate", "--migrate" },
		{ "--check-config", "extra" }, { "--ready-file" },
		{ "--print-setting" }
	};
	char				said[8192];
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (server_run(bad[i], NULL, said, sizeof(said)) != EX_USAGE)
			fail_msg("%s: %s", bad[i][0], said);
	}
}

static void
migrate_is_idempotent(void **state)
{
	static const char *const	args[] = { "--migrate", NULL };
	char				url[256], setting[300], said[4096];
	const char			*env[] = { setting, NULL };

	(void)state;
	database_create(url, sizeof(url));
	(void)snprintf(setting, sizeof(setting), "DATABASE_URL=%s", url);
	assert_int_equal(server_run(args, env, said, sizeof(said)), 0);
	assert_null(strstr(said, "applied"));
	assert_int_equal(database_long(url, "select count(*) from "
	    "voicegate.schema_version"), database_long(url,
	    "select max(version) from voicegate.schema_version"));
	/* A newer schema is left as it is; an edited file is refused. */
	(void)database_long(url, "insert into voicegate.schema_version "
	    "(version, name, checksum) values (999, 'x', 'x')");
	assert_int_equal(server_run(args, env, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "warning: the schema is at version 999"));
	(void)database_long(url,
	    "delete from voicegate.schema_version where version = 999");
	(void)database_long(url,
	    "update voicegate.schema_version set checksum = 'x' where version = 1");
	assert_int_equal(server_run(args, env, said, sizeof(said)), 70);
	assert_non_null(strstr(said, "edited"));
}

/* 69: a supervisor, or a person, tries again; and the schema is as it was. */
static void
migrate_without_its_database_is_told_as_such(void **state)
{
	static const char *const	args[] = { "--migrate", NULL };
	char				url[256], setting[300], said[4096];
	const char			*env[] = { setting, NULL };

	(void)state;
	database_create(url, sizeof(url));
	(void)snprintf(setting, sizeof(setting), "DATABASE_URL=%s_gone", url);
	assert_int_equal(server_run(args, env, said, sizeof(said)),
	    EX_UNAVAILABLE);
	assert_non_null(strstr(said, "does not exist"));
}

static void
everything_has_a_comment(void **state)
{
	char	url[256], missing[512];

	(void)state;
	database_create(url, sizeof(url));
	database_value(url, "select string_agg(c.relname || coalesce('.' || "
	    "a.attname, ''), ', ') from pg_class c left join pg_attribute a on "
	    "a.attrelid = c.oid and a.attnum > 0 and c.relkind = 'r' "
	    "and not a.attisdropped where "
	    "c.relnamespace = 'voicegate'::regnamespace and c.relkind in "
	    "('r', 'v') and (obj_description(c.oid, 'pg_class') is null or "
	    "(a.attnum is not null and col_description(c.oid, a.attnum) is null))",
	    missing, sizeof(missing));
	assert_string_equal(missing, "");
	database_value(url, "select string_agg(proname, ', ') from pg_proc where "
	    "pronamespace = 'voicegate'::regnamespace and "
	    "obj_description(oid, 'pg_proc') is null", missing, sizeof(missing));
	assert_string_equal(missing, "");
}

static bool
reload_is_an_event(void *arg)
{
	return (database_long(arg, "select count(*) from "
	    "voicegate.security_event where kind = 'configuration_changed'") ==
	    1);
}

/* Once, however many workers there are. */
static void
a_reload_is_one_event(void **state)
{
	static const char *const	one[] = { "WORKERS=1", NULL };
	static const char *const	three[] = { "WORKERS=3", NULL };
	const char *const		*env[] = { one, three };
	struct server			s;
	size_t				i;

	(void)state;
	for (i = 0; i < 2; i++) {
		server_start(&s, NULL, env[i]);
		assert_int_equal(kill(s.pid, SIGHUP), 0);
		assert_true(eventually(reload_is_an_event, s.database));
		server_stop(&s);
		assert_true(reload_is_an_event(s.database));
	}
}

static void
term_lets_a_request_finish(void **state)
{
	struct server	s;
	struct response	r;
	struct voice	v;
	char		path[512];
	int		fd;

	(void)state;
	server_start(&s, NULL, NULL);
	fixture(path, sizeof(path), "goforward.wav");
	voice_make(&v, s.port, path, "Expect: 100-continue\r\n");
	fd = voice_begin(&v, s.port, 0);
	assert_true(read(fd, path, 25) >= 12);	/* it is at work on us */
	assert_int_equal(client_send(fd, v.form, v.form_len), 0);
	assert_int_equal(kill(s.pid, SIGTERM), 0);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(response_field(&r, "connection"), "close");
	response_free(&r);
	(void)close(fd);
	server_stop(&s);
	voice_free(&v);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(each_mistake_stops_the_start),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(unwritable_upload_folder_stops_the_start),
		cmocka_unit_test(upload_folder_open_to_others_stops_the_start),
		cmocka_unit_test(one_folder_for_both_stops_the_start),
		cmocka_unit_test(key_the_keymgr_cannot_read_stops_the_start),
		cmocka_unit_test(one_var_has_one_server),
		cmocka_unit_test(a_pid_file_of_another_is_left),
		cmocka_unit_test(a_ready_file_is_there_while_it_serves),
		cmocka_unit_test(a_ready_file_of_an_earlier_start_is_removed),
		cmocka_unit_test(keymgr_that_keeps_ending_ends_the_server),
		cmocka_unit_test(root_without_a_user_is_told_and_stopped),
		cmocka_unit_test(what_is_hardly_meant_is_warned_of),
		cmocka_unit_test(
		    workers_of_roots_shell_reach_the_database_by_tls),
		cmocka_unit_test(a_port_in_use_is_no_wrong_setting),
		cmocka_unit_test(one_setting_is_printed_as_it_holds),
		cmocka_unit_test(check_config_prints_and_hides),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(migrate_is_idempotent),
		cmocka_unit_test(migrate_without_its_database_is_told_as_such),
		cmocka_unit_test(everything_has_a_comment),
		cmocka_unit_test(a_reload_is_one_event),
		cmocka_unit_test(term_lets_a_request_finish),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
