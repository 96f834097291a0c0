-- An address is one attempt's alone, or one agent's for all its attempts; what was sent there pays one of them.

CREATE TABLE owned_address (
    address text PRIMARY KEY,
    owner   text NOT NULL,                      -- an attempt, or an agent
    CONSTRAINT owned_address_lower_case CHECK (address = lower(address)),
    CONSTRAINT owned_address_once UNIQUE (address, owner)
);
INSERT INTO owned_address (address, owner)
SELECT deposit_address, payment_attempt_id FROM payment_attempt WHERE deposit_address IS NOT NULL;

-- An address has one owner. If that is an attempt, no other attempt can name it; if it is an agent, nobody
-- else's can.
ALTER TABLE payment_attempt ADD COLUMN address_owner text;
UPDATE payment_attempt SET address_owner = payment_attempt_id WHERE deposit_address IS NOT NULL;
ALTER TABLE payment_attempt
    DROP CONSTRAINT payment_attempt_once_per_address,
    ADD CONSTRAINT payment_attempt_address_has_owner CHECK ((deposit_address IS NULL) = (address_owner IS NULL)),
    ADD CONSTRAINT payment_attempt_owns_its_address CHECK (address_owner IN (payment_attempt_id, agent_id)),
    ADD CONSTRAINT payment_attempt_address_of_owner
        FOREIGN KEY (deposit_address, address_owner) REFERENCES owned_address (address, owner);
CREATE INDEX ix_payment_attempt_deposit_address ON payment_attempt (deposit_address);

-- What Stripe set aside for an agent, once.
CREATE TABLE agent_deposit_address (
    agent_id       text        NOT NULL,
    network        text        NOT NULL,
    live_money     boolean     NOT NULL,
    address_id     text        NOT NULL,        -- Stripe's name of it
    address        text        NOT NULL,        -- as Stripe spells it
    token_contract text        NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT agent_deposit_address_once PRIMARY KEY (agent_id, network, live_money),
    CONSTRAINT agent_deposit_address_one_agent UNIQUE (address_id)
);
CREATE UNIQUE INDEX agent_deposit_address_is_nobody_elses ON agent_deposit_address (lower(address));

-- One transfer to an agent's address, and the attempt that it belongs to: for ever, in whatever block it comes
-- to lie. `position` counts the transfers of one transaction to one address. `number` counts the transfers that
-- are to pay the attempt, one after the other; without one it came beside what was asked for.
CREATE TABLE transfer_claim (
    chain_id           bigint      NOT NULL,
    tx_hash            text        NOT NULL,
    address            text        NOT NULL,
    position           integer     NOT NULL,
    payment_attempt_id text        NOT NULL REFERENCES payment_attempt,
    number             integer,
    amount             numeric(78) NOT NULL,
    claimed_at         timestamptz NOT NULL,
    stripe_version     text        NOT NULL,    -- a repeated request has to be the same to the letter
    tries              integer     NOT NULL DEFAULT 0,  -- that Stripe has refused
    asked_at           timestamptz,             -- since when the next one has no answer
    try_at             timestamptz,             -- not before
    refused            text,                    -- Stripe's code for its last no
    intent_id          text,
    released_at        timestamptz,             -- the chain took the transfer back, and nothing was paid with it
    CONSTRAINT transfer_claim_once_per_transfer PRIMARY KEY (chain_id, tx_hash, address, position),
    CONSTRAINT transfer_claim_in_turn UNIQUE (payment_attempt_id, number),
    CONSTRAINT transfer_claim_once_per_intent UNIQUE (intent_id),
    CONSTRAINT transfer_claim_number_from_one CHECK (number > 0),
    CONSTRAINT transfer_claim_tries_counted CHECK (tries >= 0 AND position >= 0),
    CONSTRAINT transfer_claim_beside_is_never_shown CHECK (
        number IS NOT NULL OR (tries = 0 AND num_nonnulls(asked_at, try_at, refused, intent_id, released_at) = 0)
    )
);

-- An attempt that was closed by hand: no transfer is taken for its payment any more.
CREATE TABLE closed_deposit (
    payment_attempt_id text        PRIMARY KEY REFERENCES payment_attempt,
    closed_at          timestamptz NOT NULL
);

-- The second transfer may pay an attempt only when the first was released: two never do.
CREATE FUNCTION transfer_claim_waits_its_turn() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > 1 AND NOT EXISTS (
        SELECT FROM transfer_claim AS before
        WHERE before.payment_attempt_id = NEW.payment_attempt_id
            AND before.number = NEW.number - 1
            AND before.released_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'another transfer pays %', NEW.payment_attempt_id USING ERRCODE = 'PR900';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER transfer_claim_waits_its_turn BEFORE INSERT ON transfer_claim
    FOR EACH ROW EXECUTE FUNCTION transfer_claim_waits_its_turn();

-- Whose a transfer is stays as it is; what Stripe has answered, and that it was released, is said once.
CREATE FUNCTION transfer_claim_stays() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR (NEW.chain_id, NEW.tx_hash, NEW.address, NEW.position, NEW.payment_attempt_id, NEW.amount)
            <> (OLD.chain_id, OLD.tx_hash, OLD.address, OLD.position, OLD.payment_attempt_id, OLD.amount)
        OR (NEW.claimed_at, NEW.stripe_version) <> (OLD.claimed_at, OLD.stripe_version)
        OR NEW.number IS DISTINCT FROM OLD.number
        OR OLD.released_at IS NOT NULL
        OR (OLD.intent_id IS NOT NULL AND NEW.intent_id IS DISTINCT FROM OLD.intent_id)
    THEN
        RAISE EXCEPTION '% on transfer_claim is refused: it stays as it is', TG_OP USING ERRCODE = 'PR900';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER transfer_claim_stays BEFORE UPDATE OR DELETE ON transfer_claim
    FOR EACH ROW EXECUTE FUNCTION transfer_claim_stays();

CREATE TRIGGER owned_address_never_changes BEFORE UPDATE OR DELETE ON owned_address
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_deposit_address_never_changes BEFORE UPDATE OR DELETE ON agent_deposit_address
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER closed_deposit_never_changes BEFORE UPDATE OR DELETE ON closed_deposit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE transfer_claim ENABLE ALWAYS TRIGGER transfer_claim_waits_its_turn;
ALTER TABLE transfer_claim ENABLE ALWAYS TRIGGER transfer_claim_stays;
ALTER TABLE owned_address ENABLE ALWAYS TRIGGER owned_address_never_changes;
ALTER TABLE agent_deposit_address ENABLE ALWAYS TRIGGER agent_deposit_address_never_changes;
ALTER TABLE closed_deposit ENABLE ALWAYS TRIGGER closed_deposit_never_changes;
