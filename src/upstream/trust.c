/*
 * Whom we trust to say who a provider is.
 *
 * The CA bundle is read in the parent, before chroot takes the file out of
 * reach. It is parsed there too, once: given to libcurl as a blob it would be
 * parsed again for every connection, which costs the event loop some tens of
 * milliseconds each time. All connections of all workers share the parsed
 * store (each worker a copy of the pages, which stay unwritten).
 */

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "upstream/client.h"

static CURLcode	on_context(CURL *, void *, void *);

static X509_STORE	*store;

int
vg_trust_load(const char *file)
{
	X509_STORE	*s;

	if ((s = X509_STORE_new()) == NULL)
		return (-1);

	/* As libcurl would: a certificate in the bundle needs no issuer there. */
	if (X509_STORE_load_file(s, file) != 1 ||
	    X509_STORE_set_flags(s, X509_V_FLAG_PARTIAL_CHAIN |
	    X509_V_FLAG_TRUSTED_FIRST) != 1) {
		X509_STORE_free(s);
		return (-1);
	}

	vg_trust_free();
	store = s;

	return (0);
}

bool
vg_trust_loaded(void)
{
	return (store != NULL);
}

void
vg_trust_free(void)
{
	X509_STORE_free(store);
	store = NULL;
}

int
vg_trust_apply(CURL *easy)
{
	if (curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) !=
	    CURLE_OK)
		return (-1);

	return (0);
}

static CURLcode
on_context(CURL *easy, void *ctx, void *arg)
{
	(void)easy;
	(void)arg;

	/* With no store at all nobody is trusted: libcurl's own is empty. */
	if (store != NULL)
		SSL_CTX_set1_cert_store(ctx, store);

	return (CURLE_OK);
}
