/*
 * Columns of a result in PostgreSQL's binary format: no text to parse, and a
 * column of another size than its type has reads as null. Timestamps are
 * microseconds since 2000.
 */

#include <arpa/inet.h>
#include <endian.h>

#include <string.h>

#include "store/dbwire.h"

/* Seconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch. */
#define PG_EPOCH_S		INT64_C(946684800)
#define USEC_PER_S		INT64_C(1000000)

bool
vg_col_null(const PGresult *res, int row, int col)
{
	return (PQgetisnull(res, row, col) != 0);
}

bool
vg_col_bool(const PGresult *res, int row, int col)
{
	return (PQgetlength(res, row, col) == 1 &&
	    *PQgetvalue(res, row, col) != 0);
}

int32_t
vg_col_int4(const PGresult *res, int row, int col)
{
	uint32_t	value;

	if (PQgetlength(res, row, col) != (int)sizeof(value))
		return (0);
	memcpy(&value, PQgetvalue(res, row, col), sizeof(value));
	return ((int32_t)ntohl(value));
}

int64_t
vg_col_time(const PGresult *res, int row, int col)
{
	uint64_t	value;

	if (PQgetlength(res, row, col) != (int)sizeof(value))
		return (0);
	memcpy(&value, PQgetvalue(res, row, col), sizeof(value));
	return ((int64_t)be64toh(value) + PG_EPOCH_S * USEC_PER_S);
}

const char *
vg_col_text(const PGresult *res, int row, int col)
{
	if (PQgetisnull(res, row, col))
		return (NULL);
	return (PQgetvalue(res, row, col));
}

void
vg_col_uuid(char out[VG_UUID_SIZE], const PGresult *res, int row, int col)
{
	static const char	hex[] = "0123456789abcdef";
	uint8_t			raw[VG_UUID_BYTES];
	size_t			i, n;

	n = 0;
	if (PQgetlength(res, row, col) == VG_UUID_BYTES) {
		memcpy(raw, PQgetvalue(res, row, col), sizeof(raw));
		for (i = 0; i < VG_UUID_BYTES; i++) {
			if (i == 4 || i == 6 || i == 8 || i == 10)
				out[n++] = '-';
			out[n++] = hex[raw[i] >> 4];
			out[n++] = hex[raw[i] & 0x0f];
		}
	}
	out[n] = '\0';
}
