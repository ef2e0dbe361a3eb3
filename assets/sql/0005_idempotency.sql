-- One answer a key, also when the same request comes twice at once.
--
-- A request with an Idempotency-Key claims it before anything is asked of a
-- provider. Whoever comes second, on whichever server, finds the claim, waits
-- for the turn that is being made, and gets that one. A claim is a lease that
-- its holder renews: one that was killed gives way within seconds. The holder
-- is known by a token of its own, which the commit asks for again: a server
-- that was away for longer than its lease cannot write a second turn.
--
-- The content is known by a hash: a key that comes with other content is a
-- client's mistake and is told so. A key is kept for 24 hours from the commit
-- of its turn and never longer than its session.

CREATE TABLE voicegate.idempotency_key (
	session_id	uuid NOT NULL
	    REFERENCES voicegate.session (id) ON DELETE CASCADE,
	key		text COLLATE "C" NOT NULL,
	content		bytea,
	holder		uuid NOT NULL,
	lease_until	timestamptz NOT NULL,
	seq		integer,
	expires_at	timestamptz NOT NULL,
	PRIMARY KEY (session_id, key),
	FOREIGN KEY (session_id, seq)
	    REFERENCES voicegate.turn (session_id, seq) ON DELETE CASCADE,
	CONSTRAINT idempotency_key_length
	    CHECK (octet_length(key) BETWEEN 1 AND 128),
	CONSTRAINT idempotency_key_content CHECK (octet_length(content) = 32)
) WITH (fillfactor = 70);

COMMENT ON TABLE voicegate.idempotency_key IS
    'Which request made, or is making, the turn of an Idempotency-Key. About 200 bytes a row; removed 24 hours after its turn, or with its session';
COMMENT ON COLUMN voicegate.idempotency_key.session_id IS
    'The conversation; a key says nothing outside of it';
COMMENT ON COLUMN voicegate.idempotency_key.key IS
    'As the client sent it';
COMMENT ON COLUMN voicegate.idempotency_key.content IS
    'SHA-256 of the key and the recording; null: not known, any content will do';
COMMENT ON COLUMN voicegate.idempotency_key.holder IS
    'Id of the request (X-Request-ID) that makes, or made, the turn';
COMMENT ON COLUMN voicegate.idempotency_key.lease_until IS
    'While seq is null: from then on another request may take over';
COMMENT ON COLUMN voicegate.idempotency_key.seq IS
    'The turn; null: it is being made';
COMMENT ON COLUMN voicegate.idempotency_key.expires_at IS
    'From then on the key is free';

CREATE INDEX idempotency_key_expires_at
    ON voicegate.idempotency_key (expires_at);
COMMENT ON INDEX voicegate.idempotency_key_expires_at IS
    'purge_idempotency_keys()';

INSERT INTO voicegate.idempotency_key (session_id, key, holder, lease_until,
    seq, expires_at)
    SELECT t.session_id, t.idempotency_key, gen_random_uuid(), now(), t.seq,
    t.created_at + interval '24 hours'
    FROM voicegate.turn AS t
    WHERE t.idempotency_key IS NOT NULL
    AND t.created_at > now() - interval '24 hours';

DROP FUNCTION voicegate.commit_turn(uuid, text, text, text, interval, uuid,
    text, interval, text[]);
DROP INDEX voicegate.turn_idempotency_key;
ALTER TABLE voicegate.turn DROP COLUMN idempotency_key;

CREATE FUNCTION voicegate.claim_turn(session_id uuid, idempotency_key text,
    content bytea, holder uuid, lease interval)
RETURNS TABLE (state text, seq integer, old_transcript text, old_reply text,
    old_audio_id uuid, old_audio_ext text, old_degraded text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	held	voicegate.idempotency_key%ROWTYPE;
BEGIN
	PERFORM FROM voicegate.session AS s WHERE s.id = session_id
	    AND s.ended_at IS NULL AND s.expires_at > now();
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
		    t.audio_ext, array_to_string(t.degraded, ' ')
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

CREATE FUNCTION voicegate.keep_claim(session_id uuid, idempotency_key text,
    holder uuid, lease interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE voicegate.idempotency_key AS k
	    SET lease_until = clock_timestamp() + keep_claim.lease
	    WHERE k.session_id = keep_claim.session_id
	    AND k.key = keep_claim.idempotency_key
	    AND k.holder = keep_claim.holder AND k.seq IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION voicegate.keep_claim(uuid, text, uuid, interval) IS
    'For the server: renews a claim that it holds';

CREATE FUNCTION voicegate.release_claim(session_id uuid, idempotency_key text,
    holder uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM voicegate.idempotency_key AS k
	    WHERE k.session_id = release_claim.session_id
	    AND k.key = release_claim.idempotency_key
	    AND k.holder = release_claim.holder AND k.seq IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION voicegate.release_claim(uuid, text, uuid) IS
    'For the server: gives back a claim that came to no turn';

CREATE FUNCTION voicegate.commit_turn(session_id uuid, idempotency_key text,
    holder uuid, transcript text, reply text, retention interval,
    audio_id uuid, audio_ext text, audio_ttl interval, degraded text[])
RETURNS TABLE (state text, seq integer, old_transcript text,
    old_reply text, old_audio_id uuid, old_audio_ext text, old_degraded text)
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
			    array_to_string(t.degraded, ' ')
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
	INSERT INTO voicegate.turn AS t (session_id, seq, transcript, reply,
	    text_until, audio_id, audio_ext, audio_expires_at, degraded)
	    VALUES (session.id, session.turns + 1,
	    CASE WHEN kept > now() THEN transcript END,
	    CASE WHEN kept > now() THEN reply END,
	    CASE WHEN kept > now() AND kept < session.purge_at THEN kept END,
	    audio_id, audio_ext,
	    CASE WHEN audio_id IS NOT NULL THEN now() + audio_ttl END,
	    degraded);
	IF idempotency_key IS NOT NULL THEN
		UPDATE voicegate.idempotency_key AS k
		    SET seq = session.turns + 1,
		    expires_at = now() + interval '24 hours'
		    WHERE k.session_id = session.id AND k.key = held.key;
	END IF;
	UPDATE voicegate.session AS s
	    SET turns = session.turns + 1, last_active_at = now()
	    WHERE s.id = session.id;
	state := 'new';
	seq := session.turns + 1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text,
    interval, uuid, text, interval, text[]) IS
    'For the server: adds a turn to a live session (new), or gives back the one that its Idempotency-Key made (done); other: the claim went to another request. No row: the session is gone';

CREATE FUNCTION voicegate.purge_idempotency_keys(max_rows integer
    DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	removed	bigint;
BEGIN
	IF max_rows IS NULL OR max_rows < 1 THEN
		RAISE EXCEPTION 'max_rows must be at least 1'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'SELECT voicegate.purge_idempotency_keys() '
		    'takes a sensible number.';
	END IF;
	DELETE FROM voicegate.idempotency_key AS k
	    WHERE k.ctid = ANY (ARRAY(
		SELECT v.ctid FROM voicegate.idempotency_key AS v
		WHERE v.expires_at <= now() ORDER BY v.expires_at
		LIMIT max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;
COMMENT ON FUNCTION voicegate.purge_idempotency_keys(integer) IS
    'Removes keys whose 24 hours are over, at most max_rows of them; says how many. Servers do so by themselves';

-- commit_turn() writes turns with its owner's rights now.
DELETE FROM voicegate.role_privilege AS p
    WHERE p.role_name = 'voicegate_server' AND p.privilege IN (
    'INSERT (session_id, seq, transcript, reply, text_until, audio_id, audio_ext, audio_expires_at, degraded, idempotency_key) ON voicegate.turn',
    'UPDATE (ended_at, end_reason, turns, last_active_at) ON voicegate.session',
    'EXECUTE ON FUNCTION voicegate.commit_turn(uuid, text, text, text, interval, uuid, text, interval, text[])');
INSERT INTO voicegate.role_privilege (role_name, privilege) VALUES
    ('voicegate_server', 'UPDATE (ended_at, end_reason) ON voicegate.session'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.claim_turn(uuid, text, bytea, uuid, interval)'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.keep_claim(uuid, text, uuid, interval)'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.release_claim(uuid, text, uuid)'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.commit_turn(uuid, text, uuid, text, text, interval, uuid, text, interval, text[])'),
    ('voicegate_server', 'EXECUTE ON FUNCTION voicegate.purge_idempotency_keys(integer)'),
    ('voicegate_operator', 'SELECT ON voicegate.idempotency_key'),
    ('voicegate_operator', 'EXECUTE ON FUNCTION voicegate.purge_idempotency_keys(integer)');
SELECT voicegate.grant_roles();
