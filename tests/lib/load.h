#ifndef TESTS_LOAD_H
#define TESTS_LOAD_H

/*
 * Many connections at once, each of which asks again and again for one client,
 * as a trusted proxy would (X-Forwarded-For), and notes what it was told when.
 */

#include <stdbool.h>
#include <stddef.h>

#define LOAD_CLIENTS_MAX	16
#define LOAD_PORTS_MAX		2

struct load_plan {
	int		port[LOAD_PORTS_MAX];	/* connections take turns */
	int		nports;
	const char	*method;
	const char	*path;
	char		net[24];	/* "10.1.2": clients are 10.1.2.0, ... */
	int		clients;
	int		connections;
	int		requests;	/* of each; 0: until load_end() */
	int		pause_ms;	/* between two of one connection */
	bool		fresh;		/* a new client for each request: 11.*;
					   counted as client 0 */
};

/* One request that was let in. Microseconds of CLOCK_MONOTONIC. */
struct load_hit {
	int	client;
	long	sent_us;
	long	got_us;
	char	session[37];	/* session_id of its answer, or "" */
};

struct load_sums {
	int		admitted[LOAD_CLIENTS_MAX];	/* 2xx */
	int		refused[LOAD_CLIENTS_MAX];	/* 429 */
	int		unavailable;			/* 503 */
	int		lost;		/* no connection, or no answer on it */
	int		other;
	long		slowest_ms;	/* of all, lost ones too */
	long		first_503_us;	/* when it was there; 0: none was */
	long		last_503_us;
	struct load_hit	*hit;		/* by sent_us; load_free() */
	size_t		nhits;
};

struct load;

struct load	*load_begin(const struct load_plan *);
/* Waits for all of them (or stops them), and adds up. */
void	load_end(struct load *, struct load_sums *);
void	load_free(struct load_sums *);
/* The whole of it at once. */
void	load_run(const struct load_plan *, struct load_sums *);
long	now_us(void);

#endif
