/*
 * Which key is meant, and which question is answered: renewal, or a keymgr that
 * was late, without a failed handshake.
 *
 * A worker asks Kore's keymgr for a signature by the name of a domain. When the
 * pair is renewed, there is a moment in which the keymgr has the new key and a
 * worker is in the middle of a handshake that began with the old certificate:
 * that handshake would fail. So each question carries a mark of the public key
 * it is about, in the unused rest of the domain's field, and the keymgr keeps
 * the key before the current one for a minute, for those that ask for it.
 *
 * And a number, which comes back with the answer. Kore takes whatever signature
 * comes for the one it waits for: after a question that was given up (it waits
 * for a second), each next one would get the answer to the one before it, as
 * long as there is always a next one.
 *
 * In a worker, the mark is taken down by the key's method just before Kore's
 * own is called, which sends the question (kore_msg_send). In the keymgr, the
 * keys pass by when they are loaded (kore_rsakey_load), and its callback for
 * questions is ours (kore_msg_register), which passes everything that is about
 * the current key on to Kore's; so is the callback for answers in a worker.
 */

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "edge/edge_int.h"

#define MARK_SIZE	16		/* bytes, of a SHA-256 */
#define MARK_AT		(KORE_DOMAINNAME_LEN - MARK_SIZE) /* of the field */
#define NUMBER_AT	(MARK_AT - sizeof(uint64_t))
#define OLD_KEY_MS	60000		/* how long the one before is kept */
#define SIGNATURE_MAX	1024		/* bytes */

struct kept_key {
	EVP_PKEY	*pkey;
	uint8_t		mark[MARK_SIZE];
};

static void	(*kore_asked)(struct kore_msg *, const void *);
static void	(*kore_answered)(struct kore_msg *, const void *);

/* In a worker: of the key that is about to sign; of the last question. */
static uint8_t		mark[MARK_SIZE];
static uint64_t		question;

/* In the keymgr: the number of what is being answered. */
static uint64_t		answering;
static struct kept_key	current;
static struct kept_key	before;
static uint64_t		before_until;	/* ms */

/* 0 / -1. */
static int
mark_of(EVP_PKEY *pkey, uint8_t out[MARK_SIZE])
{
	uint8_t		digest[SHA256_DIGEST_LENGTH];
	unsigned char	*der = NULL;
	int		len;

	if ((len = i2d_PUBKEY(pkey, &der)) <= 0)
		return (-1);
	(void)SHA256(der, (size_t)len, digest);
	OPENSSL_free(der);
	memcpy(out, digest, MARK_SIZE);

	return (0);
}

/* For the key's method: the mark that the next question carries. */
void
vg_keymgr_mark(const uint8_t *m)
{
	if (m != NULL)
		memcpy(mark, m, MARK_SIZE);
	else
		memset(mark, 0, MARK_SIZE);
}

/* A new mark of a key, for its lifetime: never freed, one a renewal. */
const uint8_t *
vg_keymgr_mark_new(EVP_PKEY *pkey)
{
	uint8_t	*m = kore_calloc(1, MARK_SIZE);

	if (mark_of(pkey, m) == -1)
		memset(m, 0, MARK_SIZE);
	return (m);
}

/* The question as it is sent; 0 when it cannot carry anything. */
static size_t
marked_question(uint8_t *out, const void *data, size_t len)
{
	struct kore_keyreq	req;

	if (len < sizeof(req) || len > sizeof(req) + SIGNATURE_MAX)
		return (0);
	memcpy(&req, data, sizeof(req));
	if (strnlen(req.domain, sizeof(req.domain)) >= NUMBER_AT)
		return (0);

	/* Not those of the worker before, which had another pid. */
	if (question == 0)
		question = (uint64_t)worker->pid << 32;
	question++;
	memcpy(req.domain + NUMBER_AT, &question, sizeof(question));
	memcpy(req.domain + MARK_AT, mark, MARK_SIZE);
	memcpy(out, data, len);
	memcpy(out, &req, sizeof(req));

	return (len);
}

/*
 * Once the parent's side is closed Kore would send into a connection that is
 * closed and given back, on a descriptor that may be another's by now.
 */
void
__wrap_kore_msg_send(u_int16_t dst, u_int8_t id, const void *data, size_t len)
{
	uint8_t	marked[sizeof(struct kore_keyreq) + SIGNATURE_MAX];

	if (worker->msg[1]->state == CONN_STATE_DISCONNECTING)
		return;

	if (id == KORE_MSG_KEYMGR_REQ &&
	    marked_question(marked, data, len) != 0) {
		data = marked;
	} else if (id == KORE_MSG_KEYMGR_RESP && len <= SIGNATURE_MAX) {
		memcpy(marked, data, len);
		memcpy(marked + len, &answering, sizeof(answering));
		data = marked;
		len += sizeof(answering);
	}
	__real_kore_msg_send(dst, id, data, len);
}

/* The keymgr loads a key, at the start or again. */
EVP_PKEY *
__wrap_kore_rsakey_load(const char *path)
{
	EVP_PKEY	*pkey = __real_kore_rsakey_load(path);
	struct kept_key	fresh;

	if (pkey == NULL || mark_of(pkey, fresh.mark) == -1 ||
	    EVP_PKEY_up_ref(pkey) != 1)
		return (pkey);
	fresh.pkey = pkey;

	if (current.pkey != NULL &&
	    memcmp(current.mark, fresh.mark, MARK_SIZE) == 0) {
		EVP_PKEY_free(current.pkey);
	} else {
		EVP_PKEY_free(before.pkey);
		before = current;
		before_until = kore_time_ms() + OLD_KEY_MS;
	}
	current = fresh;

	return (pkey);
}

/* As Kore's keymgr signs, but with the key before. */
static void
sign_with_old(struct kore_msg *msg, const struct kore_keyreq *req)
{
	uint8_t		out[SIGNATURE_MAX];
	unsigned int	len = 0;
	RSA		*rsa;
	EC_KEY		*ec;
	int		n;

	switch (EVP_PKEY_get_base_id(before.pkey)) {
	case EVP_PKEY_RSA:
		rsa = __wrap_EVP_PKEY_get0(before.pkey);
		if (rsa == NULL || RSA_size(rsa) > (int)sizeof(out) ||
		    req->data_len > (size_t)RSA_size(rsa))
			return;
		n = RSA_private_encrypt((int)req->data_len, req->data, out, rsa,
		    req->padding);
		if (n != RSA_size(rsa))
			return;
		len = (unsigned int)n;
		break;
	case EVP_PKEY_EC:
		ec = __wrap_EVP_PKEY_get0(before.pkey);
		if (ec == NULL || ECDSA_size(ec) > (int)sizeof(out) ||
		    req->data_len > (size_t)ECDSA_size(ec) ||
		    ECDSA_sign(0, req->data, (int)req->data_len, out, &len,
		    ec) != 1)
			return;
		break;
	default:
		return;
	}

	kore_msg_send(msg->src, KORE_MSG_KEYMGR_RESP, out, len);
}

static void
asked(struct kore_msg *msg, const void *data)
{
	const struct kore_keyreq	*req = data;

	answering = 0;
	if (msg->length >= sizeof(*req))
		memcpy(&answering, req->domain + NUMBER_AT, sizeof(answering));

	if (before.pkey != NULL && msg->length >= sizeof(*req) &&
	    msg->length == sizeof(*req) + req->data_len &&
	    memcmp(req->domain + MARK_AT, before.mark, MARK_SIZE) == 0) {
		sign_with_old(msg, req);
		return;
	}
	kore_asked(msg, data);
}

/* In a worker: late answers are to nobody. */
static void
answered(struct kore_msg *msg, const void *data)
{
	struct kore_msg	m = *msg;
	uint64_t	number;

	if (m.length < sizeof(number))
		return;
	m.length -= sizeof(number);
	memcpy(&number, (const uint8_t *)data + m.length, sizeof(number));
	if (number == question)
		kore_answered(&m, data);
}

int
__wrap_kore_msg_register(u_int8_t id,
    void (*cb)(struct kore_msg *, const void *))
{
	if (id == KORE_MSG_KEYMGR_REQ) {
		kore_asked = cb;
		cb = asked;
	} else if (id == KORE_MSG_KEYMGR_RESP) {
		kore_answered = cb;
		cb = answered;
	}
	return (__real_kore_msg_register(id, cb));
}

/* On each turn of the keymgr's loop. */
void
vg_keymgr_forget(void)
{
	if (before.pkey != NULL && kore_time_ms() >= before_until) {
		EVP_PKEY_free(before.pkey);
		memset(&before, 0, sizeof(before));
	}
}
