#ifndef TESTS_EDGE_RIG_H
#define TESTS_EDGE_RIG_H

/*
 * The rig of the door's tests: starts tests/edge/door.c (its executable is
 * $EDGE_DOOR) on a free port of 127.0.0.1, and speaks to it byte by byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RIG_WAIT_MS	30000	/* for anything that must happen */
#define RIG_RESPONSE	16384	/* bytes kept of a response */

/*
 * settings: "DOOR_X=1", ..., NULL. Fails the test when it does not serve in
 * time. One at a time.
 */
void	rig_start(const char *const *settings);
/* SIGTERM, and waits for the end; fails if anything had died before. */
void	rig_stop(void);
uint16_t rig_port(void);
uint16_t rig_redirect_port(void);
pid_t	rig_pid(void);
/* The workers' pids; how many. */
size_t	rig_workers(pid_t *, size_t max);
/*
 * The pid of a process by the title that Kore gives it, some time after it was
 * forked, but NOT; fails the test when there is none in time.
 */
pid_t	rig_process(const char *title, pid_t not);
/* The pid of a worker, by its id. */
pid_t	rig_worker(unsigned id);
/* SIGSTOP; returns when they have stopped. */
void	rig_halt(const pid_t *, size_t n);
/*
 * SIGTERM for the parent, while these workers are halted; they go on when each
 * has its own waiting for it.
 */
void	rig_end_halted(const pid_t *, size_t n);
/* VmRSS of a process, kB. */
long	rig_rss(pid_t);
/* CPU of the parent and all its children, ms. */
long	rig_cpu_ms(void);
/* Sum of a line of /counts over all workers. */
long	rig_count(const char *name);
/* Whether the line comes to have that sum in time. */
bool	rig_count_is(const char *name, long value);

/* A new connection; fails the test when there is none in time. */
int	rig_connect(void);
int	rig_connect_to(uint16_t port);
/* As another client: from 127.0.0.HOST. */
int	rig_connect_from(uint8_t host);
/* Whether the port still takes connections. */
bool	rig_is_open(void);
/* False: the peer does not take it (any more). */
bool	rig_send(int fd, const void *bytes, size_t len);
bool	rig_say(int fd, const char *text);

struct rig_response {
	int	status;		/* 0: none came before the end or the time */
	bool	close;		/* says Connection: close */
	char	head[RIG_RESPONSE];
	char	body[RIG_RESPONSE];
	size_t	body_len;	/* whole, also where not all is kept */
};

/* Interim (1xx) responses count as responses. True: a whole one came. */
bool	rig_response(int fd, struct rig_response *, bool to_head, int ms);
enum rig_end { RIG_OPEN, RIG_FIN, RIG_RESET };
/* What comes within ms besides bytes; how many of those in *bytes. */
enum rig_end	rig_end(int fd, int ms, size_t *bytes);

/* Sends, reads one response; its status, 0: none. */
int	rig_ask_on(int fd, const char *request, struct rig_response *);
/* The same on a connection of its own; the response may be NULL. */
int	rig_ask(const char *request, struct rig_response *);
void	rig_sleep_us(long);
int64_t	rig_now_us(void);

#endif
