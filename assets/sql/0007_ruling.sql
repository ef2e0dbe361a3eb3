-- What the operator rules, with a million sessions behind it: shorter locks of
-- a purge, indexes for what is ended by key and by client, and one notification
-- for one block.

-- ---- sessions by key and by client --------------------------------------------
-- Most sessions run out without being ended, so those that a key or a client
-- still has are few of all that are kept for it: the time must be in the index.

CREATE INDEX session_open_key_until ON voicegate.session
    (api_key_id, expires_at)
    WHERE ended_at IS NULL AND api_key_id IS NOT NULL;
COMMENT ON INDEX voicegate.session_open_key_until IS
    'end_sessions_of_key(), revoke_api_key(), api_key_status';
DROP INDEX voicegate.session_open_key;
CREATE INDEX session_open_client_until ON voicegate.session
    (client, expires_at) WHERE ended_at IS NULL;
COMMENT ON INDEX voicegate.session_open_client_until IS 'end_sessions_of()';
DROP INDEX voicegate.session_open_client;

-- ---- blocks -------------------------------------------------------------------
-- INSERT ... ON CONFLICT DO UPDATE sets off the triggers of both, whichever it
-- came to. So each looks whether there is a row that it is about.

CREATE OR REPLACE FUNCTION voicegate.notify_client_block() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	now_at	bigint;
BEGIN
	IF TG_OP <> 'TRUNCATE' THEN
		PERFORM FROM changed LIMIT 1;
		IF NOT FOUND THEN
			RETURN NULL;
		END IF;
	END IF;
	UPDATE voicegate.client_block_revision AS r
	    SET revision = r.revision + 1 RETURNING r.revision INTO now_at;
	PERFORM pg_notify('voicegate_client_block', now_at::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION voicegate.notify_client_block() IS
    'Trigger: where a row changed, raises the revision and tells every server (NOTIFY voicegate_client_block, revision)';

DROP TRIGGER client_block_changed ON voicegate.client_block;
CREATE TRIGGER client_block_added AFTER INSERT ON voicegate.client_block
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION voicegate.notify_client_block();
COMMENT ON TRIGGER client_block_added ON voicegate.client_block IS
    'A block was made, by function or by hand';
CREATE TRIGGER client_block_changed AFTER UPDATE ON voicegate.client_block
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION voicegate.notify_client_block();
COMMENT ON TRIGGER client_block_changed ON voicegate.client_block IS
    'A block was replaced, by function or by hand';
CREATE TRIGGER client_block_removed AFTER DELETE ON voicegate.client_block
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION voicegate.notify_client_block();
COMMENT ON TRIGGER client_block_removed ON voicegate.client_block IS
    'A block was taken back or has ended';
CREATE TRIGGER client_block_emptied AFTER TRUNCATE ON voicegate.client_block
    FOR EACH STATEMENT EXECUTE FUNCTION voicegate.notify_client_block();
COMMENT ON TRIGGER client_block_emptied ON voicegate.client_block IS
    'All blocks were taken back at once';

-- ---- purge --------------------------------------------------------------------
-- A call works for some 20 ms and then commits: what it has locked, it has
-- locked for that long, however slow the machine is and however much there is
-- to do. Each kind of row has its share of the time and takes it in steps that
-- grow while they are quick, so that none waits for the end of another's
-- backlog. The turns of a session go first, and not all at once: a conversation
-- may have thousands. What somebody may want at this moment (a client's window,
-- a key, a block) comes last and is held the shortest.
--
-- Nobody waits for a purge to be on the disk: after a crash it is done again.
-- Rows are taken by their place (ctid), which no plan makes slow; and nothing is
-- compiled for so few of them (jit: some hundred milliseconds in psql), nor is a
-- table read whole because it was small when the plan was made.

DROP FUNCTION voicegate.purge_expired(integer);
CREATE FUNCTION voicegate.purge_expired(max_rows integer DEFAULT 10000,
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

	DELETE FROM voicegate.client_block AS b WHERE b.expires_at <= now();
	GET DIAGNOSTICS blocks = ROW_COUNT;

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
COMMENT ON FUNCTION voicegate.purge_expired(integer) IS
    'Deletes sessions whose purge_at has come (with their turns), erases texts whose text_until has come, removes limits, events, blocks and alerts that are over, warns of API keys near their end; works for some 20 ms and on at most max_rows of each. more: call it again; behind: soon, there is much. Servers do so by themselves. Its transaction does not wait for the disk';

-- The same for what a key of idempotency leaves.
CREATE OR REPLACE FUNCTION voicegate.purge_idempotency_keys(max_rows integer
    DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $$
DECLARE
	last_step CONSTANT integer := 128;
	began	CONSTANT timestamptz := clock_timestamp();
	removed	bigint := 0;
	gone	bigint;
BEGIN
	IF max_rows IS NULL OR max_rows < 1 THEN
		RAISE EXCEPTION 'max_rows must be at least 1'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'SELECT voicegate.purge_idempotency_keys() '
		    'takes a sensible number.';
	END IF;
	PERFORM set_config('synchronous_commit', 'off', true);
	LOOP
		DELETE FROM voicegate.idempotency_key AS k
		    WHERE k.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.idempotency_key AS v
			WHERE v.expires_at <= now() ORDER BY v.expires_at
			LIMIT least(last_step, max_rows - removed)
			FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		removed := removed + gone;
		EXIT WHEN gone < last_step OR removed >= max_rows
		    OR clock_timestamp() > began + interval '10 milliseconds';
	END LOOP;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION voicegate.purge_idempotency_keys(integer) IS
    'Removes keys whose 24 hours are over, at most max_rows of them and for some 10 ms; says how many. Servers do so by themselves';

SELECT voicegate.grant_roles();
