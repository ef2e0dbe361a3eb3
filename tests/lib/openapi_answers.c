/* The answers' part of openapi.h. */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/openapi.h"
#include "lib/openapi_check.h"

static bool
fits_schema(struct check *c, json_t *schema, const json_t *value,
    const char *at)
{
	char	why[WHY_SIZE];

	return (openapi_valid(schema, value, why, sizeof(why)) ||
	    no(c, at, "%s", why));
}

/* The path without /api or /api/v1 and query; false: it is not under them. */
static bool
api_path(const char *target, char *out, size_t size)
{
	if (strncmp(target, "/api/", 5))
		return (false);
	target += !strncmp(target, "/api/v1/", 8) ? 7 : 4;
	(void)snprintf(out, size, "%.*s", (int)strcspn(target, "?#"), target);
	return (true);
}

/* A template's {variable} stands for one segment. */
static bool
fits(const char *template, const char *path)
{
	while (*template != '\0') {
		if (*template == '{') {
			if (strcspn(path, "/") == 0)
				return (false);
			template += strcspn(template, "}") + 1;
			path += strcspn(path, "/");
		} else if (*template++ != *path++) {
			return (false);
		}
	}
	return (*path == '\0');
}

static json_t *
path_item(const char *path)
{
	json_t		*item;
	const char	*template;

	json_object_foreach(json_object_get(openapi_document(), "paths"), template,
	    item) {
		if (fits(template, path))
			return (item);
	}
	return (NULL);
}

/* Field values are text: numbers where the schema wants them. */
static bool
fields_fit(struct check *c, json_t *documented, const struct response *response)
{
	json_t		*field, *value;
	const char	*name, *text;
	char		*end;
	long long	number;
	bool		ok;

	json_object_foreach(json_object_get(documented, "headers"), name, field) {
		field = openapi_resolve(field);
		if (!response_has(response, name)) {
			if (json_is_true(json_object_get(field, "required")))
				return (no(c, name, "the field is missing"));
			continue;
		}
		text = response_field(response, name);
		number = strtoll(text, &end, 10);
		value = *text != '\0' && *end == '\0' ? json_integer(number) :
		    json_string(text);
		ok = fits_schema(c, json_object_get(field, "schema"), value, name);
		json_decref(value);
		if (!ok)
			return (false);
	}
	return (true);
}

static bool
is_json(const char *type)
{
	return (!strcmp(type, "application/json") ||
	    !strcmp(type, "application/problem+json"));
}

static bool
content_fits(struct check *c, json_t *documented, bool head,
    const struct response *response)
{
	json_t		*content = json_object_get(documented, "content");
	json_t		*media, *value;
	char		type[128];
	bool		ok;

	if (head || content == NULL)
		return (response->body_len == 0 || no(c, "content",
		    "there is some, and none is documented"));
	(void)snprintf(type, sizeof(type), "%s",
	    response_field(response, "content-type"));
	type[strcspn(type, "; ")] = '\0';
	if ((media = json_object_get(content, type)) == NULL)
		return (no(c, "content", "\"%s\" is not documented", type));
	if (!is_json(type) || response_has(response, "content-encoding"))
		return (true);
	value = json_loadb((const char *)response->body, response->body_len, 0,
	    NULL);
	if (value == NULL)
		return (no(c, "content", "it is not JSON"));
	ok = fits_schema(c, json_object_get(media, "schema"), value, "content");
	json_decref(value);
	return (ok);
}

static bool
fits_response(struct check *c, json_t *documented, bool head,
    const struct response *response)
{
	return (fields_fit(c, documented, response) &&
	    content_fits(c, documented, head, response));
}

/* What no path has: the refusals of any request, as components name them. */
static bool
fits_component(struct check *c, int status, bool head,
    const struct response *response)
{
	json_t		*named, *example;
	const char	*name, *word;

	json_object_foreach(json_object_get(json_object_get(openapi_document(),
	    "components"), "responses"), name, named) {
		json_object_foreach(json_object_get(json_object_get(
		    json_object_get(named, "content"),
		    "application/problem+json"), "examples"), word, example) {
			if (json_integer_value(json_object_get(json_object_get(
			    example, "value"), "status")) == status &&
			    fits_response(c, named, head, response))
				return (true);
		}
	}
	return (no(c, "status", "%d is documented nowhere", status));
}

bool
openapi_answers(const char *method, const char *target,
    const struct response *response, char *why, size_t size)
{
	struct check	c = { why, size };
	json_t		*item, *operation, *documented;
	char		path[2048], name[16], status[16];
	size_t		i;
	bool		head;

	head = method != NULL && !strcmp(method, "HEAD");
	if (method == NULL)
		return (fits_component(&c, response->status, false, response));
	if (!api_path(target, path, sizeof(path)))
		return (true);
	if ((item = path_item(path)) == NULL)
		return (!strcmp(method, "OPTIONS") || fits_component(&c,
		    response->status, head, response));
	for (i = 0; i + 1 < sizeof(name) && method[i] != '\0'; i++)
		name[i] = (char)tolower((unsigned char)method[i]);
	name[i] = '\0';
	if ((operation = json_object_get(item, name)) == NULL)
		return (response->status >= 400 ? fits_component(&c,
		    response->status, head, response) :
		    no(&c, method, "the operation is not documented"));
	(void)snprintf(status, sizeof(status), "%d", response->status);
	documented = openapi_resolve(json_object_get(json_object_get(operation,
	    "responses"), status));
	if (documented == NULL)
		return (no(&c, "status", "%s is not documented", status));
	return (fits_response(&c, documented, head, response));
}

void
openapi_watch(const char *method, const char *target,
    const struct response *response)
{
	char	why[WHY_SIZE + 256];

	if (!openapi_answers(method, target, response, why, sizeof(why)))
		fail_msg("not as openapi.json has it: %s %s: %d: %s",
		    method == NULL ? "(malformed)" : method,
		    target == NULL ? "" : target, response->status, why);
}
