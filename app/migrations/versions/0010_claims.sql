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
