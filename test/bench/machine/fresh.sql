-- Six tables alike, each with a trigger of its own; none is in the way of the next one's checkpoint.
SET client_min_messages = warning;
TRUNCATE bench.history, bench.plpgsql_history, bench.fitted_history;
DELETE FROM commerce.state_history WHERE machine LIKE 'bench-%';
DROP TABLE IF EXISTS bench.t_bare, bench.t_noop, bench.t_check, bench.t_history, bench.t_plpgsql, bench.t_fitted;
CREATE TABLE bench.t_bare (id bigint PRIMARY KEY, state text NOT NULL, note text NOT NULL);
INSERT INTO bench.t_bare SELECT n, 'new', 'order number ' || n FROM generate_series(1, :rows) n;
CREATE TABLE bench.t_noop (LIKE bench.t_bare INCLUDING ALL);
CREATE TABLE bench.t_check (LIKE bench.t_bare INCLUDING ALL);
CREATE TABLE bench.t_history (LIKE bench.t_bare INCLUDING ALL);
CREATE TABLE bench.t_plpgsql (LIKE bench.t_bare INCLUDING ALL);
CREATE TABLE bench.t_fitted (LIKE bench.t_bare INCLUDING ALL);
INSERT INTO bench.t_noop TABLE bench.t_bare;
INSERT INTO bench.t_check TABLE bench.t_bare;
INSERT INTO bench.t_history TABLE bench.t_bare;
INSERT INTO bench.t_plpgsql TABLE bench.t_bare;
INSERT INTO bench.t_fitted TABLE bench.t_bare;
CREATE TRIGGER noop BEFORE UPDATE ON bench.t_noop FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER judge BEFORE UPDATE ON bench.t_plpgsql FOR EACH ROW EXECUTE FUNCTION bench.judge('bench-history', 'state', 'id');
CREATE TRIGGER judge BEFORE UPDATE ON bench.t_fitted FOR EACH ROW EXECUTE FUNCTION bench.judge_fitted();
SELECT commerce.attach_state_machine('bench.t_check', 'state', 'bench-check'),
    commerce.attach_state_machine('bench.t_history', 'state', 'bench-history');
VACUUM ANALYZE bench.t_bare, bench.t_noop, bench.t_check, bench.t_history, bench.t_plpgsql, bench.t_fitted;
VACUUM commerce.state_history;
CHECKPOINT;
