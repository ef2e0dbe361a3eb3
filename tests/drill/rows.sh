#!/bin/bash
# Many rows: a month of sessions and their turns is generated in a database of
# its own; then every statement that must be quick is run, and its plan looked
# at (also those within functions: auto_explain). Then a purge of what has run
# out meanwhile, beside a loop that starts sessions and speaks: how long a
# purge holds its locks, and how long the others wait.
#
#   rows.sh EXECUTABLE     (ROWS sessions, default 20000; TURNS each, 10)
#
# ROWS_KEEP=FOLDER keeps the cluster there, with the rows as generated: a run
# works on a copy, brought up to this executable's migrations.
#
# Ends with 1 when a plan reads a whole table or a purge held a lock too long.
# Times are of this machine: run it where nothing else runs.
set -eu
cd "$(dirname "$0")/../.."
cluster=$PWD/conf/dev/cluster.sh
exe=$1
rows=${ROWS:-20000}
turns=${TURNS:-10}
lock_ms=${LOCK_MS:-100}
work=$(mktemp -d "${TMPDIR:-/tmp}/voicegate-drill.XXXXXX")
chmod 0755 "$work"
var=${ROWS_KEEP:-$work/var}
made=rows_${rows}_$turns
loops=
# shellcheck disable=SC2317 # by trap
finish() {
  for pid in $loops; do kill "$pid" 2>/dev/null || :; done
  psql -Xq "$base/postgres" -c 'DROP DATABASE IF EXISTS drill WITH (FORCE)' >/dev/null 2>&1 || :
  "$cluster" stop "$var" >/dev/null 2>&1 || :
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
"$cluster" start "$var"
base=$(sed 's,/[^/]*$,,' "$var/database.url")
url=$base/$made
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$url" "$@"; }
migrate() { DATABASE_URL=$url VAR=$var "$exe" --migrate; }

generate() {
echo "==> $rows sessions, $((rows * turns)) turns"
psql -Xq "$base/postgres" -c "DROP DATABASE IF EXISTS $made" -c "CREATE DATABASE $made" 2>/dev/null
migrate
began=$SECONDS
# Without triggers: what is generated here is whole by construction.
sql -v rows="$rows" -v turns="$turns" <<'SQL'
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO voicegate.session (id, created_at, last_active_at, expires_at,
    client, turns, purge_at, api_key_id, ended_at, end_reason)
SELECT gen_random_uuid(), c.at, c.at + interval '5 minutes', c.at + interval '24 hours',
    ('10.0.0.0'::inet + (n % 200000)), :turns, c.at + interval '30 days',
    CASE WHEN n % 3 = 0 THEN md5((n % 300)::text)::uuid END,
    CASE WHEN n % 10 = 0 THEN c.at + interval '6 minutes' END,
    CASE WHEN n % 10 = 0 THEN 'client' END
FROM generate_series(1, :rows) AS n,
    LATERAL (SELECT now() - (n::float8 / :rows) * interval '31 days' AS at) AS c;
INSERT INTO voicegate.turn (session_id, seq, created_at, transcript, reply,
    text_until, audio_id, audio_ext, audio_expires_at)
SELECT s.id, q, s.created_at + q * interval '20 seconds', 'what was said in turn ' || q,
    'and what was answered in turn ' || q,
    CASE WHEN get_byte(uuid_send(s.id), 0) < 5 THEN s.created_at + interval '7 days' END,
    gen_random_uuid(), 'wav', s.created_at + interval '24 hours'
FROM voicegate.session AS s, generate_series(1, :turns) AS q;
INSERT INTO voicegate.security_event (first_at, last_at, kind, severity, client, count)
SELECT c.at, c.at, (ARRAY['rate_limited','bad_key','bad_framing','csp_report'])[1 + n % 4],
    'warning', '10.0.0.0'::inet + (n % 1000), 1 + n % 50
FROM generate_series(1, greatest(:rows / 5, 1000)) AS n,
    LATERAL (SELECT now() - (n::float8 / greatest(:rows / 5, 1000)) * interval '92 days' AS at) AS c;
RESET session_replication_role;
INSERT INTO voicegate.api_key (id, name, hint, hash, scopes)
SELECT md5(n::text)::uuid, 'key ' || n, 'vg_xxxx', sha256(int4send(n)), '{session,voice}'
FROM generate_series(0, 299) AS n;
VACUUM ANALYZE voicegate.session, voicegate.turn, voicegate.security_event, voicegate.api_key;
SQL
echo "    generated in $((SECONDS - began)) s: $(sql -c "SELECT pg_size_pretty(pg_database_size(current_database()))")"
: >"$var/$made"
}
[ -f "$var/$made" ] || generate
psql -Xq -v ON_ERROR_STOP=1 "$base/postgres" -c 'DROP DATABASE IF EXISTS drill WITH (FORCE)' \
  -c "CREATE DATABASE drill TEMPLATE $made STRATEGY file_copy" 2>/dev/null
url=$base/drill
migrate
sql -c 'VACUUM ANALYZE'

failed=0
session=$(sql -c "SELECT id FROM voicegate.active_session WHERE api_key_id IS NOT NULL LIMIT 1")
client=$(sql -c "SELECT host(client) FROM voicegate.session WHERE id = '$session'")
key=$(sql -c "SELECT api_key_id FROM voicegate.session WHERE id = '$session'")
audio=$(sql -c "SELECT audio_id FROM voicegate.turn WHERE session_id = '$session' AND seq = 1")
old=$(sql -c "SELECT id FROM voicegate.session ORDER BY created_at LIMIT 1")

# What a worker's connection has set (src/store/statements.c).
worker='SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off;'
# NAME SQL [auto]: planned as on a worker's connection, or as psql does it for
# an operator; no plan may read all.
plan() {
  sql >"$work/plan" 2>&1 <<SQL || { echo "FAILED $1"; tail -n 3 "$work/plan"; failed=1; return; }
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET client_min_messages = log;
$([ "${3:-}" = auto ] || echo "$worker")
BEGIN;
$2;
ROLLBACK;
SQL
  local ms whole
  ms=$(sed -n 's/.*duration: \([0-9.]*\) ms.*/\1/p' "$work/plan" | sort -n | tail -n 1)
  whole=$(grep -oE 'Seq Scan on (session|turn|security_event)( |$)|Index (Only )?Scan using [a-z_]+ on (session|turn|security_event) .*actual rows=[0-9]{6,}' "$work/plan" | sort -u | head -n 2 || :)
  if [ -n "$whole" ]; then
    printf 'LOST   %-28s %9s ms  %s\n' "$1" "$ms" "$whole"
    failed=1
  else
    printf 'ok     %-28s %9s ms  %s\n' "$1" "$ms" \
      "$(grep -oE 'using [a-z_]+|Index Scan on [a-z_]+|Tid Scan' "$work/plan" | sed 's/using //; s/Index Scan on //' | sort -u | tr '\n' ' ' | cut -c1-90)"
  fi
}
echo "==> plans (the longest statement of each)"
plan start "PREPARE p AS INSERT INTO voicegate.session AS s (id, client, expires_at, purge_at) VALUES (\$1, '192.0.2.1', now() + interval '1 day', now() + interval '30 days') RETURNING s.id; EXECUTE p(gen_random_uuid())"
plan find "PREPARE p(uuid, int) AS SELECT s.id, t.transcript FROM voicegate.session AS s LEFT JOIN LATERAL (SELECT v.seq, v.transcript FROM voicegate.turn AS v WHERE v.session_id = s.id AND v.transcript IS NOT NULL ORDER BY v.seq DESC LIMIT \$2) AS t ON true WHERE s.id = \$1 AND s.ended_at IS NULL AND s.expires_at > now() ORDER BY t.seq; EXECUTE p('$session', 8)"
plan commit_turn "PREPARE p(uuid) AS SELECT * FROM voicegate.commit_turn(\$1, NULL, NULL, 'a', 'b', '30 days', gen_random_uuid(), 'wav', '1 day', '{}'); EXECUTE p('$session')"
plan end "PREPARE p(uuid) AS WITH e AS (UPDATE voicegate.session AS s SET ended_at = now(), end_reason = 'client' WHERE s.id = \$1 AND s.ended_at IS NULL AND s.expires_at > now() RETURNING s.id) SELECT t.audio_id FROM e LEFT JOIN voicegate.turn AS t ON t.session_id = e.id AND t.audio_id IS NOT NULL; EXECUTE p('$session')"
plan audio_find "PREPARE p(uuid) AS SELECT s.id FROM voicegate.turn AS t JOIN voicegate.session AS s ON s.id = t.session_id WHERE t.audio_id = \$1 AND t.audio_expires_at > now() AND s.ended_at IS NULL AND s.expires_at > now(); EXECUTE p('$audio')"
plan audio_gone "PREPARE p(uuid[]) AS SELECT u.id FROM unnest(\$1) AS u (id) WHERE NOT EXISTS (SELECT FROM voicegate.turn AS t JOIN voicegate.session AS s ON s.id = t.session_id WHERE t.audio_id = u.id AND t.audio_expires_at > now() AND s.ended_at IS NULL AND s.expires_at > now()); EXECUTE p(ARRAY['$audio', gen_random_uuid()])"
plan find_api_key "SELECT * FROM voicegate.find_api_key(sha256(int4send(7)))"
plan record_events "SELECT voicegate.record_events('{bad_key}', '{warning}', '{192.0.2.1}', '{voice}', ARRAY[NULL]::uuid[], ARRAY[NULL]::jsonb[], '{1000}', '{900}', '{800}')"
plan end_session "SELECT voicegate.end_session('$session')" auto
plan end_sessions_of "SELECT voicegate.end_sessions_of('$client')" auto
plan end_sessions_of_network "SELECT voicegate.end_sessions_of('$client/30')" auto
plan end_sessions_of_key "SELECT voicegate.end_sessions_of_key('$key')" auto
plan revoke_api_key "SELECT voicegate.revoke_api_key('$key')" auto
plan export_session "SELECT length(voicegate.export_session('$session')::text)" auto
plan erase_session "SELECT voicegate.erase_session('$old')" auto
plan active_session "SELECT count(*) FROM voicegate.active_session" auto
plan active_session_of_client "SELECT count(*) FROM voicegate.active_session WHERE client = '$client'" auto
plan recent_security_event "SELECT count(*) FROM voicegate.recent_security_event" auto
plan api_key_status "SELECT count(*) FROM (SELECT * FROM voicegate.api_key_status WHERE id = '$key') AS k" auto
plan open_alert "SELECT count(*) FROM voicegate.open_alert" auto
plan client_block_now "SELECT count(*) FROM voicegate.client_block_now" auto
plan rate_limit_now "SELECT count(*) FROM voicegate.rate_limit_now" auto
plan purge_expired "SELECT * FROM voicegate.purge_expired(2000)"
plan purge_expired_in_psql "SELECT * FROM voicegate.purge_expired()" auto
plan purge_idempotency_keys "SELECT voicegate.purge_idempotency_keys(2000)"

echo "==> purge of what has run out, beside a loop that starts and speaks"
# The copy goes to the disk first: what writes gigabytes meanwhile is not measured.
sql -c 'CHECKPOINT'
sync
# What others feel: the longest of each step, committed one by one.
sql 2>"$work/others" <<'SQL' &
DO $$
DECLARE
	t timestamptz; s uuid; n bigint := 0; worst interval := '0';
BEGIN
	LOOP
		t := clock_timestamp();
		s := gen_random_uuid();
		INSERT INTO voicegate.session (id, client, expires_at, purge_at)
		    VALUES (s, '192.0.2.1', now() + interval '1 day', now() + interval '30 days');
		PERFORM voicegate.commit_turn(s, NULL, NULL, 'a', 'b', '30 days', NULL, NULL, '1 day', '{}');
		PERFORM voicegate.end_session(s);
		COMMIT;
		worst := greatest(worst, clock_timestamp() - t);
		n := n + 1;
		EXIT WHEN to_regclass('public.drill_done') IS NOT NULL;
	END LOOP;
	RAISE WARNING '% rounds, the longest % ms', n, round(extract(epoch FROM worst) * 1000);
END $$;
SQL
loops="$!"
sql <<'SQL' 2>"$work/holder" &
DO $$
DECLARE
	held interval := '0'; now_held interval; n bigint := 0;
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT max(clock_timestamp() - a.xact_start) INTO now_held
		    FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid
		    AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
		    WHERE a.application_name = 'drill_purge';
		held := greatest(held, now_held);
		n := n + 1;
		EXIT WHEN to_regclass('public.drill_done') IS NOT NULL;
		COMMIT;
		PERFORM pg_sleep(0.002);
	END LOOP;
	RAISE WARNING '% looks, the longest % ms', n, round(extract(epoch FROM held) * 1000);
END $$;
SQL
loops="$loops $!"
began=$(date +%s%N)
PGAPPNAME=drill_purge sql >"$work/purge" 2>&1 <<SQL
CREATE TEMP TABLE round (ms numeric, sessions bigint, texts bigint, events bigint);
SET client_min_messages = warning;
$worker
DO \$\$
DECLARE
	p record; t timestamptz;
BEGIN
	LOOP
		t := clock_timestamp();
		SELECT * INTO p FROM voicegate.purge_expired(2000);
		COMMIT;
		INSERT INTO round VALUES (extract(epoch FROM clock_timestamp() - t) * 1000,
		    p.sessions, p.texts, p.events);
		COMMIT;
		EXIT WHEN NOT p.more;
		-- As two workers do, each with its pause between two rounds.
		PERFORM pg_sleep(0.05);
	END LOOP;
END \$\$;
SELECT format('%s rounds: %s sessions, %s texts, %s events; a round %s ms at the median, %s at most; %s over 100 ms',
    count(*), sum(sessions), sum(texts), sum(events),
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric), round(max(ms)), count(*) FILTER (WHERE ms > 100)) FROM round;
SELECT 'max ' || ceil(max(ms)) FROM round;
SQL
took=$(($(date +%s%N) - began))
sql -c 'CREATE TABLE public.drill_done ()'
for pid in $loops; do wait "$pid" || :; done
loops=
sed -n '/rounds/p' "$work/purge"
echo "    in $((took / 1000000)) ms; others: $(sed -n 's/.*WARNING: *//p' "$work/others" "$work/holder" | tr '\n' ';')"
longest=$(sed -n 's/^max //p' "$work/purge")
if [ -z "$longest" ] || [ "$longest" -gt "$lock_ms" ]; then
  echo "FAILED a purge held its locks for ${longest:-?} ms (at most $lock_ms)"
  failed=1
fi
exit "$failed"
