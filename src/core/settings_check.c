/*
 * What no setting can tell alone: pairs that belong together, and providers.
 *
 * A provider on another machine gets the voice of a person who trusts this
 * service. So it is spoken to over https, unless the operator says otherwise in
 * so many words, and with a real key: a key that a document shows
 * (`your-api-key`) would pass every check of form and fail with the first
 * recording. A provider on this machine needs neither.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/baseurl.h"
#include "core/settings.h"
#include "core/settings_private.h"

#define WEBHOOK_SECRET_MIN	24	/* bytes */
#define WEBHOOK_PREFIX		"whsec_"
#define KEY_PLAIN_MAX	96	/* bytes of a key that are compared */

static int	check_tls(const struct vg_settings *, struct vg_errors *);
static int	check_provider(struct vg_settings *,
		    struct vg_provider_settings *, const char *,
		    struct vg_errors *);
static int	check_secret(const char *, struct vg_errors *);
static int	check_webhook(const struct vg_settings *, struct vg_errors *);
static int	check_room(const struct vg_settings *, struct vg_errors *);
static void	check_times(const struct vg_settings *, struct vg_errors *);
static void	check_proxies(const struct vg_settings *, struct vg_errors *);
static int	check_cost(const struct vg_settings *, const char *,
		    const char *, struct vg_errors *);
static bool	is_filler(const char *);

int
vg_settings_check(struct vg_settings *s, const struct vg_settings_input *in,
    struct vg_errors *errs)
{
	int		ret;

	ret = check_tls(s, errs);

	if (s->database_url != NULL && s->database_url[0] == '\0') {
		/* In another folder than the settings' it is told like that. */
		vg_errors_add(errs, "DATABASE_URL", NULL, 0, "is missing; a "
		    "postgresql:// URI is needed%s%s", in->dotenv == NULL ?
		    ", and there is no .env in the working folder " : "",
		    in->dotenv == NULL && in->cwd != NULL ? in->cwd : "");
		ret = -1;
	}

	if (check_provider(s, &s->stt, "STT", errs) == -1)
		ret = -1;
	if (check_provider(s, &s->chat, "CHAT", errs) == -1)
		ret = -1;
	if (check_provider(s, &s->tts, "TTS", errs) == -1)
		ret = -1;
	if (check_webhook(s, errs) == -1)
		ret = -1;
	if (check_cost(s, "RATE_LIMIT_VOICE", s->rate_voice, errs) == -1)
		ret = -1;
	if (check_cost(s, "RATE_LIMIT_ALL", s->rate_all, errs) == -1)
		ret = -1;
	if (check_room(s, errs) == -1)
		ret = -1;
	check_times(s, errs);
	check_proxies(s, errs);

	return (ret);
}

bool
vg_key_is_placeholder(const char *key)
{
	static const char	*const whole[] = {
		"todo", "fixme", "tbd", "none", "null", "nil", "undefined",
		"key", "apikey", "secret", "password", "token", "dummy",
		"example", "sample", "test", "mykey", "thekey"
	};
	static const char	*const part[] = {
		"changeme", "changethis", "replaceme", "replacethis",
		"replacewith", "yourkey", "yourapikey", "yourtoken",
		"youropenai", "yoursecret", "keyhere", "tokenhere",
		"insertkey", "insertyour", "enteryour", "placeholder"
	};
	char			plain[KEY_PLAIN_MAX];
	size_t			i, n;

	if (strpbrk(key, " \t\r\n<>{}") != NULL || strstr(key, "...") != NULL)
		return (true);
	if (key[0] == '$' || key[0] == '[' || is_filler(key))
		return (true);

	/* As one would say it: without case, hyphens and underscores. */
	n = 0;
	for (i = 0; key[i] != '\0' && n < sizeof(plain) - 1; i++) {
		if (key[i] >= 'A' && key[i] <= 'Z')
			plain[n++] = (char)(key[i] - 'A' + 'a');
		else if (key[i] != '-' && key[i] != '_' && key[i] != '.')
			plain[n++] = key[i];
	}
	plain[n] = '\0';

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		if (!strcmp(plain, whole[i]) || (!strncmp(plain, "sk", 2) &&
		    !strcmp(plain + 2, whole[i])))
			return (true);
	}
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (strstr(plain, part[i]) != NULL)
			return (true);
	}

	return (false);
}

/*
 * What begins as a secret of Standard Webhooks must be one: read as text, it
 * would sign what no receiver can verify.
 */
static int
check_secret(const char *secret, struct vg_errors *errs)
{
	uint8_t		*bytes;
	size_t		len, n;
	int		ret;

	if (strncmp(secret, WEBHOOK_PREFIX, sizeof(WEBHOOK_PREFIX) - 1) != 0)
		return (0);
	secret += sizeof(WEBHOOK_PREFIX) - 1;
	n = strlen(secret);
	if ((bytes = malloc(n + 1)) == NULL)
		return (-1);
	ret = vg_base64_decode(bytes, &len, secret, n);
	explicit_bzero(bytes, n + 1);
	free(bytes);
	if (ret == 0 && len >= WEBHOOK_SECRET_MIN)
		return (0);
	vg_errors_add(errs, "ALERT_WEBHOOK_SECRET", "***", 3, "%s", ret == -1 ?
	    "begins with whsec_, and what follows is not base64 (RFC 4648, "
	    "with its padding); echo whsec_$(openssl rand -base64 32) makes one" :
	    "must have 24 bytes or more behind whsec_, in base64");
	return (-1);
}

/* An alert tells who attacks: it goes over https and is signed. */
static int
check_webhook(const struct vg_settings *s, struct vg_errors *errs)
{
	struct vg_baseurl	url;
	const char		*why = "is not a URL";
	char			plain[VG_BASEURL_MAX + 1];

	if (s->alert_webhook_url == NULL || s->alert_webhook_secret == NULL ||
	    check_secret(s->alert_webhook_secret, errs) == -1)
		return (-1);
	if (s->alert_webhook_url[0] == '\0')
		return (0);
	/* A query is the receiver's affair. */
	(void)snprintf(plain, sizeof(plain), "%.*s",
	    (int)strcspn(s->alert_webhook_url, "?"), s->alert_webhook_url);
	if (vg_baseurl_parse(&url, plain, &why) == -1) {
		vg_errors_add(errs, "ALERT_WEBHOOK_URL", NULL, 0, "%s",
		    why);
		return (-1);
	}
	if (!url.https && !url.loopback && !s->plaintext_providers) {
		vg_errors_add(errs, "ALERT_WEBHOOK_URL", NULL, 0, "must be "
		    "https; http is for a receiver on this machine, or with "
		    "ALLOW_PLAINTEXT_PROVIDERS=true");
		return (-1);
	}
	if (strlen(s->alert_webhook_secret) < WEBHOOK_SECRET_MIN) {
		vg_errors_add(errs, "ALERT_WEBHOOK_SECRET", NULL, 0, "must "
		    "have 24 bytes or more where ALERT_WEBHOOK_URL is set");
		return (-1);
	}
	return (0);
}

static int
check_tls(const struct vg_settings *s, struct vg_errors *errs)
{
	bool		cert, key;
	int		ret;

	if (s->tls_cert_file == NULL || s->tls_key_file == NULL)
		return (-1);

	ret = 0;
	cert = s->tls_cert_file[0] != '\0';
	key = s->tls_key_file[0] != '\0';
	if (cert != key) {
		vg_errors_add(errs, cert ? "TLS_KEY_FILE" : "TLS_CERT_FILE",
		    NULL, 0, "is missing; TLS_CERT_FILE and TLS_KEY_FILE come "
		    "both or not at all");
		ret = -1;
	}

	if (s->http_redirect_port != 0 && !cert && !key) {
		vg_errors_add(errs, "HTTP_REDIRECT_PORT", NULL, 0, "needs "
		    "TLS_CERT_FILE and TLS_KEY_FILE: there is no HTTPS to "
		    "redirect to");
		ret = -1;
	}
	if (s->http_redirect_port != 0 && s->http_redirect_port == s->port) {
		vg_errors_add(errs, "HTTP_REDIRECT_PORT", NULL, 0, "must be "
		    "another port than PORT");
		ret = -1;
	}

	return (ret);
}

static int
check_provider(struct vg_settings *s, struct vg_provider_settings *p,
    const char *who, struct vg_errors *errs)
{
	const struct vg_setting	*row;
	struct vg_baseurl	*url;
	const char		*key;
	char			name[32];
	int			ret;

	/* Bad URLs have been told of; their kind is not known. */
	if (p->base_url == NULL || s->speech_url == NULL)
		return (-1);

	p->offline = p->base_url[0] == '\0';
	if (p->offline) {
		free(p->base_url);
		p->base_url = strdup(s->speech_url);
	}
	url = malloc(sizeof(*url));
	if (url == NULL || p->base_url == NULL ||
	    vg_baseurl_parse(url, p->base_url, NULL) == -1) {
		free(url);
		vg_errors_add(errs, who, NULL, 0, "out of memory");
		return (-1);
	}
	p->loopback = url->loopback;

	ret = 0;
	if (!url->https && !url->loopback && !s->plaintext_providers) {
		(void)snprintf(name, sizeof(name), "%s_BASE_URL", who);
		vg_errors_add(errs, p->offline ? "SPEECH_URL" : name,
		    p->base_url, strlen(p->base_url), "must be https: plain "
		    "http is for this machine (127.0.0.1, ::1, localhost), or "
		    "with ALLOW_PLAINTEXT_PROVIDERS=true");
		ret = -1;
	}

	key = p->api_key;
	if (!url->loopback && key != NULL &&
	    (key[0] == '\0' || vg_key_is_placeholder(key))) {
		(void)snprintf(name, sizeof(name), "%s_API_KEY", who);
		vg_errors_add(errs, name, key[0] == '\0' ? NULL : "***", 3,
		    "%s; the provider at %s needs a real key", key[0] == '\0' ?
		    "is missing" : "is a placeholder", url->host);
		ret = -1;
	}

	(void)snprintf(name, sizeof(name), "%s_MODEL", who);
	row = vg_setting_find(name);
	if (!url->loopback && row != NULL &&
	    s->source[vg_setting_index(row)] == VG_SOURCE_DEFAULT) {
		vg_errors_warn(errs, name, row->dflt, strlen(row->dflt), "is "
		    "the offline speech server's; the provider at %s will "
		    "have others", url->host);
	}

	free(url);
	return (ret);
}

/* A voice message that costs more than its limit would never be let in. */
static int
check_cost(const struct vg_settings *s, const char *name, const char *text,
    struct vg_errors *errs)
{
	struct vg_limits	limits;
	size_t			i;

	/* What is bad by itself has been told of. */
	if (text == NULL || s->rate_voice_cost == 0 || s->rate_per_minute == 0)
		return (0);
	if (text[0] == '\0') {
		if (text == s->rate_all)
			return (0);
		name = "RATE_LIMIT_PER_MINUTE";
		(void)vg_limits_per_minute(&limits, s->rate_per_minute);
	} else if (vg_limits_parse(&limits, text, strlen(text)) == -1) {
		return (0);
	}
	for (i = 0; i < limits.count; i++) {
		if (limits.item[i].quota >= s->rate_voice_cost)
			continue;
		vg_errors_add(errs, "RATE_LIMIT_VOICE_COST", NULL, 0, "is more "
		    "than %s allows at all: no voice message would be let in",
		    name);
		return (-1);
	}

	return (0);
}

/* A recording that is allowed must have room. */
static int
check_room(const struct vg_settings *s, struct vg_errors *errs)
{
	if (s->max_upload_bytes_in_flight == 0 ||
	    s->max_upload_bytes_in_flight >= s->max_upload_bytes)
		return (0);	/* or its own error is told already */
	vg_errors_add(errs, "MAX_UPLOAD_BYTES_IN_FLIGHT", NULL, 0,
	    "must be MAX_UPLOAD_BYTES at least, %lld",
	    (long long)s->max_upload_bytes);
	return (-1);
}

/* Not wrong, but hardly meant. */
static void
check_times(const struct vg_settings *s, struct vg_errors *errs)
{
	if (s->pipeline_timeout_s > 0 &&
	    (s->pipeline_timeout_s < s->stt.timeout_s ||
	    s->pipeline_timeout_s < s->chat.timeout_s ||
	    s->pipeline_timeout_s < s->tts.timeout_s)) {
		vg_errors_warn(errs, "PIPELINE_TIMEOUT_SECONDS", NULL, 0, "is "
		    "shorter than a timeout of one provider, which will not "
		    "be reached");
	}
	if (s->session_ttl_h > 0 &&
	    s->session_idle_min >= s->session_ttl_h * 60) {
		vg_errors_warn(errs, "SESSION_IDLE_MINUTES", NULL, 0, "is not "
		    "shorter than SESSION_TTL_HOURS: it will not be reached");
	}
}

/* Then the limits, the blocks and the log have whatever a client likes. */
static void
check_proxies(const struct vg_settings *s, struct vg_errors *errs)
{
	char		range[VG_CIDR_SIZE];
	size_t		i;

	for (i = 0; i < s->proxies.count; i++) {
		if (s->proxies.item[i].bits == 0 && vg_cidr_format(range,
		    sizeof(range), &s->proxies.item[i]) == 0)
			vg_errors_warn(errs, "TRUSTED_PROXIES", range,
			    strlen(range), "trusts everybody: each client names "
			    "the address that it is counted by");
	}
}

/* One byte over and over, perhaps after sk-: xxxxxxxx, sk-********. */
static bool
is_filler(const char *key)
{
	size_t		i;

	if (!strncmp(key, "sk-proj-", 8))
		key += 8;
	else if (!strncmp(key, "sk-", 3))
		key += 3;

	for (i = 0; key[i] != '\0'; i++) {
		if (key[i] != key[0] && key[i] != '-' && key[i] != '_')
			return (false);
	}

	return (true);
}
