-- Webhooks that the house sends: what happened, who wants to be told, and every try to tell.

CREATE TABLE webhook_endpoint (
    endpoint_id     text        PRIMARY KEY,
    url             text        NOT NULL,
    event_types     text[]      NOT NULL,
    state           text        NOT NULL,
    -- Since when nothing has come through; NULL after a success.
    failing_since   timestamptz,
    -- It asked to be left alone until then.
    quiet_until     timestamptz,
    disabled_at     timestamptz,
    disabled_reason text,
    created_at      timestamptz NOT NULL,       -- it is told of what happens from then on
    CONSTRAINT webhook_endpoint_state_known CHECK (state IN ('enabled', 'disabled')),
    CONSTRAINT webhook_endpoint_wants_something CHECK (cardinality(event_types) > 0),
    CONSTRAINT webhook_endpoint_disabled_says_when_and_why CHECK (
        (state = 'disabled') = (disabled_at IS NOT NULL) AND (state = 'disabled') = (disabled_reason IS NOT NULL)
    )
);

-- Encrypted under a key that is in no table. Two that are valid at a time are a rotation.
CREATE TABLE webhook_secret (
    secret_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text        NOT NULL REFERENCES webhook_endpoint,
    sealed      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz
);
CREATE INDEX webhook_secret_of_endpoint ON webhook_secret (endpoint_id);

-- What happened, once, in the very bytes that are signed and sent.
CREATE TABLE webhook_event (
    event_id    text        PRIMARY KEY,        -- the webhook-id of every try to tell it
    type        text        NOT NULL,
    subject     text        NOT NULL,           -- what it is told of
    agent_id    text,
    body        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT webhook_event_told_once UNIQUE (type, subject)
);
CREATE INDEX webhook_event_in_time ON webhook_event (occurred_at);

-- What one endpoint is to be told, or was. That an event exists says nothing about it.
CREATE TABLE webhook_delivery (
    endpoint_id  text        NOT NULL REFERENCES webhook_endpoint,
    event_id     text        NOT NULL REFERENCES webhook_event,
    state        text        NOT NULL,
    tries        integer     NOT NULL DEFAULT 0, -- since it was last asked for
    try_at       timestamptz,
    delivered_at timestamptz,
    created_at   timestamptz NOT NULL,
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (endpoint_id, event_id),
    CONSTRAINT webhook_delivery_state_known CHECK (state IN ('pending', 'delivered', 'failed')),
    CONSTRAINT webhook_delivery_pending_has_time CHECK ((state = 'pending') = (try_at IS NOT NULL)),
    -- Nothing counts as delivered but what was answered well.
    CONSTRAINT webhook_delivery_delivered_says_when CHECK (state <> 'delivered' OR delivered_at IS NOT NULL)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, try_at) WHERE state = 'pending';

CREATE TABLE webhook_attempt (
    attempt_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text        NOT NULL,
    event_id    text        NOT NULL,
    started_at  timestamptz NOT NULL,
    duration_ms integer     NOT NULL,
    status      integer,                        -- NULL if nobody answered
    error       text,                           -- the class of what went wrong, NULL if it was delivered
    answer      text,                           -- the beginning of it, without secrets
    CONSTRAINT webhook_attempt_of_delivery FOREIGN KEY (endpoint_id, event_id) REFERENCES webhook_delivery,
    CONSTRAINT webhook_attempt_delivered_was_answered CHECK (
        (error IS NULL) = (coalesce(status, 0) BETWEEN 200 AND 299)
    )
);
CREATE INDEX webhook_attempt_of_delivery ON webhook_attempt (endpoint_id, event_id);

-- The last seal whose transactions were told.
CREATE TABLE webhook_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    seal     bigint  NOT NULL
);
INSERT INTO webhook_cursor (seal) VALUES (0);

-- One process delivers at a time, however many there are: a receiver that hangs costs one of them.
CREATE TABLE webhook_turn (
    only_one boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    holder   text        NOT NULL,
    until    timestamptz NOT NULL
);
INSERT INTO webhook_turn (holder, until) VALUES ('', '-infinity');

CREATE TRIGGER webhook_event_never_changes BEFORE UPDATE OR DELETE ON webhook_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER webhook_attempt_never_changes BEFORE UPDATE OR DELETE ON webhook_attempt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE webhook_event ENABLE ALWAYS TRIGGER webhook_event_never_changes;
ALTER TABLE webhook_attempt ENABLE ALWAYS TRIGGER webhook_attempt_never_changes;
