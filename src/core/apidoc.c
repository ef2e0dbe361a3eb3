/*
 * The reference for people, made of the document for programs: what is written
 * twice drifts apart. Only the part of OpenAPI 3.1 that our document uses is
 * known here; a reference that leads nowhere is an error, so that a mistake in
 * the document stops the start and not a reader.
 *
 * HEAD and OPTIONS say nothing that GET and POST do not: they are named and no
 * more. Errors are told as words, with the sentence that goes with each.
 */

#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/apidoc.h"

#define REF_PREFIX	"#/"
#define REF_DEPTH	8	/* references that lead to references */
#define NAME_MAX_LEN	64	/* bytes of one step of a reference */

struct doc {
	FILE	*out;
	json_t	*root;		/* borrowed by all below */
	bool	bad;		/* a reference led nowhere */
};

static const char *
text_of(const json_t *object, const char *name)
{
	const char	*text = json_string_value(json_object_get(object, name));

	return (text == NULL ? "" : text);
}

static void
put_char(struct doc *d, char c)
{
	switch (c) {
	case '&':
		fputs("&amp;", d->out);
		break;
	case '<':
		fputs("&lt;", d->out);
		break;
	case '>':
		fputs("&gt;", d->out);
		break;
	case '"':
		fputs("&quot;", d->out);
		break;
	default:
		fputc(c, d->out);
		break;
	}
}

static void
put(struct doc *d, const char *text)
{
	while (text != NULL && *text != '\0')
		put_char(d, *text++);
}

/* Running text: what stands in backquotes is code. */
static void
put_prose(struct doc *d, const char *text)
{
	bool	code = false;

	for (; *text != '\0'; text++) {
		if (*text == '`') {
			fputs(code ? "</code>" : "<code>", d->out);
			code = !code;
		} else {
			put_char(d, *text);
		}
	}
	if (code)
		fputs("</code>", d->out);
}

/* An empty line parts paragraphs. */
static void
put_paragraphs(struct doc *d, const char *text)
{
	char	*copy = strdup(text), *next = copy, *end;

	while (next != NULL && *next != '\0') {
		if ((end = strstr(next, "\n\n")) != NULL) {
			*end = '\0';
			end += 2;
		}
		fputs("<p>", d->out);
		put_prose(d, next);
		fputs("</p>\n", d->out);
		next = end;
	}
	free(copy);
}

/* What VALUE stands for: itself, or what its $ref leads to. */
static json_t *
resolve(struct doc *d, json_t *value)
{
	const char	*ref, *end;
	char		name[NAME_MAX_LEN];
	json_t		*at;
	int		depth;

	for (depth = 0; depth < REF_DEPTH; depth++) {
		ref = json_string_value(json_object_get(value, "$ref"));
		if (ref == NULL)
			return (value);
		if (strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)))
			break;
		at = d->root;
		for (ref += strlen(REF_PREFIX); at != NULL && *ref != '\0';
		    ref = *end == '/' ? end + 1 : end) {
			end = ref + strcspn(ref, "/");
			if ((size_t)(end - ref) >= sizeof(name)) {
				at = NULL;
				break;
			}
			memcpy(name, ref, (size_t)(end - ref));
			name[end - ref] = '\0';
			at = json_object_get(at, name);
		}
		if (at == NULL)
			break;
		value = at;
	}
	d->bad = true;
	return (NULL);
}

/* The last step of a reference: a schema's name; NULL when there is none. */
static const char *
ref_name(const json_t *value)
{
	const char	*ref, *slash;

	ref = json_string_value(json_object_get(value, "$ref"));
	slash = ref == NULL ? NULL : strrchr(ref, '/');
	return (slash == NULL ? NULL : slash + 1);
}

static void
put_json(struct doc *d, const json_t *value)
{
	char	*text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);

	fputs("<pre tabindex=\"0\">", d->out);
	if (text != NULL)
		put(d, text);
	fputs("</pre>\n", d->out);
	free(text);
}

/* "string", "string or null", "list of string", or the schema's own page. */
static void
put_type(struct doc *d, json_t *schema)
{
	const char	*name = ref_name(schema);
	json_t		*type = json_object_get(schema, "type"), *item, *list;
	size_t		i;

	if (name != NULL) {
		(void)resolve(d, schema);
		fputs("<a href=\"#schema-", d->out);
		put(d, name);
		fputs("\">", d->out);
		put(d, name);
		fputs("</a>", d->out);
		return;
	}
	if ((list = json_object_get(schema, "items")) != NULL) {
		fputs("list of ", d->out);
		put_type(d, list);
		return;
	}
	if (json_is_array(type)) {
		json_array_foreach(type, i, item) {
			if (i > 0)
				fputs(" or ", d->out);
			put(d, json_string_value(item));
		}
	} else {
		put(d, text_of(schema, "type"));
	}
	if (text_of(schema, "format")[0] != '\0') {
		fputs(", ", d->out);
		put(d, text_of(schema, "format"));
	}
	if (json_is_string(json_object_get(schema, "const"))) {
		fputs("<code>", d->out);
		put(d, text_of(schema, "const"));
		fputs("</code>", d->out);
	}
	list = json_object_get(schema, "enum");
	json_array_foreach(list, i, item) {
		fputs(i == 0 ? ": <code>" : ", <code>", d->out);
		put(d, json_string_value(item));
		fputs("</code>", d->out);
	}
}

static void
put_examples(struct doc *d, const json_t *media)
{
	json_t		*example;
	const char	*name;

	json_object_foreach(json_object_get(media, "examples"), name, example) {
		if (text_of(example, "summary")[0] != '\0') {
			fputs("<p class=\"of\">", d->out);
			put_prose(d, text_of(example, "summary"));
			fputs("</p>\n", d->out);
		}
		put_json(d, json_object_get(example, "value"));
	}
}

static void
put_parameters(struct doc *d, const json_t *operation)
{
	json_t	*list = json_object_get(operation, "parameters"), *item;
	size_t	i;

	if (json_array_size(list) == 0)
		return;
	fputs("<h3>Parameters</h3>\n<dl>\n", d->out);
	json_array_foreach(list, i, item) {
		item = resolve(d, item);
		fputs("<dt><code>", d->out);
		put(d, text_of(item, "name"));
		fprintf(d->out, "</code> <span>%s, ", text_of(item, "in"));
		put_type(d, json_object_get(item, "schema"));
		fputs("</span></dt><dd>", d->out);
		put_prose(d, text_of(item, "description"));
		fputs("</dd>\n", d->out);
	}
	fputs("</dl>\n", d->out);
}

static void
put_content(struct doc *d, json_t *content)
{
	json_t		*media;
	const char	*type;

	json_object_foreach(content, type, media) {
		fputs("<p class=\"of\"><code>", d->out);
		put(d, type);
		fputs("</code> ", d->out);
		put_type(d, json_object_get(media, "schema"));
		fputs("</p>\n", d->out);
		put_examples(d, media);
	}
}

/* One line a kind of error: its word, and what is said. */
static void
put_words(struct doc *d, const json_t *response)
{
	json_t		*example;
	const char	*word;
	bool		first = true;

	json_object_foreach(json_object_get(json_object_get(json_object_get(
	    response, "content"), "application/problem+json"), "examples"), word,
	    example) {
		fputs(first ? "<br><code>" : ", <code>", d->out);
		put(d, word);
		fputs("</code>", d->out);
		first = false;
	}
}

static void
put_responses(struct doc *d, const json_t *operation)
{
	json_t		*responses = json_object_get(operation, "responses");
	json_t		*response;
	const char	*status;

	json_object_foreach(responses, status, response) {
		if (status[0] != '2' || (response = resolve(d, response)) == NULL)
			continue;
		fprintf(d->out, "<h3>%s</h3>\n<p>", status);
		put_prose(d, text_of(response, "description"));
		fputs("</p>\n", d->out);
		put_content(d, json_object_get(response, "content"));
	}
	fputs("<h3>Otherwise</h3>\n<dl class=\"statuses\">\n", d->out);
	json_object_foreach(responses, status, response) {
		if (status[0] == '2' || (response = resolve(d, response)) == NULL)
			continue;
		fprintf(d->out, "<dt>%s</dt><dd>", status);
		put_prose(d, text_of(response, "description"));
		put_words(d, response);
		fputs("</dd>\n", d->out);
	}
	fputs("</dl>\n", d->out);
}

static void
put_security(struct doc *d, const json_t *operation)
{
	json_t		*item, *scopes;
	const char	*name;
	size_t		i;

	json_array_foreach(json_object_get(operation, "security"), i, item) {
		json_object_foreach(item, name, scopes) {
			fputs("<p>API key with scope <code>", d->out);
			put(d, json_string_value(json_array_get(scopes, 0)));
			fputs("</code>, where keys are asked for.</p>\n", d->out);
		}
	}
}

static void
put_operation(struct doc *d, const char *path, const char *method,
    const json_t *item)
{
	json_t		*operation = json_object_get(item, method);
	const char	*c;

	if (operation == NULL)
		return;
	fputs("<section id=\"", d->out);
	put(d, text_of(operation, "operationId"));
	fputs("\">\n<h2>", d->out);
	put(d, text_of(operation, "summary"));
	fputs("</h2>\n<p class=\"line\"><strong>", d->out);
	for (c = method; *c != '\0'; c++)
		fputc(*c - 'a' + 'A', d->out);
	fputs(json_object_get(item, "head") != NULL ? ", HEAD" : "", d->out);
	fputs("</strong> <code>/api", d->out);
	put(d, path);
	fputs("</code></p>\n", d->out);
	put_paragraphs(d, text_of(operation, "description"));
	put_security(d, operation);
	put_parameters(d, operation);
	if (json_object_get(operation, "requestBody") != NULL) {
		json_t	*body = json_object_get(operation, "requestBody");

		fputs("<h3>Content</h3>\n", d->out);
		put_paragraphs(d, text_of(body, "description"));
		put_content(d, json_object_get(body, "content"));
	}
	put_responses(d, operation);
	fputs("</section>\n", d->out);
}

static void
put_list(struct doc *d, json_t *paths)
{
	static const char *const	methods[] = { "get", "post" };
	json_t				*item, *operation;
	const char			*path;
	size_t				i;

	fputs("<nav aria-label=\"Operations\"><ul>\n", d->out);
	json_object_foreach(paths, path, item) {
		for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
			if ((operation = json_object_get(item, methods[i])) == NULL)
				continue;
			fputs("<li><a href=\"#", d->out);
			put(d, text_of(operation, "operationId"));
			fputs("\">", d->out);
			put(d, text_of(operation, "summary"));
			fputs("</a></li>\n", d->out);
		}
	}
	fputs("</ul></nav>\n", d->out);
}

static bool
is_required(const json_t *schema, const char *name)
{
	json_t	*item;
	size_t	i;

	json_array_foreach(json_object_get(schema, "required"), i, item) {
		if (!strcmp(json_string_value(item), name))
			return (true);
	}
	return (false);
}

static void
put_schemas(struct doc *d, json_t *schemas)
{
	json_t		*schema, *property;
	const char	*name, *member;

	fputs("<section id=\"schemas\">\n<h2>Schemas</h2>\n", d->out);
	json_object_foreach(schemas, name, schema) {
		fputs("<h3 id=\"schema-", d->out);
		put(d, name);
		fputs("\">", d->out);
		put(d, name);
		fputs("</h3>\n<p>", d->out);
		put_type(d, schema);
		fputs(". ", d->out);
		put_prose(d, text_of(schema, "description"));
		fputs("</p>\n", d->out);
		if (json_object_size(json_object_get(schema, "properties")) == 0)
			continue;
		fputs("<dl>\n", d->out);
		json_object_foreach(json_object_get(schema, "properties"), member,
		    property) {
			fputs("<dt><code>", d->out);
			put(d, member);
			fputs("</code> <span>", d->out);
			put_type(d, property);
			fputs(is_required(schema, member) ? "" : ", optional",
			    d->out);
			fputs("</span></dt><dd>", d->out);
			put_prose(d, text_of(property, "description"));
			fputs("</dd>\n", d->out);
		}
		fputs("</dl>\n", d->out);
	}
	fputs("</section>\n", d->out);
}

char *
vg_apidoc_html(const char *document, size_t len, size_t *html_len)
{
	struct doc	d = { .bad = false };
	json_t		*info, *paths, *item;
	const char	*path;
	char		*html = NULL;
	bool		failed;

	d.root = json_loadb(document, len, JSON_REJECT_DUPLICATES, NULL);
	info = json_object_get(d.root, "info");
	paths = json_object_get(d.root, "paths");
	if (info == NULL || paths == NULL ||
	    (d.out = open_memstream(&html, html_len)) == NULL) {
		json_decref(d.root);
		return (NULL);
	}
	fputs("<h1>", d.out);
	put(&d, text_of(info, "title"));
	fputs(": the API</h1>\n<p class=\"version\">Version ", d.out);
	put(&d, text_of(info, "version"));
	fputs(". For programs: <a href=\"/api/openapi.json\">"
	    "<code>/api/openapi.json</code></a>, OpenAPI ", d.out);
	put(&d, text_of(d.root, "openapi"));
	fputs(".</p>\n", d.out);
	put_paragraphs(&d, text_of(info, "description"));
	put_list(&d, paths);
	json_object_foreach(paths, path, item) {
		put_operation(&d, path, "get", item);
		put_operation(&d, path, "post", item);
	}
	put_schemas(&d, json_object_get(json_object_get(d.root, "components"),
	    "schemas"));
	failed = ferror(d.out) != 0;
	failed |= fclose(d.out) != 0;
	json_decref(d.root);
	if (failed || d.bad) {
		free(html);
		return (NULL);
	}
	return (html);
}
