-- What the operator rules from psql: security events, alerts, API keys, blocks,
-- export and erasure; and who may do what (roles, at the end).
--
-- Functions for people and those that stand between the server and a table it
-- must not read at will run as the owner (SECURITY DEFINER) with the search
-- path fixed; pg_temp stands last in it, so that no temporary type can pose as
-- one of PostgreSQL's. They name whoever called by session_user.

-- ---- security events --------------------------------------------------------

CREATE DOMAIN voicegate.event_kind AS text COLLATE "C"
    CONSTRAINT event_kind_known CHECK (VALUE IN (
	'rate_limited', 'origin_denied', 'bad_framing', 'bad_key',
	'client_blocked', 'payload_too_large', 'unsupported_audio',
	'csp_report', 'breaker_opened', 'provider_key_refused',
	'configuration_changed',
	'api_key_expiring', 'api_key_created', 'api_key_rotated',
	'api_key_revoked', 'session_ended_by_operator', 'session_exported',
	'session_erased', 'client_block_added', 'client_block_removed'));
COMMENT ON DOMAIN voicegate.event_kind IS
    'What happened. The servers tell the first eleven, the database itself the others';

CREATE DOMAIN voicegate.severity AS text COLLATE "C"
    CONSTRAINT severity_known CHECK (VALUE IN ('info', 'warning', 'critical'));
COMMENT ON DOMAIN voicegate.severity IS 'info, warning or critical';

CREATE TABLE voicegate.security_event (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	first_at	timestamptz NOT NULL,
	last_at		timestamptz NOT NULL,
	kind		voicegate.event_kind NOT NULL,
	severity	voicegate.severity NOT NULL,
	client		inet,
	route		text,
	request_id	uuid,
	detail		jsonb,
	count		bigint NOT NULL DEFAULT 1,
	CONSTRAINT security_event_in_order CHECK (last_at >= first_at),
	CONSTRAINT security_event_counts CHECK (count > 0),
	CONSTRAINT security_event_route_short CHECK (length(route) <= 200),
	CONSTRAINT security_event_detail_small
	    CHECK (octet_length(detail::text) <= 2048)
);
COMMENT ON TABLE voicegate.security_event IS
    'What somebody responsible may want to know. Like ones are collapsed into one row with a count. About 150 bytes a row, at most 2.5 kB; deleted after purge_state.events_kept (90 days)';
COMMENT ON COLUMN voicegate.security_event.id IS 'In the order of writing';
COMMENT ON COLUMN voicegate.security_event.first_at IS
    'When it happened; the first time, if it is a row of many';
COMMENT ON COLUMN voicegate.security_event.last_at IS 'The last time';
COMMENT ON COLUMN voicegate.security_event.kind IS 'What happened';
COMMENT ON COLUMN voicegate.security_event.severity IS
    'info, warning or critical';
COMMENT ON COLUMN voicegate.security_event.client IS
    'Address, prefix or network that it is about; null: none, or many';
COMMENT ON COLUMN voicegate.security_event.route IS
    'Name of the route; null: none, or many';
COMMENT ON COLUMN voicegate.security_event.request_id IS
    'X-Request-ID of the first of them, as in the log; null: no request';
COMMENT ON COLUMN voicegate.security_event.detail IS
    'A few words more, at most 2 kB; nothing of what was said or sent';
COMMENT ON COLUMN voicegate.security_event.count IS 'How many times';

CREATE INDEX security_event_last_at ON voicegate.security_event (last_at);
COMMENT ON INDEX voicegate.security_event_last_at IS
    'recent_security_event, purge_expired()';
CREATE INDEX security_event_kind ON voicegate.security_event (kind, last_at)
    INCLUDE (count);
COMMENT ON INDEX voicegate.security_event_kind IS
    'Alert rules; one kind at a time';

CREATE VIEW voicegate.recent_security_event AS
SELECT e.id, e.last_at, e.kind, e.severity, e.client, e.count, e.route,
    e.request_id, e.detail, e.first_at
FROM voicegate.security_event AS e
WHERE e.last_at > now() - interval '24 hours'
ORDER BY e.last_at DESC, e.id DESC;
COMMENT ON VIEW voicegate.recent_security_event IS
    'Security events of the last 24 hours, newest first';

-- ---- alerts -----------------------------------------------------------------

CREATE TABLE voicegate.alert_rule (
	id		integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name		text NOT NULL UNIQUE,
	kind		voicegate.event_kind NOT NULL,
	min_count	bigint NOT NULL DEFAULT 1,
	span		interval NOT NULL DEFAULT '10 minutes',
	severity	voicegate.severity NOT NULL DEFAULT 'warning',
	enabled		boolean NOT NULL DEFAULT true,
	last_fired_at	timestamptz,
	CONSTRAINT alert_rule_name_short CHECK (length(name) BETWEEN 1 AND 100),
	CONSTRAINT alert_rule_counts CHECK (min_count > 0),
	CONSTRAINT alert_rule_span
	    CHECK (span BETWEEN interval '1 second' AND interval '30 days')
) WITH (fillfactor = 70);
COMMENT ON TABLE voicegate.alert_rule IS
    'When to raise an alert: min_count events of a kind within a span; at most one alert per rule and span, over all servers. Change the rows as you like';
COMMENT ON COLUMN voicegate.alert_rule.id IS 'Number of the rule';
COMMENT ON COLUMN voicegate.alert_rule.name IS 'What the alert is called';
COMMENT ON COLUMN voicegate.alert_rule.kind IS 'Kind of event that counts';
COMMENT ON COLUMN voicegate.alert_rule.min_count IS
    'So many of them raise the alert (the sum of security_event.count)';
COMMENT ON COLUMN voicegate.alert_rule.span IS
    'Within this time (1 second to 30 days), by security_event.last_at';
COMMENT ON COLUMN voicegate.alert_rule.severity IS 'Severity of the alert';
COMMENT ON COLUMN voicegate.alert_rule.enabled IS 'false: it rests';
COMMENT ON COLUMN voicegate.alert_rule.last_fired_at IS
    'When it raised its newest alert; null: never';

INSERT INTO voicegate.alert_rule (name, kind, min_count, span, severity) VALUES
    ('wrong API keys', 'bad_key', 100, '10 minutes', 'warning'),
    ('flood', 'rate_limited', 10000, '5 minutes', 'warning'),
    ('broken framing', 'bad_framing', 1000, '10 minutes', 'warning'),
    ('provider away', 'breaker_opened', 1, '10 minutes', 'critical'),
    ('provider key refused', 'provider_key_refused', 1, '1 hour', 'critical'),
    ('page policy violated', 'csp_report', 50, '10 minutes', 'warning'),
    ('API key near its end', 'api_key_expiring', 1, '1 day', 'warning');

CREATE TABLE voicegate.alert (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	rule		text NOT NULL,
	fired_at	timestamptz NOT NULL DEFAULT now(),
	kind		voicegate.event_kind NOT NULL,
	severity	voicegate.severity NOT NULL,
	count		bigint NOT NULL,
	payload		text NOT NULL,
	attempts	integer NOT NULL DEFAULT 0,
	claimed_until	timestamptz,
	due_at		timestamptz NOT NULL DEFAULT now(),
	delivered_at	timestamptz,
	given_up_at	timestamptz,
	CONSTRAINT alert_one_end
	    CHECK (delivered_at IS NULL OR given_up_at IS NULL)
) WITH (fillfactor = 70);
COMMENT ON TABLE voicegate.alert IS
    'Alerts that were raised. About 400 bytes a row; deleted after 90 days';
COMMENT ON COLUMN voicegate.alert.id IS
    'Also in the payload: by it a receiver knows a repetition';
COMMENT ON COLUMN voicegate.alert.rule IS 'Name of the rule that raised it';
COMMENT ON COLUMN voicegate.alert.fired_at IS 'When it was raised';
COMMENT ON COLUMN voicegate.alert.kind IS 'Kind of event it is about';
COMMENT ON COLUMN voicegate.alert.severity IS 'As the rule has it';
COMMENT ON COLUMN voicegate.alert.count IS
    'Events of that kind within the span of the rule';
COMMENT ON COLUMN voicegate.alert.payload IS
    'JSON: of NOTIFY voicegate_alert and of the webhook, the same at each try';
COMMENT ON COLUMN voicegate.alert.attempts IS
    'How many times a server took it to deliver it';
COMMENT ON COLUMN voicegate.alert.claimed_until IS
    'Until then a server is at it; null: none';
COMMENT ON COLUMN voicegate.alert.due_at IS 'When the next try is due';
COMMENT ON COLUMN voicegate.alert.delivered_at IS
    'When it was logged and, with a webhook, taken by its receiver';
COMMENT ON COLUMN voicegate.alert.given_up_at IS
    'When the last try had failed; null: not so';

CREATE INDEX alert_due ON voicegate.alert (due_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
COMMENT ON INDEX voicegate.alert_due IS 'claim_alerts(), open_alert';
CREATE INDEX alert_fired_at ON voicegate.alert (fired_at);
COMMENT ON INDEX voicegate.alert_fired_at IS 'purge_expired()';

CREATE VIEW voicegate.open_alert AS
SELECT a.id, a.fired_at, a.rule, a.kind, a.severity, a.count, a.attempts,
    a.due_at, a.claimed_until
FROM voicegate.alert AS a
WHERE a.delivered_at IS NULL AND a.given_up_at IS NULL
ORDER BY a.fired_at;
COMMENT ON VIEW voicegate.open_alert IS
    'Alerts that are still to be delivered, oldest first';

-- Each rule that may fire is locked before its events are summed: of two
-- writers, the second sums what the first one wrote, and neither fires twice.
CREATE FUNCTION voicegate.fire_alerts(kinds text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r	voicegate.alert_rule%ROWTYPE;
	t	timestamptz;
	happened bigint;
	alert	uuid;
	body	text;
BEGIN
	FOR r IN
	    SELECT v.* FROM voicegate.alert_rule AS v
	    WHERE v.enabled AND v.kind = ANY (kinds)
	    AND (v.last_fired_at IS NULL
		OR v.last_fired_at <= clock_timestamp() - v.span)
	    ORDER BY v.id FOR NO KEY UPDATE
	LOOP
		t := clock_timestamp();
		SELECT sum(e.count) INTO happened
		    FROM voicegate.security_event AS e
		    WHERE e.kind = r.kind AND e.last_at > t - r.span;
		CONTINUE WHEN happened IS NULL OR happened < r.min_count;
		UPDATE voicegate.alert_rule AS v SET last_fired_at = t
		    WHERE v.id = r.id;
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
COMMENT ON FUNCTION voicegate.fire_alerts(text[]) IS
    'Within: raises the alerts that events of these kinds call for (NOTIFY voicegate_alert)';

CREATE FUNCTION voicegate.record_event(kind text, severity text, client inet,
    detail jsonb, count bigint DEFAULT 1) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO voicegate.security_event (first_at, last_at, kind, severity,
	    client, detail, count)
	    VALUES (clock_timestamp(), clock_timestamp(), record_event.kind,
	    record_event.severity, record_event.client, record_event.detail,
	    record_event.count);
	PERFORM voicegate.fire_alerts(ARRAY[record_event.kind]);
END
$$;
COMMENT ON FUNCTION voicegate.record_event(text, text, inet, jsonb, bigint) IS
    'Within: what an operator did, or what the database saw by itself';

CREATE FUNCTION voicegate.record_events(kinds text[], severities text[],
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
	    'breaker_opened', 'provider_key_refused', 'configuration_changed')
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
COMMENT ON FUNCTION voicegate.record_events(text[], text[], inet[], text[],
    uuid[], jsonb[], bigint[], integer[], integer[]) IS
    'For the server: writes a batch of security events, each of which began ages_ms ago and went on for spans_ms, and raises the alerts they call for';

CREATE FUNCTION voicegate.claim_alerts(lease interval)
RETURNS TABLE (id uuid, payload text, attempt integer, fresh boolean)
LANGUAGE plpgsql ROWS 4 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF lease IS NULL OR lease <= interval '0' OR lease > interval '1 hour' THEN
		RAISE EXCEPTION 'lease out of range: %', coalesce(lease::text, 'null')
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'It is how long one try may take: more than 0, at most 1 hour.';
	END IF;
	RETURN QUERY
	UPDATE voicegate.alert AS a SET attempts = a.attempts + 1,
	    claimed_until = clock_timestamp() + lease
	    WHERE a.id = ANY (ARRAY(
		SELECT v.id FROM voicegate.alert AS v
		WHERE v.delivered_at IS NULL AND v.given_up_at IS NULL
		AND v.due_at <= clock_timestamp()
		AND (v.claimed_until IS NULL
		    OR v.claimed_until <= clock_timestamp())
		ORDER BY v.due_at LIMIT 16 FOR NO KEY UPDATE SKIP LOCKED))
	    RETURNING a.id, a.payload, a.attempts, a.attempts = 1;
END
$$;
COMMENT ON FUNCTION voicegate.claim_alerts(interval) IS
    'For the server: takes up to 16 alerts that are due, for the time of the lease; fresh: nobody had it before';

CREATE FUNCTION voicegate.settle_alert(id uuid, delivered boolean,
    retry_in interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	t	timestamptz := clock_timestamp();
BEGIN
	IF settle_alert.id IS NULL OR delivered IS NULL THEN
		RAISE EXCEPTION 'no alert, or no result, given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'settle_alert(id, true, null), '
		    'or settle_alert(id, false, time until the next try).';
	END IF;
	IF NOT delivered AND retry_in < interval '0' THEN
		RAISE EXCEPTION 'retry_in must not be negative'
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'null gives the alert up.';
	END IF;
	UPDATE voicegate.alert AS a SET claimed_until = NULL,
	    delivered_at = CASE WHEN delivered THEN t END,
	    given_up_at = CASE WHEN NOT delivered AND retry_in IS NULL
		THEN t END,
	    due_at = CASE WHEN delivered OR retry_in IS NULL THEN a.due_at
		ELSE t + retry_in END
	    WHERE a.id = settle_alert.id
	    AND a.delivered_at IS NULL AND a.given_up_at IS NULL;
END
$$;
COMMENT ON FUNCTION voicegate.settle_alert(uuid, boolean, interval) IS
    'For the server: what became of a try: delivered, due again, or (retry_in null) given up';

-- ---- API keys ---------------------------------------------------------------

CREATE TABLE voicegate.api_key (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	name		text NOT NULL,
	hint		text NOT NULL,
	hash		bytea NOT NULL UNIQUE,
	previous_hash	bytea,
	previous_until	timestamptz,
	scopes		text[] NOT NULL,
	rate_per_minute	integer,
	created_at	timestamptz NOT NULL DEFAULT now(),
	rotated_at	timestamptz,
	valid_for	interval,
	expires_at	timestamptz,
	warned_at	timestamptz,
	revoked_at	timestamptz,
	last_used_at	timestamptz,
	CONSTRAINT api_key_name_short CHECK (length(name) BETWEEN 1 AND 100),
	CONSTRAINT api_key_hash_is_sha256 CHECK (octet_length(hash) = 32
	    AND octet_length(previous_hash) = 32),
	CONSTRAINT api_key_previous_whole
	    CHECK ((previous_hash IS NULL) = (previous_until IS NULL)),
	CONSTRAINT api_key_scopes_known CHECK (cardinality(scopes) > 0
	    AND scopes <@ '{session,voice}'
	    AND array_position(scopes, NULL) IS NULL),
	CONSTRAINT api_key_rate CHECK (rate_per_minute BETWEEN 1 AND 1000000)
) WITH (fillfactor = 70);
COMMENT ON TABLE voicegate.api_key IS
    'Who may use the API (AUTH_REQUIRED). The keys themselves are nowhere: 256 random bits need no slow hash. About 300 bytes a row; kept until somebody deletes it';
COMMENT ON COLUMN voicegate.api_key.id IS 'Name of the key for functions';
COMMENT ON COLUMN voicegate.api_key.name IS
    'Whose it is; no two keys in use have the same';
COMMENT ON COLUMN voicegate.api_key.hint IS
    'How the key begins (vg_ and four characters of 43): what shows first wherever keys are configured';
COMMENT ON COLUMN voicegate.api_key.hash IS 'SHA-256 of the whole key, vg_ too';
COMMENT ON COLUMN voicegate.api_key.previous_hash IS
    'SHA-256 of the key before the newest rotation';
COMMENT ON COLUMN voicegate.api_key.previous_until IS
    'Until then the key before works too';
COMMENT ON COLUMN voicegate.api_key.scopes IS
    'What it may: session (start, end), voice (speak, fetch audio)';
COMMENT ON COLUMN voicegate.api_key.rate_per_minute IS
    'Limit of its own; null: RATE_LIMIT_PER_MINUTE of the server';
COMMENT ON COLUMN voicegate.api_key.created_at IS 'When it was created';
COMMENT ON COLUMN voicegate.api_key.rotated_at IS
    'When it was rotated last; null: never';
COMMENT ON COLUMN voicegate.api_key.valid_for IS
    'How long it is valid from its creation or a rotation; null: no end';
COMMENT ON COLUMN voicegate.api_key.expires_at IS
    'From then on it is refused; null: no end';
COMMENT ON COLUMN voicegate.api_key.warned_at IS
    'When the event api_key_expiring was recorded (7 days before its end); null: not yet';
COMMENT ON COLUMN voicegate.api_key.revoked_at IS
    'When it was revoked; null: it was not';
COMMENT ON COLUMN voicegate.api_key.last_used_at IS
    'When a request used it last, to within a minute or so; null: never';

CREATE UNIQUE INDEX api_key_name ON voicegate.api_key (name)
    WHERE revoked_at IS NULL;
COMMENT ON INDEX voicegate.api_key_name IS
    'A name is free again when its key was revoked';
CREATE UNIQUE INDEX api_key_previous_hash ON voicegate.api_key (previous_hash)
    WHERE previous_hash IS NOT NULL;
COMMENT ON INDEX voicegate.api_key_previous_hash IS 'find_api_key()';
CREATE INDEX api_key_expires_at ON voicegate.api_key (expires_at)
    WHERE warned_at IS NULL AND revoked_at IS NULL;
COMMENT ON INDEX voicegate.api_key_expires_at IS
    'purge_expired(): whom to warn of';
CREATE INDEX session_open_key ON voicegate.session (api_key_id)
    WHERE ended_at IS NULL AND api_key_id IS NOT NULL;
COMMENT ON INDEX voicegate.session_open_key IS
    'end_sessions_of_key(), revoke_api_key(), api_key_status';

CREATE FUNCTION voicegate.notify_api_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pg_notify('voicegate_api_key',
	    coalesce(NEW.id, OLD.id)::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION voicegate.notify_api_key() IS
    'Trigger: tells every server (NOTIFY voicegate_api_key, id) that what it knows of a key is out of date';

CREATE TRIGGER api_key_made AFTER INSERT OR DELETE ON voicegate.api_key
    FOR EACH ROW EXECUTE FUNCTION voicegate.notify_api_key();
COMMENT ON TRIGGER api_key_made ON voicegate.api_key IS
    'A key came or went, by function or by hand';
CREATE TRIGGER api_key_changed AFTER UPDATE ON voicegate.api_key FOR EACH ROW
    WHEN ((OLD.id, OLD.hash, OLD.previous_hash, OLD.previous_until, OLD.scopes,
	OLD.rate_per_minute, OLD.expires_at, OLD.revoked_at) IS DISTINCT FROM
	(NEW.id, NEW.hash, NEW.previous_hash, NEW.previous_until, NEW.scopes,
	NEW.rate_per_minute, NEW.expires_at, NEW.revoked_at))
    EXECUTE FUNCTION voicegate.notify_api_key();
COMMENT ON TRIGGER api_key_changed ON voicegate.api_key IS
    'A key changed in what find_api_key() answers';

CREATE VIEW voicegate.api_key_status AS
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
	AND s.ended_at IS NULL AND s.expires_at > now()) AS live_sessions,
    k.created_at, k.rotated_at, k.revoked_at
FROM voicegate.api_key AS k;
COMMENT ON VIEW voicegate.api_key_status IS
    'API keys, their state and use; nothing that a key could be made from';
COMMENT ON COLUMN voicegate.api_key_status.state IS
    'in use, in rotation (the key before works too), near its end (7 days), expired, revoked';
COMMENT ON COLUMN voicegate.api_key_status.previous_until IS
    'Until then the key before the rotation works too';
COMMENT ON COLUMN voicegate.api_key_status.live_sessions IS
    'Sessions it started that are alive';

CREATE FUNCTION voicegate.find_api_key(hash bytea)
RETURNS TABLE (id uuid, hash bytea, scopes text[], rate_per_minute integer,
    usable_until timestamptz)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
	SELECT k.id, k.hash, k.scopes, k.rate_per_minute, k.expires_at
	FROM voicegate.api_key AS k
	WHERE k.hash = $1 AND k.revoked_at IS NULL
	AND (k.expires_at IS NULL OR k.expires_at > now())
	UNION ALL
	SELECT k.id, k.previous_hash, k.scopes, k.rate_per_minute,
	    least(k.expires_at, k.previous_until)
	FROM voicegate.api_key AS k
	WHERE k.previous_hash = $1 AND k.revoked_at IS NULL
	AND k.previous_until > now()
	AND (k.expires_at IS NULL OR k.expires_at > now())
$$;
COMMENT ON FUNCTION voicegate.find_api_key(bytea) IS
    'For the server: the key with this SHA-256, if it may be used now, and until when';

CREATE FUNCTION voicegate.touch_api_keys(ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	UPDATE voicegate.api_key AS k SET last_used_at = now()
	WHERE k.id = ANY (ARRAY(
	    SELECT v.id FROM voicegate.api_key AS v WHERE v.id = ANY (ids)
	    FOR NO KEY UPDATE SKIP LOCKED))
$$;
COMMENT ON FUNCTION voicegate.touch_api_keys(uuid[]) IS
    'For the server: these keys were used now; waits for nobody';

-- Three random UUIDs are 366 random bits, of which SHA-256 makes 256: without
-- an extension PostgreSQL gives strong randomness (pg_strong_random) only so.
CREATE FUNCTION voicegate.new_api_key() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
	SELECT 'vg_' || rtrim(translate(encode(sha256(
	    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
	    || uuid_send(gen_random_uuid())), 'base64'), '+/', '-_'), '=')
$$;
COMMENT ON FUNCTION voicegate.new_api_key() IS
    'Within: a fresh key, vg_ and 256 random bits in base64url';

CREATE FUNCTION voicegate.create_api_key(name text,
    scopes text[] DEFAULT '{session,voice}',
    rate_per_minute integer DEFAULT NULL, expires_in interval DEFAULT NULL)
RETURNS TABLE (id uuid, api_key text)
LANGUAGE plpgsql ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	wanted	text := btrim(create_api_key.name);
	wrong	text;
BEGIN
	IF coalesce(wanted, '') = '' OR length(wanted) > 100 THEN
		RAISE EXCEPTION 'a key needs a name of 1 to 100 characters'
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
COMMENT ON FUNCTION voicegate.create_api_key(text, text[], integer, interval) IS
    'Creates an API key and shows it, this once: only its hash is kept. Scopes: session, voice; rate_per_minute null: as the server''s setting; expires_in null: no end';

CREATE FUNCTION voicegate.rotate_api_key(id uuid,
    grace interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	held	voicegate.api_key%ROWTYPE;
	fresh	text;
BEGIN
	IF rotate_api_key.id IS NULL THEN
		RAISE EXCEPTION 'no key given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT id, name FROM voicegate.api_key_status lists them.';
	END IF;
	IF grace IS NULL OR grace < interval '0' OR grace > interval '90 days' THEN
		RAISE EXCEPTION 'grace out of range: %', coalesce(grace::text, 'null')
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'How long the old key works beside the new one: '
		    'from 0 to 90 days, as in interval ''1 hour''.';
	END IF;
	SELECT k.* INTO held FROM voicegate.api_key AS k
	    WHERE k.id = rotate_api_key.id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no key %', rotate_api_key.id
		    USING ERRCODE = 'no_data_found',
		    HINT = 'SELECT id, name FROM voicegate.api_key_status lists them.';
	END IF;
	IF held.revoked_at IS NOT NULL THEN
		RAISE EXCEPTION 'the key % was revoked', held.id
		    USING ERRCODE = 'object_not_in_prerequisite_state',
		    HINT = 'SELECT * FROM voicegate.create_api_key(name) '
		    'makes a new one.';
	END IF;
	fresh := voicegate.new_api_key();
	-- What the old key had left is not made longer.
	UPDATE voicegate.api_key AS k SET hint = left(fresh, 7),
	    hash = sha256(convert_to(fresh, 'UTF8')),
	    previous_hash = held.hash,
	    previous_until = least(now() + grace, held.expires_at),
	    rotated_at = now(), expires_at = now() + held.valid_for,
	    warned_at = NULL
	    WHERE k.id = held.id;
	PERFORM voicegate.record_event('api_key_rotated', 'info', NULL,
	    jsonb_build_object('api_key', held.id, 'by', session_user,
	    'grace_seconds', extract(epoch FROM grace)::bigint));
	RETURN fresh;
END
$$;
COMMENT ON FUNCTION voicegate.rotate_api_key(uuid, interval) IS
    'Gives a key a new secret and shows it, this once. The old one works beside it for the grace time (one before that no longer); the time of validity begins anew; sessions go on';

CREATE FUNCTION voicegate.end_sessions_of_key(id uuid) RETURNS bigint
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
	    AND s.expires_at > now();
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
COMMENT ON FUNCTION voicegate.end_sessions_of_key(uuid) IS
    'Ends every session that an API key started, and leaves the key; says how many';

CREATE FUNCTION voicegate.revoke_api_key(id uuid) RETURNS boolean
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
	    AND s.expires_at > now();
	GET DIAGNOSTICS ended = ROW_COUNT;
	PERFORM voicegate.record_event('api_key_revoked', 'warning', NULL,
	    jsonb_build_object('api_key', revoke_api_key.id,
	    'by', session_user, 'sessions_ended', ended));
	RETURN true;
END
$$;
COMMENT ON FUNCTION voicegate.revoke_api_key(uuid) IS
    'Ends a key, also the one before a rotation, and every session it started, for good, on every server, within a second. False: there was none, or it was revoked before';

-- ---- blocks -----------------------------------------------------------------

CREATE TABLE voicegate.client_block (
	network		cidr PRIMARY KEY,
	reason		text NOT NULL DEFAULT '',
	created_at	timestamptz NOT NULL DEFAULT now(),
	expires_at	timestamptz,
	created_by	name NOT NULL DEFAULT session_user,
	CONSTRAINT client_block_not_everyone CHECK (masklen(network) > 0),
	CONSTRAINT client_block_ipv4_as_such
	    CHECK (NOT network::inet <<= '::ffff:0:0/96'),
	CONSTRAINT client_block_reason_short CHECK (length(reason) <= 500)
);
COMMENT ON TABLE voicegate.client_block IS
    'Networks whose requests are refused (403) as soon as their head is read. About 100 bytes a row; deleted when it has ended';
COMMENT ON COLUMN voicegate.client_block.network IS
    'Address or network, IPv4 or IPv6';
COMMENT ON COLUMN voicegate.client_block.reason IS
    'For colleagues; no client sees it';
COMMENT ON COLUMN voicegate.client_block.created_at IS
    'When it was made or last replaced';
COMMENT ON COLUMN voicegate.client_block.expires_at IS
    'When it ends by itself; null: it does not';
COMMENT ON COLUMN voicegate.client_block.created_by IS 'Who made it';

CREATE INDEX client_block_expires_at ON voicegate.client_block (expires_at)
    WHERE expires_at IS NOT NULL;
COMMENT ON INDEX voicegate.client_block_expires_at IS 'purge_expired()';

CREATE TABLE voicegate.client_block_revision (
	one		boolean PRIMARY KEY DEFAULT true,
	revision	bigint NOT NULL DEFAULT 0,
	CONSTRAINT client_block_revision_one_row CHECK (one)
);
COMMENT ON TABLE voicegate.client_block_revision IS
    'One row: by it a server knows whether its list of blocks is the newest';
COMMENT ON COLUMN voicegate.client_block_revision.one IS 'Always true';
COMMENT ON COLUMN voicegate.client_block_revision.revision IS
    'Grows with every change of client_block, whoever made it';
INSERT INTO voicegate.client_block_revision DEFAULT VALUES;

CREATE FUNCTION voicegate.notify_client_block() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	now_at	bigint;
BEGIN
	UPDATE voicegate.client_block_revision AS r
	    SET revision = r.revision + 1 RETURNING r.revision INTO now_at;
	PERFORM pg_notify('voicegate_client_block', now_at::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION voicegate.notify_client_block() IS
    'Trigger: raises the revision and tells every server (NOTIFY voicegate_client_block, revision)';

CREATE TRIGGER client_block_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON voicegate.client_block
    FOR EACH STATEMENT EXECUTE FUNCTION voicegate.notify_client_block();
COMMENT ON TRIGGER client_block_changed ON voicegate.client_block IS
    'Blocks changed, by function or by hand';

CREATE VIEW voicegate.client_block_now AS
SELECT b.network, b.reason, b.created_at, b.created_by, b.expires_at,
    date_trunc('second', b.expires_at - now()) AS remaining
FROM voicegate.client_block AS b
WHERE b.expires_at IS NULL OR b.expires_at > now()
ORDER BY b.network;
COMMENT ON VIEW voicegate.client_block_now IS
    'Who is blocked at this moment, why, and for how long';
COMMENT ON COLUMN voicegate.client_block_now.remaining IS
    'Time until it ends; null: it does not';

-- One statement, one snapshot: list and revision belong together.
CREATE FUNCTION voicegate.list_blocks(known bigint)
RETURNS TABLE (revision bigint, network cidr, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT l.revision, l.network, l.expires_at FROM (
	    SELECT r.revision, NULL::cidr AS network,
		NULL::timestamptz AS expires_at
	    FROM voicegate.client_block_revision AS r
	    WHERE r.revision IS DISTINCT FROM known
	    UNION ALL
	    SELECT r.revision, b.network, b.expires_at
	    FROM voicegate.client_block_revision AS r, voicegate.client_block AS b
	    WHERE r.revision IS DISTINCT FROM known
	    AND (b.expires_at IS NULL OR b.expires_at > now())) AS l
	ORDER BY l.network NULLS FIRST
$$;
COMMENT ON FUNCTION voicegate.list_blocks(bigint) IS
    'For the server: nothing, if the list is still at the revision it knows; else a row with the revision alone, then one row a block';

CREATE FUNCTION voicegate.block_client(network cidr,
    duration interval DEFAULT NULL, reason text DEFAULT '')
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ends	timestamptz;
BEGIN
	IF block_client.network IS NULL THEN
		RAISE EXCEPTION 'no network given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'Give an address or a network: SELECT voicegate.'
		    'block_client(''192.0.2.0/24'', ''1 day'', ''why'').';
	END IF;
	IF masklen(block_client.network) = 0 THEN
		RAISE EXCEPTION '% is everyone', block_client.network
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'To serve nobody, stop the servers; '
		    'to serve fewer, lower RATE_LIMIT_PER_MINUTE.';
	END IF;
	IF block_client.network::inet <<= '::ffff:0:0/96' THEN
		RAISE EXCEPTION '% is an IPv4 network in the guise of IPv6',
		    block_client.network
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'Write it as IPv4, as in 192.0.2.0/24.';
	END IF;
	IF duration <= interval '0' OR duration > interval '100 years' THEN
		RAISE EXCEPTION 'duration out of range: %', duration
		    USING ERRCODE = 'invalid_parameter_value',
		    HINT = 'More than 0, at most 100 years, as in '
		    'interval ''1 day''; null: until it is taken back.';
	END IF;
	IF length(block_client.reason) > 500 THEN
		RAISE EXCEPTION 'the reason is longer than 500 characters'
		    USING ERRCODE = 'string_data_right_truncation',
		    HINT = 'Say it in fewer words.';
	END IF;
	ends := now() + duration;
	INSERT INTO voicegate.client_block AS b (network, reason, expires_at)
	    VALUES (block_client.network, coalesce(block_client.reason, ''),
	    ends)
	    ON CONFLICT ON CONSTRAINT client_block_pkey DO UPDATE SET
	    reason = excluded.reason, expires_at = excluded.expires_at,
	    created_at = excluded.created_at, created_by = excluded.created_by;
	PERFORM voicegate.record_event('client_block_added', 'info',
	    block_client.network::inet,
	    jsonb_build_object('until', ends, 'by', session_user));
	RETURN coalesce(ends, 'infinity');
END
$$;
COMMENT ON FUNCTION voicegate.block_client(cidr, interval, text) IS
    'Refuses every request of an address or a network, on every server, within a second; duration null: until unblock_client(). Asked again for the same network, it replaces. Says when it ends';

CREATE FUNCTION voicegate.unblock_client(network cidr) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ends	timestamptz;
BEGIN
	IF unblock_client.network IS NULL THEN
		RAISE EXCEPTION 'no network given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT network FROM voicegate.client_block_now '
		    'lists them.';
	END IF;
	DELETE FROM voicegate.client_block AS b
	    WHERE b.network = unblock_client.network
	    RETURNING b.expires_at INTO ends;
	IF NOT FOUND OR ends <= now() THEN
		RETURN false;
	END IF;
	PERFORM voicegate.record_event('client_block_removed', 'info',
	    unblock_client.network::inet,
	    jsonb_build_object('by', session_user));
	RETURN true;
END
$$;
COMMENT ON FUNCTION voicegate.unblock_client(cidr) IS
    'Takes a block back, on every server, within a second. False: that very network was not blocked (a wider one may be)';

-- ---- limits and sessions ----------------------------------------------------

CREATE FUNCTION voicegate.reset_limits(client text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	gone	bigint;
BEGIN
	IF reset_limits.client IS NULL THEN
		RAISE EXCEPTION 'no client given'
		    USING ERRCODE = 'null_value_not_allowed',
		    HINT = 'SELECT client FROM voicegate.rate_limit_now lists them.';
	END IF;
	DELETE FROM voicegate.rate_limit_window AS w
	    WHERE w.client = reset_limits.client;
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
COMMENT ON FUNCTION voicegate.reset_limits(text) IS
    'Gives a client of rate_limit_now its limits back, whole; says how many. A refusal that was told already stays true until its moment';

-- Most sessions run out without being ended: without this, to see those that
-- are alive is to read all that are kept.
CREATE INDEX session_open_until ON voicegate.session (expires_at)
    WHERE ended_at IS NULL;
COMMENT ON INDEX voicegate.session_open_until IS 'active_session';

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
	ended := ended + more;
	IF ended > 0 THEN
		PERFORM voicegate.record_event('session_ended_by_operator',
		    'info', wanted, jsonb_build_object('by', session_user),
		    ended);
	END IF;
	RETURN ended;
END
$$;

CREATE FUNCTION voicegate.export_session(session_id uuid) RETURNS jsonb
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
	    'expires_at', s.expires_at, 'ended_at', s.ended_at,
	    'end_reason', s.end_reason, 'deleted_at', s.purge_at,
	    'turns', coalesce((SELECT jsonb_agg(jsonb_build_object(
		'seq', t.seq, 'created_at', t.created_at,
		'transcript', t.transcript, 'reply', t.reply,
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
    'Everything that is kept of one session, what was said too, as JSON: for the person who asks for it. Leaves the event session_exported';

CREATE FUNCTION voicegate.erase_session(session_id uuid) RETURNS boolean
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
	PERFORM voicegate.record_event('session_erased', 'info', NULL,
	    jsonb_build_object('session', erase_session.session_id,
	    'by', session_user));
	RETURN true;
END
$$;
COMMENT ON FUNCTION voicegate.erase_session(uuid) IS
    'Erases a session, its turns and, on every server, its audio, at once. Leaves the event session_erased with its id, nothing else. False: there was none';

-- ---- purge ------------------------------------------------------------------

ALTER TABLE voicegate.purge_state
    ADD COLUMN events_kept interval NOT NULL DEFAULT '90 days',
    ADD CONSTRAINT purge_state_events_kept
    CHECK (events_kept BETWEEN interval '1 hour' AND interval '100 years');
COMMENT ON TABLE voicegate.purge_state IS
    'One row: where the sweep of rate_limit_window goes on, and how long events and alerts are kept';
COMMENT ON COLUMN voicegate.purge_state.events_kept IS
    'Security events and alerts that are older are deleted; yours to change';

-- A call works for some 40 ms in small steps and then commits, however slow the
-- machine and however long the conversations: what it has locked, it has locked
-- for that long. Sessions, texts and events have each their share of the time:
-- none waits for the end of another's backlog. Rows are taken by their place
-- (ctid), which no plan makes slow.
DROP FUNCTION voicegate.purge_expired(integer);
CREATE FUNCTION voicegate.purge_expired(max_rows integer DEFAULT 10000,
    OUT sessions bigint, OUT texts bigint, OUT windows bigint,
    OUT more boolean, OUT events bigint, OUT blocks bigint, OUT alerts bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	pages	CONSTANT integer := greatest(max_rows / 40, 1);
	step	CONSTANT integer := least(max_rows, 100);
	-- a session takes its turns along
	few	CONSTANT integer := least(max_rows, 20);
	began	CONSTANT timestamptz := clock_timestamp();
	old	timestamptz;
	gone	bigint;
	wrapped	boolean;
	k	record;
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
	-- One at a time; the other one is doing it.
	IF NOT pg_try_advisory_xact_lock(
	    hashtextextended('voicegate.purge_expired', 0)) THEN
		RETURN;
	END IF;

	FOR k IN
	    UPDATE voicegate.api_key AS a SET warned_at = now()
	    WHERE a.id = ANY (ARRAY(SELECT v.id FROM voicegate.api_key AS v
		WHERE v.warned_at IS NULL AND v.revoked_at IS NULL
		AND v.expires_at <= now() + interval '7 days'
		ORDER BY v.expires_at LIMIT 100
		FOR NO KEY UPDATE SKIP LOCKED))
	    RETURNING a.id, a.expires_at
	LOOP
		CONTINUE WHEN k.expires_at <= now();
		PERFORM voicegate.record_event('api_key_expiring', 'warning',
		    NULL, jsonb_build_object('api_key', k.id,
		    'expires_at', k.expires_at));
	END LOOP;
	-- Only where there is one: the trigger counts statements, not rows.
	IF EXISTS (SELECT FROM voicegate.client_block AS b
	    WHERE b.expires_at <= now()) THEN
		DELETE FROM voicegate.client_block AS b
		    WHERE b.expires_at <= now();
		GET DIAGNOSTICS blocks = ROW_COUNT;
	END IF;

	SELECT r.removed, r.wrapped INTO windows, wrapped
	    FROM voicegate.sweep_rate_limits(pages) AS r;
	more := NOT wrapped;

	LOOP
		DELETE FROM voicegate.session AS s WHERE s.ctid = ANY (ARRAY(
		    SELECT v.ctid FROM voicegate.session AS v
		    WHERE v.purge_at <= now() ORDER BY v.purge_at
		    LIMIT least(few, max_rows - sessions)
		    FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		sessions := sessions + gone;
		EXIT WHEN gone < few AND sessions < max_rows;
		IF sessions >= max_rows OR clock_timestamp()
		    >= began + interval '15 milliseconds' THEN
			more := true;
			EXIT;
		END IF;
	END LOOP;
	LOOP
		UPDATE voicegate.turn AS t
		    SET transcript = NULL, reply = NULL, text_until = NULL
		    WHERE t.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.turn AS v
			WHERE v.text_until <= now() ORDER BY v.text_until
			LIMIT least(step, max_rows - texts)
			FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		texts := texts + gone;
		EXIT WHEN gone < step AND texts < max_rows;
		IF texts >= max_rows OR clock_timestamp()
		    >= began + interval '30 milliseconds' THEN
			more := true;
			EXIT;
		END IF;
	END LOOP;
	SELECT now() - p.events_kept INTO old FROM voicegate.purge_state AS p;
	LOOP
		DELETE FROM voicegate.security_event AS e
		    WHERE e.ctid = ANY (ARRAY(
			SELECT v.ctid FROM voicegate.security_event AS v
			WHERE v.last_at <= old ORDER BY v.last_at
			LIMIT least(step, max_rows - events)
			FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		events := events + gone;
		EXIT WHEN gone < step AND events < max_rows;
		IF events >= max_rows OR clock_timestamp()
		    >= began + interval '40 milliseconds' THEN
			more := true;
			EXIT;
		END IF;
	END LOOP;
	DELETE FROM voicegate.alert AS a WHERE a.ctid = ANY (ARRAY(
	    SELECT v.ctid FROM voicegate.alert AS v WHERE v.fired_at <= old
	    ORDER BY v.fired_at LIMIT step FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS alerts = ROW_COUNT;
	more := more OR alerts = step;
END
$$;
COMMENT ON FUNCTION voicegate.purge_expired(integer) IS
    'Deletes sessions whose purge_at has come (with their turns), erases texts whose text_until has come, removes limits, events, blocks and alerts that are over, warns of API keys near their end; works for some 40 ms and on at most max_rows of each. more: call it again. Servers do so by themselves';

-- ---- who may do what --------------------------------------------------------

CREATE TABLE voicegate.role_privilege (
	role_name	name NOT NULL,
	privilege	text NOT NULL,
	PRIMARY KEY (role_name, privilege),
	CONSTRAINT role_privilege_of_ours
	    CHECK (role_name IN ('voicegate_server', 'voicegate_operator'))
);
COMMENT ON TABLE voicegate.role_privilege IS
    'What the two roles may, as GRANT spells it; grant_roles() makes it so, and nobody else may anything';
COMMENT ON COLUMN voicegate.role_privilege.role_name IS
    'voicegate_server: what the processes may; voicegate_operator: what people may in psql';
COMMENT ON COLUMN voicegate.role_privilege.privilege IS
    'What stands between GRANT and TO';

INSERT INTO voicegate.role_privilege (role_name, privilege)
SELECT 'voicegate_server', p FROM unnest(ARRAY[
    'USAGE ON SCHEMA voicegate',
    'SELECT ON voicegate.schema_version',
    'SELECT ON voicegate.session',
    'INSERT (id, client, api_key_id, expires_at, purge_at) ON voicegate.session',
    'UPDATE (ended_at, end_reason, turns, last_active_at) ON voicegate.session',
    'SELECT ON voicegate.turn',
    'INSERT (session_id, seq, transcript, reply, text_until, audio_id, audio_ext, audio_expires_at, degraded, idempotency_key) ON voicegate.turn',
    'SELECT, INSERT, UPDATE ON voicegate.rate_limit_window',
    'EXECUTE ON FUNCTION voicegate.commit_turn(uuid, text, text, text, interval, uuid, text, interval, text[])',
    'EXECUTE ON FUNCTION voicegate.take_fixed(text[], text[], integer[], integer[], integer[], integer[])',
    'EXECUTE ON FUNCTION voicegate.take_moving(text[], text[], integer[], integer[], integer[], integer[])',
    'EXECUTE ON FUNCTION voicegate.take_grouped(boolean, text[], text[], integer[], integer[], integer[], integer[], integer[])',
    'EXECUTE ON FUNCTION voicegate.rate_limit_used(voicegate.rate_limit_window)',
    'EXECUTE ON FUNCTION voicegate.peek(text[], text[], integer[], integer[], integer[])',
    'EXECUTE ON FUNCTION voicegate.purge_expired(integer)',
    'EXECUTE ON FUNCTION voicegate.find_api_key(bytea)',
    'EXECUTE ON FUNCTION voicegate.touch_api_keys(uuid[])',
    'EXECUTE ON FUNCTION voicegate.list_blocks(bigint)',
    'EXECUTE ON FUNCTION voicegate.record_events(text[], text[], inet[], text[], uuid[], jsonb[], bigint[], integer[], integer[])',
    'EXECUTE ON FUNCTION voicegate.claim_alerts(interval)',
    'EXECUTE ON FUNCTION voicegate.settle_alert(uuid, boolean, interval)'
    ]) AS p
UNION ALL
SELECT 'voicegate_operator', p FROM unnest(ARRAY[
    'USAGE ON SCHEMA voicegate',
    'SELECT ON voicegate.schema_version',
    'SELECT ON voicegate.session',
    'SELECT (session_id, seq, created_at, text_until, audio_id, audio_ext, audio_expires_at, degraded) ON voicegate.turn',
    'SELECT ON voicegate.rate_limit_window',
    'SELECT (id, name, hint, previous_until, scopes, rate_per_minute, created_at, rotated_at, valid_for, expires_at, warned_at, revoked_at, last_used_at) ON voicegate.api_key',
    'SELECT ON voicegate.client_block',
    'SELECT ON voicegate.client_block_revision',
    'SELECT ON voicegate.security_event',
    'SELECT, DELETE ON voicegate.alert_rule',
    'INSERT (name, kind, min_count, span, severity, enabled) ON voicegate.alert_rule',
    'UPDATE (name, kind, min_count, span, severity, enabled) ON voicegate.alert_rule',
    'SELECT ON voicegate.alert',
    'SELECT ON voicegate.purge_state',
    'UPDATE (events_kept) ON voicegate.purge_state',
    'SELECT ON voicegate.role_privilege',
    'SELECT ON voicegate.active_session',
    'SELECT ON voicegate.rate_limit_now',
    'SELECT ON voicegate.recent_security_event',
    'SELECT ON voicegate.open_alert',
    'SELECT ON voicegate.api_key_status',
    'SELECT ON voicegate.client_block_now',
    'EXECUTE ON FUNCTION voicegate.rate_limit_used(voicegate.rate_limit_window)',
    'EXECUTE ON FUNCTION voicegate.end_session(uuid)',
    'EXECUTE ON FUNCTION voicegate.end_sessions_of(inet)',
    'EXECUTE ON FUNCTION voicegate.end_sessions_of_key(uuid)',
    'EXECUTE ON FUNCTION voicegate.reset_limits(text)',
    'EXECUTE ON FUNCTION voicegate.export_session(uuid)',
    'EXECUTE ON FUNCTION voicegate.erase_session(uuid)',
    'EXECUTE ON FUNCTION voicegate.create_api_key(text, text[], integer, interval)',
    'EXECUTE ON FUNCTION voicegate.rotate_api_key(uuid, interval)',
    'EXECUTE ON FUNCTION voicegate.revoke_api_key(uuid)',
    'EXECUTE ON FUNCTION voicegate.block_client(cidr, interval, text)',
    'EXECUTE ON FUNCTION voicegate.unblock_client(cidr)',
    'EXECUTE ON FUNCTION voicegate.purge_expired(integer)'
    ]) AS p;

-- Roles are of the whole cluster: another database's migration may make them
-- at this very moment, and whoever migrates may not be allowed to. That must
-- not stop a migration: then the schema is its owner's alone until somebody has
-- made the roles and called this again.
CREATE FUNCTION voicegate.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	role	name;
	p	text;
BEGIN
	REVOKE ALL ON SCHEMA voicegate FROM PUBLIC;
	REVOKE ALL ON ALL TABLES IN SCHEMA voicegate FROM PUBLIC;
	REVOKE ALL ON ALL SEQUENCES IN SCHEMA voicegate FROM PUBLIC;
	REVOKE ALL ON ALL ROUTINES IN SCHEMA voicegate FROM PUBLIC;
	FOREACH role IN ARRAY ARRAY['voicegate_server', 'voicegate_operator'] LOOP
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_roles AS r
			    WHERE r.rolname = role) THEN
				EXECUTE format('CREATE ROLE %I NOLOGIN', role);
				EXECUTE format('COMMENT ON ROLE %I IS %L', role,
				    CASE role WHEN 'voicegate_server'
				    THEN 'voicegate: what its processes may'
				    ELSE 'voicegate: what people may in psql' END);
			END IF;
			-- So that a server that is the owner may become less.
			IF NOT pg_has_role(role, 'MEMBER') THEN
				EXECUTE format('GRANT %I TO CURRENT_USER', role);
			END IF;
		EXCEPTION
			WHEN unique_violation OR duplicate_object
			    OR insufficient_privilege THEN
				NULL;
		END;
		IF NOT EXISTS (SELECT FROM pg_roles AS r
		    WHERE r.rolname = role) THEN
			RAISE WARNING 'the role % is missing and % may not create roles: the schema voicegate is for its owner alone',
			    role, current_user
			    USING HINT = format('As a superuser: CREATE ROLE %I '
			    'NOLOGIN; GRANT %I TO %I; then as %s: '
			    'SELECT voicegate.grant_roles();', role, role,
			    current_user, quote_ident(current_user));
			CONTINUE;
		END IF;
		EXECUTE format('REVOKE ALL ON SCHEMA voicegate FROM %I', role);
		EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA voicegate '
		    'FROM %I', role);
		EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA voicegate '
		    'FROM %I', role);
		FOR p IN
		    SELECT v.privilege FROM voicegate.role_privilege AS v
		    WHERE v.role_name = role ORDER BY v.privilege
		LOOP
			EXECUTE format('GRANT %s TO %I', p, role);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION voicegate.grant_roles() IS
    'For the owner: makes the roles where they are missing, and their privileges what role_privilege says. A migration that adds something ends with it';

-- Not for the schema alone: a default of one schema can only add to what
-- everyone has by default, not take it away.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
REVOKE ALL ON TYPE voicegate.event_kind, voicegate.severity FROM PUBLIC;

SELECT voicegate.grant_roles();
