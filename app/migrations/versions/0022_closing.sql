-- The close of a month: what was prepared by one person and confirmed by another, and the lock on the book.

-- A report of one month, as one person prepared it. Several may be prepared before one is confirmed.
CREATE TABLE period_draft (
    draft_id     bigint      GENERATED ALWAYS AS IDENTITY,
    month        date        NOT NULL,          -- its first day
    report       jsonb       NOT NULL,
    control_hash bytea       NOT NULL,          -- sha256 of the report as canonical JSON
    warnings     jsonb       NOT NULL,          -- what was not as it should be
    reason       text,                          -- why it may be closed all the same
    prepared_by  text        NOT NULL,
    prepared_at  timestamptz NOT NULL,
    snapshot     text        NOT NULL,          -- of the database, that the report was read from
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT period_draft_pkey PRIMARY KEY (draft_id),
    CONSTRAINT period_draft_is_of_a_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT period_draft_has_a_hash CHECK (length(control_hash) = 32),
    CONSTRAINT period_draft_gives_a_reason CHECK (warnings = '[]' OR coalesce(reason, '') ~ '\S'),
    CONSTRAINT period_draft_for_its_close UNIQUE (draft_id, month, prepared_by, control_hash)
);
CREATE INDEX period_draft_of_month ON period_draft (month, draft_id);

-- The months that are closed: in order, without a gap, for ever.
CREATE TABLE period_close (
    month        date        NOT NULL,
    previous     date,                          -- NULL for the first
    draft_id     bigint      NOT NULL,
    prepared_by  text        NOT NULL,
    control_hash bytea       NOT NULL,
    closed_by    text        NOT NULL,
    closed_at    timestamptz NOT NULL,
    CONSTRAINT period_close_pkey PRIMARY KEY (month),
    CONSTRAINT period_close_follows_one UNIQUE (previous),
    CONSTRAINT period_close_follows FOREIGN KEY (previous) REFERENCES period_close (month),
    CONSTRAINT period_close_leaves_no_gap CHECK (previous = (month - interval '1 month')::date),
    CONSTRAINT period_close_is_what_was_prepared FOREIGN KEY (draft_id, month, prepared_by, control_hash)
        REFERENCES period_draft (draft_id, month, prepared_by, control_hash),
    CONSTRAINT period_close_by_another CHECK (lower(trim(closed_by)) <> lower(trim(prepared_by)))
);
CREATE UNIQUE INDEX period_close_has_one_first ON period_close ((previous IS NULL)) WHERE previous IS NULL;

CREATE TRIGGER period_draft_is_append_only
BEFORE UPDATE OR DELETE ON period_draft
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER period_draft_is_never_truncated
BEFORE TRUNCATE ON period_draft
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER period_close_is_append_only
BEFORE UPDATE OR DELETE ON period_close
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER period_close_is_never_truncated
BEFORE TRUNCATE ON period_close
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

-- Until when the book is closed.
CREATE FUNCTION closed_until() RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = public, pg_temp
AS $$
    SELECT coalesce((max(month) + interval '1 month') AT TIME ZONE 'UTC', '-infinity') FROM period_close
$$;

-- The moment under which something is booked: its own, or the first that is still open. Whoever asks has the
-- book kept open as it is until the end of its transaction.
CREATE FUNCTION open_moment(happened_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4973, 22);
    RETURN greatest(happened_at, closed_until());
END $$;

-- What is booked later than it happened says when that was.
CREATE FUNCTION with_true_time(metadata jsonb, happened_at timestamptz) RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
    SELECT coalesce(metadata, '{}') || jsonb_build_object('happened_at', seal_time(happened_at))
$$;

-- The pens book late what came late; this is for whoever forgets to. A month is closed only when it is over, so
-- what falls into the present one asks no table.
CREATE FUNCTION refuse_closed_period() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.effective_at < public.open_moment(NEW.effective_at) THEN
        RAISE EXCEPTION '% is in a month that is closed', NEW.effective_at
        USING ERRCODE = 'PR010';
    END IF;
    RETURN NEW;
END $$;

-- A month is closed only when it is over: what happens in the present one does not even call the function.
CREATE TRIGGER ledger_transaction_is_in_an_open_period
BEFORE INSERT ON ledger_transaction
FOR EACH ROW WHEN (NEW.effective_at < date_trunc('month', clock_timestamp(), 'UTC'))
EXECUTE FUNCTION refuse_closed_period();

-- Nobody can have written into the month since the draft read it, and nobody can any more.
CREATE FUNCTION refuse_unsound_close() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
DECLARE
    ends_at constant timestamptz := (NEW.month + interval '1 month') AT TIME ZONE 'UTC';
    draft   period_draft;
BEGIN
    PERFORM pg_advisory_xact_lock(4973, 22);
    IF ends_at > clock_timestamp() THEN
        RAISE EXCEPTION 'the month % is not over', to_char(NEW.month, 'YYYY-MM')
        USING ERRCODE = 'PR011';
    END IF;
    SELECT prepared.* INTO draft FROM period_draft AS prepared WHERE prepared.draft_id = NEW.draft_id;
    -- Who looked at the clock before the month was over had a number before the draft had one.
    IF pg_snapshot_xmin(pg_current_snapshot()) <= draft.xid THEN
        RAISE EXCEPTION 'somebody who began before the close was prepared is still writing: try again'
        USING ERRCODE = 'PR011';
    END IF;
    IF EXISTS (
        SELECT FROM ledger_transaction AS told
        WHERE told.xid >= pg_snapshot_xmin(draft.snapshot::pg_snapshot)
            AND NOT pg_visible_in_snapshot(told.xid, draft.snapshot::pg_snapshot)
            AND told.effective_at < ends_at
    ) THEN
        RAISE EXCEPTION 'the book of % has changed since its close was prepared: prepare it again',
            to_char(NEW.month, 'YYYY-MM')
        USING ERRCODE = 'PR011';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER period_close_is_sound
BEFORE INSERT ON period_close
FOR EACH ROW EXECUTE FUNCTION refuse_unsound_close();

ALTER TABLE period_draft ENABLE ALWAYS TRIGGER period_draft_is_append_only;
ALTER TABLE period_draft ENABLE ALWAYS TRIGGER period_draft_is_never_truncated;
ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_is_append_only;
ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_is_never_truncated;
ALTER TABLE period_close ENABLE ALWAYS TRIGGER period_close_is_sound;
ALTER TABLE ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_in_an_open_period;

-- A month is read by when things happened, which follows the order of booking but for a few.
CREATE INDEX ledger_transaction_in_effect
ON ledger_transaction USING brin (effective_at)
WITH (pages_per_range = 32, autosummarize = on);


-- The pens, which book what came late under the first open moment.

-- Writes down that `op` was told, with what came of it. The hash of what it wrote.
CREATE OR REPLACE FUNCTION tell(
    op operation, id bigint, outcome text, account_id bigint, credits bigint, reverses bigint,
    created_at timestamptz, details jsonb
)
RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    -- A month is closed only when it is over: the present one costs no statement.
    told_at     constant timestamptz := CASE
        WHEN happened_at >= date_trunc('month', clock_timestamp(), 'UTC') THEN happened_at
        ELSE open_moment(happened_at)
    END;
    metadata    constant jsonb := CASE
        WHEN told_at = happened_at THEN coalesce(op.metadata, '{}')
        ELSE with_true_time(op.metadata, happened_at)
    END;
    told        constant bytea := told_hash(
        id, op.reference, op.request_hash, op.kind, outcome, account_id, credits, reverses, told_at,
        created_at, op.actor, metadata, details
    );
BEGIN
    INSERT INTO ledger_transaction (
        id, reference, request_hash, kind, outcome, account_id, credits, reverses, effective_at, created_at,
        actor, metadata, details, hash
    )
    VALUES (
        id, nullif(op.reference, ''), op.request_hash, op.kind, outcome, account_id, credits, reverses, told_at,
        created_at, op.actor, metadata, details, told
    );
    RETURN told;
END $$;

-- Tells `op`, and sets `aside` credits of the agent aside or lets them go; none is gained or lost.
CREATE OR REPLACE FUNCTION set_aside(
    op operation, mine balance, id bigint, aside bigint, credits bigint, details jsonb, due_at timestamptz
)
RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    now         constant timestamptz := greatest(clock_timestamp(), mine.last_at + interval '1 microsecond');
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    -- A month is closed only when it is over: the present one costs no statement.
    told_at     constant timestamptz := CASE
        WHEN happened_at >= date_trunc('month', clock_timestamp(), 'UTC') THEN happened_at
        ELSE open_moment(happened_at)
    END;
    metadata    constant jsonb := CASE
        WHEN told_at = happened_at THEN coalesce(op.metadata, '{}')
        ELSE with_true_time(op.metadata, happened_at)
    END;
    told        constant bytea := told_hash(
        id, op.reference, op.request_hash, op.kind, 'done', mine.account_id, credits, NULL, told_at, now,
        op.actor, metadata, details
    );
    link        constant bytea := chain_hash(
        mine.head, told, 'agent:' || op.agent, mine.shard, mine.seq + 1, 0, mine.posted, aside, mine.held + aside
    );
BEGIN
    WITH said AS (
        INSERT INTO ledger_transaction (
            id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, metadata,
            details, hash
        )
        VALUES (
            id, nullif(op.reference, ''), op.request_hash, op.kind, mine.account_id, credits, told_at, now,
            op.actor, metadata, details, told
        )
    ),
    moved AS (
        UPDATE balance
        SET held = mine.held + aside,
            seq = mine.seq + 1,
            last_at = now,
            due_at = least(mine.due_at, set_aside.due_at),
            head = link
        WHERE balance.account_id = mine.account_id
            AND balance.shard = mine.shard
    )
    INSERT INTO entry (
        transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash,
        created_at
    )
    VALUES (
        id, 0, mine.account_id, mine.shard, 'CREDIT', 0, aside, mine.seq + 1, mine.posted, mine.held + aside,
        link, now
    );
    RETURN ('done', false, id, mine.seq + 1, mine.posted, mine.held + aside, credits, details)::operation_result;
END $$;

-- Tells `op`, and moves the agent's row by `amount` and `aside` and the house accounts by theirs.
CREATE OR REPLACE FUNCTION book(
    op operation, mine balance, id bigint, amount bigint, aside bigint, credits bigint,
    house_accounts text[], house_amounts bigint[], details jsonb,
    due_at timestamptz DEFAULT 'infinity', reverses bigint DEFAULT NULL
)
RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    -- A month is closed only when it is over: the present one costs no statement.
    told_at     constant timestamptz := CASE
        WHEN happened_at >= date_trunc('month', clock_timestamp(), 'UTC') THEN happened_at
        ELSE open_moment(happened_at)
    END;
    metadata    constant jsonb := CASE
        WHEN told_at = happened_at THEN coalesce(op.metadata, '{}')
        ELSE with_true_time(op.metadata, happened_at)
    END;
    house record := lock_house(house_accounts, house_amounts);
    now   constant timestamptz := greatest(
        clock_timestamp(), greatest(mine.last_at, house.last_at) + interval '1 microsecond'
    );
    told  bytea;
    link  bytea;
BEGIN
    IF amount = 0 AND aside = 0 THEN
        -- No entry of the agent tells this balance, so that the details must.
        details := coalesce(details, '{}') || balance_details(mine);
        told := tell(op, id, 'done', mine.account_id, credits, reverses, now, details);
        PERFORM write_house(id, told, now, house_accounts, house_amounts);
        RETURN ('done', false, id, mine.seq, mine.posted, mine.held, credits, details)::operation_result;
    END IF;
    told := told_hash(
        id, op.reference, op.request_hash, op.kind, 'done', mine.account_id, credits, reverses, told_at, now,
        op.actor, metadata, details
    );
    link := chain_hash(
        mine.head, told, 'agent:' || op.agent, mine.shard, mine.seq + 1, amount, mine.posted + amount, aside,
        mine.held + aside
    );
    WITH said AS (
        INSERT INTO ledger_transaction (
            id, reference, request_hash, kind, account_id, credits, reverses, effective_at, created_at, actor,
            metadata, details, hash
        )
        VALUES (
            id, nullif(op.reference, ''), op.request_hash, op.kind, mine.account_id, credits, reverses,
            told_at, now, op.actor, metadata, details, told
        )
    ),
    own AS (
        UPDATE balance
        SET posted = mine.posted + amount,
            held = mine.held + aside,
            seq = mine.seq + 1,
            last_at = now,
            due_at = least(mine.due_at, book.due_at),
            head = link
        WHERE balance.account_id = mine.account_id
            AND balance.shard = mine.shard
    ),
    moved AS (
        UPDATE balance
        SET posted = balance.posted + leg.amount,
            seq = balance.seq + 1,
            last_at = now,
            head = chain_hash(
                balance.head, told, leg.name, balance.shard, balance.seq + 1,
                leg.amount, balance.posted + leg.amount, 0, 0
            )
        FROM unnest(house_accounts, house_amounts) WITH ORDINALITY AS leg (name, amount, place)
        JOIN account ON account.name = leg.name
        WHERE balance.account_id = account.id
            AND balance.shard = pg_backend_pid() % 16
            AND leg.amount <> 0
            AND leg.place BETWEEN 1 AND 1000
        RETURNING leg.place, balance.account_id, balance.shard, account.asset, leg.amount, balance.seq,
            balance.posted, balance.head
    )
    INSERT INTO entry (
        transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash,
        created_at
    )
    SELECT
        id, 0, mine.account_id, mine.shard, 'CREDIT', amount, aside, mine.seq + 1, mine.posted + amount,
        mine.held + aside, link, now
    UNION ALL
    SELECT
        id, row_number() OVER (ORDER BY moved.place), moved.account_id, moved.shard, moved.asset, moved.amount, 0,
        moved.seq, moved.posted, 0, moved.head, now
    FROM moved;
    RETURN ('done', false, id, mine.seq + 1, mine.posted + amount, mine.held + aside, credits, details)::operation_result;
END $$;

-- Writes a posting between house accounts, one leg an account. Outcomes: created; exists, the same was
-- posted before; conflict, something else has the reference; unknown_account. None of them raises, so the
-- caller's transaction stays usable; only what no caller should ask for does.
CREATE OR REPLACE FUNCTION post_transaction(
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
RETURNS TABLE (outcome text, transaction_id bigint, refused_account text)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
-- Array parameters would have every call planned anew, and a plan made for empty tables would scan them.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    told_at  timestamptz := given_effective_at;
    metadata jsonb := given_metadata;
    house record;
    id    bigint;
    told  bytea;
    now   timestamptz;
BEGIN
    PERFORM check_legs(given_reference, given_accounts, given_assets, given_amounts);
    house := lock_house(given_accounts, given_amounts);
    IF house.unknown IS NOT NULL THEN
        RETURN QUERY SELECT 'unknown_account', NULL::bigint, house.unknown;
        RETURN;
    END IF;
    PERFORM check_assets(given_accounts, given_assets);

    IF told_at < date_trunc('month', clock_timestamp(), 'UTC') THEN
        told_at := open_moment(given_effective_at);
        IF told_at > given_effective_at THEN
            metadata := with_true_time(given_metadata, given_effective_at);
        END IF;
    END IF;
    id := nextval('ledger_transaction_id_seq');
    now := greatest(clock_timestamp(), house.last_at + interval '1 microsecond');
    told := told_hash(
        id, given_reference, given_request_hash, given_kind, 'done', NULL, NULL, NULL, told_at, now,
        given_actor, metadata, NULL
    );
    INSERT INTO ledger_transaction
        (id, reference, request_hash, kind, outcome, effective_at, created_at, actor, metadata, hash)
    VALUES
        (id, given_reference, given_request_hash, given_kind, 'done', told_at, now, given_actor,
        metadata, told)
    ON CONFLICT (reference) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT
            CASE WHEN known.request_hash = given_request_hash THEN 'exists' ELSE 'conflict' END,
            known.id, NULL::text
        FROM ledger_transaction AS known
        WHERE known.reference = given_reference;
        RETURN;
    END IF;
    PERFORM write_house(id, told, now, given_accounts, given_amounts);
    RETURN QUERY SELECT 'created', id, NULL::text;
END $$;


-- Reconciliation: what a person has explained stays explained.
ALTER TABLE reconciliation_item ADD COLUMN closed_by text; -- NULL: the witnesses agreed by themselves
ALTER TABLE reconciliation_item DROP CONSTRAINT reconciliation_item_state_known;
ALTER TABLE reconciliation_item ADD CONSTRAINT reconciliation_item_state_known CHECK (state IN (
    'expected', 'in_review', 'matched', 'missing', 'over', 'under', 'mismatch',
    'stripe_only', 'book_only', 'chain_only', 'unknown', 'explained'
));
ALTER TABLE reconciliation_item ADD CONSTRAINT reconciliation_item_explained_by_somebody CHECK (
    (state = 'explained') = (closed_by IS NOT NULL) AND (state <> 'explained' OR closed_at IS NOT NULL)
);
DROP INDEX reconciliation_item_of_day;
CREATE INDEX reconciliation_item_of_day ON reconciliation_item (day, item_id);
CREATE INDEX reconciliation_item_of_day_by_state ON reconciliation_item (day, state, item_id);
CREATE INDEX reconciliation_item_still_open ON reconciliation_item (day, item_id) WHERE closed_at IS NULL;
CREATE INDEX reconciliation_posting_by_effect ON reconciliation_posting (effective_at);
CREATE INDEX reconciliation_item_state_in_time ON reconciliation_item_state
    USING brin (entered_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX deposit_final_in_time ON deposit (block_time) WHERE state = 'final';

-- A day by each witness, added up by the run that last saw it change.
CREATE TABLE reconciliation_day (
    day        date        NOT NULL,
    deposits   bigint      NOT NULL,
    deposited  numeric(78) NOT NULL,            -- millionths of USDC
    gross      bigint      NOT NULL,
    tax        bigint      NOT NULL,
    fee        bigint      NOT NULL,
    net        bigint      NOT NULL,
    returned   bigint      NOT NULL,
    granted    bigint      NOT NULL,
    taken_back bigint      NOT NULL,
    moved      jsonb       NOT NULL,            -- the movements at Stripe, by type
    states     jsonb       NOT NULL,            -- how many of its items are in which state
    told_at    timestamptz NOT NULL,
    CONSTRAINT reconciliation_day_pkey PRIMARY KEY (day)
);

-- What the run that is at work does now; of the past, reconciliation_run tells.
CREATE TABLE reconciliation_progress (
    one        boolean     NOT NULL DEFAULT true,
    step       text        NOT NULL,
    done       integer     NOT NULL,
    total      integer     NOT NULL,            -- 0: nobody knows
    started_at timestamptz NOT NULL,
    at_work    boolean     NOT NULL,            -- false: it came to its end, whichever
    CONSTRAINT reconciliation_progress_pkey PRIMARY KEY (one),
    CONSTRAINT reconciliation_progress_is_one CHECK (one)
);
