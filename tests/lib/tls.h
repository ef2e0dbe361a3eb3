#ifndef TESTS_TLS_H
#define TESTS_TLS_H

/*
 * A connection to a TLS server, for a client that knows no TLS: what is written
 * to the descriptor goes out encrypted, what comes is read there in the clear.
 */

/*
 * Takes the connected TCP socket TCP over (it is closed in the end) and gives
 * the descriptor; -1 when there is none. The server must have the certificate
 * CERT (PEM), for 127.0.0.1. The handshake is made meanwhile: where it fails,
 * reading ends with nothing read, and errors stand in the test's output.
 */
int	tls_wrap(int tcp, const char *cert);

#endif
