/*
 * Every statement that a worker sends, in one table: what the server can do to
 * the database is what stands here and nothing else. Names are qualified and
 * the search path is pg_catalog alone, so that no object made by anyone else
 * can step in between.
 */

#include "store/statements.h"

/* A session's owner is the key that started it; it may have none. */
#define OWNED(n)	"(s.api_key_id IS NULL OR s.api_key_id = $" #n ")"

#define LIVE	"s.ended_at IS NULL AND s.expires_at > pg_catalog.now() " \
		"AND coalesce(s.idle_at, 'infinity') > pg_catalog.now()"

const struct vg_statement_def	vg_statements[VG_ST_MAX] = {
	[VG_ST_PING] = { "ping", "SELECT", 0, { 0 } },

	/* id, client, api_key_id, ttl, retention, idle end (0: none) */
	[VG_ST_SESSION_START] = { "session_start",
	    "INSERT INTO voicegate.session AS s (id, client, api_key_id, "
	    "expires_at, purge_at, idle_after, idle_at, idle_check_at) "
	    "VALUES ($1, $2, $3, now() + $4, now() + greatest($4, $5), "
	    "nullif($6, interval '0'), now() + nullif($6, interval '0'), "
	    "now() + nullif($6, interval '0')) "
	    "RETURNING s.id, s.api_key_id, s.created_at, s.expires_at, s.turns",
	    6, { VG_OID_UUID, VG_OID_INET, VG_OID_UUID, VG_OID_INTERVAL,
	    VG_OID_INTERVAL, VG_OID_INTERVAL } },

	/* id, turns wanted, owner, how long it may take; one row a turn, or one
	 * without a turn. One with an idle end is in use from now on. */
	[VG_ST_SESSION_FIND] = { "session_find",
	    "WITH used AS (UPDATE voicegate.session AS s SET idle_at = "
	    "greatest(s.idle_at, now() + greatest(s.idle_after, $4)) "
	    "WHERE s.id = $1 AND s.idle_at IS NOT NULL AND " OWNED(3) " AND "
	    LIVE ") SELECT s.id, s.api_key_id, s.created_at, s.expires_at, s.turns, "
	    "t.transcript, t.reply, t.seq, t.text_key "
	    "FROM voicegate.session AS s LEFT JOIN LATERAL "
	    "(SELECT v.seq, v.transcript, v.reply, v.text_key "
	    "FROM voicegate.turn AS v WHERE v.session_id = s.id "
	    "AND v.transcript IS NOT NULL ORDER BY v.seq DESC LIMIT $2) "
	    "AS t ON true WHERE s.id = $1 AND " OWNED(3) " AND " LIVE
	    " ORDER BY t.seq",
	    4, { VG_OID_UUID, VG_OID_INT4, VG_OID_UUID, VG_OID_INTERVAL } },

	/* id, owner; one row an audio file, or one without */
	[VG_ST_SESSION_END] = { "session_end",
	    "WITH e AS (UPDATE voicegate.session AS s SET ended_at = now(), "
	    "end_reason = 'client' WHERE s.id = $1 AND " OWNED(2) " AND " LIVE
	    " RETURNING s.id) SELECT t.audio_id FROM e LEFT JOIN "
	    "voicegate.turn AS t ON t.session_id = e.id "
	    "AND t.audio_id IS NOT NULL",
	    2, { VG_OID_UUID, VG_OID_UUID } },

	/* session, key, holder, transcript, reply, retention, audio, its ttl,
	 * degraded, key of the texts, the turn they are encrypted for */
	[VG_ST_TURN_COMMIT] = { "turn_commit",
	    "SELECT c.state, c.seq, c.old_transcript, c.old_reply, "
	    "c.old_audio_id, c.old_audio_ext, c.old_degraded, "
	    "c.old_text_key, $1 FROM voicegate.commit_turn("
	    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS c",
	    12, { VG_OID_UUID, VG_OID_TEXT, VG_OID_UUID, VG_OID_TEXT,
	    VG_OID_TEXT, VG_OID_INTERVAL, VG_OID_UUID, VG_OID_TEXT,
	    VG_OID_INTERVAL, VG_OID_TEXT_ARRAY, VG_OID_TEXT, VG_OID_INT4 } },

	/* session, key, content in hex, holder, lease, owner; no row: gone */
	[VG_ST_TURN_CLAIM] = { "turn_claim",
	    "SELECT c.state, c.seq, c.old_transcript, c.old_reply, "
	    "c.old_audio_id, c.old_audio_ext, c.old_degraded, "
	    "c.old_text_key, s.id "
	    "FROM voicegate.session AS s CROSS JOIN LATERAL "
	    "voicegate.claim_turn(s.id, $2, decode($3, 'hex'), $4, $5) AS c "
	    "WHERE s.id = $1 AND " OWNED(6),
	    6, { VG_OID_UUID, VG_OID_TEXT, VG_OID_TEXT, VG_OID_UUID,
	    VG_OID_INTERVAL, VG_OID_UUID } },

	/* session, key, holder, lease */
	[VG_ST_CLAIM_KEEP] = { "claim_keep",
	    "SELECT voicegate.keep_claim($1, $2, $3, $4)",
	    4, { VG_OID_UUID, VG_OID_TEXT, VG_OID_UUID, VG_OID_INTERVAL } },

	/* session, key, holder */
	[VG_ST_CLAIM_RELEASE] = { "claim_release",
	    "SELECT voicegate.release_claim($1, $2, $3)",
	    3, { VG_OID_UUID, VG_OID_TEXT, VG_OID_UUID } },

	/* audio, owner */
	[VG_ST_AUDIO_FIND] = { "audio_find",
	    "SELECT t.audio_id, t.audio_ext, s.id, s.api_key_id, "
	    "least(t.audio_expires_at, s.expires_at) "
	    "FROM voicegate.turn AS t JOIN voicegate.session AS s "
	    "ON s.id = t.session_id WHERE t.audio_id = $1 "
	    "AND t.audio_expires_at > now() AND " OWNED(2) " AND " LIVE,
	    2, { VG_OID_UUID, VG_OID_UUID } },

	[VG_ST_AUDIO_GONE] = { "audio_gone",
	    "SELECT u.id FROM unnest($1) AS u (id) WHERE NOT EXISTS ("
	    "SELECT FROM voicegate.turn AS t JOIN voicegate.session AS s "
	    "ON s.id = t.session_id WHERE t.audio_id = u.id "
	    "AND t.audio_expires_at > now() AND " LIVE ")",
	    1, { VG_OID_UUID_ARRAY } },

	/* clients, policies, quotas, windows, asked, costs */
	[VG_ST_TAKE_FIXED] = { "take_fixed",
	    "SELECT slot, granted, used, reset_at, retry_at, clock "
	    "FROM voicegate.take_fixed($1, $2, $3, $4, $5, $6)",
	    6, { VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_INT4_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY } },

	[VG_ST_TAKE_MOVING] = { "take_moving",
	    "SELECT slot, granted, used, reset_at, retry_at, clock "
	    "FROM voicegate.take_moving($1, $2, $3, $4, $5, $6)",
	    6, { VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_INT4_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY } },

	/* the same, then groups and whether moving */
	[VG_ST_TAKE_GROUPED] = { "take_grouped",
	    "SELECT slot, granted, used, reset_at, retry_at, clock "
	    "FROM voicegate.take_grouped($8, $1, $2, $3, $4, $5, $6, $7)",
	    8, { VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_INT4_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_BOOL } },

	/* clients, policies, quotas, windows, (asked: unused), costs */
	[VG_ST_PEEK] = { "peek",
	    "SELECT slot, granted, used, reset_at, retry_at, clock "
	    "FROM voicegate.peek($1, $2, $3, $4, $6) WHERE $5 IS NOT NULL",
	    6, { VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_INT4_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY } },

	[VG_ST_PURGE] = { "purge",
	    "SELECT p.more, p.behind FROM voicegate.purge_expired($1) AS p",
	    1, { VG_OID_INT4 } },

	/* SHA-256; the row's own hash again, so that nobody has to believe */
	[VG_ST_KEY_FIND] = { "key_find",
	    "SELECT k.id, 'session' = ANY (k.scopes), 'voice' = ANY (k.scopes), "
	    "k.rate_per_minute, CASE WHEN k.usable_until IS NOT NULL THEN "
	    "least(extract(epoch FROM k.usable_until - now()) * 1000, "
	    "2147483647)::integer END "
	    "FROM voicegate.find_api_key($1) AS k WHERE k.hash = $1",
	    1, { VG_OID_BYTEA } },

	[VG_ST_KEY_TOUCH] = { "key_touch",
	    "SELECT voicegate.touch_api_keys($1)",
	    1, { VG_OID_UUID_ARRAY } },

	/* known revision; numbers as text */
	[VG_ST_BLOCKS] = { "blocks",
	    "SELECT b.revision::text, b.network::text, "
	    "(extract(epoch FROM b.expires_at - now()) * 1000)::bigint::text "
	    "FROM voicegate.list_blocks($1) AS b",
	    1, { VG_OID_INT8 } },

	/* kinds, severities, clients, routes, requests, details ("" is null);
	 * counts, ages, spans */
	[VG_ST_EVENTS] = { "events",
	    "SELECT voicegate.record_events($1, $2, "
	    "(SELECT array_agg(nullif(u.v, '')::inet ORDER BY u.n) "
	    "FROM unnest($3) WITH ORDINALITY AS u (v, n)), "
	    "(SELECT array_agg(nullif(u.v, '') ORDER BY u.n) "
	    "FROM unnest($4) WITH ORDINALITY AS u (v, n)), "
	    "(SELECT array_agg(nullif(u.v, '')::uuid ORDER BY u.n) "
	    "FROM unnest($5) WITH ORDINALITY AS u (v, n)), "
	    "(SELECT array_agg(nullif(u.v, '')::jsonb ORDER BY u.n) "
	    "FROM unnest($6) WITH ORDINALITY AS u (v, n)), "
	    "$7::bigint[], $8, $9)",
	    9, { VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY,
	    VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY, VG_OID_TEXT_ARRAY,
	    VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY, VG_OID_INT4_ARRAY } },

	[VG_ST_ALERTS_CLAIM] = { "alerts_claim",
	    "SELECT a.id, a.payload, a.attempt, a.fresh "
	    "FROM voicegate.claim_alerts($1) AS a",
	    1, { VG_OID_INTERVAL } },

	/* id, delivered, retry in; null: given up */
	[VG_ST_ALERT_SETTLE] = { "alert_settle",
	    "SELECT voicegate.settle_alert($1, $2, $3)",
	    3, { VG_OID_UUID, VG_OID_BOOL, VG_OID_INTERVAL } },
	[VG_ST_PURGE_KEYS] = { "purge_keys",
	    "SELECT voicegate.purge_idempotency_keys($1)::integer",
	    1, { VG_OID_INT4 } },
	[VG_ST_END_IDLE] = { "end_idle",
	    "SELECT voicegate.end_idle_sessions($1)::integer",
	    1, { VG_OID_INT4 } },
};

/*
 * By statements, not by the connection's `options`: a pooler in between
 * refuses those, and the URL may have its own.
 */
const char *const	vg_connection_setup[] = {
	/*
	 * The process may do what the role may, and no more, whoever it logged
	 * in as; a login of a role that is no member goes on as itself.
	 */
	"SELECT pg_catalog.set_config('role', 'voicegate_server', false) "
	    "WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r "
	    "WHERE r.rolname = 'voicegate_server' "
	    "AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))",
	/* A little below the client's own deadlines: the connection then
	 * survives a statement that waits too long. */
	"SET statement_timeout = 1400",
	/* Everyone's statements are behind this one: a row that somebody has in
	 * an open transaction is not waited for. The functions that count wait
	 * longer (migration 8), those of turns are asked again (migration 10). */
	"SET lock_timeout = 200",
	"SET idle_in_transaction_session_timeout = 5000",
	/* A worker that died leaves no statement running behind. */
	"SET client_connection_check_interval = 1000",
	"SET search_path = pg_catalog",
	"SET TimeZone = 'UTC'",
	/* Planned once: array parameters look different each time, and are
	 * always looked up by the same index. */
	"SET plan_cache_mode = force_generic_plan",
	"SET jit = off",
	/* Once also means: perhaps while a table was so small that to read all
	 * of it was cheapest. It grows faster than it is analyzed. */
	"SET enable_seqscan = off",
	/* What was answered must survive a crash: never less than `on`, more
	 * (remote_apply) where the operator has it. */
	"SELECT pg_catalog.set_config('synchronous_commit', 'on', false) "
	    "WHERE pg_catalog.current_setting('synchronous_commit') "
	    "IN ('off', 'local', 'remote_write')",
	"LISTEN " VG_CHANNEL_SESSION_END,
	"LISTEN " VG_CHANNEL_API_KEY,
	"LISTEN " VG_CHANNEL_CLIENT_BLOCK,
	"LISTEN " VG_CHANNEL_ALERT,
	0
};
