-- Two things that keep a conversation private: its texts may be encrypted with a
-- key that is not in this database, and a session that nobody uses may end.

-- ---- texts that are encrypted -----------------------------------------------

-- The server encrypts and decrypts (TRANSCRIPT_KEY); here is what it wrote:
-- "v1:" and base64 of a random nonce (12 bytes), the ciphertext (AES-256-GCM)
-- and its tag (16 bytes), bound to session, seq and column, so that a text that
-- was moved elsewhere does not open. A column of its own says whether, and by
-- which key: no text can pose as an encrypted one.
ALTER TABLE voicegate.turn
    ADD COLUMN text_key text COLLATE "C",
    ADD CONSTRAINT turn_text_key_form CHECK (text_key ~ '^[0-9a-f]{16}$');
COMMENT ON COLUMN voicegate.turn.text_key IS
    'Id of the key that transcript and reply are encrypted with (first 8 bytes of a SHA-256 of it, in hex); null: they stand in the clear';
COMMENT ON COLUMN voicegate.turn.transcript IS
    'What was said; with text_key: encrypted (v1: and base64 of nonce, AES-256-GCM, tag); null: not kept (TRANSCRIPT_RETENTION_DAYS=0), or erased at text_until';
COMMENT ON COLUMN voicegate.turn.reply IS
    'What was answered, in the same form; null together with transcript';

CREATE VIEW voicegate.transcript_key_status AS
SELECT t.text_key, count(*) AS turns, min(t.created_at) AS oldest,
    max(t.created_at) AS newest
FROM voicegate.turn AS t
WHERE t.transcript IS NOT NULL
GROUP BY t.text_key;
COMMENT ON VIEW voicegate.transcript_key_status IS
    'How many kept texts each key encrypts; text_key null: in the clear. A key without a row here may go. Reads all turns';
COMMENT ON COLUMN voicegate.transcript_key_status.text_key IS
    'Id of the key; null: not encrypted';
COMMENT ON COLUMN voicegate.transcript_key_status.turns IS
    'Turns whose texts it encrypts';
COMMENT ON COLUMN voicegate.transcript_key_status.oldest IS
    'The first of them';
COMMENT ON COLUMN voicegate.transcript_key_status.newest IS
    'The last of them';

-- ---- sessions that nobody uses ----------------------------------------------

ALTER TABLE voicegate.session
    ADD COLUMN idle_after interval,
    ADD COLUMN idle_at timestamptz,
    ADD COLUMN idle_check_at timestamptz,
    ADD CONSTRAINT session_idle_whole
	CHECK ((idle_after IS NULL) = (idle_at IS NULL)),
    ADD CONSTRAINT session_idle_positive CHECK (idle_after > interval '0');
COMMENT ON COLUMN voicegate.session.idle_after IS
    'How long it may be unused (SESSION_IDLE_MINUTES at its start); null: for as long as it lives';
COMMENT ON COLUMN voicegate.session.idle_at IS
    'From then on it is refused unless it is used before: idle_after after its start or newest turn; while one is being made, later. null: never';
-- A use moves idle_at, which is in no index: no turn writes more than before.
COMMENT ON COLUMN voicegate.session.idle_check_at IS
    'When end_idle_sessions() looks at it again: never after idle_at, but not moved with each use';
COMMENT ON TABLE voicegate.session IS
    'One conversation. Alive while ended_at is null and expires_at and idle_at are to come. About 170 bytes a row; deleted at purge_at';
COMMENT ON COLUMN voicegate.session.end_reason IS
    'client: by the API; operator: by end_session() or end_sessions_of(); idle: unused for idle_after; key: its API key was revoked';

CREATE INDEX session_idle_check ON voicegate.session (idle_check_at)
    WHERE ended_at IS NULL AND idle_check_at IS NOT NULL;
COMMENT ON INDEX voicegate.session_idle_check IS 'end_idle_sessions()';

-- Refused at idle_at already, to the moment; this writes it down and tells the
-- servers, whose audio goes. It works in small steps for some 40 ms, as
-- purge_expired() does.
CREATE FUNCTION voicegate.end_idle_sessions(max_rows integer DEFAULT 2000)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	step	CONSTANT integer := least(max_rows, 50);
	began	CONSTANT timestamptz := clock_timestamp();
	seen	bigint;
	gone	bigint;
	all_seen bigint := 0;
	ended	bigint := 0;
BEGIN
	IF max_rows IS NULL OR max_rows < 1 THEN
		RAISE EXCEPTION 'max_rows must be at least 1'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'SELECT voicegate.end_idle_sessions() '
		    'takes a sensible number.';
	END IF;
	LOOP
		WITH u AS (
		    UPDATE voicegate.session AS s SET
			ended_at = CASE WHEN s.idle_at <= now()
			    AND s.idle_at < s.expires_at THEN s.idle_at END,
			end_reason = CASE WHEN s.idle_at <= now()
			    AND s.idle_at < s.expires_at THEN 'idle' END,
			idle_check_at = CASE WHEN s.idle_at > now()
			    AND s.idle_at < s.expires_at THEN s.idle_at END
		    WHERE s.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.session AS v
			WHERE v.ended_at IS NULL AND v.idle_check_at <= now()
			ORDER BY v.idle_check_at
			LIMIT least(step, max_rows - all_seen)
			FOR NO KEY UPDATE SKIP LOCKED))
		    RETURNING s.ended_at)
		SELECT count(*), count(u.ended_at) INTO seen, gone FROM u;
		all_seen := all_seen + seen;
		ended := ended + gone;
		EXIT WHEN seen < step OR all_seen >= max_rows
		    OR clock_timestamp() >= began + interval '40 milliseconds';
	END LOOP;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION voicegate.end_idle_sessions(integer) IS
    'Ends the sessions whose idle_at has come, at most so many a call; says how many. Servers do so by themselves; they are refused from idle_at on without it';

-- The same rows, and the idle end wherever a session's life is asked for.
CREATE OR REPLACE VIEW voicegate.active_session AS
SELECT s.id, s.client, s.api_key_id, s.turns, s.created_at, s.last_active_at,
    s.expires_at,
    date_trunc('second', now() - s.last_active_at) AS idle,
    date_trunc('second', least(s.expires_at, s.idle_at) - now()) AS remaining,
    s.idle_at
FROM voicegate.session AS s
WHERE s.ended_at IS NULL AND s.expires_at > now()
AND coalesce(s.idle_at, 'infinity') > now();
COMMENT ON COLUMN voicegate.active_session.remaining IS
    'Time until it expires, or ends for being idle';
COMMENT ON COLUMN voicegate.active_session.idle_at IS
    'When it ends unless it is used before (SESSION_IDLE_MINUTES); null: it does not';

CREATE OR REPLACE VIEW voicegate.api_key_status AS
SELECT k.id, k.name, k.hint,
    CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
	WHEN k.expires_at <= now() THEN 'expired'
	WHEN k.expires_at <= now() + interval '7 days' THEN 'near its end'
	WHEN k.previous_until > now() THEN 'in rotation'
	ELSE 'in use' END AS state,
    k.scopes, k.rate_per_minute, k.last_used_at, k.expires_at,
    CASE WHEN k.previous_until > now() THEN k.previous_until END
	AS previous_until,
    (SELECT count(*) FROM voicegate.session AS s WHERE s.api_key_id = k.id
	AND s.ended_at IS NULL AND s.expires_at > now()
	AND coalesce(s.idle_at, 'infinity') > now()) AS live_sessions,
    k.created_at, k.rotated_at, k.revoked_at
FROM voicegate.api_key AS k;

CREATE OR REPLACE FUNCTION voicegate.end_session(session_id uuid)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	whose	inet;
BEGIN
	IF end_session.session_id IS NULL THEN
		RAISE EXCEPTION 'no session given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id FROM voicegate.active_session lists them.';
	END IF;
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.id = end_session.session_id AND s.ended_at IS NULL
	    AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now()
	    RETURNING s.client INTO whose;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM voicegate.record_event('session_ended_by_operator', 'info',
	    whose, jsonb_build_object('by', session_user));
	RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION voicegate.end_sessions_of(client inet)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted	inet := end_sessions_of.client;
	ended	bigint;
	more	bigint;
BEGIN
	IF wanted IS NULL THEN
		RAISE EXCEPTION 'no client given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'Give an address or a network: '
		    'SELECT voicegate.end_sessions_of(''192.0.2.0/24'').';
	END IF;
	-- What lies within it. Spelt as a range: the index answers that.
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.client >= network(wanted)::inet
	    AND s.client <= set_masklen(broadcast(wanted),
		CASE family(wanted) WHEN 4 THEN 32 ELSE 128 END)
	    AND s.client <<= network(wanted)::inet
	    AND s.ended_at IS NULL AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now();
	GET DIAGNOSTICS ended = ROW_COUNT;
	-- And the prefixes that hold it: clients with IPv6 are kept as those.
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.client = ANY (ARRAY(
		SELECT network(set_masklen(wanted, n))::inet
		FROM generate_series(1, masklen(wanted) - 1) AS n))
	    AND s.ended_at IS NULL AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now();
	GET DIAGNOSTICS more = ROW_COUNT;
	ended := ended + more;
	IF ended > 0 THEN
		PERFORM voicegate.record_event('session_ended_by_operator',
		    'info', wanted, jsonb_build_object('by', session_user),
		    ended);
	END IF;
	RETURN ended;
END
$$;

CREATE OR REPLACE FUNCTION voicegate.end_sessions_of_key(id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ended	bigint;
BEGIN
	IF end_sessions_of_key.id IS NULL THEN
		RAISE EXCEPTION 'no key given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id, name FROM voicegate.api_key_status lists them.';
	END IF;
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.api_key_id = end_sessions_of_key.id AND s.ended_at IS NULL
	    AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now();
	GET DIAGNOSTICS ended = ROW_COUNT;
	IF ended > 0 THEN
		PERFORM voicegate.record_event('session_ended_by_operator',
		    'info', NULL, jsonb_build_object(
		    'api_key', end_sessions_of_key.id, 'by', session_user),
		    ended);
	END IF;
	RETURN ended;
END
$$;

CREATE OR REPLACE FUNCTION voicegate.revoke_api_key(id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ended	bigint;
BEGIN
	IF revoke_api_key.id IS NULL THEN
		RAISE EXCEPTION 'no key given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id, name FROM voicegate.api_key_status lists them.';
	END IF;
	UPDATE voicegate.api_key AS k SET revoked_at = now()
	    WHERE k.id = revoke_api_key.id AND k.revoked_at IS NULL;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE voicegate.session AS s SET ended_at = now(), end_reason = 'key'
	    WHERE s.api_key_id = revoke_api_key.id AND s.ended_at IS NULL
	    AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now();
	GET DIAGNOSTICS ended = ROW_COUNT;
	PERFORM voicegate.record_event('api_key_revoked', 'warning', NULL,
	    jsonb_build_object('api_key', revoke_api_key.id,
	    'by', session_user, 'sessions_ended', ended));
	RETURN true;
END
$$;

-- ---- turns ------------------------------------------------------------------

DROP FUNCTION voicegate.claim_turn(uuid, text, bytea, uuid, interval);
CREATE FUNCTION voicegate.claim_turn(session_id uuid, idempotency_key text,
    content bytea, holder uuid, lease interval)
RETURNS TABLE (state text, seq integer, old_transcript text, old_reply text,
    old_audio_id uuid, old_audio_ext text, old_degraded text,
    old_text_key text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	held	voicegate.idempotency_key%ROWTYPE;
BEGIN
	PERFORM FROM voicegate.session AS s WHERE s.id = session_id
	    AND s.ended_at IS NULL AND s.expires_at > now()
	    AND coalesce(s.idle_at, 'infinity') > now();
	IF NOT FOUND THEN
		RETURN;
	END IF;
	INSERT INTO voicegate.idempotency_key AS k (session_id, key, content,
	    holder, lease_until, expires_at)
	    VALUES (claim_turn.session_id, claim_turn.idempotency_key,
	    claim_turn.content, claim_turn.holder, clock_timestamp() + lease,
	    clock_timestamp() + interval '24 hours')
	    ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO NOTHING;
	IF FOUND THEN
		state := 'mine';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT k.* INTO held FROM voicegate.idempotency_key AS k
	    WHERE k.session_id = claim_turn.session_id
	    AND k.key = claim_turn.idempotency_key FOR UPDATE;
	IF NOT FOUND THEN
		-- Given back at this very moment: ask again.
		state := 'other';
	ELSIF held.seq IS NOT NULL AND held.expires_at > clock_timestamp()
	    AND (held.content = claim_turn.content
		OR held.content IS NULL) THEN
		RETURN QUERY SELECT 'done', t.seq, t.transcript, t.reply,
		    CASE WHEN t.audio_expires_at > now() THEN t.audio_id END,
		    t.audio_ext, array_to_string(t.degraded, ' '), t.text_key
		    FROM voicegate.turn AS t
		    WHERE t.session_id = held.session_id AND t.seq = held.seq;
		RETURN;
	ELSIF held.expires_at <= clock_timestamp() OR (held.seq IS NULL
	    AND held.content = claim_turn.content
	    AND (held.lease_until <= clock_timestamp()
		OR held.holder = claim_turn.holder)) THEN
		UPDATE voicegate.idempotency_key AS k
		    SET content = claim_turn.content,
		    holder = claim_turn.holder, seq = NULL,
		    lease_until = clock_timestamp() + lease,
		    expires_at = clock_timestamp() + interval '24 hours'
		    WHERE k.session_id = held.session_id AND k.key = held.key;
		state := 'mine';
	ELSIF held.content <> claim_turn.content THEN
		state := 'differs';
	ELSE
		state := 'other';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION voicegate.claim_turn(uuid, text, bytea, uuid, interval) IS
    'For the server: may this request make the turn of its Idempotency-Key? mine: yes; other: one is at it; done: here it is; differs: the key was used with other content. No row: the session is gone';

DROP FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval,
    uuid, text, interval, text[]);
CREATE FUNCTION voicegate.commit_turn(session_id uuid, idempotency_key text,
    holder uuid, transcript text, reply text, retention interval,
    audio_id uuid, audio_ext text, audio_ttl interval, degraded text[],
    text_key text DEFAULT NULL, sealed_for integer DEFAULT NULL)
RETURNS TABLE (state text, seq integer, old_transcript text,
    old_reply text, old_audio_id uuid, old_audio_ext text, old_degraded text,
    old_text_key text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	session	voicegate.session%ROWTYPE;
	held	voicegate.idempotency_key%ROWTYPE;
	kept	timestamptz := now() + retention;
BEGIN
	-- The lock on its session puts turns in a row: one seq each, and none
	-- in a session that ends at this moment.
	SELECT s.* INTO session FROM voicegate.session AS s
	    WHERE s.id = session_id AND s.ended_at IS NULL
	    AND s.expires_at > clock_timestamp()
	    AND coalesce(s.idle_at, 'infinity') > clock_timestamp()
	    FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF idempotency_key IS NOT NULL THEN
		SELECT k.* INTO held FROM voicegate.idempotency_key AS k
		    WHERE k.session_id = session.id
		    AND k.key = commit_turn.idempotency_key FOR UPDATE;
		IF held.seq IS NOT NULL THEN
			RETURN QUERY SELECT 'done', t.seq, t.transcript,
			    t.reply, CASE WHEN t.audio_expires_at > now()
			    THEN t.audio_id END, t.audio_ext,
			    array_to_string(t.degraded, ' '), t.text_key
			    FROM voicegate.turn AS t
			    WHERE t.session_id = session.id
			    AND t.seq = held.seq;
			RETURN;
		END IF;
		IF held.holder IS DISTINCT FROM commit_turn.holder THEN
			state := 'other';
			RETURN NEXT;
			RETURN;
		END IF;
	END IF;
	-- What is encrypted is bound to its place; another turn took that.
	IF commit_turn.text_key IS NOT NULL
	    AND sealed_for IS DISTINCT FROM session.turns + 1 THEN
		state := 'moved';
		seq := session.turns + 1;
		RETURN NEXT;
		RETURN;
	END IF;
	INSERT INTO voicegate.turn AS t (session_id, seq, transcript, reply,
	    text_until, audio_id, audio_ext, audio_expires_at, degraded,
	    text_key)
	    VALUES (session.id, session.turns + 1,
	    CASE WHEN kept > now() THEN transcript END,
	    CASE WHEN kept > now() THEN reply END,
	    CASE WHEN kept > now() AND kept < session.purge_at THEN kept END,
	    audio_id, audio_ext,
	    CASE WHEN audio_id IS NOT NULL THEN now() + audio_ttl END,
	    degraded, CASE WHEN kept > now() THEN commit_turn.text_key END);
	IF idempotency_key IS NOT NULL THEN
		UPDATE voicegate.idempotency_key AS k
		    SET seq = session.turns + 1,
		    expires_at = now() + interval '24 hours'
		    WHERE k.session_id = session.id AND k.key = held.key;
	END IF;
	UPDATE voicegate.session AS s
	    SET turns = session.turns + 1, last_active_at = now(),
	    idle_at = now() + session.idle_after
	    WHERE s.id = session.id;
	state := 'new';
	seq := session.turns + 1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text,
    interval, uuid, text, interval, text[], text, integer) IS
    'For the server: adds a turn to a live session (new), or gives back the one that its Idempotency-Key made (done); other: the claim went to another request; moved: the texts were encrypted for another turn than the one that is next, seq. No row: the session is gone';

CREATE OR REPLACE FUNCTION voicegate.export_session(session_id uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	whole	jsonb;
	whose	inet;
BEGIN
	IF export_session.session_id IS NULL THEN
		RAISE EXCEPTION 'no session given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id FROM voicegate.session lists all that are kept.';
	END IF;
	SELECT s.client, jsonb_build_object('session_id', s.id,
	    'client', host(s.client), 'api_key_id', s.api_key_id,
	    'created_at', s.created_at, 'last_active_at', s.last_active_at,
	    'expires_at', s.expires_at, 'idle_at', s.idle_at,
	    'ended_at', s.ended_at,
	    'end_reason', s.end_reason, 'deleted_at', s.purge_at,
	    'turns', coalesce((SELECT jsonb_agg(jsonb_build_object(
		'seq', t.seq, 'created_at', t.created_at,
		'transcript', t.transcript, 'reply', t.reply,
		'encrypted_with', CASE WHEN t.transcript IS NOT NULL
		    THEN t.text_key END,
		'audio_id', t.audio_id,
		'audio_expires_at', t.audio_expires_at,
		'degraded', to_jsonb(t.degraded)) ORDER BY t.seq)
		FROM voicegate.turn AS t WHERE t.session_id = s.id), '[]'))
	    INTO whose, whole
	    FROM voicegate.session AS s
	    WHERE s.id = export_session.session_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no session %', export_session.session_id
		    USING ERRCODE = 'no_data_found',
		    HINT = 'It was never there, was erased, or its retention is '
		    'over; SELECT id FROM voicegate.session lists all that are kept.';
	END IF;
	PERFORM voicegate.record_event('session_exported', 'info', whose,
	    jsonb_build_object('session', export_session.session_id,
	    'by', session_user));
	RETURN whole;
END
$$;
COMMENT ON FUNCTION voicegate.export_session(uuid) IS
    'Everything that is kept of one session, what was said too, as JSON: for the person who asks for it. Where encrypted_with names a key, transcript and reply are ciphertext: voicegate --export-session prints them decrypted. Leaves the event session_exported';

-- ---- a key that is missing is an event --------------------------------------

ALTER DOMAIN voicegate.event_kind DROP CONSTRAINT event_kind_known;
ALTER DOMAIN voicegate.event_kind ADD CONSTRAINT event_kind_known
    CHECK (VALUE IN (
	'rate_limited', 'origin_denied', 'bad_framing', 'bad_key',
	'client_blocked', 'payload_too_large', 'unsupported_audio',
	'csp_report', 'breaker_opened', 'provider_key_refused',
	'configuration_changed', 'transcript_unreadable',
	'api_key_expiring', 'api_key_created', 'api_key_rotated',
	'api_key_revoked', 'session_ended_by_operator', 'session_exported',
	'session_erased', 'client_block_added', 'client_block_removed'));
COMMENT ON DOMAIN voicegate.event_kind IS
    'What happened. The servers tell the first twelve, the database itself the others';

INSERT INTO voicegate.alert_rule (name, kind, min_count, span, severity) VALUES
    ('transcripts unreadable', 'transcript_unreadable', 1, '1 hour',
    'critical')
    ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION voicegate.record_events(kinds text[], severities text[],
    clients inet[], routes text[], request_ids uuid[], details jsonb[],
    counts bigint[], ages_ms integer[], spans_ms integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t	timestamptz := clock_timestamp();
	wrong	text;
BEGIN
	-- What operators do is not for a server to tell.
	SELECT k.kind INTO wrong FROM unnest(kinds) AS k (kind)
	    WHERE k.kind IS NULL OR k.kind NOT IN ('rate_limited',
	    'origin_denied', 'bad_framing', 'bad_key', 'client_blocked',
	    'payload_too_large', 'unsupported_audio', 'csp_report',
	    'breaker_opened', 'provider_key_refused', 'configuration_changed',
	    'transcript_unreadable')
	    LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'not a kind of event that servers record: %',
		    coalesce(quote_literal(wrong), 'null')
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = '\dD+ voicegate.event_kind lists the kinds.';
	END IF;
	INSERT INTO voicegate.security_event (first_at, last_at, kind, severity,
	    client, route, request_id, detail, count)
	    SELECT t - u.age, t - u.age + least(u.span, u.age), u.kind,
	    u.severity, u.client, u.route, u.request_id, u.detail, u.count
	    FROM (SELECT q.*,
		greatest(q.age_ms, 0) * interval '1 millisecond' AS age,
		greatest(q.span_ms, 0) * interval '1 millisecond' AS span
		FROM unnest(kinds, severities, clients, routes, request_ids,
		    details, counts, ages_ms, spans_ms)
		    AS q (kind, severity, client, route, request_id, detail,
		    count, age_ms, span_ms)) AS u;
	PERFORM voicegate.fire_alerts(kinds);
END
$$;

DELETE FROM voicegate.role_privilege AS p
    WHERE p.role_name = 'voicegate_server' AND p.privilege =
    'EXECUTE ON FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval, uuid, text, interval, text[])';
INSERT INTO voicegate.role_privilege (role_name, privilege) VALUES
    ('voicegate_server', 'INSERT (idle_after, idle_at, idle_check_at) ON voicegate.session'),
    ('voicegate_server', 'UPDATE (idle_at) ON voicegate.session'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval, uuid, text, interval, text[], text, integer)'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.end_idle_sessions(integer)'),
    ('voicegate_operator', 'SELECT (text_key) ON voicegate.turn'),
    ('voicegate_operator', 'SELECT ON voicegate.transcript_key_status'),
    ('voicegate_operator', 'EXECUTE ON FUNCTION voicegate.end_idle_sessions(integer)');
SELECT voicegate.grant_roles();
