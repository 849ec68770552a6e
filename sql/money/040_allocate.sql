CREATE FUNCTION commerce.allocate(
    amount commerce.amount, weights numeric[], policy text DEFAULT 'nearest', caps commerce.amount[] DEFAULT NULL)
    RETURNS commerce.amount[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_allocate_amount';
COMMENT ON FUNCTION commerce.allocate(commerce.amount, numeric[], text, commerce.amount[]) IS
'Splits an amount by weights into shares that sum to it exactly; a negative amount mirrors the split of the positive one. Weights that are all zero count as equal. policy says who gets what cutting to minor units leaves over: nearest (largest fraction first, ties to the earlier), first (one unit each from the first weight above zero on), last (from the last back), largest_ratio (largest weight first), round_then_fix (round half up, then correct from the first on). caps limits each share; what a capped share cannot take goes to the others by weight, and where all are full the shares sum to less. 22023 for negative weights, none at all, an unknown policy, caps of another number or sign; 22004 for nulls in an array; CM020 for caps of another currency; 22003 for weights of too many digits. NULL only where amount, weights or policy is NULL.';

CREATE FUNCTION commerce.allocate_fractions(
    amount commerce.amount, fractions numeric[], policy text DEFAULT 'first')
    RETURNS commerce.amount[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_allocate_fractions';
COMMENT ON FUNCTION commerce.allocate_fractions(commerce.amount, numeric[], text) IS
'Splits an amount by parts of one, as allocate() does, but refuses parts that sum to more than one with 22023. Parts that sum to less are taken in proportion: {0.333,0.333,0.333} is a split into three.';

CREATE FUNCTION commerce.allocate_up_to(amount commerce.amount, caps commerce.amount[], policy text DEFAULT 'first')
    RETURNS commerce.amount[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_allocate_up_to';
COMMENT ON FUNCTION commerce.allocate_up_to(commerce.amount, commerce.amount[], text) IS
'Splits an amount in proportion to caps, none of which a share exceeds: 30 EUR up to {26 EUR, 4.74 EUR} is {25.38 EUR, 4.62 EUR}. Where the caps sum to less than the amount, the shares do too. CM020 for caps of another currency, 22023 for caps of another sign.';

CREATE FUNCTION commerce.allocate_in_order(amount commerce.amount, caps commerce.amount[]) RETURNS commerce.amount[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_allocate_in_order';
COMMENT ON FUNCTION commerce.allocate_in_order(commerce.amount, commerce.amount[]) IS
'Splits an amount by filling each cap before the next, as gift cards are used up: 30 EUR over {26 EUR, 10 EUR} is {26 EUR, 4 EUR}. Where the caps sum to less than the amount, the shares do too. CM020 for caps of another currency, 22023 for caps of another sign.';
