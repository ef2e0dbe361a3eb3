/*
 * The yardstick: Kore as packaged with a handler that answers a fixed body, and
 * nothing else. What the gateway does beyond this is what its policies cost.
 *
 * BARE_PORT, BARE_BODY (bytes of the body) and BARE_USER in the environment.
 */

#include <kore/kore.h>
#include <kore/http.h>

#include <stdlib.h>
#include <string.h>

void	kore_parent_configure(int, char **);
int	bare(struct http_request *);

static const char	*body = "";

static const char *
need(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL || *value == '\0')
		fatal("%s is not set", name);
	return (value);
}

void
kore_parent_configure(int argc, char *argv[])
{
	struct kore_server	*server;
	const char		*user = getenv("BARE_USER");

	kore_default_getopt(argc, argv);
	body = need("BARE_BODY");
	if (user != NULL && *user != '\0')
		kore_runas_user = kore_strdup(user);
	server = kore_server_create("bare");
	server->tls = 0;
	if (!kore_server_bind(server, "127.0.0.1", need("BARE_PORT"), NULL))
		fatal("port %s: %s", getenv("BARE_PORT"), errno_s);
}

int
bare(struct http_request *req)
{
	http_response_header(req, "content-type", "application/json");
	http_response(req, 200, body, strlen(body));
	return (KORE_RESULT_OK);
}
