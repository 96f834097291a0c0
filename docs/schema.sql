-- The schema after every migration. Written by: make schema

CREATE TYPE public.hold_state AS ENUM (
    'open',
    'captured',
    'released',
    'expired',
    'charged'
);

CREATE TYPE public.operation AS (
	kind text,
	reference text,
	request_hash bytea,
	actor text,
	now timestamp with time zone,
	agent text,
	credits bigint,
	subject text,
	job text,
	effective_at timestamp with time zone,
	expires_at timestamp with time zone,
	in_flight boolean,
	cents bigint,
	promotional boolean,
	priority smallint,
	clearing text,
	expect_version bigint,
	minimum bigint,
	daily_limit integer,
	metadata jsonb
);

CREATE TYPE public.operation_result AS (
	outcome text,
	replayed boolean,
	transaction_id bigint,
	version bigint,
	posted bigint,
	held bigint,
	credits bigint,
	details jsonb
);

CREATE TABLE public.balance (
    account_id bigint NOT NULL,
    shard smallint NOT NULL,
    posted bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    floor bigint,
    seq bigint DEFAULT 0 NOT NULL,
    last_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    head bytea DEFAULT '\x'::bytea NOT NULL,
    due_at timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    frozen boolean DEFAULT false NOT NULL,
    CONSTRAINT balance_not_below_floor CHECK (((held >= 0) AND ((posted - held) >= floor)))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.01');

CREATE FUNCTION public.agent_row(given_account_id bigint) RETURNS public.balance
    LANGUAGE sql STABLE
    AS $$
    SELECT balance FROM balance WHERE balance.account_id = given_account_id AND balance.shard = 0
$$;

CREATE FUNCTION public.apply_operations(given public.operation[]) RETURNS SETOF public.operation_result
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
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
            WHEN 'deduct' THEN RETURN NEXT deduct_credits(op, mine);
        END CASE;
    END LOOP;
END $$;

CREATE FUNCTION public.balance_at(account text, at timestamp with time zone) RETURNS TABLE(posted bigint, held bigint, version bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT named.id INTO found_id FROM account AS named WHERE named.name = balance_at.account;
    IF FOUND THEN
        RETURN QUERY
        SELECT
            coalesce(sum(line.posted), 0)::bigint,
            coalesce(sum(line.held), 0)::bigint,
            coalesce(sum(line.seq), 0)::bigint
        FROM shards_at(found_id, balance_at.at) AS line;
    END IF;
END $$;

CREATE FUNCTION public.balance_details(mine public.balance) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('version', mine.seq, 'posted', mine.posted, 'held', mine.held)
$$;

CREATE TABLE public.lot (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    granted_in bigint NOT NULL,
    promotional boolean NOT NULL,
    priority smallint NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    granted bigint NOT NULL,
    paid_cents bigint NOT NULL,
    credits bigint NOT NULL,
    used bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    cents bigint NOT NULL,
    cents_used bigint DEFAULT 0 NOT NULL,
    reversing bigint DEFAULT 0 NOT NULL,
    pending boolean DEFAULT false NOT NULL,
    open boolean DEFAULT true NOT NULL,
    CONSTRAINT lot_not_overdrawn CHECK (((LEAST(used, held, ((credits - used) - held), cents_used, (cents - cents_used), reversing) >= 0) AND (open = (used < credits)) AND (open OR (cents_used = cents))))
)
WITH (fillfactor='70');

CREATE FUNCTION public.begin_lot(op public.operation, pending public.lot) RETURNS void
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

CREATE FUNCTION public.book(op public.operation, mine public.balance, id bigint, amount bigint, aside bigint, credits bigint, house_accounts text[], house_amounts bigint[], details jsonb, due_at timestamp with time zone DEFAULT 'infinity'::timestamp with time zone, reverses bigint DEFAULT NULL::bigint) RETURNS public.operation_result
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

CREATE FUNCTION public.burn_lots(id bigint, account_id bigint, wanted bigint) RETURNS bigint
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

CREATE FUNCTION public.capture_hold(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.cents_of(used bigint, credits bigint, cents bigint, cents_used bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN used = credits THEN cents ELSE greatest(cents_used, cents * used / credits) END
$$;

CREATE FUNCTION public.chain_alarm_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'an alarm that was given is not rewritten' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.chain_cursor_goes_forward() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a pass of an older watcher came late' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.chain_hash(head bytea, told bytea, account text, shard smallint, seq bigint, amount bigint, balance_after bigint, held bigint, held_after bigint) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    SELECT sha256(head || told || convert_to(concat_ws('|',
        account, shard, seq, amount, balance_after, held, held_after
    ), 'UTF8'))
$$;

CREATE FUNCTION public.chain_lease_token_grows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a fencing token does not go back' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.chain_outflow_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'what left an address in a final block does not change' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.check_assets(accounts text[], assets text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT leg.name, leg.asset, account_class.floor IS NOT NULL AS guarded
    INTO wrong
    FROM unnest(accounts, assets) WITH ORDINALITY AS leg (name, asset, place)
    JOIN account ON account.name = leg.name
    JOIN account_class ON account_class.name = account.class_name
    WHERE account_class.floor IS NOT NULL
        OR leg.asset IS DISTINCT FROM account.asset
    ORDER BY leg.place
    LIMIT 1;
    IF wrong.guarded THEN
        RAISE EXCEPTION 'account % is guarded: only operations on credits move it', wrong.name
        USING ERRCODE = 'PR006';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'account % is kept in another asset than %', wrong.name, wrong.asset
        USING ERRCODE = 'PR004';
    END IF;
END $$;

CREATE FUNCTION public.check_legs(reference text, accounts text[], assets text[], amounts bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    legs constant integer := cardinality(accounts);
BEGIN
    IF reference = '' OR legs IS NULL OR legs < 2 OR legs > 1000
        OR cardinality(assets) IS DISTINCT FROM legs
        OR cardinality(amounts) IS DISTINCT FROM legs
        OR array_position(accounts, NULL) IS NOT NULL
        OR array_position(amounts, NULL) IS NOT NULL
        OR array_position(amounts, 0) IS NOT NULL
        OR (SELECT count(DISTINCT name) FROM unnest(accounts) AS name) <> legs
    THEN
        RAISE EXCEPTION 'posting % needs a reference and two legs or more, each with an account of its own, an asset and an amount that is not zero',
            reference
        USING ERRCODE = 'PR003';
    END IF;
END $$;

CREATE FUNCTION public.checker_may_decide() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM operator
    WHERE operator_id = NEW.decided_by_id
        AND disabled_at IS NULL
        AND (role = 'approver' OR NEW.decision = 'withdrawn')
    FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operator % may not decide proposals', NEW.decided_by_id USING ERRCODE = 'PR902';
    END IF;
    RETURN NEW;
END
$$;

CREATE TABLE public.hold (
    id text NOT NULL,
    account_id bigint NOT NULL,
    credits bigint NOT NULL,
    lots bigint[] NOT NULL,
    pins bigint[] NOT NULL,
    job text NOT NULL,
    in_flight boolean NOT NULL,
    state public.hold_state DEFAULT 'open'::public.hold_state NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    placed_in bigint NOT NULL,
    closed_in bigint
)
WITH (fillfactor='80');

CREATE FUNCTION public.close_hold(op public.operation, mine public.balance, ending public.hold, captured bigint, state public.hold_state) RETURNS public.operation_result
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

CREATE FUNCTION public.close_late(op public.operation, mine public.balance, charged public.hold, wanted bigint) RETURNS public.operation_result
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

CREATE FUNCTION public.closed_until() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT coalesce((max(month) + interval '1 month') AT TIME ZONE 'UTC', '-infinity') FROM period_close
$$;

CREATE FUNCTION public.debit(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.deduct_credits(op public.operation, mine public.balance) RETURNS public.operation_result
    LANGUAGE plpgsql
    AS $$
DECLARE
    id      bigint;
    wanted  bigint := op.credits;
    cents   bigint := 0;
    place   integer := 0;
    next    lot;
    part    bigint;
    part_cents bigint;
BEGIN
    IF wanted > mine.posted - mine.held THEN
        RETURN refuse(op, mine, 'not_enough', NULL);
    END IF;
    id := nextval('ledger_transaction_id_seq');
    WHILE wanted > 0 LOOP
        SELECT lot.*
        INTO next
        FROM lot
        WHERE lot.account_id = mine.account_id AND lot.open AND lot.used + lot.held < lot.credits
        ORDER BY lot.priority, lot.expires_at, lot.promotional DESC, lot.id
        LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the lots of account % hold % credits less than its balance', mine.account_id, wanted
            USING ERRCODE = 'PR007';
        END IF;
        part := least(next.credits - next.used - next.held, wanted);
        place := place + 1;
        part_cents := shrink_lot(id, next, part, place);
        wanted := wanted - part;
        cents := cents + part_cents;
    END LOOP;
    RETURN book(
        op, mine, id, -op.credits, 0, op.credits,
        ARRAY['issued', 'prepaid_liability', 'unclaimed'], ARRAY[op.credits, -cents, cents],
        jsonb_build_object('unclaimed_cents', cents)
    );
END $$;

CREATE FUNCTION public.deposit_final_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a final deposit does not change' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION public.exception_is_open() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM 1 FROM payment_exception WHERE exception_id = NEW.exception_id AND closed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'exception % is closed: nothing more is done about it', NEW.exception_id USING ERRCODE = 'PR901';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.exception_of_agent() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.agent_id := (SELECT agent_id FROM payment_attempt WHERE payment_attempt_id = NEW.payment_attempt_id);
    RETURN NEW;
END
$$;

CREATE FUNCTION public.expire_lot(op public.operation, lot_id bigint) RETURNS void
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

CREATE FUNCTION public.follow_up(op public.operation, kind text, reference text, effective_at timestamp with time zone) RETURNS public.operation
    LANGUAGE sql STABLE
    AS $$
    SELECT (
        kind, reference, sha256(convert_to(reference, 'UTF8')), 'ledger', op.now, op.agent,
        NULL, NULL, NULL, effective_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    )::operation
$$;

CREATE FUNCTION public.freeze_agent(given_agent text, given_reference text, given_reason text, given_by text, given_at timestamp with time zone, OUT freeze_id bigint, OUT made boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    -- Its account may not be open yet: what it is given later must not be spent either.
    mine constant balance := open_agent(given_agent);
BEGIN
    IF mine.account_id IS NULL THEN
        RAISE EXCEPTION 'no agent can have this name'
        USING ERRCODE = 'PR003';
    END IF;
    INSERT INTO agent_freeze (agent_id, reference, reason, frozen_by, frozen_at)
    VALUES (given_agent, given_reference, given_reason, given_by, given_at)
    ON CONFLICT (reference) DO NOTHING
    RETURNING agent_freeze.freeze_id INTO freeze_id;
    made := FOUND;
    IF NOT made THEN
        SELECT known.freeze_id INTO freeze_id FROM agent_freeze AS known WHERE known.reference = given_reference;
        RETURN;
    END IF;
    UPDATE balance SET frozen = true WHERE balance.account_id = mine.account_id AND balance.shard = mine.shard;
END $$;

CREATE FUNCTION public.give_back(op public.operation, mine public.balance, spend bigint, details jsonb) RETURNS public.operation_result
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

CREATE FUNCTION public.grant_credits(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.lock_agents(given public.operation[]) RETURNS void
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

CREATE FUNCTION public.lock_house(given_accounts text[], given_amounts bigint[], OUT last_at timestamp with time zone, OUT unknown text) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    my_turn    constant text := pg_advisory_xact_lock(4973, pg_backend_pid() % 16)::text;
    wanted     constant integer := cardinality(given_amounts) - cardinality(array_positions(given_amounts, 0));
    found_rows bigint;
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT count(*), max(balance.last_at)
        INTO found_rows, last_at
        FROM unnest(given_accounts, given_amounts) WITH ORDINALITY AS leg (name, amount, place)
        JOIN account ON account.name = leg.name
        JOIN balance
            ON balance.account_id = account.id
            -- As many shards as in the chart of accounts.
            AND balance.shard = pg_backend_pid() % 16
            AND balance.floor IS NULL
        WHERE leg.amount <> 0
            -- Always so. The planner takes it for few legs, and would read all balances for many.
            AND leg.place BETWEEN 1 AND 1000;
        EXIT WHEN found_rows = wanted;
        unknown := open_accounts(array_remove(given_accounts, NULL));
        EXIT WHEN unknown IS NOT NULL;
    END LOOP;
END $$;

CREATE FUNCTION public.next_due(given_account_id bigint, given_now timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(least(
        (SELECT min(hold.expires_at) FROM hold WHERE hold.account_id = given_account_id AND hold.state = 'open'),
        (SELECT min(CASE WHEN lot.pending THEN lot.effective_at ELSE lot.expires_at END)
        FROM lot
        WHERE lot.account_id = given_account_id AND lot.open
            AND (lot.pending OR lot.expires_at > given_now))
    ), 'infinity')
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

CREATE FUNCTION public.open_agent(agent text) RETURNS public.balance
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

CREATE FUNCTION public.open_moment(happened_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4973, 22);
    RETURN greatest(happened_at, closed_until());
END $$;

CREATE FUNCTION public.outcome_of(given_reference text) RETURNS SETOF public.operation_result
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    known ledger_transaction;
BEGIN
    SELECT told.* INTO known FROM ledger_transaction AS told WHERE told.reference = given_reference;
    IF FOUND THEN
        RETURN NEXT replay(known, known.request_hash);
    END IF;
END $$;

CREATE FUNCTION public.place_hold(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.post_transaction(given_reference text, given_request_hash bytea, given_kind text, given_effective_at timestamp with time zone, given_actor text, given_metadata jsonb, given_accounts text[], given_assets text[], given_amounts bigint[]) RETURNS TABLE(outcome text, transaction_id bigint, refused_account text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
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

CREATE FUNCTION public.prove_balanced() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    unproven bigint;
BEGIN
    SELECT written.transaction_id
    INTO unproven
    FROM written
    LEFT JOIN public.ledger_transaction AS told
        ON told.id = written.transaction_id
        AND told.xid = pg_current_xact_id()
    GROUP BY written.transaction_id, written.asset
    HAVING sum(written.amount) <> 0
        OR bool_or(told.id IS NULL OR written.amount = 0 AND written.held = 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % does not sum to zero in every asset, has an empty leg, or is not being written now',
            unproven
        USING ERRCODE = 'PR002';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.refund_purchase(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.refuse(op public.operation, mine public.balance, reason text, details jsonb) RETURNS public.operation_result
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

CREATE FUNCTION public.refuse_changed_export() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'what was exported, for whom and how it ended is not rewritten' USING ERRCODE = 'PR900';
END
$$;

CREATE FUNCTION public.refuse_closed_period() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.effective_at < public.open_moment(NEW.effective_at) THEN
        RAISE EXCEPTION '% is in a month that is closed', NEW.effective_at
        USING ERRCODE = 'PR010';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.refuse_malformed_lot() RETURNS trigger
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

CREATE FUNCTION public.refuse_reopening() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a closed item of reconciliation does not change' USING ERRCODE = 'PR900';
END
$$;

CREATE FUNCTION public.refuse_unsound_close() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
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

CREATE FUNCTION public.reinstate_purchase(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.release_hold(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE TABLE public.ledger_transaction (
    id bigint NOT NULL,
    reference text NOT NULL,
    request_hash bytea NOT NULL,
    kind text NOT NULL,
    outcome text DEFAULT 'done'::text NOT NULL,
    account_id bigint,
    credits bigint,
    reverses bigint,
    effective_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    details jsonb,
    hash bytea NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE FUNCTION public.replay(told public.ledger_transaction, request_hash bytea) RETURNS public.operation_result
    LANGUAGE plpgsql STABLE
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

CREATE FUNCTION public.seal_time(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN isfinite(moment) THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END
$$;

CREATE FUNCTION public.set_aside(op public.operation, mine public.balance, id bigint, aside bigint, credits bigint, details jsonb, due_at timestamp with time zone) RETURNS public.operation_result
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

CREATE FUNCTION public.settle_agent(given_agent text, given_now timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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

CREATE FUNCTION public.settle_all_due(given_now timestamp with time zone, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
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

CREATE FUNCTION public.settle_due(op public.operation, mine public.balance) RETURNS integer
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

CREATE FUNCTION public.settle_freed(op public.operation, lots bigint[]) RETURNS void
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

CREATE FUNCTION public.shards_at(given_account_id bigint, at timestamp with time zone) RETURNS TABLE(account_id bigint, shard smallint, posted bigint, held bigint, seq bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    line   record;
    middle record;
    probe  bigint;
    beyond bigint;
BEGIN
    account_id := given_account_id;
    FOR line IN
        SELECT balance.shard, balance.posted, balance.held, balance.seq, balance.last_at
        FROM balance
        WHERE balance.account_id = given_account_id
    LOOP
        shard := line.shard;
        IF line.last_at <= at THEN
            posted := line.posted;
            held := line.held;
            seq := line.seq;
        ELSE
            -- Entry `seq` is not after `at` (0 is before all of them), entry `beyond` is.
            posted := 0;
            held := 0;
            seq := 0;
            beyond := line.seq;
            WHILE beyond - seq > 1 LOOP
                probe := (seq + beyond) / 2;
                SELECT entry.created_at, entry.balance_after, entry.held_after
                INTO middle
                FROM entry
                WHERE entry.account_id = given_account_id
                    AND entry.shard = line.shard
                    AND entry.seq = probe;
                IF middle.created_at <= at THEN
                    seq := probe;
                    posted := middle.balance_after;
                    held := middle.held_after;
                ELSE
                    beyond := probe;
                END IF;
            END LOOP;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION public.shrink_lot(id bigint, mine public.lot, part bigint, place integer DEFAULT 1, OUT part_cents bigint) RETURNS bigint
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
    VALUES (shrink_lot.id, shrink_lot.place, mine.id, -part, 0, -part_cents, 0);
END $$;

CREATE FUNCTION public.spending_refusal(op public.operation, mine public.balance) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    left_over constant bigint := mine.posted - mine.held - op.credits;
BEGIN
    IF mine.frozen THEN
        RETURN 'frozen';
    ELSIF op.expect_version <> mine.seq THEN
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

CREATE FUNCTION public.start_hold(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.tell(op public.operation, id bigint, outcome text, account_id bigint, credits bigint, reverses bigint, created_at timestamp with time zone, details jsonb) RETURNS bytea
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

CREATE FUNCTION public.thaw_agent(given_freeze_id bigint, given_reason text, given_by text, given_at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    frozen_agent text;
    mine         balance;
BEGIN
    SELECT agent_freeze.agent_id INTO frozen_agent FROM agent_freeze WHERE agent_freeze.freeze_id = given_freeze_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- The lock first: whoever froze or thawed before is seen by the next statement.
    mine := open_agent(frozen_agent);
    INSERT INTO agent_thaw (freeze_id, reason, thawed_by, thawed_at)
    VALUES (given_freeze_id, given_reason, given_by, given_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE balance
    SET frozen = EXISTS (
        SELECT FROM agent_freeze AS other
        WHERE other.agent_id = frozen_agent
            AND NOT EXISTS (SELECT FROM agent_thaw WHERE agent_thaw.freeze_id = other.freeze_id)
    )
    WHERE balance.account_id = mine.account_id AND balance.shard = mine.shard;
    RETURN true;
END $$;

CREATE FUNCTION public.told_hash(id bigint, reference text, request_hash bytea, kind text, outcome text, account_id bigint, credits bigint, reverses bigint, effective_at timestamp with time zone, created_at timestamp with time zone, actor text, metadata jsonb, details jsonb) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    SELECT sha256(convert_to(concat_ws('|',
        id, encode(request_hash, 'hex'), kind, outcome, coalesce(account_id, 0), coalesce(credits, 0),
        coalesce(reverses, 0), (extract(epoch FROM effective_at) * 1000000)::bigint,
        (extract(epoch FROM created_at) * 1000000)::bigint, actor, metadata, coalesce(details, '{}'), reference
    ), 'UTF8'))
$$;

CREATE FUNCTION public.transfer_claim_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.transfer_claim_waits_its_turn() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.unwind_spend(op public.operation, mine public.balance) RETURNS public.operation_result
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

CREATE FUNCTION public.use_lot(id bigint, place integer, lot_id bigint, more_used bigint, more_held bigint, now timestamp with time zone, OUT more_cents bigint, OUT waited_for boolean) RETURNS record
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

CREATE FUNCTION public.with_true_time(metadata jsonb, happened_at timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(metadata, '{}') || jsonb_build_object('happened_at', seal_time(happened_at))
$$;

CREATE FUNCTION public.write_house(transaction_id bigint, told bytea, created_at timestamp with time zone, given_accounts text[], given_amounts bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH moved AS (
        UPDATE balance
        SET posted = balance.posted + leg.amount,
            seq = balance.seq + 1,
            last_at = write_house.created_at,
            head = chain_hash(
                balance.head, told, leg.name, balance.shard, balance.seq + 1,
                leg.amount, balance.posted + leg.amount, 0, 0
            )
        FROM unnest(given_accounts, given_amounts) WITH ORDINALITY AS leg (name, amount, place)
        JOIN account ON account.name = leg.name
        WHERE balance.account_id = account.id
            AND balance.shard = pg_backend_pid() % 16
            AND leg.amount <> 0
            AND leg.place BETWEEN 1 AND 1000
        RETURNING leg.place, balance.account_id, balance.shard, account.asset, leg.amount, balance.seq,
            balance.posted, balance.head
    )
    INSERT INTO entry (
        transaction_id, leg, account_id, shard, asset, amount, seq, balance_after, hash, created_at
    )
    SELECT
        write_house.transaction_id, row_number() OVER (ORDER BY moved.place) - 1, moved.account_id, moved.shard, moved.asset, moved.amount,
        moved.seq, moved.posted, moved.head, write_house.created_at
    FROM moved;
END $$;

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
    occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT activity_type_known CHECK ((type = ANY (ARRAY['usage.credit_consumed'::text, 'payment.checkout_session.created'::text, 'credits.payment_backed_granted'::text, 'credits.payment_backed_refunded'::text, 'credits.payment_backed_disputed'::text, 'credits.payment_backed_reinstated'::text, 'credits.payment_backed_reversal_pending'::text, 'credits.payment_backed_reversal_rejected'::text])))
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

CREATE TABLE public.agent_claim (
    number bigint NOT NULL,
    agent_id text NOT NULL,
    contact text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    CONSTRAINT agent_claim_contact_lower_case CHECK ((contact = lower(contact)))
);

ALTER TABLE public.agent_claim ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.agent_claim_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.agent_deposit_address (
    agent_id text NOT NULL,
    network text NOT NULL,
    live_money boolean NOT NULL,
    address_id text NOT NULL,
    address text NOT NULL,
    token_contract text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.agent_freeze (
    freeze_id bigint NOT NULL,
    agent_id text NOT NULL,
    reference text NOT NULL,
    reason text NOT NULL,
    frozen_by text NOT NULL,
    frozen_at timestamp with time zone NOT NULL
);

ALTER TABLE public.agent_freeze ALTER COLUMN freeze_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.agent_freeze_freeze_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.agent_thaw (
    freeze_id bigint NOT NULL,
    reason text NOT NULL,
    thawed_by text NOT NULL,
    thawed_at timestamp with time zone NOT NULL
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

CREATE TABLE public.assignment (
    about_kind text NOT NULL,
    about_id text NOT NULL,
    turn integer NOT NULL,
    owner text,
    assigned_by text NOT NULL,
    assigned_at timestamp with time zone NOT NULL,
    CONSTRAINT assignment_about_named CHECK (((about_kind ~ '^[a-z][a-z_]{0,31}$'::text) AND (about_id <> ''::text))),
    CONSTRAINT assignment_says_who CHECK (((owner ~ '\S'::text) AND (assigned_by ~ '\S'::text))),
    CONSTRAINT assignment_turns_begin_at_one CHECK ((turn >= 1))
);

CREATE TABLE public.audit_log (
    audit_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    role text,
    operator_id text,
    session_id bigint,
    via text NOT NULL,
    address text,
    action text NOT NULL,
    about_kind text NOT NULL,
    about_id text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    before jsonb,
    after jsonb,
    CONSTRAINT audit_log_action_named CHECK ((action ~ '^[a-z][a-z_]*\.[a-z][a-z_]*$'::text)),
    CONSTRAINT audit_log_outcome_known CHECK ((outcome = ANY (ARRAY['asked'::text, 'done'::text, 'failed'::text, 'refused'::text]))),
    CONSTRAINT audit_log_says_who CHECK ((actor <> ''::text)),
    CONSTRAINT audit_log_via_known CHECK ((via = ANY (ARRAY['console'::text, 'ops'::text, 'command'::text, 'service'::text])))
);

ALTER TABLE public.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.chain_alarm (
    alarm_id bigint NOT NULL,
    chain_id bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT chain_alarm_kind_known CHECK ((kind = ANY (ARRAY['head_age'::text, 'cursor_age'::text, 'node_failing'::text, 'wrong_chain'::text, 'nodes_disagree'::text, 'too_few_nodes'::text, 'block_refused'::text, 'deeper_than_final'::text, 'audit_missing'::text, 'balance_mismatch'::text]))),
    CONSTRAINT chain_alarm_times_in_order CHECK (((opened_at <= last_seen_at) AND ((closed_at IS NULL) OR (opened_at <= closed_at))))
);

CREATE TABLE public.exception_action (
    action_id bigint NOT NULL,
    exception_id bigint NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    units numeric(78,0) NOT NULL,
    cents bigint NOT NULL,
    ledger_transaction_id bigint,
    wait_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT exception_action_amounts_not_negative CHECK (((units >= (0)::numeric) AND (cents >= 0))),
    CONSTRAINT exception_action_is_in_the_book CHECK (
CASE action
    WHEN 'credit'::text THEN ((cents > 0) AND (ledger_transaction_id IS NOT NULL))
    WHEN 'claim'::text THEN ((cents > 0) AND (ledger_transaction_id IS NOT NULL))
    WHEN 'write_off'::text THEN ((cents > 0) = (ledger_transaction_id IS NOT NULL))
    ELSE (ledger_transaction_id IS NULL)
END),
    CONSTRAINT exception_action_known CHECK ((action = ANY (ARRAY['credit'::text, 'refund'::text, 'wait'::text, 'write_off'::text, 'claim'::text]))),
    CONSTRAINT exception_action_says_who_and_why CHECK (((actor <> ''::text) AND (reason <> ''::text))),
    CONSTRAINT exception_action_waits_until CHECK (((action = 'wait'::text) = (wait_until IS NOT NULL)))
);

CREATE TABLE public.notice_action (
    action_id bigint NOT NULL,
    notice_id bigint NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    from_state text NOT NULL,
    acted_at timestamp with time zone NOT NULL,
    CONSTRAINT notice_action_known CHECK ((action = ANY (ARRAY['replay'::text, 'ignore'::text]))),
    CONSTRAINT notice_action_says_who CHECK ((btrim(actor) <> ''::text)),
    CONSTRAINT notice_action_says_why CHECK ((btrim(reason) <> ''::text))
);

CREATE TABLE public.payment_exception (
    exception_id bigint NOT NULL,
    payment_attempt_id text,
    kind text NOT NULL,
    asset text NOT NULL,
    expected_units numeric(78,0) NOT NULL,
    received_units numeric(78,0) NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_by text,
    resolution text,
    subject text,
    detail text,
    final_units numeric(78,0),
    late boolean DEFAULT false NOT NULL,
    wait_until timestamp with time zone,
    agent_id text,
    CONSTRAINT payment_exception_closed_says_who_and_how CHECK ((((closed_at IS NULL) = (closed_by IS NULL)) AND ((closed_at IS NULL) = (resolution IS NULL)))),
    CONSTRAINT payment_exception_is_about_something CHECK ((((kind = 'deeper_than_final'::text) = (payment_attempt_id IS NULL)) AND ((payment_attempt_id IS NULL) = (subject IS NOT NULL)))),
    CONSTRAINT payment_exception_is_of_its_agent CHECK (((agent_id IS NULL) = (payment_attempt_id IS NULL))),
    CONSTRAINT payment_exception_kind_known CHECK ((kind = ANY (ARRAY['reversal_rejected'::text, 'underpaid'::text, 'overpaid'::text, 'topped_up'::text, 'several'::text, 'late'::text, 'after_close'::text, 'retired_address'::text, 'wrong_token'::text, 'unmatched'::text, 'unseen'::text, 'mismatch'::text, 'taken_back'::text, 'chain_evidence_pending'::text, 'deeper_than_final'::text]))),
    CONSTRAINT payment_exception_units_not_negative CHECK (((received_units >= (0)::numeric) AND (final_units >= (0)::numeric)))
);

CREATE TABLE public.payment_reversal (
    reference text NOT NULL,
    payment_attempt_id text NOT NULL,
    cause text NOT NULL,
    state text NOT NULL,
    cents bigint NOT NULL,
    booked_cents bigint DEFAULT 0 NOT NULL,
    refused_cents bigint,
    takings integer DEFAULT 0 NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT payment_reversal_books_what_is_gone CHECK (((booked_cents = 0) OR ((state = 'gone'::text) AND (booked_cents <= cents)))),
    CONSTRAINT payment_reversal_cause_known CHECK ((cause = ANY (ARRAY['refund'::text, 'dispute'::text, 'fraud_warning'::text]))),
    CONSTRAINT payment_reversal_counts CHECK ((LEAST(cents, booked_cents, (takings)::bigint) >= 0)),
    CONSTRAINT payment_reversal_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'gone'::text, 'back'::text, 'void'::text]))),
    CONSTRAINT payment_reversal_warning_moves_nothing CHECK (((cause <> 'fraud_warning'::text) OR (state = ANY (ARRAY['pending'::text, 'void'::text]))))
);

CREATE TABLE public.payment_reversal_state (
    change_id bigint NOT NULL,
    reference text NOT NULL,
    state text NOT NULL,
    cents bigint NOT NULL,
    booked_cents bigint NOT NULL,
    transactions bigint[] NOT NULL,
    detail jsonb NOT NULL,
    seen_at timestamp with time zone NOT NULL
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

CREATE TABLE public.reconciliation_run (
    run_id bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    read_until timestamp with time zone NOT NULL,
    kept integer NOT NULL,
    booked integer NOT NULL,
    opened integer NOT NULL,
    closed integer NOT NULL,
    breaks integer NOT NULL,
    processor_cents bigint NOT NULL,
    book_cents bigint NOT NULL
);

CREATE TABLE public.refund_request (
    refund_id text NOT NULL,
    payment_attempt_id text NOT NULL,
    idempotency_key text NOT NULL,
    cents bigint NOT NULL,
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    reference text,
    failure text,
    tries integer DEFAULT 0 NOT NULL,
    try_at timestamp with time zone,
    answered_at timestamp with time zone,
    CONSTRAINT refund_request_answered CHECK (
CASE state
    WHEN 'asked'::text THEN ((try_at IS NOT NULL) AND (answered_at IS NULL) AND (reference IS NULL) AND (failure IS NULL))
    WHEN 'accepted'::text THEN ((try_at IS NULL) AND (answered_at IS NOT NULL) AND (reference IS NOT NULL) AND (failure IS NULL))
    WHEN 'failed'::text THEN ((try_at IS NULL) AND (answered_at IS NOT NULL) AND (failure IS NOT NULL))
    ELSE false
END),
    CONSTRAINT refund_request_positive CHECK ((cents > 0))
);

CREATE VIEW public.audit_trail AS
 SELECT 'operators'::text AS source,
    (told.audit_id)::text AS id,
    told.at,
    told.actor,
    told.via,
    told.role,
    told.action,
    told.about_kind,
    told.about_id,
    told.outcome,
    told.reason,
    told.before,
    told.after
   FROM public.audit_log told
UNION ALL
 SELECT 'exceptions'::text AS source,
    (told.action_id)::text AS id,
    told.created_at AS at,
    told.actor,
    'service'::text AS via,
    NULL::text AS role,
    ('exception.'::text ||
        CASE
            WHEN (told.action = ANY (ARRAY['wait'::text, 'claim'::text])) THEN told.action
            ELSE 'resolve'::text
        END) AS action,
    'exception'::text AS about_kind,
    (told.exception_id)::text AS about_id,
    'done'::text AS outcome,
    told.reason,
    NULL::jsonb AS before,
    jsonb_build_object('as', told.action, 'units', (told.units)::text, 'cents', told.cents, 'transaction', told.ledger_transaction_id) AS after
   FROM public.exception_action told
  WHERE (told.actor !~~ 'operator:%'::text)
UNION ALL
 SELECT 'exceptions closed'::text AS source,
    (told.exception_id)::text AS id,
    told.closed_at AS at,
    told.closed_by AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'exception.close'::text AS action,
    'exception'::text AS about_kind,
    (told.exception_id)::text AS about_id,
    'done'::text AS outcome,
    told.resolution AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('kind', told.kind, 'attempt', told.payment_attempt_id) AS after
   FROM public.payment_exception told
  WHERE (told.closed_by = 'house'::text)
UNION ALL
 SELECT 'inbox'::text AS source,
    (told.action_id)::text AS id,
    told.acted_at AS at,
    told.actor,
    'service'::text AS via,
    NULL::text AS role,
    ('notice.'::text || told.action) AS action,
    'notice'::text AS about_kind,
    (told.notice_id)::text AS about_id,
    'done'::text AS outcome,
    told.reason,
    jsonb_build_object('state', told.from_state) AS before,
    NULL::jsonb AS after
   FROM public.notice_action told
  WHERE (told.actor ~~ 'sender:%'::text)
UNION ALL
 SELECT 'freezes'::text AS source,
    (told.freeze_id)::text AS id,
    told.frozen_at AS at,
    told.frozen_by AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'agent.freeze'::text AS action,
    'agent'::text AS about_kind,
    told.agent_id AS about_id,
    'done'::text AS outcome,
    told.reason,
    NULL::jsonb AS before,
    jsonb_build_object('reference', told.reference) AS after
   FROM public.agent_freeze told
  WHERE (told.frozen_by ~~ 'rail:%'::text)
UNION ALL
 SELECT 'thaws'::text AS source,
    (lifted.freeze_id)::text AS id,
    lifted.thawed_at AS at,
    lifted.thawed_by AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'agent.lift_freeze'::text AS action,
    'agent'::text AS about_kind,
    told.agent_id AS about_id,
    'done'::text AS outcome,
    lifted.reason,
    jsonb_build_object('reference', told.reference) AS before,
    NULL::jsonb AS after
   FROM (public.agent_thaw lifted
     JOIN public.agent_freeze told ON ((told.freeze_id = lifted.freeze_id)))
  WHERE (lifted.thawed_by ~~ 'rail:%'::text)
UNION ALL
 SELECT 'refunds'::text AS source,
    told.refund_id AS id,
    told.answered_at AS at,
    'service'::text AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'refund.answer'::text AS action,
    'purchase'::text AS about_kind,
    told.payment_attempt_id AS about_id,
        CASE told.state
            WHEN 'failed'::text THEN 'failed'::text
            ELSE 'done'::text
        END AS outcome,
    COALESCE(told.failure, ''::text) AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('refund', told.refund_id, 'cents', told.cents, 'asked_by', told.requested_by) AS after
   FROM public.refund_request told
  WHERE (told.answered_at IS NOT NULL)
UNION ALL
 SELECT 'reversals'::text AS source,
    (told.change_id)::text AS id,
    told.seen_at AS at,
    'service'::text AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'reversal.book'::text AS action,
    'purchase'::text AS about_kind,
    whole.payment_attempt_id AS about_id,
    'done'::text AS outcome,
    ''::text AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('reference', told.reference, 'cause', whole.cause, 'state', told.state, 'cents', told.cents, 'booked_cents', told.booked_cents, 'transactions', to_jsonb(told.transactions)) AS after
   FROM (public.payment_reversal_state told
     JOIN public.payment_reversal whole ON ((whole.reference = told.reference)))
UNION ALL
 SELECT 'grants'::text AS source,
    told.receipt_id AS id,
    told.created_at AS at,
    'service'::text AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'credits.grant'::text AS action,
    'purchase'::text AS about_kind,
    told.payment_attempt_id AS about_id,
    'done'::text AS outcome,
    ''::text AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('receipt', told.receipt_id, 'credits', told.credits, 'received_cents', told.received_cents, 'transaction', told.ledger_transaction_id) AS after
   FROM public.receipt told
UNION ALL
 SELECT 'reconciliations'::text AS source,
    (told.run_id)::text AS id,
    told.started_at AS at,
    'service'::text AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'reconciliation.run'::text AS action,
    'reconciliation'::text AS about_kind,
    (told.run_id)::text AS about_id,
    'done'::text AS outcome,
    ''::text AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('booked', told.booked, 'opened', told.opened, 'closed', told.closed, 'breaks', told.breaks, 'processor_cents', told.processor_cents, 'book_cents', told.book_cents) AS after
   FROM public.reconciliation_run told
UNION ALL
 SELECT 'alarms'::text AS source,
    (told.alarm_id)::text AS id,
    told.opened_at AS at,
    'service'::text AS actor,
    'service'::text AS via,
    NULL::text AS role,
    'alarm.raise'::text AS action,
    'alarm'::text AS about_kind,
    (told.alarm_id)::text AS about_id,
    'done'::text AS outcome,
    told.detail AS reason,
    NULL::jsonb AS before,
    jsonb_build_object('kind', told.kind, 'subject', told.subject) AS after
   FROM public.chain_alarm told;

CREATE TABLE public.buy_key (
    agent_id text NOT NULL,
    idempotency_key text NOT NULL,
    quote_id text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE public.chain_alarm ALTER COLUMN alarm_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.chain_alarm_alarm_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.chain_balance (
    chain_id bigint NOT NULL,
    token text NOT NULL,
    address text NOT NULL,
    block_number bigint NOT NULL,
    balance numeric(78,0) NOT NULL,
    expected numeric(78,0) NOT NULL,
    checked_at timestamp with time zone NOT NULL
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
    fencing_token bigint DEFAULT 0 NOT NULL,
    outflow_number bigint,
    CONSTRAINT chain_cursor_block_hash_whole CHECK ((block_hash ~ '^0x[0-9a-f]{64}$'::text)),
    CONSTRAINT chain_cursor_block_not_negative CHECK ((block_number >= 0)),
    CONSTRAINT chain_cursor_finalized_has_hash CHECK (((finalized_number IS NULL) = (finalized_hash IS NULL))),
    CONSTRAINT chain_cursor_finalized_hash_whole CHECK ((finalized_hash ~ '^0x[0-9a-f]{64}$'::text)),
    CONSTRAINT chain_cursor_head_not_behind CHECK ((head_number >= block_number))
);

CREATE TABLE public.chain_lease (
    chain_id bigint NOT NULL,
    holder text NOT NULL,
    token bigint NOT NULL,
    held_until timestamp with time zone NOT NULL,
    CONSTRAINT chain_lease_token_positive CHECK ((token > 0))
);

CREATE TABLE public.chain_outflow (
    chain_id bigint NOT NULL,
    block_hash text NOT NULL,
    log_index bigint NOT NULL,
    block_number bigint NOT NULL,
    tx_hash text NOT NULL,
    token text NOT NULL,
    address text NOT NULL,
    recipient text NOT NULL,
    amount numeric(78,0) NOT NULL,
    found_at timestamp with time zone NOT NULL,
    CONSTRAINT chain_outflow_addresses_lower_case CHECK (((token ~ '^0x[0-9a-f]{40}$'::text) AND (address ~ '^0x[0-9a-f]{40}$'::text) AND (recipient ~ '^0x[0-9a-f]{40}$'::text))),
    CONSTRAINT chain_outflow_hashes_whole CHECK (((block_hash ~ '^0x[0-9a-f]{64}$'::text) AND (tx_hash ~ '^0x[0-9a-f]{64}$'::text))),
    CONSTRAINT chain_outflow_not_negative CHECK (((block_number >= 0) AND (log_index >= 0) AND (amount >= (0)::numeric)))
);

CREATE TABLE public.closed_deposit (
    payment_attempt_id text NOT NULL,
    closed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.entry (
    transaction_id bigint NOT NULL,
    leg smallint NOT NULL,
    account_id bigint NOT NULL,
    shard smallint NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    seq bigint NOT NULL,
    balance_after bigint NOT NULL,
    held_after bigint DEFAULT 0 NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE VIEW public.credit_use AS
 SELECT entry.account_id,
    entry.seq,
    told.id AS transaction_id,
    told.effective_at,
    (- entry.amount) AS credits,
    COALESCE(hold.job, (told.details ->> 'job'::text), (undone.details ->> 'job'::text)) AS job
   FROM (((public.entry
     JOIN public.ledger_transaction told ON (((told.id = entry.transaction_id) AND (told.kind = ANY (ARRAY['debit'::text, 'capture'::text, 'hold_expiry'::text, 'unwind'::text, 'release'::text])))))
     LEFT JOIN public.ledger_transaction undone ON ((undone.id = told.reverses)))
     LEFT JOIN public.hold ON ((hold.id = COALESCE((told.details ->> 'hold'::text), (undone.details ->> 'hold'::text)))))
  WHERE ((entry.leg = 0) AND (entry.shard = 0) AND (entry.amount <> 0));

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

CREATE TABLE public.evidence (
    payment_attempt_id text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    state text NOT NULL,
    detail jsonb NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT evidence_source_named CHECK ((source ~ '^[a-z][a-z0-9_]{0,31}$'::text))
);

ALTER TABLE public.exception_action ALTER COLUMN action_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.exception_action_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.export (
    number bigint NOT NULL,
    export_id text NOT NULL,
    data_set text NOT NULL,
    format text NOT NULL,
    parameters jsonb NOT NULL,
    file_name text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    about_rows bigint,
    rows bigint NOT NULL,
    tries integer NOT NULL,
    lease_until timestamp with time zone,
    begun_at timestamp with time zone,
    ended_at timestamp with time zone,
    failure text,
    file text,
    bytes bigint,
    sha256 text,
    CONSTRAINT export_counts CHECK (((rows >= 0) AND (tries >= 0) AND (COALESCE(bytes, (0)::bigint) >= 0))),
    CONSTRAINT export_is_as_its_state_says CHECK (
CASE state
    WHEN 'asked'::text THEN (num_nonnulls(lease_until, begun_at, ended_at, failure, file, bytes, sha256) = 0)
    WHEN 'running'::text THEN ((num_nulls(lease_until, begun_at, file) = 0) AND (num_nonnulls(ended_at, failure, bytes, sha256) = 0))
    WHEN 'done'::text THEN ((num_nulls(begun_at, ended_at, file, bytes, sha256) = 0) AND (num_nonnulls(lease_until, failure) = 0))
    WHEN 'failed'::text THEN ((num_nulls(ended_at, failure) = 0) AND (num_nonnulls(lease_until, file, bytes) = 0))
    WHEN 'cancelled'::text THEN ((ended_at IS NOT NULL) AND (num_nonnulls(lease_until, failure, file, bytes) = 0))
    WHEN 'expired'::text THEN ((num_nulls(ended_at, bytes, sha256) = 0) AND (num_nonnulls(lease_until, file) = 0))
    ELSE false
END),
    CONSTRAINT export_says_who CHECK ((asked_by <> ''::text))
);

ALTER TABLE public.export ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.export_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.figure_cursor (
    only_one boolean DEFAULT true NOT NULL,
    seal bigint NOT NULL,
    purchases_until timestamp with time zone,
    counted_at timestamp with time zone,
    CONSTRAINT figure_cursor_only_one CHECK (only_one)
);

CREATE TABLE public.figure_day (
    day date NOT NULL,
    source text NOT NULL,
    what text NOT NULL,
    transactions bigint NOT NULL,
    credits bigint NOT NULL,
    cents bigint NOT NULL,
    revenue_cents bigint NOT NULL,
    breakage_cents bigint NOT NULL
);

CREATE TABLE public.figure_funnel (
    day date NOT NULL,
    rail_id text NOT NULL,
    part text NOT NULL,
    quotes bigint NOT NULL,
    attempts bigint NOT NULL,
    paid bigint NOT NULL,
    granted bigint NOT NULL,
    waited bigint[] NOT NULL,
    CONSTRAINT figure_funnel_part_known CHECK ((part = ANY (ARRAY['settled'::text, 'open'::text])))
);

CREATE TABLE public.figure_outstanding (
    source text NOT NULL,
    credits bigint NOT NULL,
    cents bigint NOT NULL
);

ALTER TABLE public.ledger_transaction ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.ledger_transaction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lot_entry (
    transaction_id bigint NOT NULL,
    place integer NOT NULL,
    lot_id bigint NOT NULL,
    credits bigint NOT NULL,
    used bigint NOT NULL,
    cents bigint NOT NULL,
    cents_used bigint NOT NULL
);

ALTER TABLE public.lot ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lot_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.note (
    note_id bigint NOT NULL,
    about_kind text NOT NULL,
    about_id text NOT NULL,
    said text NOT NULL,
    author text NOT NULL,
    written_at timestamp with time zone NOT NULL,
    CONSTRAINT note_about_named CHECK (((about_kind ~ '^[a-z][a-z_]{0,31}$'::text) AND (about_id <> ''::text))),
    CONSTRAINT note_says_something CHECK (((said ~ '\S'::text) AND (length(said) <= 4000))),
    CONSTRAINT note_says_who CHECK ((author ~ '\S'::text))
);

ALTER TABLE public.note ALTER COLUMN note_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.note_note_id_seq
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
    leased_until timestamp with time zone,
    error text,
    CONSTRAINT notice_deliveries_not_negative CHECK ((deliveries >= 0)),
    CONSTRAINT notice_given_up_says_why CHECK (((state <> ALL (ARRAY['dead'::text, 'ignored'::text])) OR (reason IS NOT NULL))),
    CONSTRAINT notice_leased_waits CHECK (((leased_until IS NULL) OR (state = 'waiting'::text))),
    CONSTRAINT notice_state_known CHECK ((state = ANY (ARRAY['waiting'::text, 'handled'::text, 'ignored'::text, 'dead'::text]))),
    CONSTRAINT notice_waiting_has_time CHECK (((state = 'waiting'::text) = (try_at IS NOT NULL)))
);

ALTER TABLE public.notice_action ALTER COLUMN action_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notice_action_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notice_cursor (
    source text NOT NULL,
    external_id text NOT NULL,
    happened_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone NOT NULL
);

ALTER TABLE public.notice ALTER COLUMN notice_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notice_notice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.operator (
    operator_id text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text,
    totp_sealed bytea,
    totp_last_step bigint DEFAULT 0 NOT NULL,
    invite_hash bytea,
    invite_expires_at timestamp with time zone,
    sso_subject text,
    failures integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    CONSTRAINT operator_email_lower_case CHECK (((email = lower(email)) AND (email ~ '^[^\s@]{1,64}@[^\s@]{1,190}$'::text))),
    CONSTRAINT operator_has_name CHECK (((name ~ '\S'::text) AND (length(name) <= 200))),
    CONSTRAINT operator_invite_ends CHECK (((invite_hash IS NULL) = (invite_expires_at IS NULL))),
    CONSTRAINT operator_password_has_second_factor CHECK (((password_hash IS NULL) = (totp_sealed IS NULL))),
    CONSTRAINT operator_password_is_argon2 CHECK ((password_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT operator_role_known CHECK ((role = ANY (ARRAY['viewer'::text, 'support'::text, 'finance'::text, 'approver'::text, 'admin'::text])))
);

CREATE TABLE public.operator_session (
    session_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    operator_id text NOT NULL,
    via text NOT NULL,
    method text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    stepped_up_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_by text,
    address text NOT NULL,
    user_agent text NOT NULL,
    CONSTRAINT operator_session_ends CHECK ((expires_at > created_at)),
    CONSTRAINT operator_session_method_known CHECK ((method = ANY (ARRAY['password'::text, 'sso'::text]))),
    CONSTRAINT operator_session_revoked_by_whom CHECK (((revoked_at IS NULL) = (revoked_by IS NULL))),
    CONSTRAINT operator_session_via_known CHECK ((via = ANY (ARRAY['console'::text, 'ops'::text])))
);

ALTER TABLE public.operator_session ALTER COLUMN session_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.operator_session_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.owned_address (
    address text NOT NULL,
    owner text NOT NULL,
    CONSTRAINT owned_address_lower_case CHECK ((address = lower(address)))
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
    opening_until timestamp with time zone,
    policy jsonb,
    address_owner text,
    trace_id text,
    CONSTRAINT payment_attempt_address_has_owner CHECK (((deposit_address IS NULL) = (address_owner IS NULL))),
    CONSTRAINT payment_attempt_address_lower_case CHECK ((deposit_address = lower(deposit_address))),
    CONSTRAINT payment_attempt_opened_has_reference CHECK (((state = ANY (ARRAY['opening'::text, 'failed'::text, 'expired'::text])) OR ((reference IS NOT NULL) AND (instructions IS NOT NULL)))),
    CONSTRAINT payment_attempt_owns_its_address CHECK (((address_owner = payment_attempt_id) OR (address_owner = agent_id))),
    CONSTRAINT payment_attempt_state_known CHECK ((state = ANY (ARRAY['opening'::text, 'requires_action'::text, 'processing'::text, 'needs_review'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'expired'::text])))
);

ALTER TABLE public.payment_exception ALTER COLUMN exception_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payment_exception_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.payment_reversal_state ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payment_reversal_state_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.period_close (
    month date NOT NULL,
    previous date,
    draft_id bigint NOT NULL,
    prepared_by text NOT NULL,
    control_hash bytea NOT NULL,
    closed_by text NOT NULL,
    closed_at timestamp with time zone NOT NULL,
    CONSTRAINT period_close_by_another CHECK ((lower(TRIM(BOTH FROM closed_by)) <> lower(TRIM(BOTH FROM prepared_by)))),
    CONSTRAINT period_close_leaves_no_gap CHECK ((previous = ((month - '1 mon'::interval))::date))
);

CREATE TABLE public.period_draft (
    draft_id bigint NOT NULL,
    month date NOT NULL,
    report jsonb NOT NULL,
    control_hash bytea NOT NULL,
    warnings jsonb NOT NULL,
    reason text,
    prepared_by text NOT NULL,
    prepared_at timestamp with time zone NOT NULL,
    snapshot text NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT period_draft_gives_a_reason CHECK (((warnings = '[]'::jsonb) OR (COALESCE(reason, ''::text) ~ '\S'::text))),
    CONSTRAINT period_draft_has_a_hash CHECK ((length(control_hash) = 32)),
    CONSTRAINT period_draft_is_of_a_month CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

ALTER TABLE public.period_draft ALTER COLUMN draft_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.period_draft_draft_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.policy_change (
    change_id bigint NOT NULL,
    name text NOT NULL,
    before text NOT NULL,
    value text NOT NULL,
    proposal_id bigint NOT NULL,
    decision text DEFAULT 'approved'::text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT policy_change_to_something CHECK (
CASE
    WHEN (name = ANY (ARRAY['underpaid'::text, 'overpaid'::text, 'topped_up'::text, 'late'::text])) THEN (value = ANY (ARRAY['review'::text, 'credit'::text]))
    WHEN (name = 'alone_most_cents'::text) THEN (value ~ '^(0|[1-9][0-9]{0,9})$'::text)
    ELSE false
END),
    CONSTRAINT policy_change_was_approved CHECK ((decision = 'approved'::text))
);

ALTER TABLE public.policy_change ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.policy_change_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.preview_day (
    account_id bigint NOT NULL,
    day date NOT NULL,
    jobs integer NOT NULL
);

CREATE TABLE public.proposal (
    proposal_id bigint NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    about_kind text NOT NULL,
    about_id text NOT NULL,
    content jsonb NOT NULL,
    cents bigint NOT NULL,
    reason text NOT NULL,
    evidence text,
    proposed_by text NOT NULL,
    proposed_by_id text NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT proposal_adjustment_has_evidence CHECK (((kind <> ALL (ARRAY['adjustment'::text, 'correction'::text, 'take_back'::text])) OR COALESCE((evidence ~ '\S'::text), false))),
    CONSTRAINT proposal_amounts_are_whole CHECK (((jsonb_typeof(content) = 'object'::text) AND (NOT jsonb_path_exists(content, '$.**?(@.type() == "number" && @ != @.floor())'::jsonpath)))),
    CONSTRAINT proposal_cents_not_negative CHECK ((cents >= 0)),
    CONSTRAINT proposal_evidence_is_short CHECK ((length(evidence) <= 1000)),
    CONSTRAINT proposal_expires CHECK ((expires_at > proposed_at)),
    CONSTRAINT proposal_kind_known CHECK ((kind = ANY (ARRAY['adjustment'::text, 'correction'::text, 'write_off'::text, 'refund'::text, 'take_back'::text, 'policy'::text]))),
    CONSTRAINT proposal_says_why CHECK (((reason ~ '\S'::text) AND (length(reason) <= 2000)))
);

CREATE TABLE public.proposal_decision (
    proposal_id bigint NOT NULL,
    decision text NOT NULL,
    decided_by text NOT NULL,
    decided_by_id text,
    reason text NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    proposed_by text NOT NULL,
    proposed_by_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT proposal_checker_is_not_the_maker CHECK (((decision <> ALL (ARRAY['approved'::text, 'rejected'::text])) OR ((lower(decided_by) <> lower(proposed_by)) AND (decided_by_id <> proposed_by_id)))),
    CONSTRAINT proposal_decided_in_time CHECK (((decision = 'expired'::text) = (decided_at >= expires_at))),
    CONSTRAINT proposal_decision_by_a_person CHECK (((decision = 'expired'::text) = (decided_by_id IS NULL))),
    CONSTRAINT proposal_decision_known CHECK ((decision = ANY (ARRAY['approved'::text, 'rejected'::text, 'withdrawn'::text, 'expired'::text]))),
    CONSTRAINT proposal_decision_says_why CHECK (((reason ~ '\S'::text) AND (length(reason) <= 2000))),
    CONSTRAINT proposal_withdrawn_by_its_maker CHECK (((decision <> 'withdrawn'::text) OR (decided_by_id = proposed_by_id)))
);

ALTER TABLE public.proposal ALTER COLUMN proposal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.proposal_proposal_id_seq
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

CREATE TABLE public.rail_switch (
    rail_id text NOT NULL,
    number integer NOT NULL,
    is_on boolean NOT NULL,
    reason text NOT NULL,
    turned_by text NOT NULL,
    turned_at timestamp with time zone NOT NULL,
    CONSTRAINT rail_switch_goes_to_and_fro CHECK (((number > 0) AND (is_on = ((number % 2) = 0)))),
    CONSTRAINT rail_switch_says_who_and_why CHECK (((btrim(reason) <> ''::text) AND (btrim(turned_by) <> ''::text)))
);

CREATE TABLE public.reconciliation_cursor (
    source text NOT NULL,
    read_until timestamp with time zone NOT NULL,
    read_at timestamp with time zone NOT NULL
);

CREATE TABLE public.reconciliation_day (
    day date NOT NULL,
    deposits bigint NOT NULL,
    deposited numeric(78,0) NOT NULL,
    gross bigint NOT NULL,
    tax bigint NOT NULL,
    fee bigint NOT NULL,
    net bigint NOT NULL,
    returned bigint NOT NULL,
    granted bigint NOT NULL,
    taken_back bigint NOT NULL,
    moved jsonb NOT NULL,
    states jsonb NOT NULL,
    told_at timestamp with time zone NOT NULL
);

CREATE TABLE public.reconciliation_item (
    item_id bigint NOT NULL,
    subject text NOT NULL,
    matter text NOT NULL,
    payment_attempt_id text,
    state text NOT NULL,
    asset text NOT NULL,
    expected_units numeric(78,0) NOT NULL,
    found_units numeric(78,0) NOT NULL,
    day date NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    how text,
    closed_by text,
    CONSTRAINT reconciliation_item_closed_says_how CHECK (((closed_at IS NULL) = (how IS NULL))),
    CONSTRAINT reconciliation_item_explained_by_somebody CHECK ((((state = 'explained'::text) = (closed_by IS NOT NULL)) AND ((state <> 'explained'::text) OR (closed_at IS NOT NULL)))),
    CONSTRAINT reconciliation_item_matched_is_closed CHECK (((state <> 'matched'::text) OR (closed_at IS NOT NULL))),
    CONSTRAINT reconciliation_item_matter_known CHECK ((matter = ANY (ARRAY['payment'::text, 'reversal'::text, 'chain'::text, 'movement'::text, 'balance'::text]))),
    CONSTRAINT reconciliation_item_state_known CHECK ((state = ANY (ARRAY['expected'::text, 'in_review'::text, 'matched'::text, 'missing'::text, 'over'::text, 'under'::text, 'mismatch'::text, 'stripe_only'::text, 'book_only'::text, 'chain_only'::text, 'unknown'::text, 'explained'::text])))
);

ALTER TABLE public.reconciliation_item ALTER COLUMN item_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reconciliation_item_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reconciliation_item_state (
    item_id bigint NOT NULL,
    place integer NOT NULL,
    state text NOT NULL,
    expected_units numeric(78,0) NOT NULL,
    found_units numeric(78,0) NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    why text NOT NULL
);

CREATE TABLE public.reconciliation_posting (
    account_id bigint NOT NULL,
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    ledger_transaction_id bigint NOT NULL,
    rail_id text NOT NULL,
    part text NOT NULL,
    payment_attempt_id text,
    cents bigint NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    kept_at timestamp with time zone NOT NULL,
    CONSTRAINT reconciliation_posting_part_known CHECK ((part = ANY (ARRAY['granted'::text, 'taken'::text, 'restored'::text, 'settled'::text])))
);

CREATE TABLE public.reconciliation_progress (
    one boolean DEFAULT true NOT NULL,
    step text NOT NULL,
    done integer NOT NULL,
    total integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    at_work boolean NOT NULL,
    CONSTRAINT reconciliation_progress_is_one CHECK (one)
);

ALTER TABLE public.reconciliation_run ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reconciliation_run_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reversal (
    transaction_id bigint NOT NULL,
    lot_id bigint NOT NULL,
    cents bigint NOT NULL,
    wanted bigint NOT NULL,
    taken bigint NOT NULL,
    taken_cents bigint NOT NULL,
    reinstated_in bigint,
    CONSTRAINT reversal_takes_no_more_than_wanted CHECK (((cents > 0) AND ((taken >= 0) AND (taken <= wanted))))
);

CREATE TABLE public.reversal_watch (
    payment_attempt_id text NOT NULL,
    looks integer DEFAULT 0 NOT NULL,
    looked_at timestamp with time zone,
    look_at timestamp with time zone
);

CREATE TABLE public.seal (
    number bigint NOT NULL,
    leaves integer NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    horizon xid8 NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    CONSTRAINT seal_has_leaves CHECK (((number > 0) AND (leaves > 0)))
);

CREATE TABLE public.seal_leaf (
    seal bigint NOT NULL,
    place integer NOT NULL,
    transaction_id bigint NOT NULL,
    xid xid8 NOT NULL,
    hash bytea NOT NULL
);

CREATE VIEW public.sealed_content AS
 SELECT told.id,
    told.xid,
    (jsonb_build_object('transaction', jsonb_build_object('id', told.id, 'reference', told.reference, 'request_hash', encode(told.request_hash, 'hex'::text), 'kind', told.kind, 'outcome', told.outcome, 'account_id', told.account_id, 'account', mine.name, 'credits', told.credits, 'reverses', told.reverses, 'effective_at', public.seal_time(told.effective_at), 'created_at', public.seal_time(told.created_at), 'actor', told.actor, 'metadata', told.metadata, 'details', told.details, 'hash', encode(told.hash, 'hex'::text), 'xid', (told.xid)::text), 'entries', ( SELECT encode(sha256(convert_to(string_agg(concat_ws('|'::text, entry.leg, entry.account_id, account.name, entry.shard, entry.asset, entry.amount, entry.held, entry.seq, entry.balance_after, entry.held_after, encode(entry.hash, 'hex'::text), public.seal_time(entry.created_at),
                CASE
                    WHEN (entry.seq = 1) THEN public.seal_time(account.created_at)
                    ELSE NULL::text
                END), '
'::text ORDER BY entry.leg), 'UTF8'::name)), 'hex'::text) AS encode
           FROM (public.entry
             LEFT JOIN public.account ON ((account.id = entry.account_id)))
          WHERE (entry.transaction_id = told.id)), 'lots', ( SELECT jsonb_agg(jsonb_build_object('place', lot_entry.place, 'lot', lot_entry.lot_id, 'credits', lot_entry.credits, 'used', lot_entry.used, 'cents', lot_entry.cents, 'cents_used', lot_entry.cents_used) ORDER BY lot_entry.place) AS jsonb_agg
           FROM public.lot_entry
          WHERE (lot_entry.transaction_id = told.id)), 'granted', ( SELECT jsonb_build_object('lot', lot.id, 'promotional', lot.promotional, 'priority', lot.priority, 'effective_at', public.seal_time(lot.effective_at), 'expires_at', public.seal_time(lot.expires_at), 'credits', lot.granted, 'cents', lot.paid_cents) AS jsonb_build_object
           FROM public.lot
          WHERE (lot.granted_in = told.id)), 'reversed', ( SELECT jsonb_build_object('lot', reversal.lot_id, 'cents', reversal.cents, 'credits', reversal.wanted) AS jsonb_build_object
           FROM public.reversal
          WHERE (reversal.transaction_id = told.id))))::text AS content
   FROM (public.ledger_transaction told
     LEFT JOIN public.account mine ON ((mine.id = told.account_id)));

CREATE TABLE public.service_token (
    id text NOT NULL,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT service_token_is_sha256 CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT service_token_may_something CHECK ((cardinality(scopes) > 0)),
    CONSTRAINT service_token_name_is_slug CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

CREATE TABLE public.stripe_balance_transaction (
    id text NOT NULL,
    type text NOT NULL,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    net bigint NOT NULL,
    currency text NOT NULL,
    source text,
    charge text,
    payment_intent text,
    payment_attempt_id text,
    tax bigint DEFAULT 0 NOT NULL,
    transaction_hash text,
    created_at timestamp with time zone NOT NULL,
    available_on timestamp with time zone NOT NULL,
    kept_at timestamp with time zone NOT NULL,
    CONSTRAINT stripe_balance_transaction_adds_up CHECK ((net = (amount - fee))),
    CONSTRAINT stripe_balance_transaction_tax_is_a_part CHECK (((tax >= 0) AND (tax <= GREATEST(amount, (0)::bigint))))
);

CREATE TABLE public.stripe_booking (
    balance_transaction_id text NOT NULL,
    ledger_transaction_id bigint,
    part text NOT NULL,
    payment_attempt_id text,
    rail_id text,
    received_cents bigint NOT NULL,
    tax_cents bigint NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    CONSTRAINT stripe_booking_of_a_rail CHECK (((payment_attempt_id IS NULL) = (rail_id IS NULL))),
    CONSTRAINT stripe_booking_part_known CHECK ((part = ANY (ARRAY['payment'::text, 'reversal'::text, 'fee'::text, 'payout'::text, 'unknown'::text, 'foreign'::text])))
);

CREATE TABLE public.stripe_payout (
    payout_id text NOT NULL,
    state text NOT NULL,
    reconciled text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    automatic boolean NOT NULL,
    balance_transaction text,
    failure_balance_transaction text,
    created_at timestamp with time zone NOT NULL,
    arrives_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

CREATE TABLE public.stripe_payout_part (
    balance_transaction_id text NOT NULL,
    payout_id text NOT NULL
);

CREATE TABLE public.transfer_claim (
    chain_id bigint NOT NULL,
    tx_hash text NOT NULL,
    address text NOT NULL,
    "position" integer NOT NULL,
    payment_attempt_id text NOT NULL,
    number integer,
    amount numeric(78,0) NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    stripe_version text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone,
    try_at timestamp with time zone,
    refused text,
    intent_id text,
    released_at timestamp with time zone,
    CONSTRAINT transfer_claim_beside_is_never_shown CHECK (((number IS NOT NULL) OR ((tries = 0) AND (num_nonnulls(asked_at, try_at, refused, intent_id, released_at) = 0)))),
    CONSTRAINT transfer_claim_number_from_one CHECK ((number > 0)),
    CONSTRAINT transfer_claim_tries_counted CHECK (((tries >= 0) AND ("position" >= 0)))
);

CREATE TABLE public.webhook_attempt (
    attempt_id bigint NOT NULL,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    status integer,
    error text,
    answer text,
    CONSTRAINT webhook_attempt_delivered_was_answered CHECK (((error IS NULL) = ((COALESCE(status, 0) >= 200) AND (COALESCE(status, 0) <= 299))))
);

ALTER TABLE public.webhook_attempt ALTER COLUMN attempt_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_attempt_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_cursor (
    only_one boolean DEFAULT true NOT NULL,
    seal bigint NOT NULL,
    CONSTRAINT webhook_cursor_only_one_check CHECK (only_one)
);

CREATE TABLE public.webhook_delivery (
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    state text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    try_at timestamp with time zone,
    delivered_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_delivery_delivered_says_when CHECK (((state <> 'delivered'::text) OR (delivered_at IS NOT NULL))),
    CONSTRAINT webhook_delivery_pending_has_time CHECK (((state = 'pending'::text) = (try_at IS NOT NULL))),
    CONSTRAINT webhook_delivery_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);

CREATE TABLE public.webhook_endpoint (
    endpoint_id text NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL,
    state text NOT NULL,
    failing_since timestamp with time zone,
    quiet_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_endpoint_disabled_says_when_and_why CHECK ((((state = 'disabled'::text) = (disabled_at IS NOT NULL)) AND ((state = 'disabled'::text) = (disabled_reason IS NOT NULL)))),
    CONSTRAINT webhook_endpoint_state_known CHECK ((state = ANY (ARRAY['enabled'::text, 'disabled'::text]))),
    CONSTRAINT webhook_endpoint_wants_something CHECK ((cardinality(event_types) > 0))
);

CREATE TABLE public.webhook_event (
    event_id text NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    agent_id text,
    body text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.webhook_secret (
    secret_id bigint NOT NULL,
    endpoint_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone
);

ALTER TABLE public.webhook_secret ALTER COLUMN secret_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_secret_secret_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_turn (
    only_one boolean DEFAULT true NOT NULL,
    holder text NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT webhook_turn_only_one_check CHECK (only_one)
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

ALTER TABLE ONLY public.agent_claim
    ADD CONSTRAINT agent_claim_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.agent_deposit_address
    ADD CONSTRAINT agent_deposit_address_once PRIMARY KEY (agent_id, network, live_money);

ALTER TABLE ONLY public.agent_deposit_address
    ADD CONSTRAINT agent_deposit_address_one_agent UNIQUE (address_id);

ALTER TABLE ONLY public.agent_freeze
    ADD CONSTRAINT agent_freeze_once_per_reference UNIQUE (reference);

ALTER TABLE ONLY public.agent_freeze
    ADD CONSTRAINT agent_freeze_pkey PRIMARY KEY (freeze_id);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_has_its_own_organization UNIQUE (organization_id);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_once_per_contact_and_name UNIQUE (contact, agent_name);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_pkey PRIMARY KEY (agent_id);

ALTER TABLE ONLY public.agent_thaw
    ADD CONSTRAINT agent_thaw_pkey PRIMARY KEY (freeze_id);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT assignment_one_after_another PRIMARY KEY (about_kind, about_id, turn);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (account_id, shard);

ALTER TABLE ONLY public.buy_key
    ADD CONSTRAINT buy_key_pkey PRIMARY KEY (agent_id, idempotency_key);

ALTER TABLE ONLY public.chain_alarm
    ADD CONSTRAINT chain_alarm_pkey PRIMARY KEY (alarm_id);

ALTER TABLE ONLY public.chain_balance
    ADD CONSTRAINT chain_balance_pkey PRIMARY KEY (chain_id, token, address);

ALTER TABLE ONLY public.chain_cursor
    ADD CONSTRAINT chain_cursor_pkey PRIMARY KEY (chain_id);

ALTER TABLE ONLY public.chain_lease
    ADD CONSTRAINT chain_lease_pkey PRIMARY KEY (chain_id);

ALTER TABLE ONLY public.chain_outflow
    ADD CONSTRAINT chain_outflow_once_per_log PRIMARY KEY (chain_id, block_hash, log_index);

ALTER TABLE ONLY public.closed_deposit
    ADD CONSTRAINT closed_deposit_pkey PRIMARY KEY (payment_attempt_id);

ALTER TABLE ONLY public.deposit
    ADD CONSTRAINT deposit_once_per_log PRIMARY KEY (chain_id, block_hash, log_index);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (transaction_id, leg);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_seq_unique UNIQUE (account_id, shard, seq);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (payment_attempt_id, source, external_id);

ALTER TABLE ONLY public.exception_action
    ADD CONSTRAINT exception_action_once_per_transaction UNIQUE (ledger_transaction_id);

ALTER TABLE ONLY public.exception_action
    ADD CONSTRAINT exception_action_pkey PRIMARY KEY (action_id);

ALTER TABLE ONLY public.export
    ADD CONSTRAINT export_id_once UNIQUE (export_id);

ALTER TABLE ONLY public.export
    ADD CONSTRAINT export_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.figure_cursor
    ADD CONSTRAINT figure_cursor_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY public.figure_day
    ADD CONSTRAINT figure_day_pkey PRIMARY KEY (day, source, what);

ALTER TABLE ONLY public.figure_funnel
    ADD CONSTRAINT figure_funnel_pkey PRIMARY KEY (day, rail_id, part);

ALTER TABLE ONLY public.figure_outstanding
    ADD CONSTRAINT figure_outstanding_pkey PRIMARY KEY (source);

ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_transaction
    ADD CONSTRAINT ledger_transaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger_transaction
    ADD CONSTRAINT ledger_transaction_reference_unique UNIQUE (reference);

ALTER TABLE ONLY public.lot_entry
    ADD CONSTRAINT lot_entry_pkey PRIMARY KEY (transaction_id, place);

ALTER TABLE ONLY public.lot
    ADD CONSTRAINT lot_granted_in_unique UNIQUE (granted_in);

ALTER TABLE ONLY public.lot
    ADD CONSTRAINT lot_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (note_id);

ALTER TABLE ONLY public.notice_action
    ADD CONSTRAINT notice_action_pkey PRIMARY KEY (action_id);

ALTER TABLE ONLY public.notice_cursor
    ADD CONSTRAINT notice_cursor_pkey PRIMARY KEY (source);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_kept_once UNIQUE (source, external_id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (notice_id);

ALTER TABLE ONLY public.operator
    ADD CONSTRAINT operator_email_once UNIQUE (email);

ALTER TABLE ONLY public.operator
    ADD CONSTRAINT operator_pkey PRIMARY KEY (operator_id);

ALTER TABLE ONLY public.operator_session
    ADD CONSTRAINT operator_session_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY public.operator_session
    ADD CONSTRAINT operator_session_token_once UNIQUE (token_hash);

ALTER TABLE ONLY public.operator
    ADD CONSTRAINT operator_sso_subject_once UNIQUE (sso_subject);

ALTER TABLE ONLY public.owned_address
    ADD CONSTRAINT owned_address_once UNIQUE (address, owner);

ALTER TABLE ONLY public.owned_address
    ADD CONSTRAINT owned_address_pkey PRIMARY KEY (address);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_once_per_quote UNIQUE (quote_id);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_once_per_reference UNIQUE (reference);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_pkey PRIMARY KEY (payment_attempt_id);

ALTER TABLE public.payment_attempt
    ADD CONSTRAINT payment_attempt_trace_is_an_id CHECK ((trace_id ~ '^[0-9a-f]{32}$'::text)) NOT VALID;

ALTER TABLE ONLY public.payment_exception
    ADD CONSTRAINT payment_exception_pkey PRIMARY KEY (exception_id);

ALTER TABLE ONLY public.payment_reversal
    ADD CONSTRAINT payment_reversal_pkey PRIMARY KEY (reference);

ALTER TABLE ONLY public.payment_reversal_state
    ADD CONSTRAINT payment_reversal_state_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY public.period_close
    ADD CONSTRAINT period_close_follows_one UNIQUE (previous);

ALTER TABLE ONLY public.period_close
    ADD CONSTRAINT period_close_pkey PRIMARY KEY (month);

ALTER TABLE ONLY public.period_draft
    ADD CONSTRAINT period_draft_for_its_close UNIQUE (draft_id, month, prepared_by, control_hash);

ALTER TABLE ONLY public.period_draft
    ADD CONSTRAINT period_draft_pkey PRIMARY KEY (draft_id);

ALTER TABLE ONLY public.policy_change
    ADD CONSTRAINT policy_change_once_per_proposal UNIQUE (proposal_id);

ALTER TABLE ONLY public.policy_change
    ADD CONSTRAINT policy_change_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY public.preview_day
    ADD CONSTRAINT preview_day_pkey PRIMARY KEY (account_id, day);

ALTER TABLE ONLY public.proposal_decision
    ADD CONSTRAINT proposal_decision_pkey PRIMARY KEY (proposal_id);

ALTER TABLE ONLY public.proposal_decision
    ADD CONSTRAINT proposal_decision_to_follow UNIQUE (proposal_id, decision);

ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_key_once UNIQUE (key);

ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_known_to_its_decision UNIQUE (proposal_id, proposed_by, proposed_by_id, expires_at);

ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_pkey PRIMARY KEY (proposal_id);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_once_per_key UNIQUE (agent_id, idempotency_key);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_pkey PRIMARY KEY (quote_id);

ALTER TABLE ONLY public.rail_switch
    ADD CONSTRAINT rail_switch_one_turn_at_a_time PRIMARY KEY (rail_id, number);

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

ALTER TABLE ONLY public.reconciliation_cursor
    ADD CONSTRAINT reconciliation_cursor_pkey PRIMARY KEY (source);

ALTER TABLE ONLY public.reconciliation_day
    ADD CONSTRAINT reconciliation_day_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.reconciliation_item
    ADD CONSTRAINT reconciliation_item_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY public.reconciliation_item_state
    ADD CONSTRAINT reconciliation_item_state_pkey PRIMARY KEY (item_id, place);

ALTER TABLE ONLY public.reconciliation_posting
    ADD CONSTRAINT reconciliation_posting_pkey PRIMARY KEY (account_id, shard, seq);

ALTER TABLE ONLY public.reconciliation_progress
    ADD CONSTRAINT reconciliation_progress_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.reconciliation_run
    ADD CONSTRAINT reconciliation_run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.refund_request
    ADD CONSTRAINT refund_request_once_per_key UNIQUE (idempotency_key);

ALTER TABLE ONLY public.refund_request
    ADD CONSTRAINT refund_request_once_per_reference UNIQUE (reference);

ALTER TABLE ONLY public.refund_request
    ADD CONSTRAINT refund_request_pkey PRIMARY KEY (refund_id);

ALTER TABLE ONLY public.reversal
    ADD CONSTRAINT reversal_pkey PRIMARY KEY (transaction_id);

ALTER TABLE ONLY public.reversal_watch
    ADD CONSTRAINT reversal_watch_pkey PRIMARY KEY (payment_attempt_id);

ALTER TABLE ONLY public.seal_leaf
    ADD CONSTRAINT seal_leaf_pkey PRIMARY KEY (seal, place);

ALTER TABLE ONLY public.seal_leaf
    ADD CONSTRAINT seal_leaf_transaction_sealed_once UNIQUE (transaction_id);

ALTER TABLE ONLY public.seal
    ADD CONSTRAINT seal_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.service_token
    ADD CONSTRAINT service_token_hash_unique UNIQUE (token_hash);

ALTER TABLE ONLY public.service_token
    ADD CONSTRAINT service_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stripe_balance_transaction
    ADD CONSTRAINT stripe_balance_transaction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stripe_booking
    ADD CONSTRAINT stripe_booking_ledger_transaction_id_key UNIQUE (ledger_transaction_id);

ALTER TABLE ONLY public.stripe_booking
    ADD CONSTRAINT stripe_booking_pkey PRIMARY KEY (balance_transaction_id);

ALTER TABLE ONLY public.stripe_payout_part
    ADD CONSTRAINT stripe_payout_part_pkey PRIMARY KEY (balance_transaction_id, payout_id);

ALTER TABLE ONLY public.stripe_payout
    ADD CONSTRAINT stripe_payout_pkey PRIMARY KEY (payout_id, state, reconciled);

ALTER TABLE ONLY public.transfer_claim
    ADD CONSTRAINT transfer_claim_in_turn UNIQUE (payment_attempt_id, number);

ALTER TABLE ONLY public.transfer_claim
    ADD CONSTRAINT transfer_claim_once_per_intent UNIQUE (intent_id);

ALTER TABLE ONLY public.transfer_claim
    ADD CONSTRAINT transfer_claim_once_per_transfer PRIMARY KEY (chain_id, tx_hash, address, "position");

ALTER TABLE ONLY public.webhook_attempt
    ADD CONSTRAINT webhook_attempt_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY public.webhook_cursor
    ADD CONSTRAINT webhook_cursor_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (endpoint_id, event_id);

ALTER TABLE ONLY public.webhook_endpoint
    ADD CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (endpoint_id);

ALTER TABLE ONLY public.webhook_event
    ADD CONSTRAINT webhook_event_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.webhook_event
    ADD CONSTRAINT webhook_event_told_once UNIQUE (type, subject);

ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_pkey PRIMARY KEY (secret_id);

ALTER TABLE ONLY public.webhook_turn
    ADD CONSTRAINT webhook_turn_pkey PRIMARY KEY (only_one);

CREATE INDEX activity_of_agent ON public.activity USING btree (agent_id, occurred_at DESC);

CREATE INDEX agent_by_contact ON public.agent USING btree (contact COLLATE "C", agent_id) WHERE (contact IS NOT NULL);

CREATE INDEX agent_by_name ON public.agent USING btree (lower(agent_name) COLLATE "C", agent_id);

CREATE INDEX agent_claim_of_agent ON public.agent_claim USING btree (agent_id, number DESC);

CREATE UNIQUE INDEX agent_deposit_address_is_nobody_elses ON public.agent_deposit_address USING btree (lower(address));

CREATE INDEX agent_freeze_of_agent ON public.agent_freeze USING btree (agent_id);

CREATE INDEX agent_in_time ON public.agent USING btree (created_at, agent_id);

CREATE INDEX agent_token_of_agent ON public.agent_token USING btree (agent_id, created_at);

CREATE UNIQUE INDEX agent_token_one_active ON public.agent_token USING btree (agent_id) WHERE (revoked_at IS NULL);

CREATE INDEX assignment_of_owner ON public.assignment USING btree (owner, about_kind, about_id) WHERE (owner IS NOT NULL);

CREATE INDEX audit_log_about ON public.audit_log USING btree (about_kind, about_id, audit_id DESC);

CREATE INDEX audit_trail_agent_freeze ON public.agent_freeze USING btree (frozen_at);

CREATE INDEX audit_trail_agent_thaw ON public.agent_thaw USING btree (thawed_at);

CREATE INDEX audit_trail_chain_alarm ON public.chain_alarm USING btree (opened_at);

CREATE INDEX audit_trail_exception_action ON public.exception_action USING btree (created_at) WHERE (actor !~~ 'operator:%'::text);

CREATE INDEX audit_trail_log ON public.audit_log USING btree (at, audit_id);

CREATE INDEX audit_trail_log_not_done ON public.audit_log USING btree (outcome, at) WHERE (outcome <> 'done'::text);

CREATE INDEX audit_trail_log_of_action ON public.audit_log USING btree (action, at);

CREATE INDEX audit_trail_log_of_actor ON public.audit_log USING btree (actor, at);

CREATE INDEX audit_trail_log_of_service ON public.audit_log USING btree (at) WHERE (via = 'service'::text);

CREATE INDEX audit_trail_notice_action ON public.notice_action USING btree (acted_at) WHERE (actor ~~ 'sender:%'::text);

CREATE INDEX audit_trail_payment_exception_closed ON public.payment_exception USING btree (closed_at) WHERE (closed_by = 'house'::text);

CREATE INDEX audit_trail_payment_reversal_state ON public.payment_reversal_state USING btree (seen_at);

CREATE INDEX audit_trail_reconciliation_run ON public.reconciliation_run USING btree (started_at);

CREATE INDEX audit_trail_refund_request_answered ON public.refund_request USING btree (answered_at) WHERE (answered_at IS NOT NULL);

CREATE INDEX balance_due_at ON public.balance USING btree (due_at) WHERE (due_at < 'infinity'::timestamp with time zone);

CREATE INDEX balance_frozen ON public.balance USING btree (account_id) WHERE frozen;

CREATE UNIQUE INDEX chain_alarm_open_once ON public.chain_alarm USING btree (chain_id, kind, subject) WHERE (closed_at IS NULL);

CREATE INDEX chain_alarm_opened ON public.chain_alarm USING btree (chain_id, opened_at);

CREATE INDEX chain_outflow_address ON public.chain_outflow USING btree (address, token);

CREATE INDEX chain_outflow_of_transaction ON public.chain_outflow USING btree (tx_hash);

CREATE INDEX deposit_address ON public.deposit USING btree (address, token);

CREATE INDEX deposit_final_in_time ON public.deposit USING btree (block_time) WHERE (state = 'final'::text);

CREATE INDEX deposit_from ON public.deposit USING btree (sender, block_number DESC);

CREATE INDEX deposit_of_transaction ON public.deposit USING btree (tx_hash);

CREATE INDEX deposit_open ON public.deposit USING btree (chain_id, block_number) WHERE (state <> 'final'::text);

CREATE INDEX evidence_named ON public.evidence USING btree (external_id);

CREATE INDEX evidence_of_payment_intent ON public.evidence USING btree (((detail ->> 'payment_intent_id'::text))) WHERE (source = 'stripe'::text);

CREATE INDEX exception_action_by_whom ON public.exception_action USING btree (actor, created_at);

CREATE UNIQUE INDEX exception_action_claims_once ON public.exception_action USING btree (exception_id) WHERE (action = 'claim'::text);

CREATE UNIQUE INDEX exception_action_decides_once ON public.exception_action USING btree (exception_id) WHERE (action <> ALL (ARRAY['wait'::text, 'claim'::text]));

CREATE INDEX exception_action_of_exception ON public.exception_action USING btree (exception_id);

CREATE INDEX export_due ON public.export USING btree (number) WHERE (state = ANY (ARRAY['asked'::text, 'running'::text]));

CREATE UNIQUE INDEX export_file_once ON public.export USING btree (file) WHERE (file IS NOT NULL);

CREATE INDEX export_kept ON public.export USING btree (ended_at) WHERE (state = 'done'::text);

CREATE INDEX figure_quote_in_time ON public.quote USING btree (created_at) INCLUDE (rail_id);

CREATE INDEX figure_receipt_in_time ON public.receipt USING btree (created_at);

CREATE INDEX health_delivery_failed ON public.webhook_delivery USING btree (created_at) WHERE (state = 'failed'::text);

CREATE INDEX health_item_open ON public.reconciliation_item USING btree (opened_at) WHERE (closed_at IS NULL);

CREATE INDEX hold_open ON public.hold USING btree (account_id, expires_at) WHERE (state = 'open'::public.hold_state);

CREATE INDEX ix_payment_attempt_deposit_address ON public.payment_attempt USING btree (deposit_address);

CREATE INDEX ledger_transaction_in_effect ON public.ledger_transaction USING brin (effective_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX ledger_transaction_of_job ON public.ledger_transaction USING btree (((details ->> 'job'::text))) WHERE ((kind = ANY (ARRAY['hold'::text, 'debit'::text])) AND (outcome = 'done'::text));

CREATE INDEX ledger_transaction_reverses ON public.ledger_transaction USING btree (reverses) WHERE (reverses IS NOT NULL);

CREATE INDEX ledger_transaction_seal_order ON public.ledger_transaction USING btree (xid, id);

CREATE INDEX lot_burn_order ON public.lot USING btree (account_id, priority, expires_at, promotional DESC, id) WHERE open;

CREATE INDEX lot_entry_of_lot ON public.lot_entry USING btree (lot_id, transaction_id);

CREATE INDEX lot_of_agent ON public.lot USING btree (account_id, id);

CREATE INDEX note_about ON public.note USING btree (about_kind, about_id, note_id DESC);

CREATE INDEX notice_action_of_notice ON public.notice_action USING btree (notice_id);

CREATE INDEX notice_dead ON public.notice USING btree (notice_id) WHERE (state = 'dead'::text);

CREATE INDEX notice_due ON public.notice USING btree (try_at) WHERE (try_at IS NOT NULL);

CREATE INDEX notice_in_state ON public.notice USING btree (state, kind, notice_id);

CREATE INDEX notice_mentions ON public.notice USING gin (refs);

CREATE INDEX notice_retrying ON public.notice USING btree (kind, notice_id) WHERE ((state = 'waiting'::text) AND (reason IS NOT NULL));

CREATE INDEX operator_session_of_operator ON public.operator_session USING btree (operator_id, session_id DESC);

CREATE INDEX payment_attempt_due ON public.payment_attempt USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE INDEX payment_attempt_newest ON public.payment_attempt USING btree (created_at, payment_attempt_id);

CREATE INDEX payment_attempt_of_agent ON public.payment_attempt USING btree (agent_id, created_at, payment_attempt_id);

CREATE INDEX payment_attempt_of_rail ON public.payment_attempt USING btree (rail_id, created_at, payment_attempt_id);

CREATE INDEX payment_attempt_of_rail_and_state ON public.payment_attempt USING btree (rail_id, state, created_at, payment_attempt_id);

CREATE INDEX payment_attempt_of_state ON public.payment_attempt USING btree (state, created_at, payment_attempt_id);

CREATE INDEX payment_exception_in_time ON public.payment_exception USING btree (opened_at, exception_id);

CREATE INDEX payment_exception_of_agent ON public.payment_exception USING btree (agent_id, opened_at, exception_id);

CREATE INDEX payment_exception_of_attempt ON public.payment_exception USING btree (payment_attempt_id);

CREATE INDEX payment_exception_of_kind ON public.payment_exception USING btree (kind, opened_at, exception_id);

CREATE UNIQUE INDEX payment_exception_one_open_per_kind ON public.payment_exception USING btree (payment_attempt_id, kind, asset) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX payment_exception_one_open_per_subject ON public.payment_exception USING btree (subject, kind) WHERE ((closed_at IS NULL) AND (payment_attempt_id IS NULL));

CREATE INDEX payment_exception_open ON public.payment_exception USING btree (opened_at, exception_id) WHERE (closed_at IS NULL);

CREATE INDEX payment_reversal_of_attempt ON public.payment_reversal USING btree (payment_attempt_id);

CREATE INDEX payment_reversal_state_of_reversal ON public.payment_reversal_state USING btree (reference, change_id);

CREATE UNIQUE INDEX period_close_has_one_first ON public.period_close USING btree (((previous IS NULL))) WHERE (previous IS NULL);

CREATE INDEX period_draft_of_month ON public.period_draft USING btree (month, draft_id);

CREATE INDEX policy_change_newest ON public.policy_change USING btree (name, change_id DESC);

CREATE INDEX proposal_about ON public.proposal USING btree (about_kind, about_id, proposal_id DESC);

CREATE INDEX proposal_decision_in_time ON public.proposal_decision USING btree (decided_at);

CREATE INDEX proposal_expiry ON public.proposal USING btree (expires_at);

CREATE INDEX reconciliation_item_of_day ON public.reconciliation_item USING btree (day, item_id);

CREATE INDEX reconciliation_item_of_day_by_state ON public.reconciliation_item USING btree (day, state, item_id);

CREATE INDEX reconciliation_item_of_subject ON public.reconciliation_item USING btree (subject, matter, item_id);

CREATE UNIQUE INDEX reconciliation_item_one_open ON public.reconciliation_item USING btree (subject, matter) WHERE (closed_at IS NULL);

CREATE INDEX reconciliation_item_state_in_time ON public.reconciliation_item_state USING brin (entered_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX reconciliation_item_still_open ON public.reconciliation_item USING btree (day, item_id) WHERE (closed_at IS NULL);

CREATE INDEX reconciliation_posting_by_effect ON public.reconciliation_posting USING btree (effective_at);

CREATE INDEX reconciliation_posting_in_time ON public.reconciliation_posting USING btree (kept_at);

CREATE INDEX reconciliation_posting_of_attempt ON public.reconciliation_posting USING btree (payment_attempt_id);

CREATE INDEX refund_request_by_whom ON public.refund_request USING btree (requested_by, requested_at);

CREATE INDEX refund_request_due ON public.refund_request USING btree (try_at) WHERE (try_at IS NOT NULL);

CREATE INDEX refund_request_of_attempt ON public.refund_request USING btree (payment_attempt_id);

CREATE INDEX reversal_lot ON public.reversal USING btree (lot_id);

CREATE INDEX reversal_watch_due ON public.reversal_watch USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE INDEX stripe_balance_transaction_in_time ON public.stripe_balance_transaction USING btree (created_at);

CREATE INDEX stripe_balance_transaction_of_charge ON public.stripe_balance_transaction USING btree (charge);

CREATE INDEX stripe_balance_transaction_of_intent ON public.stripe_balance_transaction USING btree (payment_intent);

CREATE INDEX stripe_balance_transaction_of_source ON public.stripe_balance_transaction USING btree (source);

CREATE INDEX stripe_balance_transaction_of_transfer ON public.stripe_balance_transaction USING btree (transaction_hash) WHERE (transaction_hash IS NOT NULL);

CREATE INDEX stripe_booking_in_time ON public.stripe_booking USING btree (booked_at);

CREATE INDEX stripe_booking_of_attempt ON public.stripe_booking USING btree (payment_attempt_id);

CREATE INDEX stripe_payout_in_time ON public.stripe_payout USING btree (created_at);

CREATE INDEX stripe_payout_part_of_payout ON public.stripe_payout_part USING btree (payout_id);

CREATE INDEX webhook_attempt_of_delivery ON public.webhook_attempt USING btree (endpoint_id, event_id);

CREATE INDEX webhook_delivery_due ON public.webhook_delivery USING btree (endpoint_id, try_at) WHERE (state = 'pending'::text);

CREATE INDEX webhook_delivery_in_state ON public.webhook_delivery USING btree (endpoint_id, state, created_at, event_id);

CREATE INDEX webhook_delivery_retrying ON public.webhook_delivery USING btree (endpoint_id, created_at, event_id) WHERE ((state = 'pending'::text) AND (tries > 0));

CREATE INDEX webhook_event_in_time ON public.webhook_event USING btree (occurred_at);

CREATE INDEX webhook_secret_of_endpoint ON public.webhook_secret USING btree (endpoint_id);

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

CREATE TRIGGER agent_claim_never_changes BEFORE DELETE OR UPDATE ON public.agent_claim FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.agent_claim ENABLE ALWAYS TRIGGER agent_claim_never_changes;

CREATE TRIGGER agent_deposit_address_never_changes BEFORE DELETE OR UPDATE ON public.agent_deposit_address FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.agent_deposit_address ENABLE ALWAYS TRIGGER agent_deposit_address_never_changes;

CREATE TRIGGER agent_freeze_is_never_truncated BEFORE TRUNCATE ON public.agent_freeze FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.agent_freeze ENABLE ALWAYS TRIGGER agent_freeze_is_never_truncated;

CREATE TRIGGER agent_freeze_never_changes BEFORE DELETE OR UPDATE ON public.agent_freeze FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.agent_freeze ENABLE ALWAYS TRIGGER agent_freeze_never_changes;

CREATE TRIGGER agent_thaw_is_never_truncated BEFORE TRUNCATE ON public.agent_thaw FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.agent_thaw ENABLE ALWAYS TRIGGER agent_thaw_is_never_truncated;

CREATE TRIGGER agent_thaw_never_changes BEFORE DELETE OR UPDATE ON public.agent_thaw FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.agent_thaw ENABLE ALWAYS TRIGGER agent_thaw_never_changes;

CREATE TRIGGER assignment_is_never_truncated BEFORE TRUNCATE ON public.assignment FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.assignment ENABLE ALWAYS TRIGGER assignment_is_never_truncated;

CREATE TRIGGER assignment_never_changes BEFORE DELETE OR UPDATE ON public.assignment FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.assignment ENABLE ALWAYS TRIGGER assignment_never_changes;

CREATE TRIGGER audit_log_is_append_only BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.audit_log ENABLE ALWAYS TRIGGER audit_log_is_append_only;

CREATE TRIGGER audit_log_is_never_truncated BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.audit_log ENABLE ALWAYS TRIGGER audit_log_is_never_truncated;

CREATE TRIGGER balance_is_never_deleted BEFORE DELETE ON public.balance FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.balance ENABLE ALWAYS TRIGGER balance_is_never_deleted;

CREATE TRIGGER balance_is_never_truncated BEFORE TRUNCATE ON public.balance FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.balance ENABLE ALWAYS TRIGGER balance_is_never_truncated;

CREATE TRIGGER buy_key_never_changes BEFORE DELETE OR UPDATE ON public.buy_key FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.buy_key ENABLE ALWAYS TRIGGER buy_key_never_changes;

CREATE TRIGGER chain_alarm_is_kept BEFORE DELETE ON public.chain_alarm FOR EACH ROW EXECUTE FUNCTION public.chain_alarm_stays();

CREATE TRIGGER chain_alarm_stays BEFORE UPDATE ON public.chain_alarm FOR EACH ROW WHEN (((old.closed_at IS NOT NULL) OR ((((new.chain_id IS DISTINCT FROM old.chain_id) OR (new.kind IS DISTINCT FROM old.kind)) OR (new.subject IS DISTINCT FROM old.subject)) OR (new.opened_at IS DISTINCT FROM old.opened_at)))) EXECUTE FUNCTION public.chain_alarm_stays();

CREATE TRIGGER chain_cursor_goes_forward BEFORE UPDATE ON public.chain_cursor FOR EACH ROW WHEN (((new.generation < old.generation) OR (new.fencing_token < old.fencing_token))) EXECUTE FUNCTION public.chain_cursor_goes_forward();

CREATE TRIGGER chain_lease_token_grows BEFORE UPDATE ON public.chain_lease FOR EACH ROW WHEN (((new.token < old.token) OR ((new.token = old.token) AND (new.holder <> old.holder)))) EXECUTE FUNCTION public.chain_lease_token_grows();

CREATE TRIGGER chain_outflow_stays BEFORE DELETE OR UPDATE ON public.chain_outflow FOR EACH ROW EXECUTE FUNCTION public.chain_outflow_stays();

CREATE TRIGGER closed_deposit_never_changes BEFORE DELETE OR UPDATE ON public.closed_deposit FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.closed_deposit ENABLE ALWAYS TRIGGER closed_deposit_never_changes;

CREATE TRIGGER deposit_final_stays BEFORE DELETE OR UPDATE ON public.deposit FOR EACH ROW WHEN ((old.state = 'final'::text)) EXECUTE FUNCTION public.deposit_final_stays();

CREATE TRIGGER entry_is_append_only BEFORE DELETE OR UPDATE ON public.entry FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_is_append_only;

CREATE TRIGGER entry_is_never_truncated BEFORE TRUNCATE ON public.entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_is_never_truncated;

CREATE TRIGGER entry_sums_to_zero AFTER INSERT ON public.entry REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.prove_balanced();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_sums_to_zero;

CREATE TRIGGER exception_action_needs_an_open_exception BEFORE INSERT ON public.exception_action FOR EACH ROW WHEN ((new.action <> 'claim'::text)) EXECUTE FUNCTION public.exception_is_open();

ALTER TABLE public.exception_action ENABLE ALWAYS TRIGGER exception_action_needs_an_open_exception;

CREATE TRIGGER exception_action_never_changes BEFORE DELETE OR UPDATE ON public.exception_action FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.exception_action ENABLE ALWAYS TRIGGER exception_action_never_changes;

CREATE TRIGGER export_is_never_deleted BEFORE DELETE ON public.export FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.export ENABLE ALWAYS TRIGGER export_is_never_deleted;

CREATE TRIGGER export_stays_what_was_asked BEFORE UPDATE ON public.export FOR EACH ROW WHEN ((((((((old.export_id IS DISTINCT FROM new.export_id) OR (old.data_set IS DISTINCT FROM new.data_set)) OR (old.format IS DISTINCT FROM new.format)) OR (old.parameters IS DISTINCT FROM new.parameters)) OR (old.asked_by IS DISTINCT FROM new.asked_by)) OR (old.asked_at IS DISTINCT FROM new.asked_at)) OR (old.state = ANY (ARRAY['failed'::text, 'cancelled'::text, 'expired'::text])) OR ((old.state = 'done'::text) AND (new.state <> 'expired'::text)))) EXECUTE FUNCTION public.refuse_changed_export();

ALTER TABLE public.export ENABLE ALWAYS TRIGGER export_stays_what_was_asked;

CREATE TRIGGER hold_is_closed_once BEFORE UPDATE ON public.hold FOR EACH ROW WHEN (((old.closed_in IS NOT NULL) OR ((new.state = 'open'::public.hold_state) <> (new.closed_in IS NULL)) OR ((new.captured < 0) OR (new.captured > new.credits)))) EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.hold ENABLE ALWAYS TRIGGER hold_is_closed_once;

CREATE TRIGGER hold_is_never_changed BEFORE UPDATE OF id, account_id, credits, lots, pins, job, placed_in ON public.hold FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.hold ENABLE ALWAYS TRIGGER hold_is_never_changed;

CREATE TRIGGER hold_is_never_deleted BEFORE DELETE ON public.hold FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.hold ENABLE ALWAYS TRIGGER hold_is_never_deleted;

CREATE TRIGGER hold_is_never_truncated BEFORE TRUNCATE ON public.hold FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.hold ENABLE ALWAYS TRIGGER hold_is_never_truncated;

CREATE TRIGGER ledger_transaction_is_append_only BEFORE DELETE OR UPDATE ON public.ledger_transaction FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_append_only;

CREATE TRIGGER ledger_transaction_is_in_an_open_period BEFORE INSERT ON public.ledger_transaction FOR EACH ROW WHEN ((new.effective_at < date_trunc('month'::text, clock_timestamp(), 'UTC'::text))) EXECUTE FUNCTION public.refuse_closed_period();

ALTER TABLE public.ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_in_an_open_period;

CREATE TRIGGER ledger_transaction_is_never_truncated BEFORE TRUNCATE ON public.ledger_transaction FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.ledger_transaction ENABLE ALWAYS TRIGGER ledger_transaction_is_never_truncated;

CREATE TRIGGER lot_entry_is_append_only BEFORE DELETE OR UPDATE ON public.lot_entry FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.lot_entry ENABLE ALWAYS TRIGGER lot_entry_is_append_only;

CREATE TRIGGER lot_entry_is_never_truncated BEFORE TRUNCATE ON public.lot_entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.lot_entry ENABLE ALWAYS TRIGGER lot_entry_is_never_truncated;

CREATE TRIGGER lot_grant_is_never_changed BEFORE UPDATE OF id, account_id, granted_in, promotional, priority, effective_at, expires_at, granted, paid_cents ON public.lot FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.lot ENABLE ALWAYS TRIGGER lot_grant_is_never_changed;

CREATE TRIGGER lot_is_never_deleted BEFORE DELETE ON public.lot FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.lot ENABLE ALWAYS TRIGGER lot_is_never_deleted;

CREATE TRIGGER lot_is_never_truncated BEFORE TRUNCATE ON public.lot FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.lot ENABLE ALWAYS TRIGGER lot_is_never_truncated;

CREATE TRIGGER lot_is_well_formed BEFORE INSERT ON public.lot FOR EACH ROW EXECUTE FUNCTION public.refuse_malformed_lot();

ALTER TABLE public.lot ENABLE ALWAYS TRIGGER lot_is_well_formed;

CREATE TRIGGER note_is_never_truncated BEFORE TRUNCATE ON public.note FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.note ENABLE ALWAYS TRIGGER note_is_never_truncated;

CREATE TRIGGER note_never_changes BEFORE DELETE OR UPDATE ON public.note FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.note ENABLE ALWAYS TRIGGER note_never_changes;

CREATE TRIGGER notice_action_never_changes BEFORE DELETE OR UPDATE ON public.notice_action FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.notice_action ENABLE ALWAYS TRIGGER notice_action_never_changes;

CREATE TRIGGER operator_is_never_deleted BEFORE DELETE ON public.operator FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.operator ENABLE ALWAYS TRIGGER operator_is_never_deleted;

CREATE TRIGGER operator_session_is_never_deleted BEFORE DELETE ON public.operator_session FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.operator_session ENABLE ALWAYS TRIGGER operator_session_is_never_deleted;

CREATE TRIGGER owned_address_never_changes BEFORE DELETE OR UPDATE ON public.owned_address FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.owned_address ENABLE ALWAYS TRIGGER owned_address_never_changes;

CREATE TRIGGER payment_exception_closed_stays BEFORE UPDATE ON public.payment_exception FOR EACH ROW WHEN ((old.closed_at IS NOT NULL)) EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payment_exception ENABLE ALWAYS TRIGGER payment_exception_closed_stays;

CREATE TRIGGER payment_exception_knows_its_agent BEFORE INSERT ON public.payment_exception FOR EACH ROW EXECUTE FUNCTION public.exception_of_agent();

ALTER TABLE public.payment_exception ENABLE ALWAYS TRIGGER payment_exception_knows_its_agent;

CREATE TRIGGER payment_exception_never_vanishes BEFORE DELETE ON public.payment_exception FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payment_exception ENABLE ALWAYS TRIGGER payment_exception_never_vanishes;

CREATE TRIGGER payment_reversal_is_never_deleted BEFORE DELETE ON public.payment_reversal FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payment_reversal ENABLE ALWAYS TRIGGER payment_reversal_is_never_deleted;

CREATE TRIGGER payment_reversal_is_of_one_payment BEFORE UPDATE OF reference, payment_attempt_id, cause, first_seen_at ON public.payment_reversal FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payment_reversal ENABLE ALWAYS TRIGGER payment_reversal_is_of_one_payment;

CREATE TRIGGER payment_reversal_state_never_changes BEFORE DELETE OR UPDATE ON public.payment_reversal_state FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payment_reversal_state ENABLE ALWAYS TRIGGER payment_reversal_state_never_changes;

CREATE TRIGGER period_close_is_append_only BEFORE DELETE OR UPDATE ON public.period_close FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.period_close ENABLE ALWAYS TRIGGER period_close_is_append_only;

CREATE TRIGGER period_close_is_never_truncated BEFORE TRUNCATE ON public.period_close FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.period_close ENABLE ALWAYS TRIGGER period_close_is_never_truncated;

CREATE TRIGGER period_close_is_sound BEFORE INSERT ON public.period_close FOR EACH ROW EXECUTE FUNCTION public.refuse_unsound_close();

ALTER TABLE public.period_close ENABLE ALWAYS TRIGGER period_close_is_sound;

CREATE TRIGGER period_draft_is_append_only BEFORE DELETE OR UPDATE ON public.period_draft FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.period_draft ENABLE ALWAYS TRIGGER period_draft_is_append_only;

CREATE TRIGGER period_draft_is_never_truncated BEFORE TRUNCATE ON public.period_draft FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.period_draft ENABLE ALWAYS TRIGGER period_draft_is_never_truncated;

CREATE TRIGGER policy_change_is_never_truncated BEFORE TRUNCATE ON public.policy_change FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.policy_change ENABLE ALWAYS TRIGGER policy_change_is_never_truncated;

CREATE TRIGGER policy_change_never_changes BEFORE DELETE OR UPDATE ON public.policy_change FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.policy_change ENABLE ALWAYS TRIGGER policy_change_never_changes;

CREATE TRIGGER proposal_decision_by_who_may BEFORE INSERT ON public.proposal_decision FOR EACH ROW WHEN ((new.decision <> 'expired'::text)) EXECUTE FUNCTION public.checker_may_decide();

ALTER TABLE public.proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_by_who_may;

CREATE TRIGGER proposal_decision_is_never_truncated BEFORE TRUNCATE ON public.proposal_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_is_never_truncated;

CREATE TRIGGER proposal_decision_never_changes BEFORE DELETE OR UPDATE ON public.proposal_decision FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_never_changes;

CREATE TRIGGER proposal_is_never_truncated BEFORE TRUNCATE ON public.proposal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.proposal ENABLE ALWAYS TRIGGER proposal_is_never_truncated;

CREATE TRIGGER proposal_never_changes BEFORE DELETE OR UPDATE ON public.proposal FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.proposal ENABLE ALWAYS TRIGGER proposal_never_changes;

CREATE TRIGGER quote_never_changes BEFORE DELETE OR UPDATE ON public.quote FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.quote ENABLE ALWAYS TRIGGER quote_never_changes;

CREATE TRIGGER rail_switch_never_changes BEFORE DELETE OR UPDATE ON public.rail_switch FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.rail_switch ENABLE ALWAYS TRIGGER rail_switch_never_changes;

CREATE TRIGGER receipt_never_changes BEFORE DELETE OR UPDATE ON public.receipt FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.receipt ENABLE ALWAYS TRIGGER receipt_never_changes;

CREATE TRIGGER reconciliation_item_closed_stays BEFORE UPDATE ON public.reconciliation_item FOR EACH ROW WHEN ((old.closed_at IS NOT NULL)) EXECUTE FUNCTION public.refuse_reopening();

ALTER TABLE public.reconciliation_item ENABLE ALWAYS TRIGGER reconciliation_item_closed_stays;

CREATE TRIGGER reconciliation_item_is_never_deleted BEFORE DELETE ON public.reconciliation_item FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.reconciliation_item ENABLE ALWAYS TRIGGER reconciliation_item_is_never_deleted;

CREATE TRIGGER reconciliation_item_state_never_changes BEFORE DELETE OR UPDATE ON public.reconciliation_item_state FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.reconciliation_item_state ENABLE ALWAYS TRIGGER reconciliation_item_state_never_changes;

CREATE TRIGGER reconciliation_posting_never_changes BEFORE DELETE OR UPDATE ON public.reconciliation_posting FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.reconciliation_posting ENABLE ALWAYS TRIGGER reconciliation_posting_never_changes;

CREATE TRIGGER reconciliation_run_never_changes BEFORE DELETE OR UPDATE ON public.reconciliation_run FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.reconciliation_run ENABLE ALWAYS TRIGGER reconciliation_run_never_changes;

CREATE TRIGGER refund_request_is_answered_once BEFORE UPDATE ON public.refund_request FOR EACH ROW WHEN (((old.state = 'failed'::text) OR ((old.state = 'accepted'::text) AND ((new.state = 'asked'::text) OR (new.reference IS DISTINCT FROM old.reference))))) EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.refund_request ENABLE ALWAYS TRIGGER refund_request_is_answered_once;

CREATE TRIGGER refund_request_is_never_deleted BEFORE DELETE ON public.refund_request FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.refund_request ENABLE ALWAYS TRIGGER refund_request_is_never_deleted;

CREATE TRIGGER refund_request_is_what_was_asked BEFORE UPDATE OF refund_id, payment_attempt_id, idempotency_key, cents, reason, requested_by, requested_at ON public.refund_request FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.refund_request ENABLE ALWAYS TRIGGER refund_request_is_what_was_asked;

CREATE TRIGGER reversal_is_never_deleted BEFORE DELETE ON public.reversal FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.reversal ENABLE ALWAYS TRIGGER reversal_is_never_deleted;

CREATE TRIGGER reversal_is_never_truncated BEFORE TRUNCATE ON public.reversal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.reversal ENABLE ALWAYS TRIGGER reversal_is_never_truncated;

CREATE TRIGGER seal_is_append_only BEFORE DELETE OR UPDATE ON public.seal FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.seal ENABLE ALWAYS TRIGGER seal_is_append_only;

CREATE TRIGGER seal_is_never_truncated BEFORE TRUNCATE ON public.seal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.seal ENABLE ALWAYS TRIGGER seal_is_never_truncated;

CREATE TRIGGER seal_leaf_is_append_only BEFORE DELETE OR UPDATE ON public.seal_leaf FOR EACH ROW EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.seal_leaf ENABLE ALWAYS TRIGGER seal_leaf_is_append_only;

CREATE TRIGGER seal_leaf_is_never_truncated BEFORE TRUNCATE ON public.seal_leaf FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_book_change();

ALTER TABLE public.seal_leaf ENABLE ALWAYS TRIGGER seal_leaf_is_never_truncated;

CREATE TRIGGER stripe_balance_transaction_never_changes BEFORE DELETE OR UPDATE ON public.stripe_balance_transaction FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.stripe_balance_transaction ENABLE ALWAYS TRIGGER stripe_balance_transaction_never_changes;

CREATE TRIGGER stripe_booking_never_changes BEFORE DELETE OR UPDATE ON public.stripe_booking FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.stripe_booking ENABLE ALWAYS TRIGGER stripe_booking_never_changes;

CREATE TRIGGER stripe_payout_never_changes BEFORE DELETE OR UPDATE ON public.stripe_payout FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.stripe_payout ENABLE ALWAYS TRIGGER stripe_payout_never_changes;

CREATE TRIGGER stripe_payout_part_never_changes BEFORE DELETE OR UPDATE ON public.stripe_payout_part FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.stripe_payout_part ENABLE ALWAYS TRIGGER stripe_payout_part_never_changes;

CREATE TRIGGER transfer_claim_stays BEFORE DELETE OR UPDATE ON public.transfer_claim FOR EACH ROW EXECUTE FUNCTION public.transfer_claim_stays();

ALTER TABLE public.transfer_claim ENABLE ALWAYS TRIGGER transfer_claim_stays;

CREATE TRIGGER transfer_claim_waits_its_turn BEFORE INSERT ON public.transfer_claim FOR EACH ROW EXECUTE FUNCTION public.transfer_claim_waits_its_turn();

ALTER TABLE public.transfer_claim ENABLE ALWAYS TRIGGER transfer_claim_waits_its_turn;

CREATE TRIGGER webhook_attempt_never_changes BEFORE DELETE OR UPDATE ON public.webhook_attempt FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.webhook_attempt ENABLE ALWAYS TRIGGER webhook_attempt_never_changes;

CREATE TRIGGER webhook_event_never_changes BEFORE DELETE OR UPDATE ON public.webhook_event FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.webhook_event ENABLE ALWAYS TRIGGER webhook_event_never_changes;

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_class_exists FOREIGN KEY (class_name) REFERENCES public.account_class(name);

ALTER TABLE ONLY public.agent_claim
    ADD CONSTRAINT agent_claim_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(agent_id);

ALTER TABLE ONLY public.agent_thaw
    ADD CONSTRAINT agent_thaw_freeze_id_fkey FOREIGN KEY (freeze_id) REFERENCES public.agent_freeze(freeze_id);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(agent_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator(operator_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.operator_session(session_id);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_account_exists FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.buy_key
    ADD CONSTRAINT buy_key_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);

ALTER TABLE ONLY public.closed_deposit
    ADD CONSTRAINT closed_deposit_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.exception_action
    ADD CONSTRAINT exception_action_exception_id_fkey FOREIGN KEY (exception_id) REFERENCES public.payment_exception(exception_id);

ALTER TABLE ONLY public.exception_action
    ADD CONSTRAINT exception_action_ledger_transaction_id_fkey FOREIGN KEY (ledger_transaction_id) REFERENCES public.ledger_transaction(id);

ALTER TABLE ONLY public.notice_action
    ADD CONSTRAINT notice_action_notice_id_fkey FOREIGN KEY (notice_id) REFERENCES public.notice(notice_id);

ALTER TABLE ONLY public.operator_session
    ADD CONSTRAINT operator_session_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES public.operator(operator_id);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_address_of_owner FOREIGN KEY (deposit_address, address_owner) REFERENCES public.owned_address(address, owner);

ALTER TABLE ONLY public.payment_attempt
    ADD CONSTRAINT payment_attempt_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);

ALTER TABLE ONLY public.payment_exception
    ADD CONSTRAINT payment_exception_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.payment_reversal
    ADD CONSTRAINT payment_reversal_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.payment_reversal_state
    ADD CONSTRAINT payment_reversal_state_reference_fkey FOREIGN KEY (reference) REFERENCES public.payment_reversal(reference);

ALTER TABLE ONLY public.period_close
    ADD CONSTRAINT period_close_follows FOREIGN KEY (previous) REFERENCES public.period_close(month);

ALTER TABLE ONLY public.period_close
    ADD CONSTRAINT period_close_is_what_was_prepared FOREIGN KEY (draft_id, month, prepared_by, control_hash) REFERENCES public.period_draft(draft_id, month, prepared_by, control_hash);

ALTER TABLE ONLY public.policy_change
    ADD CONSTRAINT policy_change_by_a_decision FOREIGN KEY (proposal_id, decision) REFERENCES public.proposal_decision(proposal_id, decision) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.proposal_decision
    ADD CONSTRAINT proposal_decision_decided_by_id_fkey FOREIGN KEY (decided_by_id) REFERENCES public.operator(operator_id);

ALTER TABLE ONLY public.proposal_decision
    ADD CONSTRAINT proposal_decision_of_this_proposal FOREIGN KEY (proposal_id, proposed_by, proposed_by_id, expires_at) REFERENCES public.proposal(proposal_id, proposed_by, proposed_by_id, expires_at);

ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_proposed_by_id_fkey FOREIGN KEY (proposed_by_id) REFERENCES public.operator(operator_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_ledger_transaction_id_fkey FOREIGN KEY (ledger_transaction_id) REFERENCES public.ledger_transaction(id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_quote_id_fkey FOREIGN KEY (quote_id) REFERENCES public.quote(quote_id);

ALTER TABLE ONLY public.reconciliation_item
    ADD CONSTRAINT reconciliation_item_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.reconciliation_item_state
    ADD CONSTRAINT reconciliation_item_state_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.reconciliation_item(item_id);

ALTER TABLE ONLY public.reconciliation_posting
    ADD CONSTRAINT reconciliation_posting_ledger_transaction_id_fkey FOREIGN KEY (ledger_transaction_id) REFERENCES public.ledger_transaction(id);

ALTER TABLE ONLY public.reconciliation_posting
    ADD CONSTRAINT reconciliation_posting_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.refund_request
    ADD CONSTRAINT refund_request_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.reversal
    ADD CONSTRAINT reversal_lot_exists FOREIGN KEY (lot_id) REFERENCES public.lot(id);

ALTER TABLE ONLY public.reversal_watch
    ADD CONSTRAINT reversal_watch_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.stripe_booking
    ADD CONSTRAINT stripe_booking_balance_transaction_id_fkey FOREIGN KEY (balance_transaction_id) REFERENCES public.stripe_balance_transaction(id);

ALTER TABLE ONLY public.stripe_booking
    ADD CONSTRAINT stripe_booking_ledger_transaction_id_fkey FOREIGN KEY (ledger_transaction_id) REFERENCES public.ledger_transaction(id);

ALTER TABLE ONLY public.stripe_booking
    ADD CONSTRAINT stripe_booking_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.stripe_payout_part
    ADD CONSTRAINT stripe_payout_part_balance_transaction_id_fkey FOREIGN KEY (balance_transaction_id) REFERENCES public.stripe_balance_transaction(id);

ALTER TABLE ONLY public.transfer_claim
    ADD CONSTRAINT transfer_claim_payment_attempt_id_fkey FOREIGN KEY (payment_attempt_id) REFERENCES public.payment_attempt(payment_attempt_id);

ALTER TABLE ONLY public.webhook_attempt
    ADD CONSTRAINT webhook_attempt_of_delivery FOREIGN KEY (endpoint_id, event_id) REFERENCES public.webhook_delivery(endpoint_id, event_id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.webhook_endpoint(endpoint_id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.webhook_event(event_id);

ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.webhook_endpoint(endpoint_id);
