/*
 * The API's document as it is sent, and the page for people. assets/openapi.json
 * is written for those who edit it; it leaves without its blanks. The page is
 * made of it here, at the start: there is nothing that could be forgotten when
 * it changes, and a bare checkout builds without any generator.
 */

#include <kore/kore.h>

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "core/apidoc.h"
#include "gate/webfiles.h"

#define MARK	"{{reference}}"

extern const uint8_t	asset_openapi_json[];
extern const uint32_t	asset_len_openapi_json;

static struct vg_webfile	document;
static struct vg_webfile	page;

static void
make_document(void)
{
	json_t	*root;
	char	*text;

	root = json_loadb((const char *)asset_openapi_json,
	    asset_len_openapi_json, JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL || (text = json_dumps(root, JSON_COMPACT)) == NULL)
		fatal("openapi.json is not valid JSON");
	json_decref(root);
	document.type = "application/json";
	document.bytes = (const uint8_t *)text;
	document.len = strlen(text);
	vg_webfile_finish(&document);
}

void
vg_apidocs_prepare(struct vg_webfile *template)
{
	struct kore_buf	*out;
	const char	*start = (const char *)template->bytes, *mark;
	char		*reference;
	size_t		len, before;

	make_document();
	if ((reference = vg_apidoc_html((const char *)asset_openapi_json,
	    asset_len_openapi_json, &len)) == NULL)
		fatal("openapi.json is no OpenAPI document, or refers to what "
		    "is not in it");
	if ((mark = memmem(start, template->len, MARK, strlen(MARK))) == NULL)
		fatal("docs.html has no %s", MARK);
	before = (size_t)(mark - start);
	out = kore_buf_alloc(template->len + len);
	kore_buf_append(out, start, before);
	kore_buf_append(out, reference, len);
	kore_buf_append(out, mark + strlen(MARK),
	    template->len - before - strlen(MARK));
	free(reference);
	page.type = template->type;
	page.bytes = kore_buf_release(out, &page.len);
	vg_webfile_finish(&page);
}

const struct vg_webfile *
vg_apidocs_document(void)
{
	return (&document);
}

const struct vg_webfile *
vg_apidocs_page(void)
{
	return (&page);
}
