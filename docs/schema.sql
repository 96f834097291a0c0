-- The schema after every migration. Written by: make schema

CREATE FUNCTION public.deposit_final_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a final deposit does not change' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.open_accounts(given_accounts text[]) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;

CREATE FUNCTION public.post_transaction(given_reference text, given_request_hash bytea, given_kind text, given_effective_at timestamp with time zone, given_actor text, given_metadata jsonb, given_accounts text[], given_assets text[], given_amounts bigint[]) RETURNS TABLE(outcome text, transaction_id bigint, refused_account text, refused_balance bigint)
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
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

CREATE FUNCTION public.prove_balanced() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
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

CREATE FUNCTION public.refuse_book_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the book is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'PR001';
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is never changed', TG_OP, TG_TABLE_NAME USING ERRCODE = 'PR900';
END
$$;

CREATE TABLE public.account (
    id bigint NOT NULL,
    name text NOT NULL,
    class_name text CONSTRAINT account_class_name_not_null1 NOT NULL,
    asset text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT account_name_begins_with_class CHECK ((class_name = split_part(name, ':'::text, 1))),
    CONSTRAINT account_name_well_formed CHECK ((name ~ '^[a-z][a-z_]*(:[A-Za-z0-9._-]{1,200})?$'::text))
);

CREATE TABLE public.account_class (
    name text NOT NULL,
    asset text NOT NULL,
    floor bigint,
    shards smallint NOT NULL,
    CONSTRAINT account_class_guarded_is_not_sharded CHECK (((floor IS NULL) OR (shards = 1))),
    CONSTRAINT account_class_has_shards CHECK ((shards > 0)),
    CONSTRAINT account_class_name_well_formed CHECK ((name ~ '^[a-z][a-z_]*$'::text))
);

ALTER TABLE public.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.activity (
    event_id text NOT NULL,
    agent_id text NOT NULL,
    type text NOT NULL,
    operation text NOT NULL,
    subject_type text NOT NULL,
    subject_id text NOT NULL,
    status text NOT NULL,
    summary text NOT NULL,
    links jsonb NOT NULL,
    occurred_at timestamp with time zone NOT NULL
);

CREATE TABLE public.agent (
    agent_id text NOT NULL,
    organization_id text NOT NULL,
    contact text,
    agent_name text NOT NULL,
    runtime text NOT NULL,
    discovery_source text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT agent_contact_lower_case CHECK ((contact = lower(contact))),
    CONSTRAINT agent_discovery_source_is_slug CHECK ((discovery_source ~ '^[a-z0-9._-]{1,64}$'::text))
);

CREATE TABLE public.agent_token (
    token_hash bytea NOT NULL,
    agent_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT agent_token_is_sha256 CHECK ((octet_length(token_hash) = 32))
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.balance (
    account_id bigint NOT NULL,
    shard smallint NOT NULL,
    posted bigint DEFAULT 0 NOT NULL,
    floor bigint,
    seq bigint DEFAULT 0 NOT NULL,
    last_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    head bytea DEFAULT '\x'::bytea NOT NULL,
    CONSTRAINT balance_guarded_is_not_sharded CHECK (((floor IS NULL) OR (shard = 0))),
    CONSTRAINT balance_not_below_floor CHECK ((posted >= floor))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.01');

CREATE TABLE public.buy_key (
    agent_id text NOT NULL,
    idempotency_key text NOT NULL,
    quote_id text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.chain_cursor (
    chain_id bigint NOT NULL,
    generation bigint NOT NULL,
    block_number bigint NOT NULL,
    block_hash text NOT NULL,
    block_time timestamp with time zone NOT NULL,
    head_number bigint NOT NULL,
    head_time timestamp with time zone NOT NULL,
    depth_policy text NOT NULL,
    confirmed_number bigint,
    finalized_number bigint,
    finalized_hash text,
    audited_number bigint NOT NULL,
    scanned_at timestamp with time zone NOT NULL,
    deeper_than_final_at timestamp with time zone,
    CONSTRAINT chain_cursor_block_hash_whole CHECK ((block_hash ~ '^0x[0-9a-f]{64}$'::text)),
    CONSTRAINT chain_cursor_block_not_negative CHECK ((block_number >= 0)),
    CONSTRAINT chain_cursor_finalized_has_hash CHECK (((finalized_number IS NULL) = (finalized_hash IS NULL))),
    CONSTRAINT chain_cursor_finalized_hash_whole CHECK ((finalized_hash ~ '^0x[0-9a-f]{64}$'::text)),
    CONSTRAINT chain_cursor_head_not_behind CHECK ((head_number >= block_number))
);

CREATE TABLE public.deposit (
    chain_id bigint NOT NULL,
    block_hash text NOT NULL,
    log_index bigint NOT NULL,
    block_number bigint NOT NULL,
    block_time timestamp with time zone NOT NULL,
    tx_hash text NOT NULL,
    token text NOT NULL,
    sender text NOT NULL,
    address text NOT NULL,
    amount numeric(78,0) NOT NULL,
    state text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    final_at timestamp with time zone,
    orphaned_at timestamp with time zone,
    CONSTRAINT deposit_addresses_lower_case CHECK (((token ~ '^0x[0-9a-f]{40}$'::text) AND (sender ~ '^0x[0-9a-f]{40}$'::text) AND (address ~ '^0x[0-9a-f]{40}$'::text))),
    CONSTRAINT deposit_amount_not_negative CHECK ((amount >= (0)::numeric)),
    CONSTRAINT deposit_block_not_negative CHECK (((block_number >= 0) AND (log_index >= 0))),
    CONSTRAINT deposit_confirmed_has_time CHECK (((state <> 'confirmed'::text) OR (confirmed_at IS NOT NULL))),
    CONSTRAINT deposit_final_has_times CHECK (((state <> 'final'::text) OR ((confirmed_at IS NOT NULL) AND (final_at IS NOT NULL)))),
    CONSTRAINT deposit_hashes_whole CHECK (((block_hash ~ '^0x[0-9a-f]{64}$'::text) AND (tx_hash ~ '^0x[0-9a-f]{64}$'::text))),
    CONSTRAINT deposit_orphaned_has_time CHECK (((state = 'orphaned'::text) = (orphaned_at IS NOT NULL))),
    CONSTRAINT deposit_state_known CHECK ((state = ANY (ARRAY['seen'::text, 'confirmed'::text, 'final'::text, 'orphaned'::text])))
);

CREATE TABLE public.entry (
    transaction_id bigint NOT NULL,
    leg smallint NOT NULL,
    account_id bigint NOT NULL,
    shard smallint NOT NULL,
    amount bigint NOT NULL,
    seq bigint NOT NULL,
    balance_after bigint NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT entry_amount_not_zero CHECK ((amount <> 0))
);

CREATE TABLE public.evidence (
    payment_attempt_id text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    state text NOT NULL,
    detail jsonb NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT evidence_source_known CHECK ((source = ANY (ARRAY['stripe'::text, 'chain'::text])))
);

CREATE TABLE public.ledger_transaction (
    id bigint NOT NULL,
    reference text NOT NULL,
    request_hash bytea NOT NULL,
    kind text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT ledger_transaction_reference_not_empty CHECK ((reference <> ''::text))
);

ALTER TABLE public.ledger_transaction ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ledger_transaction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notice (
    notice_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    kind text NOT NULL,
    refs jsonb NOT NULL,
    body bytea NOT NULL,
    state text NOT NULL,
    reason text,
    received_at timestamp with time zone NOT NULL,
    deliveries integer DEFAULT 1 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    try_at timestamp with time zone,
    handled_at timestamp with time zone,
    CONSTRAINT notice_state_known CHECK ((state = ANY (ARRAY['waiting'::text, 'handled'::text, 'ignored'::text, 'dead'::text]))),
    CONSTRAINT notice_waiting_has_time CHECK (((state = 'waiting'::text) = (try_at IS NOT NULL)))
);

ALTER TABLE public.notice ALTER COLUMN notice_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notice_notice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payment_attempt (
    payment_attempt_id text NOT NULL,
    quote_id text NOT NULL,
    agent_id text NOT NULL,
    rail_id text NOT NULL,
    reference text,
    state text NOT NULL,
    reason text,
    instructions jsonb,
    deposit_address text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    look_at timestamp with time zone,
    looked_at timestamp with time zone,
    looks integer DEFAULT 0 NOT NULL,
    CONSTRAINT payment_attempt_address_lower_case CHECK ((deposit_address = lower(deposit_address))),
    CONSTRAINT payment_attempt_opened_has_reference CHECK (((state = ANY (ARRAY['opening'::text, 'failed'::text, 'expired'::text])) OR ((reference IS NOT NULL) AND (instructions IS NOT NULL)))),
    CONSTRAINT payment_attempt_state_known CHECK ((state = ANY (ARRAY['opening'::text, 'requires_action'::text, 'processing'::text, 'needs_review'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'expired'::text])))
);

CREATE TABLE public.payment_exception (
    exception_id bigint NOT NULL,
    payment_attempt_id text NOT NULL,
    kind text NOT NULL,
    asset text NOT NULL,
    expected_units numeric(78,0) NOT NULL,
    received_units numeric(78,0) NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_by text,
    resolution text,
    CONSTRAINT payment_exception_closed_says_who_and_how CHECK ((((closed_at IS NULL) = (closed_by IS NULL)) AND ((closed_at IS NULL) = (resolution IS NULL)))),
    CONSTRAINT payment_exception_kind_known CHECK ((kind = ANY (ARRAY['underpaid'::text, 'overpaid'::text, 'several'::text, 'unmatched'::text, 'unseen'::text, 'mismatch'::text, 'chain_evidence_pending'::text])))
);

ALTER TABLE public.payment_exception ALTER COLUMN exception_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payment_exception_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.quote (
    quote_id text NOT NULL,
    agent_id text NOT NULL,
    idempotency_key text NOT NULL,
    credits bigint NOT NULL,
    pack_id text,
    rail_id text NOT NULL,
    price_cents bigint NOT NULL,
    live_money boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT quote_credits_positive CHECK ((credits > 0)),
    CONSTRAINT quote_lives_forward CHECK ((expires_at > created_at)),
    CONSTRAINT quote_price_positive CHECK ((price_cents > 0))
);

CREATE TABLE public.receipt (
    receipt_id text NOT NULL,
    payment_attempt_id text NOT NULL,
    quote_id text NOT NULL,
    agent_id text NOT NULL,
    credit_event_id text NOT NULL,
    ledger_transaction_id bigint NOT NULL,
    credits bigint NOT NULL,
    received_cents bigint NOT NULL,
    balance_after bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT receipt_credits_positive CHECK ((credits > 0)),
    CONSTRAINT receipt_received_not_negative CHECK ((received_cents >= 0))
);

ALTER TABLE ONLY public.account_class
    ADD CONSTRAINT account_class_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_unique UNIQUE (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.activity
    ADD CONSTRAINT activity_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.activity
    ADD CONSTRAINT activity_told_once UNIQUE (type, subject_id);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_has_its_own_organization UNIQUE (organization_id);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_once_per_contact_and_name UNIQUE (contact, agent_name);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_pkey PRIMARY KEY (agent_id);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (account_id, shard);

ALTER TABLE ONLY public.buy_key
    ADD CONSTRAINT buy_key_pkey PRIMARY KEY (agent_id, idempotency_key);

ALTER TABLE ONLY public.chain_cursor
    ADD CONSTRAINT chain_cursor_pkey PRIMARY KEY (chain_id);

ALTER TABLE ONLY public.deposit
    ADD CONSTRAINT deposit_once_per_log PRIMARY KEY (chain_id, block_hash, log_index);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (transaction_id, leg);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_seq_unique UNIQUE (account_id, shard, seq);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (payment_attempt_id, source, external_id);

ALTER TABLE ONLY public.ledger_transaction
    ADD CONSTRAINT ledger_transaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_transaction
    ADD CONSTRAINT ledger_transaction_reference_unique UNIQUE (reference);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_kept_once UNIQUE (source, external_id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (notice_id);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_once_per_address UNIQUE (deposit_address);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_once_per_quote UNIQUE (quote_id);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_once_per_reference UNIQUE (reference);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_pkey PRIMARY KEY (payment_attempt_id);

ALTER TABLE ONLY public.payment_exception
    ADD CONSTRAINT payment_exception_pkey PRIMARY KEY (exception_id);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_once_per_key UNIQUE (agent_id, idempotency_key);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_pkey PRIMARY KEY (quote_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_once_per_attempt UNIQUE (payment_attempt_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_once_per_credit_event UNIQUE (credit_event_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_once_per_quote UNIQUE (quote_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_once_per_transaction UNIQUE (ledger_transaction_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (receipt_id);

CREATE INDEX activity_of_agent ON public.activity USING btree (agent_id, occurred_at DESC);

CREATE UNIQUE INDEX agent_token_one_active ON public.agent_token USING btree (agent_id) WHERE (revoked_at IS NULL);

CREATE INDEX deposit_address ON public.deposit USING btree (address, token);

CREATE INDEX deposit_open ON public.deposit USING btree (chain_id, block_number) WHERE (state <> 'final'::text);

CREATE INDEX entry_account_created_at ON public.entry USING btree (account_id, created_at DESC);

CREATE INDEX notice_due ON public.notice USING btree (try_at) WHERE (try_at IS NOT NULL);

CREATE INDEX payment_attempt_due ON public.payment_attempt USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE UNIQUE INDEX payment_exception_one_open_per_kind ON public.payment_exception USING btree (payment_attempt_id, kind) WHERE (closed_at IS NULL);

CREATE TRIGGER account_class_is_never_deleted BEFORE DELETE ON public.account_class FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.account_class ENABLE ALWAYS TRIGGER account_class_is_never_deleted;

CREATE TRIGGER account_class_is_never_truncated BEFORE TRUNCATE ON public.account_class FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.account_class ENABLE ALWAYS TRIGGER account_class_is_never_truncated;

CREATE TRIGGER account_is_append_only BEFORE DELETE OR UPDATE ON public.account FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.account ENABLE ALWAYS TRIGGER account_is_append_only;

CREATE TRIGGER account_is_never_truncated BEFORE TRUNCATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.account ENABLE ALWAYS TRIGGER account_is_never_truncated;

CREATE TRIGGER activity_never_changes BEFORE DELETE OR UPDATE ON public.activity FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.activity ENABLE ALWAYS TRIGGER activity_never_changes;

CREATE TRIGGER balance_is_never_deleted BEFORE DELETE ON public.balance FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.balance ENABLE ALWAYS TRIGGER balance_is_never_deleted;

CREATE TRIGGER balance_is_never_truncated BEFORE TRUNCATE ON public.balance FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.balance ENABLE ALWAYS TRIGGER balance_is_never_truncated;

CREATE TRIGGER buy_key_never_changes BEFORE DELETE OR UPDATE ON public.buy_key FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.buy_key ENABLE ALWAYS TRIGGER buy_key_never_changes;

CREATE TRIGGER deposit_final_stays BEFORE DELETE OR UPDATE ON public.deposit FOR EACH ROW WHEN ((old.state = 'final'::text)) EXECUTE FUNCTION public.deposit_final_stays();

CREATE TRIGGER entry_is_append_only BEFORE DELETE OR UPDATE ON public.entry FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_is_append_only;

CREATE TRIGGER entry_is_never_truncated BEFORE TRUNCATE ON public.entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_is_never_truncated;

CREATE TRIGGER entry_sums_to_zero AFTER INSERT ON public.entry REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.prove_balanced();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_sums_to_zero;

CREATE TRIGGER ledger_transaction_is_append_only BEFORE DELETE OR UPDATE ON public.ledger_transaction FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_append_only;

CREATE TRIGGER ledger_transaction_is_never_truncated BEFORE TRUNCATE ON public.ledger_transaction FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_never_truncated;

CREATE TRIGGER quote_never_changes BEFORE DELETE OR UPDATE ON public.quote FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.quote ENABLE ALWAYS TRIGGER quote_never_changes;

CREATE TRIGGER receipt_never_changes BEFORE DELETE OR UPDATE ON public.receipt FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.receipt ENABLE ALWAYS TRIGGER receipt_never_changes;

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_class_exists FOREIGN KEY (class_name) REFERENCES public.account_class(name);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(agent_id);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_account_exists FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.buy_key
    ADD CONSTRAINT buy_key_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);

ALTER TABLE ONLY public.payment_exception
    ADD CONSTRAINT payment_exception_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_ledger_transaction_id_fkey FOREIGN KEY (ledger_transaction_id) REFERENCES public.ledger_transaction(id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);
