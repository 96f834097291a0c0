-- Which inbox an agent asked to be claimed by. Never who owns it: nothing signs in, signs up or is found by this
-- contact. The newest row counts; the older ones tell what was asked before.
CREATE TABLE agent_claim (
    number       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id     text        NOT NULL REFERENCES agent,
    contact      text        NOT NULL,
    requested_at timestamptz NOT NULL,
    CONSTRAINT agent_claim_contact_lower_case CHECK (contact = lower(contact))
);
CREATE INDEX agent_claim_of_agent ON agent_claim (agent_id, number DESC);

CREATE TRIGGER agent_claim_never_changes BEFORE UPDATE OR DELETE ON agent_claim
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE agent_claim ENABLE ALWAYS TRIGGER agent_claim_never_changes;

-- Agents are told that any other type is a bug of ours.
ALTER TABLE activity ADD CONSTRAINT activity_type_known CHECK (type IN (
    'usage.credit_consumed',
    'payment.checkout_session.created',
    'credits.payment_backed_granted',
    'credits.payment_backed_refunded',
    'credits.payment_backed_disputed',
    'credits.payment_backed_reinstated',
    'credits.payment_backed_reversal_pending',
    'credits.payment_backed_reversal_rejected'
));

-- What credits were used for, one row for each transaction that took them from an agent or gave some of them back.
-- Ask for one account by its id, in order of seq, and only as many rows as are wanted are read.
CREATE VIEW credit_use AS
SELECT
    entry.account_id,
    entry.seq,
    told.id AS transaction_id,
    told.effective_at,
    -entry.amount AS credits,
    -- A hold's end knows its job by the hold; what is given back, by what it gives back of.
    coalesce(hold.job, told.details ->> 'job', undone.details ->> 'job') AS job
FROM entry
JOIN ledger_transaction AS told
    ON told.id = entry.transaction_id
    AND told.kind IN ('debit', 'capture', 'hold_expiry', 'unwind', 'release')
LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses
LEFT JOIN hold ON hold.id = coalesce(told.details ->> 'hold', undone.details ->> 'hold')
WHERE entry.leg = 0
    AND entry.shard = 0
    AND entry.amount <> 0;
