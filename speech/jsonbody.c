/*
 * Bodies that are JSON: collected up to VG_JSON_BODY_MAX (endpoints.c sees to the
 * limit), then parsed once, strictly: an object, no duplicate keys, UTF-8.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "speech/front_int.h"

#define FIRST_ROOM	4096u	/* bytes */
#define MEDIA_TYPE	"application/json"

void
vg_jsonbody_begin(struct vg_request *r)
{
	const char	*type = MHD_lookup_connection_value(r->conn,
			    MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
	size_t		 len = strlen(MEDIA_TYPE);

	if (type == NULL || strncasecmp(type, MEDIA_TYPE, len) != 0 ||
	    (type[len] != '\0' && type[len] != ';' && type[len] != ' '))
		vg_answer_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
		    "unsupported_media_type",
		    "The body must be application/json.");
}

void
vg_jsonbody_data(struct vg_request *r, const char *data, size_t len)
{
	size_t	 room = r->body_room != 0 ? r->body_room : FIRST_ROOM;
	char	*p;

	while (room < r->body_len + len)
		room *= 2;
	if (room != r->body_room) {
		p = realloc(r->body, room);
		if (p == NULL) {
			vg_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
			    "no_memory", "The request could not be served.");
			return;
		}
		r->body = p;
		r->body_room = room;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
}

json_t *
vg_jsonbody_parse(struct vg_request *r)
{
	json_t	*root = NULL;

	if (r->body_len != 0)
		root = json_loadb(r->body, r->body_len,
		    JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(root))
		return (root);
	json_decref(root);
	vg_answer_error(r, MHD_HTTP_BAD_REQUEST, "invalid_json",
	    "The body is not a JSON object.");
	return (NULL);
}

int
vg_jsonbody_model(struct vg_request *r, const json_t *root, const char *model)
{
	const char	*name = json_string_value(json_object_get(root,
			    "model"));

	if (name == NULL) {
		vg_answer_error(r, MHD_HTTP_BAD_REQUEST, "missing_model",
		    "\"model\" must be a string.");
		return (-1);
	}
	if (strcmp(name, model) != 0) {
		vg_answer_error(r, MHD_HTTP_NOT_FOUND, "model_not_found",
		    "There is no such model here; see /v1/models.");
		return (-1);
	}
	return (0);
}
