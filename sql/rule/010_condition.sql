CREATE TYPE commerce.condition;

CREATE FUNCTION commerce.condition_in(cstring) RETURNS commerce.condition
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_in';
COMMENT ON FUNCTION commerce.condition_in(cstring) IS
'Reads a condition. 22P02 with the position, what was expected and what was found there; 54000 where the canonical text is longer than 64 KiB.';
CREATE FUNCTION commerce.condition_out(commerce.condition) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_out';
COMMENT ON FUNCTION commerce.condition_out(commerce.condition) IS 'Writes a condition canonically.';
CREATE FUNCTION commerce.condition_recv(internal) RETURNS commerce.condition
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_recv';
COMMENT ON FUNCTION commerce.condition_recv(internal) IS
'Reads a condition in binary form, which is its text; errors as condition_in.';
CREATE FUNCTION commerce.condition_send(commerce.condition) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_send';
COMMENT ON FUNCTION commerce.condition_send(commerce.condition) IS 'Writes a condition in binary form, which is its text.';

CREATE TYPE commerce.condition (
    INPUT = commerce.condition_in,
    OUTPUT = commerce.condition_out,
    RECEIVE = commerce.condition_recv,
    SEND = commerce.condition_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE commerce.condition IS
$$When something applies: an expression over a cart, kept as canonical text of at most 64 KiB, nested at most 100 deep.

    subtotal >= 100 EUR and country in ('DE', 'AT')
    quantity(category <@ 'clothing.shoes') >= 2 and customer.group = 'vip'
    code = 'SUMMER' and not tag in ('clearance', 'gift')
    lines(on_sale) = 0 or attributes.fragile

Tests: = <> < <= > >= , in (…), not in (…), is null, is not null, and for a category <@ (equal or below).
They join by and, or, not and parentheses. Text stands in single quotes ('' is a quote), money is 12.50 EUR.

Of the cart:   subtotal  shipping (money)   channel  currency  country  region  postal_code  shipping.method (text)
               code (any code entered; letters a to z compare in upper case)
Of the buyer:  customer  customer.group (text)   customer.orders (how many were placed before)
               customer.attributes.<path> (text, number, true or false)
Of the time:   weekday ('mon' to 'sun')   time ('18:30')   date ('2026-11-27'), in the time zone of the promotion;
               times and dates have an order: time >= '18:00' and time < '20:00'; '24:00' is the end of a day, and a date
               that does not exist ('2026-02-31') is refused
Over lines:    quantity(…) units   subtotal(…) money   lines(…) how many; of the lines that meet the condition in the
               parentheses, of all lines where it is empty
Of a line:     sku  product  brand  category  tax_class  tag (text; any of its tags)   quantity (number)
               price  subtotal (money)   on_sale (true or false)   attributes.<path> (text, number, true or false)

A line's attribute outside of such parentheses asks for any line: sku = 'A' holds when some line has it. Each test asks
for itself; for one line that meets several, write lines(sku = 'A' and on_sale) > 0. subtotal is the cart's outside and
the line's inside. quantity is one line's, quantity() the cart's.
<> is the negation of = and "not in" of in: sku <> 'A' holds when no line has it.
A comparison with something absent, with money of another currency, or with an attribute of another type is unknown:
neither it nor its negation holds, as in SQL.$$;

CREATE FUNCTION commerce.condition_eq("left" commerce.condition, "right" commerce.condition) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteaeq';
COMMENT ON FUNCTION commerce.condition_eq(commerce.condition, commerce.condition) IS
'Are both written the same in canonical form?';
CREATE FUNCTION commerce.condition_ne("left" commerce.condition, "right" commerce.condition) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteane';
COMMENT ON FUNCTION commerce.condition_ne(commerce.condition, commerce.condition) IS
'Are they written differently in canonical form?';
CREATE OPERATOR commerce.= (
    LEFTARG = commerce.condition, RIGHTARG = commerce.condition, FUNCTION = commerce.condition_eq,
    COMMUTATOR = OPERATOR(commerce.=), NEGATOR = OPERATOR(commerce.<>), RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR commerce.= (commerce.condition, commerce.condition) IS 'same canonical form';
CREATE OPERATOR commerce.<> (
    LEFTARG = commerce.condition, RIGHTARG = commerce.condition, FUNCTION = commerce.condition_ne,
    COMMUTATOR = OPERATOR(commerce.<>), NEGATOR = OPERATOR(commerce.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR commerce.<> (commerce.condition, commerce.condition) IS 'different canonical form';

CREATE FUNCTION commerce.condition_holds(condition commerce.condition, cart jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_holds_sql';
COMMENT ON FUNCTION commerce.condition_holds(commerce.condition, jsonb) IS
$$Does the condition hold for a cart? The cart needs no shop:
    {"currency": "EUR", "subtotal", "shipping", "channel", "customer", "customer_group", "customer_orders": 3,
     "customer_attributes": {}, "country", "region", "postal_code", "shipping_method", "local_time": "2026-11-27 18:30",
     "codes": ["SUMMER"], "lines": [{"sku", "product", "brand", "category", "tax_class", "tags": [], "quantity",
     "unit_price", "subtotal", "on_sale", "attributes": {}}]}
All but the currency may be absent; quantity is then 1, a line's subtotal quantity × unit_price, the cart's the sum of
its lines'. 22023 for a key that is not known or of the wrong type, CM020 for money of another currency than the cart's.
Example: SELECT commerce.condition_holds('quantity() >= 2', '{"currency": "EUR", "lines": [{"sku": "A", "quantity": 2}]}')$$;

CREATE FUNCTION commerce.condition_to_jsonb(commerce.condition) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_to_jsonb';
COMMENT ON FUNCTION commerce.condition_to_jsonb(commerce.condition) IS
$$A condition as JSON that a form can edit; also by cast.
{"and": […]}, {"or": […]}, {"not": {…}}, {"attribute": "sku", "op": "=", "value": "A"}, {"attribute": "on_sale"},
{"aggregate": "quantity", "where": {…}, "op": ">=", "value": 2} or {"value": true}. op is one of = <> < <= > >= <@, "in" and "not in"
with an array as value, "is null" and "is not null" with none. Money is {"amount": "12.50", "currency": "EUR", "minor": 1250}.$$;
CREATE FUNCTION commerce.condition_from_jsonb(jsonb) RETURNS commerce.condition
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_condition_from_jsonb';
COMMENT ON FUNCTION commerce.condition_from_jsonb(jsonb) IS
'A condition from the JSON that condition_to_jsonb writes; also by cast. 22023 where it has another form, 22P02 as in reading text where it makes no sense.';
CREATE CAST (commerce.condition AS jsonb) WITH FUNCTION commerce.condition_to_jsonb(commerce.condition);
COMMENT ON CAST (commerce.condition AS jsonb) IS 'a condition as JSON that a form can edit';
CREATE CAST (jsonb AS commerce.condition) WITH FUNCTION commerce.condition_from_jsonb(jsonb);
COMMENT ON CAST (jsonb AS commerce.condition) IS 'a condition from the JSON that the cast to jsonb writes';
