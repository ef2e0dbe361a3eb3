#ifndef VG_GATE_UPLOAD_H
#define VG_GATE_UPLOAD_H

/*
 * A recording on its way in: multipart/form-data with `audio` and `session_id`,
 * in any order, other parts ignored. The sound goes straight from the socket's
 * buffer into an unnamed file: written once, never whole in memory, given up at
 * the first byte that is wrong.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/multipart.h"
#include "core/sniff.h"
#include "core/tempfile.h"
#include "core/uuid.h"
#include "gate/gate.h"

#define VG_UPLOAD_OVERHEAD	65536	/* bytes of content that are not audio */
#define VG_UPLOAD_FIELD_MAX	64	/* bytes of session_id */

struct vg_upload {
	struct vg_request	*r;		/* borrowed */
	struct vg_multipart	parser;
	struct vg_tempfile	file;		/* the sound, rewound at the end */
	struct vg_sniff		kind;		/* what it is, by its content */
	bool			has_audio;
	bool			has_session;
	bool			known;		/* kind is decided */
	bool			complete;
	int			part;		/* where the parser is */
	uint64_t		received;	/* bytes of content */
	uint64_t		max;		/* bytes of sound */
	size_t			first_len;
	size_t			field_len;
	char			field[VG_UPLOAD_FIELD_MAX + 1];
	char			session_id[VG_UUID_SIZE];
	uint8_t			first[VG_SNIFF_MAX];
	/* Who else wants the sound as it comes; set after opening, or NULL. */
	void			(*listen)(void *, const uint8_t *, size_t);
	void			*listen_arg;
};

/* upload.c: each returns 0, or -1 after vg_refuse(). */

/* In the header phase, from the request's Content-Type. */
int	vg_upload_open(struct vg_upload *, struct vg_request *);
int	vg_upload_data(struct vg_upload *, const uint8_t *, size_t);
/* All content was there: both parts were, and each was what it must be. */
int	vg_upload_finish(struct vg_upload *);
/* Always: the file is gone after it. */
void	vg_upload_close(struct vg_upload *);

#endif
