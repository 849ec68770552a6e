-- Promotions. A case has a cart, promotions in the words of the platform it was taken from, and what they take off. Each of
-- them becomes one promotion that is brought to quote() (options.promotions), so that nothing is stored but what lines
-- cannot bring themselves: minimum prices, goods on sale or without discounts, the customer, and ways of shipping.
--
-- promotions_rules.sql has the words, promotions_answer.sql puts a quote into them. A word that is not known there makes a
-- case not applicable, by its name. The platforms stack item promotions on a line unless a case speaks of lanes, so they
-- name each other here.

SELECT commerce.create_shop() > 0 AS shop \gset

-- Ends a case, for a reason.
CREATE FUNCTION pg_temp.does_not_apply(reason text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CMZNA', MESSAGE = reason;
END
$$;

-- Ends a case that says more of something than is understood.
CREATE FUNCTION pg_temp.only_known(object jsonb, what text, known text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stranger text := (SELECT key FROM jsonb_each(object) WHERE value <> 'null' AND key <> ALL (known) ORDER BY key LIMIT 1);
BEGIN
    IF stranger IS NOT NULL THEN
        PERFORM pg_temp.does_not_apply(format('%s with "%s": no such thing is known here', what, stranger));
    END IF;
END
$$;

-- Money of minor units, as text.
CREATE FUNCTION pg_temp.money(currency text, minor jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT commerce.from_minor((minor #>> '{}')::bigint, currency)::text
$$;

-- A value, or each value of an array.
CREATE FUNCTION pg_temp.each(value jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_array_elements_text(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END)
    WHERE value <> 'null'
$$;

-- What goods may be, and promotions may ask for: tags of the lines here, as goods can be several of each.
CREATE FUNCTION pg_temp.kinds() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT '{product,variant,category,taxon,collection,brand,tag}'::text[]
$$;

\ir promotions_rules.sql
\ir promotions_answer.sql

-- A case about something else than a cart, as a case of a cart: prices of the catalogue are those of one unit, and how many
-- units a step leaves is seen from what is taken off each.
CREATE FUNCTION pg_temp.as_cart(input jsonb, kind text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF kind = 'qty_step' THEN
        PERFORM pg_temp.only_known(input, 'a step', '{discount_step,qty,max_qty}');
        RETURN jsonb_build_object('currency', 'EUR',
            'lines', jsonb_build_array(jsonb_build_object('id', 'step', 'unit_price', 100, 'qty', input -> 'qty')),
            'promotions', jsonb_build_array((input - 'qty') || '{"code": "step", "class": "item", "allocation": "each",
                "discount": {"type": "fixed", "value": 1, "per": "unit"}}'));
    ELSIF kind IS NOT NULL THEN
        PERFORM pg_temp.does_not_apply(format('no cases of the kind "%s" are known here', kind));
    ELSIF input ? 'catalog_prices' THEN
        RETURN jsonb_set(input, '{lines}', coalesce(input -> 'lines', '[]') || (
            SELECT jsonb_agg(l - '{variant,price}'::text[] || jsonb_build_object('id', l -> 'variant', 'unit_price', l -> 'price', 'qty', 1))
            FROM jsonb_array_elements(input -> 'catalog_prices') l));
    END IF;
    RETURN input;
END
$$;

-- How the platform of a case computes where a case does not say it: WooCommerce and Vendure round half of a cent off a
-- discount, WooCommerce gives what is limited to the dearest; Oscar rounds discounts down and leaves odd cents to the last.
CREATE FUNCTION pg_temp.platform(repository text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE split_part(repository, '/', 2)
        WHEN 'woocommerce' THEN '{"rounding": "half_down", "limited_pool": "dearest"}'
        WHEN 'vendure' THEN '{"rounding": "half_down"}'
        WHEN 'django-oscar' THEN '{"rounding": "down", "remainder": "last"}'
        ELSE '{}' END::jsonb
$$;

-- Whether what is expected is so, in the words of the cases. Of promotions only those matter that a case names, and what
-- got nothing is as good as not named.
CREATE FUNCTION pg_temp.compare(expect jsonb, got jsonb, OUT verdict text, OUT detail text) LANGUAGE plpgsql AS $$
DECLARE
    word text;
BEGIN
    PERFORM pg_temp.only_known(expect, 'an expectation', ARRAY(SELECT jsonb_object_keys(got)));
    FOREACH word IN ARRAY '{by_promotion,promotion_totals,rejected}'::text[] LOOP
        IF expect -> word <> '{}' THEN
            got := jsonb_set(got, ARRAY[word], coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(got -> word)
                WHERE expect -> word ? key), '{}'));
        END IF;
    END LOOP;
    FOREACH word IN ARRAY '{line_discounts,shipping_discounts}'::text[] LOOP
        IF expect ? word THEN
            expect := jsonb_set(expect, ARRAY[word], pg_temp.but_zeroes(expect -> word));
        END IF;
    END LOOP;
    IF expect ? 'by_promotion' THEN
        expect := jsonb_set(expect, '{by_promotion}',
            (SELECT jsonb_object_agg(key, pg_temp.but_zeroes(value)) FROM jsonb_each(expect -> 'by_promotion')));
    END IF;
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, got);
END
$$;

CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text)
    LANGUAGE plpgsql AS $$
DECLARE
    cart jsonb;
BEGIN
    cart := pg_temp.as_cart(input, whole ->> 'kind');
    PERFORM pg_temp.only_known(cart, 'a case', '{currency,lines,promotions,customer,codes,shipping,stacking,rounding,
        prices_include_tax,usage,catalog_prices}');
    PERFORM pg_temp.prepare(cart);
    SELECT * INTO verdict, detail
        FROM pg_temp.compare(expect, pg_temp.answer(cart, expect, coalesce(whole -> 'source' ->> 'repo', '')));
EXCEPTION
    WHEN SQLSTATE 'CMZNA' THEN
        verdict := 'n/a';
        detail := SQLERRM;
END
$$;
