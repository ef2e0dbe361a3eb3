#ifndef TESTS_OPENAPI_H
#define TESTS_OPENAPI_H

/*
 * assets/openapi.json against what is really answered. The part of JSON Schema
 * 2020-12 that the document uses is known here; any other keyword is an error,
 * so that no rule of the document goes unchecked.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/client.h"

/* The document, read once from TEST_TOP; fails the test when it is not there. */
json_t	*openapi_document(void);
/* What VALUE stands for: itself, or what its $ref leads to; NULL: nowhere. */
json_t	*openapi_resolve(json_t *value);
/*
 * Whether VALUE is what SCHEMA says; if not, WHY (SIZE bytes) says where and
 * what.
 */
bool	openapi_valid(json_t *schema, const json_t *value, char *why,
	    size_t size);
/*
 * Whether RESPONSE to METHOD and TARGET (path and query, of the request line) is
 * as the document says: its status, fields and content. What is not under /api/
 * is, and WHY says so otherwise. METHOD NULL: the request was malformed, and any
 * operation's refusal will do.
 */
bool	openapi_answers(const char *method, const char *target,
	    const struct response *response, char *why, size_t size);
/* For client_watch: fails the test unless openapi_answers(). */
void	openapi_watch(const char *method, const char *target,
	    const struct response *response);

#endif
