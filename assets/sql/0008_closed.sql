-- Closed where it was ajar: temporary types, what the server's role may, ends that
-- were not for good, and waiting for a colleague's open transaction.

-- ---- temporary types ---------------------------------------------------------
-- Without pg_temp at its end a search path has it in front for types: whoever
-- may make a temporary one would run in a function of the owner. So all have the
-- same path, also those that only functions of the owner call. But for one: it
-- names no type but by keywords, which are PostgreSQL's wherever one looks, and
-- with a path of its own it would no longer be part of the plan of a view.

DO $$
DECLARE
	f	regprocedure;
BEGIN
	FOR f IN
	    SELECT p.oid FROM pg_catalog.pg_proc AS p
	    WHERE p.pronamespace = 'voicegate'::regnamespace
	    AND p.proname <> 'rate_limit_used'
	LOOP
		EXECUTE format('ALTER FUNCTION %s '
		    'SET search_path = pg_catalog, pg_temp', f);
	END LOOP;
END
$$;

-- ---- limits -------------------------------------------------------------------
-- The server counts by functions and has no way to the table. Its connections
-- wait for a row no longer than 0.2 s, since all requests of a worker are on one;
-- but what counts, or keeps what was said, waits as long as its answer may take.

ALTER FUNCTION voicegate.take_fixed(text[], text[], integer[], integer[],
    integer[], integer[]) SECURITY DEFINER SET lock_timeout = 1400;
ALTER FUNCTION voicegate.take_moving(text[], text[], integer[], integer[],
    integer[], integer[]) SECURITY DEFINER SET lock_timeout = 1400;
ALTER FUNCTION voicegate.take_grouped(boolean, text[], text[], integer[],
    integer[], integer[], integer[], integer[])
    SECURITY DEFINER SET lock_timeout = 1400;
ALTER FUNCTION voicegate.peek(text[], text[], integer[], integer[], integer[])
    SECURITY DEFINER;
ALTER FUNCTION voicegate.claim_turn(uuid, text, bytea, uuid, interval)
    SET lock_timeout = 1400;
ALTER FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval,
    uuid, text, interval, text[], text, integer) SET lock_timeout = 1400;

-- ---- an end is for good ---------------------------------------------------------

CREATE FUNCTION voicegate.keep_session_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'the session % has ended', OLD.id
	    USING ERRCODE = 'object_not_in_prerequisite_state',
	    HINT = 'An end is for good; its client starts a new session.';
END
$$;
COMMENT ON FUNCTION voicegate.keep_session_end() IS
    'Trigger: no session that has ended comes back, whoever asks';
CREATE TRIGGER session_end_kept
    BEFORE UPDATE OF ended_at, end_reason ON voicegate.session FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.end_reason)
	IS DISTINCT FROM (OLD.ended_at, OLD.end_reason))
    EXECUTE FUNCTION voicegate.keep_session_end();
COMMENT ON TRIGGER session_end_kept ON voicegate.session IS
    'An end is for good';

-- A server knows a key for some seconds, and a revocation may be under way: so
-- the two lock the same row, and whichever comes second sees the other.
CREATE FUNCTION voicegate.refuse_revoked_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	revoked	timestamptz;
BEGIN
	SELECT k.revoked_at INTO revoked FROM voicegate.api_key AS k
	    WHERE k.id = NEW.api_key_id FOR KEY SHARE;
	IF revoked IS NOT NULL THEN
		RETURN NULL;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION voicegate.refuse_revoked_key() IS
    'Trigger: a key that was revoked starts no session, also while its revocation is being committed: no row is inserted';
CREATE TRIGGER session_key_in_use
    BEFORE INSERT ON voicegate.session FOR EACH ROW
    WHEN (NEW.api_key_id IS NOT NULL)
    EXECUTE FUNCTION voicegate.refuse_revoked_key();
COMMENT ON TRIGGER session_key_in_use ON voicegate.session IS
    'No session outlives the revocation of its key';

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
	-- Against a session that the key is starting (refuse_revoked_key).
	PERFORM FROM voicegate.api_key AS k
	    WHERE k.id = revoke_api_key.id FOR UPDATE;
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

CREATE OR REPLACE FUNCTION voicegate.create_api_key(name text,
    scopes text[] DEFAULT '{session,voice}',
    rate_per_minute integer DEFAULT NULL, expires_in interval DEFAULT NULL)
RETURNS TABLE (id uuid, api_key text)
LANGUAGE plpgsql ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	wanted	text := btrim(create_api_key.name, E' \t\r\n');
	wrong	text;
BEGIN
	IF coalesce(wanted, '') = '' OR length(wanted) > 100 THEN
		RAISE EXCEPTION 'a key needs a name of 1 to 100 characters'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'Say whose it is: '
		    'SELECT * FROM voicegate.create_api_key(''the app'').';
	END IF;
	IF wanted ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'the name of a key must be one line without control characters'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'Say whose it is: '
		    'SELECT * FROM voicegate.create_api_key(''the app'').';
	END IF;
	IF create_api_key.scopes IS NULL
	    OR cardinality(create_api_key.scopes) = 0 THEN
		RAISE EXCEPTION 'a key without a scope may do nothing'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'The scopes are session and voice: ''{session,voice}''.';
	END IF;
	SELECT coalesce(quote_literal(u.scope), 'null') INTO wrong
	    FROM unnest(create_api_key.scopes) AS u (scope)
	    WHERE u.scope IS NULL OR u.scope NOT IN ('session', 'voice') LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'there is no scope %', wrong
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'The scopes are session and voice: ''{session,voice}''.';
	END IF;
	IF create_api_key.rate_per_minute NOT BETWEEN 1 AND 1000000 THEN
		RAISE EXCEPTION 'rate_per_minute out of range: %',
		    create_api_key.rate_per_minute
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'From 1 to 1000000; null: as RATE_LIMIT_PER_MINUTE has it.';
	END IF;
	IF expires_in <= interval '0' OR expires_in > interval '100 years' THEN
		RAISE EXCEPTION 'expires_in out of range: %', expires_in
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'More than 0, at most 100 years, as in '
		    'interval ''90 days''; null: no end.';
	END IF;
	api_key := voicegate.new_api_key();
	INSERT INTO voicegate.api_key AS k (name, hint, hash, scopes,
	    rate_per_minute, valid_for, expires_at)
	    VALUES (wanted, left(api_key, 7),
	    sha256(convert_to(api_key, 'UTF8')),
	    ARRAY(SELECT DISTINCT u.scope
		FROM unnest(create_api_key.scopes) AS u (scope)
		ORDER BY u.scope),
	    create_api_key.rate_per_minute, expires_in, now() + expires_in)
	    ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
	    RETURNING k.id INTO id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is a key named % already',
		    quote_literal(wanted)
		    USING ERRCODE = 'unique_violation',
		    HINT = 'Take another name, rotate that key, or revoke it: '
		    'SELECT id, name FROM voicegate.api_key_status.';
	END IF;
	PERFORM voicegate.record_event('api_key_created', 'info', NULL,
	    jsonb_build_object('api_key', id, 'by', session_user));
	RETURN NEXT;
END
$$;

-- ---- addresses as the views show them ------------------------------------------
-- Views show inet, and a cidr does not come of one by itself.

CREATE FUNCTION voicegate.network_of(client inet) RETURNS cidr
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF client <> network(client)::inet THEN
		RAISE EXCEPTION '% is an address and a network at once', client
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = format('Write the address, %s, or the network, %s.',
			host(client), network(client));
	END IF;
	RETURN network(client);
END
$$;
COMMENT ON FUNCTION voicegate.network_of(inet) IS
    'Within: an address or a network as a network; what is neither is refused';

CREATE FUNCTION voicegate.block_client(network inet,
    duration interval DEFAULT NULL, reason text DEFAULT '')
RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT voicegate.block_client(
	    voicegate.network_of(block_client.network),
	    block_client.duration, block_client.reason)
$$;
COMMENT ON FUNCTION voicegate.block_client(inet, interval, text) IS
    'block_client(cidr, interval, text) for an address as the views show it';

CREATE FUNCTION voicegate.unblock_client(network inet) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT voicegate.unblock_client(
	    voicegate.network_of(unblock_client.network))
$$;
COMMENT ON FUNCTION voicegate.unblock_client(inet) IS
    'unblock_client(cidr) for an address as the views show it';

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
	wanted := voicegate.network_of(wanted);
	IF wanted <<= '::ffff:0:0/96' THEN
		RAISE EXCEPTION '% is an IPv4 network in the guise of IPv6',
		    wanted
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'Write it as IPv4, as in 192.0.2.0/24.';
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

-- ---- export and erasure ---------------------------------------------------------

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
		FROM voicegate.turn AS t WHERE t.session_id = s.id), '[]'),
	    'idempotency_keys', coalesce((SELECT jsonb_agg(jsonb_build_object(
		'key', k.key, 'seq', k.seq, 'expires_at', k.expires_at)
		ORDER BY k.key)
		FROM voicegate.idempotency_key AS k
		WHERE k.session_id = s.id), '[]'))
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

CREATE OR REPLACE FUNCTION voicegate.erase_session(session_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF erase_session.session_id IS NULL THEN
		RAISE EXCEPTION 'no session given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id FROM voicegate.session lists all that are kept.';
	END IF;
	-- Its end sends the notification that takes the audio along, also where
	-- it had run out by itself and the audio may still lie there.
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.id = erase_session.session_id AND s.ended_at IS NULL;
	DELETE FROM voicegate.session AS s
	    WHERE s.id = erase_session.session_id;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- They know the session and its client's address together.
	DELETE FROM voicegate.security_event AS e
	    WHERE e.kind = 'session_exported'
	    AND e.detail ->> 'session' = erase_session.session_id::text;
	PERFORM voicegate.record_event('session_erased', 'info', NULL,
	    jsonb_build_object('session', erase_session.session_id,
	    'by', session_user));
	RETURN true;
END
$$;
COMMENT ON FUNCTION voicegate.erase_session(uuid) IS
    'Erases a session, its turns, the events of its exports and, on every server, its audio, at once. Leaves the event session_erased with its id, nothing else. False: there was none';

-- ---- alerts ----------------------------------------------------------------------
-- Writers of events exclude each other by a lock that no row has: whoever edits a
-- rule keeps nobody from writing. A rule that is being edited fires afterwards,
-- by the trigger or with the next event. The span ends at the newest event: a
-- server may write one up to ten seconds late.

CREATE OR REPLACE FUNCTION voicegate.fire_alerts(kinds text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	late	CONSTANT interval := '15 seconds';
	wanted	integer;
	r	voicegate.alert_rule%ROWTYPE;
	t	timestamptz;
	newest	timestamptz;
	happened bigint;
	alert	uuid;
	body	text;
BEGIN
	FOR wanted IN
	    SELECT v.id FROM voicegate.alert_rule AS v
	    WHERE v.enabled AND v.kind = ANY (kinds)
	    AND (v.last_fired_at IS NULL
		OR v.last_fired_at <= clock_timestamp() - v.span)
	    ORDER BY v.id
	LOOP
		PERFORM pg_advisory_xact_lock(hashtext('voicegate.alert_rule'),
		    wanted);
		t := clock_timestamp();
		SELECT v.* INTO r FROM voicegate.alert_rule AS v
		    WHERE v.id = wanted AND v.enabled
		    AND (v.last_fired_at IS NULL
			OR v.last_fired_at <= t - v.span);
		CONTINUE WHEN NOT FOUND;
		SELECT max(e.last_at) INTO newest
		    FROM voicegate.security_event AS e
		    WHERE e.kind = r.kind AND e.last_at > t - r.span - late;
		SELECT sum(e.count) INTO happened
		    FROM voicegate.security_event AS e
		    WHERE e.kind = r.kind AND e.last_at > newest - r.span;
		CONTINUE WHEN happened IS NULL OR happened < r.min_count;
		UPDATE voicegate.alert_rule AS v SET last_fired_at = t
		    WHERE v.id = ANY (ARRAY(
			SELECT w.id FROM voicegate.alert_rule AS w
			WHERE w.id = r.id FOR NO KEY UPDATE SKIP LOCKED));
		CONTINUE WHEN NOT FOUND;
		alert := gen_random_uuid();
		body := jsonb_build_object('id', alert, 'rule', r.name,
		    'kind', r.kind, 'severity', r.severity, 'count', happened,
		    'span_seconds', extract(epoch FROM r.span)::bigint,
		    'fired_at', to_char(t AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
		INSERT INTO voicegate.alert (id, rule, fired_at, kind, severity,
		    count, payload, due_at)
		    VALUES (alert, r.name, t, r.kind, r.severity, happened,
		    body, t);
		PERFORM pg_notify('voicegate_alert', body);
	END LOOP;
END
$$;

CREATE FUNCTION voicegate.apply_alert_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM voicegate.fire_alerts(ARRAY[NEW.kind::text]);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION voicegate.apply_alert_rule() IS
    'Trigger: what a rule calls for as it is now, and what came while it was being edited';
CREATE CONSTRAINT TRIGGER alert_rule_changed
    AFTER UPDATE OF kind, min_count, span, enabled ON voicegate.alert_rule
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION voicegate.apply_alert_rule();
COMMENT ON TRIGGER alert_rule_changed ON voicegate.alert_rule IS
    'A changed rule holds from its commit on';

-- ---- purge -----------------------------------------------------------------------
-- Waits for nobody: the one row of the sweep, and the one of the revision of the
-- blocks, are left for the next call while somebody has them.

CREATE OR REPLACE FUNCTION voicegate.sweep_rate_limits(pages integer,
    OUT removed bigint, OUT wrapped boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	total	bigint := pg_relation_size('voicegate.rate_limit_window')
		    / current_setting('block_size')::bigint;
	first	bigint;
BEGIN
	SELECT s.next_page INTO first FROM voicegate.purge_state AS s
	    FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		removed := 0;
		wrapped := true;
		RETURN;
	END IF;
	IF first IS NULL OR first >= total THEN
		first := 0;
	END IF;
	DELETE FROM voicegate.rate_limit_window AS w
	    WHERE w.ctid = ANY (ARRAY(
		SELECT v.ctid FROM voicegate.rate_limit_window AS v
		WHERE v.ctid >= format('(%s,0)', first)::tid
		AND v.ctid < format('(%s,0)', first + pages)::tid
		AND v.expires_at <= now()
		FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS removed = ROW_COUNT;
	wrapped := first + pages >= total;
	UPDATE voicegate.purge_state AS s SET next_page =
	    CASE WHEN wrapped THEN 0 ELSE first + pages END;
END
$$;

CREATE OR REPLACE FUNCTION voicegate.purge_expired(max_rows integer DEFAULT 10000,
    OUT sessions bigint, OUT texts bigint, OUT windows bigint,
    OUT more boolean, OUT events bigint, OUT blocks bigint, OUT alerts bigint,
    OUT behind boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $$
DECLARE
	first_step CONSTANT integer := 8;
	last_step CONSTANT integer := 128;
	-- for each session of a step
	turns	CONSTANT integer := 12;
	began	CONSTANT timestamptz := clock_timestamp();
	step	integer;
	due	uuid[];
	t	timestamptz;
	old	timestamptz;
	gone	bigint;
	wrapped	boolean;
BEGIN
	IF max_rows IS NULL OR max_rows < 1 THEN
		RAISE EXCEPTION 'max_rows must be at least 1'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'SELECT * FROM voicegate.purge_expired() '
		    'takes a sensible number.';
	END IF;
	sessions := 0;
	texts := 0;
	windows := 0;
	events := 0;
	blocks := 0;
	alerts := 0;
	more := false;
	behind := false;
	-- One at a time; the other one is doing it.
	IF NOT pg_try_advisory_xact_lock(
	    hashtextextended('voicegate.purge_expired', 0)) THEN
		RETURN;
	END IF;
	PERFORM set_config('synchronous_commit', 'off', true);

	step := least(first_step, max_rows);
	LOOP
		t := clock_timestamp();
		due := ARRAY(SELECT v.id FROM voicegate.session AS v
		    WHERE v.purge_at <= now() ORDER BY v.purge_at
		    LIMIT least(step, max_rows - sessions)
		    FOR UPDATE SKIP LOCKED);
		EXIT WHEN cardinality(due) = 0;
		DELETE FROM voicegate.turn AS v WHERE v.ctid = ANY (ARRAY(
		    SELECT w.ctid FROM voicegate.turn AS w
		    WHERE w.session_id = ANY (due) LIMIT step * turns));
		GET DIAGNOSTICS gone = ROW_COUNT;
		IF gone < step * turns THEN
			DELETE FROM voicegate.session AS s
			    WHERE s.id = ANY (due);
			GET DIAGNOSTICS gone = ROW_COUNT;
			sessions := sessions + gone;
			EXIT WHEN gone < step AND sessions < max_rows;
		END IF;
		IF sessions >= max_rows OR clock_timestamp() + (clock_timestamp()
		    - t) > began + interval '8 milliseconds' THEN
			behind := true;
			EXIT;
		END IF;
		step := least(step * 2, last_step);
	END LOOP;

	step := least(first_step, max_rows);
	LOOP
		t := clock_timestamp();
		UPDATE voicegate.turn AS v
		    SET transcript = NULL, reply = NULL, text_until = NULL
		    WHERE v.ctid = ANY (ARRAY(
			SELECT w.ctid FROM voicegate.turn AS w
			WHERE w.text_until <= now() ORDER BY w.text_until
			LIMIT least(step, max_rows - texts)
			FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		texts := texts + gone;
		EXIT WHEN gone < step AND texts < max_rows;
		IF texts >= max_rows OR clock_timestamp() + (clock_timestamp()
		    - t) > began + interval '14 milliseconds' THEN
			behind := true;
			EXIT;
		END IF;
		step := least(step * 2, last_step);
	END LOOP;

	SELECT now() - p.events_kept INTO old FROM voicegate.purge_state AS p
	    WHERE p.one;
	step := least(first_step, max_rows);
	LOOP
		t := clock_timestamp();
		DELETE FROM voicegate.security_event AS e
		    WHERE e.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.security_event AS v
			WHERE v.last_at <= old ORDER BY v.last_at
			LIMIT least(step, max_rows - events)
			FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		events := events + gone;
		EXIT WHEN gone < step AND events < max_rows;
		IF events >= max_rows OR clock_timestamp() + (clock_timestamp()
		    - t) > began + interval '18 milliseconds' THEN
			behind := true;
			EXIT;
		END IF;
		step := least(step * 2, last_step);
	END LOOP;
	DELETE FROM voicegate.alert AS a WHERE a.ctid = ANY (ARRAY(
	    SELECT v.ctid FROM voicegate.alert AS v WHERE v.fired_at <= old
	    ORDER BY v.fired_at LIMIT least(last_step, max_rows)
	    FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS alerts = ROW_COUNT;
	behind := behind OR alerts >= least(last_step, max_rows);

	-- In pages of about 40 rows each.
	SELECT r.removed, r.wrapped INTO windows, wrapped
	    FROM voicegate.sweep_rate_limits(greatest(max_rows / 40, 1)) AS r;
	behind := behind OR windows >= greatest(max_rows / 4, 1);
	more := behind OR NOT wrapped;

	PERFORM FROM voicegate.client_block_revision AS r
	    FOR NO KEY UPDATE SKIP LOCKED;
	IF FOUND THEN
		DELETE FROM voicegate.client_block AS b
		    WHERE b.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.client_block AS v
			WHERE v.expires_at <= now()
			LIMIT max_rows FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS blocks = ROW_COUNT;
	END IF;

	WITH ending AS (
	    UPDATE voicegate.api_key AS a SET warned_at = now()
	    WHERE a.id = ANY (ARRAY(SELECT v.id FROM voicegate.api_key AS v
		WHERE v.warned_at IS NULL AND v.revoked_at IS NULL
		AND v.expires_at <= now() + interval '7 days'
		ORDER BY v.expires_at LIMIT 100
		FOR NO KEY UPDATE SKIP LOCKED))
	    RETURNING a.id, a.expires_at)
	INSERT INTO voicegate.security_event (first_at, last_at, kind, severity,
	    detail)
	    SELECT clock_timestamp(), clock_timestamp(), 'api_key_expiring',
	    'warning', jsonb_build_object('api_key', e.id,
	    'expires_at', e.expires_at)
	    FROM ending AS e WHERE e.expires_at > now();
	GET DIAGNOSTICS gone = ROW_COUNT;
	IF gone > 0 THEN
		more := more OR gone = 100;
		PERFORM voicegate.fire_alerts('{api_key_expiring}');
	END IF;
END
$$;

-- ---- comments --------------------------------------------------------------------
-- A column of a view is told as that of its table is, where it has no other name.

DO $$
DECLARE
	c	record;
BEGIN
	FOR c IN
	    SELECT v.view, a.attname, col_description(b.attrelid, b.attnum) AS told
	    FROM (VALUES ('active_session', 'session'),
		('rate_limit_now', 'rate_limit_window'),
		('recent_security_event', 'security_event'),
		('open_alert', 'alert'), ('api_key_status', 'api_key'),
		('client_block_now', 'client_block')) AS v (view, base)
	    JOIN pg_attribute AS a
		ON a.attrelid = ('voicegate.' || v.view)::regclass
	    JOIN pg_attribute AS b
		ON b.attrelid = ('voicegate.' || v.base)::regclass
		AND b.attname = a.attname
	    WHERE a.attnum > 0
	    AND col_description(a.attrelid, a.attnum) IS NULL
	LOOP
		EXECUTE format('COMMENT ON COLUMN voicegate.%I.%I IS %L',
		    c.view, c.attname, c.told);
	END LOOP;
END
$$;
COMMENT ON COLUMN voicegate.rate_limit_now.remaining IS 'Units that are left';
COMMENT ON COLUMN voicegate.rate_limit_now.window IS 'Length of the window';

-- ---- who may do what --------------------------------------------------------------

DELETE FROM voicegate.role_privilege AS p
    WHERE p.role_name = 'voicegate_server' AND p.privilege IN (
    'SELECT ON voicegate.turn',
    'SELECT, INSERT, UPDATE ON voicegate.rate_limit_window',
    'EXECUTE ON FUNCTION voicegate.rate_limit_used(voicegate.rate_limit_window)');
INSERT INTO voicegate.role_privilege (role_name, privilege) VALUES
    ('voicegate_server', 'SELECT (session_id, seq, transcript, reply, text_key, audio_id, audio_ext, audio_expires_at) ON voicegate.turn'),
    ('voicegate_operator', 'UPDATE (rate_per_minute) ON voicegate.api_key'),
    ('voicegate_operator', 'EXECUTE ON FUNCTION voicegate.block_client(inet, interval, text)'),
    ('voicegate_operator', 'EXECUTE ON FUNCTION voicegate.unblock_client(inet)');
SELECT voicegate.grant_roles();
