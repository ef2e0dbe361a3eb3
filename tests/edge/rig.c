#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/rig.h"
#include "lib/port.h"

#define WORKERS	2		/* unless DOOR_WORKERS says otherwise */

static struct {
	pid_t		pid;
	uint16_t	port;
	uint16_t	redirect;
	size_t		workers;
} rig;

int64_t
rig_now_us(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

void
rig_sleep_us(long us)
{
	struct timespec	ts = { us / 1000000, (us % 1000000) * 1000 };

	(void)nanosleep(&ts, NULL);
}

static int
try_connect(uint16_t port, uint8_t host)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	struct sockaddr_in	from = { .sin_family = AF_INET };
	int			fd, on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | host);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	/* The port is chosen with the peer: no address runs out of them. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		(void)close(fd);
		return (-1);
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return (fd);
}

int
rig_connect_to(uint16_t port)
{
	int	fd = try_connect(port, 1);

	assert_true(fd != -1);
	return (fd);
}

int
rig_connect_from(uint8_t host)
{
	int	fd = try_connect(rig.port, host);

	assert_true(fd != -1);
	return (fd);
}

bool
rig_is_open(void)
{
	int	fd = try_connect(rig.port, 1);

	if (fd == -1)
		return (false);
	(void)close(fd);
	return (true);
}

int
rig_connect(void)
{
	return (rig_connect_to(rig.port));
}

uint16_t
rig_port(void)
{
	return (rig.port);
}

uint16_t
rig_redirect_port(void)
{
	return (rig.redirect);
}

pid_t
rig_pid(void)
{
	return (rig.pid);
}

static size_t
children(pid_t parent, pid_t *out, size_t max)
{
	char	path[64];
	FILE	*fp;
	size_t	n = 0;
	int	pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)parent, (int)parent);
	if ((fp = fopen(path, "r")) == NULL)
		return (0);
	while (n < max && fscanf(fp, "%d", &pid) == 1)
		out[n++] = (pid_t)pid;
	(void)fclose(fp);
	return (n);
}

void
rig_start(const char *const *settings)
{
	const char	*door = getenv("EDGE_DOOR");
	char		port[32], redirect[32], dir[512], *slash;
	char		name[64];
	const char	*eq;
	int64_t		until;
	pid_t		all[64];
	int		fd, log;

	assert_non_null(door);
	rig.port = (uint16_t)free_port();
	rig.redirect = (uint16_t)free_port();
	(void)snprintf(port, sizeof(port), "%u", rig.port);
	(void)snprintf(redirect, sizeof(redirect), "%u", rig.redirect);
	(void)snprintf(dir, sizeof(dir), "%s", door);
	if ((slash = strrchr(dir, '/')) != NULL)
		*slash = '\0';

	rig.workers = WORKERS;
	for (const char *const *set = settings; set != NULL && *set != NULL;
	    set++) {
		if (strncmp(*set, "DOOR_WORKERS=", 13) == 0)
			rig.workers = (size_t)atoi(*set + 13);
	}
	rig.pid = fork();
	assert_true(rig.pid != -1);
	if (rig.pid == 0) {
		(void)setenv("DOOR_PORT", port, 1);
		for (; settings != NULL && *settings != NULL; settings++) {
			if ((eq = strchr(*settings, '=')) == NULL)
				_exit(125);
			(void)snprintf(name, sizeof(name), "%.*s",
			    (int)(eq - *settings), *settings);
			(void)setenv(name, eq + 1, 1);
		}
		if (getenv("DOOR_REDIRECT") != NULL)
			(void)setenv("DOOR_REDIRECT", redirect, 1);
		if (chdir(dir) == -1)
			_exit(126);
		if ((log = open("door.log", O_CREAT | O_WRONLY | O_APPEND,
		    0600)) != -1) {
			(void)dup2(log, STDOUT_FILENO);
			(void)dup2(log, STDERR_FILENO);
		}
		(void)execl("./door", "door", "-f", "-n", "-r", (char *)NULL);
		_exit(127);
	}

	until = rig_now_us() + RIG_WAIT_MS * 1000;
	while ((fd = try_connect(rig.port, 1)) == -1) {
		assert_true(rig_now_us() < until);
		assert_int_equal(waitpid(rig.pid, NULL, WNOHANG), 0);
		rig_sleep_us(10000);
	}
	(void)close(fd);
	while (children(rig.pid, all, 64) < rig.workers) {
		assert_true(rig_now_us() < until);
		rig_sleep_us(10000);
	}
}

void
rig_stop(void)
{
	int	status;

	/* A worker that dies makes Kore write of it. */
	assert_int_equal(waitpid(rig.pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(rig.pid, SIGTERM), 0);
	assert_int_equal(waitpid(rig.pid, &status, 0), rig.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	rig.pid = 0;
}

size_t
rig_workers(pid_t *out, size_t max)
{
	return (children(rig.pid, out, max));
}

/* By the title that Kore gives them, some time after they were forked. */
static pid_t
titled(const char *title, pid_t not)
{
	char	path[64], text[128];
	pid_t	pid[64];
	size_t	i, n = rig_workers(pid, 64), len;
	FILE	*fp;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid[i]);
		if ((fp = fopen(path, "r")) == NULL)
			continue;
		len = fread(text, 1, sizeof(text) - 1, fp);
		(void)fclose(fp);
		text[len] = '\0';
		if (pid[i] != not && strstr(text, title) != NULL)
			return (pid[i]);
	}
	return (0);
}

pid_t
rig_process(const char *title, pid_t not)
{
	int64_t	until = rig_now_us() + RIG_WAIT_MS * 1000;
	pid_t	pid;

	while ((pid = titled(title, not)) == 0) {
		assert_true(rig_now_us() < until);
		rig_sleep_us(5000);
	}
	return (pid);
}

pid_t
rig_worker(unsigned id)
{
	char	title[16];

	(void)snprintf(title, sizeof(title), "[wrk %u]", id);
	return (rig_process(title, 0));
}

/* Of /proc/PID/status: whether it is stopped; which signals wait for it. */
static bool
is_stopped(pid_t pid, unsigned long long *pending)
{
	char	path[64], line[256], state = '?';
	FILE	*fp;

	*pending = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (false);
	while (fgets(line, sizeof(line), fp) != NULL) {
		(void)sscanf(line, "State: %c", &state);
		(void)sscanf(line, "ShdPnd: %llx", pending);
	}
	(void)fclose(fp);
	return (state == 'T');
}

/* A signal that comes before it really stops would be taken first. */
void
rig_halt(const pid_t *workers, size_t n)
{
	int64_t			until = rig_now_us() + RIG_WAIT_MS * 1000;
	unsigned long long	pending;
	size_t			i;

	for (i = 0; i < n; i++) {
		assert_int_equal(kill(workers[i], SIGSTOP), 0);
		while (!is_stopped(workers[i], &pending)) {
			assert_true(rig_now_us() < until);
			rig_sleep_us(5000);
		}
	}
}

void
rig_end_halted(const pid_t *workers, size_t n)
{
	int64_t			until = rig_now_us() + RIG_WAIT_MS * 1000;
	unsigned long long	pending;
	size_t			i;

	assert_int_equal(kill(rig.pid, SIGTERM), 0);
	for (i = 0; i < n; i++) {
		while (is_stopped(workers[i], &pending) &&
		    (pending >> (SIGTERM - 1) & 1) == 0) {
			assert_true(rig_now_us() < until);
			rig_sleep_us(5000);
		}
	}
	for (i = 0; i < n; i++)
		assert_int_equal(kill(workers[i], SIGCONT), 0);
}

long
rig_rss(pid_t pid)
{
	char	path[64], line[256];
	FILE	*fp;
	long	kb = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (0);
	while (fgets(line, sizeof(line), fp) != NULL) {
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	}
	(void)fclose(fp);
	return (kb);
}

static long
cpu_ms(pid_t pid)
{
	char	path[64], line[1024], *p;
	FILE	*fp;
	long	user = 0, system = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (0);
	if (fgets(line, sizeof(line), fp) != NULL &&
	    (p = strrchr(line, ')')) != NULL)
		(void)sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
		    "%*u %ld %ld", &user, &system);
	(void)fclose(fp);
	return ((user + system) * 1000 / sysconf(_SC_CLK_TCK));
}

long
rig_cpu_ms(void)
{
	pid_t	pids[64];
	size_t	i, n = rig_workers(pids, 64);
	long	sum = cpu_ms(rig.pid);

	for (i = 0; i < n; i++)
		sum += cpu_ms(pids[i]);
	return (sum);
}

bool
rig_send(int fd, const void *bytes, size_t len)
{
	const char	*p = bytes;
	ssize_t		n;

	while (len > 0) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (false);
		p += n;
		len -= (size_t)n;
	}
	return (true);
}

bool
rig_say(int fd, const char *text)
{
	return (rig_send(fd, text, strlen(text)));
}

/* 1, 0 at the end, -1 for time or reset. */
static int
byte(int fd, char *out, int64_t until)
{
	struct pollfd	pfd = { .fd = fd, .events = POLLIN };
	int64_t		left = (until - rig_now_us()) / 1000;
	ssize_t		n;

	if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
		return (-1);
	n = recv(fd, out, 1, 0);
	return (n == 1 ? 1 : (n == 0 ? 0 : -1));
}

bool
rig_response(int fd, struct rig_response *r, bool to_head, int ms)
{
	int64_t	until = rig_now_us() + (int64_t)ms * 1000;
	char	*line, skip[65536];
	size_t	len = 0, want = 0, n;
	ssize_t	got;

	memset(r, 0, sizeof(*r));
	while (len < 4 || memcmp(r->head + len - 4, "\r\n\r\n", 4) != 0) {
		if (len + 1 >= sizeof(r->head) ||
		    byte(fd, r->head + len, until) != 1)
			return (false);
		len++;
	}
	if (sscanf(r->head, "HTTP/1.%*c %d", &r->status) != 1)
		return (false);
	for (line = strstr(r->head, "\r\n"); line != NULL && line[2] != '\r';
	    line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, "content-length:", 15) == 0)
			want = (size_t)strtoul(line + 17, NULL, 10);
		if (strncasecmp(line + 2, "connection: close", 17) == 0)
			r->close = true;
	}
	if (to_head || r->status < 200 || r->status == 204 || r->status == 304)
		want = 0;

	while (r->body_len < want) {
		struct pollfd	pfd = { .fd = fd, .events = POLLIN };
		int64_t		left = (until - rig_now_us()) / 1000;

		if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
			return (false);
		n = want - r->body_len;
		got = recv(fd, skip, n < sizeof(skip) ? n : sizeof(skip), 0);
		if (got <= 0)
			return (false);
		if (r->body_len < sizeof(r->body) - 1) {
			n = sizeof(r->body) - 1 - r->body_len;
			memcpy(r->body + r->body_len, skip,
			    n < (size_t)got ? n : (size_t)got);
		}
		r->body_len += (size_t)got;
	}
	return (true);
}

enum rig_end
rig_end(int fd, int ms, size_t *bytes)
{
	int64_t		until = rig_now_us() + (int64_t)ms * 1000, left;
	struct pollfd	pfd = { .fd = fd, .events = POLLIN };
	char		skip[65536];
	ssize_t		n;

	if (bytes != NULL)
		*bytes = 0;
	for (;;) {
		left = (until - rig_now_us()) / 1000;
		if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
			return (RIG_OPEN);
		n = recv(fd, skip, sizeof(skip), 0);
		if (n == 0)
			return (RIG_FIN);
		if (n == -1)
			return (RIG_RESET);
		if (bytes != NULL)
			*bytes += (size_t)n;
	}
}

int
rig_ask_on(int fd, const char *request, struct rig_response *r)
{
	if (!rig_say(fd, request) || !rig_response(fd, r,
	    strncmp(request, "HEAD ", 5) == 0, RIG_WAIT_MS))
		return (0);
	return (r->status);
}

int
rig_ask(const char *request, struct rig_response *r)
{
	struct rig_response	own;
	int			fd = rig_connect();
	int			status;

	status = rig_ask_on(fd, request, r != NULL ? r : &own);
	(void)close(fd);
	return (status);
}

static long
line_of(const char *text, const char *name)
{
	const char	*p = text;
	size_t		len = strlen(name);

	for (; p != NULL; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 :
	    NULL) {
		if (strncmp(p, name, len) == 0 && p[len] == ' ')
			return (strtol(p + len + 1, NULL, 10));
	}
	fail_msg("no %s in /counts", name);
	return (0);
}

/* Each worker has its own numbers: ask until all have answered. */
long
rig_count(const char *name)
{
	struct rig_response	r;
	size_t			i, n, workers = 0;
	long			of[65] = { 0 }, sum = 0, id;
	bool			seen[65] = { false };
	int			fd[64];
	int64_t			until = rig_now_us() + RIG_WAIT_MS * 1000;
	bool			got;

	n = rig.workers;
	while (workers < n) {
		assert_true(rig_now_us() < until);
		for (i = 0; i < 2 * n && i < 64; i++)
			fd[i] = rig_connect();
		for (i = 0; i < 2 * n && i < 64; i++) {
			got = rig_say(fd[i], "GET /counts HTTP/1.1\r\n"
			    "Host: a.test\r\nConnection: close\r\n\r\n") &&
			    rig_response(fd[i], &r, false, RIG_WAIT_MS);
			(void)close(fd[i]);
			/* A test's own connections may still be too many. */
			if (!got || r.status != 200)
				continue;
			id = line_of(r.body, "worker");
			assert_true(id > 0 && id <= 64);
			if (!seen[id])
				workers++;
			seen[id] = true;
			of[id] = line_of(r.body, name);
		}
	}
	for (i = 0; i < 65; i++)
		sum += of[i];
	return (sum);
}

bool
rig_count_is(const char *name, long value)
{
	int64_t	until = rig_now_us() + RIG_WAIT_MS * 1000;

	while (rig_count(name) != value) {
		if (rig_now_us() > until)
			return (false);
		rig_sleep_us(50000);
	}
	return (true);
}
