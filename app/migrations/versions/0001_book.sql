-- The book: who holds how many of what, and every movement that ever was.

-- The chart of accounts. An account is opened by its first posting, from the class before the first colon
-- of its name: agent:agt_123 is of class agent.
CREATE TABLE account_class (
    name   text     NOT NULL,
    asset  text     NOT NULL,
    floor  bigint,                              -- no account of the class falls below it; NULL is unguarded
    shards smallint NOT NULL,                   -- over how many balance rows an account is spread
    CONSTRAINT account_class_pkey PRIMARY KEY (name),
    CONSTRAINT account_class_name_well_formed CHECK (name ~ '^[a-z][a-z_]*$'),
    CONSTRAINT account_class_has_shards CHECK (shards > 0),
    -- A floor is tested against one row, so a guarded account must have only one.
    CONSTRAINT account_class_guarded_is_not_sharded CHECK (floor IS NULL OR shards = 1)
);

INSERT INTO account_class (name, asset, floor, shards)
VALUES
    ('agent',             'CREDIT', 0,    1),
    ('agent_held',        'CREDIT', 0,    1),
    ('issued',            'CREDIT', NULL, 16),
    ('spent',             'CREDIT', NULL, 16),
    ('expired',           'CREDIT', NULL, 16),
    ('clearing',          'USD',    NULL, 16),
    ('prepaid_liability', 'USD',    NULL, 16),
    ('revenue',           'USD',    NULL, 16),
    ('breakage',          'USD',    NULL, 16),
    ('fees',              'USD',    NULL, 16),
    ('receivable',        'USD',    NULL, 16);

CREATE TABLE account (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    name       text        NOT NULL,            -- 'agent:agt_123', 'issued', 'clearing:stripe_checkout'
    class_name text        NOT NULL,
    asset      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_pkey PRIMARY KEY (id),
    CONSTRAINT account_name_unique UNIQUE (name),
    CONSTRAINT account_name_well_formed CHECK (name ~ '^[a-z][a-z_]*(:[A-Za-z0-9._-]{1,200})?$'),
    CONSTRAINT account_name_begins_with_class CHECK (class_name = split_part(name, ':', 1)),
    CONSTRAINT account_class_exists FOREIGN KEY (class_name) REFERENCES account_class (name)
);

-- One narrow row per account and shard, updated in place. It can be derived from the entries at any time.
CREATE TABLE balance (
    account_id bigint      NOT NULL,
    shard      smallint    NOT NULL,
    posted     bigint      NOT NULL DEFAULT 0,
    floor      bigint,
    seq        bigint      NOT NULL DEFAULT 0,  -- of the newest entry, counted from 1 without a gap
    last_at    timestamptz NOT NULL DEFAULT '-infinity',
    head       bytea       NOT NULL DEFAULT '', -- the hash of the newest entry
    CONSTRAINT balance_pkey PRIMARY KEY (account_id, shard),
    CONSTRAINT balance_account_exists FOREIGN KEY (account_id) REFERENCES account (id),
    CONSTRAINT balance_not_below_floor CHECK (posted >= floor),
    CONSTRAINT balance_guarded_is_not_sharded CHECK (floor IS NULL OR shard = 0)
)
-- Half of every page stays free, so that an update finds room beside the old row and touches no index.
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

CREATE TABLE ledger_transaction (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    reference    text        NOT NULL,          -- the event that is told once: 'purchase:pat_123'
    request_hash bytea       NOT NULL,
    kind         text        NOT NULL,
    effective_at timestamptz NOT NULL,          -- when it happened
    created_at   timestamptz NOT NULL,          -- when it was booked: increases along every account
    actor        text        NOT NULL,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    -- Lets a reader wait until nobody older is still writing, which an id cannot tell.
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT ledger_transaction_pkey PRIMARY KEY (id),
    CONSTRAINT ledger_transaction_reference_unique UNIQUE (reference),
    CONSTRAINT ledger_transaction_reference_not_empty CHECK (reference <> '')
);

-- No foreign keys here: they cost a third of the posting rate. The trigger below wants the transaction and
-- the account to be there when an entry is written, and neither can be deleted afterwards.
CREATE TABLE entry (
    transaction_id bigint      NOT NULL,
    leg            smallint    NOT NULL,
    account_id     bigint      NOT NULL,
    shard          smallint    NOT NULL,
    amount         bigint      NOT NULL,
    seq            bigint      NOT NULL,
    balance_after  bigint      NOT NULL,
    hash           bytea       NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT entry_pkey PRIMARY KEY (transaction_id, leg),
    CONSTRAINT entry_seq_unique UNIQUE (account_id, shard, seq),
    CONSTRAINT entry_amount_not_zero CHECK (amount <> 0)
);

CREATE INDEX entry_account_created_at
ON entry (account_id, created_at DESC);


-- Append-only, for the superuser too. ENABLE ALWAYS, or `SET session_replication_role = replica` would
-- switch the promises off.
CREATE FUNCTION refuse_book_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the book is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'PR001';
END $$;

CREATE TRIGGER entry_is_append_only
BEFORE UPDATE OR DELETE ON entry
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER entry_is_never_truncated
BEFORE TRUNCATE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER ledger_transaction_is_append_only
BEFORE UPDATE OR DELETE ON ledger_transaction
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER ledger_transaction_is_never_truncated
BEFORE TRUNCATE ON ledger_transaction
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER account_is_append_only
BEFORE UPDATE OR DELETE ON account
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER account_is_never_truncated
BEFORE TRUNCATE ON account
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER balance_is_never_deleted
BEFORE DELETE ON balance
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER balance_is_never_truncated
BEFORE TRUNCATE ON balance
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER account_class_is_never_deleted
BEFORE DELETE ON account_class
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

CREATE TRIGGER account_class_is_never_truncated
BEFORE TRUNCATE ON account_class
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();


-- Once per INSERT statement, so all legs of a transaction must arrive in one. A transaction cannot get
-- further legs later: its entries come from the same database transaction as itself.
CREATE FUNCTION prove_balanced() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    unproven bigint;
BEGIN
    SELECT written.transaction_id
    INTO unproven
    FROM written
    LEFT JOIN account ON account.id = written.account_id
    LEFT JOIN ledger_transaction
        ON ledger_transaction.id = written.transaction_id
        AND ledger_transaction.xid = pg_current_xact_id()
    GROUP BY written.transaction_id, account.asset
    HAVING sum(written.amount) <> 0
        OR account.asset IS NULL
        OR count(ledger_transaction.id) <> count(*)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % does not sum to zero in every asset, or is not being written now', unproven
        USING ERRCODE = 'PR002';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER entry_sums_to_zero
AFTER INSERT ON entry
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION prove_balanced();

ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_is_append_only;
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_is_never_truncated;
ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_sums_to_zero;
ALTER TABLE ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_append_only;
ALTER TABLE ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_never_truncated;
ALTER TABLE account ENABLE ALWAYS TRIGGER account_is_append_only;
ALTER TABLE account ENABLE ALWAYS TRIGGER account_is_never_truncated;
ALTER TABLE balance ENABLE ALWAYS TRIGGER balance_is_never_deleted;
ALTER TABLE balance ENABLE ALWAYS TRIGGER balance_is_never_truncated;
ALTER TABLE account_class ENABLE ALWAYS TRIGGER account_class_is_never_deleted;
ALTER TABLE account_class ENABLE ALWAYS TRIGGER account_class_is_never_truncated;


-- Opens the accounts, and this connection's balance rows of them, that are not there yet. The name of the
-- first account that cannot be opened, or NULL.
CREATE FUNCTION open_accounts(given_accounts text[]) RETURNS text
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    SELECT given.name
    INTO unknown
    FROM unnest(given_accounts) AS given (name)
    LEFT JOIN account_class ON account_class.name = split_part(given.name, ':', 1)
    WHERE account_class.name IS NULL
        OR given.name !~ '^[a-z][a-z_]*(:[A-Za-z0-9._-]{1,200})?$'
    LIMIT 1;
    IF FOUND THEN
        RETURN unknown;
    END IF;

    -- In order of name, then of id: two connections that open the same accounts wait for, but never
    -- deadlock with, each other.
    INSERT INTO account (name, class_name, asset)
    SELECT DISTINCT given.name, account_class.name, account_class.asset
    FROM unnest(given_accounts) AS given (name)
    JOIN account_class ON account_class.name = split_part(given.name, ':', 1)
    WHERE NOT EXISTS (SELECT FROM account WHERE account.name = given.name)
    ORDER BY given.name
    ON CONFLICT (name) DO NOTHING;

    INSERT INTO balance (account_id, shard, floor)
    SELECT account.id, pg_backend_pid() % account_class.shards, account_class.floor
    FROM account
    JOIN account_class ON account_class.name = account.class_name
    WHERE account.name = ANY (given_accounts)
    ORDER BY account.id
    ON CONFLICT (account_id, shard) DO NOTHING;

    RETURN NULL;
END $$;


-- The one pen. Outcomes: created; exists, the same request was posted before; conflict, another request has
-- the reference; unknown_account; refused, an account would fall below its floor. None of them raises, so
-- the caller's transaction stays usable; only what no caller should ask for does.
CREATE FUNCTION post_transaction(
    given_reference    text,
    given_request_hash bytea,
    given_kind         text,
    given_effective_at timestamptz,
    given_actor        text,
    given_metadata     jsonb,
    given_accounts     text[],
    given_assets       text[],
    given_amounts      bigint[]
)
RETURNS TABLE (outcome text, transaction_id bigint, refused_account text, refused_balance bigint)
LANGUAGE plpgsql
SET search_path = public, pg_temp
-- Array parameters would have every call planned anew, and a plan made for empty tables would scan them.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    legs        constant integer := cardinality(given_accounts);
    largest     constant bigint := 9223372036854775807;
    smallest    constant bigint := -9223372036854775807;
    -- One element per balance row, in order of (account, shard).
    row_names   text[];
    row_assets  text[];
    row_ids     bigint[];
    row_shards  smallint[];
    row_floors  bigint[];
    row_posted  bigint[];
    row_seqs    bigint[];
    row_heads   bytea[];
    -- One element per leg.
    leg_rows    integer[];
    leg_seqs    bigint[];
    leg_after   bigint[];
    leg_hashes  bytea[];
    unopened    boolean;
    known_hash  bytea;
    booked_at   timestamptz;
    place       integer;
BEGIN
    IF legs IS NULL OR legs < 2 OR legs > 32767
        OR cardinality(given_assets) IS DISTINCT FROM legs
        OR cardinality(given_amounts) IS DISTINCT FROM legs
        OR array_position(given_accounts, NULL) IS NOT NULL
        OR array_position(given_amounts, NULL) IS NOT NULL
        OR array_position(given_amounts, 0) IS NOT NULL
    THEN
        RAISE EXCEPTION 'posting % needs two legs or more, each with an account, an asset and an amount that is not zero',
            given_reference
        USING ERRCODE = 'PR003';
    END IF;

    FOR attempt IN 1..2 LOOP
        SELECT
            array_agg(found.name), array_agg(found.asset), array_agg(found.id), array_agg(found.shard),
            bool_or(found.row_id IS NULL)
        INTO row_names, row_assets, row_ids, row_shards, unopened
        FROM (
            SELECT
                account.name, account.asset, account.id, balance.account_id AS row_id,
                (pg_backend_pid() % account_class.shards)::smallint AS shard
            FROM account
            JOIN account_class ON account_class.name = account.class_name
            LEFT JOIN balance
                ON balance.account_id = account.id
                AND balance.shard = pg_backend_pid() % account_class.shards
            WHERE account.name = ANY (given_accounts)
            ORDER BY account.id
        ) AS found;
        FOR leg IN 1..legs LOOP
            leg_rows[leg] := array_position(row_names, given_accounts[leg]);
            unopened := unopened IS NOT FALSE OR leg_rows[leg] IS NULL;
        END LOOP;
        EXIT WHEN NOT unopened;
        refused_account := open_accounts(given_accounts);
        IF refused_account IS NOT NULL THEN
            outcome := 'unknown_account';
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;

    -- Every lock before anything else, always in the same order: no deadlock. NO KEY, or the foreign key of
    -- a new balance row would wait for it.
    SELECT
        array_agg(locked.posted), array_agg(locked.floor), array_agg(locked.seq), array_agg(locked.head),
        greatest(clock_timestamp(), max(locked.last_at) + interval '1 microsecond')
    INTO row_posted, row_floors, row_seqs, row_heads, booked_at
    FROM (
        SELECT balance.posted, balance.floor, balance.seq, balance.head, balance.last_at
        FROM unnest(row_ids, row_shards) AS wanted (account_id, shard)
        JOIN balance
            ON balance.account_id = wanted.account_id
            AND balance.shard = wanted.shard
        ORDER BY balance.account_id, balance.shard
        FOR NO KEY UPDATE OF balance
    ) AS locked;

    -- A new statement sees what the previous holder of the locks has committed.
    SELECT posted.id, posted.request_hash
    INTO transaction_id, known_hash
    FROM ledger_transaction AS posted
    WHERE posted.reference = given_reference;
    IF FOUND THEN
        outcome := CASE WHEN known_hash = given_request_hash THEN 'exists' ELSE 'conflict' END;
        RETURN NEXT;
        RETURN;
    END IF;

    FOR leg IN 1..legs LOOP
        place := leg_rows[leg];
        IF given_assets[leg] IS DISTINCT FROM row_assets[place] THEN
            RAISE EXCEPTION 'account % is kept in %, not in %',
                given_accounts[leg], row_assets[place], given_assets[leg]
            USING ERRCODE = 'PR004';
        END IF;
        IF given_amounts[leg] < smallest
            OR (given_amounts[leg] > 0 AND row_posted[place] > largest - given_amounts[leg])
            OR (given_amounts[leg] < 0 AND row_posted[place] < smallest - given_amounts[leg])
        THEN
            RAISE EXCEPTION 'the balance of account % would leave the range of a bigint', given_accounts[leg]
            USING ERRCODE = 'PR005';
        END IF;
        row_posted[place] := row_posted[place] + given_amounts[leg];
        row_seqs[place] := row_seqs[place] + 1;
        -- The reference comes last: it is the only part that may contain the separator.
        row_heads[place] := sha256(row_heads[place] || convert_to(concat_ws('|',
            given_accounts[leg], row_shards[place], row_seqs[place], given_amounts[leg], row_posted[place],
            (extract(epoch FROM booked_at) * 1000000)::bigint, given_reference
        ), 'UTF8'));
        leg_seqs[leg] := row_seqs[place];
        leg_after[leg] := row_posted[place];
        leg_hashes[leg] := row_heads[place];
    END LOOP;

    FOR place IN 1..cardinality(row_ids) LOOP
        IF row_posted[place] < row_floors[place] THEN
            outcome := 'refused';
            refused_account := row_names[place];
            SELECT balance.posted
            INTO refused_balance
            FROM balance
            WHERE balance.account_id = row_ids[place]
                AND balance.shard = row_shards[place];
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;

    INSERT INTO ledger_transaction AS posted
        (reference, request_hash, kind, effective_at, created_at, actor, metadata)
    VALUES
        (given_reference, given_request_hash, given_kind, given_effective_at, booked_at, given_actor, given_metadata)
    ON CONFLICT (reference) DO NOTHING
    RETURNING posted.id INTO transaction_id;
    IF NOT FOUND THEN
        -- A post that shares no balance row with this one came first between the look-up and here.
        SELECT posted.id, CASE WHEN posted.request_hash = given_request_hash THEN 'exists' ELSE 'conflict' END
        INTO STRICT transaction_id, outcome
        FROM ledger_transaction AS posted
        WHERE posted.reference = given_reference;
        RETURN NEXT;
        RETURN;
    END IF;

    FOR place IN 1..cardinality(row_ids) LOOP
        UPDATE balance
        SET posted = row_posted[place], seq = row_seqs[place], head = row_heads[place], last_at = booked_at
        WHERE balance.account_id = row_ids[place]
            AND balance.shard = row_shards[place];
    END LOOP;

    INSERT INTO entry (transaction_id, leg, account_id, shard, amount, seq, balance_after, hash, created_at)
    SELECT
        post_transaction.transaction_id, written.leg - 1, row_ids[written.place], row_shards[written.place],
        written.amount, written.seq, written.after, written.hash, booked_at
    FROM unnest(leg_rows, given_amounts, leg_seqs, leg_after, leg_hashes)
        WITH ORDINALITY AS written (place, amount, seq, after, hash, leg);

    outcome := 'created';
    RETURN NEXT;
END $$;
