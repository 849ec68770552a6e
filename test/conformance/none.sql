-- Stands in where an area has no adapter.
SELECT set_config('conformance.area', :'area', true) AS area \gset
CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text)
    LANGUAGE sql AS $$SELECT 'n/a', 'no adapter for area ' || current_setting('conformance.area')$$;
