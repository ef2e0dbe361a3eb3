#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

/*
 * The real gateway for a test: its own port, folders and (as wanted) database,
 * on the PostgreSQL and the speech server that tests/run.sh started.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "patience.h"
#include "port.h"

#define SERVER_DEADLINE_MS	60000	/* for whatever is waited for */

struct server {
	pid_t	pid;
	int	port;
	char	dir[256];		/* VAR */
	char	database[256];		/* URL */
	char	log[300];		/* its standard error */
};

/* A fresh database with the schema; its URL into URL. Fails the test if not. */
void	database_create(char *url, size_t size);
/* Brings an empty database's schema up. */
void	database_migrate(const char *url);
/* One value of one SQL statement ("" for NULL or no row); fails on errors. */
void	database_value(const char *url, const char *sql, char *out, size_t size);
long	database_long(const char *url, const char *sql);

/*
 * Starts the gateway with ENV ("NAME=VALUE", ends with NULL; NULL: none) on top
 * of what a test needs, waits until it is ready. DATABASE NULL: a fresh one.
 * Fails the test when it does not start.
 */
void	server_start(struct server *, const char *database,
	    const char *const *env);
/* Once more after its end, with the same port, folders and database. */
void	server_again(struct server *, const char *const *env);
/* TERM, waits; fails the test unless it ends with 0 and no worker died. */
void	server_stop(struct server *);
/* The same of one whose workers were killed on purpose. */
void	server_stop_hurt(struct server *);
/* Its workers' pids (at most MAX), and how many there are. */
int	server_workers(const struct server *, pid_t *pids, int max);
/* The pid of the process that has the TLS key; 0: there is none. */
pid_t	server_keymgr(const struct server *);
/* KILL to the whole process group, as a crash would. */
void	server_kill(struct server *);
/* Runs the binary with ARGS until it ends: exit status, and what it said. */
int	server_run(const char *const *args, const char *const *env, char *out,
	    size_t size);
/* Files in a folder below VAR ("uploads", "audio"). */
int	server_files(const struct server *, const char *folder);
/* How many lines of its log hold TEXT, and whether one does. */
int	server_log_lines(const struct server *, const char *text);
bool	server_logged(const struct server *, const char *text);
/* Waits for that. */
bool	eventually_logged(const struct server *, const char *text);
/* Entries of /proc/PID/fd, and a value in kB of /proc/PID/status ("VmRSS:"). */
int	process_descriptors(pid_t);
long	process_memory(pid_t, const char *name);

/* The processes whose parent is PARENT: how many, at most MAX, into PID. */
int	children_of(pid_t parent, pid_t *pid, int max);
/* Waits until CHECK(ARG) is true, at most SERVER_DEADLINE_MS: whether it was. */
bool	eventually(bool (*check)(void *), void *arg);
long	now_ms(void);

#endif
