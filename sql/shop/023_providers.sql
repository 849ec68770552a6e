-- A pair of functions for each thing that is asked of a provider: adapters are data, and a shop adds its own.
CREATE TABLE commerce.provider_adapters (
    adapter text NOT NULL,
    operation text NOT NULL CHECK (operation <> ''),
    build text,
    read text NOT NULL,
    ask text,
    asked text,
    signature text CHECK (signature IN ('stripe', 'standard')),
    PRIMARY KEY (adapter, operation),
    CONSTRAINT events_are_signed CHECK ((operation = 'event') = (signature IS NOT NULL) AND (operation = 'event') = (build IS NULL)),
    CONSTRAINT asked_and_read CHECK ((ask IS NULL) = (asked IS NULL))
);
COMMENT ON TABLE commerce.provider_adapters IS
'what can be asked of a kind of provider, and by which functions; register_adapter() adds to it';
COMMENT ON COLUMN commerce.provider_adapters.operation IS
'authorize, capture, void, refund of payments, refresh and refunds for how they are; rates, label, tracking of carriers; calculate of tax services; event for what a provider tells by itself; any other name';
COMMENT ON COLUMN commerce.provider_adapters.build IS
'function (call jsonb) returning jsonb: {"method", "path", "headers", "body"}, built once and sent byte for byte whenever it is sent again; {secret} in a header stands for the provider''s secret';
COMMENT ON COLUMN commerce.provider_adapters.read IS
'function (call jsonb, status integer, answer jsonb) returning jsonb: what the answer means; of event what the event means';
COMMENT ON COLUMN commerce.provider_adapters.ask IS
'function as build: how to find out what became of a call without an answer; NULL: by sending the same again, for providers that know it by its key';
COMMENT ON COLUMN commerce.provider_adapters.asked IS 'function as read, for the answer to ask';
COMMENT ON COLUMN commerce.provider_adapters.signature IS 'how events are signed: stripe (header Stripe-Signature) or standard (Standard Webhooks)';
INSERT INTO commerce.provider_adapters (adapter, operation, build, read, ask, asked) VALUES
    ('stripe', 'authorize', 'commerce.stripe_authorize', 'commerce.stripe_intent', 'commerce.stripe_search', 'commerce.stripe_searched'),
    ('stripe', 'capture', 'commerce.stripe_capture', 'commerce.stripe_intent', 'commerce.stripe_retrieve', 'commerce.stripe_intent'),
    ('stripe', 'void', 'commerce.stripe_cancel', 'commerce.stripe_intent', 'commerce.stripe_retrieve', 'commerce.stripe_intent'),
    ('stripe', 'refund', 'commerce.stripe_refund', 'commerce.stripe_refunded', 'commerce.stripe_refunds', 'commerce.stripe_listed'),
    ('stripe', 'refresh', 'commerce.stripe_retrieve', 'commerce.stripe_intent', 'commerce.stripe_retrieve', 'commerce.stripe_intent'),
    ('stripe', 'refunds', 'commerce.stripe_refunds', 'commerce.stripe_listed', 'commerce.stripe_refunds', 'commerce.stripe_listed');
INSERT INTO commerce.provider_adapters (adapter, operation, read, signature) VALUES ('stripe', 'event', 'commerce.stripe_event', 'stripe');

CREATE TABLE commerce.providers (
    name text PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT commerce.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('payment', 'shipping', 'tax')),
    adapter text NOT NULL,
    base_url text,
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    secret commerce.sealed,
    webhook_secret commerce.sealed,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asked_somewhere CHECK ((adapter = 'manual') = (base_url IS NULL))
);
COMMENT ON TABLE commerce.providers IS
'whom the shop asks: payment providers, carriers, tax services; made by create_provider(), changed by update_provider()';
COMMENT ON COLUMN commerce.providers.name IS 'as in commerce.payments.provider';
COMMENT ON COLUMN commerce.providers.id IS 'whom its secrets are sealed for';
COMMENT ON COLUMN commerce.providers.adapter IS 'as in commerce.provider_adapters; manual: nobody is asked, and all is as the shop says';
COMMENT ON COLUMN commerce.providers.base_url IS 'what paths of calls begin with';
COMMENT ON COLUMN commerce.providers.settings IS 'what the adapter wants to know, in the clear: of stripe "version", its API''s version';
COMMENT ON COLUMN commerce.providers.secret IS 'by which it knows the shop; sealed as secret:provider for id';
COMMENT ON COLUMN commerce.providers.webhook_secret IS 'by which the shop knows its events; sealed as secret:provider_webhook for id';
COMMENT ON COLUMN commerce.providers.enabled IS 'false: nothing new is asked; what was asked goes on, and its events are heard';
ALTER TABLE commerce.providers ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN webhook_secret SET STATISTICS 0;
INSERT INTO commerce.providers (name, kind, adapter) VALUES ('manual', 'payment', 'manual');
SELECT commerce.audit_table('commerce.providers');
SELECT commerce.audit_table('commerce.provider_adapters');

CREATE TABLE commerce.provider_calls (
    order_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    provider text NOT NULL,
    operation text NOT NULL,
    payment_id uuid,
    fulfilment_id uuid,
    amount commerce.amount,
    arguments jsonb NOT NULL DEFAULT '{}',
    method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    path text NOT NULL CHECK (path LIKE '/%'),
    headers jsonb NOT NULL,
    body text NOT NULL CHECK (octet_length(body) <= 65536),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'succeeded', 'failed', 'unknown', 'dead')),
    asking boolean NOT NULL DEFAULT false,
    maybe_done boolean NOT NULL DEFAULT false,
    attempt integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    lease_token uuid,
    response_status integer,
    response jsonb,
    error text,
    erased boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (order_id, id),
    CONSTRAINT leased_until_when CHECK ((state = 'leased') = (lease_until IS NOT NULL AND lease_token IS NOT NULL)),
    CONSTRAINT finished_when CHECK ((state IN ('succeeded', 'failed', 'dead')) = (finished_at IS NOT NULL))
);
COMMENT ON TABLE commerce.provider_calls IS
'what is asked of providers, and how far that is. SELECT * FROM commerce.provider_calls WHERE state = ''dead'' lists what was given up: retry_provider_call() tries it again, abandon_provider_call() says that it was not done';
COMMENT ON COLUMN commerce.provider_calls.order_id IS 'the order it is about; of what no order is needed for the cart, or whatever the caller named';
COMMENT ON COLUMN commerce.provider_calls.id IS 'its key, by which the provider knows it when it comes again';
COMMENT ON COLUMN commerce.provider_calls.arguments IS 'what the request was built from, beside payment, parcel and amount';
COMMENT ON COLUMN commerce.provider_calls.headers IS 'a JSON object; {secret} is put in when it is sent';
COMMENT ON COLUMN commerce.provider_calls.body IS 'the same, byte for byte, whenever it is sent';
COMMENT ON COLUMN commerce.provider_calls.state IS
'pending: to be sent; leased: being sent; succeeded; failed: the provider refused; unknown: sent, and nobody knows what became of it until the provider is asked; dead: given up';
COMMENT ON COLUMN commerce.provider_calls.asking IS 'of what is leased: the provider is only asked what became of it';
COMMENT ON COLUMN commerce.provider_calls.maybe_done IS 'it was, or may have been, sent: what it is about counts as done until it is known not to be';
COMMENT ON COLUMN commerce.provider_calls.attempt IS 'how often it was begun to be sent or asked about';
COMMENT ON COLUMN commerce.provider_calls.next_at IS 'of what is pending or unknown, when it goes on';
COMMENT ON COLUMN commerce.provider_calls.lease_until IS 'when whoever sends it is given up';
COMMENT ON COLUMN commerce.provider_calls.lease_token IS 'of who sends it: an outcome that comes with another is too late';
COMMENT ON COLUMN commerce.provider_calls.response_status IS 'HTTP status of the last answer; NULL: there was none';
COMMENT ON COLUMN commerce.provider_calls.response IS 'what of the answer its adapter keeps, without card numbers and secrets';
COMMENT ON COLUMN commerce.provider_calls.erased IS 'whom it is about was erased, and what was sent is gone: it is not sent again';
COMMENT ON COLUMN commerce.provider_calls.error IS 'why it failed, in the provider''s code or the shop''s words';
CREATE INDEX provider_calls_ready ON commerce.provider_calls (provider, next_at) WHERE state IN ('pending', 'unknown');
CREATE INDEX provider_calls_leased ON commerce.provider_calls (provider, lease_until) WHERE state = 'leased';
CREATE INDEX provider_calls_failed ON commerce.provider_calls (provider, finished_at) WHERE state = 'failed';
CREATE INDEX provider_calls_dead ON commerce.provider_calls (provider, finished_at) WHERE state = 'dead';
GRANT SELECT ON commerce.provider_adapters TO commerce_reader;
-- What was sent may name people and their cards, as the provider calls them.
GRANT SELECT (order_id, id, provider, operation, payment_id, fulfilment_id, amount, state, asking, maybe_done, attempt, next_at, lease_until,
    response_status, error, erased, created_at, finished_at) ON commerce.provider_calls TO commerce_reader;
GRANT SELECT (name, id, kind, adapter, base_url, settings, enabled, created_at) ON commerce.providers TO commerce_reader;

CREATE TABLE commerce.provider_payments (
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    provider text NOT NULL,
    reference text NOT NULL,
    action_url text,
    PRIMARY KEY (order_id, payment_id)
);
COMMENT ON TABLE commerce.provider_payments IS 'what providers call payments, from their first answer on';
COMMENT ON COLUMN commerce.provider_payments.reference IS 'of stripe the id of the PaymentIntent';
COMMENT ON COLUMN commerce.provider_payments.action_url IS 'where the buyer goes on while the payment requires_action; payment_action() shows it';
CREATE UNIQUE INDEX provider_payments_reference ON commerce.provider_payments (provider, reference);
GRANT SELECT (order_id, payment_id, provider, reference) ON commerce.provider_payments TO commerce_reader;

-- Keyed by what providers repeat, as payment_references is.
CREATE TABLE commerce.provider_events (
    provider text NOT NULL,
    id text NOT NULL CHECK (id <> '' AND octet_length(id) <= 255),
    type text NOT NULL,
    reference text,
    payment_id uuid,
    outcome jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('applied', 'waiting', 'refused', 'ignored')),
    error text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
);
COMMENT ON TABLE commerce.provider_events IS 'what providers told by themselves: each once, however often and in whatever order it comes. What is older than providers repeat themselves (Stripe: three days) may be deleted';
COMMENT ON COLUMN commerce.provider_events.reference IS 'what the provider calls the payment it is about';
COMMENT ON COLUMN commerce.provider_events.outcome IS 'what it means, in the words of the adapter; nothing else of it is kept';
COMMENT ON COLUMN commerce.provider_events.state IS
'applied; waiting: what it follows on has not come yet; refused: the ledger does not allow it (error says why): somebody has to look at it; ignored: it means nothing for the shop';
CREATE INDEX provider_events_waiting ON commerce.provider_events (provider, reference) WHERE state = 'waiting';
CREATE INDEX provider_events_refused ON commerce.provider_events (provider, received_at) WHERE state = 'refused';
GRANT SELECT (provider, id, type, reference, payment_id, state, error, received_at) ON commerce.provider_events TO commerce_reader;

INSERT INTO commerce.sealed_columns ("table", "column", subject_columns, field) VALUES
    ('commerce.providers', 'secret', '{id}', 'secret:provider'),
    ('commerce.providers', 'webhook_secret', '{id}', 'secret:provider_webhook');
-- What providers answer in their own words has come through scrub() and is not refused: the money has moved by then.
SELECT commerce.guard_card_numbers(t::regclass) FROM unnest('{commerce.providers, commerce.provider_adapters, commerce.provider_calls,
    commerce.provider_events}'::text[]) t;
-- A buyer who cannot go on cannot pay, and such URLs have long numbers of their own.
SELECT commerce.guard_card_numbers('commerce.provider_payments', '{action_url}');
