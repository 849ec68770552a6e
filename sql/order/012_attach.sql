CREATE FUNCTION commerce.state_machine_column() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_state_machine_column';
COMMENT ON FUNCTION commerce.state_machine_column() IS
'Internal. Statement trigger BEFORE UPDATE OF a column, whose argument is the row trigger that guards the column: by it the column is found after a rename, and kept from being dropped or given another type. CM010 for an UPDATE that would reach a child table without a state machine.';

CREATE FUNCTION commerce.trigger_arguments(bytes bytea) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result text[] := '{}';
    stop integer := position('\x00'::bytea IN bytes);
BEGIN
    WHILE stop > 0 LOOP
        result := result || convert_from(substring(bytes FROM 1 FOR stop - 1), getdatabaseencoding());
        bytes := substring(bytes FROM stop + 1);
        stop := position('\x00'::bytea IN bytes);
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.trigger_arguments(bytea) IS 'Internal. The arguments of a trigger, from pg_trigger.tgargs.';

CREATE FUNCTION commerce.attached_state_machines()
    RETURNS TABLE ("table" regclass, "column" name, machine text, enabled text, trigger name, column_trigger name)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
        SELECT t.tgrelid::regclass, a.attname, (commerce.trigger_arguments(t.tgargs)) [1],
            CASE t.tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN 'origin' WHEN 'R' THEN 'replica' ELSE 'disabled' END,
            t.tgname, c.tgname
        FROM pg_trigger t
            LEFT JOIN pg_trigger c ON c.tgrelid = t.tgrelid AND c.tgfoid = 'commerce.state_machine_column()'::regprocedure
                AND commerce.trigger_arguments(c.tgargs) = ARRAY[t.tgname::text]
            LEFT JOIN pg_attribute a ON a.attrelid = c.tgrelid AND a.attnum = c.tgattr[0]
        WHERE t.tgfoid = 'commerce.enforce_state_machine()'::regprocedure AND t.tgparentid = 0
        ORDER BY t.tgrelid::regclass::text, a.attname;
END
$$;
COMMENT ON FUNCTION commerce.attached_state_machines() IS
'Every column under a state machine. enabled: always (as attach_state_machine() makes it), origin (skipped where session_replication_role = replica), replica, or disabled: then nothing is judged. column is NULL where the column was dropped with CASCADE; trigger and column_trigger are the two triggers that guard it.';
GRANT EXECUTE ON FUNCTION commerce.attached_state_machines() TO commerce_reader;

CREATE FUNCTION commerce.use_state_machine(name text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result jsonb;
BEGIN
    PERFORM commerce.state_machine_states(name);
    SELECT jsonb_build_object('states', m.states) INTO result FROM commerce.state_machines m
        WHERE m.name = use_state_machine.name FOR SHARE;
    RETURN result || (SELECT jsonb_build_object('columns', coalesce(jsonb_agg(DISTINCT split_part(path #>> '{}', '.', 2)), '[]'))
        FROM commerce.transitions t, LATERAL jsonb_path_query(t.condition::jsonb, '$.**.attribute') path
        WHERE t.machine = use_state_machine.name);
END
$$;
COMMENT ON FUNCTION commerce.use_state_machine(text) IS
'Internal. {"states", "columns"} of a machine: its states and the columns its conditions ask for. Nobody redefines or drops it before this transaction ends. 42704 for an unknown one.';
GRANT EXECUTE ON FUNCTION commerce.use_state_machine(text) TO commerce_admin;

CREATE FUNCTION commerce.detach_state_machine("table" regclass, "column" name) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached record;
    found_one boolean := false;
BEGIN
    PERFORM FROM commerce.attached_state_machines(); -- asks for a shop
    -- A column that is gone is known by the name it had when it was attached.
    FOR attached IN SELECT a.trigger, a.column_trigger FROM commerce.attached_state_machines() a
            JOIN pg_trigger t ON t.tgrelid = a."table" AND t.tgname = a.trigger
            WHERE a."table" = detach_state_machine."table" AND coalesce(a."column", (commerce.trigger_arguments(t.tgargs)) [2])
                = detach_state_machine."column" LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', attached.trigger, "table");
        IF attached.column_trigger IS NOT NULL THEN
            EXECUTE format('DROP TRIGGER %I ON %s', attached.column_trigger, "table");
        END IF;
        found_one := true;
    END LOOP;
    IF NOT found_one THEN
        RAISE EXCEPTION 'column "%" of table % has no state machine', "column", "table" USING ERRCODE = 'undefined_object',
            HINT = 'SELECT * FROM commerce.attached_state_machines() lists those that have one.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.detach_state_machine(regclass, name) IS
'Ends what attach_state_machine() began: the column may be changed at will again, given another type, or dropped. You must own the table. 42704 where no machine is attached.';
GRANT EXECUTE ON FUNCTION commerce.detach_state_machine(regclass, name) TO commerce_admin;

CREATE FUNCTION commerce.attach_state_machine("table" regclass, "column" name, machine text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    wanted jsonb := commerce.use_state_machine(machine);
    target record;
    base text;
    trigger_name text;
    bad text;
BEGIN
    SELECT a.attgenerated, c.relkind INTO target FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attrelid = "table" AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', "table", "column" USING ERRCODE = 'undefined_column';
    END IF;
    IF target.attgenerated <> '' THEN
        RAISE EXCEPTION 'column "%" of table % is generated', "column", "table" USING ERRCODE = 'feature_not_supported',
            HINT = 'It has its value only after every trigger has run. Attach the machine to the column it is generated from.';
    END IF;
    SELECT x.wanted_column INTO bad FROM jsonb_array_elements_text(wanted -> 'columns') x (wanted_column)
        WHERE NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = "table" AND a.attname = x.wanted_column AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'table % has no column "%", or a generated one, which a condition of machine "%" asks for', "table", bad, machine
            USING ERRCODE = 'undefined_column';
    END IF;
    -- Nobody writes a state between the look at all rows and the first judgement.
    IF target.relkind <> 'f' THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', "table");
    END IF;
    EXECUTE format('SELECT coalesce(%1$I::text, ''NULL'') FROM %2$s
            WHERE (%1$I::text = ANY (ARRAY(SELECT jsonb_array_elements_text($1)))) IS NOT TRUE LIMIT 1', "column", "table")
        INTO bad USING wanted -> 'states';
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'table % has a row in state "%", which machine "%" does not know', "table", bad, machine
            USING ERRCODE = 'CM010', HINT = 'Bring every row into one of the machine''s states first.';
    END IF;
    -- Children do not inherit triggers for rows; partitions do.
    PERFORM commerce.attach_state_machine(i.inhrelid::regclass, "column", machine)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = "table" AND NOT c.relispartition;
    IF EXISTS (SELECT FROM commerce.attached_state_machines() a WHERE a."table" = attach_state_machine."table"
            AND a."column" = attach_state_machine."column") THEN
        PERFORM commerce.detach_state_machine("table", "column");
    END IF;
    -- A name that no trigger of the table has, with room for what follows it.
    base := '~state_machine_' || CASE WHEN octet_length("column"::text) <= 32 THEN "column"::text ELSE md5("column"::text) END;
    SELECT base || coalesce('_' || nullif(n, 0), '') INTO trigger_name FROM generate_series(0, 1000) n
        WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "table" AND t.tgname = base || coalesce('_' || nullif(n, 0), ''))
        ORDER BY n LIMIT 1;
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION commerce.enforce_state_machine(%L, %L)',
        trigger_name, "table", machine, "column");
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', "table", trigger_name);
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OF %I ON %s FOR EACH STATEMENT EXECUTE FUNCTION commerce.state_machine_column(%L)',
        trigger_name || '~column', "column", "table", trigger_name);
END
$$;
COMMENT ON FUNCTION commerce.attach_state_machine(regclass, name, text) IS
'Puts a column of any table under a state machine, and that of its partitions and children: from now on every INSERT and UPDATE is judged, whoever sends it; with session_replication_role = replica, as for a subscription, by its states alone. You must own the table. The column may have any type that casts to text, enums and domains included, and be renamed later. Safe to repeat. CM010 where a row is in a state the machine does not know, 42703 for an unknown column, 42704 for an unknown machine, 0A000 for a generated column.';
GRANT EXECUTE ON FUNCTION commerce.attach_state_machine(regclass, name, text) TO commerce_admin;

CREATE FUNCTION commerce.refuse_machine_in_use() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached record;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.name = OLD.name THEN
        RETURN NEW;
    END IF;
    SELECT a."table", a."column" INTO attached FROM commerce.attached_state_machines() a WHERE a.machine = OLD.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'state machine "%" guards column "%" of table %', OLD.name, attached."column", attached."table"
            USING ERRCODE = 'dependent_objects_still_exist', HINT = 'Detach it first with commerce.detach_state_machine().';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION commerce.refuse_machine_in_use() IS
'Internal. Row trigger: a machine that is attached to a column is neither deleted nor renamed. 2BP01.';

CREATE FUNCTION commerce.drop_state_machine(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.state_machine_states(name);
    DELETE FROM commerce.state_machines m WHERE m.name = drop_state_machine.name;
END
$$;
COMMENT ON FUNCTION commerce.drop_state_machine(text) IS
'Forgets a state machine; history stays. 2BP01 while it is attached to a column, 42704 for an unknown one.';
GRANT EXECUTE ON FUNCTION commerce.drop_state_machine(text) TO commerce_admin;

CREATE FUNCTION commerce.state_label(machine text, state text, language text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record;
    label jsonb;
BEGIN
    PERFORM commerce.state_machine_states(machine);
    SELECT x.states, x.labels INTO m FROM commerce.state_machines x WHERE x.name = state_label.machine;
    IF (state = ANY (m.states)) IS NOT true THEN
        RETURN NULL;
    END IF;
    label := m.labels -> state;
    RETURN coalesce(CASE jsonb_typeof(label) WHEN 'string' THEN label #>> '{}' ELSE
        coalesce(label ->> language, label ->> split_part(language, '-', 1), label ->> 'en') END, state);
END
$$;
COMMENT ON FUNCTION commerce.state_label(text, text, text) IS
'What people call a state: its label in the language ("de-AT", or else "de"), in English where there is none, the state itself where it has no label. NULL for a state the machine does not have; 42704 for an unknown machine. Example: SELECT commerce.state_label(''order'', state, ''de'') FROM commerce.orders.';
GRANT EXECUTE ON FUNCTION commerce.state_label(text, text, text) TO commerce_reader;

CREATE FUNCTION commerce.state_machine_diagram(name text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m record;
    ids text[];
BEGIN
    PERFORM commerce.state_machine_states(name);
    SELECT x.states, x.initial INTO m FROM commerce.state_machines x WHERE x.name = state_machine_diagram.name;
    -- A name that Mermaid would not take for one stands in quotes, behind an alias.
    ids := ARRAY(SELECT CASE WHEN s ~ '^[A-Za-z_][A-Za-z0-9_]*$' AND lower(s) NOT IN ('state', 'note', 'end', 'direction', 'as', 'default',
            'style', 'class', 'classdef', 'click', 'hide', 'fork', 'join', 'choice') THEN s ELSE 'state_' || n END
        FROM unnest(m.states) WITH ORDINALITY each (s, n) ORDER BY n);
    RETURN concat_ws(E'\n', 'stateDiagram-v2',
        (SELECT string_agg(format('    state "%s" as %s', translate(s, E'"\n', '` '), ids[n]), E'\n' ORDER BY n)
            FROM unnest(m.states) WITH ORDINALITY each (s, n) WHERE s <> ids[n]),
        '    [*] --> ' || ids[array_position(m.states, m.initial)],
        (SELECT string_agg(format('    %s --> %s : %s', ids[array_position(m.states, t.from_state)],
                ids[array_position(m.states, t.to_state)], translate(t.event, E':;\n', '   ')), E'\n'
                ORDER BY array_position(m.states, t.from_state), t.event COLLATE "C")
            FROM commerce.transitions t WHERE t.machine = state_machine_diagram.name));
END
$$;
COMMENT ON FUNCTION commerce.state_machine_diagram(text) IS
'A state machine as a Mermaid diagram; states that are no names for Mermaid stand in quotes. 42704 for an unknown one.';
GRANT EXECUTE ON FUNCTION commerce.state_machine_diagram(text) TO commerce_reader;
