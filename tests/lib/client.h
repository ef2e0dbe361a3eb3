#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

/* A client that sends exactly the bytes a test wants, and reads one response. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct response {
	int	status;		/* 0: the connection ended without one */
	char	*head;		/* NUL-terminated, owned */
	uint8_t	*body;		/* NUL-terminated beyond body_len, owned */
	size_t	body_len;
	bool	closed;		/* the server closed after it */
};

/* A connection to 127.0.0.1, over TLS where TEST_TLS is set; or -1. */
int	client_connect(int port);
/* All of it; 0 / -1. */
int	client_send(int fd, const void *bytes, size_t len);
/*
 * One whole response within the deadline of server.h. HEAD: the request was
 * one, no content follows. Free it.
 */
void	client_read(int fd, bool head, struct response *);
void	response_free(struct response *);
/*
 * Called, unless NULL, with each response of client_once() and of what is made
 * of it, and the request line's method and target; METHOD NULL: it had none.
 */
extern void	(*client_watch)(const char *method, const char *target,
	    const struct response *);
/* One request on a connection of its own. */
void	client_once(int port, const void *bytes, size_t len, bool head,
	    struct response *);
/* GET, HEAD, ... without content; FIELDS: whole lines, or "". */
void	client_ask(int port, const char *method, const char *path,
	    const char *fields, struct response *);
/* POST of TYPE. */
void	client_post(int port, const char *path, const char *fields,
	    const char *type, const void *content, size_t len,
	    struct response *);
/* The value of a field ("" when absent); fails when it is there twice. */
const char *response_field(const struct response *, const char *name);
bool	response_has(const struct response *, const char *name);
/* A string of the JSON content ("" when it is none). */
const char *response_json(const struct response *, const char *name);

/*
 * The contract's security headers, but for the CSP, which differs: each as it
 * must be; and none of them, the CSP neither.
 */
void	assert_security(const struct response *);
void	assert_no_security(const struct response *);

/* A whole file; fails the test when it is not there. Free it. */
uint8_t	*file_read(const char *path, size_t *len);
/* multipart/form-data with session_id and audio; free it. */
char	*voice_form(const char *session, const uint8_t *audio, size_t len,
	    size_t *form_len);
#define VOICE_TYPE	"multipart/form-data; boundary=----test7MA4YWxk"
/* Starts a session; its id. */
void	session_new(int port, char id[37]);
/* A voice message that is sent in pieces. */
struct voice {
	char	head[512];
	size_t	head_len;
	char	*form;		/* owned */
	size_t	form_len;
};
/* Of a fresh session and a file; FIELDS: further lines of its head, or "". */
void	voice_make(struct voice *, int port, const char *path,
	    const char *fields);
/* Sends its head and PART bytes of its content: the connection. */
int	voice_begin(const struct voice *, int port, size_t part);
void	voice_free(struct voice *);
/* Sends a file as a voice message. */
void	voice_send(int port, const char *session, const char *path,
	    const char *fields, struct response *);

#endif
