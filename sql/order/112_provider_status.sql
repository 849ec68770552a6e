CREATE FUNCTION commerce.provider_status() RETURNS TABLE (provider text, kind text, enabled boolean, waiting bigint, sending bigint, unknown bigint,
        given_up bigint, failing bigint, oldest timestamptz, failed_last_hour bigint, events_waiting bigint, events_refused bigint, last_error text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
        SELECT p.name, p.kind, p.enabled, r.waiting, l.sending, r.unknown, d.given_up, r.failing, least(r.oldest, l.oldest), f.failed, w.waiting, e.refused,
            coalesce(r.error, d.error)
        FROM commerce.providers p
            CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE c.state = 'pending') AS waiting, count(*) FILTER (WHERE c.state = 'unknown') AS unknown,
                    count(c.error) AS failing, min(c.created_at) AS oldest,
                    (array_agg(c.error ORDER BY c.next_at DESC) FILTER (WHERE c.error IS NOT NULL))[1] AS error
                FROM commerce.provider_calls c WHERE c.provider = p.name AND c.state IN ('pending', 'unknown')) r
            CROSS JOIN LATERAL (SELECT count(*) AS sending, min(c.created_at) AS oldest
                FROM commerce.provider_calls c WHERE c.provider = p.name AND c.state = 'leased') l
            CROSS JOIN LATERAL (SELECT count(*) AS given_up, (array_agg(c.error ORDER BY c.finished_at DESC) FILTER (WHERE c.error IS NOT NULL))[1] AS error
                FROM commerce.provider_calls c WHERE c.provider = p.name AND c.state = 'dead') d
            CROSS JOIN LATERAL (SELECT count(*) AS failed FROM commerce.provider_calls c
                WHERE c.provider = p.name AND c.state = 'failed' AND c.finished_at > now() - interval '1 hour') f
            CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM commerce.provider_events v WHERE v.provider = p.name AND v.state = 'waiting') w
            CROSS JOIN LATERAL (SELECT count(*) AS refused FROM commerce.provider_events v WHERE v.provider = p.name AND v.state = 'refused') e
        WHERE p.adapter <> 'manual'
        ORDER BY p.name;
END
$$;
COMMENT ON FUNCTION commerce.provider_status() IS
'How far calls are, a row for each provider that is asked: calls that wait to be sent, are being sent, of which nobody knows what became of them until the provider is asked (unknown), and that were given up; of those that wait or are unknown the number that have failed at least once; oldest, when the oldest of what is not over was asked for; failed_last_hour, what the provider refused, declined cards among it; of its events those that wait for what they follow on and those that the ledger refused; last_error, why the latest that is not over failed, else the latest that was given up. Example: SELECT * FROM commerce.provider_status().';
GRANT EXECUTE ON FUNCTION commerce.provider_status() TO commerce_reader;
