/*
 * See load.h. Threads with blocking sockets. Nothing here fails a test: cmocka
 * cannot be told so from another thread; the sums say what went wrong.
 */

#include <sys/socket.h>
#include <sys/time.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "lib/client.h"
#include "lib/load.h"

#define ANSWER_MAX	16384	/* bytes */
#define ANSWER_S	20	/* seconds after which a request is lost */
#define STACK_SIZE	(256 * 1024)

struct lane {
	struct load		*load;
	pthread_t		thread;
	int			port;
	int			client;
	struct load_sums	sums;
};

struct load {
	struct load_plan	plan;
	atomic_bool		stop;
	struct lane		*lane;
};

long
now_us(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/* One whole answer into BUF: its status, or 0. CLOSED: there is no next one. */
static int
answer_read(int fd, char *buf, bool *closed)
{
	size_t		len = 0, want = SIZE_MAX;
	const char	*field, *end;
	ssize_t		n;

	while (len < want) {
		n = recv(fd, buf + len, ANSWER_MAX - 1 - len, 0);
		if (n <= 0)
			return (0);
		len += (size_t)n;
		buf[len] = '\0';
		if (want == SIZE_MAX && (end = strstr(buf, "\r\n\r\n")) != NULL) {
			want = (size_t)(end + 4 - buf);
			if ((field = strcasestr(buf, "\r\ncontent-length:")) != NULL)
				want += strtoul(field + 17, NULL, 10);
		}
		if (len == ANSWER_MAX - 1)
			return (0);
	}
	*closed = strcasestr(buf, "\r\nconnection: close") != NULL;
	return (strncmp(buf, "HTTP/1.1 ", 9) ? 0 : atoi(buf + 9));
}

static void
hit_add(struct load_sums *s, int client, long sent, long got, const char *text)
{
	struct load_hit	*h;
	const char	*id;

	if ((s->nhits & (s->nhits + 1)) == 0)	/* 2^n - 1: full */
		s->hit = realloc(s->hit, (2 * s->nhits + 2) * sizeof(*h));
	h = &s->hit[s->nhits++];
	h->client = client;
	h->sent_us = sent;
	h->got_us = got;
	h->session[0] = '\0';
	if ((id = strstr(text, "\"session_id\":\"")) != NULL)
		(void)snprintf(h->session, sizeof(h->session), "%.36s", id + 14);
}

static void
note(struct lane *lane, int status, long sent, const char *text)
{
	struct load_sums	*s = &lane->sums;
	long			got = now_us();

	if ((got - sent) / 1000 > s->slowest_ms)
		s->slowest_ms = (got - sent) / 1000;
	if (status >= 200 && status < 300) {
		s->admitted[lane->client]++;
		hit_add(s, lane->client, sent, got, text);
	} else if (status == 429) {
		s->refused[lane->client]++;
	} else if (status == 503) {
		s->unavailable++;
		if (s->first_503_us == 0)
			s->first_503_us = got;
		s->last_503_us = got;
	} else if (status == 0) {
		s->lost++;
	} else {
		s->other++;
	}
}

static void *
lane_main(void *arg)
{
	static const struct timeval	patience = { .tv_sec = ANSWER_S };
	struct lane			*lane = arg;
	const struct load_plan		*p = &lane->load->plan;
	char				ask[512], who[64], text[ANSWER_MAX] = "";
	bool				closed = true;
	long				sent;
	int				fd = -1, i, len, status;

	(void)snprintf(who, sizeof(who), "%s.%d", p->net, lane->client);
	for (i = 0; p->requests == 0 || i < p->requests; i++) {
		if (lane->load->stop && p->requests == 0)
			break;
		if (p->fresh)
			(void)snprintf(who, sizeof(who), "11.%d.%d.%d",
			    (int)(lane - lane->load->lane) + i / 65536 * 64,
			    i / 256 % 256, i % 256);
		len = snprintf(ask, sizeof(ask), "%s %s HTTP/1.1\r\nHost: x\r\n"
		    "X-Forwarded-For: %s\r\n%s\r\n", p->method, p->path, who,
		    strcmp(p->method, "POST") ? "" : "Content-Length: 0\r\n");
		sent = now_us();
		if (fd == -1 && (fd = client_connect(lane->port)) != -1)
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			    sizeof(patience));
		status = 0;
		if (fd != -1 && client_send(fd, ask, (size_t)len) == 0)
			status = answer_read(fd, text, &closed);
		note(lane, status, sent, text);
		if (fd != -1 && (status == 0 || closed)) {
			(void)close(fd);
			fd = -1;
		}
		if (p->pause_ms > 0)
			(void)poll(NULL, 0, p->pause_ms);
	}
	if (fd != -1)
		(void)close(fd);
	return (NULL);
}

struct load *
load_begin(const struct load_plan *plan)
{
	struct load	*l = calloc(1, sizeof(*l));
	pthread_attr_t	attr;
	int		i;

	l->plan = *plan;
	l->lane = calloc((size_t)plan->connections, sizeof(*l->lane));
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 0; i < plan->connections; i++) {
		l->lane[i].load = l;
		l->lane[i].port = plan->port[i % plan->nports];
		l->lane[i].client = plan->fresh ? 0 :
		    i / plan->nports % plan->clients;
		if (pthread_create(&l->lane[i].thread, &attr, lane_main,
		    &l->lane[i]) != 0)
			abort();
	}
	(void)pthread_attr_destroy(&attr);
	return (l);
}

static int
by_sent(const void *a, const void *b)
{
	const struct load_hit	*x = a, *y = b;

	return ((x->sent_us > y->sent_us) - (x->sent_us < y->sent_us));
}

static void
sums_add(struct load_sums *to, struct load_sums *from)
{
	int	c;

	for (c = 0; c < LOAD_CLIENTS_MAX; c++) {
		to->admitted[c] += from->admitted[c];
		to->refused[c] += from->refused[c];
	}
	to->unavailable += from->unavailable;
	to->lost += from->lost;
	to->other += from->other;
	if (from->slowest_ms > to->slowest_ms)
		to->slowest_ms = from->slowest_ms;
	if (from->first_503_us != 0 && (to->first_503_us == 0 ||
	    from->first_503_us < to->first_503_us))
		to->first_503_us = from->first_503_us;
	if (from->last_503_us > to->last_503_us)
		to->last_503_us = from->last_503_us;
	to->hit = realloc(to->hit, (to->nhits + from->nhits + 1) *
	    sizeof(*to->hit));
	if (from->nhits > 0)
		memcpy(to->hit + to->nhits, from->hit,
		    from->nhits * sizeof(*to->hit));
	to->nhits += from->nhits;
	free(from->hit);
}

void
load_end(struct load *l, struct load_sums *sums)
{
	int	i;

	memset(sums, 0, sizeof(*sums));
	l->stop = true;
	for (i = 0; i < l->plan.connections; i++) {
		(void)pthread_join(l->lane[i].thread, NULL);
		sums_add(sums, &l->lane[i].sums);
	}
	qsort(sums->hit, sums->nhits, sizeof(*sums->hit), by_sent);
	free(l->lane);
	free(l);
}

void
load_free(struct load_sums *sums)
{
	free(sums->hit);
	sums->hit = NULL;
	sums->nhits = 0;
}

void
load_run(const struct load_plan *plan, struct load_sums *sums)
{
	load_end(load_begin(plan), sums);
}
