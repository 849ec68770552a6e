CREATE TABLE commerce.outbox (
    aggregate text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    topic text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (aggregate, id)
);
COMMENT ON TABLE commerce.outbox IS 'what happened, for the outside world; written by the transaction in which it happened';
COMMENT ON COLUMN commerce.outbox.aggregate IS 'what it happened to: an order''s id, a customer''s; for a table outside the shop table:key. Events of one aggregate are ordered by id';
COMMENT ON COLUMN commerce.outbox.payload IS 'facts without customer fields';
GRANT SELECT ON commerce.outbox TO commerce_reader;
