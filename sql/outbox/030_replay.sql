CREATE FUNCTION commerce.replay_events(endpoint uuid, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
        events uuid[] DEFAULT NULL, topics text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    places text[];
    wanted text[];
BEGIN
    PERFORM commerce.lock_deliveries();
    PERFORM commerce.require_endpoint(replay_events.endpoint);
    IF since IS NULL AND events IS NULL THEN
        RAISE EXCEPTION 'say from when on, or which events' USING ERRCODE = '22004',
            HINT = 'Give since, ''-infinity'' for all there are, or events as an array of their ids.';
    ELSIF since > until THEN
        RAISE EXCEPTION 'until lies before since' USING ERRCODE = '22023';
    ELSIF EXISTS (SELECT FROM commerce.endpoints e WHERE e.id = replay_events.endpoint AND e.url LIKE 'notify:%') THEN
        RAISE EXCEPTION 'what was told by NOTIFY is not told again' USING ERRCODE = '22023', HINT = 'Read commerce.outbox.';
    END IF;
    SELECT coalesce(replay_events.topics, e.topics) INTO wanted FROM commerce.endpoints e WHERE e.id = replay_events.endpoint;
    WITH replayed AS (
        INSERT INTO commerce.deliveries AS d (endpoint, aggregate, event, next_at)
            SELECT replay_events.endpoint, o.aggregate, o.id, 'infinity' FROM commerce.outbox o
            WHERE (since IS NULL OR o.created_at >= since) AND (until IS NULL OR o.created_at < until)
                AND (events IS NULL OR o.id = ANY (events)) AND commerce.topic_matches(wanted, o.topic)
            ON CONFLICT (endpoint, aggregate, event) DO UPDATE SET state = 'pending', attempt = 0, next_at = 'infinity',
                delivered_at = NULL WHERE d.state <> 'leased'
            RETURNING d.aggregate
    )
    SELECT array_agg(r.aggregate) INTO places FROM replayed r;
    PERFORM commerce.promote_deliveries(array_fill(replay_events.endpoint, ARRAY[coalesce(cardinality(places), 0)]), places);
    PERFORM commerce.wake_sender();
    RETURN coalesce(cardinality(places), 0);
END
$$;
COMMENT ON FUNCTION commerce.replay_events(uuid, timestamptz, timestamptz, uuid[], text[]) IS
'Sends events to an endpoint again, or for the first time: those since a time (''-infinity'' for all) and before another, or those whose ids are given, of its topics or of others; in order, with all attempts anew. Returns how many; what is being sent at the moment is left out. 22004 where neither since nor events is given, P0002 for an unknown endpoint, 0A000 but in READ COMMITTED. What was given up: SELECT commerce.replay_events($1, events => ARRAY(SELECT event FROM commerce.deliveries WHERE endpoint = $1 AND state = ''dead'')).';
GRANT EXECUTE ON FUNCTION commerce.replay_events(uuid, timestamptz, timestamptz, uuid[], text[]) TO commerce_admin;

CREATE FUNCTION commerce.skip_events(endpoint uuid, events uuid[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    places text[];
BEGIN
    PERFORM commerce.lock_deliveries();
    PERFORM commerce.require_endpoint(skip_events.endpoint);
    WITH skipped AS (
        UPDATE commerce.deliveries d SET state = 'skipped' WHERE d.endpoint = skip_events.endpoint
                AND d.state IN ('pending', 'leased', 'dead') AND (d.state = 'dead' OR (events IS NOT NULL AND d.state = 'pending'))
                AND (events IS NULL OR d.event = ANY (events))
            RETURNING d.aggregate
    )
    SELECT array_agg(s.aggregate) INTO places FROM skipped s;
    PERFORM commerce.promote_deliveries(array_fill(skip_events.endpoint, ARRAY[coalesce(cardinality(places), 0)]), places);
    PERFORM commerce.wake_sender();
    RETURN coalesce(cardinality(places), 0);
END
$$;
COMMENT ON FUNCTION commerce.skip_events(uuid, uuid[]) IS
'Lets be, for an endpoint, what was given up, or of the events whose ids are given what was given up or waits, so that what is behind it goes on. Returns how many; what is being sent at the moment is left out. P0002 for an unknown endpoint, 0A000 but in READ COMMITTED.';
GRANT EXECUTE ON FUNCTION commerce.skip_events(uuid, uuid[]) TO commerce_admin;

CREATE FUNCTION commerce.prune_outbox(before timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    picked uuid[];
    places text[];
BEGIN
    PERFORM commerce.require_shop();
    IF before IS NULL OR before > now() THEN
        RAISE EXCEPTION 'before must be a time in the past' USING ERRCODE = '22023', HINT = 'For instance now() - interval ''30 days''.';
    END IF;
    PERFORM commerce.lock_deliveries();
    WITH pruned AS (
        DELETE FROM commerce.outbox o WHERE o.created_at < before
                AND (o.dispatched_at IS NOT NULL OR NOT EXISTS (SELECT FROM commerce.endpoints e WHERE e.enabled AND e.created_at <= o.created_at))
                AND NOT EXISTS (SELECT FROM commerce.endpoints e JOIN commerce.deliveries d
                    ON d.endpoint = e.id AND d.aggregate = o.aggregate AND d.event = o.id AND d.state IN ('pending', 'leased', 'dead'))
            RETURNING o.id, o.aggregate
    )
    SELECT array_agg(p.id), array_agg(p.aggregate) INTO picked, places FROM pruned p;
    DELETE FROM commerce.deliveries d USING commerce.endpoints e, unnest(places, picked) AS p (aggregate, id)
        WHERE d.endpoint = e.id AND d.aggregate = p.aggregate AND d.event = p.id;
    RETURN coalesce(cardinality(picked), 0);
END
$$;
COMMENT ON FUNCTION commerce.prune_outbox(timestamptz) IS
'Deletes events from before a time that nobody waits for, with what is known of their delivery, and returns how many. What is to be sent yet, or was given up and neither replayed nor skipped, stays. 22023 for a time that is not past, 0A000 but in READ COMMITTED. Example: SELECT commerce.prune_outbox(now() - interval ''30 days'').';
GRANT EXECUTE ON FUNCTION commerce.prune_outbox(timestamptz) TO commerce_admin;
