/*
 * A provider that fails in every way there is.
 *
 * One thread a connection, blocking: each fault is a few lines that read as
 * what they do. A thread ends when its peer does, or when fake_stop() says so.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fake.h"

#define HEAD_MAX	8192
#define BIG		(100 * 1024 * 1024)	/* bytes */
#define FULL_TRIES	16

#define TEXT	"{\"text\":\" I have been  feeling sad \\u0007since. \"}"
#define REPLY	"{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{" \
	"\"role\":\"assistant\",\"content\":\"That sounds hard.\\nTell me " \
	"more.\"},\"finish_reason\":\"stop\"}]}"

struct fake	fake;

static _Atomic int	stopping;
static int		listener = -1, full_listener = -1;
static int		full_fd[FULL_TRIES];
static pthread_t	acceptor;

static void	*accept_loop(void *);
static void	*serve(void *);
static bool	serve_one(int);
static bool	read_request(int, int *, enum fake_mode *, char *);
static bool	answer(int, int, enum fake_mode);
static bool	head(int, int, const char *, long, const char *);
static bool	put(int, const void *, size_t);
static bool	put_ok(int, int, bool);
static void	wait_gone(int);
static bool	wait_ms(int, int);

static unsigned char	wav[44 + 32000];

static int
listen_on(int backlog, int *port)
{
	struct sockaddr_in	sin;
	socklen_t		len;
	int			fd, one;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	one = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	len = sizeof(sin);
	if (bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    (backlog >= 0 && listen(fd, backlog) == -1) ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1) {
		(void)close(fd);
		return (-1);
	}
	*port = ntohs(sin.sin_port);

	return (fd);
}

static void
le32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	p[2] = (unsigned char)(v >> 16);
	p[3] = (unsigned char)(v >> 24);
}

int
fake_start(void)
{
	memcpy(wav, "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0", 24);
	le32(wav + 4, sizeof(wav) - 8);
	le32(wav + 24, 16000);
	le32(wav + 28, 32000);
	wav[32] = 2;
	wav[34] = 16;
	memcpy(wav + 36, "data", 4);
	le32(wav + 40, sizeof(wav) - 44);

	stopping = 0;
	fake_reset();
	if ((listener = listen_on(128, &fake.port)) == -1)
		return (-1);

	return (pthread_create(&acceptor, NULL, accept_loop, NULL) == 0 ?
	    0 : -1);
}

void
fake_stop(void)
{
	int	i;

	stopping = 1;
	(void)shutdown(listener, SHUT_RDWR);
	(void)pthread_join(acceptor, NULL);
	(void)close(listener);
	while (fake.open > 0)
		(void)usleep(1000);
	if (full_listener != -1) {
		for (i = 0; i < FULL_TRIES; i++)
			(void)close(full_fd[i]);
		(void)close(full_listener);
		full_listener = -1;
	}
}

void
fake_reset(void)
{
	int	i;

	for (i = 0; i < FAKE_KINDS; i++) {
		fake.mode[i] = FAKE_OK;
		fake.requests[i] = 0;
	}
	fake.connections = 0;
	fake.retry_after = 0;
	fake.delay_ms = 0;
	fake.good_key = NULL;
}

int
fake_refusing_port(void)
{
	int	fd, port;

	/* Bound once and let go: nobody listens there. */
	if ((fd = listen_on(-1, &port)) == -1)
		return (-1);
	(void)close(fd);

	return (port);
}

/* A listener whose backlog is full and who never accepts. */
int
fake_full_port(void)
{
	struct sockaddr_in	sin;
	int			i, port;

	if ((full_listener = listen_on(0, &port)) == -1)
		return (-1);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	for (i = 0; i < FULL_TRIES; i++) {
		full_fd[i] = socket(AF_INET,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(full_fd[i], (struct sockaddr *)&sin,
		    sizeof(sin));
	}

	return (port);
}

static void *
accept_loop(void *arg)
{
	pthread_attr_t	attr;
	pthread_t	t;
	int		fd;

	(void)arg;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, 512 * 1024);
	while (!stopping) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			continue;
		fake.connections++;
		fake.open++;
		if (pthread_create(&t, &attr, serve,
		    (void *)(intptr_t)fd) != 0) {
			(void)close(fd);
			fake.open--;
		}
	}
	(void)pthread_attr_destroy(&attr);

	return (NULL);
}

static void *
serve(void *arg)
{
	int	fd, one;

	fd = (int)(intptr_t)arg;
	one = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (serve_one(fd))
		;
	(void)close(fd);
	fake.open--;

	return (NULL);
}

static bool
serve_one(int fd)
{
	char		buf[HEAD_MAX];
	enum fake_mode	mode;
	int		kind;

	if (!read_request(fd, &kind, &mode, buf))
		return (false);

	return (answer(fd, kind, mode));
}

static bool
has_left(int fd)
{
	struct pollfd	p = { .fd = fd, .events = POLLRDHUP };

	return (poll(&p, 1, 0) == 1 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
}

static bool
read_request(int fd, int *kind, enum fake_mode *mode, char *buf)
{
	char		body[65536], *end, *s;
	size_t		n, want, got, kept;
	unsigned	sum;
	ssize_t		r;
	size_t		i;

	n = 0;
	end = NULL;
	while (end == NULL) {
		if (n == HEAD_MAX - 1 || !wait_ms(fd, 60000))
			return (false);
		r = recv(fd, buf + n, HEAD_MAX - 1 - n, 0);
		if (r <= 0)
			return (false);
		n += (size_t)r;
		buf[n] = '\0';
		end = strstr(buf, "\r\n\r\n");
	}
	end += 4;
	/* Who gave up meanwhile is none of the next test's requests. */
	if (has_left(fd))
		return (false);

	*kind = strncmp(buf, "POST /v1/audio/transcriptions ", 30) == 0 ?
	    FAKE_STT : strncmp(buf, "POST /v1/chat/completions ", 26) == 0 ?
	    FAKE_CHAT : strncmp(buf, "POST /v1/audio/speech ", 22) == 0 ?
	    FAKE_TTS : FAKE_MODELS;
	fake.requests[*kind]++;
	*mode = (enum fake_mode)fake.mode[*kind];
	if (*mode == FAKE_ONCE_503) {
		fake.mode[*kind] = FAKE_OK;
		*mode = FAKE_503;
	}

	(void)snprintf(fake.last_head, sizeof(fake.last_head), "%.*s",
	    (int)(end - buf), buf);
	if (fake.good_key != NULL) {
		s = strstr(fake.last_head, "Authorization: Bearer ");
		if (s == NULL || strncmp(s + 22, fake.good_key,
		    strlen(fake.good_key)) != 0 ||
		    s[22 + strlen(fake.good_key)] != '\r')
			*mode = FAKE_401;
	}
	if (*mode == FAKE_EARLY_422)
		return (true);

	s = strcasestr(buf, "\r\nContent-Length: ");
	want = s != NULL && s < end ? strtoul(s + 18, NULL, 10) : 0;
	/* A probe may come in between: what was asked last is still known. */
	if (want == 0)
		return (true);
	got = n - (size_t)(end - buf);
	kept = got < sizeof(fake.last_body) - 1 ?
	    got : sizeof(fake.last_body) - 1;
	memcpy(fake.last_body, end, kept);
	sum = 0;
	for (i = 0; i < got; i++)
		sum += (unsigned char)end[i];
	while (got < want) {
		if (!wait_ms(fd, 60000))
			return (false);
		r = recv(fd, body, sizeof(body) < want - got ?
		    sizeof(body) : want - got, 0);
		if (r <= 0)
			return (false);
		for (i = 0; i < (size_t)r; i++) {
			sum += (unsigned char)body[i];
			if (kept < sizeof(fake.last_body) - 1)
				fake.last_body[kept++] = body[i];
		}
		got += (size_t)r;
	}
	fake.last_body[kept] = '\0';
	if (*kind == FAKE_CHAT) {
		for (i = 0, s = fake.last_body; (s = strstr(s,
		    "\"user\"")) != NULL; s++)
			i++;
		fake.chat_users = (unsigned)i;
	}
	fake.body_len = want;
	fake.body_sum = sum;

	return (true);
}

static bool
error_answer(int fd, int status, const char *extra)
{
	static const char	text[] = "{\"error\":{\"message\":\"no\"}}";

	return (head(fd, status, "application/json", sizeof(text) - 1,
	    extra) && put(fd, text, sizeof(text) - 1));
}

static bool
answer(int fd, int kind, enum fake_mode mode)
{
	char		extra[64], *junk;
	const char	*type;
	size_t		i, n;
	bool		ok, chunked;

	type = kind == FAKE_TTS ? "audio/wav" : "application/json";
	/* A peer that goes meanwhile is noticed by what is then written. */
	if (kind != FAKE_MODELS && fake.delay_ms > 0)
		(void)wait_ms(fd, (int)fake.delay_ms);
	switch (mode) {
	case FAKE_OK:
	case FAKE_SILENCE:
		return (put_ok(fd, kind, false));
	case FAKE_OK_CHUNKED:
		return (put_ok(fd, kind, true));
	case FAKE_HANG:
		wait_gone(fd);
		return (false);
	case FAKE_HANG_BODY:
		(void)head(fd, 200, type, 100, "");
		wait_gone(fd);
		return (false);
	case FAKE_TRICKLE:
		if (!head(fd, 200, type, (long)sizeof(wav), ""))
			return (false);
		for (i = 0; i < sizeof(wav) && !stopping; i++) {
			if (!put(fd, kind == FAKE_TTS ?
			    (const void *)&wav[i] : " ", 1))
				return (false);
			(void)usleep(100000);
		}
		return (false);
	case FAKE_429:
		extra[0] = '\0';
		if (fake.retry_after != 0) {
			(void)snprintf(extra, sizeof(extra),
			    "Retry-After: %u\r\n", fake.retry_after);
		}
		return (error_answer(fd, 429, extra));
	case FAKE_503:
		return (error_answer(fd, 503, ""));
	case FAKE_500:
		return (error_answer(fd, 500, ""));
	case FAKE_400:
		return (error_answer(fd, 400, ""));
	case FAKE_401:
		return (error_answer(fd, 401, ""));
	case FAKE_404:
		return (error_answer(fd, 404, ""));
	case FAKE_405:
		return (error_answer(fd, 405, ""));
	case FAKE_413:
		return (error_answer(fd, 413, ""));
	case FAKE_422:
		return (error_answer(fd, 422, ""));
	case FAKE_EARLY_422:
		(void)error_answer(fd, 422, "Connection: close\r\n");
		(void)shutdown(fd, SHUT_WR);
		wait_gone(fd);
		return (false);
	case FAKE_REDIRECT:
		(void)snprintf(extra, sizeof(extra),
		    "Location: http://127.0.0.1:%d/v1/models\r\n", fake.port);
		return (error_answer(fd, 307, extra));
	case FAKE_GARBAGE:
		return (head(fd, 200, type, 9, "") && put(fd, "not that!", 9));
	case FAKE_HTML:
		return (head(fd, 200, "text/html; charset=utf-8", 13, "") &&
		    put(fd, "<html></html>", 13));
	case FAKE_WRONG_TYPE:
		if (kind == FAKE_TTS) {
			return (head(fd, 200, "text/plain", sizeof(wav), "") &&
			    put(fd, wav, sizeof(wav)));
		}
		return (head(fd, 200, "text/plain", sizeof(TEXT) - 1, "") &&
		    put(fd, TEXT, sizeof(TEXT) - 1));
	case FAKE_WRONG_FIELDS:
		return (head(fd, 200, type, 33, "") &&
		    put(fd, "{\"text\":7,\"choices\":[{\"message\":1", 33));
	case FAKE_EMPTY:
		return (head(fd, 200, type, 0, ""));
	case FAKE_ENDLESS:
	case FAKE_BIG:
	case FAKE_BIG_500:
	case FAKE_BIG_201:
		if ((junk = calloc(1, 65536 + 16)) == NULL)
			return (false);
		memset(junk, ' ', 65536);
		if (kind == FAKE_TTS)
			memcpy(junk, wav, 44);
		chunked = mode == FAKE_ENDLESS || mode == FAKE_BIG_201;
		ok = head(fd, mode == FAKE_BIG_500 ? 500 :
		    mode == FAKE_BIG_201 ? 201 : 200, type,
		    chunked ? -1 : BIG, "");
		n = mode == FAKE_ENDLESS ? SIZE_MAX / 2 : BIG / 65536;
		for (i = 0; ok && i < n && !stopping; i++) {
			if (chunked)
				ok = put(fd, "10000\r\n", 7);
			ok = ok && put(fd, junk, 65536);
			if (chunked)
				ok = ok && put(fd, "\r\n", 2);
		}
		free(junk);
		return (false);
	case FAKE_HALF:
		(void)head(fd, 200, type, sizeof(wav), "");
		(void)put(fd, kind == FAKE_TTS ? (const void *)wav : TEXT,
		    sizeof(TEXT) - 1);
		return (false);
	case FAKE_CLOSE:
		return (false);
	case FAKE_ENDLESS_HEAD:
		ok = put(fd, "HTTP/1.1 200 OK\r\n", 17);
		while (ok && !stopping)
			ok = put(fd, "X-More: and more and more\r\n", 27);
		return (false);
	case FAKE_NOT_HTTP:
		(void)put(fd, "SSH-2.0-whatever\r\n", 18);
		return (false);
	case FAKE_ONCE_503:
	case FAKE_MODES:
		break;
	}

	return (false);
}

static bool
put_ok(int fd, int kind, bool chunked)
{
	const void	*body;
	const char	*type;
	char		line[32];
	size_t		len, n, off;

	type = "application/json; charset=utf-8";
	if (kind == FAKE_STT) {
		body = fake.mode[FAKE_STT] == FAKE_SILENCE ?
		    "{\"text\":\" \"}" : TEXT;
		len = strlen(body);
	} else if (kind == FAKE_CHAT) {
		body = REPLY;
		len = sizeof(REPLY) - 1;
	} else if (kind == FAKE_TTS) {
		body = wav;
		len = sizeof(wav);
		type = "audio/wav";
	} else {
		body = "{\"data\":[]}";
		len = 11;
	}

	if (!head(fd, 200, type, chunked ? -1 : (long)len, ""))
		return (false);
	if (!chunked)
		return (put(fd, body, len));

	for (off = 0; off < len; off += n) {
		n = len - off < 7 ? len - off : off == 0 ? 7 : len - off;
		(void)snprintf(line, sizeof(line), "%zx;ext=1\r\n", n);
		if (!put(fd, line, strlen(line)) ||
		    !put(fd, (const char *)body + off, n) ||
		    !put(fd, "\r\n", 2))
			return (false);
	}

	return (put(fd, "0\r\nTrailer: x\r\n\r\n", 17));
}

static bool
head(int fd, int status, const char *type, long len, const char *extra)
{
	char	buf[512], size[48];

	if (len < 0)
		(void)snprintf(size, sizeof(size), "Transfer-Encoding: chunked");
	else
		(void)snprintf(size, sizeof(size), "Content-Length: %ld", len);
	(void)snprintf(buf, sizeof(buf), "HTTP/1.1 %d X\r\nContent-Type: %s\r\n"
	    "%s%s\r\n\r\n", status, type, extra, size);

	return (put(fd, buf, strlen(buf)));
}

static bool
put(int fd, const void *data, size_t len)
{
	struct pollfd	p;
	const char	*s;
	ssize_t		n;

	for (s = data; len > 0; s += n, len -= (size_t)n) {
		p.fd = fd;
		p.events = POLLOUT;
		while (poll(&p, 1, 50) == 0) {
			if (stopping)
				return (false);
		}
		n = send(fd, s, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return (false);
	}

	return (true);
}

/* Until the peer closes. */
static void
wait_gone(int fd)
{
	char	buf[65536];

	while (wait_ms(fd, 60000)) {
		if (recv(fd, buf, sizeof(buf), 0) <= 0)
			return;
	}
}

static bool
wait_ms(int fd, int ms)
{
	struct pollfd	p;

	p.fd = fd;
	p.events = POLLIN;
	for (; ms > 0 && !stopping; ms -= 20) {
		if (poll(&p, 1, 20) > 0)
			return (true);
	}

	return (false);
}
