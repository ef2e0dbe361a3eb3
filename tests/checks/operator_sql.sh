#!/bin/bash
# What the operator's functions do with right and wrong arguments, and what each
# role may: with psql, in a database of its own. Needs what tests/run.sh exports.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh
fresh_database t_operator_$$

as() { # ROLE SQL...: values, or the error with SQLSTATE and hint
  local role=$1
  shift
  PGOPTIONS="-c role=$role" psql -XqAt -v ON_ERROR_STOP=1 -v VERBOSITY=verbose "$url" "$@" 2>&1
}
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$url" -c "$1"; }
# NAME WANTED GOT
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "\"$3\", not \"$2\""; fi; }
# What there is: to see that nothing changed.
state() {
  sql "select md5(string_agg(t::text, '' order by t::text)) from (
    select to_jsonb(k) from voicegate.api_key k union all select to_jsonb(b) from voicegate.client_block b
    union all select to_jsonb(s) from voicegate.session s union all select to_jsonb(t) from voicegate.turn t
    union all select to_jsonb(e) from voicegate.security_event e union all select to_jsonb(a) from voicegate.alert a
    union all select to_jsonb(w) from voicegate.rate_limit_window w) as t"
}
# ROLE, then lines of NAME SQLSTATE STATEMENT: each is refused so, with a hint,
# and nothing changes. In one session: a failure of one is told by its name.
wrong() {
  local role=$1 before name code statement said lines
  before=$(state)
  lines=$(cat)
  said=$(while read -r name code statement; do
    printf '\\warn == %s\n%s;\n' "$name" "$statement"
  done <<<"$lines" | PGOPTIONS="-c role=$role" psql -XqAt -v VERBOSITY=verbose "$url" 2>&1 >/dev/null)
  while read -r name code statement; do
    answer=$(sed -n "/^== $name\$/,/^== /p" <<<"$said")
    if grep -q "^ERROR:  $code: \|: ERROR:  $code: " <<<"$answer" &&
      { [ "$code" = 42501 ] || grep -q '^HINT:  ..' <<<"$answer"; }; then
      ok "$name"
    else
      bad "$name" "$(tr '\n' ' ' <<<"$answer")"
    fi
  done <<<"$lines"
  if [ "$(state)" != "$before" ]; then bad "${name}_and_before" 'something changed'; fi
}
op=voicegate_operator
none=00000000-0000-4000-8000-000000000000

# --- sessions, for what follows -------------------------------------------------
start() { # CLIENT KEY
  sql "insert into voicegate.session (id, client, api_key_id, expires_at, purge_at)
    values (gen_random_uuid(), '$1', nullif('${2:-}', '')::uuid, now() + interval '1 day', now() + interval '30 days') returning id"
}

# --- keys -----------------------------------------------------------------------
row=$(as $op -c "select * from voicegate.create_api_key('the app', expires_in => '90 days')")
key=${row%%|*}
secret=${row#*|}
if [[ $secret =~ ^vg_[A-Za-z0-9_-]{43}$ ]]; then ok key_is_256_bits; else bad key_is_256_bits "$secret"; fi
find_key() { as voicegate_server -c "select id from voicegate.find_api_key(sha256('$1'))"; }
is key_is_found "$key" "$(find_key "$secret")"
is key_is_nowhere_to_be_read 0 "$(sql "select count(*) from voicegate.api_key k where k::text like '%$secret%'")"
is other_key_is_not_found '' "$(find_key "${secret}x")"
wrong $op <<SQL
key_needs_a_name 22023 select * from voicegate.create_api_key('  ')
key_name_is_short 22023 select * from voicegate.create_api_key(repeat('x', 101))
key_name_is_taken 23505 select * from voicegate.create_api_key('the app')
key_needs_a_scope 22023 select * from voicegate.create_api_key('b', '{}')
key_scopes_are_known 22023 select * from voicegate.create_api_key('b', '{session,admin}')
key_scope_is_not_null 22023 select * from voicegate.create_api_key('b', array[null])
key_rate_is_positive 22023 select * from voicegate.create_api_key('b', rate_per_minute => 0)
key_does_not_end_before 22023 select * from voicegate.create_api_key('b', expires_in => '-1 day')
key_does_not_last_for_ever 22023 select * from voicegate.create_api_key('b', expires_in => '101 years')
key_rate_is_bounded 22023 select * from voicegate.create_api_key('b', rate_per_minute => 1000001)
key_name_is_not_null 22023 select * from voicegate.create_api_key(null)
key_name_is_visible 22023 select * from voicegate.create_api_key(E'\\t\\n')
key_name_is_one_line 22023 select * from voicegate.create_api_key(E'a\\nb')
key_name_is_taken_with_a_line_end 23505 select * from voicegate.create_api_key(E'the app\\n')
key_scopes_are_not_null 22023 select * from voicegate.create_api_key('b', null)
SQL
fresh=$(as $op -c "select voicegate.rotate_api_key('$key', '1 hour')")
is rotated_key_is_found "$key" "$(find_key "$fresh")"
is old_key_works_in_the_grace_time "$key" "$(find_key "$secret")"
third=$(as $op -c "select voicegate.rotate_api_key('$key', '0')")
is without_grace_the_old_one_is_gone '' "$(find_key "$fresh")"
is nor_comes_the_first_back '' "$(find_key "$secret")"
wrong $op <<SQL
rotate_needs_a_key 22004 select voicegate.rotate_api_key(null)
rotate_knows_the_key P0002 select voicegate.rotate_api_key('$none')
grace_is_not_negative 22023 select voicegate.rotate_api_key('$key', '-1 s')
grace_is_bounded 22023 select voicegate.rotate_api_key('$key', '91 days')
grace_is_not_null 22023 select voicegate.rotate_api_key('$key', null)
SQL
session=$(start 192.0.2.1 "$key")
start 192.0.2.2 >/dev/null
is sessions_end_by_key 1 "$(as $op -c "select voicegate.end_sessions_of_key('$key')")"
is key_lives_on "$key" "$(find_key "$third")"
session=$(start 192.0.2.1 "$key")
is key_is_revoked t "$(as $op -c "select voicegate.revoke_api_key('$key')")"
is revoked_key_is_not_found '' "$(find_key "$third")"
is revoked_key_ends_its_sessions key "$(sql "select end_reason from voicegate.session where id = '$session'")"
is revoked_twice_is_false f "$(as $op -c "select voicegate.revoke_api_key('$key')")"
wrong $op <<SQL
rotate_refuses_a_revoked_key 55000 select voicegate.rotate_api_key('$key')
revoke_needs_a_key 22004 select voicegate.revoke_api_key(null)
end_sessions_needs_a_key 22004 select voicegate.end_sessions_of_key(null)
SQL
row=$(as $op -c "select * from voicegate.create_api_key('soon', '{voice}', 5, '6 days')")
as voicegate_server -c 'select * from voicegate.purge_expired(); select * from voicegate.purge_expired()' >/dev/null
is end_is_told_once 1 "$(sql "select sum(count) from voicegate.security_event where kind = 'api_key_expiring' and detail->>'api_key' = '${row%%|*}'")"
as voicegate_server -c "select voicegate.touch_api_keys(array['${row%%|*}']::uuid[])" >/dev/null
is use_is_noted t "$(as $op -c "select last_used_at is not null from voicegate.api_key_status where name = 'soon'")"

# --- blocks -----------------------------------------------------------------------
revision() { sql 'select revision from voicegate.client_block_revision'; }
before=$(revision)
is block_without_end infinity "$(as $op -c "select voicegate.block_client('192.0.2.0/24')")"
is block_is_replaced t "$(as $op -c "select voicegate.block_client('192.0.2.0/24', '1 day', 'why') < now() + interval '25 hours'")"
is block_is_listed_once "192.0.2.0/24|why" "$(as $op -c 'select network, reason from voicegate.client_block_now')"
after=$(revision)
is one_call_is_one_revision $((before + 2)) "$after"
# A block anew, one that replaces, a change by hand, one of nothing, a removal.
told() { psql -XqAt "$url" -c 'listen voicegate_client_block' -c "$1" -c 'select 1' 2>&1 | grep -c '"voicegate_client_block"'; }
is a_block_is_told_once 1 "$(told "select voicegate.block_client('203.0.113.0/24')")"
is a_replaced_block_is_told_once 1 "$(told "select voicegate.block_client('203.0.113.0/24', '1 h')")"
is a_change_by_hand_is_told 1 "$(told "update voicegate.client_block set reason = 'x' where network = '203.0.113.0/24'")"
is a_change_of_nothing_is_not_told 0 "$(told "update voicegate.client_block set reason = 'x' where network = '203.0.113.1'")"
is a_removal_is_told_once 1 "$(told "select voicegate.unblock_client('203.0.113.0/24')")"
is a_truncation_is_told 1 "$(told 'begin; create table t_kept as table voicegate.client_block; truncate voicegate.client_block; commit')"
sql 'insert into voicegate.client_block table t_kept'
sql 'drop table t_kept'
after=$(revision)
is server_gets_the_list "$after||
$after|192.0.2.0/24|t" "$(as voicegate_server -c 'select revision, network, expires_at > now() from voicegate.list_blocks(-1)')"
is server_that_knows_gets_nothing '' "$(as voicegate_server -c "select * from voicegate.list_blocks($after)")"
wrong $op <<SQL
block_needs_a_network 22004 select voicegate.block_client(null)
block_is_not_for_everyone 22023 select voicegate.block_client('0.0.0.0/0')
block_is_not_for_everyone_ipv6 22023 select voicegate.block_client('::/0')
block_of_ipv4_is_written_so 22023 select voicegate.block_client('::ffff:192.0.2.0/120')
block_lasts 22023 select voicegate.block_client('192.0.2.1', '0')
block_does_not_last_for_ever 22023 select voicegate.block_client('192.0.2.1', '101 years')
block_reason_is_short 22001 select voicegate.block_client('192.0.2.1', null, repeat('x', 501))
block_is_an_address_or_a_network 22023 select voicegate.block_client('192.0.2.1/24')
unblock_is_an_address_or_a_network 22023 select voicegate.unblock_client('192.0.2.1/24')
SQL
is block_takes_what_a_view_shows 1 "$(as $op -c "select count(voicegate.block_client(w.client, '1 h', 'seen')) from (values (inet '198.51.100.7')) as w (client)")"
is unblock_takes_it_too t "$(as $op -c "select voicegate.unblock_client(inet '198.51.100.7')")"
is a_cidr_is_one_still t "$(as $op -c "select voicegate.block_client(cidr '198.51.100.8', '1 h') > now() and voicegate.unblock_client(cidr '198.51.100.8')")"
is narrower_is_not_blocked_by_itself f "$(as $op -c "select voicegate.unblock_client('192.0.2.1')")"
is block_is_taken_back t "$(as $op -c "select voicegate.unblock_client('192.0.2.0/24')")"
wrong $op <<SQL
unblock_needs_a_network 22004 select voicegate.unblock_client(null)
SQL
sql "insert into voicegate.client_block (network, created_at, expires_at) values ('198.51.100.0/24', now() - interval '2 h', now() - interval '1 h')"
is ended_block_is_not_listed 1 "$(as voicegate_server -c 'select count(*) from voicegate.list_blocks(-1)')"
is ended_block_is_purged 1 "$(as $op -c 'select blocks from voicegate.purge_expired()')"
before=$(revision)
as $op -c 'select * from voicegate.purge_expired()' >/dev/null
is purge_of_nothing_is_no_change "$before" "$(revision)"

# --- sessions ----------------------------------------------------------------------
session=$(start 192.0.2.7)
as voicegate_server -c "select * from voicegate.commit_turn('$session', null, null, 'asked', 'answered', '30 days', gen_random_uuid(), 'wav', '1 day', '{}')" >/dev/null
is export_is_whole 'asked|answered|1' "$(as $op -c "select e->'turns'->0->>'transcript', e->'turns'->0->>'reply', jsonb_array_length(e->'turns') from voicegate.export_session('$session') as e")"
wrong $op <<SQL
export_needs_a_session 22004 select voicegate.export_session(null)
export_knows_the_session P0002 select voicegate.export_session('$none')
SQL
heard=$(psql -XqAt "$url" -c 'listen voicegate_session_end' -c "select voicegate.erase_session('$session')" -c 'select 1' 2>&1)
is erasure_is_told "$(grep -c "voicegate_session_end.*$session [0-9a-f-]\{36\}" <<<"$heard")" 1
is erased_is_gone 0 "$(sql "select (select count(*) from voicegate.session where id = '$session') + (select count(*) from voicegate.turn where session_id = '$session')")"
is erasure_leaves_an_event_without_words 0 "$(sql "select count(*) from voicegate.security_event where kind = 'session_erased' and (client is not null or detail::text ~ 'asked|answered|192')")"
is erasure_takes_the_events_of_exports 0 "$(sql "select count(*) from voicegate.security_event where detail ->> 'session' = '$session' and kind <> 'session_erased'")"
as $op -c "select voicegate.export_session('$(start 192.0.2.8)')" >/dev/null
is erased_twice_is_false f "$(as $op -c "select voicegate.erase_session('$session')")"
wrong $op <<SQL
erase_needs_a_session 22004 select voicegate.erase_session(null)
end_needs_a_session 22004 select voicegate.end_session(null)
end_needs_a_client 22004 select voicegate.end_sessions_of(null)
end_is_of_an_address_or_a_network 22023 select voicegate.end_sessions_of('203.0.113.5/24')
end_of_ipv4_is_written_so 22023 select voicegate.end_sessions_of('::ffff:203.0.113.5')
SQL
is session_ends_by_client 1 "$(as $op -c "select voicegate.end_sessions_of('192.0.2.2')")"
session=$(start 192.0.2.8)
is session_ends_by_id t "$(as $op -c "select voicegate.end_session('$session')")"
as voicegate_server -c "select * from voicegate.take_fixed('{192.0.2.9}', '{session}', '{10}', '{60}', '{1}', '{1}')" >/dev/null
is limits_are_given_back 1 "$(as $op -c "select voicegate.reset_limits('192.0.2.9')")"
wrong $op <<SQL
reset_needs_a_client 22004 select voicegate.reset_limits(null)
purge_needs_rows 22023 select * from voicegate.purge_expired(0)
idle_end_needs_rows 22023 select voicegate.end_idle_sessions(0)
idle_end_needs_a_number 22023 select voicegate.end_idle_sessions(null)
purge_needs_a_number 22023 select * from voicegate.purge_expired(null)
purge_of_keys_needs_rows 22023 select voicegate.purge_idempotency_keys(0)
purge_of_keys_needs_a_number 22023 select voicegate.purge_idempotency_keys(null)
SQL
is each_function_left_its_event 'api_key_created api_key_expiring api_key_revoked api_key_rotated client_block_added client_block_removed session_ended_by_operator session_erased session_exported' \
  "$(as $op -c "select string_agg(distinct kind::text, ' ' order by kind::text) from voicegate.recent_security_event")"

# --- events and alerts ---------------------------------------------------------------
record() { # COUNT KIND
  as voicegate_server -c "select voicegate.record_events('{${2:-bad_key}}', '{warning}', '{192.0.2.1}', '{start}', array[null]::uuid[], array['{}']::jsonb[], '{$1}', '{2000}', '{1000}')"
}
alerts() { sql "select count(*) from voicegate.alert where kind = '${1:-bad_key}'"; }
record 60 >/dev/null
is too_few_raise_no_alert 0 "$(alerts)"
record 60 >/dev/null
is enough_raise_one 1 "$(alerts)"
record 1000 >/dev/null
is one_a_span 1 "$(alerts)"
sql "update voicegate.alert_rule set last_fired_at = last_fired_at - span where kind = 'bad_key'"
record 1 >/dev/null
is the_next_span_has_its_own 2 "$(alerts)"
is events_keep_their_count 1121 "$(sql "select sum(count) from voicegate.security_event where kind = 'bad_key'")"
sql "update voicegate.alert_rule set min_count = 100, enabled = true, span = '1 hour' where kind = 'bad_framing'"
for _ in 1 2 3 4 5 6 7 8; do record 20 bad_framing >/dev/null & done
wait
is many_writers_raise_one 1 "$(alerts bad_framing)"
claim=$(as voicegate_server -c "select id, attempt, fresh from voicegate.claim_alerts('1 minute') order by id")
is all_are_claimed_afresh "$(wc -l <<<"$claim")" "$(grep -c '|1|t$' <<<"$claim")"
is nobody_claims_them_twice '' "$(as voicegate_server -c "select * from voicegate.claim_alerts('1 minute')")"
first=$(head -n 1 <<<"$claim") first=${first%%|*}
as voicegate_server -c "select voicegate.settle_alert('$first', false, '0')" >/dev/null
is a_failed_one_is_due_again "$first|2|f" "$(as voicegate_server -c "select id, attempt, fresh from voicegate.claim_alerts('1 minute')")"
as voicegate_server -c "select voicegate.settle_alert('$first', true, null)" >/dev/null
as voicegate_server -c "select voicegate.settle_alert('$first', false, '0')" >/dev/null
is a_delivered_one_is_not '' "$(as voicegate_server -c "select * from voicegate.claim_alerts('1 minute')")"
wrong voicegate_server <<SQL
lease_is_bounded 22023 select * from voicegate.claim_alerts('2 hours')
server_tells_no_operators_events 22023 select voicegate.record_events('{api_key_revoked}', '{info}', array[null]::inet[], array[null], array[null]::uuid[], array[null]::jsonb[], '{1}', '{0}', '{0}')
settle_needs_an_alert 22004 select voicegate.settle_alert(null, true, null)
settle_needs_a_result 22004 select voicegate.settle_alert('$none', null, null)
settle_does_not_look_back 22023 select voicegate.settle_alert('$none', false, '-1 s')
lease_is_not_null 22023 select * from voicegate.claim_alerts(null)
lease_is_positive 22023 select * from voicegate.claim_alerts('0')
event_has_a_kind 22023 select voicegate.record_events(array[null], '{info}', array[null]::inet[], array[null], array[null]::uuid[], array[null]::jsonb[], '{1}', '{0}', '{0}')
event_has_a_known_kind 22023 select voicegate.record_events('{nonsense}', '{info}', array[null]::inet[], array[null], array[null]::uuid[], array[null]::jsonb[], '{1}', '{0}', '{0}')
SQL
sql "insert into voicegate.security_event (first_at, last_at, kind, severity) select now() - interval '91 days', now() - interval '91 days', 'bad_key', 'info' from generate_series(1, 250)"
purged=0
for ((i = 0; i < 100; i++)); do
  row=$(as $op -c 'select events, more from voicegate.purge_expired()')
  purged=$((purged + ${row%|*}))
  [ "${row#*|}" = t ] || break
done
is old_events_are_purged 250 "$purged"

# --- purge ----------------------------------------------------------------------------
# Two that are over, one of them a conversation of many turns, and one that is not.
stays=$(start 192.0.2.20)
sql "insert into voicegate.session (id, client, created_at, expires_at, purge_at)
  select gen_random_uuid(), '192.0.2.21', now() - interval '3 days', now() - interval '2 days', now() - interval '1 day' from generate_series(1, 2)"
sql "insert into voicegate.turn (session_id, seq, transcript, reply)
  select s.id, n, 'asked', 'answered' from (select id from voicegate.session where client = '192.0.2.21' limit 1) s, generate_series(1, 3000) n"
sql "insert into voicegate.turn (session_id, seq, transcript, reply, text_until)
  select '$stays', n, 'asked', 'answered', case when n <= 30 then now() - interval '1 hour' end from generate_series(1, 40) n"
is purge_says_that_it_is_behind t "$(as $op -c 'select sessions < 2 and behind and more from voicegate.purge_expired(1)')"
is purge_comes_to_its_end 'f|0|f|f' "$(as $op -c "do \$\$ begin for i in 1..4000 loop exit when not (select p.more from voicegate.purge_expired() as p); commit; end loop; end \$\$" \
  -c 'select more, sessions, behind, texts > 0 from voicegate.purge_expired()')"
is purge_takes_turns_along '0|0' "$(sql "select (select count(*) from voicegate.session where client = '192.0.2.21'), (select count(*) from voicegate.turn where session_id not in (select id from voicegate.session))")"
is purge_erases_texts_and_no_others 10 "$(sql "select count(transcript) from voicegate.turn where session_id = '$stays'")"
sql "insert into voicegate.idempotency_key (session_id, key, holder, lease_until, expires_at)
  select '$stays', n, gen_random_uuid(), now(), now() + case when n <= 300 then interval '-1 hour' else interval '1 hour' end from generate_series(1, 310) n"
is purge_of_keys_comes_to_its_end 10 "$(as voicegate_server -c "do \$\$ begin for i in 1..400 loop exit when voicegate.purge_idempotency_keys() = 0; commit; end loop; end \$\$" >/dev/null; sql 'select count(*) from voicegate.idempotency_key')"

# --- a colleague's open transaction ---------------------------------------------------
# Holds what STATEMENT locks until let_go.
hold() {
  coproc holder { PGOPTIONS="-c role=$op" psql -XqAt -v ON_ERROR_STOP=1 "$url" 2>&1; }
  printf "begin; %s; select 'held';\\n" "$1" >&"${holder[1]}"
  while read -r line <&"${holder[0]}" && [ "$line" != held ]; do :; done
}
let_go() {
  echo 'commit;' >&"${holder[1]}"
  eval "exec ${holder[1]}>&-"
  # shellcheck disable=SC2154 # made by coproc
  wait "$holder_PID" 2>/dev/null
}
# As the server is connected: longer is an error.
hurried() { as voicegate_server -c "set lock_timeout = 200" -c "$1"; }
sql "insert into voicegate.client_block (network, created_at, expires_at) values ('198.51.100.0/24', now() - interval '2 h', now() - interval '1 h')"
hold "select voicegate.block_client('203.0.113.9', '1 h'); update voicegate.purge_state set events_kept = '80 days'"
is purge_waits_for_nobody 0 "$(hurried 'select blocks from voicegate.purge_expired()')"
let_go
is purge_comes_back_to_it 1 "$(hurried 'select blocks from voicegate.purge_expired()')"
sql "insert into voicegate.alert_rule (name, kind, min_count, span) values ('held', 'csp_report', 5, '1 hour')"
hold "update voicegate.alert_rule set severity = 'critical', min_count = 4 where name = 'held'"
is events_wait_for_no_edited_rule '' "$(hurried "select voicegate.record_events('{csp_report}', '{info}', array[null]::inet[], array[null], array[null]::uuid[], array[null]::jsonb[], '{5}', '{0}', '{0}')")"
is a_rule_that_is_edited_rests 0 "$(sql "select count(*) from voicegate.alert where rule = 'held'")"
let_go
is an_edited_rule_holds_from_its_commit 'critical|5' "$(sql "select severity, count from voicegate.alert where rule = 'held'")"
sql "insert into voicegate.alert_rule (name, kind, min_count, span) values ('short', 'unsupported_audio', 9, '5 seconds')"
for n in 1 8; do
  hurried "select voicegate.record_events('{unsupported_audio}', '{info}', array[null]::inet[], array[null], array[null]::uuid[], array[null]::jsonb[], '{$n}', '{10000}', '{0}')" >/dev/null
done
is a_short_span_sees_what_is_written_late 1 "$(sql "select count(*) from voicegate.alert where rule = 'short'")"
row=$(as $op -c "select id from voicegate.create_api_key('held')")
hold "select voicegate.revoke_api_key('$row')"
is a_start_does_not_wait_for_long 55P03 "$(hurried "insert into voicegate.session (id, client, api_key_id, expires_at, purge_at) values (gen_random_uuid(), '192.0.2.30', '$row', now() + interval '1 h', now() + interval '1 h')" | grep -o '55P03')"
# One that waits long enough sees what was committed.
sql "insert into voicegate.session (id, client, api_key_id, expires_at, purge_at) values (gen_random_uuid(), '192.0.2.30', '$row', now() + interval '1 h', now() + interval '1 h')" &
for ((i = 0; i < 400; i++)); do [ "$(sql "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")" = 1 ] && break; sleep 0.05; done
let_go
wait $!
is no_session_outlives_its_key 0 "$(sql "select count(*) from voicegate.session where api_key_id = '$row' and ended_at is null")"

# --- roles ----------------------------------------------------------------------------
sql 'create role t_nobody' 2>/dev/null
wrong voicegate_server <<'SQL'
server_may_not_1 42501 select * from voicegate.api_key
server_may_not_2 42501 select * from voicegate.client_block
server_may_not_3 42501 select * from voicegate.security_event
server_may_not_4 42501 select * from voicegate.alert
server_may_not_5 42501 select * from voicegate.alert_rule
server_may_not_6 42501 insert into voicegate.security_event (first_at, last_at, kind, severity) values (now(), now(), 'bad_key', 'info')
server_may_not_7 42501 delete from voicegate.session
server_may_not_8 42501 delete from voicegate.turn
server_may_not_9 42501 delete from voicegate.rate_limit_window
server_may_not_10 42501 update voicegate.session set client = '192.0.2.1'
server_may_not_11 42501 update voicegate.session set purge_at = now()
server_may_not_12 42501 update voicegate.turn set transcript = ''
server_may_not_13 42501 update voicegate.api_key set revoked_at = null
server_may_not_14 42501 truncate voicegate.session
server_may_not_15 42501 select voicegate.create_api_key('x')
server_may_not_16 42501 select voicegate.rotate_api_key(gen_random_uuid())
server_may_not_17 42501 select voicegate.revoke_api_key(gen_random_uuid())
server_may_not_18 42501 select voicegate.end_session(gen_random_uuid())
server_may_not_19 42501 select voicegate.end_sessions_of('192.0.2.0/24')
server_may_not_20 42501 select voicegate.block_client('192.0.2.0/24')
server_may_not_21 42501 select voicegate.unblock_client('192.0.2.0/24')
server_may_not_22 42501 select voicegate.export_session(gen_random_uuid())
server_may_not_23 42501 select voicegate.erase_session(gen_random_uuid())
server_may_not_24 42501 select voicegate.record_event('api_key_created', 'info', null, null)
server_may_not_25 42501 select voicegate.grant_roles()
server_may_not_26 42501 create table voicegate.x ()
server_may_not_27 42501 update voicegate.schema_version set version = 9
server_may_not_28 42501 select * from voicegate.idempotency_key
server_may_not_29 42501 delete from voicegate.idempotency_key
server_may_not_30 42501 insert into voicegate.turn (session_id, seq) values (gen_random_uuid(), 1)
server_may_not_31 42501 select * from voicegate.purge_state
server_may_not_32 42501 update voicegate.purge_state set events_kept = '1 hour'
server_may_not_33 42501 select * from voicegate.client_block_revision
server_may_not_34 42501 select * from voicegate.role_privilege
server_may_not_35 42501 insert into voicegate.role_privilege values ('voicegate_server', 'ALL ON voicegate.api_key')
server_may_not_36 42501 select * from voicegate.api_key_status
server_may_not_37 42501 select * from voicegate.recent_security_event
server_may_not_38 42501 select voicegate.end_sessions_of_key(gen_random_uuid())
server_may_not_39 42501 select voicegate.reset_limits('192.0.2.1')
server_may_not_40 42501 select voicegate.new_api_key()
server_may_not_41 42501 select voicegate.fire_alerts('{bad_key}')
server_may_not_42 42501 select * from voicegate.sweep_rate_limits(1)
server_may_not_43 42501 update voicegate.session set api_key_id = null
server_may_not_44 42501 update voicegate.session set expires_at = expires_at + interval '1 day'
server_may_not_45 42501 alter table voicegate.session disable trigger all
server_may_not_46 42501 copy voicegate.session to '/tmp/x'
server_may_not_47 42501 select pg_read_file('/etc/passwd')
server_may_not_48 42501 update voicegate.rate_limit_window set used = 0
server_may_not_49 42501 select * from voicegate.rate_limit_window
server_may_not_50 42501 insert into voicegate.turn (session_id, seq, transcript, reply) values (gen_random_uuid(), 1, '', '')
server_may_not_51 42501 update voicegate.session set turns = 1
server_may_not_52 42501 select * from voicegate.turn
server_may_not_53 42501 update voicegate.session set last_active_at = now()
SQL
sql "update voicegate.session set ended_at = now(), end_reason = 'client' where id = '$stays'"
wrong voicegate_server <<SQL
server_brings_no_session_back 55000 update voicegate.session set ended_at = null, end_reason = null where id = '$stays'
server_changes_no_end 55000 update voicegate.session set end_reason = 'idle' where id = '$stays'
SQL
# Whoever may make a temporary type makes those that functions of the owner name.
for role in voicegate_server voicegate_operator; do
  is temporary_types_are_not_seen t "$(as $role -c "
    create function pg_temp.evil(v pg_catalog.text) returns boolean language plpgsql as \$\$ begin raise exception 'evil, as %', current_user; end \$\$;
    create domain pg_temp.tid as pg_catalog.tid check (pg_temp.evil(value::pg_catalog.text));
    create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
    create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.evil(value::pg_catalog.text));
    create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.evil(value::pg_catalog.text));
    select count(*) from voicegate.purge_expired(), voicegate.end_idle_sessions()" \
    -c "$([ $role = voicegate_operator ] && echo "select voicegate.end_sessions_of('198.18.0.1'), voicegate.erase_session('$none')")" \
    -c "select true" | tail -n 1)"
done
wrong voicegate_operator <<'SQL'
operator_may_not_1 42501 select hash from voicegate.api_key
operator_may_not_2 42501 select transcript from voicegate.turn
operator_may_not_3 42501 select reply from voicegate.turn
operator_may_not_4 42501 delete from voicegate.session
operator_may_not_5 42501 update voicegate.session set ended_at = now()
operator_may_not_6 42501 delete from voicegate.security_event
operator_may_not_7 42501 update voicegate.security_event set count = 1
operator_may_not_8 42501 delete from voicegate.alert
operator_may_not_9 42501 insert into voicegate.api_key (name, hint, hash, scopes) values ('x', 'x', sha256('x'), '{voice}')
operator_may_not_10 42501 insert into voicegate.client_block (network) values ('192.0.2.0/24')
operator_may_not_11 42501 select voicegate.find_api_key('')
operator_may_not_12 42501 select voicegate.commit_turn(null, null, null, null, null, null, null, null, null, null)
operator_may_not_13 42501 select voicegate.record_events('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')
operator_may_not_14 42501 select voicegate.claim_alerts('1 s')
operator_may_not_15 42501 select voicegate.fire_alerts('{bad_key}')
operator_may_not_16 42501 select voicegate.new_api_key()
operator_may_not_17 42501 select voicegate.grant_roles()
operator_may_not_18 42501 truncate voicegate.alert_rule
operator_may_not_19 42501 create table voicegate.x ()
SQL
wrong voicegate_operator <<'SQL'
rule_without_a_name 23514 insert into voicegate.alert_rule (name, kind) values ('', 'bad_key')
rule_with_a_long_name 23514 update voicegate.alert_rule set name = repeat('x', 101) where kind = 'bad_key'
rule_of_no_event 23514 update voicegate.alert_rule set min_count = 0 where kind = 'bad_key'
rule_without_a_span 23514 insert into voicegate.alert_rule (name, kind, span) values ('x', 'bad_key', '0 s')
rule_of_a_year 23514 update voicegate.alert_rule set span = '1 year' where kind = 'bad_key'
SQL
check operator_sets_rules sh -c "PGOPTIONS='-c role=voicegate_operator' psql -Xq -v ON_ERROR_STOP=1 '$url' \
  -c \"insert into voicegate.alert_rule (name, kind) values ('mine', 'bad_key')\" -c \"update voicegate.alert_rule set enabled = false where name = 'mine'\" -c \"delete from voicegate.alert_rule where name = 'mine'\""
objects=$(sql "select format('nobody_reads_%s 42501 select from voicegate.%I', c.relname, c.relname) from pg_class c where c.relnamespace = 'voicegate'::regnamespace and c.relkind in ('r', 'v')")
wrong t_nobody <<<"$objects"
none nobody_else_has_a_privilege "$(sql "select distinct f.what from (
  select p.oid::regprocedure::text as what, coalesce(p.proacl, acldefault('f', p.proowner)) as acl from pg_proc p where p.pronamespace = 'voicegate'::regnamespace
  union all select c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner)) from pg_class c where c.relnamespace = 'voicegate'::regnamespace and c.relkind in ('r', 'v')
  union all select 'schema', n.nspacl from pg_namespace n where n.nspname = 'voicegate') as f, aclexplode(f.acl) as a
  where a.grantee = 0 or a.grantee not in (select oid from pg_roles where rolname in ('voicegate_server', 'voicegate_operator') union select nspowner from pg_namespace where nspname = 'voicegate')")"
# But for one, which names types by keywords alone.
is functions_have_a_search_path 'rate_limit_used' "$(sql "select string_agg(proname, ' ') from pg_proc where pronamespace = 'voicegate'::regnamespace and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']")"
sql 'create function voicegate.later() returns int language sql as $$ select 1 $$'
wrong voicegate_server <<<'what_comes_later_is_nobodys 42501 select voicegate.later()'
sql 'drop function voicegate.later()'
sql 'drop role t_nobody' 2>/dev/null
none everything_has_a_comment "$(sql "
  select c.oid::regclass || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = 'voicegate'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0
    and not a.attisdropped and col_description(c.oid, a.attnum) is null
  union all
  select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'voicegate'::regnamespace and not t.tgisinternal and obj_description(t.oid, 'pg_trigger') is null
  union all select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'voicegate'::regnamespace and obj_description(c.oid, 'pg_class') is null
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  union all select typname from pg_type where typnamespace = 'voicegate'::regnamespace and typtype = 'd' and obj_description(oid, 'pg_type') is null")"

# --- a user who may not make roles ---------------------------------------------------
# The roles are there by now, of the whole cluster; nothing is granted that this
# user may not grant, and what it may, it grants.
sql "create role t_plain_$$ login password 'plain'"
psql -Xq "$TEST_DATABASE_URL" -c "create database ${database}_plain owner t_plain_$$"
plain=postgresql://t_plain_$$:plain@${TEST_DATABASE_URL##*@}
plain=${plain%/*}/${database}_plain
check plain_user_migrates env DATABASE_URL="$plain" VAR="$TEST_TMP" "$BIN" --migrate
check plain_user_migrates_again env DATABASE_URL="$plain" VAR="$TEST_TMP" "$BIN" --migrate
is plain_user_grants t "$(psql -XqAt "$plain" -c "select has_table_privilege('voicegate_operator', 'voicegate.active_session', 'select')")"
check plain_user_grants_again psql -Xq -v ON_ERROR_STOP=1 "$plain" -c 'select voicegate.grant_roles()'
psql -Xq "$TEST_DATABASE_URL" -c "drop database ${database}_plain" -c "drop role t_plain_$$"
# --- the database is closed to others, by the words of the document ----------------
while IFS= read -r statement; do
  sql "${statement//DATABASE voicegate/DATABASE $database}" >/dev/null
done < <(grep -E '^    (REVOKE CONNECT|GRANT CONNECT)' docs/OPERATIONS.md)
psql -Xq "$url" -c "create role stranger_$$ login; create role colleague_$$ login in role $op"
may() { sql "select has_database_privilege('$1', current_database(), 'connect')"; }
is stranger_may_not_connect f "$(may "stranger_$$")"
is colleague_may_connect t "$(may "colleague_$$")"
psql -Xq "$url" -c "drop role stranger_$$, colleague_$$"

exit "$failed"
