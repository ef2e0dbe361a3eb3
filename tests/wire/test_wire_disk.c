/*
 * No room, no permission, no descriptors: 503, the reason in the log, and all
 * is well again as soon as it can be, without a restart.
 */

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>

#include "wire.h"

static struct server	server;
static char		session[37];
static char		recording[512];
static char		folder[300];

static void
speak(struct response *r)
{
	voice_send(server.port, session, recording, "", r);
}

static bool
is_well(void *arg)
{
	struct response	r;
	bool		well;

	(void)arg;
	speak(&r);
	well = is_answered_in_full(&r);
	if (!well)
		print_message("not well: %d %.600s\n", r.status,
		    r.body != NULL ? (char *)r.body : "");
	response_free(&r);
	return (well);
}

static void
assert_no_storage(const char *reason)
{
	struct response	r;
	char		note[64];

	speak(&r);
	assert_problem(&r, 503, "storage_unavailable");
	assert_true(strtol(response_field(&r, "retry-after"), NULL, 10) > 0);
	assert_null(strstr((char *)r.body, "folder"));
	response_free(&r);
	(void)snprintf(note, sizeof(note), "note=%s", reason);
	/* Log lines wait for a moment before they are written. */
	assert_true(eventually_logged(&server, note));
}

static void
start(const char *setting)
{
	const char	*env[] = { "RATE_LIMIT_PER_MINUTE=100000", "WORKERS=1",
			    setting, NULL };

	fixture(recording, sizeof(recording), "goforward.wav");
	server_start(&server, NULL, env);
	session_new(server.port, session);
}

/* A small tmpfs of our own at FOLDER; false: not permitted here. */
static bool
small_disk(const char *options)
{
	struct passwd	*pw;

	(void)snprintf(folder, sizeof(folder), "%s/small-%d",
	    getenv("TEST_TMP"), getpid());
	(void)mkdir(folder, 0700);
	if (mount("tmpfs", folder, "tmpfs", 0, options) == -1) {
		printf("SKIPPED: mounting a tmpfs is not permitted here (%s)\n",
		    strerror(errno));
		(void)rmdir(folder);
		return (false);
	}
	(void)chmod(folder, 0700);
	if ((pw = getpwnam(getenv("TEST_USER"))) != NULL)
		assert_int_equal(chown(folder, pw->pw_uid, pw->pw_gid), 0);
	return (true);
}

/* Also after a failure: nothing of ours stays mounted. */
static int
disk_is_gone(void **state)
{
	(void)state;
	(void)umount2(folder, MNT_DETACH);
	(void)rmdir(folder);
	return (0);
}

/* Busy while the last upload is being closed. */
static bool
is_read_only(void *arg)
{
	(void)arg;
	return (mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY,
	    "") == 0);
}

static void
a_full_disk_for_uploads(void **state)
{
	char	setting[400];

	(void)state;
	if (!small_disk("size=32k"))
		skip();
	(void)snprintf(setting, sizeof(setting), "UPLOAD_DIR=%s", folder);
	start(setting);
	assert_no_storage("upload_folder_full");
	/* What did not fit left no trace: it fails for the same reason again. */
	assert_no_storage("upload_folder_full");
	assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=16m"),
	    0);
	assert_true(is_well(NULL));
	assert_true(eventually(is_read_only, NULL));
	assert_no_storage("upload_folder_denied");
	assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, ""), 0);
	assert_true(is_well(NULL));
	server_stop(&server);
}

/* The words are there, the sound is not; the client and the log know it. */
static void
assert_mute(struct response *r, const char *reason)
{
	char	note[64];

	assert_int_equal(r->status, 200);
	assert_non_null(strstr((char *)r->body, "\"audio_url\":null"));
	assert_non_null(strstr((char *)r->body, "\"degraded\":[\"tts\"]"));
	response_free(r);
	(void)snprintf(note, sizeof(note), "note=%s", reason);
	assert_true(eventually_logged(&server, note));
}

static void
a_full_disk_for_replies(void **state)
{
	struct response	r;
	char		setting[400];

	(void)state;
	if (!small_disk("size=16k"))
		skip();
	(void)snprintf(setting, sizeof(setting), "AUDIO_DIR=%s", folder);
	start(setting);
	speak(&r);
	assert_mute(&r, "audio_folder_full");
	assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=16m"),
	    0);
	assert_true(is_well(NULL));
	server_stop(&server);
}

static void
a_folder_that_may_not_be_written(void **state)
{
	(void)state;
	start(NULL);
	(void)snprintf(folder, sizeof(folder), "%s/uploads", server.dir);
	assert_true(is_well(NULL));
	assert_int_equal(chmod(folder, 0500), 0);
	assert_no_storage("upload_folder_denied");
	assert_int_equal(chmod(folder, 0700), 0);
	assert_true(is_well(NULL));
	server_stop(&server);
}

static void
a_reply_folder_that_may_not_be_written(void **state)
{
	struct response	r;

	(void)state;
	start(NULL);
	(void)snprintf(folder, sizeof(folder), "%s/audio", server.dir);
	assert_true(is_well(NULL));
	assert_int_equal(chmod(folder, 0500), 0);
	speak(&r);
	assert_mute(&r, "audio_folder_denied");
	assert_int_equal(chmod(folder, 0700), 0);
	assert_true(is_well(NULL));
	server_stop(&server);
}

static bool
is_accepted(void *arg)
{
	struct response	r;
	bool		well;

	(void)arg;
	client_ask(server.port, "GET", "/api/health/live", "", &r);
	well = r.status == 200;
	response_free(&r);
	return (well);
}

/* By the worker's own user: who may do so without being asked for more. */
static void
descriptors(pid_t worker, rlim_t soft)
{
	struct passwd	*pw = getpwnam(getenv("TEST_USER"));
	struct rlimit	limit;
	pid_t		pid;
	int		status;

	if ((pid = fork()) == 0) {
		if (pw != NULL &&
		    (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
		    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1))
			_exit(1);
		if (prlimit(worker, RLIMIT_NOFILE, NULL, &limit) == -1)
			_exit(2);
		limit.rlim_cur = soft == RLIM_INFINITY ? limit.rlim_max : soft;
		_exit(prlimit(worker, RLIMIT_NOFILE, &limit, NULL) == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
no_descriptors_left(void **state)
{
	static const char	ask[] = "GET /api/health/live HTTP/1.1\r\n"
	    "Host: x\r\n\r\n";
	struct response		r;
	struct voice		v;
	pid_t			worker[4];
	int			fd;

	(void)state;
	start(NULL);
	assert_int_equal(server_workers(&server, worker, 4), 1);
	voice_make(&v, server.port, recording, "");
	/* Taken before: a connection, but not the descriptor of a file. */
	fd = client_connect(server.port);
	assert_int_equal(client_send(fd, ask, sizeof(ask) - 1), 0);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	descriptors(worker[0], 3);
	assert_int_equal(client_send(fd, v.head, v.head_len), 0);
	(void)client_send(fd, v.form, v.form_len);
	client_read(fd, false, &r);
	assert_problem(&r, 503, "storage_unavailable");
	response_free(&r);
	(void)close(fd);
	assert_true(eventually_logged(&server, "note=no_descriptors"));
	/* Who comes meanwhile waits in the backlog, and is served then. */
	fd = client_connect(server.port);
	assert_int_equal(client_send(fd, ask, sizeof(ask) - 1), 0);
	assert_true(eventually_logged(&server, "cannot accept connections"));
	descriptors(worker[0], RLIM_INFINITY);
	client_read(fd, false, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)close(fd);
	assert_true(eventually(is_accepted, NULL));
	assert_true(is_well(NULL));
	voice_free(&v);
	server_stop(&server);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test_teardown(a_full_disk_for_uploads,
		    disk_is_gone),
		cmocka_unit_test_teardown(a_full_disk_for_replies,
		    disk_is_gone),
		cmocka_unit_test(a_folder_that_may_not_be_written),
		cmocka_unit_test(a_reply_folder_that_may_not_be_written),
		cmocka_unit_test(no_descriptors_left),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
