-- Exceptions that are decided: each kind, what may be done about it, who did what and why.

-- Money that arrived and that nobody was given credits for: it is still owed to whoever sent it.
INSERT INTO account_class (name, asset, floor, shards) VALUES ('unclaimed', 'USD', NULL, 16);

-- What the agent was promised when the payment was opened; NULL for older ones, whose differences people decide.
ALTER TABLE payment_attempt ADD COLUMN policy jsonb;

ALTER TABLE payment_exception
    ALTER COLUMN payment_attempt_id DROP NOT NULL,
    ADD COLUMN subject     text,                 -- what an exception without an attempt is about
    ADD COLUMN detail      text,                 -- what was seen, for people
    ADD COLUMN final_units numeric(78),          -- how much of what was received no reorganisation takes back; NULL: unknown
    ADD COLUMN late        boolean NOT NULL DEFAULT false,  -- by the chain's clock, some of it came after the time to pay
    ADD COLUMN wait_until  timestamptz,          -- nobody is asked before then
    DROP CONSTRAINT payment_exception_kind_known,
    ADD CONSTRAINT payment_exception_kind_known CHECK (kind IN (
        'underpaid', 'overpaid', 'topped_up', 'several', 'late', 'after_close', 'retired_address', 'wrong_token',
        'unmatched', 'unseen', 'mismatch', 'taken_back', 'chain_evidence_pending', 'deeper_than_final'
    )),
    ADD CONSTRAINT payment_exception_is_about_something CHECK (
        (kind = 'deeper_than_final') = (payment_attempt_id IS NULL) AND (payment_attempt_id IS NULL) = (subject IS NOT NULL)
    ),
    ADD CONSTRAINT payment_exception_units_not_negative CHECK (received_units >= 0 AND final_units >= 0);

-- Two foreign tokens at one address are two exceptions.
DROP INDEX payment_exception_one_open_per_kind;
CREATE UNIQUE INDEX payment_exception_one_open_per_kind ON payment_exception (payment_attempt_id, kind, asset)
    WHERE closed_at IS NULL;
CREATE UNIQUE INDEX payment_exception_one_open_per_subject ON payment_exception (subject, kind)
    WHERE closed_at IS NULL AND payment_attempt_id IS NULL;
CREATE INDEX payment_exception_of_attempt ON payment_exception (payment_attempt_id);

-- Every decision, for ever. `units` is how much of what arrived it is about: millionths of a dollar, or of another
-- token its own. `cents` is what of it was granted, sent back or booked as unclaimed; what is less than a cent is
-- only said here. A claim is made by the house: what was written off turned out to be the payment after all.
CREATE TABLE exception_action (
    action_id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exception_id          bigint      NOT NULL REFERENCES payment_exception,
    action                text        NOT NULL,
    actor                 text        NOT NULL,
    reason                text        NOT NULL,
    units                 numeric(78) NOT NULL,
    cents                 bigint      NOT NULL,
    ledger_transaction_id bigint      REFERENCES ledger_transaction,
    wait_until            timestamptz,
    created_at            timestamptz NOT NULL,
    CONSTRAINT exception_action_known CHECK (action IN ('credit', 'refund', 'wait', 'write_off', 'claim')),
    CONSTRAINT exception_action_says_who_and_why CHECK (actor <> '' AND reason <> ''),
    CONSTRAINT exception_action_amounts_not_negative CHECK (units >= 0 AND cents >= 0),
    CONSTRAINT exception_action_once_per_transaction UNIQUE (ledger_transaction_id),
    CONSTRAINT exception_action_waits_until CHECK ((action = 'wait') = (wait_until IS NOT NULL)),
    -- What is granted or booked is in the book, and nothing else is.
    CONSTRAINT exception_action_is_in_the_book CHECK (
        CASE action
            WHEN 'credit' THEN cents > 0 AND ledger_transaction_id IS NOT NULL
            WHEN 'claim' THEN cents > 0 AND ledger_transaction_id IS NOT NULL
            WHEN 'write_off' THEN (cents > 0) = (ledger_transaction_id IS NOT NULL)
            ELSE ledger_transaction_id IS NULL
        END
    )
);
-- Waiting can be asked for again and again; whatever else is done about an exception is done once.
CREATE UNIQUE INDEX exception_action_decides_once ON exception_action (exception_id)
    WHERE action NOT IN ('wait', 'claim');
CREATE UNIQUE INDEX exception_action_claims_once ON exception_action (exception_id) WHERE action = 'claim';
CREATE INDEX exception_action_of_exception ON exception_action (exception_id);

CREATE TRIGGER exception_action_never_changes BEFORE UPDATE OR DELETE ON exception_action
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE exception_action ENABLE ALWAYS TRIGGER exception_action_never_changes;

CREATE FUNCTION exception_is_open() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM payment_exception WHERE exception_id = NEW.exception_id AND closed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'exception % is closed: nothing more is done about it', NEW.exception_id USING ERRCODE = 'PR901';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER exception_action_needs_an_open_exception BEFORE INSERT ON exception_action
    FOR EACH ROW WHEN (NEW.action <> 'claim') EXECUTE FUNCTION exception_is_open();
ALTER TABLE exception_action ENABLE ALWAYS TRIGGER exception_action_needs_an_open_exception;

-- A closed exception stays as it was closed; if the difference changes, there is a new one.
CREATE TRIGGER payment_exception_closed_stays BEFORE UPDATE ON payment_exception
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_exception_never_vanishes BEFORE DELETE ON payment_exception
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE payment_exception ENABLE ALWAYS TRIGGER payment_exception_closed_stays;
ALTER TABLE payment_exception ENABLE ALWAYS TRIGGER payment_exception_never_vanishes;
