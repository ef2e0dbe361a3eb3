/* The page for people, made of the API's document. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/apidoc.h"
#include "core/problem.h"
#include "lib/openapi.h"

static char *
html_of(const char *document)
{
	size_t	len;

	return (vg_apidoc_html(document, strlen(document), &len));
}

static void
all_of_the_document_is_told(void **unused)
{
	json_t		*item, *value;
	const char	*name;
	char		*text, *html, want[256];
	size_t		i;

	(void)unused;
	text = json_dumps(openapi_document(), JSON_COMPACT);
	assert_non_null(html = html_of(text));
	json_object_foreach(json_object_get(openapi_document(), "paths"), name,
	    item) {
		(void)snprintf(want, sizeof(want), "<code>/api%s</code>", name);
		assert_non_null(strstr(html, want));
	}
	json_object_foreach(json_object_get(json_object_get(openapi_document(),
	    "components"), "schemas"), name, item) {
		(void)snprintf(want, sizeof(want), "<h3 id=\"schema-%s\">", name);
		assert_non_null(strstr(html, want));
	}
	json_array_foreach(json_object_get(json_object_get(json_object_get(
	    json_object_get(json_object_get(json_object_get(openapi_document(),
	    "components"), "schemas"), "Problem"), "properties"), "error"),
	    "enum"), i, value) {
		(void)snprintf(want, sizeof(want), "<code>%s</code>",
		    json_string_value(value));
		assert_non_null(strstr(html, want));
	}
	/* Nothing that the page's policy would stop, and no placeholder. */
	assert_null(strstr(html, "<script"));
	assert_null(strstr(html, "style="));
	assert_null(strstr(html, "{{"));
	free(html);
	free(text);
}

static void
text_is_escaped(void **unused)
{
	char	*html;

	(void)unused;
	html = html_of("{\"info\":{\"title\":\"<script>&\\\"\",\"version\":"
	    "\"`<b>`\",\"description\":\"a\\n\\n<i>`b\"},\"paths\":{\"/<p>\":"
	    "{\"get\":{\"summary\":\"<u>\",\"operationId\":\"\\\"><x>\"}}}}");
	assert_non_null(html);
	assert_non_null(strstr(html, "&lt;script&gt;&amp;&quot;"));
	assert_null(strstr(html, "<script"));
	assert_null(strstr(html, "<b>"));
	assert_null(strstr(html, "<i>"));
	assert_null(strstr(html, "<u>"));
	assert_null(strstr(html, "<x>"));
	assert_null(strstr(html, "/<p>"));
	/* A backquote that stays open is closed. */
	assert_non_null(strstr(html, "<code>b</code></p>"));
	free(html);
}

static void
what_is_no_document_gives_none(void **unused)
{
	static const char *const	bad[] = { "", "{", "[]", "{}",
		"{\"info\":{}}", "{\"info\":{},\"info\":{},\"paths\":{}}",
		/* A reference that leads nowhere, out, or round. */
		"{\"info\":{},\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":"
		    "{\"$ref\":\"#/components/none\"}}}}}}",
		"{\"info\":{},\"paths\":{\"/a\":{\"get\":{\"responses\":{\"200\":"
		    "{\"$ref\":\"https://example.com/x\"}}}}}}",
		"{\"info\":{},\"a\":{\"$ref\":\"#/a\"},\"paths\":{\"/a\":{\"get\":"
		    "{\"responses\":{\"200\":{\"$ref\":\"#/a\"}}}}}}"
	};
	size_t				i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (html_of(bad[i]) != NULL)
			fail_msg("taken: %s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(all_of_the_document_is_told),
		cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(what_is_no_document_gives_none),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
