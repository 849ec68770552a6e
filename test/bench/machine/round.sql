\timing on
UPDATE bench.t_bare SET state = 'paid';
UPDATE bench.t_noop SET state = 'paid';
UPDATE bench.t_check SET state = 'paid';
INSERT INTO bench.history (subject, relation, machine, event, from_state, to_state, actor)
    SELECT id, 'bench.t_history', 'bench-history', 'pay', 'new', 'paid', current_user FROM bench.t_noop;
UPDATE bench.t_history SET state = 'paid';
UPDATE bench.t_plpgsql SET state = 'paid';
UPDATE bench.t_fitted SET state = 'paid';
\timing off
-- A machine that had judged nothing would be fast.
DO $$
BEGIN
    IF (SELECT count(*) FROM commerce.state_history WHERE machine = 'bench-history') <> (SELECT count(*) FROM bench.t_bare)
        OR (SELECT count(*) FROM bench.plpgsql_history) <> (SELECT count(*) FROM bench.t_bare) THEN
        RAISE EXCEPTION 'history is missing';
    END IF;
    UPDATE bench.t_check SET state = 'new' WHERE id = 1;
    RAISE EXCEPTION 'the check lets everything through';
EXCEPTION WHEN SQLSTATE 'CM010' THEN
    NULL;
END
$$;
