CREATE FUNCTION commerce.enforce_state_machine() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_enforce_state_machine';
COMMENT ON FUNCTION commerce.enforce_state_machine() IS
'Internal. Row trigger with the arguments machine and column; attach_state_machine() creates it. CM010 for a change no transition allows, CM011 where a guard refuses, CM012 where the role is missing.';

CREATE FUNCTION commerce.is_guard_function(guard text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN guard IS NULL OR guard ~ '^("[^"]+"|[[:alpha:]_][[:alnum:]_$]*)(\.("[^"]+"|[[:alpha:]_][[:alnum:]_$]*))?$'
        AND guard !~* '^(attributes\.|true$|false$)';
COMMENT ON FUNCTION commerce.is_guard_function(text) IS
'Internal. Whether the guard of a definition is the name of a function; everything else is a condition.';

CREATE FUNCTION commerce.asks_row_alone(condition commerce.condition) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN condition IS NULL OR NOT jsonb_path_exists(condition::jsonb,
        '$.** ? (exists (@.aggregate) || exists (@.attribute) && !(@.attribute starts with "attributes."))');
COMMENT ON FUNCTION commerce.asks_row_alone(commerce.condition) IS
'Internal. Whether a condition asks for attributes alone, and so makes sense for a row that is no cart.';

CREATE FUNCTION commerce.create_state_machine(name text, definition jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    machine_states text[];
    flat jsonb;
    bad text;
BEGIN
    PERFORM commerce.require_shop();
    IF coalesce(name, '') = '' OR jsonb_typeof(definition) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a state machine needs a name and a definition' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'definition is {"initial": "new", "states": ["new", "paid"], "transitions": [{"event": "pay", "from": ["new"], "to": "paid"}]}.';
    END IF;
    SELECT string_agg(key, ', ') INTO bad FROM jsonb_object_keys(definition) key
        WHERE key NOT IN ('initial', 'states', 'labels', 'history', 'transitions');
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'unknown key in the definition: %', bad USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(definition -> 'states') IS DISTINCT FROM 'array'
        OR jsonb_typeof(coalesce(definition -> 'transitions', '[]')) <> 'array' THEN
        RAISE EXCEPTION 'states and transitions must be arrays' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(definition -> 'states') s WHERE jsonb_typeof(s) <> 'string' OR s = '""') THEN
        RAISE EXCEPTION 'every state must be a string that is not empty' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    machine_states := ARRAY(SELECT jsonb_array_elements_text(definition -> 'states'));
    IF definition ->> 'initial' IS NULL OR NOT definition ->> 'initial' = ANY (machine_states) THEN
        RAISE EXCEPTION 'the initial state must be one of the states' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(coalesce(definition -> 'history', 'true')) <> 'boolean' THEN
        RAISE EXCEPTION 'history must be true or false' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(coalesce(definition -> 'labels', '{}')) <> 'object' THEN
        RAISE EXCEPTION 'labels must be an object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT format('%s: %s', key, value) INTO bad FROM jsonb_each(definition -> 'labels')
        WHERE key <> ALL (machine_states) OR CASE jsonb_typeof(value) WHEN 'string' THEN false
            WHEN 'object' THEN EXISTS (SELECT FROM jsonb_each(value) l (language, label) WHERE jsonb_typeof(label) <> 'string') ELSE true END
        LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'label % belongs to no state, or is no text', bad USING ERRCODE = 'invalid_parameter_value',
            HINT = 'labels is {"paid": "Paid"} or {"paid": {"en": "Paid", "de": "Bezahlt"}}.';
    END IF;

    IF EXISTS (SELECT FROM jsonb_array_elements(definition -> 'transitions') t WHERE jsonb_typeof(t) <> 'object') THEN
        RAISE EXCEPTION 'every transition must be an object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT key INTO bad FROM jsonb_array_elements(definition -> 'transitions') t, LATERAL jsonb_object_keys(t) key
        WHERE key NOT IN ('event', 'from', 'to', 'guard', 'effect', 'role', 'topic') LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'unknown key in a transition: %', bad USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- One row for each state that an event leaves from.
    flat := (SELECT coalesce(jsonb_agg((t - 'from') || jsonb_build_object('from', f.state, 'position', number)
            || CASE WHEN commerce.is_guard_function(t ->> 'guard') THEN '{}'
                ELSE jsonb_build_object('guard', NULL, 'condition', t ->> 'guard') END), '[]')
        FROM jsonb_array_elements(coalesce(definition -> 'transitions', '[]')) WITH ORDINALITY each (t, number),
            LATERAL jsonb_array_elements_text(CASE jsonb_typeof(t -> 'from') WHEN 'array' THEN t -> 'from'
                ELSE jsonb_build_array(t -> 'from') END) f (state));
    SELECT format('%s from %s to %s', t ->> 'event', t ->> 'from', t ->> 'to') INTO bad
        FROM jsonb_array_elements(flat) t
        WHERE coalesce(t ->> 'event', '') = '' OR (t ->> 'from' = ANY (machine_states)) IS NOT true
            OR (t ->> 'to' = ANY (machine_states)) IS NOT true LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'transition % names no event or an unknown state', bad
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Every from and to must be among the states.';
    END IF;
    SELECT format('%s from %s', t ->> 'event', t ->> 'from') INTO bad FROM jsonb_array_elements(flat) t
        GROUP BY t ->> 'event', t ->> 'from' HAVING count(*) > 1 LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'transition % is defined twice', bad
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An event leads from a state to one other.';
    END IF;
    SELECT t ->> 'condition' INTO bad FROM jsonb_array_elements(flat) t
        WHERE NOT commerce.asks_row_alone((t ->> 'condition')::commerce.condition) LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'condition "%" asks for more than a row has', bad USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A guard''s condition is over the row: attributes.x is its column x. A function is named like app.may_pay.';
    END IF;
    -- A name and nothing else; what is no name is an error here.
    PERFORM parse_ident(hook) FROM jsonb_array_elements(flat) t, LATERAL (VALUES (t ->> 'guard'), (t ->> 'effect')) hooks (hook)
        WHERE hook IS NOT NULL;
    SELECT s.nspname INTO bad
        FROM jsonb_array_elements(flat) t, LATERAL (VALUES (t ->> 'guard'), (t ->> 'effect')) hooks (hook), pg_namespace s
        WHERE cardinality(parse_ident(hook)) = 2 AND s.nspname = (parse_ident(hook))[1]
            AND NOT has_schema_privilege(s.oid, 'USAGE') LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the shop may not look into schema "%"', bad USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON SCHEMA %I TO commerce_owner', bad);
    END IF;
    SELECT hook || '(jsonb, text, jsonb)' INTO bad
        FROM jsonb_array_elements(flat) t, LATERAL (VALUES (t ->> 'guard'), (t ->> 'effect')) hooks (hook)
        WHERE hook IS NOT NULL AND to_regprocedure(hook || '(jsonb, text, jsonb)') IS NULL LIMIT 1;
    IF bad IS NULL THEN
        SELECT t ->> 'guard' || '(jsonb, text, jsonb) returning boolean' INTO bad FROM jsonb_array_elements(flat) t
            WHERE t ->> 'guard' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_proc p
                WHERE p.oid = to_regprocedure(t ->> 'guard' || '(jsonb, text, jsonb)') AND p.prorettype = 'boolean'::regtype
                    AND NOT p.proretset) LIMIT 1;
    END IF;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'there is no function %', bad USING ERRCODE = 'undefined_function',
            HINT = 'Guards and effects are functions (row jsonb, event text, detail jsonb), named with their schema.';
    END IF;
    SELECT t ->> 'role' INTO bad FROM jsonb_array_elements(flat) t
        WHERE t ->> 'role' IS NOT NULL AND to_regrole(quote_ident(t ->> 'role')) IS NULL LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'there is no role "%"', bad USING ERRCODE = 'undefined_object';
    END IF;

    INSERT INTO commerce.state_machines AS m (name, initial, states, labels, history)
        VALUES (create_state_machine.name, definition ->> 'initial', machine_states, coalesce(definition -> 'labels', '{}'),
            coalesce((definition ->> 'history')::boolean, true))
        ON CONFLICT ON CONSTRAINT state_machines_pkey DO UPDATE SET initial = excluded.initial, states = excluded.states,
            labels = excluded.labels, history = excluded.history;
    DELETE FROM commerce.transitions WHERE machine = create_state_machine.name;
    INSERT INTO commerce.transitions (machine, from_state, event, to_state, guard, effect, role, topic, condition, position)
        SELECT create_state_machine.name, t ->> 'from', t ->> 'event', t ->> 'to', t ->> 'guard', t ->> 'effect',
            t ->> 'role', t ->> 'topic', (t ->> 'condition')::commerce.condition, (t ->> 'position')::integer
        FROM jsonb_array_elements(flat) t;
END
$$;
COMMENT ON FUNCTION commerce.create_state_machine(text, jsonb) IS
'Creates or replaces a state machine. definition: {"initial": "new", "states": ["new", "paid"], "transitions": [{"event": "pay", "from": ["new"], "to": "paid", "guard": "app.may_pay", "effect": "app.paid", "role": "cashier", "topic": "order.paid"}], "labels": {"paid": {"en": "Paid"}}, "history": true}; guard, effect, role, topic, labels and history are optional. A guard is the name of a function (row jsonb, event text, detail jsonb) returning boolean, or a condition over the row like attributes.total >= 100. Of several events between the same two states, an UPDATE that names none is the first of the definition whose role and guard agree. Rows in a state that a new definition no longer has keep it, and cannot leave it. The schema of guards and effects must be open to the shop: GRANT USAGE ON SCHEMA app TO commerce_owner. Every session sees the change at its next statement after commit. 22023 for a malformed definition, 22P02 for a malformed condition, 42883 for a missing function, 42704 for a missing role, 42501 for a schema that is closed to the shop.';
GRANT EXECUTE ON FUNCTION commerce.create_state_machine(text, jsonb) TO commerce_admin;

CREATE FUNCTION commerce.state_machine_states(name text) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result text[];
BEGIN
    PERFORM commerce.require_shop();
    SELECT m.states INTO result FROM commerce.state_machines m WHERE m.name = state_machine_states.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no state machine "%"', name USING ERRCODE = 'undefined_object',
            HINT = 'Create it with commerce.create_state_machine().';
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.state_machine_states(text) IS 'The states of a machine; 42704 for an unknown one.';
GRANT EXECUTE ON FUNCTION commerce.state_machine_states(text) TO commerce_reader;
