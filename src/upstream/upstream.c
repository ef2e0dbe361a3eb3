/*
 * The providers as they are set, and this room's part in the process.
 *
 * Everything that needs files or the shared page is made in the parent, before
 * the sandbox: the CA bundle, the page. A worker has a copy of the settings of its
 * own, so that a reload in one moment in one worker disturbs nobody: calls in
 * flight have copied what they need.
 */

#include <sys/random.h>

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "core/siphash.h"
#include "upstream/exchange.h"
#include "upstream/probe.h"
#include "upstream/stages.h"
#include "upstream/upshared.h"

#define KEY_SEPARATOR	','

struct providers {
	struct vg_provider	of[VG_UP_KINDS];
	char			*voice;
	char			*prompt;
	uint64_t		deadline_ms;
	bool			https;
};

static int	providers_make(struct providers *, const struct vg_settings *,
		    const char **);
static int	provider_make(struct vg_provider *,
		    const struct vg_provider_settings *, const char **);
static int	split_keys(struct vg_provider *, const char **);
static void	set_mark(struct vg_provider *);
static void	providers_free(struct providers *);

static struct providers		current;
static vg_upstream_event_fn	event_fn;
static uint8_t			mark_key[VG_SIPHASH_KEY_SIZE];

int
vg_upstream_parent_init(const struct vg_settings *settings,
    const char *ca_file, vg_upstream_event_fn on_event, const char **why)
{
	int	i;

	event_fn = on_event;

	/* Marks lie beside what they stand for, and need no more than to differ. */
	if (getrandom(mark_key, sizeof(mark_key), 0) !=
	    (ssize_t)sizeof(mark_key)) {
		*why = "the system gives no random bytes";
		return (-1);
	}
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
		*why = "libcurl cannot be initialised";
		return (-1);
	}
	if (providers_make(&current, settings, why) == -1)
		return (-1);
	if (vg_upshared_init() == -1) {
		*why = "no memory for what the workers share";
		return (-1);
	}
	for (i = 0; i < VG_UP_KINDS; i++)
		vg_upshared_adopt((enum vg_up_kind)i, current.of[i].mark);

	/* Missed only when somebody is to be verified, now or after a reload. */
	if (vg_trust_load(ca_file != NULL ? ca_file : VG_UPSTREAM_CA_FILE) ==
	    -1 && current.https) {
		*why = "the CA certificates cannot be read "
		    "(Debian's package ca-certificates has them)";
		return (-1);
	}

	return (0);
}

int
vg_upstream_worker_init(void)
{
	if (vg_client_init() == -1)
		return (-1);
	vg_probe_init();

	return (0);
}

int
vg_upstream_reload(const struct vg_settings *settings, const char **why)
{
	struct providers	next;
	bool			changed;
	int			i;

	if (providers_make(&next, settings, why) == -1)
		return (-1);
	if (next.https && !vg_trust_loaded()) {
		*why = "a provider with https needs the CA certificates, "
		    "which were not there at the start";
		providers_free(&next);
		return (-1);
	}

	changed = false;
	for (i = 0; i < VG_UP_KINDS; i++) {
		vg_upshared_adopt((enum vg_up_kind)i, next.of[i].mark);
		if (next.of[i].mark != current.of[i].mark)
			changed = true;
	}

	providers_free(&current);
	current = next;
	/* Keys lie in its own memory: the pointers are still right. */

	if (changed)
		vg_probe_restart();

	return (0);
}

void
vg_upstream_worker_cleanup(void)
{
	vg_pipeline_cancel_all();
	vg_probe_cleanup();
	vg_client_cleanup();
	providers_free(&current);
	vg_trust_free();
	vg_upshared_free();
}

const char *
vg_upstream_health(enum vg_up_kind kind)
{
	uint64_t	now;

	now = kore_time_ms();
	if (vg_breaker_unpack(vg_upshared_breaker(kind)).state !=
	    VG_BREAKER_CLOSED || vg_upshared_held_ms(kind, now) > 0)
		return ("disconnected");

	switch (vg_upshared_health(kind, now, VG_PROBE_STALE_MS)) {
	case VG_UP_CONNECTED:
		return ("connected");
	case VG_UP_DISCONNECTED:
		return ("disconnected");
	case VG_UP_UNKNOWN:
		break;
	}

	return ("unknown");
}

void
vg_upstream_state(enum vg_up_kind kind, struct vg_upstream_state *state)
{
	state->breaker = vg_breaker_word(
	    vg_breaker_unpack(vg_upshared_breaker(kind)).state);
	state->last_error = vg_upshared_error(kind);
	state->retry_after_s = (unsigned)
	    ((vg_upshared_wait_ms(kind, kore_time_ms()) + 999) / 1000);
}

const struct vg_provider *
vg_provider(enum vg_up_kind kind)
{
	return (&current.of[kind]);
}

const char *
vg_provider_voice(void)
{
	return (current.voice);
}

const char *
vg_provider_prompt(void)
{
	return (current.prompt);
}

uint64_t
vg_provider_deadline_ms(void)
{
	return (current.deadline_ms);
}

void
vg_provider_event(enum vg_up_kind kind, enum vg_up_event event)
{
	if (event_fn != NULL)
		event_fn(kind, event);
}

uint32_t
vg_provider_random(void)
{
	uint32_t	r;

	/* It spreads retries and guards nothing: the clock will do as well. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = (uint32_t)kore_time_ms() * UINT32_C(2654435761);

	return (r);
}

static int
providers_make(struct providers *p, const struct vg_settings *s,
    const char **why)
{
	memset(p, 0, sizeof(*p));

	if (provider_make(&p->of[VG_UP_STT], &s->stt, why) == -1 ||
	    provider_make(&p->of[VG_UP_CHAT], &s->chat, why) == -1 ||
	    provider_make(&p->of[VG_UP_TTS], &s->tts, why) == -1)
		goto fail;

	*why = "no memory for the providers' settings";
	p->voice = strdup(s->tts_voice);
	p->prompt = strdup(s->chat_system_prompt);
	if (p->voice == NULL || p->prompt == NULL)
		goto fail;
	p->deadline_ms = (uint64_t)s->pipeline_timeout_s * 1000;
	p->https = !strncmp(s->alert_webhook_url, "https:", 6) ||
	    !strncmp(s->stt.base_url, "https:", 6) ||
	    !strncmp(s->chat.base_url, "https:", 6) ||
	    !strncmp(s->tts.base_url, "https:", 6);

	return (0);
fail:
	providers_free(p);
	return (-1);
}

static int
provider_make(struct vg_provider *p, const struct vg_provider_settings *s,
    const char **why)
{
	*why = "no memory for the providers' settings";
	p->base_url = strdup(s->base_url);
	p->model = strdup(s->model);
	p->keys = strdup(s->api_key);
	if (p->base_url == NULL || p->model == NULL || p->keys == NULL)
		return (-1);
	p->keys_size = strlen(p->keys);
	set_mark(p);
	p->timeout_ms = (uint64_t)s->timeout_s * 1000;

	return (split_keys(p, why));
}

/* A key goes into a header: nothing but visible ASCII may be in it. */
static int
split_keys(struct vg_provider *p, const char **why)
{
	char	*s, *end;
	size_t	i, n;

	s = p->keys;
	while (s != NULL) {
		if ((end = strchr(s, KEY_SEPARATOR)) != NULL)
			*end++ = '\0';
		n = strlen(s);
		for (i = 0; i < n; i++) {
			if (s[i] <= 0x20 || s[i] >= 0x7f) {
				*why = "an API key has a character that "
				    "is not visible ASCII";
				return (-1);
			}
		}
		if (n > VG_UPSTREAM_KEY_MAX) {
			*why = "an API key is longer than 512 bytes";
			return (-1);
		}
		if (n > 0 && p->nkeys == VG_UPSTREAM_KEYS_MAX) {
			*why = "a provider has more than 8 API keys";
			return (-1);
		}
		if (n > 0)
			p->key[p->nkeys++] = s;
		s = end;
	}

	return (0);
}

/* What stands for the address and the keys where workers compare them. */
static void
set_mark(struct vg_provider *p)
{
	uint64_t	parts[2];

	parts[0] = vg_siphash(mark_key, p->base_url, strlen(p->base_url));
	parts[1] = vg_siphash(mark_key, p->keys, p->keys_size);
	p->mark = vg_siphash(mark_key, parts, sizeof(parts));
}

static void
providers_free(struct providers *p)
{
	int	i;

	for (i = 0; i < VG_UP_KINDS; i++) {
		if (p->of[i].keys != NULL)
			explicit_bzero(p->of[i].keys, p->of[i].keys_size);
		free(p->of[i].base_url);
		free(p->of[i].model);
		free(p->of[i].keys);
	}
	free(p->voice);
	free(p->prompt);
	memset(p, 0, sizeof(*p));
}
