/*
 * The other side of the speech server's tests.  It speaks HTTP by hand, since half
 * of the tests send what no well-behaved client would; every wait has an end.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

#define ARGS_MAX	24
#define PAUSE_MS	5

static const char *
program(void)
{
	const char	*p = getenv("SPEECH_BIN");

	return (p != NULL ? p : "build/voicegate-speech");
}

long long
now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int
patience(long long start)
{
	struct timespec	ts = { 0, PAUSE_MS * 1000000 };

	nanosleep(&ts, NULL);
	return (now_ms() - start < PATIENCE_MS);
}

/* fork and exec with standard error into `log`. */
static pid_t
spawn(const char *const args[], const char *log)
{
	union { const char *c; char *m; } u;
	char	*argv[ARGS_MAX];
	size_t	 n = 0;
	pid_t	 pid;
	int	 fd;

	u.c = program();
	argv[n++] = u.m;
	for (; *args != NULL && n + 1 < ARGS_MAX; args++) {
		u.c = *args;
		argv[n++] = u.m;
	}
	argv[n] = NULL;
	pid = fork();
	if (pid == 0) {
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
		/* A test that fails half-way leaves no server behind. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
		    fd == -1 || dup2(fd, STDERR_FILENO) == -1 ||
		    dup2(fd, STDOUT_FILENO) == -1)
			_exit(126);
		execv(argv[0], argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return (pid);
}

static char *
read_file(const char *path, size_t *len)
{
	struct stat	 st;
	char		*p;
	ssize_t		 n;
	int		 fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return (NULL);
	if (fstat(fd, &st) == -1 || (p = malloc((size_t)st.st_size + 1)) ==
	    NULL) {
		close(fd);
		return (NULL);
	}
	n = read(fd, p, (size_t)st.st_size);
	close(fd);
	if (n < 0)
		n = 0;
	p[n] = '\0';
	*len = (size_t)n;
	return (p);
}

char *
fixture(const char *name, size_t *len)
{
	const char	*dir = getenv("SPEECH_FIXTURES");
	char		 path[512], *p;

	(void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir :
	    "build/speech-fixtures", name);
	p = read_file(path, len);
	if (p == NULL)
		print_error("no fixture %s\n", path);
	assert_non_null(p);
	return (p);
}

void
server_start(struct server *s, const char *const args[])
{
	const char	*all[ARGS_MAX];
	char		 port_file[128], *text;
	size_t		 n = 0, len;
	long long	 start = now_ms();
	int		 ok = 0;

	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/speech-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	/* The server may become somebody else. */
	assert_int_equal(chmod(s->dir, 0777), 0);
	(void)snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
	(void)snprintf(port_file, sizeof(port_file), "%s/port", s->dir);
	all[n++] = "--listen";
	all[n++] = "127.0.0.1:0";
	all[n++] = "--port-file";
	all[n++] = port_file;
	for (; args != NULL && *args != NULL; args++)
		all[n++] = *args;
	all[n] = NULL;
	s->pid = spawn(all, s->log);
	do {
		text = read_file(port_file, &len);
		if (text != NULL) {
			s->port = atoi(text);
			free(text);
			ok = 1;
			break;
		}
		if (!alive(s->pid))
			break;
	} while (patience(start));
	if (!ok) {
		text = server_log(s);
		print_error("the server did not start: %s\n",
		    text != NULL ? text : "");
	}
	assert_true(ok);
}

static int
code_of(int status)
{
	return (WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status));
}

int
server_wait(struct server *s)
{
	char		path[160];
	long long	start = now_ms();
	int		status;
	pid_t		pid;

	while ((pid = waitpid(s->pid, &status, WNOHANG)) == 0 &&
	    patience(start + PATIENCE_MS))	/* twice as long */
		;
	if (pid == 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
	}
	(void)unlink(s->log);
	(void)snprintf(path, sizeof(path), "%s/port", s->dir);
	(void)unlink(path);
	(void)rmdir(s->dir);
	return (code_of(status));
}

int
server_stop(struct server *s)
{
	(void)kill(s->pid, SIGTERM);
	return (server_wait(s));
}

char *
server_log(const struct server *s)
{
	size_t	len;

	return (read_file(s->log, &len));
}

int
program_run(const char *const args[], char *out, size_t size)
{
	char		 log[] = "/tmp/speech-run-XXXXXX", *text;
	long long	 start = now_ms();
	size_t		 len;
	int		 status, fd = mkstemp(log);
	pid_t		 pid, got;

	assert_true(fd != -1);
	close(fd);
	pid = spawn(args, log);
	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && patience(start))
		;
	if (got == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
	}
	text = read_file(log, &len);
	(void)snprintf(out, size, "%s", text != NULL ? text : "");
	free(text);
	(void)unlink(log);
	return (code_of(status));
}

struct call
call_start(const struct server *s, const void *data, size_t len)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET };
	struct timeval		 tv = { PATIENCE_MS / 1000 * 4, 0 };
	struct call		 c;
	const char		*p = data;
	ssize_t			 n;

	a.sin_port = htons((uint16_t)s->port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c.sock != -1);
	(void)setsockopt(c.sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(c.sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(c.sock, (struct sockaddr *)&a, sizeof(a)) == -1) {
		close(c.sock);
		c.sock = -1;
		return (c);
	}
	while (len != 0) {
		n = send(c.sock, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			break;	/* refused half-way: the answer tells why */
		p += n;
		len -= (size_t)n;
	}
	return (c);
}

/* The end of the answer by its own Content-Length; 0 when not there yet. */
static size_t
whole_length(const char *buf, size_t len)
{
	const char	*end, *cl;

	end = memmem(buf, len, "\r\n\r\n", 4);
	if (end == NULL)
		return (0);
	cl = strcasestr(buf, "\r\ncontent-length:");
	if (cl == NULL || cl > end)
		return (0);
	return ((size_t)(end - buf) + 4 + strtoul(cl + 17, NULL, 10));
}

struct reply
call_finish(struct call c)
{
	struct reply	 r = { 0 };
	char		*buf = calloc(1, REPLY_MAX + 1), *end;
	size_t		 len = 0, whole = 0, skip = 0;
	ssize_t		 n;

	assert_non_null(buf);
	while (c.sock != -1 && len < REPLY_MAX && (whole == 0 || len < whole)) {
		n = recv(c.sock, buf + len, REPLY_MAX - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		buf[len] = '\0';
		if (strncmp(buf, "HTTP/1.1 100", 12) == 0) {
			end = strstr(buf, "\r\n\r\n");
			if (end == NULL)
				continue;
			skip = (size_t)(end - buf) + 4;
			memmove(buf, buf + skip, len - skip + 1);
			len -= skip;
		}
		whole = whole_length(buf, len);
	}
	if (c.sock != -1)
		close(c.sock);
	end = strstr(buf, "\r\n\r\n");
	if (end == NULL || sscanf(buf, "HTTP/1.1 %d", &r.status) != 1) {
		free(buf);
		r.head = strdup("");
		r.body = strdup("");
		return (r);
	}
	*end = '\0';
	r.head = buf;
	r.len = len - (size_t)(end + 4 - buf);
	r.body = malloc(r.len + 1);
	assert_non_null(r.body);
	memcpy(r.body, end + 4, r.len);
	r.body[r.len] = '\0';
	return (r);
}

void
reply_free(struct reply *r)
{
	free(r->head);
	free(r->body);
	memset(r, 0, sizeof(*r));
}

struct reply
get(const struct server *s, const char *path)
{
	char	req[512];
	int	n = snprintf(req, sizeof(req), "GET %s HTTP/1.1\r\n"
		    "Host: 127.0.0.1:%d\r\n\r\n", path, s->port);

	return (call_finish(call_start(s, req, (size_t)n)));
}

struct reply
post_json(const struct server *s, const char *path, const char *json)
{
	size_t		 room = strlen(json) + 512;
	char		*req = malloc(room);
	struct call	 c;
	int		 n;

	assert_non_null(req);
	n = snprintf(req, room, "POST %s HTTP/1.1\r\nHost: localhost:%d\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    path, s->port, strlen(json), json);
	c = call_start(s, req, (size_t)n);
	free(req);
	return (call_finish(c));
}

/* fields: "name=value&name=value", before the file. */
struct call
transcribe_start(const struct server *s, const void *file, size_t len,
    const char *fields)
{
	char		*body = calloc(1, len + 8192), *req, *copy, *p, *save;
	char		*eq;
	size_t		 n = 0;
	int		 h;
	struct call	 c;

	req = malloc(len + 8192 + 512);
	copy = strdup(fields);
	assert_true(body != NULL && req != NULL && copy != NULL);
	save = NULL;
	for (p = strtok_r(copy, "&", &save); p != NULL;
	    p = strtok_r(NULL, "&", &save)) {
		eq = strchr(p, '=');
		assert_non_null(eq);
		*eq = '\0';
		n += (size_t)sprintf(body + n, "--XX\r\nContent-Disposition: "
		    "form-data; name=\"%s\"\r\n\r\n%s\r\n", p, eq + 1);
	}
	free(copy);
	if (file != NULL) {
		n += (size_t)sprintf(body + n, "--XX\r\nContent-Disposition: "
		    "form-data; name=\"file\"; filename=\"a\"\r\n\r\n");
		memcpy(body + n, file, len);
		n += len;
		n += (size_t)sprintf(body + n, "\r\n");
	}
	n += (size_t)sprintf(body + n, "--XX--\r\n");
	h = sprintf(req, "POST /v1/audio/transcriptions HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%d\r\nContent-Type: multipart/form-data; "
	    "boundary=XX\r\nContent-Length: %zu\r\n\r\n", s->port, n);
	memcpy(req + h, body, n);
	c = call_start(s, req, (size_t)h + n);
	free(body);
	free(req);
	return (c);
}

struct reply
transcribe(const struct server *s, const void *file, size_t len,
    const char *fields)
{
	return (call_finish(transcribe_start(s, file, len, fields)));
}

struct reply
transcribe_file(const struct server *s, const char *name, const char *fields)
{
	size_t		 len;
	char		*data = fixture(name, &len);
	struct reply	 r = transcribe(s, data, len, fields);

	free(data);
	return (r);
}

/* Reads /proc/pid/stat: name, state and parent. */
static int
stat_of(pid_t pid, char *comm, size_t size, char *state, pid_t *ppid)
{
	char	 path[64], *text, *open_paren, *close_paren;
	size_t	 len = 0;
	int	 fd, parent = 0, ok = -1;
	char	 buf[1024];
	ssize_t	 n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	buf[n] = '\0';
	text = buf;
	open_paren = strchr(text, '(');
	close_paren = strrchr(text, ')');
	if (open_paren != NULL && close_paren != NULL &&
	    sscanf(close_paren + 1, " %c %d", state, &parent) == 2) {
		len = (size_t)(close_paren - open_paren - 1);
		if (len >= size)
			len = size - 1;
		memcpy(comm, open_paren + 1, len);
		comm[len] = '\0';
		*ppid = parent;
		ok = 0;
	}
	return (ok);
}

size_t
children(pid_t parent, const char *comm, pid_t *pids, size_t max)
{
	struct dirent	*de;
	char		 name[64], state;
	size_t		 n = 0;
	pid_t		 pid, ppid;
	DIR		*d = opendir("/proc");

	assert_non_null(d);
	while ((de = readdir(d)) != NULL) {
		pid = atoi(de->d_name);
		if (pid > 0 && stat_of(pid, name, sizeof(name), &state,
		    &ppid) == 0 && ppid == parent && state != 'Z' &&
		    (comm == NULL || strcmp(comm, name) == 0) && n < max)
			pids[n++] = pid;
	}
	closedir(d);
	return (n);
}

int
alive(pid_t pid)
{
	char	name[64], state;
	pid_t	ppid;

	return (stat_of(pid, name, sizeof(name), &state, &ppid) == 0 &&
	    state != 'Z');
}

void
proc_status(pid_t pid, const char *name, char *out, size_t size)
{
	char	 path[64], line[256];
	FILE	*fp;

	out[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return;
	while (fgets(line, sizeof(line), fp) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0 &&
		    line[strlen(name)] == ':') {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(out, size, "%s",
			    line + strlen(name) + 1 +
			    strspn(line + strlen(name) + 1, " \t"));
		}
	}
	fclose(fp);
}
