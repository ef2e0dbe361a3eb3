/*
 * Full TLS handshakes, one request each: handshakes PORT PATH THREADS SECONDS.
 * No session is ever offered again. Prints one line of JSON.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define THREADS_MAX	64

static struct sockaddr_in	server;
static char			request[512];
static SSL_CTX			*context;
static double			end_s;
static atomic_ulong		done, failed, resumed;

static double
now_s(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* 0 when an answer came. */
static int
once(void)
{
	char	answer[8192];
	SSL	*ssl = NULL;
	int	fd, one = 1, result = -1;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == -1)
		goto out;
	if ((ssl = SSL_new(context)) == NULL || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_connect(ssl) != 1)
		goto out;
	if (SSL_session_reused(ssl))
		atomic_fetch_add(&resumed, 1);
	if (SSL_write(ssl, request, (int)strlen(request)) <= 0)
		goto out;
	if (SSL_read(ssl, answer, sizeof(answer)) > 12 &&
	    !memcmp(answer, "HTTP/1.1 200", 12))
		result = 0;
out:
	SSL_free(ssl);
	(void)close(fd);
	return (result);
}

static void *
work(void *unused)
{
	(void)unused;
	while (now_s() < end_s)
		atomic_fetch_add(once() == 0 ? &done : &failed, 1);
	return (NULL);
}

int
main(int argc, char *argv[])
{
	pthread_t	thread[THREADS_MAX];
	double		began;
	int		i, n;

	if (argc != 5 || (n = atoi(argv[3])) < 1 || n > THREADS_MAX) {
		fprintf(stderr, "usage: handshakes port path threads seconds\n");
		return (64);
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%s\r\nConnection: close\r\n\r\n", argv[2], argv[1]);
	if ((context = SSL_CTX_new(TLS_client_method())) == NULL)
		return (70);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	began = now_s();
	end_s = began + atof(argv[4]);
	for (i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, work, NULL) != 0)
			return (70);
	for (i = 0; i < n; i++)
		(void)pthread_join(thread[i], NULL);
	printf("{\"requests\":%lu,\"failed\":%lu,\"resumed\":%lu,\"seconds\":%.3f}\n",
	    atomic_load(&done), atomic_load(&failed), atomic_load(&resumed),
	    now_s() - began);
	return (0);
}
