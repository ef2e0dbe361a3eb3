-- Rate limits, exact across every worker and machine.
--
-- One row a client and policy, found by its primary key. A check is one upsert
-- of a whole batch in the order of that key, so that two batches never wait for
-- each other in a circle; what a batch asks for one client is one row version.
-- No other index: an update within a window touches no indexed column and
-- stays on its page (HOT), and a new client costs one index entry. The table
-- is swept by page ranges instead (sweep_rate_limits), which needs no index.
--
-- Logged on purpose: after a crash an unlogged table is empty, and whatever
-- synchronous_commit=off had not yet written would be admitted a second time.
--
-- Time is this database's clock alone, read as a batch begins. Should it be set
-- back, a window ends at most its own length after the new time.

CREATE TABLE voicegate.rate_limit_window (
	client		text COLLATE "C" NOT NULL,
	policy		text COLLATE "C" NOT NULL,
	quota		integer NOT NULL,
	window_s	integer NOT NULL,
	used		integer NOT NULL,
	granted		integer NOT NULL,
	slot		integer NOT NULL,
	started_at	timestamptz NOT NULL,
	expires_at	timestamptz NOT NULL,
	hit_at		timestamptz[],
	hit_sum		bigint[],
	hit_base	bigint,
	PRIMARY KEY (client, policy)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.5,
    autovacuum_analyze_scale_factor = 0.5);

COMMENT ON TABLE voicegate.rate_limit_window IS
    'What each client has used of each limit. About 130 bytes a row (moving-window: 16 more for each moment of use); rows are removed once their window is over';
COMMENT ON COLUMN voicegate.rate_limit_window.client IS
    'Address, IPv6 prefix, or API key that is counted';
COMMENT ON COLUMN voicegate.rate_limit_window.policy IS
    'Limit by name, as in the RateLimit-Policy header';
COMMENT ON COLUMN voicegate.rate_limit_window.quota IS
    'Units allowed in one window, as the server that counted last had it';
COMMENT ON COLUMN voicegate.rate_limit_window.window_s IS
    'Length of the window in seconds';
COMMENT ON COLUMN voicegate.rate_limit_window.used IS
    'Units used; of an expired row (expires_at) this is past';
COMMENT ON COLUMN voicegate.rate_limit_window.granted IS
    'How many requests of the last batch were admitted';
COMMENT ON COLUMN voicegate.rate_limit_window.slot IS
    'Place in the last batch: how its answer is told from the others';
COMMENT ON COLUMN voicegate.rate_limit_window.started_at IS
    'fixed-window: the first request of the window, which lasts from there; moving-window: the oldest use that still counts';
COMMENT ON COLUMN voicegate.rate_limit_window.expires_at IS
    'From then on nothing of the row counts';
COMMENT ON COLUMN voicegate.rate_limit_window.hit_at IS
    'moving-window: the moments of use, oldest first; null: fixed-window';
COMMENT ON COLUMN voicegate.rate_limit_window.hit_sum IS
    'moving-window: units used up to and with each moment, a running sum';
COMMENT ON COLUMN voicegate.rate_limit_window.hit_base IS
    'moving-window: that sum before the oldest moment';

-- The two functions have one shape. In: position i of each array is one limit
-- of one group of equal requests: so many requests (asked) of so many units
-- (cost). No (client, policy) twice. Out: how many of them are admitted, units
-- used after that, when units come back, when a request of that cost may be
-- admitted again, and the clock by which that is.
--
-- The row that would be inserted carries the question into DO UPDATE: granted
-- is what could be had of an empty window, used is that times the cost (so that
-- the cost is used / granted). The terms are spelt out, not shared by a
-- subquery: to set one up costs more than to compute them twice.
CREATE FUNCTION voicegate.take_fixed(clients text[], policies text[],
    quotas integer[], windows integer[], asked integer[], costs integer[])
RETURNS TABLE (slot integer, granted integer, used integer,
    reset_at timestamptz, retry_at timestamptz, clock timestamptz)
LANGUAGE plpgsql ROWS 24 AS $$
#variable_conflict use_column
DECLARE
	t	timestamptz := clock_timestamp();
BEGIN
	RETURN QUERY
	INSERT INTO voicegate.rate_limit_window AS w (client, policy, quota,
	    window_s, used, granted, slot, started_at, expires_at)
	SELECT q.client, q.policy, q.quota, q.window_s,
	    least(q.asked, q.quota / q.cost) * q.cost,
	    least(q.asked, q.quota / q.cost), q.slot::integer, t,
	    t + make_interval(secs => q.window_s)
	FROM unnest(clients, policies, quotas, windows, asked, costs)
	    WITH ORDINALITY
	    AS q (client, policy, quota, window_s, asked, cost, slot)
	ORDER BY q.client COLLATE "C", q.policy COLLATE "C"
	ON CONFLICT (client, policy) DO UPDATE SET
	    quota = excluded.quota, window_s = excluded.window_s,
	    slot = excluded.slot,
	    granted = CASE WHEN w.expires_at <= t THEN excluded.granted
		ELSE greatest(0, least(excluded.granted,
		    (excluded.quota - w.used) / greatest(excluded.used
		    / greatest(excluded.granted, 1), 1))) END,
	    used = CASE WHEN w.expires_at <= t THEN excluded.used
		ELSE w.used + greatest(0, least(excluded.granted,
		    (excluded.quota - w.used) / greatest(excluded.used
		    / greatest(excluded.granted, 1), 1)))
		    * (excluded.used / greatest(excluded.granted, 1)) END,
	    started_at = CASE WHEN w.expires_at <= t THEN t
		ELSE w.started_at END,
	    expires_at = CASE WHEN w.expires_at <= t THEN excluded.expires_at
		ELSE least(w.expires_at, excluded.expires_at) END,
	    hit_at = NULL, hit_sum = NULL, hit_base = NULL
	RETURNING w.slot, w.granted, w.used, w.expires_at, w.expires_at, t;
END
$$;
COMMENT ON FUNCTION voicegate.take_fixed(text[], text[], integer[], integer[],
    integer[], integer[]) IS
    'For the server: counts a batch of requests against fixed windows, each of which begins with its first request';

-- Exact: a unit counts until its moment of use is one window old, and no
-- longer. What is remembered is a running sum by moments, so that finding what
-- still counts, and when enough of it will be gone, are two binary searches.
-- Up to a quota of 256 every moment is kept; beyond, moments within 1/256 of
-- the window become one at the later of them: never too early, and a row stays
-- below 5 kB whatever the quota. (OFFSET 0: what stands below is computed once
-- and not once for each place that uses it.)
CREATE FUNCTION voicegate.take_moving(clients text[], policies text[],
    quotas integer[], windows integer[], asked integer[], costs integer[])
RETURNS TABLE (slot integer, granted integer, used integer,
    reset_at timestamptz, retry_at timestamptz, clock timestamptz)
LANGUAGE plpgsql ROWS 24 AS $$
#variable_conflict use_column
DECLARE
	t	timestamptz := clock_timestamp();
BEGIN
	RETURN QUERY
	INSERT INTO voicegate.rate_limit_window AS w (client, policy, quota,
	    window_s, used, granted, slot, started_at, expires_at, hit_at,
	    hit_sum, hit_base)
	SELECT q.client, q.policy, q.quota, q.window_s,
	    least(q.asked, q.quota / q.cost) * q.cost,
	    least(q.asked, q.quota / q.cost), q.slot::integer, t,
	    t + make_interval(secs => q.window_s), ARRAY[t],
	    ARRAY[least(q.asked, q.quota / q.cost)::bigint * q.cost], 0
	FROM unnest(clients, policies, quotas, windows, asked, costs)
	    WITH ORDINALITY
	    AS q (client, policy, quota, window_s, asked, cost, slot)
	ORDER BY q.client COLLATE "C", q.policy COLLATE "C"
	ON CONFLICT (client, policy) DO UPDATE SET
	    (quota, window_s, slot, used, granted, hit_at, hit_sum,
	    hit_base, started_at, expires_at) = (
		SELECT excluded.quota, excluded.window_s, excluded.slot,
		    e.live + e.give * e.cost, e.give,
		    h.at, h.sum, e.floor,
		    coalesce(h.at[1], e.now),
		    coalesce(h.at[cardinality(h.at)], e.now) + e.span
		FROM (SELECT d.*, greatest(0, least(excluded.granted,
			(excluded.quota - d.live) / d.cost))::integer AS give
		    FROM (SELECT c.*,
			coalesce(c.sum[c.dead], c.base) AS floor,
			(coalesce(c.sum[c.n], c.base)
			    - coalesce(c.sum[c.dead], c.base))
			    ::integer AS live,
			-- whether the newest moment takes this one in
			excluded.quota > 256 AND c.n > c.dead
			    AND date_bin(c.span / 256, c.now, 'epoch')
			    = date_bin(c.span / 256, c.at[c.n], 'epoch')
			    AS joins
			FROM (SELECT b.*, width_bucket(b.now - b.span, b.at)
			    AS dead, cardinality(b.at) AS n
			    FROM (SELECT a.*,
				-- nor a clock set back nor a wait for
				-- the row may disorder them
				greatest(t,
				    a.at[cardinality(a.at)]) AS now
				FROM (SELECT
				    make_interval(secs => excluded.window_s)
					AS span,
				    coalesce(excluded.used
					/ nullif(excluded.granted, 0), 1)
					AS cost,
				    coalesce(w.hit_at, ARRAY[w.started_at])
					AS at,
				    coalesce(w.hit_sum, ARRAY[w.used::bigint])
					AS sum,
				    coalesce(w.hit_base, 0) AS base) AS a) AS b OFFSET 0) AS c)
			AS d OFFSET 0) AS e,
		LATERAL (SELECT
		    CASE WHEN e.give = 0 THEN e.at[e.dead + 1:]
			WHEN e.joins THEN e.at[e.dead + 1:e.n - 1] || e.now
			ELSE e.at[e.dead + 1:] || e.now END AS at,
		    CASE WHEN e.give = 0 THEN e.sum[e.dead + 1:]
			WHEN e.joins THEN e.sum[e.dead + 1:e.n - 1]
			    || (e.sum[e.n] + e.give * e.cost)
			ELSE e.sum[e.dead + 1:]
			    || (coalesce(e.sum[e.n], e.base)
				+ e.give * e.cost)
			END AS sum) AS h)
	RETURNING w.slot, w.granted, w.used,
	    coalesce(w.hit_at[1], t) + make_interval(secs => w.window_s),
	    -- the moment whose end leaves room for one more of this cost
	    CASE WHEN costs[w.slot] > w.quota
		THEN t + make_interval(secs => w.window_s)
		WHEN w.used + costs[w.slot] <= w.quota THEN t
		ELSE w.hit_at[width_bucket(
		    w.hit_sum[cardinality(w.hit_sum)] - w.quota
			+ costs[w.slot] - 1, w.hit_sum) + 1]
		    + make_interval(secs => w.window_s) END,
	    greatest(t, w.hit_at[cardinality(w.hit_at)]);
END
$$;
COMMENT ON FUNCTION voicegate.take_moving(text[], text[], integer[], integer[],
    integer[], integer[]) IS
    'For the server: counts a batch of requests so that never more than the quota is admitted within any span of one window';

-- Several limits on one request: all of them admit it or none is used. Each is
-- asked as above, then those that gave more than the least of the group get the
-- difference back; the rows stay locked until then, nobody sees it between.
-- groups: which rows belong together. No row in two groups.
CREATE FUNCTION voicegate.take_grouped(moving boolean, clients text[],
    policies text[], quotas integer[], windows integer[], asked integer[],
    costs integer[], groups integer[])
RETURNS TABLE (slot integer, granted integer, used integer,
    reset_at timestamptz, retry_at timestamptz, clock timestamptz)
LANGUAGE plpgsql ROWS 24 AS $$
#variable_conflict use_column
DECLARE
	r	record;
	least_of integer[] := array_fill(NULL::integer,
		    ARRAY[cardinality(clients)]);
	had	integer[] := '{}';
	units	integer[] := '{}';
	resets	timestamptz[] := '{}';
	retries	timestamptz[] := '{}';
	clocks	timestamptz[] := '{}';
	back	integer;
BEGIN
	FOR r IN
	    SELECT f.* FROM voicegate.take_fixed(clients, policies, quotas,
		windows, asked, costs) AS f WHERE NOT moving
	    UNION ALL
	    SELECT m.* FROM voicegate.take_moving(clients, policies, quotas,
		windows, asked, costs) AS m WHERE moving
	LOOP
		had[r.slot] := r.granted;
		units[r.slot] := r.used;
		resets[r.slot] := r.reset_at;
		retries[r.slot] := r.retry_at;
		clocks[r.slot] := r.clock;
		least_of[groups[r.slot]] :=
		    least(least_of[groups[r.slot]], r.granted);
	END LOOP;
	FOR i IN 1 .. cardinality(clients) LOOP
		back := (had[i] - least_of[groups[i]]) * costs[i];
		IF back > 0 THEN
			UPDATE voicegate.rate_limit_window AS w
			    SET used = w.used - back,
			    granted = least_of[groups[i]],
			    hit_at = CASE WHEN h.bare
				THEN w.hit_at[:h.n - 1] ELSE w.hit_at END,
			    hit_sum = CASE WHEN w.hit_sum IS NULL THEN NULL
				WHEN h.bare THEN w.hit_sum[:h.n - 1]
				ELSE w.hit_sum[:h.n - 1]
				    || (w.hit_sum[h.n] - back) END
			    FROM (SELECT m.n, m.sum[m.n] - back
				<= coalesce(m.sum[m.n - 1], m.base) AS bare
				FROM (SELECT v.hit_sum AS sum,
				    v.hit_base AS base,
				    cardinality(v.hit_sum) AS n
				    FROM voicegate.rate_limit_window AS v
				    WHERE v.client = clients[i]
				    AND v.policy = policies[i]) AS m) AS h
			    WHERE w.client = clients[i]
			    AND w.policy = policies[i];
			units[i] := units[i] - back;
			IF units[i] + costs[i] <= quotas[i] THEN
				retries[i] := clocks[i];
			END IF;
		END IF;
		slot := i;
		granted := least_of[groups[i]];
		used := units[i];
		reset_at := resets[i];
		retry_at := retries[i];
		clock := clocks[i];
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION voicegate.take_grouped(boolean, text[], text[], integer[],
    integer[], integer[], integer[], integer[]) IS
    'For the server: counts a batch in which some requests have several limits: all of them admit it, or none is used';

-- What rate_limit_now and a peek show of a row at this moment.
CREATE FUNCTION voicegate.rate_limit_used(w voicegate.rate_limit_window)
RETURNS integer LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN w.expires_at <= now() THEN 0
	    WHEN w.hit_at IS NULL THEN w.used
	    ELSE coalesce(w.hit_sum[cardinality(w.hit_sum)]
		- coalesce(w.hit_sum[width_bucket(now()
		    - make_interval(secs => w.window_s), w.hit_at)],
		    w.hit_base), 0)::integer END
$$;
COMMENT ON FUNCTION voicegate.rate_limit_used(voicegate.rate_limit_window) IS
    'Units of a row that count at this moment';

CREATE FUNCTION voicegate.peek(clients text[], policies text[],
    quotas integer[], windows integer[], costs integer[])
RETURNS TABLE (slot integer, granted integer, used integer,
    reset_at timestamptz, retry_at timestamptz, clock timestamptz)
LANGUAGE sql STABLE ROWS 24 AS $$
	SELECT q.slot::integer,
	    (coalesce(u.used, 0) + q.cost <= q.quota)::integer,
	    coalesce(u.used, 0), coalesce(u.reset_at, now()),
	    CASE WHEN coalesce(u.used, 0) + q.cost <= q.quota THEN now()
		WHEN q.cost > q.quota
		    THEN now() + make_interval(secs => q.window_s)
		ELSE u.retry_at END, now()
	FROM unnest(clients, policies, quotas, windows, costs)
	    WITH ORDINALITY AS q (client, policy, quota, window_s, cost, slot)
	LEFT JOIN LATERAL (SELECT voicegate.rate_limit_used(w) AS used,
	    CASE WHEN w.hit_at IS NULL THEN w.expires_at
		ELSE w.hit_at[width_bucket(now()
		    - make_interval(secs => w.window_s), w.hit_at) + 1]
		    + make_interval(secs => w.window_s) END AS reset_at,
	    CASE WHEN w.hit_at IS NULL THEN w.expires_at
		ELSE w.hit_at[width_bucket(
		    w.hit_sum[cardinality(w.hit_sum)] - q.quota + q.cost - 1,
		    w.hit_sum) + 1]
		    + make_interval(secs => w.window_s) END AS retry_at
	    FROM voicegate.rate_limit_window AS w
	    WHERE w.client = q.client AND w.policy = q.policy
	    AND w.expires_at > now()) AS u ON true
$$;
COMMENT ON FUNCTION voicegate.peek(text[], text[], integer[], integer[],
    integer[]) IS
    'For the server: what the limits would say, without counting';

CREATE VIEW voicegate.rate_limit_now AS
SELECT v.client, v.policy, v.quota, v.used,
    greatest(v.quota - v.used, 0) AS remaining,
    make_interval(secs => v.window_s) AS window, v.resets_at
FROM (SELECT w.client, w.policy, w.quota, w.window_s,
    voicegate.rate_limit_used(w) AS used,
    CASE WHEN w.hit_at IS NULL THEN w.expires_at
	ELSE coalesce(w.hit_at[width_bucket(now()
	    - make_interval(secs => w.window_s), w.hit_at) + 1]
	    + make_interval(secs => w.window_s), now()) END AS resets_at
    FROM voicegate.rate_limit_window AS w
    WHERE w.expires_at > now()) AS v;

COMMENT ON VIEW voicegate.rate_limit_now IS
    'Who has used how much of which limit at this moment';
COMMENT ON COLUMN voicegate.rate_limit_now.resets_at IS
    'When units come back: all of them (fixed-window), the oldest (moving-window)';
