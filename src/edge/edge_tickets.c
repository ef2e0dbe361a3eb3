/*
 * TLS session tickets: keys that all workers share and that do not live long.
 *
 * Left to OpenSSL, each worker has keys of its own, so a client that comes back
 * to another one resumes nothing; and they stay for as long as the process, so
 * that whoever reads them later can read every session of that time (with TLS
 * 1.2, that is). Here two keys, the current and the one before, lie in memory
 * that the workers share, made from the system's random source. The first to
 * find the current one too old makes the next; what a key protected is beyond
 * reach once it has been replaced twice over.
 */

#include <sys/mman.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <time.h>

#include "edge/edge_int.h"

#define NAME_SIZE	16		/* bytes, by RFC 5077 section 4 */
#define CIPHER_SIZE	32		/* bytes, AES-256 */
#define MAC_SIZE	32		/* bytes, HMAC-SHA256 */
#define ROTATE_S	7200		/* a key encrypts for two hours */
#define SESSION_S	7200		/* and a session may be resumed as long */
#define KEYS		3		/* current, the one before, being made */
#define TICKETS_13	2		/* for a full handshake, OpenSSL's own */
#define MAKING_S	5		/* more than making one takes */

struct ticket_key {
	uint8_t	name[NAME_SIZE];
	uint8_t	cipher[CIPHER_SIZE];
	uint8_t	mac[MAC_SIZE];
	int64_t	made;			/* s, monotonic; 0: none */
};

struct ring {
	_Atomic uint32_t	current;
	_Atomic int64_t		making;		/* when another may; 0: nobody is */
	struct ticket_key	key[KEYS];
};

static struct ring	*ring;

static int64_t
seconds(void)
{
	return ((int64_t)(kore_time_ms() / 1000) + 1);
}

static void
make(struct ticket_key *k)
{
	uint8_t	random[NAME_SIZE + CIPHER_SIZE + MAC_SIZE];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		fatal("getrandom: %s", errno_s);
	memcpy(k->name, random, NAME_SIZE);
	memcpy(k->cipher, random + NAME_SIZE, CIPHER_SIZE);
	memcpy(k->mac, random + NAME_SIZE + CIPHER_SIZE, MAC_SIZE);
	k->made = seconds();
	OPENSSL_cleanse(random, sizeof(random));
}

/* In the parent, before the workers. 0 / -1. */
int
vg_tickets_create(void)
{
	if (ring != NULL)
		return (0);
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED) {
		ring = NULL;
		return (-1);
	}
	(void)madvise(ring, sizeof(*ring), MADV_DONTDUMP);
	make(&ring->key[0]);
	return (0);
}

static void
rotate(void)
{
	uint32_t	current = atomic_load(&ring->current);
	uint32_t	next = (current + 1) % KEYS;
	int64_t		now = seconds(), until = atomic_load(&ring->making);

	/* A maker that was killed is waited for no longer than that. */
	if (now - ring->key[current].made < ROTATE_S || now < until ||
	    !atomic_compare_exchange_strong(&ring->making, &until,
	    now + MAKING_S))
		return;
	if (atomic_load(&ring->current) == current) {
		make(&ring->key[next]);
		atomic_store(&ring->current, next);
		/* The one that will be made next may be forgotten now. */
		OPENSSL_cleanse(&ring->key[(next + 1) % KEYS],
		    sizeof(ring->key[0]));
	}
	atomic_store(&ring->making, 0);
}

static int
keyed(const struct ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	OSSL_PARAM	params[3];
	uint8_t		key[MAC_SIZE];
	char		digest[] = "SHA256";

	memcpy(key, k->mac, sizeof(key));
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key,
	    sizeof(key));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[2] = OSSL_PARAM_construct_end();

	if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv,
	    encrypt) != 1 || EVP_MAC_CTX_set_params(mac, params) != 1)
		return (-1);
	return (1);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3) says what is returned. */
static int
ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	struct ticket_key	*k;
	uint32_t		current, i;
	int			r;

	(void)ssl;
	rotate();
	current = atomic_load(&ring->current);

	if (encrypt) {
		k = &ring->key[current];
		if (getrandom(iv, (size_t)EVP_CIPHER_get_iv_length(
		    EVP_aes_256_cbc()), 0) == -1)
			return (-1);
		memcpy(name, k->name, NAME_SIZE);
		return (keyed(k, iv, cipher, mac, 1));
	}

	for (i = 0; i < KEYS; i++) {
		k = &ring->key[i];
		if (k->made == 0 || memcmp(name, k->name, NAME_SIZE) != 0)
			continue;
		if (seconds() - k->made >= ROTATE_S + SESSION_S)
			return (0);
		if ((r = keyed(k, iv, cipher, mac, 0)) != 1)
			return (r);
		/* 2: take it, and give a new one. */
		return (i == current ? 1 : 2);
	}

	return (0);
}

void
vg_tickets_configure(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, SESSION_S);
	(void)SSL_CTX_set_num_tickets(ctx, TICKETS_13);
	if (ring == NULL ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket) == 0)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}
