/*
 * TLS at the door, with an OpenSSL client: versions, ciphers, key types,
 * tickets, renewal, and what must be refused. $EDGE_CERTS is a folder with
 * ec.pem, ec.key, rsa.pem, rsa.key for localhost (tests/edge/certs.sh).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cmocka.h>

#include "edge/rig.h"

#define REQUEST	"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define ROUNDS	20
#define THREADS	4	/* shaking hands at once */
#define HANDSHAKES	150	/* of each */
#define NAME_LEN	249	/* bytes of a long server name */
#define LEAK_KB		400	/* a leaked name a handshake: over 600 */
#define FLOOD		120	/* connections of one client */

static char	cert[512], key[512], set_cert[600], set_key[600];
static const char	*settings[] = {
	set_cert, set_key, "DOOR_REDIRECT=1", "DOOR_HANDSHAKE_MS=700", NULL
};
static const char	*few[] = { set_cert, set_key, "DOOR_PER_CLIENT=8", NULL };

static const char *
certs(void)
{
	const char	*dir = getenv("EDGE_CERTS");

	assert_non_null(dir);
	return (dir);
}

static void
copy(const char *from, const char *to)
{
	char	path[600], tmp[600], buf[16384];
	FILE	*in, *out;
	size_t	n;

	(void)snprintf(path, sizeof(path), "%s/%s", certs(), from);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", to);
	assert_non_null(in = fopen(path, "r"));
	assert_non_null(out = fopen(tmp, "w"));
	n = fread(buf, 1, sizeof(buf), in);
	assert_int_equal(fwrite(buf, 1, n, out), n);
	(void)fclose(in);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(rename(tmp, to), 0);
}

static void
use_pair(const char *type)
{
	char	name[32];

	(void)snprintf(name, sizeof(name), "%s.key", type);
	copy(name, key);
	(void)snprintf(name, sizeof(name), "%s.pem", type);
	copy(name, cert);
}

/* Done, or NULL. */
static SSL *
shake(SSL_CTX *ctx, int *fd, SSL_SESSION *session)
{
	SSL	*ssl = SSL_new(ctx);
	char	name[] = "localhost";

	assert_non_null(ssl);
	*fd = rig_connect();
	(void)SSL_set_fd(ssl, *fd);
	(void)SSL_set_tlsext_host_name(ssl, name);
	if (session != NULL)
		(void)SSL_set_session(ssl, session);
	if (SSL_connect(ssl) == 1)
		return (ssl);
	SSL_free(ssl);
	(void)close(*fd);
	return (NULL);
}

static bool
ask(SSL *ssl, const char *request, const char *want)
{
	char	buf[4096] = "";
	int	n, len = 0;

	if (SSL_write(ssl, request, (int)strlen(request)) <= 0)
		return (false);
	while ((size_t)len + 1 < sizeof(buf) && strstr(buf, want) == NULL &&
	    (n = SSL_read(ssl, buf + len, (int)sizeof(buf) - 1 - len)) > 0) {
		len += n;
		buf[len] = '\0';
	}
	return (strstr(buf, want) != NULL);
}

static SSL_CTX *
context(int version)
{
	SSL_CTX	*ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	(void)SSL_CTX_set_min_proto_version(ctx, version);
	(void)SSL_CTX_set_max_proto_version(ctx, version);
	return (ctx);
}

static void
wait_for_type(int type)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	int64_t	until = rig_now_us() + RIG_WAIT_MS * 1000;
	SSL	*ssl;
	X509	*peer;
	int	fd, got, same = 0;

	/* Both workers have it, to all appearance. */
	while (same < 10) {
		assert_true(rig_now_us() < until);
		assert_non_null(ssl = shake(ctx, &fd, NULL));
		peer = SSL_get1_peer_certificate(ssl);
		got = EVP_PKEY_get_base_id(X509_get0_pubkey(peer));
		X509_free(peer);
		SSL_free(ssl);
		(void)close(fd);
		same = (got == type) ? same + 1 : 0;
	}
	SSL_CTX_free(ctx);
}

static int
start(const char *const *set)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(cert, sizeof(cert), "%s/current.pem", certs());
	(void)snprintf(key, sizeof(key), "%s/current.key", certs());
	(void)snprintf(set_cert, sizeof(set_cert), "DOOR_CERT=%s", cert);
	(void)snprintf(set_key, sizeof(set_key), "DOOR_KEY=%s", key);
	use_pair("ec");
	rig_start(set);
	/* The workers get the certificate from the keymgr, after they start. */
	for (int i = 0; i < 100; i++) {
		SSL_CTX	*ctx = context(TLS1_3_VERSION);
		int	fd;
		SSL	*ssl = shake(ctx, &fd, NULL);

		SSL_CTX_free(ctx);
		if (ssl != NULL) {
			SSL_free(ssl);
			(void)close(fd);
			wait_for_type(EVP_PKEY_EC);
			return (0);
		}
		rig_sleep_us(50000);
	}
	return (-1);
}

static int
setup(void **state)
{
	(void)state;
	return (start(settings));
}

static int
setup_few(void **state)
{
	(void)state;
	return (start(few));
}

static int
teardown(void **state)
{
	(void)state;
	rig_stop();
	return (0);
}

static void
both_versions_and_key_types(void **state)
{
	static const int	versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const char	*const types[] = { "rsa", "ec" };
	SSL_CTX	*ctx;
	SSL	*ssl;
	size_t	i, j;
	int	fd;

	(void)state;
	for (i = 0; i < 2; i++) {
		use_pair(types[i]);
		assert_int_equal(kill(rig_pid(), SIGHUP), 0);
		wait_for_type(i == 0 ? EVP_PKEY_RSA : EVP_PKEY_EC);
		for (j = 0; j < 2; j++) {
			ctx = context(versions[j]);
			assert_non_null(ssl = shake(ctx, &fd, NULL));
			assert_true(ask(ssl, REQUEST, "\r\n\r\nok"));
			assert_true(ask(ssl, REQUEST, "\r\n\r\nok"));
			SSL_free(ssl);
			SSL_CTX_free(ctx);
			(void)close(fd);
		}
	}
}

static void
old_versions_and_ciphers_are_refused(void **state)
{
	static const char	*const ciphers[] = {
		"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
		"ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"
	};
	SSL_CTX	*ctx = context(TLS1_1_VERSION);
	size_t	i;
	int	fd;

	(void)state;
	SSL_CTX_set_security_level(ctx, 0);
	assert_null(shake(ctx, &fd, NULL));
	SSL_CTX_free(ctx);
	for (i = 0; i < 4; i++) {
		ctx = context(TLS1_2_VERSION);
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, ciphers[i]), 1);
		assert_null(shake(ctx, &fd, NULL));
		SSL_CTX_free(ctx);
	}
}

static void
alpn_knows_http1_alone(void **state)
{
	static const unsigned char	both[] =
					    "\x02h2\x08http/1.0\x08http/1.1";
	static const unsigned char	old[] = "\x08http/1.0";
	static const unsigned char	h2[] = "\x02h2";
	const unsigned char		*got;
	unsigned int			len;
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	SSL	*ssl;
	int	fd;

	(void)state;
	(void)SSL_CTX_set_alpn_protos(ctx, both, sizeof(both) - 1);
	assert_non_null(ssl = shake(ctx, &fd, NULL));
	SSL_get0_alpn_selected(ssl, &got, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(got, "http/1.1", 8);
	SSL_free(ssl);
	(void)close(fd);
	(void)SSL_CTX_set_alpn_protos(ctx, old, sizeof(old) - 1);
	assert_non_null(ssl = shake(ctx, &fd, NULL));
	SSL_get0_alpn_selected(ssl, &got, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(got, "http/1.0", 8);
	assert_true(ask(ssl, "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n",
	    "\r\n\r\nok"));
	SSL_free(ssl);
	(void)close(fd);
	(void)SSL_CTX_set_alpn_protos(ctx, h2, sizeof(h2) - 1);
	assert_null(shake(ctx, &fd, NULL));
	SSL_CTX_free(ctx);
}

static void
sessions_resume_at_any_worker(void **state)
{
	SSL_CTX		*ctx = context(TLS1_2_VERSION);
	SSL_SESSION	*session;
	SSL		*ssl;
	int		fd, i;

	(void)state;
	assert_non_null(ssl = shake(ctx, &fd, NULL));
	assert_non_null(session = SSL_get1_session(ssl));
	/* Without it OpenSSL takes the session for a bad one. */
	(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	(void)close(fd);
	for (i = 0; i < ROUNDS; i++) {
		assert_non_null(ssl = shake(ctx, &fd, session));
		assert_int_equal(SSL_session_reused(ssl), 1);
		(void)SSL_shutdown(ssl);
		SSL_free(ssl);
		(void)close(fd);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
}

static void
host_of_another_name_is_misdirected(void **state)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	SSL	*ssl;
	int	fd;

	(void)state;
	assert_non_null(ssl = shake(ctx, &fd, NULL));
	assert_true(ask(ssl, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n",
	    "HTTP/1.1 421 "));
	SSL_free(ssl);
	(void)close(fd);
	SSL_CTX_free(ctx);
}

static void
renewal_fails_no_handshake(void **state)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	SSL	*old, *ssl;
	int64_t	next = 0;
	int	fd, old_fd, i, done = 0;

	(void)state;
	assert_non_null(old = shake(ctx, &old_fd, NULL));
	for (i = 0; i < ROUNDS;) {
		if (rig_now_us() > next) {
			use_pair(i % 2 == 0 ? "rsa" : "ec");
			assert_int_equal(kill(rig_pid(), SIGHUP), 0);
			next = rig_now_us() + 150000;
			i++;
		}
		assert_non_null(ssl = shake(ctx, &fd, NULL));
		assert_true(ask(ssl, REQUEST, "\r\n\r\nok"));
		SSL_free(ssl);
		(void)close(fd);
		done++;
	}
	print_message("%d renewals, %d handshakes\n", ROUNDS, done);
	assert_true(ask(old, REQUEST, "\r\n\r\nok"));
	SSL_free(old);
	(void)close(old_fd);
	SSL_CTX_free(ctx);
	use_pair("ec");
	assert_int_equal(kill(rig_pid(), SIGHUP), 0);
	wait_for_type(EVP_PKEY_EC);
}

static void
pair_that_fails_is_not_taken(void **state)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	FILE	*fp;
	SSL	*ssl;
	int	fd, i;

	(void)state;
	for (i = 0; i < 3; i++) {
		if (i == 0)
			copy("rsa.pem", cert);
		else if (i == 1)
			assert_int_equal(unlink(cert), 0);
		else {
			assert_non_null(fp = fopen(cert, "w"));
			(void)fputs("-----BEGIN CERTIFICATE-----\nAAAA\n", fp);
			(void)fclose(fp);
		}
		assert_int_equal(kill(rig_pid(), SIGHUP), 0);
		rig_sleep_us(200000);
		assert_non_null(ssl = shake(ctx, &fd, NULL));
		assert_true(ask(ssl, REQUEST, "\r\n\r\nok"));
		SSL_free(ssl);
		(void)close(fd);
	}
	SSL_CTX_free(ctx);
	use_pair("ec");
}

static bool
shakes(SSL_CTX *ctx)
{
	SSL	*ssl;
	int	fd;

	if ((ssl = shake(ctx, &fd, NULL)) == NULL)
		return (false);
	SSL_free(ssl);
	(void)close(fd);
	return (true);
}

static void *
shake_often(void *arg)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	long	*failed = arg;
	int	i;

	for (i = 0; i < HANDSHAKES; i++) {
		if (!shakes(ctx)) {
			ERR_print_errors_fp(stderr);
			(*failed)++;
		}
	}
	SSL_CTX_free(ctx);
	return (NULL);
}

/* None fails, whichever worker has it and however many there are at once. */
static void
assert_handshakes(void)
{
	pthread_t	thread[THREADS];
	long		failed[THREADS] = { 0 };
	int		i;

	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, shake_often,
		    &failed[i]), 0);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(failed[i], 0);
	}
}

/* Ended by force, or told to end as an operator's mistake would. */
static void
the_keymgr_comes_back(void **state)
{
	static const int	with[] = { SIGKILL, SIGTERM };
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	pid_t	pid = rig_process("[keymgr]", 0);
	int64_t	until;
	size_t	i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(kill(pid, with[i]), 0);
		pid = rig_process("[keymgr]", pid);
		/* What is asked in between waits for a second, and fails. */
		until = rig_now_us() + RIG_WAIT_MS * 1000;
		while (!shakes(ctx))
			assert_true(rig_now_us() < until);
		assert_handshakes();
	}
	SSL_CTX_free(ctx);
}

/* A new worker gets each answer of the keymgr once, and its own. */
static void
handshakes_are_right_after_workers_died(void **state)
{
	pid_t	pid[2];
	int	i;

	(void)state;
	for (i = 0; i < 3; i++) {
		pid[0] = rig_process("[wrk 1]", 0);
		pid[1] = rig_process("[wrk 2]", 0);
		assert_int_equal(kill(pid[0], SIGKILL), 0);
		assert_int_equal(kill(pid[1], SIGKILL), 0);
		(void)rig_process("[wrk 1]", pid[0]);
		(void)rig_process("[wrk 2]", pid[1]);
	}
	wait_for_type(EVP_PKEY_EC);
	assert_handshakes();
}

static void *
shake_once(void *arg)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	int	*reason = arg;

	ERR_clear_error();
	*reason = shakes(ctx) ? 0 : ERR_GET_REASON(ERR_peek_error());
	SSL_CTX_free(ctx);
	return (NULL);
}

/*
 * A keymgr that was away for longer than a worker waits answers everything in
 * the end: what comes too late is not taken for the answer to another question.
 */
static void
late_answers_are_to_nobody(void **state)
{
	pthread_t	thread[2 * THREADS];
	int		reason[2 * THREADS];
	pid_t		pid = rig_process("[keymgr]", 0);
	int		i;

	(void)state;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, shake_once,
		    &reason[i]), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (; i < 2 * THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, shake_once,
		    &reason[i]), 0);
	rig_sleep_us(200000);	/* these wait, too; if not, nothing is late */
	assert_int_equal(kill(pid, SIGCONT), 0);
	for (i = THREADS; i < 2 * THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (i = 0; i < 2 * THREADS; i++)
		assert_int_not_equal(reason[i], SSL_R_BAD_SIGNATURE);
	assert_handshakes();
}

static void
slow_handshake_ends(void **state)
{
	int	fd = rig_connect();

	(void)state;
	assert_true(rig_send(fd, "\x16\x03\x01\x02", 4));
	assert_int_not_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_OPEN);
	(void)close(fd);
	fd = rig_connect();
	assert_true(rig_say(fd, REQUEST));
	assert_int_not_equal(rig_end(fd, RIG_WAIT_MS, NULL), RIG_OPEN);
	(void)close(fd);
}

/* kB, of all children of the door. */
static long
workers_rss(void)
{
	pid_t	pid[8];
	size_t	i, n = rig_workers(pid, 8);
	long	sum = 0;

	for (i = 0; i < n; i++)
		sum += rig_rss(pid[i]);
	return (sum);
}

static void *
shake_twice(void *arg)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	char	name[NAME_LEN + 1];
	SSL	*ssl;
	int	fd, i;

	(void)arg;
	memset(name, 'a', NAME_LEN);
	name[NAME_LEN] = '\0';
	for (i = 1; i < 5; i++)
		name[i * 50] = '.';
	/* The first is the one whose key comes along: it will not do. */
	if (SSL_CTX_set1_groups_list(ctx, "P-521:P-256") != 1)
		fail();
	for (i = 0; i < 4 * HANDSHAKES; i++) {
		ssl = SSL_new(ctx);
		fd = rig_connect();
		(void)SSL_set_fd(ssl, fd);
		(void)SSL_set_tlsext_host_name(ssl, name);
		(void)SSL_connect(ssl);
		SSL_free(ssl);
		(void)close(fd);
	}
	SSL_CTX_free(ctx);
	return (NULL);
}

static void
a_second_hello_costs_no_memory(void **state)
{
	pthread_t	thread[THREADS];
	long		before = 0;
	int		i, round;

	(void)state;
	/* The first round fills what is kept for reuse. */
	for (round = 0; round < 2; round++) {
		before = workers_rss();
		for (i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL,
			    shake_twice, NULL), 0);
		for (i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	print_message("%d handshakes: %ld kB more\n", 4 * HANDSHAKES * THREADS,
	    workers_rss() - before);
	assert_true(workers_rss() - before < LEAK_KB);
}

/* Two requests in one write, in one record or in two: the second is surplus. */
static void
surplus_is_the_same_however_records_are_cut(void **state)
{
	static const char	both[] = REQUEST REQUEST;
	char	flight[8192], buf[4096];
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	BIO	*out;
	SSL	*ssl;
	size_t	cut;
	int	fd, n, len, answers, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		cut = i == 0 ? sizeof(both) - 1 : sizeof(REQUEST) - 1;
		assert_non_null(ssl = shake(ctx, &fd, NULL));
		/* What is written from now on is kept, to be sent as one. */
		assert_non_null(out = BIO_new(BIO_s_mem()));
		SSL_set0_wbio(ssl, out);
		assert_true(SSL_write(ssl, both, (int)cut) > 0);
		if (cut < sizeof(both) - 1)
			assert_true(SSL_write(ssl, both + cut,
			    (int)(sizeof(both) - 1 - cut)) > 0);
		n = BIO_read(out, flight, sizeof(flight));
		assert_true(n > 0 && rig_send(fd, flight, (size_t)n));
		for (len = 0; (n = SSL_read(ssl, buf + len,
		    (int)sizeof(buf) - 1 - len)) > 0;)
			len += n;
		assert_int_equal(SSL_get_error(ssl, n), SSL_ERROR_ZERO_RETURN);
		buf[len] = '\0';
		assert_non_null(strstr(buf, "connection: close\r\n"));
		for (answers = 0, len = 0; buf[len] != '\0'; len++)
			answers += strncmp(buf + len, "HTTP/1.1 200", 12) == 0;
		assert_int_equal(answers, 1);
		SSL_free(ssl);
		(void)close(fd);
	}
	SSL_CTX_free(ctx);
}

/*
 * A client that holds more connections than it may and never shakes hands on
 * them: the others are served, and it has them for less than a handshake's time.
 */
static void
silent_connections_over_a_limit_cost_no_other(void **state)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	SSL	*ssl;
	int	flood[FLOOD], fd, i;

	(void)state;
	for (i = 0; i < FLOOD; i++)
		flood[i] = rig_connect();
	for (i = 0; i < ROUNDS; i++) {
		ssl = SSL_new(ctx);
		fd = rig_connect_from((uint8_t)(10 + i));
		(void)SSL_set_fd(ssl, fd);
		assert_int_equal(SSL_connect(ssl), 1);
		assert_true(ask(ssl, "GET /health HTTP/1.1\r\nHost: a.test\r\n"
		    "\r\n", "\r\n\r\nok"));
		SSL_free(ssl);
		(void)close(fd);
	}
	/* One that is told, or would be. */
	assert_int_not_equal(rig_end(flood[24], 5000, NULL), RIG_OPEN);
	for (i = 0; i < FLOOD; i++)
		(void)close(flood[i]);
	SSL_CTX_free(ctx);
}

static void
plain_http_is_told_what_is_spoken(void **state)
{
	struct rig_response	r;
	size_t			more;
	int			fd = rig_connect();

	(void)state;
	assert_true(rig_say(fd, REQUEST));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	assert_true(r.close);
	assert_int_equal(rig_end(fd, RIG_WAIT_MS, &more), RIG_FIN);
	assert_int_equal(more, 0);
	(void)close(fd);
}

/* The keymgr signs as long as a worker drains. */
static void
the_backlog_is_told_over_tls_too(void **state)
{
	SSL_CTX	*ctx = context(TLS1_3_VERSION);
	SSL	*ssl;
	pid_t	pid = rig_pid(), wrk[2];
	int	fd[THREADS], i, status;

	(void)state;
	for (i = 0; i < 2; i++)
		wrk[i] = rig_worker((unsigned)i + 1);
	rig_halt(wrk, 2);
	for (i = 0; i < THREADS; i++)
		fd[i] = rig_connect();
	rig_end_halted(wrk, 2);
	for (i = 0; i < THREADS; i++) {
		ssl = SSL_new(ctx);
		(void)SSL_set_fd(ssl, fd[i]);
		assert_int_equal(SSL_connect(ssl), 1);
		/* 503, or 200 where the signal came in between. */
		assert_true(ask(ssl, "GET /health HTTP/1.1\r\nHost: a.test\r\n"
		    "\r\n", "\r\n\r\n"));
		SSL_free(ssl);
		(void)close(fd[i]);
	}
	SSL_CTX_free(ctx);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
plain_port_redirects(void **state)
{
	struct rig_response	r;
	char			want[128];
	int			fd = rig_connect_to(rig_redirect_port());

	(void)state;
	assert_true(rig_say(fd, "GET /a/b?c=d HTTP/1.1\r\n"
	    "Host: a.test:80\r\n\r\n"));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 308);
	(void)snprintf(want, sizeof(want),
	    "Location: https://a.test:%u/a/b?c=d\r\n", rig_port());
	assert_non_null(strstr(r.head, want));
	(void)close(fd);

	fd = rig_connect_to(rig_redirect_port());
	assert_true(rig_say(fd, "GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n"));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	(void)close(fd);
	fd = rig_connect_to(rig_redirect_port());
	assert_true(rig_say(fd, "GET / HTTP/1.0\r\n\r\n"));
	assert_true(rig_response(fd, &r, false, RIG_WAIT_MS));
	assert_int_equal(r.status, 400);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_and_key_types),
		cmocka_unit_test(old_versions_and_ciphers_are_refused),
		cmocka_unit_test(alpn_knows_http1_alone),
		cmocka_unit_test(sessions_resume_at_any_worker),
		cmocka_unit_test(host_of_another_name_is_misdirected),
		cmocka_unit_test(renewal_fails_no_handshake),
		cmocka_unit_test(pair_that_fails_is_not_taken),
		cmocka_unit_test(the_keymgr_comes_back),
		cmocka_unit_test(handshakes_are_right_after_workers_died),
		cmocka_unit_test(late_answers_are_to_nobody),
		cmocka_unit_test(slow_handshake_ends),
		cmocka_unit_test(surplus_is_the_same_however_records_are_cut),
		cmocka_unit_test(a_second_hello_costs_no_memory),
		cmocka_unit_test(plain_http_is_told_what_is_spoken),
		cmocka_unit_test(plain_port_redirects)
	};
	const struct CMUnitTest limited[] = {
		cmocka_unit_test(silent_connections_over_a_limit_cost_no_other)
	};
	const struct CMUnitTest last[] = {
		cmocka_unit_test(the_backlog_is_told_over_tls_too)
	};
	int	failed;

	failed = cmocka_run_group_tests(tests, setup, teardown);
	failed += cmocka_run_group_tests(limited, setup_few, teardown);
	return (failed + cmocka_run_group_tests(last, setup, NULL));
}
