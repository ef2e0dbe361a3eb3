/*
 * The fields that every response carries, made once and copied as one block:
 * formatting a dozen of them anew would cost more than all the rest of an answer.
 *
 * Strict-Transport-Security is sent over plain HTTP too: a browser ignores it
 * there (RFC 6797 8.1), and behind a proxy that ends TLS it is what counts.
 * X-XSS-Protection is what old scanners and old browsers ask for; the policy
 * that protects is the CSP.
 */

#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/timestamp.h"
#include "gate/gate.h"

#define RANDOM_POOL_SIZE	4096	/* bytes asked of the system at once */

/* Everything a page could ask for, off: the features that browsers know. */
#define PERMISSIONS							\
	"accelerometer=(), autoplay=(), browsing-topics=(), camera=(), "	\
	"clipboard-read=(), clipboard-write=(), compute-pressure=(), "	\
	"cross-origin-isolated=(), display-capture=(), encrypted-media=(), "	\
	"fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), "	\
	"identity-credentials-get=(), idle-detection=(), keyboard-map=(), "	\
	"local-fonts=(), magnetometer=(), microphone=(self), midi=(), "	\
	"otp-credentials=(), payment=(), picture-in-picture=(), "	\
	"publickey-credentials-create=(), publickey-credentials-get=(), "	\
	"screen-wake-lock=(), serial=(), speaker-selection=(), "	\
	"storage-access=(), usb=(), window-management=(), "		\
	"xr-spatial-tracking=()"

#define SECURITY_FIELDS							\
	"Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"	\
	"X-Frame-Options: DENY\r\n"					\
	"X-Content-Type-Options: nosniff\r\n"				\
	"X-XSS-Protection: 1; mode=block\r\n"				\
	"Referrer-Policy: strict-origin-when-cross-origin\r\n"		\
	"Permissions-Policy: " PERMISSIONS "\r\n"			\
	"Cross-Origin-Opener-Policy: same-origin\r\n"			\
	"Cross-Origin-Resource-Policy: same-origin\r\n"			\
	"X-Permitted-Cross-Domain-Policies: none\r\n"

/* RFC 9110 has no use for a page inside an answer of the API. */
#define CSP_API								\
	"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

static const char *const	blocks[VG_POLICY_COUNT] = {
	[VG_POLICY_API] = CSP_API SECURITY_FIELDS,
	/* The page's CSP holds a nonce: its route adds it. */
	[VG_POLICY_PAGE] = SECURITY_FIELDS,
};

static struct {
	bool		on;
	size_t		len[VG_POLICY_COUNT];
	time_t		second;
	size_t		date_len;
	char		date[VG_IMFDATE_SIZE + sizeof("Date: \r\n")];
	size_t		left;
	const struct kore_worker *owner;	/* whose the pool is */
	uint8_t		pool[RANDOM_POOL_SIZE];
} headers;

void
vg_headers_setup(const struct vg_settings *settings)
{
	size_t	i;

	headers.on = settings->security_headers;
	for (i = 0; i < VG_POLICY_COUNT; i++)
		headers.len[i] = strlen(blocks[i]);
}

const char *
vg_headers_policy(enum vg_policy policy, size_t *len)
{
	if (!headers.on) {
		*len = 0;
		return ("");
	}
	*len = headers.len[policy];
	return (blocks[policy]);
}

const char *
vg_headers_date(size_t *len)
{
	struct timespec	ts;
	char		text[VG_IMFDATE_SIZE];
	int		n;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	if (ts.tv_sec != headers.second || headers.date_len == 0) {
		headers.second = ts.tv_sec;
		headers.date_len = 0;
		if (vg_imfdate_format(text, sizeof(text),
		    (int64_t)ts.tv_sec * 1000000) > 0) {
			n = snprintf(headers.date, sizeof(headers.date),
			    "Date: %s\r\n", text);
			headers.date_len = (size_t)n;
		}
	}
	*len = headers.date_len;
	return (headers.date);
}

uint64_t
vg_monotonic_us(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void
vg_random(void *out, size_t len)
{
	ssize_t		n;
	uint8_t		*p = out;
	size_t		take;

	/* What the parent had left is in every worker: nobody's. */
	if (headers.owner != worker) {
		headers.owner = worker;
		headers.left = 0;
	}
	while (len > 0) {
		if (headers.left == 0) {
			n = getrandom(headers.pool, sizeof(headers.pool), 0);
			if (n == -1 && errno == EINTR)
				continue;
			if (n <= 0)
				fatal("getrandom: %s", errno_s);
			headers.left = (size_t)n;
		}
		take = len < headers.left ? len : headers.left;
		headers.left -= take;
		memcpy(p, headers.pool + headers.left, take);
		/* What was given out stays nowhere. */
		explicit_bzero(headers.pool + headers.left, take);
		p += take;
		len -= take;
	}
}

void
vg_new_id(char id[VG_UUID_SIZE])
{
	uint8_t	random[VG_UUID_BYTES];

	vg_random(random, sizeof(random));
	vg_uuid4_format(id, random);
}
