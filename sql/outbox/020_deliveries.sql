-- An event becomes one delivery for each endpoint that wants it, after commit and not by whoever wrote it. Of each endpoint
-- and aggregate only the oldest delivery that is not finished may be sent; those behind it are kept out of the way by
-- next_at = infinity until the one before them is done, so that finding what is ready never walks over what is not. Who
-- puts something at the end of such a row, or takes away what is at its head, holds one lock until he commits: the two
-- never miss each other. These are short transactions, and none of them belongs to a customer.
--
-- A sender stays, and plans that it made when there were ten deliveries serve when there are a million: so they go by the
-- indexes whatever the statistics were. What has to be read otherwise is then thought dear enough to be compiled first, which
-- takes two hundred times as long as running it: so nothing is. And what is asked about one delivery is written so that no
-- plan can ask it about all of them: as the first row of an index and not as a join, without a state where an index of that state
-- would tempt it.
CREATE FUNCTION commerce.lock_deliveries() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- What follows must see what those did who had the lock before, which an older snapshot would not.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'deliveries are changed in READ COMMITTED alone' USING ERRCODE = '0A000',
            HINT = 'Call this in a transaction of its own: BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('commerce.deliveries', 0));
END
$$;
COMMENT ON FUNCTION commerce.lock_deliveries() IS
'Internal. Taken by whoever adds, ends or revives deliveries, until he commits; 0A000 but in READ COMMITTED.';

CREATE FUNCTION commerce.promote_deliveries(endpoints uuid[], aggregates text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE commerce.deliveries d SET next_at = moment
        WHERE d.ctid = ANY (ARRAY(SELECT (SELECT CASE WHEN u.state = 'pending' AND u.next_at = 'infinity' THEN u.ctid END FROM commerce.deliveries u
                    WHERE u.endpoint = p.endpoint AND u.aggregate = p.aggregate AND u.state IN ('pending', 'leased', 'dead')
                        AND (u.state <> 'dead' OR e.order_mode = 'strict')
                    ORDER BY u.event LIMIT 1)
                FROM unnest(endpoints, aggregates) AS p (endpoint, aggregate) JOIN commerce.endpoints e ON e.id = p.endpoint));
END
$$;
COMMENT ON FUNCTION commerce.promote_deliveries(uuid[], text[]) IS
'Internal. Makes ready what is now first of its endpoint and aggregate.';

CREATE FUNCTION commerce.dispatch_events(batch integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    picked uuid[];
    places text[];
    moment timestamptz;
BEGIN
    PERFORM commerce.lock_deliveries();
    moment := clock_timestamp();
    SELECT array_agg(o.id ORDER BY o.id), array_agg(o.aggregate ORDER BY o.id) INTO picked, places
        FROM (SELECT x.aggregate, x.id FROM commerce.outbox x WHERE x.dispatched_at IS NULL ORDER BY x.id LIMIT batch
            FOR UPDATE SKIP LOCKED) o;
    IF picked IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO commerce.deliveries (endpoint, aggregate, event, next_at)
        SELECT w.endpoint, w.aggregate, w.event,
            CASE WHEN w.place > 1 OR EXISTS (SELECT FROM commerce.deliveries u
                    WHERE u.endpoint = w.endpoint AND u.aggregate = w.aggregate AND u.event < w.event
                        AND u.state IN ('pending', 'leased', 'dead') AND (u.state <> 'dead' OR w.order_mode = 'strict'))
                THEN 'infinity' ELSE moment END
        FROM (SELECT e.id AS endpoint, o.aggregate, o.id AS event, e.order_mode,
                    row_number() OVER (PARTITION BY e.id, o.aggregate ORDER BY o.id) AS place
                FROM unnest(places, picked) AS p (aggregate, id)
                    JOIN commerce.outbox o ON o.aggregate = p.aggregate AND o.id = p.id
                    JOIN commerce.endpoints e ON e.enabled AND e.url NOT LIKE 'notify:%' AND o.created_at >= e.created_at
                        AND commerce.topic_matches(e.topics, o.topic)) w
        ON CONFLICT DO NOTHING;
    PERFORM pg_notify(substr(e.url, 8), jsonb_build_object('id', o.id, 'topic', left(o.topic, 200), 'aggregate', left(o.aggregate, 1000))::text)
        FROM commerce.endpoints e, unnest(places, picked) AS p (aggregate, id)
            JOIN commerce.outbox o ON o.aggregate = p.aggregate AND o.id = p.id
        WHERE e.enabled AND e.url LIKE 'notify:%' AND o.created_at >= e.created_at AND commerce.topic_matches(e.topics, o.topic)
        ORDER BY o.id;
    UPDATE commerce.outbox o SET dispatched_at = moment FROM unnest(places, picked) AS p (aggregate, id)
        WHERE o.aggregate = p.aggregate AND o.id = p.id;
    RETURN cardinality(picked);
END
$$;
COMMENT ON FUNCTION commerce.dispatch_events(integer) IS
'Internal. Makes deliveries of the oldest events that have none yet, at most batch of them, and tells those who listen for NOTIFY; returns how many events there were.';

CREATE FUNCTION commerce.claim_deliveries(endpoints uuid[], rooms integer[], total integer, token uuid, lease interval)
    RETURNS TABLE (endpoint uuid, aggregate text, event uuid, attempt integer, body text, url text, secret commerce.sealed,
        previous_secret commerce.sealed, headers commerce.sealed)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE commerce.deliveries d SET state = 'pending', next_at = moment, lease_until = NULL, lease_token = NULL
        WHERE d.state = 'leased' AND d.lease_until < moment;
    RETURN QUERY
        WITH picked AS MATERIALIZED (
            SELECT ready.* FROM unnest(endpoints, rooms) AS r (endpoint, room) JOIN commerce.endpoints e ON e.id = r.endpoint AND e.enabled,
                LATERAL (SELECT d.endpoint, d.aggregate, d.event FROM commerce.deliveries d
                    WHERE d.endpoint = r.endpoint AND d.state = 'pending' AND d.next_at <= moment
                        AND (SELECT u.event FROM commerce.deliveries u
                            WHERE u.endpoint = d.endpoint AND u.aggregate = d.aggregate AND u.event < d.event
                                AND u.state IN ('pending', 'leased', 'dead') AND (u.state <> 'dead' OR e.order_mode = 'strict')
                            ORDER BY u.event LIMIT 1) IS NULL
                    ORDER BY d.next_at, d.event LIMIT r.room FOR UPDATE OF d SKIP LOCKED) ready
            LIMIT total
        ), leased AS (
            UPDATE commerce.deliveries d SET state = 'leased', attempt = d.attempt + 1, lease_token = token, lease_until = moment + lease
                FROM picked p WHERE d.endpoint = p.endpoint AND d.aggregate = p.aggregate AND d.event = p.event
                RETURNING d.endpoint, d.aggregate, d.event, d.attempt
        )
        SELECT l.endpoint, l.aggregate, l.event, l.attempt,
            '{"type":' || to_json(o.topic) || ',"timestamp":"' || to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                || '","data":' || o.payload || '}',
            e.url, e.secret, CASE WHEN e.previous_until > moment THEN e.previous_secret END, e.headers
        FROM leased l JOIN commerce.endpoints e ON e.id = l.endpoint LEFT JOIN commerce.outbox o ON o.aggregate = l.aggregate AND o.id = l.event
        ORDER BY l.endpoint, l.event;
END
$$;
COMMENT ON FUNCTION commerce.claim_deliveries(uuid[], integer[], integer, uuid, interval) IS
'Internal. Takes, of each endpoint, as many deliveries as there is room for, and no more than total of all, to be sent by whoever has the token until the lease is over; those of senders that were not heard of in time among them. body is NULL where the event was deleted.';

CREATE FUNCTION commerce.settle_deliveries(endpoints uuid[], aggregates text[], events uuid[], token uuid, outcomes text[],
        statuses integer[], errors text[], again timestamptz[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    settled_endpoints uuid[];
    settled_aggregates text[];
    settled bigint;
BEGIN
    PERFORM commerce.lock_deliveries();
    moment := clock_timestamp();
    WITH ended AS (
        UPDATE commerce.deliveries d SET lease_until = NULL, lease_token = NULL,
                state = CASE o.outcome WHEN 'retry' THEN 'pending' WHEN 'returned' THEN 'pending' WHEN 'gone' THEN 'dead' ELSE o.outcome END,
                attempt = d.attempt - (o.outcome = 'returned')::integer,
                next_at = CASE WHEN o.outcome IN ('retry', 'returned') THEN coalesce(o.again, moment) ELSE d.next_at END,
                last_status = CASE WHEN o.outcome = 'returned' THEN d.last_status ELSE o.status END,
                last_error = CASE WHEN o.outcome = 'returned' THEN d.last_error ELSE o.error END,
                delivered_at = CASE WHEN o.outcome = 'delivered' THEN moment END
            FROM unnest(endpoints, aggregates, events, outcomes, statuses, errors, again)
                AS o (endpoint, aggregate, event, outcome, status, error, again)
            WHERE d.endpoint = o.endpoint AND d.aggregate = o.aggregate AND d.event = o.event
                AND d.lease_token = token
            RETURNING d.endpoint, d.aggregate, d.state
    )
    SELECT count(*), array_agg(x.endpoint) FILTER (WHERE x.state <> 'pending'), array_agg(x.aggregate) FILTER (WHERE x.state <> 'pending')
        INTO settled, settled_endpoints, settled_aggregates FROM ended x;
    UPDATE commerce.endpoints e SET enabled = false, disabled_reason = 'it answered 410 Gone'
        WHERE e.enabled AND e.id IN (SELECT o.endpoint FROM unnest(endpoints, outcomes) AS o (endpoint, outcome) WHERE o.outcome = 'gone');
    PERFORM commerce.promote_deliveries(settled_endpoints, settled_aggregates);
    RETURN settled;
END
$$;
COMMENT ON FUNCTION commerce.settle_deliveries(uuid[], text[], uuid[], uuid, text[], integer[], text[], timestamptz[]) IS
'Internal. Writes down how deliveries went that are still leased by the token: delivered, retry (again says when), returned (not sent), dead, skipped or gone (410: its endpoint is disabled). Returns how many those were; what another has taken over since is left to him.';

CREATE FUNCTION commerce.next_delivery() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    RETURN least((SELECT min(n.next_at) FROM commerce.endpoints e,
            LATERAL (SELECT d.next_at FROM commerce.deliveries d WHERE d.endpoint = e.id AND d.state = 'pending' AND d.next_at > moment
                ORDER BY d.next_at LIMIT 1) n
            WHERE e.enabled), (SELECT min(d.lease_until) FROM commerce.deliveries d
            WHERE d.state = 'leased' AND d.lease_until > moment));
END
$$;
COMMENT ON FUNCTION commerce.next_delivery() IS
'Internal. When the next delivery that may not be sent yet may be, or the next lease ends; NULL or infinity for never.';
