/*
 * The migrations, in order. A file of assets/sql/ that is not listed here is
 * never run, so a test compares the two. A file that was released is never
 * changed: its checksum is in every database that has run it.
 */

#include "store/migrate.h"

/* kodev names the symbols after the files. */
#define ASSET(symbol)							\
	extern const uint8_t	asset_##symbol##_sql[];			\
	extern const uint32_t	asset_len_##symbol##_sql

ASSET(0001_session_turn);
ASSET(0002_rate_limit);
ASSET(0003_purge);
ASSET(0004_operator);
ASSET(0005_idempotency);
ASSET(0006_privacy);
ASSET(0007_ruling);
ASSET(0008_closed);
ASSET(0009_hints);
ASSET(0010_waits);

#define MIGRATION(version, symbol)					\
	{ version, #symbol ".sql", asset_##symbol##_sql,		\
	    &asset_len_##symbol##_sql }

const struct vg_migration	vg_migrations[] = {
	MIGRATION(1, 0001_session_turn),
	MIGRATION(2, 0002_rate_limit),
	MIGRATION(3, 0003_purge),
	MIGRATION(4, 0004_operator),
	MIGRATION(5, 0005_idempotency),
	MIGRATION(6, 0006_privacy),
	MIGRATION(7, 0007_ruling),
	MIGRATION(8, 0008_closed),
	MIGRATION(9, 0009_hints),
	MIGRATION(10, 0010_waits),
};

const size_t	vg_migrations_count =
	    sizeof(vg_migrations) / sizeof(vg_migrations[0]);
