CREATE FUNCTION commerce.outbox_status() RETURNS TABLE (endpoint uuid, host text, enabled boolean, waiting bigint, sending bigint, given_up bigint,
        failing bigint, oldest timestamptz, delivered_last_minute bigint, last_error text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
        SELECT NULL::uuid, NULL::text, NULL::boolean, count(*), 0::bigint, 0::bigint, 0::bigint, min(o.created_at), 0::bigint, NULL::text
        FROM commerce.outbox o WHERE o.dispatched_at IS NULL;
    RETURN QUERY
        SELECT e.id, substring(e.url FROM '^[a-z]+:(?://)?[^/?#]+'), e.enabled, u.waiting, u.sending, u.given_up, u.failing,
            (SELECT o.created_at FROM commerce.outbox o WHERE o.aggregate = f.aggregate AND o.id = f.event),
            (SELECT count(*) FROM commerce.deliveries d WHERE d.state = 'delivered' AND d.endpoint = e.id
                AND d.delivered_at > now() - interval '1 minute'),
            CASE WHEN e.enabled THEN b.last_error ELSE coalesce(e.disabled_reason, b.last_error) END
        FROM commerce.endpoints e
            LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE d.state = 'pending') AS waiting, count(*) FILTER (WHERE d.state = 'leased') AS sending,
                    count(*) FILTER (WHERE d.state = 'dead') AS given_up,
                    count(*) FILTER (WHERE d.state = 'pending' AND d.last_error IS NOT NULL) AS failing
                FROM commerce.deliveries d WHERE d.endpoint = e.id AND d.state IN ('pending', 'leased', 'dead')) u ON true
            LEFT JOIN LATERAL (SELECT d.aggregate, d.event FROM commerce.deliveries d
                WHERE d.endpoint = e.id AND d.state IN ('pending', 'leased') ORDER BY d.event LIMIT 1) f ON true
            LEFT JOIN LATERAL (SELECT d.last_error FROM commerce.deliveries d
                WHERE d.endpoint = e.id AND d.state IN ('pending', 'leased', 'dead') AND d.last_error IS NOT NULL
                ORDER BY d.event DESC LIMIT 1) b ON true
        ORDER BY e.created_at, e.id;
END
$$;
COMMENT ON FUNCTION commerce.outbox_status() IS
'How far events are: first a row without endpoint, events that were written and not looked at yet; then a row for each endpoint, by its host, with events that wait, are being sent, were given up, and of those that wait the number that have failed at least once; oldest, when the oldest of what is to be sent was written; delivered_last_minute; last_error, why the latest that is not delivered failed, or why the endpoint is disabled. Example: SELECT * FROM commerce.outbox_status().';
GRANT EXECUTE ON FUNCTION commerce.outbox_status() TO commerce_reader;

CREATE PROCEDURE commerce.deliver_pending(max_seconds integer DEFAULT 60)
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'commerce_deliver_pending';
COMMENT ON PROCEDURE commerce.deliver_pending(integer) IS
'Sends what is to be sent, in this session, until nothing is ready or max_seconds (1 to 3600) are over: for servers without a background worker. CALL it by itself, as commerce_admin: it commits in between, and holds neither locks nor a snapshot while it waits for answers. 22023 for another number of seconds, 2D000 inside a transaction. Example: CALL commerce.deliver_pending().';
GRANT EXECUTE ON PROCEDURE commerce.deliver_pending(integer) TO commerce_admin;
