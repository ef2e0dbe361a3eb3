/*
 * The cipher of kept texts.
 *
 * Each text has a nonce of its own, 96 random bits: with one key, 2^32 texts
 * keep the chance that two are alike below 2^-32 (SP 800-38D, 8.3). The tag
 * covers the text and its place (session, turn, field; core/sealed.c), so that
 * neither a byte nor a row can be changed without its being seen. A key is
 * known by the beginning of a hash that has a name of its own: the id tells
 * nothing of the key, and is no hash that anything else uses.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "core/logesc.h"
#include "store/seal.h"

#define ID_DOMAIN	"voicegate transcript key id v1"
#define ID_BYTES	8
#define REPLACEMENT	"\xef\xbf\xbd"	/* U+FFFD */

static int	key_id(char [VG_SEAL_ID_SIZE], const uint8_t *);
static char	*clean(const char *, size_t *);
static int	encrypt(const uint8_t *, const struct vg_sealed_place *,
		    uint8_t *, const uint8_t *, size_t);
static enum vg_seal_result decrypt(const uint8_t *,
		    const struct vg_sealed_place *, const struct vg_sealed *,
		    uint8_t *);

int
vg_seal_init(struct vg_seal_ring *ring, const char *setting, const char **why)
{
	size_t	i;

	vg_seal_clear(ring);
	if (vg_textkeys_parse(&ring->keys, setting != NULL ? setting : "",
	    why) == -1) {
		vg_seal_clear(ring);
		return (-1);
	}
	for (i = 0; i < ring->keys.count; i++) {
		if (key_id(ring->id[i], ring->keys.key[i]) == -1) {
			*why = "cannot be used: libcrypto refuses SHA-256";
			vg_seal_clear(ring);
			return (-1);
		}
	}
	return (0);
}

void
vg_seal_clear(struct vg_seal_ring *ring)
{
	explicit_bzero(ring, sizeof(*ring));
}

const char *
vg_seal_id(const struct vg_seal_ring *ring)
{
	return (ring->keys.count > 0 ? ring->id[0] : NULL);
}

enum vg_seal_result
vg_seal_text(const struct vg_seal_ring *ring,
    const struct vg_sealed_place *place, const char *text, char **out)
{
	enum vg_seal_result	ret = VG_SEAL_FAILED;
	uint8_t			*raw = NULL;
	char			*plain;
	size_t			len;

	*out = NULL;
	if (ring->keys.count == 0)
		return (VG_SEAL_NO_KEY);
	if ((plain = clean(text, &len)) == NULL)
		goto out;
	if (len > VG_SEALED_TEXT_MAX ||
	    (raw = malloc(VG_SEALED_NONCE + len + VG_SEALED_TAG)) == NULL ||
	    encrypt(ring->keys.key[0], place, raw, (const uint8_t *)plain,
	    len) == -1 || (*out = malloc(vg_sealed_size(len))) == NULL)
		goto out;
	vg_sealed_write(*out, raw, len);
	ret = VG_SEAL_OK;
out:
	free(raw);
	vg_seal_forget(plain);
	return (ret);
}

enum vg_seal_result
vg_seal_open(const struct vg_seal_ring *ring, const char *id,
    const struct vg_sealed_place *place, const char *stored, char **out)
{
	enum vg_seal_result	ret;
	struct vg_sealed	sealed;
	uint8_t			*raw, *plain = NULL;
	size_t			i, n = strlen(stored);

	*out = NULL;
	for (i = 0; i < ring->keys.count; i++) {
		if (!strcmp(ring->id[i], id))
			break;
	}
	if (i == ring->keys.count)
		return (VG_SEAL_NO_KEY);
	if ((raw = malloc(n + 1)) == NULL)
		return (VG_SEAL_FAILED);
	ret = VG_SEAL_ALTERED;
	if (vg_sealed_read(&sealed, raw, stored, n) == -1)
		goto out;
	ret = VG_SEAL_FAILED;
	if ((plain = malloc(sealed.len + 1)) == NULL)
		goto out;
	plain[sealed.len] = '\0';
	ret = decrypt(ring->keys.key[i], place, &sealed, plain);
	if (ret != VG_SEAL_OK) {
		/* What came out of a false tag is nobody's. */
		explicit_bzero(plain, sealed.len);
		goto out;
	}
	*out = (char *)plain;
	plain = NULL;
out:
	free(plain);
	free(raw);
	return (ret);
}

void
vg_seal_forget(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static int
key_id(char out[VG_SEAL_ID_SIZE], const uint8_t *key)
{
	uint8_t		in[sizeof(ID_DOMAIN) + VG_TEXTKEY_BYTES];
	uint8_t		sum[SHA256_DIGEST_LENGTH];
	size_t		i;
	int		ok;

	/* The NUL parts the two. */
	memcpy(in, ID_DOMAIN, sizeof(ID_DOMAIN));
	memcpy(in + sizeof(ID_DOMAIN), key, VG_TEXTKEY_BYTES);
	ok = EVP_Digest(in, sizeof(in), sum, NULL, EVP_sha256(), NULL);
	explicit_bzero(in, sizeof(in));
	if (ok != 1)
		return (-1);
	for (i = 0; i < ID_BYTES; i++)
		(void)snprintf(out + i * 2, 3, "%02x", sum[i]);
	return (0);
}

/* A copy in valid UTF-8 (RFC 3629), as PostgreSQL would have it. */
static char *
clean(const char *text, size_t *len)
{
	uint32_t	code;
	size_t		left = strlen(text), n, at = 0;
	char		*copy;

	if ((copy = malloc(left * (sizeof(REPLACEMENT) - 1) + 1)) == NULL)
		return (NULL);
	for (; left > 0; text += n, left -= n) {
		if ((n = vg_utf8_char(text, left, &code)) > 0) {
			memcpy(copy + at, text, n);
			at += n;
			continue;
		}
		n = 1;
		memcpy(copy + at, REPLACEMENT, sizeof(REPLACEMENT) - 1);
		at += sizeof(REPLACEMENT) - 1;
	}
	copy[at] = '\0';
	*len = at;
	return (copy);
}

/* RAW: nonce, ciphertext, tag. */
static int
encrypt(const uint8_t *key, const struct vg_sealed_place *place, uint8_t *raw,
    const uint8_t *plain, size_t len)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		context[VG_SEALED_CONTEXT];
	size_t		ncontext;
	int		n, ret = -1;

	if (vg_sealed_context(context, &ncontext, place) == -1 ||
	    (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (-1);
	arc4random_buf(raw, VG_SEALED_NONCE);
	if (EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, raw) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &n, context, (int)ncontext) == 1 &&
	    EVP_EncryptUpdate(ctx, raw + VG_SEALED_NONCE, &n, plain,
	    (int)len) == 1 && (size_t)n == len &&
	    EVP_EncryptFinal_ex(ctx, raw + VG_SEALED_NONCE + len, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, VG_SEALED_TAG,
	    raw + VG_SEALED_NONCE + len) == 1)
		ret = 0;
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}

static enum vg_seal_result
decrypt(const uint8_t *key, const struct vg_sealed_place *place,
    const struct vg_sealed *sealed, uint8_t *plain)
{
	enum vg_seal_result	ret = VG_SEAL_FAILED;
	EVP_CIPHER_CTX		*ctx;
	uint8_t			context[VG_SEALED_CONTEXT];
	uint8_t			tag[VG_SEALED_TAG];
	size_t			ncontext;
	int			n;

	if (vg_sealed_context(context, &ncontext, place) == -1)
		return (VG_SEAL_ALTERED);
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (VG_SEAL_FAILED);
	memcpy(tag, sealed->tag, sizeof(tag));
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key,
	    sealed->nonce) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, context, (int)ncontext) != 1 ||
	    EVP_DecryptUpdate(ctx, plain, &n, sealed->text,
	    (int)sealed->len) != 1 || (size_t)n != sealed->len ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, VG_SEALED_TAG,
	    tag) != 1)
		goto out;
	ret = EVP_DecryptFinal_ex(ctx, plain + sealed->len, &n) == 1 ?
	    VG_SEAL_OK : VG_SEAL_ALTERED;
out:
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}
