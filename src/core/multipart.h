#ifndef VG_MULTIPART_H
#define VG_MULTIPART_H

/*
 * An incremental reader of multipart/form-data (RFC 7578, RFC 2046 section
 * 5.1): the content is pushed in as it arrives, events come out. It allocates
 * nothing, its memory is this struct, part data is never copied.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_MULTIPART_BOUNDARY_MAX	70	/* bytes (RFC 2046 5.1.1) */
#define VG_MULTIPART_NAME_MAX		128	/* bytes of a field name */
#define VG_MULTIPART_TYPE_MAX		128	/* bytes of a Content-Type */
#define VG_MULTIPART_LINE_MAX		4096	/* bytes of a header line */
#define VG_MULTIPART_HEADER_MAX		8192	/* bytes, a part's headers */
#define VG_MULTIPART_HEADERS_MAX	16	/* header lines of a part */
#define VG_MULTIPART_PARTS_MAX		32	/* parts */
#define VG_MULTIPART_PADDING_MAX	64	/* bytes after a boundary */
#define VG_MULTIPART_SKIP_MAX		8192	/* bytes: preamble, epilogue */

#define VG_MULTIPART_ERRORS(X)						\
	X(OK, "no error")						\
	X(TYPE, "not a valid multipart/form-data type with a boundary")	\
	X(PREAMBLE, "no boundary within the first bytes")		\
	X(DELIMITER, "a boundary line does not end as it must")		\
	X(HEADER, "a part header is malformed")				\
	X(HEADER_LONG, "the headers of a part are too long or too many") \
	X(DISPOSITION, "a part has no valid Content-Disposition")	\
	X(NAME, "a part has no valid name")				\
	X(ENCODING, "a part has a Content-Transfer-Encoding")		\
	X(PARTS, "there are too many parts")				\
	X(EPILOGUE, "too much follows the last boundary")		\
	X(INCOMPLETE, "the content ended before the last boundary")	\
	X(STOPPED, "the receiver stopped")

enum vg_multipart_error {
#define VG_MULTIPART_ERROR_ENUM(name, text)	VG_MULTIPART_##name,
	VG_MULTIPART_ERRORS(VG_MULTIPART_ERROR_ENUM)
#undef VG_MULTIPART_ERROR_ENUM
	VG_MULTIPART_ERROR_COUNT
};

/* A sentence without a byte of the request. */
const char	*vg_multipart_error_text(enum vg_multipart_error);

/* Valid during the call that hands it over, and not after it. */
struct vg_multipart_part {
	const char	*name;		/* decoded, NUL terminated */
	size_t		name_len;	/* bytes; never a NUL within */
	const char	*type;		/* Content-Type as sent, NUL terminated,
					 * "" when absent or none */
	size_t		type_len;
	bool		has_filename;	/* filename or filename* was there */
	unsigned int	index;		/* 0 for the first part */
};

/*
 * Each returns 0 to go on, -1 to stop for good (VG_MULTIPART_STOPPED). data is
 * a slice of what was fed, or of the boundary kept in the parser (bytes that
 * looked like a boundary and were none): do not keep the pointer. NULL members
 * are skipped.
 */
struct vg_multipart_callbacks {
	int	(*part_begin)(void *, const struct vg_multipart_part *);
	int	(*part_data)(void *, const uint8_t *data, size_t);
	int	(*part_end)(void *);
};

struct vg_multipart {
	const struct vg_multipart_callbacks	*cb;
	void			*arg;
	enum vg_multipart_error	error;
	uint8_t			state;
	uint8_t			delim_len;	/* bytes of delim */
	uint8_t			matched;	/* of delim, held back */
	bool			pretended;	/* its CR LF was not there */
	bool			has_disposition;
	bool			has_name;
	bool			has_type;
	bool			has_filename;
	bool			has_encoding;
	unsigned int		parts;
	unsigned int		headers;	/* lines of this part */
	size_t			header_bytes;	/* of this part */
	size_t			skipped;	/* preamble, padding, epilogue */
	size_t			line_len;
	size_t			name_len;
	size_t			type_len;
	uint8_t			delim[4 + VG_MULTIPART_BOUNDARY_MAX];
	char			name[VG_MULTIPART_NAME_MAX + 1];
	char			type[VG_MULTIPART_TYPE_MAX + 1];
	char			line[VG_MULTIPART_LINE_MAX];
};

/*
 * content_type is the value of the request's Content-Type header. cb and arg
 * are borrowed until the last call. 0, or -1 (error VG_MULTIPART_TYPE).
 */
int	vg_multipart_init(struct vg_multipart *, const char *content_type,
	    size_t len, const struct vg_multipart_callbacks *cb, void *arg);

/*
 * Takes all of data. 0, or -1 at the first deviation: p->error says which, and
 * every later call returns -1 too. How the content was cut changes neither
 * the events (data slices joined) nor the verdict.
 */
int	vg_multipart_feed(struct vg_multipart *, const uint8_t *data,
	    size_t len);

/* The content is over: 0 when it was complete, else -1. */
int	vg_multipart_finish(struct vg_multipart *);

#endif
