/*
 * TLS. The private key lives in Kore's keymgr process alone; workers ask it for
 * signatures. Three things of Kore's do not do with OpenSSL 3 what they should,
 * and are mended here: SSL_CTX_use_PrivateKey() got a key whose method was set
 * on a copy; the method for EC keys has no function for the kind of signature
 * that TLS asks for; and EVP_PKEY_get0() no longer gives the key inside. And one
 * forgets: the server's name is kept anew for each ClientHello, of which a
 * handshake has two when the client's first key share will not do.
 *
 * What a context allows is set after Kore has made it: TLS 1.2 and 1.3, ECDHE
 * with AEAD alone, the server's order except that a client without AES hardware
 * gets ChaCha20, X25519, P-256 and P-384, no renegotiation, no compression.
 * ALPN knows http/1.1, and http/1.0 for clients that offer no better; one that
 * offers only other protocols is refused (RFC 7301 section 3.2).
 */

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "edge/edge_int.h"

#define CIPHERS_12	"ECDHE-ECDSA-AES128-GCM-SHA256:"	\
			"ECDHE-RSA-AES128-GCM-SHA256:"		\
			"ECDHE-ECDSA-AES256-GCM-SHA384:"	\
			"ECDHE-RSA-AES256-GCM-SHA384:"		\
			"ECDHE-ECDSA-CHACHA20-POLY1305:"	\
			"ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13	"TLS_AES_128_GCM_SHA256:"		\
			"TLS_AES_256_GCM_SHA384:"		\
			"TLS_CHACHA20_POLY1305_SHA256"

/* Not const: OpenSSL's macros cast that away. */
static char	groups[] = "X25519:P-256:P-384";
static char	sigalgs[] =
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
	"RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
	"RSA+SHA256:RSA+SHA384:RSA+SHA512";

/* Ours are preferred in this order. */
static const unsigned char	alpn_http[] = "\x08http/1.1\x08http/1.0";

static int	ec_index = -1;
static int	rsa_index = -1;
static int	(*kore_rsa_sign)(int, const unsigned char *, unsigned char *, RSA *,
		    int);
static ECDSA_SIG	*(*kore_ec_sign)(const unsigned char *, int,
			    const BIGNUM *, const BIGNUM *, EC_KEY *);

static int
alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg)
{
	(void)ssl;
	(void)arg;

	/* With no overlap it would point at ours. */
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen,
	    alpn_http, sizeof(alpn_http) - 1, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return (SSL_TLSEXT_ERR_ALERT_FATAL);
	return (SSL_TLSEXT_ERR_OK);
}

/* RFC 8446 section 4.1.2: called for both ClientHellos of a handshake. */
static int
server_name(SSL *ssl, int *alert, void *arg)
{
	struct connection	*c = SSL_get_ex_data(ssl, 0);

	if (c != NULL) {
		kore_free(c->tls_sni);
		c->tls_sni = NULL;
	}
	return (kore_tls_sni_cb(ssl, alert, arg));
}

/* Kore made the domain's context anew: at the start, and for a renewed pair. */
void
vg_tls_configure(struct kore_domain *dom)
{
	SSL_CTX	*ctx = dom->ssl_ctx;

	if (ctx == NULL)
		return;

	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);

	if (SSL_CTX_set_cipher_list(ctx, CIPHERS_12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, CIPHERS_13) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
	    SSL_CTX_set1_sigalgs_list(ctx, sigalgs) != 1)
		fatalx("cannot configure TLS: %s", ssl_errno_s);

	SSL_CTX_set_alpn_select_cb(ctx, alpn, NULL);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, server_name);
	vg_tickets_configure(ctx);
}

/* An EC signature as TLS wants it, DER, from Kore's (which asks the keymgr). */
static int
ec_sign(int type, const unsigned char *digest, int len, unsigned char *out,
    unsigned int *outlen, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	ECDSA_SIG	*sig;
	int		n;

	(void)type;
	vg_keymgr_mark(EC_KEY_get_ex_data(ec, ec_index));
	if ((sig = kore_ec_sign(digest, len, kinv, r, ec)) == NULL)
		return (0);
	n = i2d_ECDSA_SIG(sig, &out);
	ECDSA_SIG_free(sig);
	if (n <= 0)
		return (0);
	*outlen = (unsigned int)n;
	return (1);
}

/* The keymgr signs; it has to know with which key. */
static int
rsa_sign(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
    int padding)
{
	vg_keymgr_mark(RSA_get_ex_data(rsa, rsa_index));
	return (kore_rsa_sign(len, from, to, rsa, padding));
}

static int
rsa_mend(RSA *rsa, const uint8_t *mark)
{
	static RSA_METHOD	*method;

	if (method == NULL) {
		rsa_index = RSA_get_ex_new_index(0, NULL, NULL, NULL, NULL);
		kore_rsa_sign = RSA_meth_get_priv_enc(RSA_get_method(rsa));
		if (rsa_index == -1 || kore_rsa_sign == NULL ||
		    (method = RSA_meth_dup(RSA_get_method(rsa))) == NULL)
			return (0);
		(void)RSA_meth_set_priv_enc(method, rsa_sign);
	}

	return (RSA_set_method(rsa, method) &&
	    RSA_set_ex_data(rsa, rsa_index, (void *)(uintptr_t)mark));
}

/* Kore's method on the key becomes OpenSSL's with both kinds of signing. */
static int
ec_mend(EC_KEY *ec, const uint8_t *mark)
{
	static EC_KEY_METHOD	*method;
	int	(*sign)(int, const unsigned char *, int, unsigned char *,
		    unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
	int	(*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

	if (method == NULL) {
		ec_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
		EC_KEY_METHOD_get_sign(EC_KEY_get_method(ec), &sign, &setup,
		    &kore_ec_sign);
		if (ec_index == -1 || kore_ec_sign == NULL ||
		    (method = EC_KEY_METHOD_new(EC_KEY_OpenSSL())) == NULL)
			return (0);
		EC_KEY_METHOD_set_sign(method, ec_sign, NULL, kore_ec_sign);
	}

	return (EC_KEY_set_method(ec, method) &&
	    EC_KEY_set_ex_data(ec, ec_index, (void *)(uintptr_t)mark));
}

/*
 * Kore set its method on the key that EVP_PKEY_get1_*() gave it: a copy. Made
 * into a key of its own, that copy carries the method on.
 */
int
__wrap_SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *pkey)
{
	const uint8_t	*mark;
	EVP_PKEY	*fresh;
	RSA		*rsa;
	EC_KEY		*ec;
	int		ok = 0;

	if ((fresh = EVP_PKEY_new()) == NULL)
		return (0);
	mark = vg_keymgr_mark_new(pkey);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		if ((rsa = EVP_PKEY_get1_RSA(pkey)) != NULL) {
			ok = rsa_mend(rsa, mark) &&
			    EVP_PKEY_set1_RSA(fresh, rsa);
			RSA_free(rsa);
		}
		break;
	case EVP_PKEY_EC:
		if ((ec = EVP_PKEY_get1_EC_KEY(pkey)) != NULL) {
			ok = ec_mend(ec, mark) &&
			    EVP_PKEY_set1_EC_KEY(fresh, ec);
			EC_KEY_free(ec);
		}
		break;
	default:
		break;
	}

	if (ok == 1)
		ok = __real_SSL_CTX_use_PrivateKey(ctx, fresh);
	EVP_PKEY_free(fresh);

	return (ok);
}

/* The keymgr's: the key inside, by its type. */
void *
__wrap_EVP_PKEY_get0(const EVP_PKEY *pkey)
{
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return ((void *)(uintptr_t)EVP_PKEY_get0_RSA(pkey));
	case EVP_PKEY_EC:
		return ((void *)(uintptr_t)EVP_PKEY_get0_EC_KEY(pkey));
	default:
		return (NULL);
	}
}

void
__wrap_kore_domain_tlsinit(struct kore_domain *dom, int type, const void *data,
    size_t len)
{
	/* Kore insists on DH parameters; no cipher above uses them. */
	if (tls_dhparam == NULL)
		tls_dhparam = DH_new_by_nid(NID_ffdhe2048);

	__real_kore_domain_tlsinit(dom, type, data, len);
	vg_tls_configure(dom);
	/*
	 * A new pair may come while a handshake waits for the keymgr, on top of
	 * SSL_accept(): the end of the PEM data, an error to OpenSSL, would be
	 * taken for the handshake's.
	 */
	ERR_clear_error();
	vg_accept_certified();
}
