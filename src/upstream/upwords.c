/*
 * The words that health answers, logs and events use; they are stable.
 */

#include "upstream/upstream.h"

static const char *const	kinds[VG_UP_KINDS] = {
	[VG_UP_STT] = "stt",
	[VG_UP_CHAT] = "chat",
	[VG_UP_TTS] = "tts",
};

static const char *const	errors[VG_UP_ERRORS] = {
	[VG_UP_OK] = "ok",
	[VG_UP_UNREACHABLE] = "unreachable",
	[VG_UP_TIMEOUT] = "timeout",
	[VG_UP_RATE_LIMITED] = "rate_limited",
	[VG_UP_AUTH] = "auth",
	[VG_UP_CLIENT] = "client",
	[VG_UP_NO_ENDPOINT] = "no_endpoint",
	[VG_UP_UNDECODABLE] = "undecodable",
	[VG_UP_LONG] = "recording_too_large",
	[VG_UP_SERVER] = "server",
	[VG_UP_GARBAGE] = "garbage",
	[VG_UP_TOO_LARGE] = "too_large",
	[VG_UP_CANCELLED] = "cancelled",
	[VG_UP_BREAKER_OPEN] = "breaker_open",
	[VG_UP_BUSY] = "busy",
	[VG_UP_LOCAL] = "local",
	[VG_UP_NO_ROOM] = "no_room",
	[VG_UP_NO_DESCRIPTORS] = "no_descriptors",
};

static const char *const	events[VG_UP_EVENTS] = {
	[VG_UP_EVENT_KEY_REFUSED] = "key_refused",
	[VG_UP_EVENT_KEYS_EXHAUSTED] = "keys_exhausted",
	[VG_UP_EVENT_BREAKER_OPENED] = "breaker_opened",
	[VG_UP_EVENT_BREAKER_CLOSED] = "breaker_closed",
};

const char *
vg_up_kind_word(enum vg_up_kind kind)
{
	return ((unsigned)kind < VG_UP_KINDS ? kinds[kind] : "unknown");
}

const char *
vg_up_error_word(enum vg_up_error error)
{
	return ((unsigned)error < VG_UP_ERRORS ? errors[error] : "unknown");
}

const char *
vg_up_event_word(enum vg_up_event event)
{
	return ((unsigned)event < VG_UP_EVENTS ? events[event] : "unknown");
}
