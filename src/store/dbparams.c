/*
 * Parameters in PostgreSQL's binary format.
 *
 * Binary, because an array of text needs no quoting in it: a client's name can
 * not become syntax, whatever it holds. And it is cheaper on both sides, which
 * is what a rate check on every request is about. The formats used here are
 * those of the send and receive functions of the types (src/backend/utils/adt),
 * network byte order throughout.
 */

#include <arpa/inet.h>
#include <endian.h>

#include <stdlib.h>
#include <string.h>

#include "core/logesc.h"
#include "store/dbwire.h"

#define PARAMS_FIRST_SIZE	4096		/* bytes */
#define PARAMS_SIZE_MAX		(16 << 20)	/* bytes */

#define USEC_PER_S		INT64_C(1000000)

static uint8_t	*params_more(struct vg_params *, size_t);
static void	params_u32(struct vg_params *, uint32_t);
static void	params_u64(struct vg_params *, uint64_t);
static void	params_utf8(struct vg_params *, const char *);
static int	params_begin(struct vg_params *, int);
static void	params_end(struct vg_params *);
static int	uuid_bytes(uint8_t [VG_UUID_BYTES], const char *);

void
vg_params_reset(struct vg_params *p)
{
	p->len = 0;
	p->count = 0;
	p->failed = false;
}

void
vg_params_free(struct vg_params *p)
{
	free(p->buf);
	memset(p, 0, sizeof(*p));
}

void
vg_params_move(struct vg_params *to, struct vg_params *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
}

void
vg_param_int4(struct vg_params *p, int32_t value)
{
	if (params_begin(p, 1) == -1)
		return;
	params_u32(p, (uint32_t)value);
	params_end(p);
}

void
vg_param_bool(struct vg_params *p, bool value)
{
	uint8_t		*at;

	if (params_begin(p, 1) == -1)
		return;
	if ((at = params_more(p, 1)) != NULL)
		*at = value;
	params_end(p);
}

void
vg_param_seconds(struct vg_params *p, int64_t seconds)
{
	if (params_begin(p, 1) == -1)
		return;
	params_u64(p, (uint64_t)(seconds * USEC_PER_S));
	params_u32(p, 0);	/* days */
	params_u32(p, 0);	/* months */
	params_end(p);
}

void
vg_param_text(struct vg_params *p, const char *text)
{
	if (params_begin(p, 1) == -1)
		return;
	if (text == NULL) {
		p->length[p->count++] = -1;
		return;
	}
	params_utf8(p, text);
	params_end(p);
}

void
vg_param_bytes(struct vg_params *p, const uint8_t *bytes, size_t len)
{
	uint8_t		*at;

	if (params_begin(p, 1) == -1)
		return;
	if ((at = params_more(p, len)) != NULL)
		memcpy(at, bytes, len);
	params_end(p);
}

void
vg_param_owner(struct vg_params *p, const char *id)
{
	vg_param_uuid(p, id[0] != '\0' ? id : NULL);
}

void
vg_param_literal(struct vg_params *p, const char *text)
{
	uint8_t		*at;
	size_t		len;

	if (params_begin(p, 0) == -1)
		return;
	if (text == NULL) {
		p->length[p->count++] = -1;
		return;
	}
	len = strlen(text);
	/* libpq wants the NUL of a text parameter, and does not count it. */
	if ((at = params_more(p, len + 1)) != NULL)
		memcpy(at, text, len + 1);
	params_end(p);
}

void
vg_param_uuid(struct vg_params *p, const char *text)
{
	uint8_t		*at;

	if (params_begin(p, 1) == -1)
		return;
	if (text == NULL) {
		p->length[p->count++] = -1;
		return;
	}
	if ((at = params_more(p, VG_UUID_BYTES)) != NULL &&
	    uuid_bytes(at, text) == -1)
		p->failed = true;
	params_end(p);
}

void
vg_param_array(struct vg_params *p, Oid element, size_t n)
{
	if (params_begin(p, 1) == -1)
		return;
	params_u32(p, n > 0 ? 1 : 0);	/* dimensions */
	params_u32(p, 0);		/* no nulls */
	params_u32(p, element);
	if (n > 0) {
		params_u32(p, (uint32_t)n);
		params_u32(p, 1);	/* lower bound */
	}
}

void
vg_elem_int4(struct vg_params *p, int32_t value)
{
	params_u32(p, sizeof(value));
	params_u32(p, (uint32_t)value);
}

void
vg_elem_text(struct vg_params *p, const char *text)
{
	size_t		at;
	uint32_t	len;

	at = p->len;
	params_u32(p, 0);
	params_utf8(p, text);
	if (p->failed)
		return;
	len = htonl((uint32_t)(p->len - at - sizeof(len)));
	memcpy(p->buf + at, &len, sizeof(len));
}

void
vg_elem_uuid(struct vg_params *p, const char *text)
{
	uint8_t		*at;

	params_u32(p, VG_UUID_BYTES);
	if ((at = params_more(p, VG_UUID_BYTES)) != NULL &&
	    uuid_bytes(at, text) == -1)
		p->failed = true;
}

void
vg_param_array_end(struct vg_params *p)
{
	params_end(p);
}

static uint8_t *
params_more(struct vg_params *p, size_t n)
{
	uint8_t		*buf;
	size_t		size;

	if (p->failed)
		return (NULL);
	if (n > p->size - p->len) {
		size = p->size > 0 ? p->size : PARAMS_FIRST_SIZE;
		while (size - p->len < n && size < PARAMS_SIZE_MAX)
			size *= 2;
		if (size - p->len < n ||
		    (buf = realloc(p->buf, size)) == NULL) {
			p->failed = true;
			return (NULL);
		}
		p->buf = buf;
		p->size = size;
	}
	p->len += n;
	return (p->buf + p->len - n);
}

static void
params_u32(struct vg_params *p, uint32_t value)
{
	uint8_t		*at;

	value = htonl(value);
	if ((at = params_more(p, sizeof(value))) != NULL)
		memcpy(at, &value, sizeof(value));
}

static void
params_u64(struct vg_params *p, uint64_t value)
{
	uint8_t		*at;

	value = htobe64(value);
	if ((at = params_more(p, sizeof(value))) != NULL)
		memcpy(at, &value, sizeof(value));
}

static void
params_utf8(struct vg_params *p, const char *text)
{
	static const uint8_t	replacement[] = { 0xef, 0xbf, 0xbd };
	uint8_t			*at;
	uint32_t		code;
	size_t			len, i, n, c;

	len = strlen(text);
	i = 0;
	while (i < len) {
		/* A run of what is valid goes over in one piece. */
		n = 0;
		while (i + n < len) {
			if ((unsigned char)text[i + n] < 0x80) {
				n++;
				continue;
			}
			c = vg_utf8_char(text + i + n, len - i - n, &code);
			if (c == 0)
				break;
			n += c;
		}
		if (n > 0 && (at = params_more(p, n)) != NULL)
			memcpy(at, text + i, n);
		i += n;
		if (i < len) {
			if ((at = params_more(p, sizeof(replacement))) != NULL)
				memcpy(at, replacement, sizeof(replacement));
			i++;
		}
	}
}

static int
params_begin(struct vg_params *p, int format)
{
	if (p->failed)
		return (-1);
	if (p->count == VG_PARAMS_MAX) {
		p->failed = true;
		return (-1);
	}
	p->at[p->count] = p->len;
	p->format[p->count] = format;
	return (0);
}

static void
params_end(struct vg_params *p)
{
	if (p->failed)
		return;
	p->length[p->count] = (int)(p->len - p->at[p->count]);
	p->count++;
}

/* The canonical form in either case, any version: 0 / -1. */
static int
uuid_bytes(uint8_t out[VG_UUID_BYTES], const char *text)
{
	size_t		i, n;
	uint8_t		nibble;
	char		c;

	if (strlen(text) != VG_UUID_LEN)
		return (-1);
	memset(out, 0, VG_UUID_BYTES);
	for (i = 0, n = 0; i < VG_UUID_LEN; i++) {
		c = text[i];
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return (-1);
			continue;
		}
		if (c >= '0' && c <= '9')
			nibble = (uint8_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			nibble = (uint8_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			nibble = (uint8_t)(c - 'A' + 10);
		else
			return (-1);
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | nibble);
		n++;
	}
	return (0);
}
