-- What reports are made of: what was sold, without what was cancelled; and names of promotions that are gone.
-- Orders come in the order in which they are placed, so that a summary of each part of the table finds those of a time,
-- and a checkout hardly pays for it.
CREATE INDEX orders_placed ON commerce.orders USING brin (placed_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX state_history_cancelled ON commerce.state_history (subject)
    WHERE relation = 'commerce.orders' AND to_state = 'archived' AND from_state IN ('cancelled', 'expired');

CREATE VIEW commerce.sales_lines AS
    SELECT o.placed_at, o.id AS order_id, l.line, o.channel, o.ship_to ->> 'country' AS country, o.customer_id,
        commerce.currency(l.total) AS currency, l.sku, v.product_id, l.quantity, l.gift_of, l.discount,
        l.total AS gross, l.tax, l.total OPERATOR(commerce.-) l.tax AS net,
        CASE WHEN commerce.currency(v.cost) = commerce.currency(l.total) THEN v.cost OPERATOR(commerce.*) l.quantity END AS cost
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id LEFT JOIN commerce.variants v ON v.sku = l.sku
    WHERE o.placed_at IS NOT NULL AND l.quantity > 0 AND o.state NOT IN ('draft', 'cart', 'cancelled', 'expired')
        AND (o.state <> 'archived' OR o.id::text NOT IN (SELECT h.subject FROM commerce.state_history h
            WHERE h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state IN ('cancelled', 'expired')));
COMMENT ON VIEW commerce.sales_lines IS
'what was sold, line by line, of orders that were not cancelled: SELECT sku, commerce.sum(net) FROM commerce.sales_lines WHERE currency = ''EUR'' GROUP BY sku. Returns are not taken off';
COMMENT ON COLUMN commerce.sales_lines.country IS 'where it was sent, as the order says; NULL where it does not';
COMMENT ON COLUMN commerce.sales_lines.discount IS 'what was taken off the line, as the customer saw it';
COMMENT ON COLUMN commerce.sales_lines.gross IS 'what the line cost the customer, with taxes';
COMMENT ON COLUMN commerce.sales_lines.net IS 'gross less tax';
COMMENT ON COLUMN commerce.sales_lines.cost IS 'what its units cost the shop, by variants.cost as it is now; NULL where that is not known in this currency';

CREATE VIEW commerce.sales_orders AS
    SELECT o.placed_at, o.id AS order_id, o.channel, o.ship_to ->> 'country' AS country, o.customer_id,
        commerce.currency(o.total) AS currency, sum(l.quantity)::bigint AS units, o.discount, o.total AS gross, o.tax,
        o.total OPERATOR(commerce.-) o.tax OPERATOR(commerce.-) o.rounding AS net,
        commerce.sum(l.total OPERATOR(commerce.-) l.tax) AS goods_net,
        commerce.sum(v.cost OPERATOR(commerce.*) l.quantity) FILTER (WHERE commerce.currency(v.cost) = commerce.currency(o.total)) AS cost,
        coalesce(sum(l.quantity) FILTER (WHERE (commerce.currency(v.cost) = commerce.currency(o.total)) IS NOT TRUE), 0)::bigint
            AS units_without_cost
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id LEFT JOIN commerce.variants v ON v.sku = l.sku
    WHERE o.placed_at IS NOT NULL AND o.state NOT IN ('draft', 'cart', 'cancelled', 'expired')
        AND (o.state <> 'archived' OR o.id::text NOT IN (SELECT h.subject FROM commerce.state_history h
            WHERE h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state IN ('cancelled', 'expired')))
    GROUP BY o.id;
COMMENT ON VIEW commerce.sales_orders IS 'what was sold, order by order, without cancelled ones; gross = net + tax + what cash was rounded by';
COMMENT ON COLUMN commerce.sales_orders.country IS 'as sales_lines.country';
COMMENT ON COLUMN commerce.sales_orders.units IS 'of all lines';
COMMENT ON COLUMN commerce.sales_orders.discount IS 'what was taken off goods and shipping, as the customer saw it';
COMMENT ON COLUMN commerce.sales_orders.gross IS 'what the customer pays: goods, shipping, taxes';
COMMENT ON COLUMN commerce.sales_orders.net IS 'goods and shipping without taxes';
COMMENT ON COLUMN commerce.sales_orders.goods_net IS 'goods alone, without taxes; the rest of net is shipping';
COMMENT ON COLUMN commerce.sales_orders.cost IS 'what its units cost the shop, as far as it is known; NULL where it is of none';
COMMENT ON COLUMN commerce.sales_orders.units_without_cost IS 'units whose variants.cost is not known in this currency';

CREATE TABLE commerce.gone_promotions (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    campaign text,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE commerce.gone_promotions IS
'names of promotions that were deleted, so that promotion_results() still knows them; delete what you will not ask for';
CREATE TRIGGER remember AFTER DELETE ON commerce.promotions FOR EACH ROW EXECUTE FUNCTION commerce.remember_promotion();

GRANT SELECT ON commerce.sales_lines, commerce.sales_orders, commerce.gone_promotions TO commerce_reader;
