-- What an agent's credits are made of (lots), what is set aside of them (holds), and every operation on them.

-- The credits of one grant. `credits` and `cents` shrink when a refund takes part of the lot back and grow
-- when that is reinstated; `used` and `cents_used` grow when credits are spent or lapse. So the lot's share
-- of the prepaid liability is always cents - cents_used, and nothing is lost to rounding.
CREATE TABLE lot (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    account_id   bigint      NOT NULL,
    granted_in   bigint      NOT NULL,          -- the transaction of the grant
    promotional  boolean     NOT NULL,
    priority     smallint    NOT NULL,          -- lower burns first
    effective_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,          -- 'infinity' if never
    granted      bigint      NOT NULL,          -- credits, never changed
    paid_cents   bigint      NOT NULL,          -- never changed
    credits      bigint      NOT NULL,
    used         bigint      NOT NULL DEFAULT 0,
    held         bigint      NOT NULL DEFAULT 0,
    cents        bigint      NOT NULL,
    cents_used   bigint      NOT NULL DEFAULT 0,
    reversing    bigint      NOT NULL DEFAULT 0, -- credits that a refund still wants, once they come free
    pending      boolean     NOT NULL DEFAULT false, -- not effective yet: all of it is held
    open         boolean     NOT NULL DEFAULT true,  -- something is left
    CONSTRAINT lot_pkey PRIMARY KEY (id),
    CONSTRAINT lot_granted_in_unique UNIQUE (granted_in),
    -- One short constraint: PostgreSQL reads its text again in every statement. What only an INSERT could get
    -- wrong is refused by a trigger. No foreign key: the account is the one whose row is locked.
    CONSTRAINT lot_not_overdrawn CHECK (
        least(used, held, credits - used - held, cents_used, cents - cents_used, reversing) >= 0
        AND open = (used < credits) AND (open OR cents_used = cents)
    )
)
WITH (fillfactor = 70);

CREATE INDEX lot_burn_order
ON lot (account_id, priority, expires_at, promotional DESC, id)
WHERE open;

CREATE FUNCTION refuse_malformed_lot() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    -- Small enough that cents times credits fits a bigint.
    IF NEW.granted NOT BETWEEN 1 AND 1000000000
        OR NEW.paid_cents NOT BETWEEN 0 AND 1000000000
        OR (NEW.promotional AND NEW.paid_cents > 0)
        OR NEW.credits <> NEW.granted
        OR NEW.cents <> NEW.paid_cents
        OR NEW.expires_at <= NEW.effective_at
    THEN
        RAISE EXCEPTION 'a lot of % credits for % cents from % to % is refused',
            NEW.granted, NEW.paid_cents, NEW.effective_at, NEW.expires_at
        USING ERRCODE = 'PR003';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER lot_is_well_formed
BEFORE INSERT ON lot
FOR EACH ROW EXECUTE FUNCTION refuse_malformed_lot();
CREATE TRIGGER lot_grant_is_never_changed
BEFORE UPDATE OF id, account_id, granted_in, promotional, priority, effective_at, expires_at, granted, paid_cents ON lot
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();

-- Every change of what a lot is worth, by the transaction that made it: the sums of a lot's rows are the lot.
-- What is held of it is in the holds.
CREATE TABLE lot_entry (
    transaction_id bigint   NOT NULL,
    place          integer  NOT NULL,           -- in the order in which the lots were used
    lot_id         bigint   NOT NULL,
    credits        bigint   NOT NULL,
    used           bigint   NOT NULL,
    cents          bigint   NOT NULL,
    cents_used     bigint   NOT NULL,
    CONSTRAINT lot_entry_pkey PRIMARY KEY (transaction_id, place)
);

CREATE TYPE hold_state AS ENUM ('open', 'captured', 'released', 'expired', 'charged');

-- Credits set aside for a job, pinned to lots, until they are captured, released or out of time.
CREATE TABLE hold (
    id         text        NOT NULL,
    account_id bigint      NOT NULL,
    credits    bigint      NOT NULL,
    lots       bigint[]    NOT NULL,            -- in burn order
    pins       bigint[]    NOT NULL,            -- how many credits of each of them
    job        text        NOT NULL,
    in_flight  boolean     NOT NULL,            -- the provider is at work: running out of time charges it
    state      hold_state  NOT NULL DEFAULT 'open',
    captured   bigint      NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    placed_in  bigint      NOT NULL,
    closed_in  bigint,
    -- No foreign key: the account is the one whose row is locked.
    CONSTRAINT hold_pkey PRIMARY KEY (id)
)
WITH (fillfactor = 80);

CREATE INDEX hold_open
ON hold (account_id, expires_at)
WHERE state = 'open';

-- A refund or dispute of a purchase, and how much of it the lot could give back.
CREATE TABLE reversal (
    transaction_id bigint NOT NULL,
    lot_id         bigint NOT NULL,
    cents          bigint NOT NULL,             -- that went back to the payer
    wanted         bigint NOT NULL,             -- credits
    taken          bigint NOT NULL,             -- credits
    taken_cents    bigint NOT NULL,             -- the rest is receivable
    reinstated_in  bigint,
    CONSTRAINT reversal_pkey PRIMARY KEY (transaction_id),
    CONSTRAINT reversal_lot_exists FOREIGN KEY (lot_id) REFERENCES lot (id),
    CONSTRAINT reversal_takes_no_more_than_wanted CHECK (cents > 0 AND taken BETWEEN 0 AND wanted)
);

CREATE INDEX reversal_lot
ON reversal (lot_id);

-- How many jobs an agent began on free credits, by day in UTC.
CREATE TABLE preview_day (
    account_id bigint  NOT NULL,
    day        date    NOT NULL,
    jobs       integer NOT NULL,
    CONSTRAINT preview_day_pkey PRIMARY KEY (account_id, day)
);

CREATE TRIGGER lot_entry_is_append_only
BEFORE UPDATE OR DELETE ON lot_entry
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER lot_entry_is_never_truncated
BEFORE TRUNCATE ON lot_entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER lot_is_never_deleted
BEFORE DELETE ON lot
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER lot_is_never_truncated
BEFORE TRUNCATE ON lot
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER hold_is_never_deleted
BEFORE DELETE ON hold
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER hold_is_never_truncated
BEFORE TRUNCATE ON hold
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER hold_is_never_changed
BEFORE UPDATE OF id, account_id, credits, lots, pins, job, placed_in ON hold
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
-- In a transaction, and for no more than was held. A CHECK would burden every new hold as well.
CREATE TRIGGER hold_is_closed_once
BEFORE UPDATE ON hold
FOR EACH ROW WHEN (
    OLD.closed_in IS NOT NULL
    OR (NEW.state = 'open') <> (NEW.closed_in IS NULL)
    OR NEW.captured NOT BETWEEN 0 AND NEW.credits
)
EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER reversal_is_never_deleted
BEFORE DELETE ON reversal
FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER reversal_is_never_truncated
BEFORE TRUNCATE ON reversal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();

ALTER TABLE lot_entry ENABLE ALWAYS TRIGGER lot_entry_is_append_only;
ALTER TABLE lot_entry ENABLE ALWAYS TRIGGER lot_entry_is_never_truncated;
ALTER TABLE lot ENABLE ALWAYS TRIGGER lot_is_well_formed;
ALTER TABLE lot ENABLE ALWAYS TRIGGER lot_grant_is_never_changed;
ALTER TABLE lot ENABLE ALWAYS TRIGGER lot_is_never_deleted;
ALTER TABLE lot ENABLE ALWAYS TRIGGER lot_is_never_truncated;
ALTER TABLE hold ENABLE ALWAYS TRIGGER hold_is_never_deleted;
ALTER TABLE hold ENABLE ALWAYS TRIGGER hold_is_never_truncated;
ALTER TABLE hold ENABLE ALWAYS TRIGGER hold_is_never_changed;
ALTER TABLE hold ENABLE ALWAYS TRIGGER hold_is_closed_once;
ALTER TABLE reversal ENABLE ALWAYS TRIGGER reversal_is_never_deleted;
ALTER TABLE reversal ENABLE ALWAYS TRIGGER reversal_is_never_truncated;


-- What somebody wants done to an agent's credits. Every kind reads only the fields it needs.
CREATE TYPE operation AS (
    kind           text,                        -- grant, hold, start, capture, release, debit, unwind, refund, reinstate, expire
    reference      text,                        -- the caller's key: one outcome for ever, refusals too
    request_hash   bytea,
    actor          text,
    now            timestamptz,
    agent          text,
    credits        bigint,
    subject        text,                        -- a hold's id, or the reference of a grant, a spend or a refund
    job            text,
    effective_at   timestamptz,
    expires_at     timestamptz,
    in_flight      boolean,
    cents          bigint,
    promotional    boolean,
    priority       smallint,
    clearing       text,                        -- the house account that the money came to, or leaves from
    expect_version bigint,                      -- refuse unless the balance has this version
    minimum        bigint,                      -- refuse if less than this would be left
    daily_limit    integer,                     -- refuse more jobs a day than this on free credits alone
    metadata       jsonb
);

CREATE TYPE operation_result AS (
    outcome        text,                        -- done, conflict, or why it was refused
    replayed       boolean,
    transaction_id bigint,
    version        bigint,                      -- of the balance after it
    posted         bigint,
    held           bigint,
    credits        bigint,
    details        jsonb
);


-- Writes down that `op` was told, with what came of it. The hash of what it wrote.
CREATE FUNCTION tell(
    op operation, id bigint, outcome text, account_id bigint, credits bigint, reverses bigint,
    created_at timestamptz, details jsonb
)
RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    metadata    constant jsonb := coalesce(op.metadata, '{}');
    told        constant bytea := told_hash(
        id, op.reference, op.request_hash, op.kind, outcome, account_id, credits, reverses, happened_at,
        created_at, op.actor, metadata, details
    );
BEGIN
    INSERT INTO ledger_transaction (
        id, reference, request_hash, kind, outcome, account_id, credits, reverses, effective_at, created_at,
        actor, metadata, details, hash
    )
    VALUES (
        id, nullif(op.reference, ''), op.request_hash, op.kind, outcome, account_id, credits, reverses, happened_at,
        created_at, op.actor, metadata, details, told
    );
    RETURN told;
END $$;

CREATE FUNCTION balance_details(mine balance) RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
    SELECT jsonb_build_object('version', mine.seq, 'posted', mine.posted, 'held', mine.held)
$$;

CREATE FUNCTION refuse(op operation, mine balance, reason text, details jsonb) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    id constant bigint := nextval('ledger_transaction_id_seq');
BEGIN
    -- The balance of that moment goes into the answer, so that a replay can say it again.
    details := coalesce(details, '{}') || balance_details(mine);
    PERFORM tell(op, id, reason, mine.account_id, op.credits, NULL, clock_timestamp(), details);
    RETURN (reason, false, id, mine.seq, mine.posted, mine.held, op.credits, details)::operation_result;
END $$;

-- The two pens. Each is one statement, and tells by itself what tell() does: every further statement or
-- function costs a tenth of a hold.

-- Tells `op`, and sets `aside` credits of the agent aside or lets them go; none is gained or lost.
CREATE FUNCTION set_aside(
    op operation, mine balance, id bigint, aside bigint, credits bigint, details jsonb, due_at timestamptz
)
RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    now         constant timestamptz := greatest(clock_timestamp(), mine.last_at + interval '1 microsecond');
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    metadata    constant jsonb := coalesce(op.metadata, '{}');
    told        constant bytea := told_hash(
        id, op.reference, op.request_hash, op.kind, 'done', mine.account_id, credits, NULL, happened_at, now,
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
            id, nullif(op.reference, ''), op.request_hash, op.kind, mine.account_id, credits, happened_at, now,
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
CREATE FUNCTION book(
    op operation, mine balance, id bigint, amount bigint, aside bigint, credits bigint,
    house_accounts text[], house_amounts bigint[], details jsonb,
    due_at timestamptz DEFAULT 'infinity', reverses bigint DEFAULT NULL
)
RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    happened_at constant timestamptz := coalesce(op.effective_at, op.now);
    metadata    constant jsonb := coalesce(op.metadata, '{}');
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
        id, op.reference, op.request_hash, op.kind, 'done', mine.account_id, credits, reverses, happened_at, now,
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
            happened_at, now, op.actor, metadata, details, told
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

-- The cents that go with the first `used` credits of a lot. By how many are used in all, so that no rounding
-- adds up; the last credit takes what is left.
CREATE FUNCTION cents_of(used bigint, credits bigint, cents bigint, cents_used bigint) RETURNS bigint
LANGUAGE sql
IMMUTABLE
AS $$
    SELECT CASE WHEN used = credits THEN cents ELSE greatest(cents_used, cents * used / credits) END
$$;

-- Uses up or lets go credits of one lot. The cents that went with what was used, and whether a refund or the
-- clock waits for what was let go.
CREATE FUNCTION use_lot(
    id bigint, place integer, lot_id bigint, more_used bigint, more_held bigint, now timestamptz,
    OUT more_cents bigint, OUT waited_for boolean
)
LANGUAGE plpgsql
AS $$
BEGIN
    WITH used AS (
        UPDATE lot
        SET used = lot.used + more_used,
            held = lot.held + more_held,
            cents_used = CASE
                WHEN more_used > 0 THEN cents_of(lot.used + more_used, lot.credits, lot.cents, lot.cents_used)
                ELSE lot.cents_used
            END,
            open = lot.used + more_used < lot.credits
        FROM lot AS was
        WHERE lot.id = use_lot.lot_id
            AND was.id = lot.id
        RETURNING lot.cents_used - was.cents_used AS cents, lot.reversing > 0 OR lot.expires_at < 'infinity' AS waited_for
    ),
    noted AS (
        INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
        SELECT use_lot.id, use_lot.place, use_lot.lot_id, 0, more_used, 0, used.cents
        FROM used
        WHERE more_used > 0
    )
    SELECT used.cents, used.waited_for INTO STRICT more_cents, waited_for FROM used;
END $$;

-- Uses up `wanted` credits of the lots in burn order. The cents that went with them.
CREATE FUNCTION burn_lots(id bigint, account_id bigint, wanted bigint) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    cents      bigint := 0;
    place      integer := 0;
    part       bigint;
    part_cents bigint;
BEGIN
    WHILE wanted > 0 LOOP
        place := place + 1;
        WITH next AS (
            SELECT lot.id, lot.cents_used, least(lot.credits - lot.used - lot.held, wanted) AS part
            FROM lot
            WHERE lot.account_id = burn_lots.account_id
                AND lot.open
                AND lot.used + lot.held < lot.credits
            ORDER BY lot.priority, lot.expires_at, lot.promotional DESC, lot.id
            LIMIT 1
        ),
        used AS (
            UPDATE lot
            SET used = lot.used + next.part,
                cents_used = cents_of(lot.used + next.part, lot.credits, lot.cents, lot.cents_used),
                open = lot.used + next.part < lot.credits
            FROM next
            WHERE lot.id = next.id
            RETURNING lot.id, next.part, lot.cents_used - next.cents_used AS cents
        )
        INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
        SELECT burn_lots.id, place, used.id, 0, used.part, 0, used.cents
        FROM used
        RETURNING lot_entry.used, lot_entry.cents_used INTO part, part_cents;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the lots of account % hold % credits less than its balance', account_id, wanted
            USING ERRCODE = 'PR007';
        END IF;
        wanted := wanted - part;
        cents := cents + part_cents;
    END LOOP;
    RETURN cents;
END $$;

-- Why the agent may not spend this now, or NULL.
CREATE FUNCTION spending_refusal(op operation, mine balance) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    left_over constant bigint := mine.posted - mine.held - op.credits;
BEGIN
    IF op.expect_version <> mine.seq THEN
        RETURN 'version_mismatch';
    ELSIF left_over < 0 THEN
        RETURN 'not_enough';
    ELSIF op.minimum > left_over THEN
        RETURN 'below_minimum';
    ELSIF op.daily_limit IS NULL THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM lot
        WHERE lot.account_id = mine.account_id AND lot.open AND NOT lot.promotional
            AND lot.used + lot.held < lot.credits
    ) THEN
        RETURN NULL;
    END IF;
    INSERT INTO preview_day AS today (account_id, day, jobs)
    SELECT mine.account_id, (op.now AT TIME ZONE 'UTC')::date, 1
    WHERE op.daily_limit > 0
    ON CONFLICT (account_id, day) DO UPDATE SET jobs = today.jobs + 1
    WHERE today.jobs < op.daily_limit;
    RETURN CASE WHEN NOT FOUND THEN 'daily_job_cap_reached' END;
END $$;


-- Kinds of operations: each decides, changes the lots, and calls the pen.

CREATE FUNCTION grant_credits(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    id      constant bigint := nextval('ledger_transaction_id_seq');
    pending constant boolean := coalesce(op.effective_at > op.now, false);
    begins  constant timestamptz := coalesce(op.effective_at, op.now);
    lapses  constant timestamptz := coalesce(op.expires_at, 'infinity');
    made    bigint;
BEGIN
    WITH bought AS (
        INSERT INTO lot (
            account_id, granted_in, promotional, priority, effective_at, expires_at,
            granted, paid_cents, credits, cents, pending, held
        )
        VALUES (
            mine.account_id, id, op.promotional, coalesce(op.priority, 0), begins, lapses,
            op.credits, op.cents, op.credits, op.cents, pending, CASE WHEN pending THEN op.credits ELSE 0 END
        )
        RETURNING lot.id AS lot_id
    )
    INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
    SELECT id, 1, bought.lot_id, op.credits, 0, op.cents, 0
    FROM bought
    RETURNING lot_entry.lot_id INTO made;
    RETURN book(
        op, mine, id, op.credits, CASE WHEN pending THEN op.credits ELSE 0 END, op.credits,
        ARRAY['issued', op.clearing, 'prepaid_liability'], ARRAY[-op.credits, -op.cents, op.cents],
        jsonb_build_object('lot', made),
        CASE WHEN pending THEN begins ELSE lapses END
    );
END $$;

CREATE FUNCTION place_hold(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    refusal constant text := spending_refusal(op, mine);
    id      bigint;
    wanted  bigint := op.credits;
    chosen  bigint;
    part    bigint;
    lots    bigint[];
    pins    bigint[];
BEGIN
    IF refusal IS NOT NULL THEN
        RETURN refuse(op, mine, refusal, NULL);
    END IF;
    WHILE wanted > 0 LOOP
        UPDATE lot
        SET held = lot.held + least(next.free, wanted)
        FROM (
            SELECT lot.id, lot.credits - lot.used - lot.held AS free
            FROM lot
            WHERE lot.account_id = mine.account_id
                AND lot.open
                AND lot.used + lot.held < lot.credits
            ORDER BY lot.priority, lot.expires_at, lot.promotional DESC, lot.id
            LIMIT 1
        ) AS next
        WHERE lot.id = next.id
        RETURNING lot.id, least(next.free, wanted) INTO chosen, part;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the lots of account % hold % credits less than its balance', mine.account_id, wanted
            USING ERRCODE = 'PR007';
        END IF;
        wanted := wanted - part;
        lots := lots || chosen;
        pins := pins || part;
    END LOOP;
    id := nextval('ledger_transaction_id_seq');
    INSERT INTO hold (id, account_id, credits, lots, pins, job, in_flight, expires_at, placed_in)
    VALUES (
        op.subject, mine.account_id, op.credits, lots, pins, op.job, coalesce(op.in_flight, false),
        op.expires_at, id
    );
    RETURN set_aside(
        op, mine, id, op.credits, op.credits,
        jsonb_build_object(
            'hold', op.subject, 'lots', lots, 'pins', pins, 'job', op.job,
            'in_flight', coalesce(op.in_flight, false), 'expires_at', op.expires_at
        ),
        op.expires_at
    );
END $$;

CREATE FUNCTION debit(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    refusal constant text := spending_refusal(op, mine);
    id      bigint;
    cents   bigint;
BEGIN
    IF refusal IS NOT NULL THEN
        RETURN refuse(op, mine, refusal, NULL);
    END IF;
    id := nextval('ledger_transaction_id_seq');
    cents := burn_lots(id, mine.account_id, op.credits);
    RETURN book(
        op, mine, id, -op.credits, 0, op.credits,
        ARRAY['spent', 'prepaid_liability', 'revenue'], ARRAY[op.credits, -cents, cents],
        jsonb_build_object('job', op.job)
    );
END $$;

-- Ends an open hold: `captured` credits of it are used, in burn order, and the rest is let go.
CREATE FUNCTION close_hold(op operation, mine balance, ending hold, captured bigint, state hold_state)
RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    tx    constant bigint := nextval('ledger_transaction_id_seq');
    left_to_use bigint := captured;
    cents bigint := 0;
    freed boolean := false;
    part  bigint;
    used  record;
    done  operation_result;
BEGIN
    FOR place IN 1..cardinality(ending.lots) LOOP
        part := least(ending.pins[place], left_to_use);
        left_to_use := left_to_use - part;
        used := use_lot(tx, place, ending.lots[place], part, -ending.pins[place], op.now);
        cents := cents + used.more_cents;
        freed := freed OR (part < ending.pins[place] AND used.waited_for);
    END LOOP;
    UPDATE hold
    SET state = close_hold.state, captured = close_hold.captured, closed_in = tx
    WHERE hold.id = ending.id;
    IF captured > 0 THEN
        done := book(
            op, mine, tx, -captured, -ending.credits, captured,
            ARRAY['spent', 'prepaid_liability', 'revenue'], ARRAY[captured, -cents, cents],
            jsonb_build_object('hold', ending.id, 'released', ending.credits - captured)
        );
    ELSE
        done := set_aside(
            op, mine, tx, -ending.credits, ending.credits, jsonb_build_object('hold', ending.id), 'infinity'
        );
    END IF;
    IF freed THEN
        PERFORM settle_freed(op, ending.lots);
    END IF;
    RETURN done;
END $$;

CREATE FUNCTION capture_hold(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    wanted bigint;
    asked  hold;
BEGIN
    SELECT hold.* INTO asked FROM hold WHERE hold.id = op.subject AND hold.account_id = mine.account_id;
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_hold', NULL);
    END IF;
    wanted := coalesce(op.credits, asked.credits);
    IF wanted > asked.credits THEN
        RETURN refuse(op, mine, 'exceeds_hold', jsonb_build_object('hold_credits', asked.credits));
    ELSIF asked.state = 'open' THEN
        RETURN close_hold(op, mine, asked, wanted, 'captured'::hold_state);
    ELSIF asked.state = 'charged' THEN
        RETURN close_late(op, mine, asked, wanted);
    END IF;
    RETURN refuse(
        op, mine, CASE WHEN asked.state = 'expired' THEN 'hold_expired' ELSE 'hold_closed' END,
        jsonb_build_object('state', asked.state)
    );
END $$;

-- The hold of a running job was charged in full when its time was over: what the job did not need comes back,
-- all of it if the job failed.
CREATE FUNCTION close_late(op operation, mine balance, charged hold, wanted bigint) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    returned constant bigint := coalesce((
        SELECT sum(back.credits)
        FROM ledger_transaction AS back
        WHERE back.reverses = charged.closed_in AND back.outcome = 'done'
    ), 0);
BEGIN
    IF EXISTS (
        SELECT FROM ledger_transaction AS late
        WHERE late.reverses = charged.closed_in AND late.kind IN ('capture', 'release') AND late.outcome = 'done'
    ) THEN
        RETURN refuse(op, mine, 'hold_closed', jsonb_build_object('state', 'captured'));
    END IF;
    op.credits := greatest(0, charged.credits - wanted - returned);
    RETURN give_back(
        op, mine, charged.closed_in,
        jsonb_build_object('hold', charged.id, 'charged_at_expiry', true, 'captured', wanted)
    );
END $$;

CREATE FUNCTION release_hold(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    asked hold;
BEGIN
    SELECT hold.* INTO asked FROM hold WHERE hold.id = op.subject AND hold.account_id = mine.account_id;
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_hold', NULL);
    ELSIF asked.state = 'open' THEN
        RETURN close_hold(op, mine, asked, 0, 'released'::hold_state);
    ELSIF asked.state = 'charged' THEN
        RETURN close_late(op, mine, asked, 0);
    END IF;
    RETURN refuse(
        op, mine, CASE WHEN asked.state = 'expired' THEN 'hold_expired' ELSE 'hold_closed' END,
        jsonb_build_object('state', asked.state)
    );
END $$;

-- The job went to its provider: from now on, running out of time charges the hold instead of releasing it.
CREATE FUNCTION start_hold(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    asked hold;
    id    bigint;
    told  jsonb;
BEGIN
    SELECT hold.* INTO asked FROM hold WHERE hold.id = op.subject AND hold.account_id = mine.account_id;
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_hold', NULL);
    ELSIF asked.state <> 'open' THEN
        RETURN refuse(
            op, mine, CASE WHEN asked.state = 'expired' THEN 'hold_expired' ELSE 'hold_closed' END,
            jsonb_build_object('state', asked.state)
        );
    END IF;
    UPDATE hold
    SET in_flight = true, expires_at = greatest(hold.expires_at, op.expires_at)
    WHERE hold.id = asked.id;
    id := nextval('ledger_transaction_id_seq');
    told := balance_details(mine)
        || jsonb_build_object('hold', asked.id, 'expires_at', greatest(asked.expires_at, op.expires_at));
    PERFORM tell(op, id, 'done', mine.account_id, asked.credits, NULL, clock_timestamp(), told);
    RETURN ('done', false, id, mine.seq, mine.posted, mine.held, asked.credits, told)::operation_result;
END $$;

-- Gives back op.credits of what `spend` used, to the same lots, in reverse order of use.
CREATE FUNCTION give_back(op operation, mine balance, spend bigint, details jsonb) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    id        constant bigint := nextval('ledger_transaction_id_seq');
    wanted    bigint := op.credits;
    cents     bigint := 0;
    lots      bigint[] := '{}';
    done      operation_result;
    was       record;
    part      bigint;
    part_cents bigint;
BEGIN
    IF wanted = 0 THEN
        details := details || balance_details(mine);
        PERFORM tell(op, id, 'done', mine.account_id, 0, spend, clock_timestamp(), details);
        RETURN ('done', false, id, mine.seq, mine.posted, mine.held, 0, details)::operation_result;
    END IF;
    FOR was IN
        SELECT used.lot_id, used.used, used.cents_used, back.used AS back_used, back.cents AS back_cents
        FROM lot_entry AS used
        CROSS JOIN LATERAL (
            SELECT coalesce(-sum(undone.used), 0)::bigint AS used, coalesce(-sum(undone.cents_used), 0)::bigint AS cents
            FROM ledger_transaction AS earlier
            JOIN lot_entry AS undone
                ON undone.transaction_id = earlier.id
                AND undone.lot_id = used.lot_id
            WHERE earlier.reverses = spend
        ) AS back
        WHERE used.transaction_id = spend
            AND used.used > back.used
        ORDER BY used.place DESC
    LOOP
        part := least(wanted, was.used - was.back_used);
        part_cents := was.cents_used * (was.back_used + part) / was.used - was.back_cents;
        wanted := wanted - part;
        cents := cents + part_cents;
        lots := lots || was.lot_id;
        UPDATE lot
        SET used = lot.used - part, cents_used = lot.cents_used - part_cents, open = true
        WHERE lot.id = was.lot_id;
        INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
        VALUES (id, cardinality(lots), was.lot_id, 0, -part, 0, -part_cents);
        EXIT WHEN wanted = 0;
    END LOOP;
    done := book(
        op, mine, id, op.credits, 0, op.credits,
        ARRAY['spent', 'prepaid_liability', 'revenue'], ARRAY[-op.credits, cents, -cents], details,
        'infinity', spend
    );
    PERFORM settle_freed(op, lots);
    RETURN done;
END $$;

-- Takes back a debit or a capture, all or part: a job that was paid for and then failed.
CREATE FUNCTION unwind_spend(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    spend  ledger_transaction;
    unused bigint;
BEGIN
    -- A capture that came after its hold was charged used nothing itself: the charge did.
    SELECT used.*
    INTO spend
    FROM ledger_transaction AS told
    JOIN ledger_transaction AS used
        ON used.id = CASE WHEN told.kind = 'capture' THEN coalesce(told.reverses, told.id) ELSE told.id END
    WHERE told.reference = op.subject
        AND told.account_id = mine.account_id
        AND told.outcome = 'done'
        AND EXISTS (SELECT FROM lot_entry WHERE lot_entry.transaction_id = used.id AND lot_entry.used > 0)
        AND used.kind <> 'lot_expiry';
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_spend', NULL);
    END IF;
    unused := spend.credits - coalesce((
        SELECT sum(back.credits)
        FROM ledger_transaction AS back
        WHERE back.reverses = spend.id AND back.outcome = 'done'
    ), 0);
    IF op.credits > unused OR unused = 0 THEN
        RETURN refuse(op, mine, 'exceeds_spend', jsonb_build_object('left', unused));
    END IF;
    op.credits := coalesce(op.credits, unused);
    RETURN give_back(op, mine, spend.id, '{}');
END $$;


-- Takes `part` credits of a lot out of the world again, with their cents, because they were refunded.
CREATE FUNCTION shrink_lot(id bigint, mine lot, part bigint, OUT part_cents bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    part_cents := CASE
        WHEN part = mine.credits - mine.used THEN mine.cents - mine.cents_used
        ELSE least(mine.cents - mine.cents_used, mine.cents * part / mine.credits)
    END;
    UPDATE lot
    SET credits = lot.credits - part,
        cents = lot.cents - part_cents,
        held = CASE WHEN lot.pending THEN lot.held - part ELSE lot.held END,
        open = lot.used < lot.credits - part
    WHERE lot.id = mine.id;
    INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
    VALUES (shrink_lot.id, 1, mine.id, -part, 0, -part_cents, 0);
END $$;

-- Money of a purchase went back: what is unused of its lot goes too, the used part is receivable.
CREATE FUNCTION refund_purchase(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    id        bigint;
    bought    lot;
    before    record;
    wanted    bigint;
    part      bigint;
    part_cents bigint := 0;
BEGIN
    SELECT lot.*
    INTO bought
    FROM ledger_transaction AS told
    JOIN lot ON lot.granted_in = told.id
    WHERE told.reference = op.subject
        AND told.account_id = mine.account_id;
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_grant', NULL);
    END IF;
    SELECT coalesce(sum(reversal.cents), 0)::bigint AS cents, coalesce(sum(reversal.wanted), 0)::bigint AS wanted
    INTO before
    FROM reversal
    WHERE reversal.lot_id = bought.id AND reversal.reinstated_in IS NULL;
    IF op.cents > bought.paid_cents - before.cents THEN
        RETURN refuse(op, mine, 'exceeds_purchase', jsonb_build_object('left_cents', bought.paid_cents - before.cents));
    END IF;
    -- By all that was refunded so far, so that no rounding adds up.
    wanted := greatest(0, bought.granted * (before.cents + op.cents) / bought.paid_cents - before.wanted);
    -- All of a lot that has not begun is held, though for nobody.
    part := least(wanted, bought.credits - bought.used - CASE WHEN bought.pending THEN 0 ELSE bought.held END);
    id := nextval('ledger_transaction_id_seq');
    IF part > 0 THEN
        part_cents := shrink_lot(id, bought, part);
    END IF;
    UPDATE lot SET reversing = lot.reversing + wanted - part WHERE lot.id = bought.id;
    INSERT INTO reversal (transaction_id, lot_id, cents, wanted, taken, taken_cents)
    VALUES (id, bought.id, op.cents, wanted, part, part_cents);
    RETURN book(
        op, mine, id, -part, CASE WHEN bought.pending THEN -part ELSE 0 END, part,
        ARRAY['issued', 'prepaid_liability', 'receivable', op.clearing],
        ARRAY[part, -part_cents, part_cents - op.cents, op.cents],
        jsonb_build_object('receivable_cents', op.cents - part_cents)
    );
END $$;

-- The money came back: a dispute was won, a refund failed. Exactly what was taken is restored.
CREATE FUNCTION reinstate_purchase(op operation, mine balance) RETURNS operation_result
LANGUAGE plpgsql
AS $$
DECLARE
    id     bigint;
    aside  bigint;
    undone reversal;
    done   operation_result;
BEGIN
    SELECT reversal.*
    INTO undone
    FROM ledger_transaction AS told
    JOIN reversal ON reversal.transaction_id = told.id
    WHERE told.reference = op.subject
        AND told.account_id = mine.account_id;
    IF NOT FOUND THEN
        RETURN refuse(op, mine, 'unknown_refund', NULL);
    ELSIF undone.reinstated_in IS NOT NULL THEN
        RETURN refuse(op, mine, 'already_reinstated', NULL);
    END IF;
    id := nextval('ledger_transaction_id_seq');
    UPDATE reversal SET reinstated_in = id WHERE reversal.transaction_id = undone.transaction_id;
    UPDATE lot
    SET credits = lot.credits + undone.taken,
        cents = lot.cents + undone.taken_cents,
        held = lot.held + CASE WHEN lot.pending THEN undone.taken ELSE 0 END,
        reversing = lot.reversing - (undone.wanted - undone.taken),
        open = lot.used < lot.credits + undone.taken
    WHERE lot.id = undone.lot_id
    RETURNING CASE WHEN lot.pending THEN undone.taken ELSE 0 END INTO aside;
    INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
    VALUES (id, 1, undone.lot_id, undone.taken, 0, undone.taken_cents, 0);
    done := book(
        op, mine, id, undone.taken, aside, undone.taken,
        ARRAY['issued', 'prepaid_liability', 'receivable', op.clearing],
        ARRAY[-undone.taken, undone.taken_cents, undone.cents - undone.taken_cents, -undone.cents],
        NULL, 'infinity', undone.transaction_id
    );
    PERFORM settle_freed(op, ARRAY[undone.lot_id]);
    RETURN done;
END $$;


-- An operation of the house itself that follows from another one or from the clock.
CREATE FUNCTION follow_up(op operation, kind text, reference text, effective_at timestamptz) RETURNS operation
LANGUAGE sql
STABLE
AS $$
    SELECT (
        kind, reference, sha256(convert_to(reference, 'UTF8')), 'ledger', op.now, op.agent,
        NULL, NULL, NULL, effective_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    )::operation
$$;

CREATE FUNCTION agent_row(given_account_id bigint) RETURNS balance
LANGUAGE sql
STABLE
AS $$
    SELECT balance FROM balance WHERE balance.account_id = given_account_id AND balance.shard = 0
$$;

-- Credits that came free in these lots may be wanted by a refund, or may have lapsed meanwhile.
CREATE FUNCTION settle_freed(op operation, lots bigint[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    freed  lot;
    wanted record;
    part   bigint;
    part_cents bigint;
    id     bigint;
BEGIN
    FOR freed IN SELECT lot.* FROM lot WHERE lot.id = ANY (lots) AND lot.open ORDER BY lot.id LOOP
        FOR wanted IN
            SELECT reversal.*
            FROM reversal
            WHERE reversal.lot_id = freed.id
                AND reversal.reinstated_in IS NULL
                AND reversal.taken < reversal.wanted
                AND freed.reversing > 0
            ORDER BY reversal.transaction_id
        LOOP
            part := least(wanted.wanted - wanted.taken, freed.credits - freed.used - freed.held);
            CONTINUE WHEN part = 0;
            id := nextval('ledger_transaction_id_seq');
            part_cents := shrink_lot(id, freed, part);
            UPDATE lot SET reversing = lot.reversing - part WHERE lot.id = freed.id RETURNING lot.* INTO freed;
            UPDATE reversal
            SET taken = reversal.taken + part, taken_cents = reversal.taken_cents + part_cents
            WHERE reversal.transaction_id = wanted.transaction_id;
            PERFORM book(
                follow_up(op, 'clawback', 'clawback:' || id, op.now), agent_row(freed.account_id),
                id, -part, 0, part,
                ARRAY['issued', 'prepaid_liability', 'receivable'], ARRAY[part, -part_cents, part_cents],
                jsonb_build_object('reversal', wanted.transaction_id)
            );
        END LOOP;
        IF freed.expires_at <= op.now AND NOT freed.pending THEN
            PERFORM expire_lot(op, freed.id);
        ELSIF freed.expires_at < 'infinity' OR freed.pending THEN
            UPDATE balance
            SET due_at = least(balance.due_at, CASE WHEN freed.pending THEN freed.effective_at ELSE freed.expires_at END)
            WHERE balance.account_id = freed.account_id AND balance.shard = 0;
        END IF;
    END LOOP;
END $$;

-- What is left and not held of a lot lapses.
CREATE FUNCTION expire_lot(op operation, lot_id bigint) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    lapsed lot;
    free   bigint;
    id     bigint;
    cents  bigint;
BEGIN
    SELECT lot.* INTO STRICT lapsed FROM lot WHERE lot.id = expire_lot.lot_id;
    free := lapsed.credits - lapsed.used - lapsed.held;
    IF free = 0 THEN
        RETURN;
    END IF;
    id := nextval('ledger_transaction_id_seq');
    cents := (use_lot(id, 1, lapsed.id, free, 0, op.now)).more_cents;
    PERFORM book(
        follow_up(op, 'lot_expiry', 'lot_expiry:' || id, lapsed.expires_at), agent_row(lapsed.account_id),
        id, -free, 0, free,
        ARRAY['expired', 'prepaid_liability', 'breakage'], ARRAY[free, -cents, cents],
        jsonb_build_object('lot', lapsed.id)
    );
END $$;

CREATE FUNCTION begin_lot(op operation, pending lot) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    id constant bigint := nextval('ledger_transaction_id_seq');
BEGIN
    UPDATE lot SET pending = false, held = 0 WHERE lot.id = begin_lot.pending.id;
    PERFORM set_aside(
        follow_up(op, 'lot_begin', 'lot_begin:' || pending.id, pending.effective_at), agent_row(pending.account_id),
        id, -pending.credits, pending.credits, jsonb_build_object('lot', pending.id), 'infinity'
    );
    IF pending.reversing > 0 THEN
        -- Its money went back before it began.
        PERFORM settle_freed(op, ARRAY[pending.id]);
    END IF;
END $$;

-- Does what the clock has made due for one agent: holds out of time, lots that begin, lots that lapse.
-- Says how much it did.
CREATE FUNCTION settle_due(op operation, mine balance) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    done  integer := 0;
    ended hold;
    due   lot;
BEGIN
    FOR due IN
        SELECT lot.* FROM lot
        WHERE lot.account_id = mine.account_id AND lot.open AND lot.pending AND lot.effective_at <= op.now
        ORDER BY lot.effective_at, lot.id
    LOOP
        PERFORM begin_lot(op, due);
        done := done + 1;
    END LOOP;
    FOR ended IN
        SELECT hold.* FROM hold
        WHERE hold.account_id = mine.account_id AND hold.state = 'open' AND hold.expires_at <= op.now
        ORDER BY hold.expires_at, hold.id
    LOOP
        PERFORM close_hold(
            follow_up(op, 'hold_expiry', 'hold_expiry:' || ended.id, ended.expires_at),
            agent_row(mine.account_id), ended,
            CASE WHEN ended.in_flight THEN ended.credits ELSE 0 END,
            CASE WHEN ended.in_flight THEN 'charged' ELSE 'expired' END::hold_state
        );
        done := done + 1;
    END LOOP;
    FOR due IN
        SELECT lot.* FROM lot
        WHERE lot.account_id = mine.account_id AND lot.open AND lot.expires_at <= op.now
            AND lot.used + lot.held < lot.credits
        ORDER BY lot.expires_at, lot.id
    LOOP
        PERFORM expire_lot(op, due.id);
        done := done + 1;
    END LOOP;
    UPDATE balance SET due_at = next_due(mine.account_id, op.now)
    WHERE balance.account_id = mine.account_id AND balance.shard = 0;
    RETURN done;
END $$;

-- A lot that is held as a whole counts until it lapses, for its hold may end before; after that, the end of the
-- hold sees to it.
CREATE FUNCTION next_due(given_account_id bigint, given_now timestamptz) RETURNS timestamptz
LANGUAGE sql
STABLE
AS $$
    SELECT coalesce(least(
        (SELECT min(hold.expires_at) FROM hold WHERE hold.account_id = given_account_id AND hold.state = 'open'),
        (SELECT min(CASE WHEN lot.pending THEN lot.effective_at ELSE lot.expires_at END)
        FROM lot
        WHERE lot.account_id = given_account_id AND lot.open
            AND (lot.pending OR lot.expires_at > given_now))
    ), 'infinity')
$$;


-- What was answered under this key before; or that the key was used for something else.
CREATE FUNCTION replay(told ledger_transaction, request_hash bytea) RETURNS operation_result
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    mine entry;
BEGIN
    IF told.request_hash <> replay.request_hash THEN
        RETURN ('conflict', false, told.id, NULL, NULL, NULL, NULL, NULL)::operation_result;
    END IF;
    SELECT entry.*
    INTO mine
    FROM entry
    WHERE entry.transaction_id = told.id
        AND entry.leg = 0
        AND entry.account_id = told.account_id;
    RETURN (
        told.outcome, true, told.id,
        coalesce(mine.seq, (told.details ->> 'version')::bigint),
        coalesce(mine.balance_after, (told.details ->> 'posted')::bigint),
        coalesce(mine.held_after, (told.details ->> 'held')::bigint),
        told.credits, told.details
    )::operation_result;
END $$;

-- What came of the operation told under this key; no row if none was.
CREATE FUNCTION outcome_of(given_reference text) RETURNS SETOF operation_result
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    known ledger_transaction;
BEGIN
    SELECT told.* INTO known FROM ledger_transaction AS told WHERE told.reference = given_reference;
    IF FOUND THEN
        RETURN NEXT replay(known, known.request_hash);
    END IF;
END $$;

-- Opens the accounts of agents that are given credits for the first time, and locks all of them in order.
CREATE FUNCTION lock_agents(given operation[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    unopened text[];
BEGIN
    SELECT array_agg(DISTINCT 'agent:' || wanted.agent)
    INTO unopened
    FROM unnest(given) AS wanted
    WHERE wanted.kind = 'grant'
        AND NOT EXISTS (SELECT FROM account WHERE account.name = 'agent:' || wanted.agent);
    IF unopened IS NOT NULL THEN
        PERFORM open_accounts(unopened);
    END IF;
    PERFORM balance.account_id
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name IN (
        SELECT 'agent:' || wanted.agent
        FROM unnest(given) WITH ORDINALITY AS wanted
        -- Always so. The planner takes it for few, and would read all accounts for many.
        WHERE wanted.ordinality BETWEEN 1 AND 1000000
    )
    ORDER BY balance.account_id
    FOR NO KEY UPDATE OF balance;
END $$;

-- Opens the account of an agent that is given credits for the first time, and locks it.
CREATE FUNCTION open_agent(agent text) RETURNS balance
LANGUAGE plpgsql
AS $$
DECLARE
    mine balance;
BEGIN
    PERFORM open_accounts(ARRAY['agent:' || agent]);
    SELECT balance.*
    INTO mine
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = 'agent:' || agent
    FOR NO KEY UPDATE OF balance;
    RETURN mine;
END $$;

-- Carries out operations, one after the other in one commit, and answers each. A refusal is an answer: it is
-- kept under the key and spoils nothing for the others. What nobody should ask raises, and then none is done.
CREATE FUNCTION apply_operations(given operation[]) RETURNS SETOF operation_result
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
-- Array parameters would have every call planned anew, and a plan made for empty tables would scan them.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    op    operation;
    known ledger_transaction;
    mine  balance;
BEGIN
    IF cardinality(given) > 1 THEN
        PERFORM lock_agents(given);
    END IF;
    FOREACH op IN ARRAY given LOOP
        IF op.credits < 1 THEN
            RAISE EXCEPTION '% of % credits is refused', op.kind, op.credits
            USING ERRCODE = 'PR003';
        END IF;
        -- The lock first: the next statement sees what its previous holder has committed. NO KEY, or the
        -- foreign key of a new row would wait for it.
        SELECT balance.*
        INTO mine
        FROM account
        JOIN balance ON balance.account_id = account.id AND balance.shard = 0
        WHERE account.name = 'agent:' || op.agent
        FOR NO KEY UPDATE OF balance;
        IF NOT FOUND AND op.kind = 'grant' THEN
            mine := open_agent(op.agent);
        END IF;
        SELECT told.* INTO known FROM ledger_transaction AS told WHERE told.reference = op.reference;
        IF FOUND THEN
            RETURN NEXT replay(known, op.request_hash);
            CONTINUE;
        ELSIF mine.account_id IS NULL THEN
            mine.seq := 0;
            mine.posted := 0;
            mine.held := 0;
            RETURN NEXT refuse(op, mine, 'unknown_account', NULL);
            CONTINUE;
        ELSIF mine.due_at <= op.now THEN
            PERFORM settle_due(op, mine);
            mine := agent_row(mine.account_id);
        END IF;
        CASE op.kind
            WHEN 'hold' THEN RETURN NEXT place_hold(op, mine);
            WHEN 'capture' THEN RETURN NEXT capture_hold(op, mine);
            WHEN 'debit' THEN RETURN NEXT debit(op, mine);
            WHEN 'grant' THEN RETURN NEXT grant_credits(op, mine);
            WHEN 'release' THEN RETURN NEXT release_hold(op, mine);
            WHEN 'start' THEN RETURN NEXT start_hold(op, mine);
            WHEN 'unwind' THEN RETURN NEXT unwind_spend(op, mine);
            WHEN 'refund' THEN RETURN NEXT refund_purchase(op, mine);
            WHEN 'reinstate' THEN RETURN NEXT reinstate_purchase(op, mine);
        END CASE;
    END LOOP;
END $$;

-- Does what is due by `now` for at most `most` agents that nobody is busy with. Says for how many it could.
CREATE FUNCTION settle_all_due(given_now timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    agents text[];
    ids    bigint[];
    op     operation;
    done   integer := 0;
BEGIN
    SELECT array_agg(locked.agent), array_agg(locked.account_id)
    INTO agents, ids
    FROM (
        SELECT substr(account.name, 7) AS agent, balance.account_id
        FROM balance
        JOIN account ON account.id = balance.account_id
        WHERE balance.due_at <= given_now
            AND balance.due_at < 'infinity'
        ORDER BY balance.account_id
        LIMIT most
        FOR NO KEY UPDATE OF balance SKIP LOCKED
    ) AS locked;
    FOR place IN 1..coalesce(cardinality(ids), 0) LOOP
        op.now := given_now;
        op.agent := agents[place];
        -- An agent whose rows have drifted must not stop the clock of all others.
        BEGIN
            PERFORM settle_due(op, agent_row(ids[place]));
            done := done + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'what is due for agent % cannot be done: % (%)', agents[place], SQLERRM, SQLSTATE;
        END;
    END LOOP;
    RETURN done;
END $$;

-- settle_all_due() for one agent, before its balance is read. Says how much it did.
CREATE FUNCTION settle_agent(given_agent text, given_now timestamptz) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    mine balance;
    op   operation;
BEGIN
    SELECT balance.*
    INTO mine
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = 'agent:' || given_agent
    FOR NO KEY UPDATE OF balance;
    IF mine.account_id IS NULL OR mine.due_at > given_now THEN
        RETURN 0;
    END IF;
    op.now := given_now;
    op.agent := given_agent;
    RETURN settle_due(op, mine);
END $$;
