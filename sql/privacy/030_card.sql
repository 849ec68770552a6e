CREATE FUNCTION commerce.holds_card_number(value text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_holds_card_number_sql';
COMMENT ON FUNCTION commerce.holds_card_number(text) IS
'Whether a text holds a payment card number: 13 to 19 digits, perhaps with blanks or dashes between them, that begin and check (Luhn) as card numbers do. For a CHECK where none belongs. Example: SELECT commerce.holds_card_number(''4242 4242 4242 4242'').';
