#ifndef VG_CORE_LOGESC_H
#define VG_CORE_LOGESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VG_LOG_LINE_SIZE	2048	/* bytes, a good size for a line */

enum vg_log_level {
	VG_LOG_DEBUG = 0,
	VG_LOG_INFO,
	VG_LOG_NOTICE,
	VG_LOG_WARNING,
	VG_LOG_ERROR
};

enum vg_log_format {
	VG_LOG_TEXT = 0,
	VG_LOG_JSON
};

/* A line being built in the caller's buffer. */
struct vg_logline {
	char			*buf;
	size_t			size;
	size_t			len;
	enum vg_log_format	format;
	bool			truncated;
};

/* logesc.c: nothing here allocates. */

/*
 * Copies LEN bytes so that they are one harmless piece of a line: printable
 * UTF-8 stays; `\`, `"`, control bytes, C1 controls, line and paragraph
 * separators, bidirectional overrides and invalid UTF-8 become \\ \" \n \r \t
 * \xNN or \u{NNNN}. Always NUL-terminated when SIZE > 0; cut at a whole
 * character, then ending in `...` where that fits. Returns the length.
 */
size_t	vg_log_escape(char *buf, size_t size, const char *text, size_t len);

/* The same, but `\` and `"` stay as they are: for text not put in quotes. */
size_t	vg_log_clean(char *buf, size_t size, const char *text, size_t len);

/*
 * As vg_log_escape(), but all or nothing: the length, or -1 when SIZE is too
 * small (buf then holds an empty string).
 */
int	vg_log_escape_all(char *buf, size_t size, const char *text, size_t len);

/*
 * The inside of a JSON string (RFC 8259 7), the same bytes escaped as \uNNNN,
 * invalid UTF-8 as \ufffd. Returns the length, or -1 when SIZE is too small
 * (buf then holds an empty string).
 */
int	vg_json_escape(char *buf, size_t size, const char *text, size_t len);

/* The length of the UTF-8 character at TEXT (RFC 3629), 0 if invalid. */
size_t	vg_utf8_char(const char *text, size_t len, uint32_t *code);

const char	*vg_log_level_name(enum vg_log_level);

/* logline.c */

/*
 * Text: `2026-01-02T03:04:05.123Z info message key=value key="two words"`.
 * JSON: {"time":"…","level":"info","msg":"message","key":"value",…}.
 * A field that does not fit is left out whole and `truncated` says so in the
 * line. BUF needs at least 128 bytes; KEY is the program's own ([a-z0-9_]).
 */
void	vg_logline_begin(struct vg_logline *, char *buf, size_t size,
	    enum vg_log_format, enum vg_log_level, int64_t now_us,
	    const char *msg);
void	vg_logline_str(struct vg_logline *, const char *key, const char *value);
void	vg_logline_mem(struct vg_logline *, const char *key, const char *value,
	    size_t len);
void	vg_logline_int(struct vg_logline *, const char *key, int64_t value);
void	vg_logline_bool(struct vg_logline *, const char *key, bool value);
/* Finishes with the newline; the line, NUL-terminated, and its length. */
const char	*vg_logline_end(struct vg_logline *, size_t *len);

#endif
