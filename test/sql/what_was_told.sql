-- Every event in this database, by whatever test and in whatever order, is one of the catalogue, has the shape that it
-- says, and tells nothing of a person. Comes last: its name sees to that.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;

SELECT DISTINCT o.topic AS not_in_the_catalogue FROM commerce.outbox o
WHERE NOT EXISTS (SELECT FROM commerce.event_topics() t WHERE t.topic = o.topic)
    -- Machines that a test has dropped again took their topics with them.
    AND o.aggregate !~ ':' ORDER BY 1;
SELECT DISTINCT ON (o.topic) o.topic, o.payload AS of_another_shape FROM commerce.outbox o JOIN commerce.event_topics() t ON t.topic = o.topic
WHERE NOT commerce.payload_fits(t.shape, o.payload) ORDER BY o.topic;
SELECT o.topic, o.payload AS tells_of_a_person FROM commerce.outbox o
WHERE o.payload::text ~* '@|sealed:1:|canary|"(email|name|phone|address|street|postal_code)"' OR commerce.holds_card_number(o.payload::text) ORDER BY o.id;

-- The catalogue: each has an example of the shape it says, and says what it is about.
SELECT t.topic AS whose_example_does_not_fit FROM commerce.event_topics() t WHERE NOT commerce.payload_fits(t.shape, t.example);
SELECT t.topic AS badly_described FROM commerce.event_topics() t
WHERE t.topic !~ '^[a-z_]+\.[a-z_]+$' AND t.topic IN (SELECT topic FROM commerce.transitions WHERE machine IN ('order', 'payment', 'fulfilment', 'return', 'balance'))
    OR coalesce(t.description, '') = '' OR t.version < 1;
SELECT topic, count(*) FROM commerce.event_topics() GROUP BY topic HAVING count(*) > 1;
SELECT topic, description, jsonb_pretty(example) AS example FROM commerce.event_topics() WHERE topic IN ('order.placed', 'order.cancelled', 'payment.voided');
SELECT count(*) >= 40 AS many FROM commerce.event_topics();

-- A person buys and pays, is sent a parcel and sends it back: nothing told of it knows who.
INSERT INTO commerce.variants (sku, track_stock) VALUES ('told-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('told-A', '10 EUR');
SELECT commerce.create_customer('canary-mail@example.com', 'Canary Name', '+49 30 901820', '{"street": "Canary Street 1"}') AS c \gset
SELECT commerce.checkout('[{"sku": "told-A", "quantity": 2}]', customer => :'c', ship_to => '{"country": "DE", "postal_code": "10115", "street": "Canary Street 1"}') AS o \gset
SELECT commerce.authorize_payment(:'o') AS p \gset
SELECT commerce.capture_payment(:'p');
SELECT commerce.fulfil(:'o', '[{"sku": "told-A", "quantity": 2}]') IS NOT NULL AS sent;
SELECT commerce.request_return(:'o', '[{"sku": "told-A", "quantity": 1}]', reason => 'canary') AS r \gset
SELECT commerce.receive_return(:'r');
SELECT commerce.refund_payment(:'p', '10 EUR');
SELECT topic, commerce.payload_fits(t.shape, o.payload) AS fits, o.payload::text ~* 'canary|example\.com|901820|10115' AS tells_who
FROM commerce.outbox o LEFT JOIN commerce.event_topics() t USING (topic) WHERE o.aggregate = :'o' ORDER BY o.id;

-- What does not fit.
SELECT shape, payload, commerce.payload_fits(shape::jsonb, payload::jsonb) FROM (VALUES
    ('{"type": "integer"}', '1'), ('{"type": "integer"}', '1.5'), ('{"type": "integer"}', '"1"'), ('{"type": "integer"}', 'null'),
    ('{"type": "integer", "nullable": true}', 'null'), ('{"type": "string", "format": "uuid"}', '"x"'),
    ('{"type": "object", "required": ["a"]}', '{}'), ('{"type": "object", "required": ["a"]}', '{"a": 1, "b": 2}'),
    ('{"type": "object", "additionalProperties": false, "properties": {"a": {}}}', '{"a": 1, "b": 2}'),
    ('{"type": "array", "items": {"type": "string"}}', '["a", 1]'), ('{"anyOf": [{"type": "string"}, {"type": "integer"}]}', '1'),
    ('{"anyOf": []}', '1'), ('{"type": "object"}', '[]'), ('{}', '{"anything": 1}')) AS v (shape, payload);
SELECT commerce.payload_fits('{"type": "object"}', NULL);
SET ROLE commerce_reader;
SELECT count(*) > 0 AS seen FROM commerce.event_topics();
RESET ROLE;
