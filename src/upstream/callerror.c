/*
 * What the end of a call means, in our own words.
 *
 * The callers decide by these whether to repeat, to tell the breaker, to blame
 * the client or to go on without: so each end has exactly one of them.
 */

#include "upstream/call.h"

static enum vg_up_error	error_of_status(long, bool);
static enum vg_up_error	error_of_code(CURLcode);

enum vg_up_error
vg_call_error(const struct vg_call *c, CURLcode code, long status)
{
	/* A status that came is worth more than how its body ended. */
	if (status >= 400)
		return (error_of_status(status, c->in_fd != -1));
	if (c->failed != VG_UP_OK)
		return (c->failed);
	/* No socket for any of its addresses: that is not the provider's. */
	if (code == CURLE_COULDNT_CONNECT && c->no_socket)
		return (VG_UP_NO_DESCRIPTORS);
	if (code != CURLE_OK)
		return (error_of_code(code));

	return (status == 200 ? VG_UP_OK : VG_UP_GARBAGE);
}

static enum vg_up_error
error_of_status(long status, bool recording)
{
	switch (status) {
	case 401:
	case 403:
		return (VG_UP_AUTH);
	case 404:
	case 405:
		/* The paths are fixed: it has not what it is asked for. */
		return (VG_UP_NO_ENDPOINT);
	case 408:
		return (VG_UP_TIMEOUT);
	case 413:
		return (recording ? VG_UP_LONG : VG_UP_CLIENT);
	case 429:
		return (VG_UP_RATE_LIMITED);
	case 400:
	case 415:
	case 422:
		return (recording ? VG_UP_UNDECODABLE : VG_UP_CLIENT);
	default:
		break;
	}

	return (status < 500 ? VG_UP_CLIENT :
	    status < 600 ? VG_UP_SERVER : VG_UP_GARBAGE);
}

static enum vg_up_error
error_of_code(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return (VG_UP_TIMEOUT);
	case CURLE_FILESIZE_EXCEEDED:
		return (VG_UP_TOO_LARGE);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_READ_ERROR:
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		return (VG_UP_LOCAL);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_TOO_MANY_REDIRECTS:
		return (VG_UP_GARBAGE);
	default:
		break;
	}

	return (VG_UP_UNREACHABLE);
}

/* Whether nothing went out and another attempt may fare better. */
bool
vg_call_unsent(const struct vg_call *c, CURLcode code)
{
	long	bytes;

	/* A certificate that is not trusted will not be a second later. */
	if (code == CURLE_OK || code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_UNSUPPORTED_PROTOCOL)
		return (false);

	bytes = 0;
	(void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &bytes);

	return (bytes == 0);
}
