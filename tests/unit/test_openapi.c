/*
 * The API's document by itself: whole, its examples valid, its words those of
 * core/problem.c, its paths those of the conf. That the answers are as it says
 * is for the wire tests.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "core/problem.h"
#include "core/version.h"
#include "lib/openapi.h"

#define PATHS_MAX	64

/* Each JSON value of the document, with the way to it. */
static void
each(json_t *value, const char *at, void (*fn)(json_t *, const char *))
{
	json_t		*member;
	const char	*name;
	char		path[1024];
	size_t		i;

	fn(value, at);
	if (json_is_object(value)) {
		json_object_foreach(value, name, member) {
			(void)snprintf(path, sizeof(path), "%s/%s", at, name);
			each(member, path, fn);
		}
	}
	if (json_is_array(value)) {
		json_array_foreach(value, i, member) {
			(void)snprintf(path, sizeof(path), "%s/%zu", at, i);
			each(member, path, fn);
		}
	}
}

static void
assert_leads_somewhere(json_t *value, const char *at)
{
	if (json_object_get(value, "$ref") != NULL &&
	    openapi_resolve(value) == NULL)
		fail_msg("%s: %s leads nowhere", at,
		    json_string_value(json_object_get(value, "$ref")));
}

static void
every_reference_leads_somewhere(void **unused)
{
	(void)unused;
	each(openapi_document(), "#", assert_leads_somewhere);
}

static size_t	examples;

/* A media type, a parameter or a field: something with schema and examples. */
static void
assert_examples(json_t *value, const char *at)
{
	json_t		*schema = json_object_get(value, "schema"), *example;
	const char	*name;
	char		why[512];

	if (schema == NULL)
		return;
	json_object_foreach(json_object_get(value, "examples"), name, example) {
		examples++;
		if (!openapi_valid(schema, json_object_get(example, "value"), why,
		    sizeof(why)))
			fail_msg("%s, example %s: %s", at, name, why);
	}
	if ((example = json_object_get(value, "example")) != NULL) {
		examples++;
		if (!openapi_valid(schema, example, why, sizeof(why)))
			fail_msg("%s: %s", at, why);
	}
	/* Sound has none, nor has the form that holds it, nor this document. */
	if (json_object_get(value, "examples") == NULL && example == NULL &&
	    strstr(at, "/content/audio") == NULL &&
	    strstr(at, "octet-stream") == NULL &&
	    strstr(at, "multipart/form-data") == NULL &&
	    strstr(at, "/openapi.json") == NULL)
		fail_msg("%s has no example", at);
}

static void
every_example_is_valid(void **unused)
{
	(void)unused;
	each(openapi_document(), "#", assert_examples);
	assert_true(examples > 60);
}

static json_t *
component(const char *kind, const char *name)
{
	return (json_object_get(json_object_get(json_object_get(
	    openapi_document(), "components"), kind), name));
}

static void
the_words_are_those_of_the_table(void **unused)
{
	json_t			*statuses, *list, *item;
	const struct vg_problem	*p;
	const char		*word;
	size_t			i;

	(void)unused;
	statuses = json_object_get(component("schemas", "Problem"), "x-statuses");
	list = json_object_get(json_object_get(json_object_get(
	    component("schemas", "Problem"), "properties"), "error"), "enum");
	assert_int_equal(json_array_size(list), json_object_size(statuses));
	json_array_foreach(list, i, item) {
		word = json_string_value(item);
		if ((p = vg_problem_find(word)) == NULL)
			fail_msg("%s is documented, and no word of ours", word);
		assert_int_equal(p->status, json_integer_value(
		    json_object_get(statuses, word)));
	}
	for (i = 0; (p = vg_problem_at(i)) != NULL; i++) {
		if (json_object_get(statuses, p->word) == NULL)
			fail_msg("%s is not documented", p->word);
	}
}

static void
each_refusal_is_as_the_table_words_it(void **unused)
{
	json_t			*response, *media, *example, *value, *words;
	const struct vg_problem	*p;
	const char		*name, *word;

	(void)unused;
	json_object_foreach(json_object_get(json_object_get(openapi_document(),
	    "components"), "responses"), name, response) {
		media = json_object_get(json_object_get(response, "content"),
		    "application/problem+json");
		if (media == NULL)
			continue;
		words = json_object_get(json_object_get(json_object_get(
		    json_object_get(media, "schema"), "properties"), "error"),
		    "enum");
		assert_int_equal(json_array_size(words), json_object_size(
		    json_object_get(media, "examples")));
		json_object_foreach(json_object_get(media, "examples"), word,
		    example) {
			value = json_object_get(example, "value");
			assert_string_equal(word, json_string_value(
			    json_object_get(value, "error")));
			if ((p = vg_problem_find(word)) == NULL)
				continue;	/* told above */
			assert_int_equal(p->status, json_integer_value(
			    json_object_get(value, "status")));
			assert_string_equal(p->title, json_string_value(
			    json_object_get(value, "title")));
		}
	}
}

static bool
documented(const char *path)
{
	return (json_object_get(json_object_get(openapi_document(), "paths"),
	    path) != NULL);
}

/* The conf's path as the document writes it; false: it is none of the API. */
static bool
as_documented(const char *path, char *out, size_t size)
{
	const char	*rest;

	if (!strncmp(path, "^/api(/v1)?/", 12))
		rest = path + 11;
	else if (!strncmp(path, "/api/v1/", 8))
		rest = path + 7;
	else if (!strncmp(path, "/api/", 5))
		rest = path + 4;
	else
		return (false);
	if (strstr(rest, "[^/]+$") != NULL)
		(void)snprintf(out, size, "%.*s{id}",
		    (int)(strstr(rest, "[^/]+$") - rest), rest);
	else
		(void)snprintf(out, size, "%s", rest);
	return (true);
}

static void
the_paths_are_those_of_the_conf(void **unused)
{
	const char	*top = getenv("TEST_TOP");
	char		name[512], line[512], path[256], as[256];
	char		seen[PATHS_MAX][256];
	json_t		*item;
	const char	*key;
	size_t		n = 0, i;
	FILE		*fp;

	(void)unused;
	(void)snprintf(name, sizeof(name), "%s/conf/voicegate.conf",
	    top == NULL ? "." : top);
	assert_non_null(fp = fopen(name, "r"));
	while (fgets(line, sizeof(line), fp) != NULL) {
		if (sscanf(line, " route %255s", path) != 1 ||
		    !as_documented(path, as, sizeof(as)))
			continue;
		if (!documented(as))
			fail_msg("%s is routed and not documented", path);
		assert_true(n < PATHS_MAX);
		(void)snprintf(seen[n++], sizeof(seen[0]), "%s", as);
	}
	(void)fclose(fp);
	assert_true(n > 0);
	json_object_foreach(json_object_get(openapi_document(), "paths"), key,
	    item) {
		for (i = 0; i < n && strcmp(seen[i], key); i++)
			continue;
		if (i == n)
			fail_msg("%s is documented and not routed", key);
	}
}

static void
the_version_is_ours(void **unused)
{
	(void)unused;
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    openapi_document(), "info"), "version")), VG_VERSION);
}

static void
operations_have_names_of_their_own(void **unused)
{
	json_t		*item, *operation, *names = json_object();
	const char	*path, *method, *id;

	(void)unused;
	json_object_foreach(json_object_get(openapi_document(), "paths"), path,
	    item) {
		json_object_foreach(item, method, operation) {
			id = json_string_value(json_object_get(operation,
			    "operationId"));
			assert_non_null(id);
			assert_null(json_object_get(names, id));
			(void)json_object_set_new(names, id, json_true());
			assert_non_null(json_object_get(operation, "security"));
		}
	}
	json_decref(names);
}

/* The tests' own validator says no where it must. */
static void
what_is_wrong_is_not_valid(void **unused)
{
	static const char *const	wrong[] = {
		"{\"session_id\":1,\"message\":\"m\",\"expires_at\":"
		    "\"2026-01-02T09:30:00Z\"}",
		"{\"session_id\":\"7d9f6a52-4c1e-4b7a-9a55-0e6f3c2b8d14\","
		    "\"message\":\"\",\"expires_at\":\"2026-01-02T09:30:00Z\"}",
		"{\"session_id\":\"7d9f6a52-4c1e-4b7a-9a55-0e6f3c2b8d14\","
		    "\"message\":\"m\",\"expires_at\":\"tomorrow\"}",
		"{\"session_id\":\"7d9f6a52-4c1e-4b7a-9a55-0e6f3c2b8d14\","
		    "\"message\":\"m\"}",
		"{\"session_id\":\"7d9f6a52-4c1e-4b7a-9a55-0e6f3c2b8d14\","
		    "\"message\":\"m\",\"expires_at\":\"2026-01-02T09:30:00Z\","
		    "\"more\":1}",
		"[]", "null"
	};
	json_t				*value;
	char				why[512];
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		value = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
		if (openapi_valid(component("schemas", "Session"), value, why,
		    sizeof(why)))
			fail_msg("taken for valid: %s", wrong[i]);
		json_decref(value);
	}
	value = json_pack("{s:s}", "colour", "blue");
	assert_false(openapi_valid(value, json_null(), why, sizeof(why)));
	json_decref(value);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_reference_leads_somewhere),
		cmocka_unit_test(every_example_is_valid),
		cmocka_unit_test(the_words_are_those_of_the_table),
		cmocka_unit_test(each_refusal_is_as_the_table_words_it),
		cmocka_unit_test(the_paths_are_those_of_the_conf),
		cmocka_unit_test(the_version_is_ours),
		cmocka_unit_test(operations_have_names_of_their_own),
		cmocka_unit_test(what_is_wrong_is_not_valid),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
