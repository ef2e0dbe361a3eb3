/*
 * See tls.h. One thread a connection stands between a socket pair and the TCP
 * socket. Each way it holds no more than one buffer, so a client that does not
 * read still stops the server, and neither way waits for the other.
 */

#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/tls.h"

#define CHUNK	16384		/* bytes: one TLS record */
#define STACK	(128 * 1024)	/* bytes, of a thread */

struct way {
	char	buf[CHUNK];
	size_t	from, to;	/* what of it is still to be handed on */
};

struct tunnel {
	int		plain;	/* our end of the pair */
	int		tcp;
	SSL		*ssl;
	bool		deaf;	/* the server takes nothing more */
	bool		over;
	struct way	up;	/* to the server */
	struct way	down;
};

static SSL_CTX		*context;
static pthread_once_t	once = PTHREAD_ONCE_INIT;
static const char	*trusted;

static void
make_context(void)
{
	if ((context = SSL_CTX_new(TLS_client_method())) == NULL ||
	    SSL_CTX_load_verify_locations(context, trusted, NULL) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static bool
is_empty(const struct way *w)
{
	return (w->from == w->to);
}

/* Whether a call of OpenSSL's that gave N has merely to be made again. */
static bool
again(struct tunnel *t, int n)
{
	int	error = SSL_get_error(t->ssl, n);

	ERR_clear_error();
	return (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
}

static void
upwards(struct tunnel *t)
{
	ssize_t	n;
	int	sent;

	if (is_empty(&t->up)) {
		n = recv(t->plain, t->up.buf, CHUNK, MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			t->over = true;		/* the client closed */
		if (n <= 0)
			return;
		t->up.from = 0;
		t->up.to = (size_t)n;
	}
	/* An answer may still be there to be read when sending failed. */
	if (t->deaf) {
		t->up.from = t->up.to;
		return;
	}
	sent = SSL_write(t->ssl, t->up.buf + t->up.from,
	    (int)(t->up.to - t->up.from));
	if (sent > 0)
		t->up.from += (size_t)sent;
	else
		t->deaf = !again(t, sent);
}

static void
downwards(struct tunnel *t)
{
	ssize_t	n;
	int	got;

	if (is_empty(&t->down)) {
		if ((got = SSL_read(t->ssl, t->down.buf, CHUNK)) <= 0) {
			t->over = !again(t, got);
			return;
		}
		t->down.from = 0;
		t->down.to = (size_t)got;
	}
	n = send(t->plain, t->down.buf + t->down.from,
	    t->down.to - t->down.from, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		t->over = true;
	if (n > 0)
		t->down.from += (size_t)n;
}

static void
wait_for_either(struct tunnel *t)
{
	struct pollfd	pfd[2] = { { .fd = t->plain }, { .fd = t->tcp } };

	if (is_empty(&t->up))
		pfd[0].events |= POLLIN;
	else if (!t->deaf)
		pfd[1].events |= POLLOUT;
	if (is_empty(&t->down))
		pfd[1].events |= POLLIN;
	else
		pfd[0].events |= POLLOUT;
	if (pfd[1].events == 0)
		pfd[1].fd = -1;		/* else its end would be told for ever */
	/* What TLS has decrypted already no poll(2) tells of. */
	(void)poll(pfd, 2, is_empty(&t->down) && SSL_pending(t->ssl) > 0 ?
	    0 : -1);
}

static void *
tunnel_run(void *arg)
{
	struct tunnel	*t = arg;
	sigset_t	pipe;

	/* OpenSSL writes with write(2); a server that was killed is no end of ours. */
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	if (SSL_connect(t->ssl) != 1) {
		ERR_print_errors_fp(stderr);
		t->over = true;
	}
	(void)fcntl(t->tcp, F_SETFL, O_NONBLOCK);
	while (!t->over) {
		upwards(t);
		if (!t->over)
			downwards(t);
		if (!t->over)
			wait_for_either(t);
	}
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	(void)close(t->plain);
	(void)close(t->tcp);
	SSL_free(t->ssl);
	free(t);
	return (NULL);
}

int
tls_wrap(int tcp, const char *cert)
{
	struct tunnel	*t = calloc(1, sizeof(*t));
	pthread_attr_t	attr;
	pthread_t	thread;
	int		pair[2];

	trusted = cert;
	(void)pthread_once(&once, make_context);
	if (t == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair) == -1) {
		free(t);
		(void)close(tcp);
		return (-1);
	}
	t->plain = pair[1];
	t->tcp = tcp;
	if ((t->ssl = SSL_new(context)) == NULL ||
	    SSL_set_fd(t->ssl, tcp) != 1 || X509_VERIFY_PARAM_set1_ip_asc(
	    SSL_get0_param(t->ssl), "127.0.0.1") != 1)
		exit(1);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK);
	if (pthread_create(&thread, &attr, tunnel_run, t) != 0)
		exit(1);
	(void)pthread_attr_destroy(&attr);
	return (pair[0]);
}
