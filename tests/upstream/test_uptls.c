/*
 * Whom we talk to over TLS: only whoever a CA of ours vouches for, by the name
 * that was asked for; nobody else sees a byte of a request.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "koreshim.h"
#include "upstream/client.h"

#define DAY	86400L	/* seconds */

struct identity {
	EVP_PKEY	*key;
	X509		*cert;
};

static struct identity	ca, other_ca;
static char		ca_file[] = "/tmp/vg-uptls-XXXXXX";
static SSL_CTX		*server;
static pthread_t	thread;
static int		listener, port;
static _Atomic int	stopping;
static _Atomic unsigned	requests;

static void
identity_make(struct identity *id, const char *cn, const char *san,
    const struct identity *issuer, long begins, long ends)
{
	X509_EXTENSION	*e;
	X509V3_CTX	ctx;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_non_null(id->key);
	assert_non_null(id->cert);
	(void)X509_set_version(id->cert, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(id->cert), rand());
	(void)X509_gmtime_adj(X509_getm_notBefore(id->cert), begins);
	(void)X509_gmtime_adj(X509_getm_notAfter(id->cert), ends);
	(void)X509_set_pubkey(id->cert, id->key);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	(void)X509_set_issuer_name(id->cert, X509_get_subject_name(
	    issuer != NULL ? issuer->cert : id->cert));
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer != NULL ? issuer->cert : id->cert,
	    id->cert, NULL, NULL, 0);
	e = san != NULL ?
	    X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, san) :
	    X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
	    "critical,CA:TRUE");
	assert_non_null(e);
	(void)X509_add_ext(id->cert, e, -1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(id->cert, issuer != NULL ? issuer->key : id->key,
	    EVP_sha256()) > 0);
}

static void
identity_free(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

static void
serve_as(const struct identity *issuer, const char *san, long begins,
    long ends)
{
	struct identity	id;

	identity_make(&id, "server", san, issuer, begins, ends);
	assert_int_equal(SSL_CTX_use_certificate(server, id.cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server, id.key), 1);
	identity_free(&id);
	requests = 0;
}

static void *
serve(void *arg)
{
	static const char	answer[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Type: application/json\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\n{}";
	struct pollfd	p;
	SSL		*ssl;
	char		buf[4096];
	int		fd;

	(void)arg;
	p.fd = listener;
	p.events = POLLIN;
	while (!stopping) {
		if (poll(&p, 1, 20) <= 0 ||
		    (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
			continue;
		ssl = SSL_new(server);
		(void)SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1 &&
		    SSL_read(ssl, buf, sizeof(buf)) > 0) {
			requests++;
			(void)SSL_write(ssl, answer, sizeof(answer) - 1);
			(void)SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		(void)close(fd);
	}

	return (NULL);
}

struct end {
	bool			done;
	enum vg_up_error	error;
	bool			unsent;
};

static void
on_end(const struct vg_call_result *r, void *arg)
{
	struct end	*e;

	e = arg;
	e->done = true;
	e->error = r->error;
	e->unsent = r->unsent;
}

static struct end
call(const char *host)
{
	struct vg_call_spec	spec;
	struct end		e;
	char			url[128];

	memset(&spec, 0, sizeof(spec));
	memset(&e, 0, sizeof(e));
	(void)snprintf(url, sizeof(url), "https://%s:%d/v1/models", host, port);
	spec.url = url;
	spec.key = "sk-secret";
	spec.get = true;
	spec.upload.fd = -1;
	spec.out_fd = -1;
	spec.answer_max = 1024;
	spec.timeout_ms = 5000;
	assert_non_null(vg_call_start(&spec, on_end, &e));
	assert_true(shim_run(&e.done, 7000));

	return (e);
}

static void
a_server_that_our_ca_vouches_for_is_talked_to(void **unused)
{
	(void)unused;
	serve_as(&ca, "DNS:localhost", -DAY, DAY);
	assert_int_equal(call("localhost").error, VG_UP_OK);
	assert_int_equal(requests, 1);
}

static void
another_ca_is_not_believed_and_not_tried_again(void **unused)
{
	struct end	e;

	(void)unused;
	serve_as(&other_ca, "DNS:localhost", -DAY, DAY);
	e = call("localhost");
	assert_int_equal(e.error, VG_UP_UNREACHABLE);
	assert_false(e.unsent);
	assert_int_equal(requests, 0);
}

static void
another_name_is_not_believed(void **unused)
{
	(void)unused;
	serve_as(&ca, "DNS:example.test", -DAY, DAY);
	assert_int_equal(call("localhost").error, VG_UP_UNREACHABLE);
	serve_as(&ca, "DNS:localhost", -DAY, DAY);
	assert_int_equal(call("127.0.0.1").error, VG_UP_UNREACHABLE);
	assert_int_equal(requests, 0);
}

static void
an_expired_certificate_is_not_believed(void **unused)
{
	(void)unused;
	serve_as(&ca, "DNS:localhost", -2 * DAY, -DAY);
	assert_int_equal(call("localhost").error, VG_UP_UNREACHABLE);
	assert_int_equal(requests, 0);
}

static void
without_any_ca_nobody_is_believed(void **unused)
{
	(void)unused;
	serve_as(&ca, "DNS:localhost", -DAY, DAY);
	vg_trust_free();
	assert_int_equal(call("localhost").error, VG_UP_UNREACHABLE);
	assert_int_equal(requests, 0);
	assert_int_equal(vg_trust_load("/nonexistent/ca.pem"), -1);
	assert_false(vg_trust_loaded());
	assert_int_equal(vg_trust_load(ca_file), 0);
}

static int
start(void **unused)
{
	struct sockaddr_in	sin;
	socklen_t		len;
	FILE			*f;
	int			fd;

	(void)unused;
	(void)signal(SIGPIPE, SIG_IGN);
	identity_make(&ca, "our CA", NULL, NULL, -DAY, DAY);
	identity_make(&other_ca, "another CA", NULL, NULL, -DAY, DAY);
	if ((fd = mkstemp(ca_file)) == -1 || (f = fdopen(fd, "w")) == NULL)
		return (-1);
	(void)PEM_write_X509(f, ca.cert);
	(void)fclose(f);

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	len = sizeof(sin);
	if ((listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(listener, (struct sockaddr *)&sin, len) == -1 ||
	    listen(listener, 16) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		return (-1);
	port = ntohs(sin.sin_port);

	shim_init();
	if ((server = SSL_CTX_new(TLS_server_method())) == NULL ||
	    pthread_create(&thread, NULL, serve, NULL) != 0 ||
	    curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK ||
	    vg_trust_load(ca_file) == -1 || vg_client_init() == -1)
		return (-1);

	return (0);
}

static int
stop(void **unused)
{
	(void)unused;
	vg_client_cleanup();
	vg_trust_free();
	stopping = 1;
	(void)pthread_join(thread, NULL);
	(void)close(listener);
	SSL_CTX_free(server);
	identity_free(&ca);
	identity_free(&other_ca);
	(void)unlink(ca_file);
	shim_cleanup();

	return (0);
}

/* A client that remembers no session: each test verifies anew. */
static int
fresh(void **unused)
{
	(void)unused;
	vg_client_cleanup();

	return (vg_client_init());
}

#define T(name)	cmocka_unit_test_setup(name, fresh)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(a_server_that_our_ca_vouches_for_is_talked_to),
		T(another_ca_is_not_believed_and_not_tried_again),
		T(another_name_is_not_believed),
		T(an_expired_certificate_is_not_believed),
		T(without_any_ca_nobody_is_believed),
	};

	return (cmocka_run_group_tests_name("uptls", tests, start, stop));
}
