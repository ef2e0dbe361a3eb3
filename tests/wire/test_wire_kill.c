/*
 * kill -9 while turns are in every state of the pipeline at once: of the
 * workers, of the parent, of everything, of the speech server. Afterwards no
 * upload is left within five seconds, what was answered is in the database, and
 * a repeat with the same key is one turn, whatever the first had come to.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <libpq-fe.h>

#include "lib/provider.h"
#include "wire.h"

#define CLEAN_MS	5000

enum state {
	UPLOADING,
	TRANSCRIBING,
	REPLYING,
	SPEAKING,
	COMMITTING,
	ANSWERED,
	STATES
};

static struct provider	provider;
static const char	*env[16];
static struct voice	message[STATES];
static char		session[STATES][37];
static int		fd[STATES];
static char		*first;		/* the answer of ANSWERED */
static char		recording[512];
static char		database[256];

static int
setup(void **state)
{
	static const char *const	two_workers[] = { "WORKERS=2", NULL };

	(void)state;
	provider_start(&provider);
	provider_env(&provider, wide, two_workers, env);
	fixture(recording, sizeof(recording), "goforward.wav");
	database_create(database, sizeof(database));
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	provider_stop(&provider);
	return (0);
}

static bool
is_asked(void *arg)
{
	struct provider_count	n;
	int			kind = *(int *)arg;

	provider_count(&provider, &n);
	return ((kind == TRANSCRIBING ? n.stt : kind == REPLYING ? n.chat :
	    n.tts) > 0);
}

static bool
commit_waits(void *arg)
{
	(void)arg;
	return (database_long(database, "select count(*) from pg_stat_activity "
	    "where wait_event_type = 'Lock' and query like '%commit_turn%'") > 0);
}

/* One turn in each state, all at the same time. The lock: of COMMITTING. */
static PGconn *
everywhere_at_once(const struct server *s)
{
	static const char *const	orders[] = { NULL, "stt hang",
					    "chat hang", "tts hang-body" };
	static const char		mark[] = "name=\"session_id\"\r\n\r\n";
	struct response			r;
	PGresult			*res;
	PGconn				*lock;
	char				sql[256], key[64];
	int				i;

	for (i = 0; i < STATES; i++) {
		(void)snprintf(key, sizeof(key), "Idempotency-Key: k%d\r\n", i);
		voice_make(&message[i], s->port, recording, key);
		(void)snprintf(session[i], sizeof(session[i]), "%.36s",
		    strstr(message[i].form, mark) + sizeof(mark) - 1);
	}
	provider_tell(&provider, "reset");
	fd[ANSWERED] = voice_begin(&message[ANSWERED], s->port,
	    message[ANSWERED].form_len);
	client_read(fd[ANSWERED], false, &r);
	assert_int_equal(r.status, 200);
	first = strdup((char *)r.body);
	response_free(&r);
	fd[UPLOADING] = voice_begin(&message[UPLOADING], s->port,
	    message[UPLOADING].form_len / 2);
	for (i = TRANSCRIBING; i <= SPEAKING; i++) {
		provider_tell(&provider, "reset");
		provider_tell(&provider, orders[i]);
		fd[i] = voice_begin(&message[i], s->port, message[i].form_len);
		assert_true(eventually(is_asked, &i));
	}
	provider_tell(&provider, "reset");
	lock = PQconnectdb(database);
	(void)snprintf(sql, sizeof(sql), "select 1 from voicegate.session "
	    "where id = '%.36s' for no key update", session[COMMITTING]);
	PQclear(PQexec(lock, "begin"));
	res = PQexec(lock, sql);
	assert_int_equal(PQntuples(res), 1);
	PQclear(res);
	fd[COMMITTING] = voice_begin(&message[COMMITTING], s->port,
	    message[COMMITTING].form_len);
	assert_true(eventually(commit_waits, NULL));
	return (lock);
}

static long
turns_of(int i)
{
	char	sql[160];

	(void)snprintf(sql, sizeof(sql), "select count(*) from voicegate.turn "
	    "where session_id = '%.36s'", session[i]);
	return (database_long(database, sql));
}

/* Whether one process has a file of FOLDER open. */
static bool
holds(const char *pid, const char *folder)
{
	struct dirent	*entry;
	char		path[512], link[512];
	ssize_t		n;
	bool		found = false;
	DIR		*dir;

	(void)snprintf(path, sizeof(path), "/proc/%.32s/fd", pid);
	if ((dir = opendir(path)) == NULL)
		return (false);
	while (!found && (entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/%.32s/fd/%.32s", pid,
		    entry->d_name);
		if ((n = readlink(path, link, sizeof(link) - 1)) <= 0)
			continue;
		link[n] = '\0';
		found = strstr(link, folder) != NULL;
	}
	(void)closedir(dir);
	return (found);
}

/* An upload has no name: it is there as long as somebody has it open. */
static bool
no_upload_is_left(void *arg)
{
	struct server	*s = arg;
	struct dirent	*entry;
	char		folder[300];
	bool		found = false;
	DIR		*dir;

	(void)snprintf(folder, sizeof(folder), "%s/uploads/",
	    strrchr(s->dir, '/'));
	dir = opendir("/proc");
	while (!found && (entry = readdir(dir)) != NULL)
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    holds(entry->d_name, folder);
	(void)closedir(dir);
	return (!found && server_files(s, "uploads") == 0);
}

/* The clients ask again, with their keys. */
static void
everyone_is_answered_once(struct server *s, long killed)
{
	struct response	r;
	long		end;
	int		i;

	assert_true(eventually(no_upload_is_left, s));
	assert_true(now_ms() - killed < may_take(CLEAN_MS));
	for (i = 0; i < STATES; i++)
		(void)close(fd[i]);
	assert_int_equal(turns_of(ANSWERED), 1);
	for (i = 0; i < STATES; i++)
		fd[i] = voice_begin(&message[i], s->port, message[i].form_len);
	for (i = 0; i < STATES; i++) {
		client_read(fd[i], false, &r);
		/* A worker that has just come is without its database. */
		for (end = now_ms() + SERVER_DEADLINE_MS; r.status == 503 &&
		    now_ms() < end; (void)poll(NULL, 0, 100)) {
			response_free(&r);
			(void)close(fd[i]);
			fd[i] = voice_begin(&message[i], s->port,
			    message[i].form_len);
			client_read(fd[i], false, &r);
		}
		if (r.status != 200)
			fail_msg("%d: %d %s", i, r.status, (char *)r.body);
		assert_null(strstr((char *)r.body, "degraded"));
		if (i == ANSWERED)
			assert_string_equal((char *)r.body, first);
		response_free(&r);
		(void)close(fd[i]);
		assert_int_equal(turns_of(i), 1);
		voice_free(&message[i]);
	}
	free(first);
}

static pid_t	killed_pid[2];

static bool
workers_are_back(void *arg)
{
	pid_t	pid[8];
	int	n = server_workers(arg, pid, 8), i;

	for (i = 0; i < n; i++) {
		if (pid[i] == killed_pid[0] || pid[i] == killed_pid[1])
			return (false);
	}
	return (n == 2);
}

static void
workers(void **state)
{
	struct server	s;
	PGconn		*lock;
	pid_t		pid[8];
	long		killed;

	(void)state;
	server_start(&s, database, env);
	lock = everywhere_at_once(&s);
	assert_int_equal(server_workers(&s, pid, 8), 2);
	memcpy(killed_pid, pid, sizeof(killed_pid));
	(void)kill(pid[0], SIGKILL);
	(void)kill(pid[1], SIGKILL);
	killed = now_ms();
	PQfinish(lock);
	assert_true(eventually(workers_are_back, &s));
	everyone_is_answered_once(&s, killed);
	server_stop_hurt(&s);
}

static bool
all_are_gone(void *arg)
{
	struct server	*s = arg;

	return (kill(-s->pid, 0) == -1);
}

static void
parent(void **state)
{
	struct server	s;
	PGconn		*lock;
	long		killed;

	(void)state;
	server_start(&s, database, env);
	lock = everywhere_at_once(&s);
	(void)kill(s.pid, SIGKILL);
	(void)waitpid(s.pid, NULL, 0);
	PQfinish(lock);
	/* Workers do not live on without it. */
	assert_true(eventually(all_are_gone, &s));
	killed = now_ms();
	server_again(&s, env);
	everyone_is_answered_once(&s, killed);
	server_stop(&s);
}

static void
everything(void **state)
{
	struct server	s;
	PGconn		*lock;
	long		killed;

	(void)state;
	server_start(&s, database, env);
	lock = everywhere_at_once(&s);
	server_kill(&s);
	killed = now_ms();
	PQfinish(lock);
	server_again(&s, env);
	everyone_is_answered_once(&s, killed);
	/*
	 * No half of a reply either; one may be whole and of no turn, until the
	 * janitor asks about it.
	 */
	assert_in_range(server_files(&s, "audio"), STATES, STATES + 1);
	server_stop(&s);
}

/* --- the offline speech server --------------------------------------------- */

static char	port_file[300];

static bool
speaks(void *arg)
{
	struct response	r;
	char		*tls = getenv("TEST_TLS") != NULL ? strdup("1") : NULL;
	bool		well = false;
	int		fd_;

	/* The gateway speaks TLS there, the speech server does not. */
	(void)unsetenv("TEST_TLS");
	if ((fd_ = client_connect(*(int *)arg)) != -1) {
		(void)close(fd_);
		client_ask(*(int *)arg, "GET", "/health", "", &r);
		well = r.status != 0;
		response_free(&r);
	}
	if (tls != NULL)
		(void)setenv("TEST_TLS", tls, 1);
	free(tls);
	return (well);
}

static bool
port_is_known(void *arg)
{
	FILE	*fp = fopen(port_file, "r");
	int	*port = arg;
	bool	known;

	if (fp == NULL)
		return (false);
	known = fscanf(fp, "%d", port) == 1;
	(void)fclose(fp);
	return (known);
}

/* At *PORT, or where it likes when that is 0. */
static pid_t
speech_start(int *port)
{
	const char	*bin = getenv("SPEECH_BIN");
	char		listen_at[64];
	pid_t		pid;

	(void)snprintf(port_file, sizeof(port_file), "%s/speech-%d",
	    getenv("TEST_TMP"), getpid());
	(void)unlink(port_file);
	(void)snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", *port);
	if ((pid = fork()) == 0) {
		(void)setpgid(0, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(bin, bin, "--listen", listen_at, "--port-file", port_file,
		    (char *)NULL);
		_exit(127);
	}
	(void)setpgid(pid, pid);
	assert_true(eventually(port_is_known, port));
	assert_true(eventually(speaks, port));
	return (pid);
}

static char	speaker[37];

static bool
is_well(void *arg)
{
	struct server	*s = arg;
	struct response	r;
	bool		well;

	voice_send(s->port, speaker, recording, "", &r);
	well = r.status == 200 && strstr((char *)r.body, "degraded") == NULL;
	response_free(&r);
	return (well);
}

static void
speech_server(void **state)
{
	struct server	s;
	struct response	r;
	struct voice	v[5];
	char		url[64], sql[160];
	const char	*speech_env[] = { url, "RATE_LIMIT_PER_MINUTE=100000",
			    NULL };
	pid_t		pid;
	long		answered = 0;
	int		at[5], port = free_port(), i;

	(void)state;
	pid = speech_start(&port);
	(void)snprintf(url, sizeof(url), "SPEECH_URL=http://127.0.0.1:%d", port);
	server_start(&s, database, speech_env);
	session_new(s.port, speaker);
	assert_true(is_well(&s));
	/* Some are further than others when it dies. */
	for (i = 0; i < 5; i++) {
		voice_make(&v[i], s.port, recording, "");
		at[i] = voice_begin(&v[i], s.port, v[i].form_len);
		(void)poll(NULL, 0, 100);
	}
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	for (i = 0; i < 5; i++) {
		client_read(at[i], false, &r);
		if (r.status != 200)
			assert_problem(&r, 503, "provider_unavailable");
		answered += r.status == 200;
		(void)close(at[i]);
		response_free(&r);
		(void)snprintf(sql, sizeof(sql), "select count(*) from "
		    "voicegate.turn where session_id = '%.36s'",
		    strstr(v[i].form, "\r\n\r\n") + 4);
		answered -= database_long(database, sql);
		voice_free(&v[i]);
	}
	assert_int_equal(answered, 0);
	assert_true(eventually(no_upload_is_left, &s));
	pid = speech_start(&port);
	assert_true(eventually(is_well, &s));
	server_stop(&s);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(workers),
		cmocka_unit_test(parent),
		cmocka_unit_test(everything),
		cmocka_unit_test(speech_server),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
