#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

/* What every wire test starts with. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/client.h"
#include "lib/openapi.h"
#include "lib/server.h"

static struct server	gateway;

#define FIXTURES	(getenv("SPEECH_FIXTURES"))

/* A gateway whose limits are out of the way, for the whole program. */
static const char *const	wide[] = { "RATE_LIMIT_PER_MINUTE=100000",
	"RATE_LIMIT_HEALTH_PER_MINUTE=100000",
	"MAX_CONNECTIONS_PER_CLIENT=0", NULL };

/* Every answer of a wire test is what the API's document says it is. */
__attribute__((constructor)) static void
watch_answers(void)
{
	client_watch = openapi_watch;
}

static inline int
wide_setup(void **state)
{
	(void)state;
	server_start(&gateway, NULL, wide);
	return (0);
}

static inline int
wide_teardown(void **state)
{
	(void)state;
	server_stop(&gateway);
	return (0);
}

static inline void
fixture(char *path, size_t size, const char *name)
{
	(void)snprintf(path, size, "%s/%s", FIXTURES, name);
}

/* A voice message was answered in full: nothing fell back. */
static inline bool
is_answered_in_full(const struct response *r)
{
	return (r->status == 200 &&
	    strstr((const char *)r->body, "degraded") == NULL);
}

/* A problem document with this word, and every header of the contract. */
static inline void
assert_problem(const struct response *r, int status, const char *word)
{
	if (r->status != status)
		fail_msg("%d instead of %d %s: %s", r->status, status, word,
		    r->body == NULL ? "" : (const char *)r->body);
	assert_string_equal(response_field(r, "content-type"),
	    "application/problem+json");
	assert_string_equal(response_json(r, "error"), word);
	assert_string_equal(response_json(r, "request_id"),
	    response_field(r, "x-request-id"));
}

#endif
