/*
 * An alert on its way to the operator's receiver: one POST of JSON, signed as
 * the Standard Webhooks specification has it, so that the receiver can verify
 * it with a library. The id is the alert's own and the same at each attempt:
 * a receiver that saw it already knows. Redirects are not followed, the answer's
 * content is not read.
 *
 * When to try again is the caller's to decide: what is under way here is lost
 * with the process, and the alert is not.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base64.h"
#include "upstream/client.h"

#define TIMEOUT_MS	10000	/* milliseconds, for all of it */
#define ANSWER_MAX	65536	/* bytes; nobody reads them */
#define SECRET_PREFIX	"whsec_"
#define SECRET_MAX	256	/* bytes */
#define BASE64_MAX	64	/* of a SHA-256, and to spare */

struct sending {
	vg_webhook_cb	cb;
	void		*arg;
};

static void
sent(const struct vg_call_result *result, void *arg)
{
	struct sending	*s = arg;

	s->cb(s->arg, result->status >= 200 && result->status < 300,
	    result->status == 410, result->retry_after_s);
	free(s);
}

/* The bytes of the secret: what stands behind whsec_ in base64, or its text. */
static int
secret_bytes(uint8_t *out, size_t size, const char *secret)
{
	const char	*text = secret + sizeof(SECRET_PREFIX) - 1;
	size_t		len;

	if (strncmp(secret, SECRET_PREFIX, sizeof(SECRET_PREFIX) - 1) != 0) {
		if ((len = strlen(secret)) > size)
			return (-1);
		memcpy(out, secret, len);
		return ((int)len);
	}
	/* The settings have been checked: it is. */
	if (VG_BASE64_BYTES(strlen(text)) > size ||
	    vg_base64_decode(out, &len, text, strlen(text)) == -1)
		return (-1);
	return ((int)len);
}

/* "v1," and base64 of HMAC-SHA256 over "id.timestamp.payload". */
static int
sign(char out[BASE64_MAX], const char *secret, const char *id,
    const char *payload, int64_t now_s)
{
	uint8_t		key[SECRET_MAX], mac[EVP_MAX_MD_SIZE];
	unsigned	maclen = 0;
	char		*text = NULL;
	int		keylen, n, ret = -1;

	if ((keylen = secret_bytes(key, sizeof(key), secret)) < 1)
		goto out;
	if ((n = asprintf(&text, "%s.%lld.%s", id, (long long)now_s,
	    payload)) == -1) {
		text = NULL;
		goto out;
	}
	if (HMAC(EVP_sha256(), key, keylen, (const unsigned char *)text,
	    (size_t)n, mac, &maclen) == NULL)
		goto out;
	memcpy(out, "v1,", 3);
	vg_base64_encode(out + 3, mac, maclen);
	ret = 0;
out:
	explicit_bzero(key, sizeof(key));
	free(text);
	return (ret);
}

bool
vg_webhook_ready(const char *url)
{
	return (strncasecmp(url, "https:", 6) != 0 || vg_trust_loaded());
}

int
vg_webhook_send(const char *url, const char *secret, const char *id,
    const char *payload, int64_t now_s, vg_webhook_cb cb, void *arg)
{
	struct vg_call_spec	spec;
	struct sending		*s;
	char			signature[BASE64_MAX], line[3][160];
	const char		*lines[4];

	if (sign(signature, secret, id, payload, now_s) == -1)
		return (-1);
	(void)snprintf(line[0], sizeof(line[0]), "webhook-id: %s", id);
	(void)snprintf(line[1], sizeof(line[1]), "webhook-timestamp: %lld",
	    (long long)now_s);
	(void)snprintf(line[2], sizeof(line[2]), "webhook-signature: %s",
	    signature);
	lines[0] = line[0];
	lines[1] = line[1];
	lines[2] = line[2];
	lines[3] = NULL;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	s->cb = cb;
	s->arg = arg;
	memset(&spec, 0, sizeof(spec));
	spec.url = url;
	spec.key = "";
	spec.json = payload;
	spec.lines = lines;
	spec.upload.fd = -1;
	spec.out_fd = -1;
	spec.answer_max = ANSWER_MAX;
	spec.timeout_ms = TIMEOUT_MS;
	if (vg_call_start(&spec, sent, s) == NULL) {
		free(s);
		return (-1);
	}
	return (0);
}
