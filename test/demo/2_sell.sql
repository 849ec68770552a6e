-- Every invoice goes through checkout, one transaction each, as an application would send it; the real prices of the
-- time come with the lines, which a member of commerce_admin may do.
\o /dev/null
SELECT format('SELECT commerce.checkout(lines => %L, customer => %L, currency => %L, ship_to => %L, at => %L, idempotency_key => %L)',
        jsonb_agg(jsonb_build_object('sku', code, 'quantity', quantity, 'unit_price', price) ORDER BY line),
        (SELECT c.id FROM demo.customers c WHERE c.customer = min(l.customer)), 'GBP',
        jsonb_build_object('country', min(country_code)), min(invoiced_at) AT TIME ZONE 'UTC', 'invoice ' || invoice)
    FROM demo.lines l WHERE kind = 'sold' GROUP BY invoice ORDER BY min(line) \gexec

-- Paid, sent, completed.
SELECT commerce.capture_payment(commerce.authorize_payment(id, reference => 'card ' || number)) FROM commerce.orders ORDER BY id;
SELECT commerce.fulfil(id, tracking => 'parcel ' || number) FROM commerce.orders ORDER BY id;
SELECT commerce.order_event(id, 'complete') FROM commerce.orders ORDER BY id;
\o
\echo 'Every invoice was bought through checkout, paid, sent and completed:'
SELECT state, commerce.order_payment_status(id) AS payment, commerce.order_fulfilment_status(id) AS fulfilment, count(*) AS orders
    FROM commerce.orders GROUP BY 1, 2, 3;

-- Credit invoices: a return where the sale is among these three days, else goods taken in and a credit.
CREATE TABLE demo.credits (line bigint PRIMARY KEY, way text NOT NULL, amount commerce.amount NOT NULL);
SET search_path = public, commerce; -- for the operators on amounts
DO $$
DECLARE
    back record;
    sale record;
    return_id uuid;
    worth commerce.amount;
BEGIN
    FOR back IN SELECT l.*, c.id AS customer_id, commerce.amount(-l.quantity * l.price, 'GBP') AS worth
        FROM demo.lines l JOIN demo.customers c USING (customer) WHERE l.kind IN ('taken back', 'money back') ORDER BY l.line
    LOOP
        SELECT ol.order_id, ol.line, p.id AS payment INTO sale
            FROM commerce.orders o JOIN commerce.order_lines ol ON ol.order_id = o.id JOIN commerce.payments p ON p.order_id = o.id
            WHERE o.customer_id = back.customer_id AND ol.sku = back.code AND ol.unit_price = commerce.amount(back.price, 'GBP')
                AND ol.quantity - coalesce((SELECT sum(rl.quantity) FROM commerce.return_lines rl
                    WHERE rl.order_id = ol.order_id AND rl.line = ol.line), 0) >= -back.quantity
            ORDER BY o.number LIMIT 1;
        IF FOUND THEN
            return_id := commerce.request_return(sale.order_id, jsonb_build_array(jsonb_build_object('line', sale.line,
                'quantity', -back.quantity)), reason => 'invoice ' || back.invoice);
            worth := commerce.receive_return(return_id);
            PERFORM commerce.refund_payment(sale.payment, worth, reference => format('refund %s/%s', back.invoice, back.position));
            INSERT INTO demo.credits VALUES (back.line, 'return with refund', worth);
        ELSE
            IF back.kind = 'taken back' THEN
                PERFORM commerce.receive_stock(back.code, -back.quantity, reason => 'returned', reference => back.invoice);
            END IF;
            PERFORM commerce.issue_credit(back.customer_id, back.worth, reason => 'sold before these three days', reference => back.invoice);
            INSERT INTO demo.credits VALUES (back.line, CASE back.kind WHEN 'taken back' THEN 'goods taken in, store credit'
                ELSE 'store credit' END, back.worth);
        END IF;
    END LOOP;
END
$$;
\echo 'Credit invoices became:'
SELECT way, count(*) AS lines, commerce.sum(amount) AS amount FROM demo.credits GROUP BY way ORDER BY way;
