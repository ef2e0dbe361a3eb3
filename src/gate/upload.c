/*
 * What a stranger sends most of: see upload.h. The order of the checks is the
 * order of the bytes; whatever is refused is refused at the byte that made it
 * wrong, and the rest is not read.
 */

#include <string.h>

#include "gate/files.h"
#include "gate/upload.h"

enum {
	PART_OTHER = 0,
	PART_AUDIO,
	PART_SESSION
};

static int	part_begin(void *, const struct vg_multipart_part *);
static int	part_data(void *, const uint8_t *, size_t);
static int	part_end(void *);

static const struct vg_multipart_callbacks	callbacks = {
	.part_begin = part_begin,
	.part_data = part_data,
	.part_end = part_end
};

int
vg_upload_open(struct vg_upload *u, struct vg_request *r)
{
	const char	*type;

	memset(u, 0, sizeof(*u));
	u->r = r;
	u->file.fd = -1;
	u->max = (uint64_t)vg_gate_settings()->max_upload_bytes;
	type = vg_edge_header(r->req, "content-type");
	if (type == NULL || vg_multipart_init(&u->parser, type, strlen(type),
	    &callbacks, u) == -1) {
		vg_refuse(r, "bad_request", "The content must be "
		    "multipart/form-data with the parts audio and session_id.");
		return (-1);
	}
	return (0);
}

static int
refuse_storage(struct vg_upload *u)
{
	u->r->retry_after_s = 5;
	u->r->note = vg_files_upload_trouble(u->file.error);
	vg_refuse(u->r, "storage_unavailable", NULL);
	return (-1);
}

static int
part_begin(void *arg, const struct vg_multipart_part *part)
{
	struct vg_upload	*u = arg;
	bool			*seen;

	if (!strcmp(part->name, "audio")) {
		u->part = PART_AUDIO;
		seen = &u->has_audio;
	} else if (!strcmp(part->name, "session_id")) {
		u->part = PART_SESSION;
		seen = &u->has_session;
	} else {
		u->part = PART_OTHER;
		return (0);
	}
	if (*seen) {
		vg_refuse(u->r, "bad_request", "A part is there twice.");
		return (-1);
	}
	*seen = true;
	if (u->part == PART_AUDIO && vg_files_upload(&u->file, u->max) == -1)
		return (refuse_storage(u));
	return (0);
}

static int
sniff(struct vg_upload *u, const uint8_t *data, size_t len, bool final)
{
	size_t	take;

	take = sizeof(u->first) - u->first_len;
	if (take > len)
		take = len;
	if (take > 0)
		memcpy(u->first + u->first_len, data, take);
	u->first_len += take;
	switch (vg_sniff(u->first, u->first_len,
	    final || u->first_len == sizeof(u->first), &u->kind)) {
	case VG_SNIFF_MATCH:
		u->known = true;
		return (0);
	case VG_SNIFF_NEED_MORE:
		return (0);
	case VG_SNIFF_NO:
	default:
		vg_refuse(u->r, "unsupported_media_type", "The audio must be "
		    "WAV, MP3, WebM, OGG or M4A, by its content.");
		return (-1);
	}
}

static int
part_data(void *arg, const uint8_t *data, size_t len)
{
	struct vg_upload	*u = arg;

	switch (u->part) {
	case PART_AUDIO:
		if (!u->known && sniff(u, data, len, false) == -1)
			return (-1);
		if (u->file.size + len > u->max) {
			vg_refuse(u->r, "payload_too_large", NULL);
			return (-1);
		}
		if (vg_tempfile_write(&u->file, data, len) == -1)
			return (refuse_storage(u));
		if (u->listen != NULL)
			u->listen(u->listen_arg, data, len);
		return (0);
	case PART_SESSION:
		if (len > VG_UPLOAD_FIELD_MAX - u->field_len) {
			vg_refuse(u->r, "validation_failed",
			    "session_id must be a UUID, version 4.");
			return (-1);
		}
		memcpy(u->field + u->field_len, data, len);
		u->field_len += len;
		return (0);
	case PART_OTHER:
	default:
		return (0);
	}
}

static int
part_end(void *arg)
{
	struct vg_upload	*u = arg;

	switch (u->part) {
	case PART_AUDIO:
		if (u->file.size == 0) {
			vg_refuse(u->r, "validation_failed",
			    "The audio is empty.");
			return (-1);
		}
		return (u->known ? 0 : sniff(u, NULL, 0, true));
	case PART_SESSION:
		u->field[u->field_len] = '\0';
		if (!kore_validator_run(u->r->req, "v_uuid", u->field) ||
		    vg_uuid4_parse(u->session_id, u->field, u->field_len) == -1) {
			vg_refuse(u->r, "validation_failed",
			    "session_id must be a UUID, version 4.");
			return (-1);
		}
		return (0);
	case PART_OTHER:
	default:
		return (0);
	}
}

int
vg_upload_data(struct vg_upload *u, const uint8_t *data, size_t len)
{
	struct vg_edge_request	*er;

	u->received += len;
	if (vg_multipart_feed(&u->parser, data, len) == 0) {
		if ((er = vg_edge_of(u->r->req)) != NULL)
			er->sink_at = u->file.size;
		return (0);
	}
	vg_refuse(u->r, "bad_request",
	    vg_multipart_error_text(u->parser.error));
	return (-1);
}

int
vg_upload_finish(struct vg_upload *u)
{
	if (u->received == 0) {
		vg_refuse(u->r, "validation_failed", "The content is empty: the "
		    "parts audio and session_id are needed.");
		return (-1);
	}
	if (vg_multipart_finish(&u->parser) == -1) {
		vg_refuse(u->r, "bad_request",
		    vg_multipart_error_text(u->parser.error));
		return (-1);
	}
	if (!u->has_audio || !u->has_session) {
		vg_refuse(u->r, "validation_failed", u->has_audio ?
		    "The part session_id is missing." :
		    "The part audio is missing.");
		return (-1);
	}
	if (vg_tempfile_rewind(&u->file) == -1)
		return (refuse_storage(u));
	u->complete = true;
	return (0);
}

void
vg_upload_close(struct vg_upload *u)
{
	if (u->file.fd != -1)
		vg_tempfile_discard(&u->file);
}
