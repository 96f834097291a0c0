-- Buying: quotes, attempts to pay them, what the witnesses said, and the notices that knocked.

CREATE TABLE quote (
    quote_id        text        PRIMARY KEY,
    agent_id        text        NOT NULL,
    idempotency_key text        NOT NULL,
    credits         bigint      NOT NULL,
    pack_id         text,
    rail_id         text        NOT NULL,
    price_cents     bigint      NOT NULL,
    live_money      boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT quote_once_per_key UNIQUE (agent_id, idempotency_key),
    CONSTRAINT quote_credits_positive CHECK (credits > 0),
    CONSTRAINT quote_price_positive CHECK (price_cents > 0),
    CONSTRAINT quote_lives_forward CHECK (expires_at > created_at)
);

CREATE TABLE payment_attempt (
    payment_attempt_id text        PRIMARY KEY,
    quote_id           text        NOT NULL REFERENCES quote,
    agent_id           text        NOT NULL,
    rail_id            text        NOT NULL,
    reference          text,
    state              text        NOT NULL,
    reason             text,
    instructions       jsonb,
    deposit_address    text,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    look_at            timestamptz,
    looked_at          timestamptz,
    looks              integer     NOT NULL DEFAULT 0,
    CONSTRAINT payment_attempt_once_per_quote UNIQUE (quote_id),
    CONSTRAINT payment_attempt_once_per_reference UNIQUE (reference),
    CONSTRAINT payment_attempt_once_per_address UNIQUE (deposit_address),
    CONSTRAINT payment_attempt_state_known CHECK (state IN (
        'opening', 'requires_action', 'processing', 'needs_review', 'succeeded', 'failed', 'canceled', 'expired'
    )),
    CONSTRAINT payment_attempt_opened_has_reference CHECK (
        state IN ('opening', 'failed', 'expired') OR (reference IS NOT NULL AND instructions IS NOT NULL)
    ),
    CONSTRAINT payment_attempt_address_lower_case CHECK (deposit_address = lower(deposit_address))
);
CREATE INDEX payment_attempt_due ON payment_attempt (look_at) WHERE look_at IS NOT NULL;

-- One agent's buy keys. A second key for the same quote is another name of the same attempt.
CREATE TABLE buy_key (
    agent_id        text        NOT NULL,
    idempotency_key text        NOT NULL,
    quote_id        text        NOT NULL REFERENCES quote,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (agent_id, idempotency_key)
);

-- What each witness says of a payment. The state moves on; the row is the latest word of that witness.
CREATE TABLE evidence (
    payment_attempt_id text        NOT NULL REFERENCES payment_attempt,
    source             text        NOT NULL,
    external_id        text        NOT NULL,
    state              text        NOT NULL,
    detail             jsonb       NOT NULL,
    first_seen_at      timestamptz NOT NULL,
    last_seen_at       timestamptz NOT NULL,
    PRIMARY KEY (payment_attempt_id, source, external_id),
    CONSTRAINT evidence_source_known CHECK (source IN ('stripe', 'chain'))
);

CREATE TABLE receipt (
    receipt_id            text        PRIMARY KEY,
    payment_attempt_id    text        NOT NULL REFERENCES payment_attempt,
    quote_id              text        NOT NULL REFERENCES quote,
    agent_id              text        NOT NULL,
    credit_event_id       text        NOT NULL,
    ledger_transaction_id bigint      NOT NULL REFERENCES ledger_transaction,
    credits               bigint      NOT NULL,
    received_cents        bigint      NOT NULL,
    balance_after         bigint      NOT NULL,
    created_at            timestamptz NOT NULL,
    CONSTRAINT receipt_once_per_attempt UNIQUE (payment_attempt_id),
    CONSTRAINT receipt_once_per_quote UNIQUE (quote_id),
    CONSTRAINT receipt_once_per_credit_event UNIQUE (credit_event_id),
    CONSTRAINT receipt_once_per_transaction UNIQUE (ledger_transaction_id),
    CONSTRAINT receipt_credits_positive CHECK (credits > 0),
    CONSTRAINT receipt_received_not_negative CHECK (received_cents >= 0)
);

-- Money that nobody may grant on without a decision: never silence.
CREATE TABLE payment_exception (
    exception_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_attempt_id text        NOT NULL REFERENCES payment_attempt,
    kind               text        NOT NULL,
    asset              text        NOT NULL,
    expected_units     numeric(78) NOT NULL,
    received_units     numeric(78) NOT NULL,
    opened_at          timestamptz NOT NULL,
    closed_at          timestamptz,
    closed_by          text,
    resolution         text,
    CONSTRAINT payment_exception_kind_known CHECK (kind IN (
        'underpaid', 'overpaid', 'several', 'unmatched', 'unseen', 'mismatch', 'chain_evidence_pending'
    )),
    CONSTRAINT payment_exception_closed_says_who_and_how CHECK (
        (closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (resolution IS NULL)
    )
);
CREATE UNIQUE INDEX payment_exception_one_open_per_kind ON payment_exception (payment_attempt_id, kind)
    WHERE closed_at IS NULL;

-- What an agent may read of its own history, with exactly the contract's event types.
CREATE TABLE activity (
    event_id     text        PRIMARY KEY,
    agent_id     text        NOT NULL,
    type         text        NOT NULL,
    operation    text        NOT NULL,
    subject_type text        NOT NULL,
    subject_id   text        NOT NULL,
    status       text        NOT NULL,
    summary      text        NOT NULL,
    links        jsonb       NOT NULL,
    occurred_at  timestamptz NOT NULL,
    CONSTRAINT activity_told_once UNIQUE (type, subject_id)
);
CREATE INDEX activity_of_agent ON activity (agent_id, occurred_at DESC);

-- Notices, kept once, raw. `refs` are the processor ids the body mentions: where to look, never what to believe.
CREATE TABLE notice (
    notice_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text        NOT NULL,
    external_id text        NOT NULL,
    kind        text        NOT NULL,
    refs        jsonb       NOT NULL,
    body        bytea       NOT NULL,
    state       text        NOT NULL,
    reason      text,
    received_at timestamptz NOT NULL,
    deliveries  integer     NOT NULL DEFAULT 1,
    attempts    integer     NOT NULL DEFAULT 0,
    try_at      timestamptz,
    handled_at  timestamptz,
    CONSTRAINT notice_kept_once UNIQUE (source, external_id),
    CONSTRAINT notice_state_known CHECK (state IN ('waiting', 'handled', 'ignored', 'dead')),
    CONSTRAINT notice_waiting_has_time CHECK ((state = 'waiting') = (try_at IS NOT NULL))
);
CREATE INDEX notice_due ON notice (try_at) WHERE try_at IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is never changed', TG_OP, TG_TABLE_NAME USING ERRCODE = 'PR900';
END
$$;

CREATE TRIGGER quote_never_changes BEFORE UPDATE OR DELETE ON quote
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receipt_never_changes BEFORE UPDATE OR DELETE ON receipt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER activity_never_changes BEFORE UPDATE OR DELETE ON activity
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER buy_key_never_changes BEFORE UPDATE OR DELETE ON buy_key
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE quote ENABLE ALWAYS TRIGGER quote_never_changes;
ALTER TABLE receipt ENABLE ALWAYS TRIGGER receipt_never_changes;
ALTER TABLE activity ENABLE ALWAYS TRIGGER activity_never_changes;
ALTER TABLE buy_key ENABLE ALWAYS TRIGGER buy_key_never_changes;
