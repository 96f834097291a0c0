-- Seals: a Merkle tree over some thousand transactions at a time, each tied to the seal before it.

-- hash is sha256 of 'pennyrail seal 1|number|leaves|root|previous|horizon|sealed_at', bytes in hex, the time in
-- microseconds since 1970.
CREATE TABLE seal (
    number    bigint      NOT NULL,             -- counted from 1 without a gap
    leaves    integer     NOT NULL,
    root      bytea       NOT NULL,             -- of the tree over its leaves, as in RFC 6962
    previous  bytea       NOT NULL,             -- the hash of the seal before it, '' for the first
    hash      bytea       NOT NULL,
    horizon   xid8        NOT NULL,             -- nobody older was still writing when it was made
    sealed_at timestamptz NOT NULL,
    CONSTRAINT seal_pkey PRIMARY KEY (number),
    CONSTRAINT seal_has_leaves CHECK (number > 0 AND leaves > 0)
);

-- Beside the transactions, not in them: they are never updated.
CREATE TABLE seal_leaf (
    seal           bigint  NOT NULL,
    place          integer NOT NULL,            -- in the tree, from 0, in order of xid and id
    transaction_id bigint  NOT NULL,
    xid            xid8    NOT NULL,
    hash           bytea   NOT NULL,            -- sha256 of a zero byte and sealed_content.content
    CONSTRAINT seal_leaf_pkey PRIMARY KEY (seal, place),
    CONSTRAINT seal_leaf_transaction_sealed_once UNIQUE (transaction_id)
);

-- The order of sealing. An id is taken before its transaction is visible, so it cannot say what is still to come.
CREATE INDEX ledger_transaction_seal_order
ON ledger_transaction (xid, id);

CREATE TRIGGER seal_is_append_only
BEFORE UPDATE OR DELETE ON seal
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER seal_is_never_truncated
BEFORE TRUNCATE ON seal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER seal_leaf_is_append_only
BEFORE UPDATE OR DELETE ON seal_leaf
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER seal_leaf_is_never_truncated
BEFORE TRUNCATE ON seal_leaf
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

ALTER TABLE seal ENABLE ALWAYS TRIGGER seal_is_append_only;
ALTER TABLE seal ENABLE ALWAYS TRIGGER seal_is_never_truncated;
ALTER TABLE seal_leaf ENABLE ALWAYS TRIGGER seal_leaf_is_append_only;
ALTER TABLE seal_leaf ENABLE ALWAYS TRIGGER seal_leaf_is_never_truncated;


CREATE FUNCTION seal_time(moment timestamptz) RETURNS text
LANGUAGE sql
STABLE
AS $$
    SELECT CASE WHEN isfinite(moment) THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END
$$;

-- What a leaf says: all that never changes of a transaction. The entries are in it as one hash, so that a receipt
-- does not show what the house holds. When an account was opened stands with the first entry of its rows.
CREATE VIEW sealed_content AS
SELECT
    told.id,
    told.xid,
    jsonb_build_object(
        'transaction', jsonb_build_object(
            'id', told.id, 'reference', told.reference, 'request_hash', encode(told.request_hash, 'hex'),
            'kind', told.kind, 'outcome', told.outcome, 'account_id', told.account_id, 'account', mine.name,
            'credits', told.credits, 'reverses', told.reverses, 'effective_at', seal_time(told.effective_at),
            'created_at', seal_time(told.created_at), 'actor', told.actor, 'metadata', told.metadata,
            'details', told.details, 'hash', encode(told.hash, 'hex'), 'xid', told.xid::text
        ),
        'entries', (
            SELECT encode(sha256(convert_to(string_agg(concat_ws('|',
                entry.leg, entry.account_id, account.name, entry.shard, entry.asset, entry.amount, entry.held,
                entry.seq, entry.balance_after, entry.held_after, encode(entry.hash, 'hex'),
                seal_time(entry.created_at),
                CASE WHEN entry.seq = 1 THEN seal_time(account.created_at) END
            ), E'\n' ORDER BY entry.leg), 'UTF8')), 'hex')
            FROM entry
            LEFT JOIN account ON account.id = entry.account_id
            WHERE entry.transaction_id = told.id
        ),
        'lots', (
            SELECT jsonb_agg(jsonb_build_object(
                'place', lot_entry.place, 'lot', lot_entry.lot_id, 'credits', lot_entry.credits,
                'used', lot_entry.used, 'cents', lot_entry.cents, 'cents_used', lot_entry.cents_used
            ) ORDER BY lot_entry.place)
            FROM lot_entry
            WHERE lot_entry.transaction_id = told.id
        ),
        'granted', (
            SELECT jsonb_build_object(
                'lot', lot.id, 'promotional', lot.promotional, 'priority', lot.priority,
                'effective_at', seal_time(lot.effective_at), 'expires_at', seal_time(lot.expires_at),
                'credits', lot.granted, 'cents', lot.paid_cents
            )
            FROM lot
            WHERE lot.granted_in = told.id
        ),
        'reversed', (
            SELECT jsonb_build_object('lot', reversal.lot_id, 'cents', reversal.cents, 'credits', reversal.wanted)
            FROM reversal
            WHERE reversal.transaction_id = told.id
        )
    )::text AS content
FROM ledger_transaction AS told
LEFT JOIN account AS mine ON mine.id = told.account_id;
