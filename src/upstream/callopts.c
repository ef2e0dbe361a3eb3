/*
 * How every call to a provider is set up, in one place to be read at once.
 *
 * libcurl is a general tool, and most of what it can do is here a danger: a
 * redirect would carry a key to another host, a proxy from the environment
 * would see every recording, a cookie would tie two people's turns together.
 * All that is shut off. What is left is one request to the configured address
 * over HTTP/1.1, and over TLS where the address says so.
 *
 * CURLOPT_QUICK_EXIT is not about exit: without it libcurl joins the thread
 * that looks up a name when the transfer is cancelled or out of time, and a
 * name server that does not answer would hold the event loop for seconds.
 */

#include <stdio.h>
#include <string.h>

#include "upstream/client.h"

#define DNS_CACHE_S	60	/* seconds */
#define IDLE_REUSE_S	30	/* seconds; older idle connections are closed */
#define SEND_BUFFER	32768	/* bytes, a call; libcurl would take 64 KiB */
#define USER_AGENT	"voicegate"

struct option {
	CURLoption	name;
	long		value;
};

static const struct option	longs[] = {
	{ CURLOPT_NOSIGNAL,		1 },
	{ CURLOPT_QUICK_EXIT,		1 },	/* see above */
	{ CURLOPT_NOPROGRESS,		1 },
	{ CURLOPT_VERBOSE,		0 },	/* it would show keys */
	{ CURLOPT_HTTP_VERSION,		CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_HTTP09_ALLOWED,	0 },
	{ CURLOPT_FOLLOWLOCATION,	0 },
	{ CURLOPT_MAXREDIRS,		0 },
	{ CURLOPT_UNRESTRICTED_AUTH,	0 },
	{ CURLOPT_NETRC,		CURL_NETRC_IGNORED },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_HTTP_CONTENT_DECODING, 0 },	/* no bomb to unpack */
	{ CURLOPT_CONNECTTIMEOUT_MS,	VG_CALL_CONNECT_MS },
	{ CURLOPT_DNS_CACHE_TIMEOUT,	DNS_CACHE_S },
	{ CURLOPT_MAXAGE_CONN,		IDLE_REUSE_S },
	{ CURLOPT_TCP_KEEPALIVE,	1 },
	{ CURLOPT_UPLOAD_BUFFERSIZE,	SEND_BUFFER },
};

int
vg_call_set_common(CURL *easy, const struct vg_call_spec *spec)
{
	size_t	i;

	for (i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
		if (curl_easy_setopt(easy, longs[i].name, longs[i].value) !=
		    CURLE_OK)
			return (-1);
	}

	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") !=
	    CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") !=
	    CURLE_OK ||
	    /* The empty string, not NULL: no proxy, whatever the environment. */
	    curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_URL, spec->url) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
	    (long)spec->timeout_ms) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
	    (curl_off_t)spec->answer_max) != CURLE_OK)
		return (-1);

	return (vg_trust_apply(easy));
}

int
vg_call_set_headers(CURL *easy, const struct vg_call_spec *spec,
    struct curl_slist **list)
{
	struct curl_slist	*l;
	char			line[VG_UPSTREAM_KEY_MAX + 32];
	size_t			i;
	int			n, ret;

	ret = -1;

	/* No "Expect: 100-continue": many servers never answer to it. */
	if ((*list = curl_slist_append(NULL, "Expect:")) == NULL)
		goto out;
	if ((l = curl_slist_append(*list, spec->audio ?
	    "Accept: audio/*" : "Accept: application/json")) == NULL)
		goto out;
	*list = l;

	if (spec->json != NULL) {
		if ((l = curl_slist_append(*list,
		    "Content-Type: application/json")) == NULL)
			goto out;
		*list = l;
	}

	if (spec->key[0] != '\0') {
		n = snprintf(line, sizeof(line), "Authorization: Bearer %s",
		    spec->key);
		if (n < 0 || (size_t)n >= sizeof(line))
			goto out;
		l = curl_slist_append(*list, line);
		explicit_bzero(line, sizeof(line));
		if (l == NULL)
			goto out;
		*list = l;
	}

	for (i = 0; spec->lines != NULL && spec->lines[i] != NULL; i++) {
		if ((l = curl_slist_append(*list, spec->lines[i])) == NULL)
			goto out;
		*list = l;
	}

	if (curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *list) != CURLE_OK)
		goto out;

	ret = 0;
out:
	return (ret);
}

int
vg_call_set_json(CURL *easy, const char *json)
{
	if (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)strlen(json)) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, json) != CURLE_OK)
		return (-1);

	return (0);
}

int
vg_call_set_form(CURL *easy, const struct vg_call_upload *up,
    curl_read_callback read_fn, curl_seek_callback seek_fn, void *arg,
    curl_mime **form)
{
	const struct vg_call_field	*f;
	curl_mimepart			*part;

	if ((*form = curl_mime_init(easy)) == NULL)
		return (-1);

	/* The small fields first: a server knows the model when sound comes. */
	for (f = up->fields; f != NULL && f->name != NULL; f++) {
		if ((part = curl_mime_addpart(*form)) == NULL ||
		    curl_mime_name(part, f->name) != CURLE_OK ||
		    curl_mime_data(part, f->value, CURL_ZERO_TERMINATED) !=
		    CURLE_OK)
			return (-1);
	}

	if ((part = curl_mime_addpart(*form)) == NULL ||
	    curl_mime_name(part, "file") != CURLE_OK ||
	    curl_mime_filename(part, up->filename) != CURLE_OK ||
	    curl_mime_type(part, up->type) != CURLE_OK ||
	    curl_mime_data_cb(part, (curl_off_t)up->len, read_fn, seek_fn,
	    NULL, arg) != CURLE_OK)
		return (-1);

	return (curl_easy_setopt(easy, CURLOPT_MIMEPOST, *form) == CURLE_OK ?
	    0 : -1);
}

/* The list holds the key: it is wiped before its memory goes to others. */
void
vg_call_free_headers(struct curl_slist *list)
{
	struct curl_slist	*l;

	for (l = list; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));

	curl_slist_free_all(list);
}
