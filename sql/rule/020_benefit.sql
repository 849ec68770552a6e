CREATE TYPE commerce.benefit;

CREATE FUNCTION commerce.benefit_in(cstring) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_in';
COMMENT ON FUNCTION commerce.benefit_in(cstring) IS
'Reads a benefit. 22P02 with the position, what was expected and what was found there; 54000 where the canonical text is longer than 64 KiB.';
CREATE FUNCTION commerce.benefit_out(commerce.benefit) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_out';
COMMENT ON FUNCTION commerce.benefit_out(commerce.benefit) IS 'Writes a benefit canonically.';
CREATE FUNCTION commerce.benefit_recv(internal) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_recv';
COMMENT ON FUNCTION commerce.benefit_recv(internal) IS
'Reads a benefit in binary form, which is its text; errors as benefit_in.';
CREATE FUNCTION commerce.benefit_send(commerce.benefit) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_send';
COMMENT ON FUNCTION commerce.benefit_send(commerce.benefit) IS 'Writes a benefit in binary form, which is its text.';

CREATE TYPE commerce.benefit (
    INPUT = commerce.benefit_in,
    OUTPUT = commerce.benefit_out,
    RECEIVE = commerce.benefit_recv,
    SEND = commerce.benefit_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE commerce.benefit IS
$$What a promotion gives, kept as canonical text of at most 64 KiB.

    20% off lines where category <@ 'clothing.shoes' and not on_sale
    10 EUR or 12 USD off order
    price 9.99 EUR for units where sku = 'A'
    50% off units where tag = 'sale', at most 3 units
    tiers by subtotal: 100 EUR -> 10%, 200 EUR -> 15% on order
    buy 2 where sku = 'A' get 1 where sku = 'B' at 50% off, at most 3 times
    3 for 20 EUR where tag = 'socks'
    bundle 1 where sku = 'A' + 2 where sku = 'B' for 25 EUR
    gift 1 'MUG' for every 2 where brand = 'Acme'
    free shipping; 5% off order

REWARD off TARGET, price MONEY for TARGET. A reward is a percentage (above 0 to 100, at most six decimals) or an amount of
money, of other currencies after "or". The target: units (each unit of each matching line), lines (each matching line
once), order (the matching lines together, by what they cost), shipping. "where" takes a condition on a line, as
commerce.condition describes it (of shipping: on the cart); without it every line matches. free means 100%.
REWARD off first unit and REWARD off others: for the units of each line.
tiers by subtotal | quantity (of the matching lines together) | line subtotal | line quantity (of each) | order subtotal:
the highest tier that is reached holds; "graduated" lets each tier hold for its part (line quantity on units; subtotal on
order, percentages). A tier gives a percentage, money off, or "price MONEY"; "on TARGET where …" says on what: on order.
buy … get …: parts joined by "+", "up to N" lets a customer get fewer; free, at REWARD off or for MONEY, each unit got.
bundle … : all its parts, free, at REWARD off or for MONEY together; N for MONEY is a bundle of one part. No unit is in
two sets. gift N 'SKU': once, or for every so many units.
Limits, each after a comma: at most N units (in all) or at most N units of each line; in groups of N (so many units, of
all lines; only complete ones count); in steps of N (likewise, of each line); at most N times (sets, gifts); at most MONEY;
cheapest first, dearest first or in cart order where not all units count (got units are the cheapest by default, those of
bundles the dearest).
Lines that may not be discounted, or that stop_line, tags or exclude_sale_items keep out, match nothing.
Things joined by ";" (at most 10) are given together, their percentages being of the same amounts.$$;

CREATE FUNCTION commerce.benefit_eq("left" commerce.benefit, "right" commerce.benefit) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteaeq';
COMMENT ON FUNCTION commerce.benefit_eq(commerce.benefit, commerce.benefit) IS
'Are both written the same in canonical form?';
CREATE FUNCTION commerce.benefit_ne("left" commerce.benefit, "right" commerce.benefit) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteane';
COMMENT ON FUNCTION commerce.benefit_ne(commerce.benefit, commerce.benefit) IS
'Are they written differently in canonical form?';
CREATE OPERATOR commerce.= (
    LEFTARG = commerce.benefit, RIGHTARG = commerce.benefit, FUNCTION = commerce.benefit_eq,
    COMMUTATOR = OPERATOR(commerce.=), NEGATOR = OPERATOR(commerce.<>), RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR commerce.= (commerce.benefit, commerce.benefit) IS 'same canonical form';
CREATE OPERATOR commerce.<> (
    LEFTARG = commerce.benefit, RIGHTARG = commerce.benefit, FUNCTION = commerce.benefit_ne,
    COMMUTATOR = OPERATOR(commerce.<>), NEGATOR = OPERATOR(commerce.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR commerce.<> (commerce.benefit, commerce.benefit) IS 'different canonical form';

CREATE FUNCTION commerce.benefit_to_jsonb(commerce.benefit) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_to_jsonb';
COMMENT ON FUNCTION commerce.benefit_to_jsonb(commerce.benefit) IS
$$A benefit as JSON that a form can edit; also by cast. Of several things an array. "where" is a condition as JSON. A reward is
"percent": 20, "amount": MONEY or "price": MONEY in the object that it belongs to; MONEY is {"amount": "12.50", "currency":
"EUR", "minor": 1250}, or an array of several currencies.
{REWARD, "off": "units|lines|order|shipping", "where"}, {"first_unit": {REWARD}, "others": {REWARD}, "where"},
{"tiers_by": "subtotal", "graduated": true, "tiers": [{"from": MONEY or 10, REWARD}], "off": "order", "where"},
{"buy": [{"quantity": 2, "where"}], "get": [{"quantity": 1, "up_to": true, "where"}], REWARD}, {"bundle": [{"quantity", "where"}],
REWARD}, {"gift": "MUG", "quantity": 1, "for_every": [{"quantity", "where"}]}. Limits: "units", "units_of_each_line", "groups",
"steps", "times", "at_most": MONEY, "first": "cheapest|dearest|cart".$$;
CREATE FUNCTION commerce.benefit_from_jsonb(jsonb) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_from_jsonb';
COMMENT ON FUNCTION commerce.benefit_from_jsonb(jsonb) IS
'A benefit from the JSON that benefit_to_jsonb writes; also by cast. 22023 where it has another form, 22P02 as in reading text where it makes no sense.';
CREATE CAST (commerce.benefit AS jsonb) WITH FUNCTION commerce.benefit_to_jsonb(commerce.benefit);
COMMENT ON CAST (commerce.benefit AS jsonb) IS 'a benefit as JSON that a form can edit';
CREATE CAST (jsonb AS commerce.benefit) WITH FUNCTION commerce.benefit_from_jsonb(jsonb);
COMMENT ON CAST (jsonb AS commerce.benefit) IS 'a benefit from the JSON that the cast to jsonb writes';
