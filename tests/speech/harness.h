/*
 * For the tests of the speech server as a whole: starts the real program on a
 * free port, asks it over real sockets, and looks at its processes from outside.
 */
#ifndef TESTS_SPEECH_HARNESS_H
#define TESTS_SPEECH_HARNESS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/patience.h"

#define REPLY_MAX	(8u * 1024u * 1024u)	/* bytes */
#define PATIENCE_MS	60000	/* the longest wait for anything */

/* How many times slower everything is: sanitizers cost. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOWNESS	5
#else
#define SLOWNESS	1
#endif

struct server {
	pid_t	pid;
	int	port;
	char	dir[64];	/* its own folder under /tmp */
	char	log[128];
};

struct reply {
	int	 status;	/* 0: the connection ended without an answer */
	char	*head;		/* status line and fields */
	char	*body;		/* NUL-terminated too */
	size_t	 len;
};

/* What a running request is, until finish(). */
struct call {
	int	 sock;
};

/* Starts the program with args (NULL ends) and waits until it is ready. */
void	server_start(struct server *s, const char *const args[]);
/* SIGTERM, and wait; returns the exit code (128 + signal). */
int	server_stop(struct server *s);
/* Waits for the process to end by itself. */
int	server_wait(struct server *s);
/* Runs the program to its end; its log goes to out. The exit code. */
int	program_run(const char *const args[], char *out, size_t size);
/* The whole log so far; to be freed. */
char	*server_log(const struct server *s);

/* Sends a request as it is; finish() reads the answer. */
struct call	 call_start(const struct server *s, const void *data, size_t len);
struct reply	 call_finish(struct call c);
void		 reply_free(struct reply *r);

/* The usual requests, whole. */
struct reply	get(const struct server *s, const char *path);
struct reply	post_json(const struct server *s, const char *path,
		    const char *json);
struct call	transcribe_start(const struct server *s, const void *file,
		    size_t len, const char *fields);
struct reply	transcribe(const struct server *s, const void *file, size_t len,
		    const char *fields);
struct reply	transcribe_file(const struct server *s, const char *name,
		    const char *fields);

/* A fixture of the folder $SPEECH_FIXTURES; to be freed. */
char	*fixture(const char *name, size_t *len);

/* Children of `parent` whose name is `comm` (NULL: all); how many, into pids. */
size_t	children(pid_t parent, const char *comm, pid_t *pids, size_t max);
/* 1 when the process exists and is no zombie. */
int	alive(pid_t pid);
/* A line of /proc/pid/status, without its name; "" when there is none. */
void	proc_status(pid_t pid, const char *name, char *out, size_t size);

long long	now_ms(void);
/* Sleeps a few milliseconds; 0 once PATIENCE_MS have passed since start. */
int	patience(long long start);

#endif
