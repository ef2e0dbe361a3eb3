-- What has run out goes away: a bounded number of rows a call, none of which
-- anyone else waits for (skip locked), so that it may run under full load.

CREATE TABLE voicegate.purge_state (
	one		boolean PRIMARY KEY DEFAULT true,
	next_page	bigint NOT NULL DEFAULT 0,
	CONSTRAINT purge_state_one_row CHECK (one)
);
COMMENT ON TABLE voicegate.purge_state IS
    'One row: where the sweep of rate_limit_window goes on';
COMMENT ON COLUMN voicegate.purge_state.one IS 'Always true';
COMMENT ON COLUMN voicegate.purge_state.next_page IS
    'First page of the next sweep';
INSERT INTO voicegate.purge_state DEFAULT VALUES;

-- By page ranges, round and round: rate_limit_window has no index on time,
-- which would cost every new window more than this costs.
CREATE FUNCTION voicegate.sweep_rate_limits(pages integer,
    OUT removed bigint, OUT wrapped boolean)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	total	bigint := pg_relation_size('voicegate.rate_limit_window')
		    / current_setting('block_size')::bigint;
	first	bigint;
BEGIN
	SELECT s.next_page INTO first FROM voicegate.purge_state AS s
	    FOR UPDATE;
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
COMMENT ON FUNCTION voicegate.sweep_rate_limits(integer) IS
    'Removes what is over from so many pages (8 kB) of rate_limit_window';

CREATE FUNCTION voicegate.purge_expired(max_rows integer DEFAULT 10000,
    OUT sessions bigint, OUT texts bigint, OUT windows bigint,
    OUT more boolean)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	-- of about 40 rows each
	pages	integer := greatest(max_rows / 40, 1);
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
	more := false;
	-- One at a time; the other one is doing it.
	IF NOT pg_try_advisory_xact_lock(
	    hashtextextended('voicegate.purge_expired', 0)) THEN
		RETURN;
	END IF;
	DELETE FROM voicegate.session AS s WHERE s.id = ANY (ARRAY(
	    SELECT v.id FROM voicegate.session AS v WHERE v.purge_at <= now()
	    ORDER BY v.purge_at LIMIT max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS sessions = ROW_COUNT;
	UPDATE voicegate.turn AS t
	    SET transcript = NULL, reply = NULL, text_until = NULL
	    FROM (SELECT v.session_id, v.seq FROM voicegate.turn AS v
		WHERE v.text_until <= now()
		ORDER BY v.text_until LIMIT max_rows
		FOR UPDATE SKIP LOCKED) AS due
	    WHERE t.session_id = due.session_id AND t.seq = due.seq;
	GET DIAGNOSTICS texts = ROW_COUNT;
	SELECT r.removed, r.wrapped INTO windows, wrapped
	    FROM voicegate.sweep_rate_limits(pages) AS r;
	more := sessions = max_rows OR texts = max_rows OR NOT wrapped;
END
$$;
COMMENT ON FUNCTION voicegate.purge_expired(integer) IS
    'Deletes sessions whose purge_at has come (with their turns), erases texts whose text_until has come, removes rate limit windows that are over; at most max_rows of each. more: call it again. Servers do so by themselves';
