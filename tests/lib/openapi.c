/* See openapi.h. */

#include <ctype.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "lib/openapi.h"
#include "lib/openapi_check.h"

#define REF_PREFIX	"#/"

static bool	valid(struct check *, json_t *, const json_t *, const char *);

json_t *
openapi_document(void)
{
	static json_t	*root;
	const char	*top = getenv("TEST_TOP");
	json_error_t	error;
	char		path[512];

	if (root != NULL)
		return (root);
	(void)snprintf(path, sizeof(path), "%s/assets/openapi.json",
	    top == NULL ? "." : top);
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return (root);
}

static json_t *
follow(const char *ref)
{
	json_t		*at = openapi_document();
	const char	*end;
	char		name[128];

	if (strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)))
		return (NULL);
	for (ref += strlen(REF_PREFIX); at != NULL && *ref != '\0';
	    ref = *end == '/' ? end + 1 : end) {
		end = ref + strcspn(ref, "/");
		(void)snprintf(name, sizeof(name), "%.*s", (int)(end - ref), ref);
		at = json_object_get(at, name);
	}
	return (at);
}

json_t *
openapi_resolve(json_t *value)
{
	const char	*ref;

	while ((ref = json_string_value(json_object_get(value, "$ref"))) != NULL)
		value = follow(ref);
	return (value);
}

/* --- schemas --------------------------------------------------------------- */

static bool
is_type(const char *type, const json_t *value)
{
	if (!strcmp(type, "integer"))
		return (json_is_integer(value));
	if (!strcmp(type, "number"))
		return (json_is_number(value));
	return ((!strcmp(type, "string") && json_is_string(value)) ||
	    (!strcmp(type, "object") && json_is_object(value)) ||
	    (!strcmp(type, "array") && json_is_array(value)) ||
	    (!strcmp(type, "boolean") && json_is_boolean(value)) ||
	    (!strcmp(type, "null") && json_is_null(value)));
}

static bool
matches(const char *pattern, const char *text)
{
	regex_t	re;
	int	found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		fail_msg("the pattern is none: %s", pattern);
	found = regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return (found == 0);
}

static bool
has_format(const char *format, const char *text)
{
	if (!strcmp(format, "uuid"))
		return (matches("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-"
		    "[0-9a-fA-F]{12}$", text));
	if (!strcmp(format, "date-time"))
		return (matches("^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:"
		    "[0-5][0-9]:[0-6][0-9](\\.[0-9]+)?(Z|[+-][0-2][0-9]:"
		    "[0-5][0-9])$", text));
	fail_msg("the format %s is not known", format);
	return (false);
}

static bool
one_of_types(const json_t *types, const json_t *value)
{
	size_t	i;

	if (json_is_string(types))
		return (is_type(json_string_value(types), value));
	for (i = 0; i < json_array_size(types); i++) {
		if (is_type(json_string_value(json_array_get(types, i)), value))
			return (true);
	}
	return (false);
}

static bool
listed(const json_t *list, const json_t *value)
{
	size_t	i;

	for (i = 0; i < json_array_size(list); i++) {
		if (json_equal(json_array_get(list, i), value))
			return (true);
	}
	return (false);
}

static bool
properties(struct check *c, json_t *rules, const json_t *value, const char *at)
{
	json_t		*rule, *member;
	const char	*name;
	char		path[256];

	if (!json_is_object(value))
		return (true);
	json_object_foreach(rules, name, rule) {
		if ((member = json_object_get(value, name)) == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s.%s", at, name);
		if (!valid(c, rule, member, path))
			return (false);
	}
	return (true);
}

static bool
no_others(struct check *c, const json_t *rules, const json_t *value,
    const char *at)
{
	json_t		*member;
	const char	*name;

	json_object_foreach((json_t *)(uintptr_t)value, name, member) {
		if (json_object_get(rules, name) == NULL)
			return (no(c, at, "%s is not documented", name));
	}
	return (true);
}

static bool
all_there(struct check *c, const json_t *names, const json_t *value,
    const char *at)
{
	size_t		i;
	const char	*name;

	for (i = 0; json_is_object(value) && i < json_array_size(names); i++) {
		name = json_string_value(json_array_get(names, i));
		if (json_object_get(value, name) == NULL)
			return (no(c, at, "%s is missing", name));
	}
	return (true);
}

static bool
items(struct check *c, json_t *rule, const json_t *value, const char *at)
{
	size_t	i;
	char	path[256];

	for (i = 0; i < json_array_size(value); i++) {
		(void)snprintf(path, sizeof(path), "%s[%zu]", at, i);
		if (!valid(c, rule, json_array_get(value, i), path))
			return (false);
	}
	return (true);
}

/* Keywords that say nothing about what is valid. */
static bool
is_annotation(const char *keyword)
{
	return (!strcmp(keyword, "description") || !strcmp(keyword, "title") ||
	    !strcmp(keyword, "contentMediaType") || !strncmp(keyword, "x-", 2));
}

static bool
keyword(struct check *c, json_t *schema, const char *key, json_t *rule,
    const json_t *value, const char *at)
{
	const char	*text = json_string_value(value);
	json_int_t	number = json_integer_value(rule);

	if (is_annotation(key))
		return (true);
	if (!strcmp(key, "$ref"))
		return (follow(json_string_value(rule)) == NULL ?
		    no(c, at, "%s leads nowhere", json_string_value(rule)) :
		    valid(c, follow(json_string_value(rule)), value, at));
	if (!strcmp(key, "type"))
		return (one_of_types(rule, value) || no(c, at, "not of its type"));
	if (!strcmp(key, "const"))
		return (json_equal(rule, value) || no(c, at, "another constant"));
	if (!strcmp(key, "enum"))
		return (listed(rule, value) || no(c, at, "%s is not among the "
		    "values", text == NULL ? "it" : text));
	if (!strcmp(key, "properties"))
		return (properties(c, rule, value, at));
	if (!strcmp(key, "additionalProperties") && json_is_false(rule))
		return (no_others(c, json_object_get(schema, "properties"), value,
		    at));
	if (!strcmp(key, "required"))
		return (all_there(c, rule, value, at));
	if (!strcmp(key, "items"))
		return (items(c, rule, value, at));
	if (!strcmp(key, "minItems"))
		return (!json_is_array(value) || (json_int_t)json_array_size(value)
		    >= number || no(c, at, "too few items"));
	if (!strcmp(key, "minimum"))
		return (!json_is_integer(value) || json_integer_value(value) >=
		    number || no(c, at, "too small"));
	if (!strcmp(key, "maximum"))
		return (!json_is_integer(value) || json_integer_value(value) <=
		    number || no(c, at, "too large"));
	if (!strcmp(key, "minLength"))
		return (text == NULL || (json_int_t)strlen(text) >= number ||
		    no(c, at, "too short"));
	if (!strcmp(key, "maxLength"))
		return (text == NULL || (json_int_t)strlen(text) <= number ||
		    no(c, at, "too long"));
	if (!strcmp(key, "pattern"))
		return (text == NULL || matches(json_string_value(rule), text) ||
		    no(c, at, "\"%s\" does not match %s", text,
		    json_string_value(rule)));
	if (!strcmp(key, "format"))
		return (text == NULL || has_format(json_string_value(rule), text) ||
		    no(c, at, "\"%s\" is no %s", text, json_string_value(rule)));
	return (no(c, at, "the keyword %s is not known to the tests", key));
}

static bool
valid(struct check *c, json_t *schema, const json_t *value, const char *at)
{
	json_t		*rule;
	const char	*key;

	json_object_foreach(schema, key, rule) {
		if (!keyword(c, schema, key, rule, value, at))
			return (false);
	}
	return (true);
}

bool
openapi_valid(json_t *schema, const json_t *value, char *why, size_t size)
{
	struct check	c = { why, size };

	return (valid(&c, schema, value, "it"));
}
