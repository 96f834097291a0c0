-- Reconciliation: what Stripe's own books say, what was booked of it, and what does not agree.

INSERT INTO account_class (name, asset, floor, shards)
VALUES
    ('processor', 'USD', NULL, 16),
    ('bank',      'USD', NULL, 16),
    ('sales_tax', 'USD', NULL, 16);

-- Every movement of Stripe's balance, as Stripe told it the first time.
CREATE TABLE stripe_balance_transaction (
    id                 text        PRIMARY KEY, -- txn_...
    type               text        NOT NULL,
    amount             bigint      NOT NULL,    -- the smallest part of the currency; negative left the balance
    fee                bigint      NOT NULL,
    net                bigint      NOT NULL,
    currency           text        NOT NULL,
    source             text,                    -- ch_, py_, re_, pyr_, du_, po_...
    charge             text,                    -- whose money it is
    payment_intent     text,
    payment_attempt_id text,                    -- as the metadata name it: no promise that we have such a one
    tax                bigint      NOT NULL DEFAULT 0, -- what of a charge is sales tax
    transaction_hash   text,                    -- of a charge that was paid on a chain
    created_at         timestamptz NOT NULL,
    available_on       timestamptz NOT NULL,
    kept_at            timestamptz NOT NULL,
    CONSTRAINT stripe_balance_transaction_adds_up CHECK (net = amount - fee),
    CONSTRAINT stripe_balance_transaction_tax_is_a_part CHECK (tax BETWEEN 0 AND greatest(amount, 0))
);
CREATE INDEX stripe_balance_transaction_in_time ON stripe_balance_transaction (created_at);
CREATE INDEX stripe_balance_transaction_of_charge ON stripe_balance_transaction (charge);

-- Every state that a payout was seen in.
CREATE TABLE stripe_payout (
    payout_id                   text        NOT NULL,
    state                       text        NOT NULL,
    reconciled                  text        NOT NULL,    -- whether Stripe has said all that it consists of
    amount                      bigint      NOT NULL,
    currency                    text        NOT NULL,
    automatic                   boolean     NOT NULL,
    balance_transaction         text,
    failure_balance_transaction text,
    created_at                  timestamptz NOT NULL,
    arrives_at                  timestamptz NOT NULL,
    seen_at                     timestamptz NOT NULL,
    CONSTRAINT stripe_payout_pkey PRIMARY KEY (payout_id, state, reconciled)
);
CREATE INDEX stripe_payout_in_time ON stripe_payout (created_at);

-- What an automatic payout consists of, told once Stripe has reconciled it.
CREATE TABLE stripe_payout_part (
    balance_transaction_id text NOT NULL REFERENCES stripe_balance_transaction,
    payout_id              text NOT NULL,
    CONSTRAINT stripe_payout_part_pkey PRIMARY KEY (balance_transaction_id, payout_id)
);
CREATE INDEX stripe_payout_part_of_payout ON stripe_payout_part (payout_id);

-- Until when Stripe's books were read, whole.
CREATE TABLE reconciliation_cursor (
    source     text        PRIMARY KEY,
    read_until timestamptz NOT NULL,
    read_at    timestamptz NOT NULL
);

-- What was made of each movement, once. The entries stand in the book under 'stripe:<id>'.
CREATE TABLE stripe_booking (
    balance_transaction_id text        PRIMARY KEY REFERENCES stripe_balance_transaction,
    ledger_transaction_id  bigint      UNIQUE REFERENCES ledger_transaction, -- NULL: it moves no dollars
    part                   text        NOT NULL,
    payment_attempt_id     text        REFERENCES payment_attempt,
    rail_id                text,
    received_cents         bigint      NOT NULL, -- what came to clearing of the rail
    tax_cents              bigint      NOT NULL, -- what came to sales_tax
    booked_at              timestamptz NOT NULL,
    CONSTRAINT stripe_booking_part_known CHECK (
        part IN ('payment', 'reversal', 'fee', 'payout', 'unknown', 'foreign')
    ),
    CONSTRAINT stripe_booking_of_a_rail CHECK ((payment_attempt_id IS NULL) = (rail_id IS NULL))
);
CREATE INDEX stripe_booking_of_attempt ON stripe_booking (payment_attempt_id);
CREATE INDEX stripe_booking_in_time ON stripe_booking (booked_at);

-- Every entry of a clearing account, read in order, and whose money it is.
CREATE TABLE reconciliation_posting (
    account_id            bigint      NOT NULL,
    shard                 smallint    NOT NULL,
    seq                   bigint      NOT NULL,
    ledger_transaction_id bigint      NOT NULL REFERENCES ledger_transaction,
    rail_id               text        NOT NULL,
    part                  text        NOT NULL,
    payment_attempt_id    text        REFERENCES payment_attempt, -- NULL: nobody's
    cents                 bigint      NOT NULL, -- that the rail owes us more
    effective_at          timestamptz NOT NULL,
    kept_at               timestamptz NOT NULL,
    CONSTRAINT reconciliation_posting_pkey PRIMARY KEY (account_id, shard, seq),
    CONSTRAINT reconciliation_posting_part_known CHECK (part IN ('granted', 'taken', 'restored', 'settled'))
);
CREATE INDEX reconciliation_posting_of_attempt ON reconciliation_posting (payment_attempt_id);
CREATE INDEX reconciliation_posting_in_time ON reconciliation_posting (kept_at);

-- Two witnesses of the same money, side by side: one row from the moment they differ, or agree at once, until
-- they agree. Differing again later is another row.
CREATE TABLE reconciliation_item (
    item_id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject            text        NOT NULL,    -- an attempt, a balance transaction, a deposit, an account
    matter             text        NOT NULL,
    payment_attempt_id text        REFERENCES payment_attempt,
    state              text        NOT NULL,
    asset              text        NOT NULL,
    expected_units     numeric(78) NOT NULL,
    found_units        numeric(78) NOT NULL,
    day                date        NOT NULL,    -- of the money, in UTC
    opened_at          timestamptz NOT NULL,
    closed_at          timestamptz,
    how                text,
    CONSTRAINT reconciliation_item_matter_known CHECK (
        matter IN ('payment', 'reversal', 'chain', 'movement', 'balance')
    ),
    CONSTRAINT reconciliation_item_state_known CHECK (state IN (
        'expected', 'in_review', 'matched', 'missing', 'over', 'under', 'mismatch',
        'stripe_only', 'book_only', 'chain_only', 'unknown'
    )),
    CONSTRAINT reconciliation_item_closed_says_how CHECK ((closed_at IS NULL) = (how IS NULL)),
    CONSTRAINT reconciliation_item_matched_is_closed CHECK (state <> 'matched' OR closed_at IS NOT NULL)
);
CREATE UNIQUE INDEX reconciliation_item_one_open ON reconciliation_item (subject, matter)
    WHERE closed_at IS NULL;
CREATE INDEX reconciliation_item_of_subject ON reconciliation_item (subject, matter, item_id);
CREATE INDEX reconciliation_item_of_day ON reconciliation_item (day);

-- Every state an item was ever in.
CREATE TABLE reconciliation_item_state (
    item_id        bigint      NOT NULL REFERENCES reconciliation_item,
    place          integer     NOT NULL,
    state          text        NOT NULL,
    expected_units numeric(78) NOT NULL,
    found_units    numeric(78) NOT NULL,
    entered_at     timestamptz NOT NULL,
    why            text        NOT NULL,
    PRIMARY KEY (item_id, place)
);

-- Every run that came to its end, and the two balances that have to be one.
CREATE TABLE reconciliation_run (
    run_id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at      timestamptz NOT NULL,
    read_until      timestamptz NOT NULL,
    kept            integer     NOT NULL,
    booked          integer     NOT NULL,
    opened          integer     NOT NULL,
    closed          integer     NOT NULL,
    breaks          integer     NOT NULL,       -- open at its end
    processor_cents bigint      NOT NULL,       -- as the processor says
    book_cents      bigint      NOT NULL        -- as the book says
);

CREATE FUNCTION refuse_reopening() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a closed item of reconciliation does not change' USING ERRCODE = 'PR900';
END
$$;

CREATE TRIGGER reconciliation_item_closed_stays BEFORE UPDATE ON reconciliation_item
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_reopening();
CREATE TRIGGER reconciliation_item_is_never_deleted BEFORE DELETE ON reconciliation_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_item_state_never_changes BEFORE UPDATE OR DELETE ON reconciliation_item_state
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_run_never_changes BEFORE UPDATE OR DELETE ON reconciliation_run
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stripe_balance_transaction_never_changes BEFORE UPDATE OR DELETE ON stripe_balance_transaction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stripe_payout_never_changes BEFORE UPDATE OR DELETE ON stripe_payout
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stripe_payout_part_never_changes BEFORE UPDATE OR DELETE ON stripe_payout_part
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_posting_never_changes BEFORE UPDATE OR DELETE ON reconciliation_posting
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stripe_booking_never_changes BEFORE UPDATE OR DELETE ON stripe_booking
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE reconciliation_item ENABLE ALWAYS TRIGGER reconciliation_item_closed_stays;
ALTER TABLE reconciliation_item ENABLE ALWAYS TRIGGER reconciliation_item_is_never_deleted;
ALTER TABLE reconciliation_item_state ENABLE ALWAYS TRIGGER reconciliation_item_state_never_changes;
ALTER TABLE reconciliation_run ENABLE ALWAYS TRIGGER reconciliation_run_never_changes;
ALTER TABLE stripe_balance_transaction ENABLE ALWAYS TRIGGER stripe_balance_transaction_never_changes;
ALTER TABLE stripe_payout ENABLE ALWAYS TRIGGER stripe_payout_never_changes;
ALTER TABLE stripe_payout_part ENABLE ALWAYS TRIGGER stripe_payout_part_never_changes;
ALTER TABLE reconciliation_posting ENABLE ALWAYS TRIGGER reconciliation_posting_never_changes;
ALTER TABLE stripe_booking ENABLE ALWAYS TRIGGER stripe_booking_never_changes;
