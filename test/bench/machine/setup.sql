-- The machine, and what one would write without it: a table of transitions, asked by a trigger that writes history.
SELECT commerce.create_state_machine('bench-' || kind, ('{"initial": "new", "states": ["new", "paid", "sent", "done", "lost"], "transitions": [
        {"event": "pay", "from": "new", "to": "paid"}, {"event": "send", "from": "paid", "to": "sent"}, {"event": "finish", "from": "sent", "to": "done"},
        {"event": "lose", "from": ["new", "paid", "sent"], "to": "lost"}]}'::jsonb || jsonb_build_object('history', kind = 'history')))
    FROM unnest('{check,history}'::text[]) kind;
CREATE TABLE bench.transitions (LIKE commerce.transitions INCLUDING ALL);
INSERT INTO bench.transitions TABLE commerce.transitions;
CREATE TABLE bench.history (LIKE commerce.state_history INCLUDING ALL);
CREATE TABLE bench.plpgsql_history (LIKE commerce.state_history INCLUDING ALL);
CREATE TABLE bench.fitted_history (LIKE commerce.state_history INCLUDING ALL);
ANALYZE bench.transitions;

-- For any table, as the machine is: machine, column and key are arguments.
CREATE FUNCTION bench.judge() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_state text := to_jsonb(old) ->> TG_ARGV[1];
    new_state text := to_jsonb(new) ->> TG_ARGV[1];
    t bench.transitions;
    agrees boolean;
BEGIN
    IF new_state IS DISTINCT FROM old_state THEN
        SELECT * INTO t FROM bench.transitions x WHERE x.machine = TG_ARGV[0] AND x.from_state = old_state AND x.to_state = new_state
            ORDER BY x.position LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no transition leads from % to %', old_state, new_state;
        END IF;
        IF t.role IS NOT NULL AND NOT pg_has_role(t.role, 'USAGE') THEN
            RAISE EXCEPTION 'event % is reserved', t.event;
        END IF;
        IF t.guard IS NOT NULL THEN
            EXECUTE format('SELECT %s($1, $2, $3)', t.guard) INTO agrees USING to_jsonb(new), t.event, '{}'::jsonb;
            IF agrees IS NOT true THEN
                RAISE EXCEPTION 'guard % refuses', t.guard;
            END IF;
        END IF;
        INSERT INTO bench.plpgsql_history (subject, relation, machine, event, from_state, to_state, actor)
            VALUES (to_jsonb(new) ->> TG_ARGV[2], format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME), TG_ARGV[0], t.event, old_state,
                new_state, current_user);
    END IF;
    RETURN new;
END
$$;

-- For this table alone, and nothing that this machine does not need.
CREATE FUNCTION bench.judge_fitted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken text;
BEGIN
    IF new.state <> old.state THEN
        SELECT t.event INTO taken FROM bench.transitions t
            WHERE t.machine = 'bench-history' AND t.from_state = old.state AND t.to_state = new.state;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no transition leads from % to %', old.state, new.state;
        END IF;
        INSERT INTO bench.fitted_history (subject, relation, machine, event, from_state, to_state, actor)
            VALUES (new.id, 'bench.t_fitted', 'bench-history', taken, old.state, new.state, current_user);
    END IF;
    RETURN new;
END
$$;
