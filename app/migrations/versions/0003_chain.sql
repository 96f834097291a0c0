-- The chain watcher: how far each chain was read, and every transfer to us that it ever saw.

CREATE TABLE chain_cursor (
    chain_id              bigint      PRIMARY KEY,
    generation            bigint      NOT NULL,   -- counts the passes: a pass that began at another one is void
    block_number          bigint      NOT NULL,   -- the last block read
    block_hash            text        NOT NULL,
    block_time            timestamptz NOT NULL,   -- what the chain did until then is in the table below
    head_number           bigint      NOT NULL,
    head_time             timestamptz NOT NULL,
    depth_policy          text        NOT NULL,
    confirmed_number      bigint,                 -- null: the node could not say, so nothing counts
    finalized_number      bigint,                 -- the highest final block ever heard of
    finalized_hash        text,
    audited_number        bigint      NOT NULL,   -- final blocks up to here were read a second time
    scanned_at            timestamptz NOT NULL,
    deeper_than_final_at  timestamptz,            -- a final block changed: nothing moves until a person decides
    CONSTRAINT chain_cursor_block_not_negative CHECK (block_number >= 0),
    CONSTRAINT chain_cursor_head_not_behind CHECK (head_number >= block_number),
    CONSTRAINT chain_cursor_block_hash_whole CHECK (block_hash ~ '^0x[0-9a-f]{64}$'),
    CONSTRAINT chain_cursor_finalized_hash_whole CHECK (finalized_hash ~ '^0x[0-9a-f]{64}$'),
    CONSTRAINT chain_cursor_finalized_has_hash CHECK ((finalized_number IS NULL) = (finalized_hash IS NULL))
);

-- One transfer in one block. The same transaction in another block, after a reorg, is another row.
CREATE TABLE deposit (
    chain_id      bigint      NOT NULL,
    block_hash    text        NOT NULL,
    log_index     bigint      NOT NULL,
    block_number  bigint      NOT NULL,
    block_time    timestamptz NOT NULL,
    tx_hash       text        NOT NULL,
    token         text        NOT NULL,
    sender        text        NOT NULL,
    address       text        NOT NULL,
    amount        numeric(78) NOT NULL,            -- a token amount has up to 256 bits
    state         text        NOT NULL,
    first_seen_at timestamptz NOT NULL,
    confirmed_at  timestamptz,
    final_at      timestamptz,
    orphaned_at   timestamptz,
    CONSTRAINT deposit_once_per_log PRIMARY KEY (chain_id, block_hash, log_index),
    CONSTRAINT deposit_block_not_negative CHECK (block_number >= 0 AND log_index >= 0),
    CONSTRAINT deposit_amount_not_negative CHECK (amount >= 0),
    CONSTRAINT deposit_hashes_whole CHECK (block_hash ~ '^0x[0-9a-f]{64}$' AND tx_hash ~ '^0x[0-9a-f]{64}$'),
    CONSTRAINT deposit_addresses_lower_case CHECK (
        token ~ '^0x[0-9a-f]{40}$' AND sender ~ '^0x[0-9a-f]{40}$' AND address ~ '^0x[0-9a-f]{40}$'
    ),
    CONSTRAINT deposit_state_known CHECK (state IN ('seen', 'confirmed', 'final', 'orphaned')),
    CONSTRAINT deposit_confirmed_has_time CHECK (state <> 'confirmed' OR confirmed_at IS NOT NULL),
    CONSTRAINT deposit_final_has_times CHECK (
        state <> 'final' OR (confirmed_at IS NOT NULL AND final_at IS NOT NULL)
    ),
    CONSTRAINT deposit_orphaned_has_time CHECK ((state = 'orphaned') = (orphaned_at IS NOT NULL))
);
CREATE INDEX deposit_address ON deposit (address, token);
CREATE INDEX deposit_open ON deposit (chain_id, block_number) WHERE state <> 'final';

-- A final deposit is somebody's money: no code path takes it back or rewrites it.
CREATE FUNCTION deposit_final_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a final deposit does not change' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER deposit_final_stays
    BEFORE UPDATE OR DELETE ON deposit
    FOR EACH ROW WHEN (OLD.state = 'final')
    EXECUTE FUNCTION deposit_final_stays();
