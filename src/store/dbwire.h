#ifndef VG_STORE_DBWIRE_H
#define VG_STORE_DBWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "core/uuid.h"

#define VG_PARAMS_MAX		12	/* parameters of one statement */

/* From PostgreSQL's catalog (pg_type.dat); they never change. */
#define VG_OID_BOOL		16
#define VG_OID_BYTEA		17
#define VG_OID_INT8		20
#define VG_OID_INT4		23
#define VG_OID_TEXT		25
#define VG_OID_INET		869
#define VG_OID_INT4_ARRAY	1007
#define VG_OID_TEXT_ARRAY	1009
#define VG_OID_INTERVAL		1186
#define VG_OID_UUID		2950
#define VG_OID_UUID_ARRAY	2951

/*
 * The parameters of one statement in PostgreSQL's binary format, in one growing
 * buffer that is used again and again. The first thing that goes wrong (memory,
 * a malformed UUID) sets `failed`, and what follows does nothing.
 */
struct vg_params {
	uint8_t	*buf;
	size_t	len;
	size_t	size;
	int	count;
	size_t	at[VG_PARAMS_MAX];
	int	length[VG_PARAMS_MAX];	/* bytes, -1: null */
	int	format[VG_PARAMS_MAX];	/* 1 binary, 0 text */
	bool	failed;
};

/* dbparams.c */
void	vg_params_reset(struct vg_params *);
void	vg_params_free(struct vg_params *);
/* TO becomes FROM, which is empty (and without a buffer) afterwards. */
void	vg_params_move(struct vg_params *to, struct vg_params *from);

void	vg_param_int4(struct vg_params *, int32_t);
void	vg_param_bool(struct vg_params *, bool);
void	vg_param_seconds(struct vg_params *, int64_t);	/* an interval */
/* NULL is null. What is not UTF-8 (RFC 3629) becomes U+FFFD. */
void	vg_param_text(struct vg_params *, const char *);
void	vg_param_uuid(struct vg_params *, const char *);
/* A bytea. */
void	vg_param_bytes(struct vg_params *, const uint8_t *, size_t);
/* The id of a key that owns; "" (nobody) is null. */
void	vg_param_owner(struct vg_params *, const char *);
/* Sent as text, for types whose binary form is PostgreSQL's own affair. */
void	vg_param_literal(struct vg_params *, const char *);

/* An array parameter of N elements (none null): begin, N elements, end. */
void	vg_param_array(struct vg_params *, Oid element, size_t n);
void	vg_elem_int4(struct vg_params *, int32_t);
void	vg_elem_text(struct vg_params *, const char *);
void	vg_elem_uuid(struct vg_params *, const char *);
void	vg_param_array_end(struct vg_params *);

/* dbcols.c */

/* Binary results; a null is 0, false, NULL or "". */
bool	vg_col_null(const PGresult *, int row, int col);
bool	vg_col_bool(const PGresult *, int row, int col);
int32_t	vg_col_int4(const PGresult *, int row, int col);
/* timestamptz: microseconds since the (Unix) epoch. */
int64_t	vg_col_time(const PGresult *, int row, int col);
/* Borrowed from the result, NUL-terminated. */
const char *vg_col_text(const PGresult *, int row, int col);
void	vg_col_uuid(char out[VG_UUID_SIZE], const PGresult *, int row, int col);

#endif
