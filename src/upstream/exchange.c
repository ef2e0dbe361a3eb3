/*
 * One question to one provider, asked as often as it takes.
 *
 * Around the single call of client.c stand, from the outside in: the deadline
 * of whoever asks, the breaker that all workers share, the provider's keys, and
 * the retries of backoff.c. Each attempt asks the breaker anew and reports to
 * it, so that a retry never goes to a provider which was found dead meanwhile;
 * the caller is then told how the last attempt ended, not that there was none.
 *
 * A key that is refused (401, 403) gives way to the next one, for all workers
 * and for good, and the call is made again at once; that is no retry, but each
 * key is tried only once. Only when all were refused has the provider failed.
 * Keys may be other ones by the time that a call ends, or the provider another:
 * then the end says nothing about who is asked from now on, and a call whose key
 * was refused is made again with the new ones.
 *
 * A provider that names the time when it wants to be asked again (Retry-After) is
 * asked by nobody before that: what it told one call it told the instance.
 *
 * An end that says nothing about the provider is not held against it: a
 * recording that it cannot decode shows that it is alive, our own disk or a
 * client that went away show nothing, nor does an attempt which had hardly any
 * time left.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "upstream/backoff.h"
#include "upstream/exchange.h"
#include "upstream/upshared.h"

#define FAIR_MS		2000	/* a timeout of less says nothing */
#define LEASE_EXTRA_MS	1000	/* a prober is late by no more */

struct vg_exchange {
	struct vg_exchange_spec		spec;
	struct vg_call			*call;
	struct kore_timer		*timer;
	struct vg_breaker_permit	permit;
	unsigned			retries;
	uint64_t			mark;	/* whose the keys below are */
	unsigned			key;	/* of the attempt in flight */
	unsigned			tried;	/* keys, one bit each */
	uint64_t			given_ms; /* to the attempt */
	enum vg_up_error		error;	/* of the last attempt */
	unsigned			retry_after_s;
};

static void	attempt(struct vg_exchange *);
static void	attempt_later(struct vg_exchange *, uint64_t);
static void	on_timer(void *, uint64_t);
static void	on_answer(const struct vg_call_result *, void *);
static bool	is_stale(const struct vg_exchange *);
static bool	next_key(struct vg_exchange *);
static void	report(struct vg_exchange *, enum vg_breaker_result);
static void	finish(struct vg_exchange *, enum vg_up_error);
static void	exchange_free(struct vg_exchange *);

static enum vg_breaker_result	verdict(const struct vg_exchange *,
				    enum vg_up_error);

struct vg_exchange *
vg_exchange_start(const struct vg_exchange_spec *spec)
{
	struct vg_exchange	*x;

	if ((x = calloc(1, sizeof(*x))) == NULL) {
		free(spec->json);
		return (NULL);
	}

	x->spec = *spec;
	attempt_later(x, 0);

	return (x);
}

void
vg_exchange_cancel(struct vg_exchange *x)
{
	if (x == NULL)
		return;

	report(x, VG_BREAKER_NEUTRAL);
	exchange_free(x);
}

static void
attempt_later(struct vg_exchange *x, uint64_t ms)
{
	x->timer = kore_timer_add(on_timer, ms, x, KORE_TIMER_ONESHOT);
}

static void
on_timer(void *arg, uint64_t now)
{
	struct vg_exchange	*x;

	(void)now;
	x = arg;

	/* Kore frees it when this returns. */
	x->timer = NULL;
	attempt(x);
}

static void
attempt(struct vg_exchange *x)
{
	const struct vg_provider	*p;
	struct vg_call_spec		spec;
	char				url[VG_CALL_URL_MAX];
	uint64_t			now;
	int				n;

	p = vg_provider(x->spec.kind);
	now = kore_time_ms();
	if (now >= x->spec.deadline_ms) {
		finish(x, x->error != VG_UP_OK ? x->error : VG_UP_TIMEOUT);
		return;
	}
	x->given_ms = x->spec.deadline_ms - now;

	vg_upshared_ask(x->spec.kind, now, x->given_ms + LEASE_EXTRA_MS,
	    &x->permit);
	if (!x->permit.granted) {
		x->retry_after_s =
		    (unsigned)((x->permit.wait_ms + 999) / 1000);
		finish(x, x->error != VG_UP_OK ?
		    x->error : VG_UP_BREAKER_OPEN);
		return;
	}

	n = snprintf(url, sizeof(url), "%s%s", p->base_url, x->spec.path);
	if (n < 0 || (size_t)n >= sizeof(url)) {
		finish(x, VG_UP_LOCAL);
		return;
	}

	memset(&spec, 0, sizeof(spec));
	spec.url = url;
	if (x->mark != p->mark) {
		x->mark = p->mark;
		x->tried = 0;
	}
	x->key = p->nkeys > 0 ?
	    vg_upshared_key(x->spec.kind, x->mark) % p->nkeys : 0;
	spec.key = p->nkeys > 0 ? p->key[x->key] : "";
	spec.json = x->spec.json;
	spec.upload = x->spec.upload;
	spec.audio = x->spec.audio;
	spec.out_fd = x->spec.out_fd;
	spec.answer_max = x->spec.answer_max;
	spec.timeout_ms = x->given_ms;

	if ((x->call = vg_call_start(&spec, on_answer, x)) == NULL)
		finish(x, VG_UP_LOCAL);
}

static void
on_answer(const struct vg_call_result *r, void *arg)
{
	struct vg_exchange	*x;
	enum vg_up_error	error;
	int64_t			wait;
	uint64_t		now;

	x = arg;
	x->call = NULL;

	error = r->error;
	if (error == VG_UP_OK)
		error = x->spec.check(r, x->spec.arg);

	now = kore_time_ms();
	x->error = error;
	x->retry_after_s = r->retry_after_s;
	if (!is_stale(x)) {
		vg_upshared_set_error(x->spec.kind, error);
		if (r->retry_after_s > 0 && (error == VG_UP_RATE_LIMITED ||
		    error == VG_UP_SERVER)) {
			vg_upshared_hold(x->spec.kind,
			    now + (uint64_t)r->retry_after_s * 1000);
		}
	}

	if (error == VG_UP_AUTH && next_key(x)) {
		report(x, VG_BREAKER_NEUTRAL);
		attempt_later(x, 0);
		return;
	}

	report(x, verdict(x, error));
	if (error == VG_UP_OK) {
		finish(x, error);
		return;
	}

	wait = now >= x->spec.deadline_ms ? -1 : vg_backoff_ms(error,
	    r->unsent, r->retry_after_s, x->retries + 1,
	    x->spec.deadline_ms - now, vg_provider_random());
	/* Sound that has begun to be written cannot be begun again. */
	if (wait == -1 || (x->spec.audio && r->len > 0)) {
		finish(x, error);
		return;
	}

	x->retries++;
	attempt_later(x, (uint64_t)wait);
}

/* Whether the provider, or its keys, are others than those of the attempt. */
static bool
is_stale(const struct vg_exchange *x)
{
	return (x->mark != vg_provider(x->spec.kind)->mark);
}

/* The key of this attempt was refused: is there one not tried yet? */
static bool
next_key(struct vg_exchange *x)
{
	const struct vg_provider	*p;
	unsigned			next;

	if (is_stale(x))
		return (true);

	p = vg_provider(x->spec.kind);
	x->tried |= 1u << x->key;

	if (p->nkeys > 1) {
		next = (x->key + 1) % p->nkeys;
		vg_upshared_key_past(x->spec.kind, x->mark, x->key, next);
		next = vg_upshared_key(x->spec.kind, x->mark) % p->nkeys;
		if ((x->tried & 1u << next) == 0) {
			vg_provider_event(x->spec.kind,
			    VG_UP_EVENT_KEY_REFUSED);
			return (true);
		}
	}
	vg_provider_event(x->spec.kind, VG_UP_EVENT_KEYS_EXHAUSTED);

	return (false);
}

static enum vg_breaker_result
verdict(const struct vg_exchange *x, enum vg_up_error error)
{
	if (is_stale(x))
		return (VG_BREAKER_NEUTRAL);

	switch (error) {
	case VG_UP_OK:
	case VG_UP_CLIENT:
	case VG_UP_UNDECODABLE:
	case VG_UP_LONG:
		return (VG_BREAKER_GOOD);
	case VG_UP_TIMEOUT:
		return (x->given_ms < FAIR_MS ?
		    VG_BREAKER_NEUTRAL : VG_BREAKER_BAD);
	case VG_UP_UNREACHABLE:
	case VG_UP_RATE_LIMITED:
	case VG_UP_AUTH:
	case VG_UP_NO_ENDPOINT:
	case VG_UP_SERVER:
	case VG_UP_GARBAGE:
	case VG_UP_TOO_LARGE:
		return (VG_BREAKER_BAD);
	default:
		break;
	}

	return (VG_BREAKER_NEUTRAL);
}

static void
report(struct vg_exchange *x, enum vg_breaker_result result)
{
	uint64_t	now;
	int		changed;

	if (!x->permit.granted)
		return;

	now = kore_time_ms();
	changed = vg_upshared_report(x->spec.kind, now, &x->permit, result);
	x->permit.granted = false;

	if (changed > 0)
		vg_provider_event(x->spec.kind, VG_UP_EVENT_BREAKER_OPENED);
	else if (changed < 0)
		vg_provider_event(x->spec.kind, VG_UP_EVENT_BREAKER_CLOSED);

	if (result == VG_BREAKER_GOOD)
		vg_upshared_set_health(x->spec.kind, VG_UP_CONNECTED, now);
}

static void
finish(struct vg_exchange *x, enum vg_up_error error)
{
	void		(*done)(enum vg_up_error, unsigned, void *);
	void		*arg;
	unsigned	after;

	done = x->spec.done;
	arg = x->spec.arg;
	after = x->retry_after_s;
	report(x, VG_BREAKER_NEUTRAL);
	exchange_free(x);
	done(error, after, arg);
}

static void
exchange_free(struct vg_exchange *x)
{
	vg_call_cancel(x->call);
	if (x->timer != NULL)
		kore_timer_remove(x->timer);
	if (x->spec.json != NULL) {
		explicit_bzero(x->spec.json, strlen(x->spec.json));
		free(x->spec.json);
	}
	free(x);
}
