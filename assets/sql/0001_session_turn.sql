-- Sessions and turns, and what an operator may do with them.
--
-- Every session carries its own deadlines (expires_at, purge_at) and every turn
-- its own (text_until, audio_expires_at): what must happen when can be read
-- from the rows, and purge_expired() needs no setting of any server.

COMMENT ON SCHEMA voicegate IS
    'voicegate: sessions, turns and rate limits of the voice front door';

CREATE TABLE voicegate.session (
	id		uuid PRIMARY KEY,
	created_at	timestamptz NOT NULL DEFAULT now(),
	expires_at	timestamptz NOT NULL,
	last_active_at	timestamptz NOT NULL DEFAULT now(),
	ended_at	timestamptz,
	end_reason	text,
	client		inet NOT NULL,
	api_key_id	uuid,
	turns		integer NOT NULL DEFAULT 0,
	purge_at	timestamptz NOT NULL,
	CONSTRAINT session_expires_later CHECK (expires_at > created_at),
	CONSTRAINT session_purged_after_expiry CHECK (purge_at >= expires_at),
	CONSTRAINT session_end_has_reason
	    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
	CONSTRAINT session_end_reason
	    CHECK (end_reason IN ('client', 'operator', 'idle', 'key'))
) WITH (fillfactor = 80);

COMMENT ON TABLE voicegate.session IS
    'One conversation. Alive while ended_at is null and expires_at is to come. About 150 bytes a row; deleted at purge_at';
COMMENT ON COLUMN voicegate.session.id IS
    'UUIDv4: whoever knows it may speak in the session';
COMMENT ON COLUMN voicegate.session.created_at IS
    'When it was started';
COMMENT ON COLUMN voicegate.session.expires_at IS
    'From then on it is refused (SESSION_TTL_HOURS after its start)';
COMMENT ON COLUMN voicegate.session.last_active_at IS
    'Start, or the commit of its newest turn';
COMMENT ON COLUMN voicegate.session.ended_at IS
    'When it was ended before its time; null: it was not';
COMMENT ON COLUMN voicegate.session.end_reason IS
    'client: by the API; operator: by end_session() or end_sessions_of(); idle; key: its API key was revoked';
COMMENT ON COLUMN voicegate.session.client IS
    'Address that started it; IPv6 cut to the prefix that the rate limits count by';
COMMENT ON COLUMN voicegate.session.api_key_id IS
    'API key that started it and owns it; null: none was asked for';
COMMENT ON COLUMN voicegate.session.turns IS
    'Turns committed so far';
COMMENT ON COLUMN voicegate.session.purge_at IS
    'When the row and its turns are deleted: at expires_at or at the end of TRANSCRIPT_RETENTION_DAYS, whichever is later';

CREATE INDEX session_purge_at ON voicegate.session (purge_at);
COMMENT ON INDEX voicegate.session_purge_at IS 'purge_expired()';
CREATE INDEX session_open_client ON voicegate.session (client)
    WHERE ended_at IS NULL;
COMMENT ON INDEX voicegate.session_open_client IS 'end_sessions_of()';

CREATE TABLE voicegate.turn (
	session_id	uuid NOT NULL
	    REFERENCES voicegate.session (id) ON DELETE CASCADE,
	seq		integer NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now(),
	transcript	text,
	reply		text,
	text_until	timestamptz,
	audio_id	uuid,
	audio_ext	text,
	audio_expires_at timestamptz,
	degraded	text[] NOT NULL DEFAULT '{}',
	idempotency_key	text COLLATE "C",
	PRIMARY KEY (session_id, seq),
	CONSTRAINT turn_seq_from_one CHECK (seq > 0),
	CONSTRAINT turn_text_whole
	    CHECK ((transcript IS NULL) = (reply IS NULL)),
	CONSTRAINT turn_audio_whole
	    CHECK ((audio_id IS NULL) = (audio_ext IS NULL)
	    AND (audio_id IS NULL) = (audio_expires_at IS NULL)),
	CONSTRAINT turn_audio_ext CHECK (audio_ext ~ '^[a-z0-9]{1,8}$')
);

COMMENT ON TABLE voicegate.turn IS
    'One question and its answer. About 150 bytes a row and its texts; deleted with its session';
COMMENT ON COLUMN voicegate.turn.session_id IS 'The conversation';
COMMENT ON COLUMN voicegate.turn.seq IS 'Place in the conversation, from 1';
COMMENT ON COLUMN voicegate.turn.created_at IS 'When it was committed';
COMMENT ON COLUMN voicegate.turn.transcript IS
    'What was said; null: not kept (TRANSCRIPT_RETENTION_DAYS=0), or erased at text_until';
COMMENT ON COLUMN voicegate.turn.reply IS
    'What was answered; null together with transcript';
COMMENT ON COLUMN voicegate.turn.text_until IS
    'When transcript and reply are erased, where that comes before the deletion of the session; null: with the session';
COMMENT ON COLUMN voicegate.turn.audio_id IS
    'Name of the spoken reply in AUDIO_DIR of the machine that made it; null: none';
COMMENT ON COLUMN voicegate.turn.audio_ext IS 'Extension of that file';
COMMENT ON COLUMN voicegate.turn.audio_expires_at IS
    'From then on the audio is refused (AUDIO_TTL_HOURS after the turn)';
COMMENT ON COLUMN voicegate.turn.degraded IS
    'Services that fell back to a lesser answer in this turn';
COMMENT ON COLUMN voicegate.turn.idempotency_key IS
    'Given by the client: the same key in the same session gets this turn again';

CREATE UNIQUE INDEX turn_audio_id ON voicegate.turn (audio_id)
    WHERE audio_id IS NOT NULL;
COMMENT ON INDEX voicegate.turn_audio_id IS 'An audio file belongs to one turn';
CREATE UNIQUE INDEX turn_idempotency_key
    ON voicegate.turn (session_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
COMMENT ON INDEX voicegate.turn_idempotency_key IS
    'One turn a key within a session';
CREATE INDEX turn_text_until ON voicegate.turn (text_until)
    WHERE text_until IS NOT NULL;
COMMENT ON INDEX voicegate.turn_text_until IS 'purge_expired()';

-- Every server keeps the audio that it made on a disk of its own, so each must
-- hear of every end, whoever brought it about. The payload carries the audio
-- ids: no server has to ask back. 100 of them (3,700 bytes) a notification
-- stays below the 8,000 bytes that NOTIFY takes.
CREATE FUNCTION voicegate.notify_session_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	part	text;
BEGIN
	FOR part IN
	    SELECT string_agg(a.audio_id::text, ' ' ORDER BY a.seq)
	    FROM (SELECT t.audio_id, t.seq,
		    (row_number() OVER (ORDER BY t.seq) - 1) / 100 AS part
		FROM voicegate.turn AS t
		WHERE t.session_id = OLD.id AND t.audio_id IS NOT NULL) AS a
	    GROUP BY a.part ORDER BY a.part
	LOOP
		PERFORM pg_notify('voicegate_session_end',
		    OLD.id::text || ' ' || part);
	END LOOP;
	IF NOT FOUND THEN
		PERFORM pg_notify('voicegate_session_end', OLD.id::text);
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION voicegate.notify_session_end() IS
    'Trigger: tells every server (NOTIFY voicegate_session_end, "session audio audio ...") that a session ended';

CREATE TRIGGER session_ended
    AFTER UPDATE OF ended_at ON voicegate.session FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION voicegate.notify_session_end();
COMMENT ON TRIGGER session_ended ON voicegate.session IS
    'Whoever ends a session, by function or by UPDATE, every server hears of it';

-- Before: the turns are still there. Not for what has run out by itself, whose
-- audio went then; so a purge sends no notification.
CREATE TRIGGER session_deleted
    BEFORE DELETE ON voicegate.session FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION voicegate.notify_session_end();
COMMENT ON TRIGGER session_deleted ON voicegate.session IS
    'A live session that is deleted has ended too';

CREATE VIEW voicegate.active_session AS
SELECT s.id, s.client, s.api_key_id, s.turns, s.created_at, s.last_active_at,
    s.expires_at,
    date_trunc('second', now() - s.last_active_at) AS idle,
    date_trunc('second', s.expires_at - now()) AS remaining
FROM voicegate.session AS s
WHERE s.ended_at IS NULL AND s.expires_at > now();

COMMENT ON VIEW voicegate.active_session IS
    'Sessions that are alive now; shows nothing of what was said';
COMMENT ON COLUMN voicegate.active_session.idle IS
    'Time since its start or its newest turn';
COMMENT ON COLUMN voicegate.active_session.remaining IS
    'Time until it expires';

CREATE FUNCTION voicegate.end_session(session_id uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	IF end_session.session_id IS NULL THEN
		RAISE EXCEPTION 'no session given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id FROM voicegate.active_session lists them.';
	END IF;
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.id = end_session.session_id AND s.ended_at IS NULL
	    AND s.expires_at > now();
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION voicegate.end_session(uuid) IS
    'Ends one session: its id is refused and its audio is removed, on every server, within a second. False: it was not alive';

CREATE FUNCTION voicegate.end_sessions_of(client inet) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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
	    AND s.ended_at IS NULL AND s.expires_at > now();
	GET DIAGNOSTICS ended = ROW_COUNT;
	-- And the prefixes that hold it: clients with IPv6 are kept as those.
	UPDATE voicegate.session AS s
	    SET ended_at = now(), end_reason = 'operator'
	    WHERE s.client = ANY (ARRAY(
		SELECT network(set_masklen(wanted, n))::inet
		FROM generate_series(1, masklen(wanted) - 1) AS n))
	    AND s.ended_at IS NULL AND s.expires_at > now();
	GET DIAGNOSTICS more = ROW_COUNT;
	RETURN ended + more;
END
$$;
COMMENT ON FUNCTION voicegate.end_sessions_of(inet) IS
    'Ends every session of an address or a network; says how many';

CREATE FUNCTION voicegate.commit_turn(session_id uuid, idempotency_key text,
    transcript text, reply text, retention interval, audio_id uuid,
    audio_ext text, audio_ttl interval, degraded text[])
RETURNS TABLE (repeated boolean, seq integer, old_transcript text,
    old_reply text, old_audio_id uuid, old_audio_ext text)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	held	voicegate.session%ROWTYPE;
	kept	timestamptz := now() + retention;
BEGIN
	-- The lock on its session puts turns in a row: one seq and one use of a
	-- key each, and none in a session that ends at this moment.
	SELECT s.* INTO held FROM voicegate.session AS s
	    WHERE s.id = session_id AND s.ended_at IS NULL
	    AND s.expires_at > clock_timestamp()
	    FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF idempotency_key IS NOT NULL THEN
		RETURN QUERY SELECT true, t.seq, t.transcript, t.reply,
		    CASE WHEN t.audio_expires_at > now() THEN t.audio_id END,
		    t.audio_ext
		    FROM voicegate.turn AS t
		    WHERE t.session_id = held.id
		    AND t.idempotency_key = commit_turn.idempotency_key;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	INSERT INTO voicegate.turn AS t (session_id, seq, transcript, reply,
	    text_until, audio_id, audio_ext, audio_expires_at, degraded,
	    idempotency_key)
	    VALUES (held.id, held.turns + 1,
	    CASE WHEN kept > now() THEN transcript END,
	    CASE WHEN kept > now() THEN reply END,
	    CASE WHEN kept > now() AND kept < held.purge_at THEN kept END,
	    audio_id, audio_ext,
	    CASE WHEN audio_id IS NOT NULL THEN now() + audio_ttl END,
	    degraded, idempotency_key);
	UPDATE voicegate.session AS s
	    SET turns = held.turns + 1, last_active_at = now()
	    WHERE s.id = held.id;
	RETURN QUERY SELECT false, held.turns + 1, NULL::text, NULL::text,
	    NULL::uuid, NULL::text;
END
$$;
COMMENT ON FUNCTION voicegate.commit_turn(uuid, text, text, text, interval,
    uuid, text, interval, text[]) IS
    'For the server: adds a turn to a live session, or gives back the one that has this idempotency key. No row: the session is gone';
