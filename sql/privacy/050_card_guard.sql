CREATE FUNCTION commerce.refuse_card_numbers() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_refuse_card_numbers';
COMMENT ON FUNCTION commerce.refuse_card_numbers() IS
'Internal. Trigger BEFORE INSERT OR UPDATE FOR EACH ROW: CM070 where a column of type text, text[] or jsonb that is new or changed holds a payment card number. Its arguments are columns to leave out. guard_card_numbers() creates it.';

CREATE FUNCTION commerce.guard_card_numbers("table" regclass, left_out name[] DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    former name;
    strange name;
BEGIN
    IF "table" IS NULL OR left_out IS NULL THEN
        RAISE EXCEPTION 'there is no table to guard' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_shop();
    SELECT x INTO strange FROM unnest(left_out) x WHERE NOT EXISTS (SELECT FROM pg_attribute a
        WHERE a.attrelid = "table" AND a.attname = x AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', "table", strange USING ERRCODE = 'undefined_column';
    END IF;
    FOR former IN SELECT t.tgname FROM pg_trigger t
            WHERE t.tgrelid = "table" AND t.tgfoid = 'commerce.refuse_card_numbers()'::regprocedure AND t.tgparentid = 0 LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', former, "table");
    END LOOP;
    EXECUTE format('CREATE TRIGGER refuse_card_numbers BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION commerce.refuse_card_numbers(%s)',
        "table", (SELECT coalesce(string_agg(quote_literal(x), ', '), '') FROM unnest(left_out) x));
END
$$;
COMMENT ON FUNCTION commerce.guard_card_numbers(regclass, name[]) IS
'Has payment card numbers kept out of the texts of a table of the app''s own, as they are kept out of the shop''s: a row with one in a column of type text, text[] or jsonb is refused with CM070, in whatever grouping or script, also inside of longer text. What is a card number: 13 to 19 digits that begin and end as the card schemes'' do; not telephone numbers with +, barcodes of 13 digits, uuids and hashes. left_out: columns that hold numbers of other kinds. Called again it replaces; DROP TRIGGER refuse_card_numbers ends it. Takes the right to create triggers on the table. 42703 for an unknown column, 22004 for NULL. Example: SELECT commerce.guard_card_numbers(''support_tickets'').';
GRANT EXECUTE ON FUNCTION commerce.guard_card_numbers(regclass, name[]) TO commerce_admin;
