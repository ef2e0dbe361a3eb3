/* See client.h. */

#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/client.h"
#include "lib/server.h"
#include "lib/tls.h"

#define RESPONSE_MAX	(64 * 1024 * 1024)

int
client_connect(int port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	int			fd;

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		(void)close(fd);
		return (-1);
	}
	if (getenv("TEST_TLS") != NULL)
		fd = tls_wrap(fd, getenv("TEST_TLS_CERT"));
	return (fd);
}

int
client_send(int fd, const void *bytes, size_t len)
{
	const char	*p = bytes;
	ssize_t		n;

	while (len > 0) {
		if ((n = send(fd, p, len, MSG_NOSIGNAL)) <= 0)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

static const char *
field(const char *head, const char *name)
{
	static char	value[8][8192];
	static int	turn;
	const char	*line = head, *end, *found = NULL;
	size_t		len = strlen(name);
	char		*out;

	while ((end = strstr(line, "\r\n")) != NULL) {
		line = end + 2;
		if (strncasecmp(line, name, len) || line[len] != ':')
			continue;
		if (found != NULL)
			fail_msg("%s is there twice", name);
		found = line + len + 1;
	}
	if (found == NULL)
		return (NULL);
	while (*found == ' ')
		found++;
	out = value[turn++ % 8];
	(void)snprintf(out, sizeof(value[0]), "%.*s",
	    (int)(strstr(found, "\r\n") - found), found);
	return (out);
}

const char *
response_field(const struct response *r, const char *name)
{
	const char	*value = r->head == NULL ? NULL : field(r->head, name);

	return (value == NULL ? "" : value);
}

bool
response_has(const struct response *r, const char *name)
{
	return (r->head != NULL && field(r->head, name) != NULL);
}

const char *
response_json(const struct response *r, const char *name)
{
	static char	value[4][65536];
	static int	turn;
	json_t		*root = json_loadb((const char *)r->body, r->body_len, 0,
	    NULL);
	const char	*text = json_string_value(json_object_get(root, name));
	char		*out = value[turn++ % 4];

	(void)snprintf(out, sizeof(value[0]), "%s", text == NULL ? "" : text);
	json_decref(root);
	return (out);
}

void
client_read(int fd, bool head, struct response *r)
{
	char		*buf = malloc(65536 + 1);
	size_t		size = 65536, len = 0, want = SIZE_MAX;
	long		end = now_ms() + SERVER_DEADLINE_MS;
	char		*body;
	ssize_t		n;
	struct pollfd	pfd = { .fd = fd, .events = POLLIN };

	memset(r, 0, sizeof(*r));
	while (len < want) {
		if (now_ms() > end || poll(&pfd, 1, (int)(end - now_ms())) <= 0)
			fail_msg("no response in time");
		if (len == size) {
			size *= 2;
			assert_true(size < RESPONSE_MAX);
			buf = realloc(buf, size + 1);
		}
		n = recv(fd, buf + len, size - len, 0);
		if (n <= 0) {
			r->closed = true;
			break;
		}
		len += (size_t)n;
		buf[len] = '\0';
		if (want == SIZE_MAX && (body = strstr(buf, "\r\n\r\n")) != NULL) {
			const char	*text;
			char		*copy = strndup(buf,
			    (size_t)(body - buf) + 2);

			want = (size_t)(body - buf) + 4;
			text = field(copy, "content-length");
			if (!head && text != NULL)
				want += strtoul(text, NULL, 10);
			free(copy);
		}
	}
	buf[len] = '\0';
	if ((body = strstr(buf, "\r\n\r\n")) != NULL) {
		r->head = strndup(buf, (size_t)(body - buf) + 2);
		r->body_len = len - ((size_t)(body - buf) + 4);
		r->body = malloc(r->body_len + 1);
		memcpy(r->body, body + 4, r->body_len + 1);
		(void)sscanf(buf, "HTTP/1.%*d %d", &r->status);
	}
	free(buf);
}

void
response_free(struct response *r)
{
	free(r->head);
	free(r->body);
	memset(r, 0, sizeof(*r));
}

void	(*client_watch)(const char *, const char *, const struct response *);

/* METHOD SP TARGET SP HTTP/1.x; anything else is no request line. */
static void
watch(const char *bytes, size_t len, const struct response *r)
{
	char	line[4096], method[33], target[2048];
	int	minor, end = 0;

	if (client_watch == NULL || r->status == 0)
		return;
	(void)snprintf(line, sizeof(line), "%.*s", (int)len, bytes);
	line[strcspn(line, "\r\n")] = '\0';
	if (sscanf(line, "%32[A-Z] %2047[^ ] HTTP/1.%1d%n", method, target,
	    &minor, &end) == 3 && line[end] == '\0' && target[0] == '/')
		client_watch(method, target, r);
	else if (r->status >= 400)
		client_watch(NULL, NULL, r);
}

void
client_once(int port, const void *bytes, size_t len, bool head,
    struct response *r)
{
	int	fd = client_connect(port);

	if (fd == -1)
		fail_msg("cannot connect: %s", strerror(errno));
	/* A refusal may come, and the end, before all was sent. */
	(void)client_send(fd, bytes, len);
	client_read(fd, head, r);
	(void)close(fd);
	watch(bytes, len, r);
}

void
client_ask(int port, const char *method, const char *path, const char *fields,
    struct response *r)
{
	char	text[16384];
	int	n;

	n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "%s\r\n", method, path, port, fields);
	client_once(port, text, (size_t)n, !strcmp(method, "HEAD"), r);
}

void
client_post(int port, const char *path, const char *fields, const char *type,
    const void *content, size_t len, struct response *r)
{
	char	*text = malloc(len + 16384);
	int	n;

	n = snprintf(text, 16384, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "%s%s%s%sContent-Length: %zu\r\n\r\n", path, port, fields,
	    type != NULL ? "Content-Type: " : "", type != NULL ? type : "",
	    type != NULL ? "\r\n" : "", len);
	if (len > 0)
		memcpy(text + n, content, len);
	client_once(port, text, (size_t)n + len, false, r);
	free(text);
}

uint8_t *
file_read(const char *path, size_t *len)
{
	FILE		*fp = fopen(path, "rb");
	struct stat	st;
	uint8_t		*data;

	if (fp == NULL || fstat(fileno(fp), &st) == -1)
		fail_msg("%s: %s", path, strerror(errno));
	data = malloc((size_t)st.st_size + 1);
	*len = fread(data, 1, (size_t)st.st_size, fp);
	(void)fclose(fp);
	return (data);
}

char *
voice_form(const char *session, const uint8_t *audio, size_t len,
    size_t *form_len)
{
	char	*form = malloc(len + 2048);
	size_t	n = 0;

	if (session != NULL)
		n += (size_t)sprintf(form + n, "------test7MA4YWxk\r\n"
		    "Content-Disposition: form-data; name=\"session_id\"\r\n\r\n"
		    "%s\r\n", session);
	if (audio != NULL) {
		n += (size_t)sprintf(form + n, "------test7MA4YWxk\r\n"
		    "Content-Disposition: form-data; name=\"audio\"; "
		    "filename=\"../../etc/passwd\"\r\n"
		    "Content-Type: application/octet-stream\r\n\r\n");
		memcpy(form + n, audio, len);
		n += len;
		n += (size_t)sprintf(form + n, "\r\n");
	}
	n += (size_t)sprintf(form + n, "------test7MA4YWxk--\r\n");
	*form_len = n;
	return (form);
}

void
session_new(int port, char id[37])
{
	struct response	r;

	client_post(port, "/api/session/start", "", NULL, NULL, 0, &r);
	if (r.status != 200)
		fail_msg("session start: %d %s", r.status, (char *)r.body);
	(void)snprintf(id, 37, "%s", response_json(&r, "session_id"));
	response_free(&r);
}

void
voice_make(struct voice *v, int port, const char *path, const char *fields)
{
	uint8_t	*audio;
	char	id[37];
	size_t	len;

	session_new(port, id);
	audio = file_read(path, &len);
	v->form = voice_form(id, audio, len, &v->form_len);
	free(audio);
	v->head_len = (size_t)snprintf(v->head, sizeof(v->head),
	    "POST /api/voice/process HTTP/1.1\r\nHost: x\r\n"
	    "Content-Type: " VOICE_TYPE "\r\nContent-Length: %zu\r\n%s\r\n",
	    v->form_len, fields);
}

int
voice_begin(const struct voice *v, int port, size_t part)
{
	int	fd = client_connect(port);

	assert_int_equal(client_send(fd, v->head, v->head_len), 0);
	(void)client_send(fd, v->form, part);
	return (fd);
}

void
voice_free(struct voice *v)
{
	free(v->form);
}

static const struct {
	const char	*name;
	const char	*value;
} security[] = {
	{ "strict-transport-security", "max-age=31536000; includeSubDomains" },
	{ "x-frame-options", "DENY" },
	{ "x-content-type-options", "nosniff" },
	{ "x-xss-protection", "1; mode=block" },
	{ "referrer-policy", "strict-origin-when-cross-origin" },
	{ "cross-origin-opener-policy", "same-origin" },
	{ "cross-origin-resource-policy", "same-origin" },
	{ "x-permitted-cross-domain-policies", "none" }
};

void
assert_security(const struct response *r)
{
	size_t	i;

	for (i = 0; i < sizeof(security) / sizeof(security[0]); i++)
		assert_string_equal(response_field(r, security[i].name),
		    security[i].value);
	assert_non_null(strstr(response_field(r, "permissions-policy"),
	    "microphone=(self)"));
	assert_non_null(strstr(response_field(r, "permissions-policy"),
	    "camera=()"));
	assert_true(response_has(r, "content-security-policy"));
	assert_int_equal(strlen(response_field(r, "x-request-id")), 36);
}

void
assert_no_security(const struct response *r)
{
	size_t	i;

	for (i = 0; i < sizeof(security) / sizeof(security[0]); i++)
		assert_false(response_has(r, security[i].name));
	assert_false(response_has(r, "content-security-policy"));
}

void
voice_send(int port, const char *session, const char *path,
    const char *fields, struct response *r)
{
	uint8_t	*audio;
	char	*form;
	size_t	len, form_len;

	audio = file_read(path, &len);
	form = voice_form(session, audio, len, &form_len);
	client_post(port, "/api/voice/process", fields, VOICE_TYPE, form, form_len, r);
	free(form);
	free(audio);
}
