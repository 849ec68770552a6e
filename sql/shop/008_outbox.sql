CREATE TABLE commerce.outbox (
    aggregate text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    topic text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    dispatched_at timestamptz,
    PRIMARY KEY (aggregate, id)
);
COMMENT ON TABLE commerce.outbox IS 'what happened, for the outside world; written by the transaction in which it happened, sent after it has committed';
COMMENT ON COLUMN commerce.outbox.aggregate IS 'what it happened to: an order''s id, a customer''s; for a table outside the shop table:key. Events of one aggregate are ordered by id';
COMMENT ON COLUMN commerce.outbox.payload IS 'facts without customer fields';
COMMENT ON COLUMN commerce.outbox.dispatched_at IS 'since when each endpoint that wants the event has a row in commerce.deliveries; NULL: it is not known yet who wants it';
CREATE INDEX outbox_undispatched ON commerce.outbox (id) WHERE dispatched_at IS NULL;
CREATE TRIGGER tell_sender AFTER INSERT ON commerce.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.tell_sender();
GRANT SELECT ON commerce.outbox TO commerce_reader;
