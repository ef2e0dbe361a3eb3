/*
 * The one table of migrations, in their order. The files are embedded; a test
 * compares this list with the folder.
 */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "store/migrate.h"

/* kodev makes these of assets/sql; the lengths are not constants to C. */
#define DECLARE(symbol)							\
	extern const u_int8_t asset_##symbol##_sql[];			\
	extern const u_int32_t asset_len_##symbol##_sql

DECLARE(0001_session_turn);
DECLARE(0002_rate_limit);
DECLARE(0003_purge);

#define ENTRY(version, symbol)						\
	{ version, #symbol ".sql", asset_##symbol##_sql, &asset_len_##symbol##_sql }

const struct vg_migration	vg_migrations[] = {
	ENTRY(1, 0001_session_turn),
	ENTRY(2, 0002_rate_limit),
	ENTRY(3, 0003_purge)
};
const size_t	vg_migrations_count =
    sizeof(vg_migrations) / sizeof(vg_migrations[0]);
