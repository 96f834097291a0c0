-- Who reads the chain, what is wrong with it, and what left the addresses that deposits came to.

-- One watcher reads a chain at a time. `token` grows whenever the lease changes hands: a holder that was thought
-- dead and comes back has an old one, and its writes are refused.
CREATE TABLE chain_lease (
    chain_id   bigint      PRIMARY KEY,
    holder     text        NOT NULL,
    token      bigint      NOT NULL,
    held_until timestamptz NOT NULL,
    CONSTRAINT chain_lease_token_positive CHECK (token > 0)
);
CREATE FUNCTION chain_lease_token_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a fencing token does not go back' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER chain_lease_token_grows
    BEFORE UPDATE ON chain_lease
    FOR EACH ROW WHEN (NEW.token < OLD.token OR (NEW.token = OLD.token AND NEW.holder <> OLD.holder))
    EXECUTE FUNCTION chain_lease_token_grows();

ALTER TABLE chain_cursor
    ADD COLUMN fencing_token  bigint NOT NULL DEFAULT 0,  -- of the lease that the last pass was made under
    ADD COLUMN outflow_number bigint;                     -- final blocks up to here were searched for what left
CREATE FUNCTION chain_cursor_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a pass of an older watcher came late' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER chain_cursor_goes_forward
    BEFORE UPDATE ON chain_cursor
    FOR EACH ROW WHEN (NEW.generation < OLD.generation OR NEW.fencing_token < OLD.fencing_token)
    EXECUTE FUNCTION chain_cursor_goes_forward();

-- What is or was wrong. Open while it lasts; the row stays.
CREATE TABLE chain_alarm (
    alarm_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id     bigint      NOT NULL,
    kind         text        NOT NULL,
    subject      text        NOT NULL,    -- a node, an address; empty where the chain itself is meant
    detail       text        NOT NULL,
    opened_at    timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    closed_at    timestamptz,
    CONSTRAINT chain_alarm_kind_known CHECK (kind IN (
        'head_age', 'cursor_age', 'node_failing', 'wrong_chain', 'nodes_disagree', 'too_few_nodes',
        'block_refused', 'deeper_than_final', 'audit_missing', 'balance_mismatch'
    )),
    CONSTRAINT chain_alarm_times_in_order CHECK (
        opened_at <= last_seen_at AND (closed_at IS NULL OR opened_at <= closed_at)
    )
);
CREATE UNIQUE INDEX chain_alarm_open_once ON chain_alarm (chain_id, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX chain_alarm_opened ON chain_alarm (chain_id, opened_at);
CREATE FUNCTION chain_alarm_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an alarm that was given is not rewritten' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER chain_alarm_stays
    BEFORE UPDATE ON chain_alarm
    FOR EACH ROW WHEN (
        OLD.closed_at IS NOT NULL
        OR (NEW.chain_id, NEW.kind, NEW.subject, NEW.opened_at)
            IS DISTINCT FROM (OLD.chain_id, OLD.kind, OLD.subject, OLD.opened_at)
    )
    EXECUTE FUNCTION chain_alarm_stays();
CREATE TRIGGER chain_alarm_is_kept
    BEFORE DELETE ON chain_alarm
    FOR EACH ROW EXECUTE FUNCTION chain_alarm_stays();

-- One transfer out of one of our addresses, in a final block. Whoever holds the keys sweeps; we only count.
CREATE TABLE chain_outflow (
    chain_id     bigint      NOT NULL,
    block_hash   text        NOT NULL,
    log_index    bigint      NOT NULL,
    block_number bigint      NOT NULL,
    tx_hash      text        NOT NULL,
    token        text        NOT NULL,
    address      text        NOT NULL,             -- ours
    recipient    text        NOT NULL,
    amount       numeric(78) NOT NULL,
    found_at     timestamptz NOT NULL,
    CONSTRAINT chain_outflow_once_per_log PRIMARY KEY (chain_id, block_hash, log_index),
    CONSTRAINT chain_outflow_not_negative CHECK (block_number >= 0 AND log_index >= 0 AND amount >= 0),
    CONSTRAINT chain_outflow_hashes_whole CHECK (
        block_hash ~ '^0x[0-9a-f]{64}$' AND tx_hash ~ '^0x[0-9a-f]{64}$'
    ),
    CONSTRAINT chain_outflow_addresses_lower_case CHECK (
        token ~ '^0x[0-9a-f]{40}$' AND address ~ '^0x[0-9a-f]{40}$' AND recipient ~ '^0x[0-9a-f]{40}$'
    )
);
CREATE INDEX chain_outflow_address ON chain_outflow (address, token);
CREATE FUNCTION chain_outflow_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what left an address in a final block does not change' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER chain_outflow_stays
    BEFORE UPDATE OR DELETE ON chain_outflow
    FOR EACH ROW EXECUTE FUNCTION chain_outflow_stays();

-- What an address held when it was last compared, and what it should have held: in what came, less what left.
CREATE TABLE chain_balance (
    chain_id     bigint      NOT NULL,
    token        text        NOT NULL,
    address      text        NOT NULL,
    block_number bigint      NOT NULL,
    balance      numeric(78) NOT NULL,
    expected     numeric(78) NOT NULL,
    checked_at   timestamptz NOT NULL,
    PRIMARY KEY (chain_id, token, address)
);
