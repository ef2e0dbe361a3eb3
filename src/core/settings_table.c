/*
 * Every setting of the service, once.
 *
 * The table is the only place that knows a setting's name, type, default, range,
 * whether a running process can take a change, and what it is for. Parsing,
 * --check-config, reloading, .env.example and the tests that compare the
 * documents all walk it, so that none of them can forget a setting or disagree
 * about a default. To add one: a member in struct vg_settings, a row here.
 */

#include <stddef.h>
#include <string.h>

#include "core/settings.h"

#define AT(member)	offsetof(struct vg_settings, member)
#define RELOAD		VG_SETTING_RELOAD
#define SECRET		VG_SETTING_SECRET

/* Rows: group, name, member, ... in the order of struct vg_setting. */
#define BOOL(g, n, m, d, f, h)	\
	{ g, n, VG_TYPE_BOOL, AT(m), d, 0, 1, NULL, f, "", NULL, h }
#define INT(g, n, m, d, lo, hi, f, u, h)	\
	{ g, n, VG_TYPE_INT, AT(m), d, lo, hi, NULL, f, u, NULL, h }
#define CHOICE(g, n, m, d, c, f, h)	\
	{ g, n, VG_TYPE_CHOICE, AT(m), d, 0, 0, c, f, "", NULL, h }
#define STR(g, n, m, t, d, hi, f, v, h)	\
	{ g, n, t, AT(m), d, 0, hi, NULL, f, "", v, h }

static const struct vg_choice strategies[] = {
	{ "fixed-window", VG_STRATEGY_FIXED },
	{ "moving-window", VG_STRATEGY_MOVING },
	{ NULL, 0 }
};
static const struct vg_choice fail_modes[] = {
	{ "local", VG_FAIL_LOCAL },
	{ "closed", VG_FAIL_CLOSED },
	{ "open", VG_FAIL_OPEN },
	{ NULL, 0 }
};
static const struct vg_choice log_levels[] = {
	{ "debug", VG_LOG_DEBUG },
	{ "info", VG_LOG_INFO },
	{ "notice", VG_LOG_NOTICE },
	{ "warning", VG_LOG_WARNING },
	{ "error", VG_LOG_ERROR },
	{ NULL, 0 }
};
static const struct vg_choice log_formats[] = {
	{ "text", VG_LOG_TEXT },
	{ "json", VG_LOG_JSON },
	{ NULL, 0 }
};

static const char	door[] = "The door";
static const char	process[] = "The process";
static const char	policy[] = "The policy";
static const char	limits[] = "Rate limits";
static const char	conns[] = "Connections";
static const char	storage[] = "Storage";
static const char	providers[] = "Speech providers";
static const char	alerts[] = "Alerts";
static const char	logging[] = "The log";

static const struct vg_setting table[] = {
	STR(door, "HOST", host, VG_TYPE_ADDRESS, "127.0.0.1", 63, 0, NULL,
	    "The address to listen on: an IPv4 or IPv6 address, or localhost."),
	INT(door, "PORT", port, "8000", 1, 65535, 0, "",
	    "The port to listen on."),
	STR(door, "TLS_CERT_FILE", tls_cert_file, VG_TYPE_PATH, "", 4095, 0,
	    NULL, "The certificate chain (PEM). With TLS_KEY_FILE: HTTPS."),
	STR(door, "TLS_KEY_FILE", tls_key_file, VG_TYPE_PATH, "", 4095, 0, NULL,
	    "The certificate's private key (PEM)."),
	INT(door, "HTTP_REDIRECT_PORT", http_redirect_port, "0", 0, 65535, 0,
	    "", "A plain HTTP port that redirects to HTTPS. 0: none."),

	INT(process, "WORKERS", workers, "2", 1, 64, 0, "processes",
	    "How many worker processes serve requests."),
	STR(process, "RUN_AS_USER", run_as_user, VG_TYPE_USER, "", 32, 0, NULL,
	    "The user that workers run as. Empty: the user who starts it."),
	STR(process, "CHROOT_DIR", chroot_dir, VG_TYPE_PATH, "", 4095, 0, NULL,
	    "The folder that workers are confined to. Empty: none."),
	INT(process, "DRAIN_SECONDS", drain_s, "10", 0, 600, RELOAD, "seconds",
	    "How long requests in flight may take to finish on SIGTERM."),

	STR(policy, "ALLOWED_ORIGINS", allowed_origins, VG_TYPE_ORIGINS, "*",
	    VG_SETTING_VALUE_MAX, RELOAD, NULL,
	    "Web origins that may use the API: * for all, or a list such as "
	    "https://app.example.com,https://*.example.org (a wildcard means "
	    "any subdomain, not the domain itself)."),
	STR(policy, "TRUSTED_PROXIES", trusted_proxies, VG_TYPE_CIDRS, "",
	    VG_SETTING_VALUE_MAX, RELOAD, NULL,
	    "Proxies whose Forwarded or X-Forwarded-For is believed: addresses "
	    "and CIDR ranges, comma-separated."),
	BOOL(policy, "AUTH_REQUIRED", auth_required, "false", RELOAD,
	    "Whether session and voice need an API key (Authorization: "
	    "Bearer)."),
	BOOL(policy, "ENABLE_SECURITY_HEADERS", security_headers, "true",
	    RELOAD, "Whether responses carry the security headers."),

	BOOL(limits, "RATE_LIMIT_ENABLED", rate_limit, "true", RELOAD,
	    "Whether requests are limited."),
	INT(limits, "RATE_LIMIT_PER_MINUTE", rate_per_minute, "10", 1, 1000000,
	    RELOAD, "requests a minute",
	    "Session start and voice, each, for one client."),
	INT(limits, "RATE_LIMIT_HEALTH_PER_MINUTE", rate_health_per_minute,
	    "60", 1, 1000000, RELOAD, "requests a minute",
	    "Health and the other light routes, for one client."),
	STR(limits, "RATE_LIMIT_SESSION", rate_session, VG_TYPE_LIMITS, "", 255,
	    RELOAD, NULL, "Session start and end, each, for one client, in "
	    "place of RATE_LIMIT_PER_MINUTE."),
	STR(limits, "RATE_LIMIT_VOICE", rate_voice, VG_TYPE_LIMITS, "", 255,
	    RELOAD, NULL, "Voice messages of one client, in place of "
	    "RATE_LIMIT_PER_MINUTE."),
	INT(limits, "RATE_LIMIT_VOICE_COST", rate_voice_cost, "1", 1, 1000,
	    RELOAD, "units", "How much of its limits one voice message uses; "
	    "any other request uses 1."),
	STR(limits, "RATE_LIMIT_HEALTH", rate_health, VG_TYPE_LIMITS, "", 255,
	    RELOAD, NULL, "Each of the health routes, for one client, in place "
	    "of RATE_LIMIT_HEALTH_PER_MINUTE."),
	STR(limits, "RATE_LIMIT_AUDIO", rate_audio, VG_TYPE_LIMITS, "", 255,
	    RELOAD, NULL, "Fetching spoken replies, for one client, in place "
	    "of RATE_LIMIT_HEALTH_PER_MINUTE."),
	STR(limits, "RATE_LIMIT_ALL", rate_all, VG_TYPE_LIMITS, "", 255, RELOAD,
	    NULL, "What all limited routes together share for one client, on "
	    "top of their own limits, such as 600/minute. Empty: none."),
	CHOICE(limits, "RATE_LIMIT_STRATEGY", rate_strategy, "fixed-window",
	    strategies, RELOAD, "moving-window: never more than the limit in "
	    "any 60 seconds; fixed-window is cheaper and may let twice as many "
	    "through around a turn of the minute."),
	CHOICE(limits, "RATE_LIMIT_FAIL_MODE", rate_fail_mode, "local",
	    fail_modes, RELOAD, "While the database is away: local (each "
	    "worker counts its share of the limit), closed (503), open (no "
	    "limit)."),
	INT(limits, "RATE_LIMIT_IPV6_PREFIX", rate_ipv6_prefix, "64", 16, 128,
	    RELOAD, "bits", "How much of an IPv6 address is one client."),

	INT(conns, "HEADER_TIMEOUT_SECONDS", header_timeout_s, "10", 1, 600,
	    RELOAD, "seconds", "How long a request's header may take."),
	INT(conns, "BODY_TIMEOUT_SECONDS", body_timeout_s, "60", 1, 3600,
	    RELOAD, "seconds", "How long a request's body may take."),
	INT(conns, "IDLE_TIMEOUT_SECONDS", idle_timeout_s, "20", 1, 3600,
	    RELOAD, "seconds", "How long a connection may wait for its next "
	    "request."),
	INT(conns, "MIN_BODY_BYTES_PER_SECOND", min_body_rate, "1024", 0,
	    1073741824, RELOAD, "bytes a second",
	    "The slowest upload that is waited for. 0: any."),
	INT(conns, "MAX_CONNECTIONS", max_connections, "1024", 16, 65536, 0,
	    "connections", "Open connections of the "
	    "instance, shared out evenly among its workers."),
	INT(conns, "MAX_CONNECTIONS_PER_CLIENT", max_connections_per_client,
	    "64", 0, 65536, RELOAD, "connections",
	    "Open connections of one client. 0: no limit."),
	INT(conns, "MAX_REQUESTS_PER_CONNECTION", max_requests_per_connection,
	    "1000", 1, 1000000000, RELOAD, "requests",
	    "Requests on one connection before it is closed."),
	INT(conns, "MAX_UPLOADS_IN_FLIGHT", max_uploads, "128", 1, 65536, RELOAD,
	    "uploads", "Uploads in flight in all, until their answer; beyond: "
	    "503."),
	INT(conns, "MAX_UPLOADS_PER_CLIENT", max_uploads_per_client, "64", 0,
	    65536, RELOAD, "uploads", "Uploads in flight of one client; beyond: "
	    "429. 0: no limit."),
	INT(conns, "MAX_UPLOAD_BYTES_IN_FLIGHT", max_upload_bytes_in_flight,
	    "1073741824", 1024, 1099511627776, RELOAD, "bytes", "What the "
	    "uploads in flight may put on the disk together; beyond: 503."),

	STR(storage, "DATABASE_URL", database_url, VG_TYPE_DATABASE, "", 4095,
	    SECRET, "database.url", "PostgreSQL, as a libpq URI: "
	    "postgresql://user:password@host:5432/database; several hosts for "
	    "failover. Empty: what the file database.url in VAR says."),
	INT(storage, "MAX_UPLOAD_BYTES", max_upload_bytes, "10485760", 1024,
	    1073741824, 0, "bytes", "The largest recording that is accepted."),
	STR(storage, "UPLOAD_DIR", upload_dir, VG_TYPE_PATH, "", 4095, 0,
	    "uploads", "Where recordings lie while a request runs. Empty: "
	    "uploads in VAR."),
	STR(storage, "AUDIO_DIR", audio_dir, VG_TYPE_PATH, "", 4095, 0, "audio",
	    "Where spoken replies lie. Empty: audio in VAR."),
	INT(storage, "AUDIO_TTL_HOURS", audio_ttl_h, "24", 1, 8760, RELOAD,
	    "hours", "How long a spoken reply can be fetched."),
	INT(storage, "SESSION_TTL_HOURS", session_ttl_h, "24", 1, 8760, RELOAD,
	    "hours", "How long a session lives."),
	INT(storage, "SESSION_IDLE_MINUTES", session_idle_min, "0", 0, 525600,
	    RELOAD, "minutes", "How long a session may be without a voice "
	    "message before it ends. 0: for as long as it lives."),
	INT(storage, "TRANSCRIPT_RETENTION_DAYS", transcript_retention_d, "30",
	    0, 36500, RELOAD, "days",
	    "How long transcripts are kept. 0: they are never stored."),
	STR(storage, "TRANSCRIPT_KEY", transcript_key, VG_TYPE_TEXTKEYS, "",
	    1023, RELOAD | SECRET, NULL,
	    "Encrypts kept transcripts (AES-256-GCM); the first key encrypts, "
	    "all decrypt. openssl rand -hex 32 makes one. Empty: they are "
	    "kept as they are."),

	STR(providers, "SPEECH_URL", speech_url, VG_TYPE_URL,
	    "http://127.0.0.1:8090", VG_SETTING_VALUE_MAX, 0, NULL,
	    "The offline speech server, used where no provider is set."),
	STR(providers, "STT_BASE_URL", stt.base_url, VG_TYPE_URL, "",
	    VG_SETTING_VALUE_MAX, 0, NULL, "Speech to text: an "
	    "OpenAI-compatible server, such as https://api.openai.com/v1. "
	    "Empty: the offline speech server."),
	STR(providers, "STT_API_KEY", stt.api_key, VG_TYPE_SECRET, "", 4095,
	    RELOAD | SECRET, NULL, "Its API key; needed unless the server is "
	    "on this machine."),
	STR(providers, "STT_MODEL", stt.model, VG_TYPE_WORD,
	    "pocketsphinx-en-us", 255, RELOAD, NULL, "Its model, such as whisper-1."),
	INT(providers, "STT_TIMEOUT_SECONDS", stt.timeout_s, "30", 1, 600,
	    RELOAD, "seconds", "How long transcribing may take."),
	STR(providers, "CHAT_BASE_URL", chat.base_url, VG_TYPE_URL, "",
	    VG_SETTING_VALUE_MAX, 0, NULL, "The conversation: an "
	    "OpenAI-compatible server. Empty: the offline speech server."),
	STR(providers, "CHAT_API_KEY", chat.api_key, VG_TYPE_SECRET, "", 4095,
	    RELOAD | SECRET, NULL, "Its API key; needed unless the server is "
	    "on this machine."),
	STR(providers, "CHAT_MODEL", chat.model, VG_TYPE_WORD,
	    "reflective-listener-not-an-llm", 255, RELOAD, NULL,
	    "Its model. The offline one is a set of rules, not a language "
	    "model."),
	INT(providers, "CHAT_TIMEOUT_SECONDS", chat.timeout_s, "30", 1, 600,
	    RELOAD, "seconds", "How long a reply may take."),
	STR(providers, "CHAT_SYSTEM_PROMPT", chat_system_prompt, VG_TYPE_TEXT,
	    "You are a kind, patient listener in a spoken conversation. Answer "
	    "in one to three short, plain sentences that sound natural when "
	    "read aloud. Reflect what you hear, ask at most one open question, "
	    "and do not lecture, diagnose or advise. If someone may be in "
	    "danger or speaks of harming themselves, say kindly that they "
	    "deserve help from a person now, and point them to their local "
	    "emergency number or a crisis line.", 8192, RELOAD, NULL,
	    "What the chat provider is told about its part."),
	STR(providers, "TTS_BASE_URL", tts.base_url, VG_TYPE_URL, "",
	    VG_SETTING_VALUE_MAX, 0, NULL, "Text to speech: an "
	    "OpenAI-compatible server. Empty: the offline speech server."),
	STR(providers, "TTS_API_KEY", tts.api_key, VG_TYPE_SECRET, "", 4095,
	    RELOAD | SECRET, NULL, "Its API key; needed unless the server is "
	    "on this machine."),
	STR(providers, "TTS_MODEL", tts.model, VG_TYPE_WORD, "flite-slt",
	    255, RELOAD, NULL, "Its model, such as tts-1."),
	STR(providers, "TTS_VOICE", tts_voice, VG_TYPE_WORD, "slt", 255, RELOAD,
	    NULL, "Its voice."),
	INT(providers, "TTS_TIMEOUT_SECONDS", tts.timeout_s, "30", 1, 600,
	    RELOAD, "seconds", "How long speaking may take."),
	INT(providers, "PIPELINE_TIMEOUT_SECONDS", pipeline_timeout_s, "60", 1,
	    1800, RELOAD, "seconds", "How long all three may take together."),
	BOOL(providers, "ALLOW_PLAINTEXT_PROVIDERS", plaintext_providers,
	    "false", 0, "Whether a provider on another machine may be reached "
	    "over http, which sends voices and keys unencrypted."),

	STR(alerts, "ALERT_WEBHOOK_URL", alert_webhook_url, VG_TYPE_WORD, "",
	    1024, RELOAD, NULL, "Where alerts are sent as signed JSON "
	    "(https; http on this machine alone); the same on every "
	    "instance, since any may send one. Empty: to the log and to "
	    "LISTEN voicegate_alert only."),
	STR(alerts, "ALERT_WEBHOOK_SECRET", alert_webhook_secret,
	    VG_TYPE_SECRET, "", 255, RELOAD | SECRET, NULL,
	    "What they are signed with, 24 bytes or more; whsec_ and base64 "
	    "as Standard Webhooks has it, or any text."),

	CHOICE(logging, "LOG_LEVEL", log_level, "info", log_levels, RELOAD,
	    "The least severe that is logged."),
	CHOICE(logging, "LOG_FORMAT", log_format, "text", log_formats, 0,
	    "text for people, json for log collectors.")
};

#define SETTINGS	(sizeof(table) / sizeof(table[0]))

_Static_assert(SETTINGS <= VG_SETTINGS_MAX, "VG_SETTINGS_MAX is too small");

const struct vg_setting *
vg_setting_at(size_t index)
{
	return (index < SETTINGS ? &table[index] : NULL);
}

const struct vg_setting *
vg_setting_find(const char *name)
{
	size_t		i;

	for (i = 0; i < SETTINGS; i++) {
		if (!strcmp(table[i].name, name))
			return (&table[i]);
	}

	return (NULL);
}
