-- Who wants to be told, and how far that is.
CREATE TABLE commerce.endpoints (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    topics text[] NOT NULL CHECK (cardinality(topics) > 0 AND array_position(topics, NULL) IS NULL),
    order_mode text NOT NULL CHECK (order_mode IN ('strict', 'skip')),
    max_in_flight integer NOT NULL CHECK (max_in_flight BETWEEN 1 AND 100),
    signature text NOT NULL CHECK (signature IN ('v1', 'v1a')),
    secret commerce.sealed,
    previous_secret commerce.sealed,
    previous_until timestamptz,
    headers commerce.sealed,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT signed_or_notified CHECK (url LIKE 'notify:%' OR secret IS NOT NULL)
);
COMMENT ON TABLE commerce.endpoints IS
'who is told of events: made by create_endpoint(), changed by update_endpoint(), enable_endpoint(), disable_endpoint() and rotate_endpoint_secret(), removed by delete_endpoint()';
COMMENT ON COLUMN commerce.endpoints.url IS 'where events are sent by POST; notify:channel for NOTIFY';
COMMENT ON COLUMN commerce.endpoints.topics IS 'which events: topics, beginnings of topics as order.*, or * for all';
COMMENT ON COLUMN commerce.endpoints.order_mode IS
'strict: of each aggregate an event is sent only when all before it are delivered or skipped; skip: or have been given up';
COMMENT ON COLUMN commerce.endpoints.max_in_flight IS 'so many requests at a time';
COMMENT ON COLUMN commerce.endpoints.signature IS 'v1: HMAC-SHA256, v1a: Ed25519, both of Standard Webhooks';
COMMENT ON COLUMN commerce.endpoints.secret IS 'signs what is sent; sealed for the endpoint''s id';
COMMENT ON COLUMN commerce.endpoints.previous_secret IS 'signs, too, until previous_until: receivers have until then to learn of the new one';
COMMENT ON COLUMN commerce.endpoints.headers IS 'headers besides those of every request, a JSON object; sealed, because one may be a token; NULL for none';
COMMENT ON COLUMN commerce.endpoints.enabled IS 'false: nothing is sent, and of what happens meanwhile nothing is kept for it; replay_events() sends that later';
COMMENT ON COLUMN commerce.endpoints.disabled_reason IS 'why not: as given to disable_endpoint(), or that it answered 410';
COMMENT ON COLUMN commerce.endpoints.created_at IS 'events of transactions that began before are not sent unless replayed';
ALTER TABLE commerce.endpoints ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN previous_secret SET STATISTICS 0,
    ALTER COLUMN headers SET STATISTICS 0;
CREATE TRIGGER tell_sender AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.endpoints
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.tell_sender('anew');
-- A URL may hold a token: it is for administrators, and outbox_status() shows its host.
GRANT SELECT (id, topics, order_mode, max_in_flight, signature, previous_until, enabled, disabled_reason, created_at) ON commerce.endpoints TO commerce_reader;
SELECT commerce.audit_table('commerce.endpoints');

CREATE TABLE commerce.deliveries (
    endpoint uuid NOT NULL,
    aggregate text NOT NULL,
    event uuid NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'delivered', 'dead', 'skipped')),
    attempt integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    lease_token uuid,
    last_status integer,
    last_error text,
    delivered_at timestamptz,
    PRIMARY KEY (endpoint, aggregate, event),
    CONSTRAINT leased_until_when CHECK ((state = 'leased') = (lease_until IS NOT NULL AND lease_token IS NOT NULL))
);
COMMENT ON TABLE commerce.deliveries IS
'each event for each endpoint that wants it, and how far it is. SELECT * FROM commerce.deliveries WHERE state = ''dead'' lists what was given up; replay_events() sends it again, skip_events() lets it be';
COMMENT ON COLUMN commerce.deliveries.endpoint IS 'commerce.endpoints.id';
COMMENT ON COLUMN commerce.deliveries.aggregate IS 'as commerce.outbox.aggregate';
COMMENT ON COLUMN commerce.deliveries.event IS 'commerce.outbox.id, which receivers know as webhook-id';
COMMENT ON COLUMN commerce.deliveries.state IS
'pending: to be sent; leased: being sent; delivered: answered 2xx; dead: given up after ten attempts or a 410; skipped: let be';
COMMENT ON COLUMN commerce.deliveries.attempt IS 'how often it was begun to be sent';
COMMENT ON COLUMN commerce.deliveries.next_at IS 'of what is pending, when it may be sent; infinity: when an event of its aggregate before it is done';
COMMENT ON COLUMN commerce.deliveries.lease_until IS 'when it is pending again if nothing is heard of who sends it';
COMMENT ON COLUMN commerce.deliveries.lease_token IS 'of who sends it: an outcome that comes with another is too late';
COMMENT ON COLUMN commerce.deliveries.last_status IS 'HTTP status of the last answer; NULL: there was none';
COMMENT ON COLUMN commerce.deliveries.last_error IS 'why the last attempt failed, without anything of what was sent or answered';
CREATE INDEX deliveries_unfinished ON commerce.deliveries (endpoint, aggregate, event)
    WHERE state IN ('pending', 'leased', 'dead');
CREATE INDEX deliveries_ready ON commerce.deliveries (endpoint, next_at, event) WHERE state = 'pending';
CREATE INDEX deliveries_leased ON commerce.deliveries (lease_until) WHERE state = 'leased';
CREATE INDEX deliveries_delivered ON commerce.deliveries (delivered_at) WHERE state = 'delivered';
GRANT SELECT ON commerce.deliveries TO commerce_reader;

INSERT INTO commerce.sealed_columns ("table", "column", subject_columns, field) VALUES
    ('commerce.endpoints', 'secret', '{id}', 'secret:endpoint'),
    ('commerce.endpoints', 'previous_secret', '{id}', 'secret:endpoint'),
    ('commerce.endpoints', 'headers', '{id}', 'secret:endpoint_headers');
SELECT commerce.guard_card_numbers('commerce.endpoints');
