-- The inbox: who handles a notice, why it was given up, what people decided of it, and what is listed already.

ALTER TABLE notice
    -- Somebody handles it, and nobody else begins to, until then.
    ADD COLUMN leased_until timestamptz,
    -- What the last try broke with, trimmed and without secrets. Its kind is the reason.
    ADD COLUMN error text,
    ADD CONSTRAINT notice_given_up_says_why CHECK (state NOT IN ('dead', 'ignored') OR reason IS NOT NULL),
    ADD CONSTRAINT notice_leased_waits CHECK (leased_until IS NULL OR state = 'waiting'),
    -- None: nobody delivered it, it was found in the processor's list.
    ADD CONSTRAINT notice_deliveries_not_negative CHECK (deliveries >= 0);
CREATE INDEX notice_dead ON notice (notice_id) WHERE state = 'dead';

-- Refunds and disputes name the payment, and an attempt on a page is known by its session.
CREATE INDEX evidence_of_payment_intent ON evidence ((detail ->> 'payment_intent_id')) WHERE source = 'stripe';

-- What somebody made of a notice. Only added to.
CREATE TABLE notice_action (
    action_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id  bigint      NOT NULL REFERENCES notice,
    action     text        NOT NULL,
    actor      text        NOT NULL,
    reason     text        NOT NULL,
    from_state text        NOT NULL,
    acted_at   timestamptz NOT NULL,
    CONSTRAINT notice_action_known CHECK (action IN ('replay', 'ignore')),
    CONSTRAINT notice_action_says_who CHECK (btrim(actor) <> ''),
    CONSTRAINT notice_action_says_why CHECK (btrim(reason) <> '')
);
CREATE INDEX notice_action_of_notice ON notice_action (notice_id);

CREATE TRIGGER notice_action_never_changes BEFORE UPDATE OR DELETE ON notice_action
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE notice_action ENABLE ALWAYS TRIGGER notice_action_never_changes;

-- The newest event of a processor's list that is surely kept, with all before it.
CREATE TABLE notice_cursor (
    source      text        PRIMARY KEY,
    external_id text        NOT NULL,
    happened_at timestamptz NOT NULL,
    moved_at    timestamptz NOT NULL
);
