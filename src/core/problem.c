/*
 * Error answers as problem documents (RFC 9457).
 *
 * Every refusal of the service, from whichever corner of it, uses one of these
 * entries. The table is the one place where a word is bound to a status, so a
 * client that switches on the word never meets it under two statuses, and the
 * API document is compared with it. Words are never renamed; a new kind of
 * error gets a new word.
 *
 * Nothing of a request is echoed here: title and detail are constants of ours,
 * and the request id is made by us. It is escaped all the same, since the day
 * when a proxy's id is passed through must not become the day of an injection.
 *
 * `type` is the relative reference /problems/<word> (RFC 9457 3.1.1 allows one,
 * resolved against the request's URI): an absolute path, so that it means the
 * same below /api/ and /api/v1/, and no foreign domain has to outlive us.
 */

#include <string.h>

#include "core/decimal.h"
#include "core/logesc.h"
#include "core/problem.h"

#define P(word, status, title, detail)	\
	{ #word, "/problems/" #word, title, detail, status }

static const struct vg_problem problems[] = {
	P(bad_request, 400, "Bad request",
	    "The request is not well-formed."),
	P(validation_failed, 400, "Invalid request content",
	    "A required part of the request is missing or invalid."),
	P(authentication_required, 401, "Authentication required",
	    "An API key is needed: Authorization: Bearer."),
	P(invalid_api_key, 401, "Invalid API key",
	    "The API key is unknown, revoked or expired."),
	P(insufficient_scope, 403, "Insufficient scope",
	    "This API key does not allow the request."),
	P(origin_denied, 403, "Origin not allowed",
	    "Requests from this origin are not allowed."),
	P(client_blocked, 403, "Client blocked",
	    "Requests from this client are not accepted."),
	P(not_found, 404, "Not found",
	    "There is nothing here."),
	P(session_not_found, 404, "Session not found",
	    "The session is unknown, has ended or has expired."),
	P(audio_not_found, 404, "Audio not found",
	    "The recording is unknown or no longer available."),
	P(method_not_allowed, 405, "Method not allowed",
	    "The method is not one that this resource supports; see Allow."),
	P(not_acceptable, 406, "Not acceptable",
	    "No representation is available in an accepted form."),
	P(request_timeout, 408, "Request timeout",
	    "The request did not arrive in time."),
	P(idempotency_conflict, 409, "Request in progress",
	    "A request with this idempotency key is still being processed."),
	P(length_required, 411, "Length required",
	    "The request needs a Content-Length."),
	P(precondition_failed, 412, "Precondition failed",
	    "A precondition of the request does not hold."),
	P(payload_too_large, 413, "Content too large",
	    "The request's content is larger than what is accepted."),
	P(uri_too_long, 414, "URI too long",
	    "The request's target is longer than what is accepted."),
	P(unsupported_media_type, 415, "Unsupported media type",
	    "The content is not of a supported type."),
	P(range_not_satisfiable, 416, "Range not satisfiable",
	    "The requested range lies outside of the content."),
	P(expectation_failed, 417, "Expectation failed",
	    "The only supported expectation is 100-continue."),
	P(misdirected_request, 421, "Misdirected request",
	    "This server does not answer for the requested host."),
	P(audio_undecodable, 422, "Audio cannot be decoded",
	    "The recording could not be decoded."),
	P(idempotency_mismatch, 422, "Idempotency key reused",
	    "This idempotency key was used with different content."),
	P(rate_limited, 429, "Too many requests",
	    "The rate limit is reached; see Retry-After."),
	P(too_many_uploads, 429, "Too many uploads at once",
	    "This client has as many uploads in flight as it may; "
	    "see Retry-After."),
	P(headers_too_large, 431, "Request header fields too large",
	    "The request's header fields are larger than what is accepted."),
	P(internal_error, 500, "Internal error",
	    "The request could not be processed."),
	P(not_implemented, 501, "Not implemented",
	    "The request needs a feature that is not supported."),
	P(provider_unavailable, 503, "Provider unavailable",
	    "A speech provider is not available; try again later."),
	P(database_unavailable, 503, "Database unavailable",
	    "The service cannot reach its database; try again later."),
	P(storage_unavailable, 503, "Storage unavailable",
	    "The service cannot store the request; try again later."),
	P(overloaded, 503, "Service overloaded",
	    "The service is busy; try again later."),
	P(shutting_down, 503, "Service shutting down",
	    "The service is about to stop; try again later."),
	P(provider_timeout, 504, "Provider timeout",
	    "A speech provider did not answer in time."),
	P(http_version_not_supported, 505, "HTTP version not supported",
	    "The supported versions are HTTP/1.1 and HTTP/1.0.")
};

#undef P

#define PROBLEMS	(sizeof(problems) / sizeof(problems[0]))

const struct vg_problem *
vg_problem_find(const char *word)
{
	size_t		i;

	for (i = 0; i < PROBLEMS; i++) {
		if (problems[i].word[0] == word[0] &&
		    !strcmp(problems[i].word, word))
			return (&problems[i]);
	}

	return (NULL);
}

const struct vg_problem *
vg_problem_at(size_t index)
{
	return (index < PROBLEMS ? &problems[index] : NULL);
}

const struct vg_problem *
vg_problem_for_status(int status)
{
	/*
	 * Where one status has several words, the one that claims least. The
	 * table's order gives it for all but these.
	 */
	if (status == 503)
		return (vg_problem_find("overloaded"));

	for (size_t i = 0; i < PROBLEMS; i++) {
		if (problems[i].status == status)
			return (&problems[i]);
	}

	return (vg_problem_find("internal_error"));
}

int
vg_problem_format(char *buf, size_t size, const char *word, const char *detail,
    const char *request_id)
{
	const struct vg_problem	*p;
	char			text[VG_PROBLEM_DETAIL_MAX * 6 + 1];
	char			id[VG_PROBLEM_ID_MAX * 6 + 1], status[4];
	const char		*piece[16];
	size_t			i, n = 0, len = 0, part;

	if ((p = vg_problem_find(word)) == NULL)
		p = vg_problem_find("internal_error");
	if (detail == NULL)
		detail = p->detail;

	if (strlen(detail) > VG_PROBLEM_DETAIL_MAX ||
	    vg_json_escape(text, sizeof(text), detail, strlen(detail)) == -1)
		return (-1);

	id[0] = '\0';
	if (request_id != NULL && (strlen(request_id) > VG_PROBLEM_ID_MAX ||
	    vg_json_escape(id, sizeof(id), request_id,
	    strlen(request_id)) == -1))
		return (-1);

	vg_decimal_padded(status, 3, (uint32_t)p->status);
	status[3] = '\0';
	/* A flood is answered with these: pieces, not printf(3). */
	piece[n++] = "{\"type\":\"";
	piece[n++] = p->type;
	piece[n++] = "\",\"title\":\"";
	piece[n++] = p->title;
	piece[n++] = "\",\"status\":";
	piece[n++] = status;
	piece[n++] = ",\"detail\":\"";
	piece[n++] = text;
	if (request_id != NULL) {
		piece[n++] = "\",\"request_id\":\"";
		piece[n++] = id;
	}
	piece[n++] = "\",\"error\":\"";
	piece[n++] = p->word;
	piece[n++] = "\"}";
	for (i = 0; i < n; i++) {
		part = strlen(piece[i]);
		if (part >= size - len)
			return (-1);
		memcpy(buf + len, piece[i], part);
		len += part;
	}
	buf[len] = '\0';

	return ((int)len);
}
