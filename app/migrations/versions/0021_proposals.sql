-- Maker and checker: what one person of the house proposes, and another one decides.

-- Frozen: whoever approves approves exactly this.
CREATE TABLE proposal (
    proposal_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            text        NOT NULL,        -- of the form that was sent: twice is once
    kind           text        NOT NULL,
    about_kind     text        NOT NULL,        -- agent, exception, payment_attempt, account or policy
    about_id       text        NOT NULL,
    content        jsonb       NOT NULL,        -- amounts are whole cents and whole credits
    cents          bigint      NOT NULL,        -- how much it is about; a credit is a cent
    reason         text        NOT NULL,
    evidence       text,
    proposed_by    text        NOT NULL,
    proposed_by_id text        NOT NULL REFERENCES operator,
    proposed_at    timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT proposal_key_once UNIQUE (key),
    CONSTRAINT proposal_known_to_its_decision UNIQUE (proposal_id, proposed_by, proposed_by_id, expires_at),
    CONSTRAINT proposal_kind_known CHECK (
        kind IN ('adjustment', 'correction', 'write_off', 'refund', 'take_back', 'policy')
    ),
    CONSTRAINT proposal_amounts_are_whole CHECK (
        jsonb_typeof(content) = 'object'
        AND NOT jsonb_path_exists(content, '$.** ? (@.type() == "number" && @ != @.floor())')
    ),
    CONSTRAINT proposal_cents_not_negative CHECK (cents >= 0),
    CONSTRAINT proposal_says_why CHECK (reason ~ '\S' AND length(reason) <= 2000),
    CONSTRAINT proposal_adjustment_has_evidence CHECK (
        kind NOT IN ('adjustment', 'correction', 'take_back') OR coalesce(evidence ~ '\S', false)
    ),
    CONSTRAINT proposal_evidence_is_short CHECK (length(evidence) <= 1000),
    CONSTRAINT proposal_expires CHECK (expires_at > proposed_at)
);
CREATE INDEX proposal_expiry ON proposal (expires_at);
CREATE INDEX proposal_about ON proposal (about_kind, about_id, proposal_id DESC);

-- What became of a proposal, once. The columns of the proposal are repeated so that constraints can compare them.
CREATE TABLE proposal_decision (
    proposal_id    bigint      PRIMARY KEY,
    decision       text        NOT NULL,
    decided_by     text        NOT NULL,
    decided_by_id  text        REFERENCES operator,
    reason         text        NOT NULL,
    decided_at     timestamptz NOT NULL,
    proposed_by    text        NOT NULL,
    proposed_by_id text        NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT proposal_decision_of_this_proposal FOREIGN KEY (proposal_id, proposed_by, proposed_by_id, expires_at)
        REFERENCES proposal (proposal_id, proposed_by, proposed_by_id, expires_at),
    CONSTRAINT proposal_decision_to_follow UNIQUE (proposal_id, decision),
    CONSTRAINT proposal_decision_known CHECK (decision IN ('approved', 'rejected', 'withdrawn', 'expired')),
    CONSTRAINT proposal_decision_by_a_person CHECK ((decision = 'expired') = (decided_by_id IS NULL)),
    CONSTRAINT proposal_checker_is_not_the_maker CHECK (
        decision NOT IN ('approved', 'rejected')
        OR (lower(decided_by) <> lower(proposed_by) AND decided_by_id <> proposed_by_id)
    ),
    CONSTRAINT proposal_withdrawn_by_its_maker CHECK (decision <> 'withdrawn' OR decided_by_id = proposed_by_id),
    CONSTRAINT proposal_decided_in_time CHECK ((decision = 'expired') = (decided_at >= expires_at)),
    CONSTRAINT proposal_decision_says_why CHECK (reason ~ '\S' AND length(reason) <= 2000)
);
CREATE INDEX proposal_decision_in_time ON proposal_decision (decided_at);

-- Whoever decides may do so at this moment, whatever a session still believes.
CREATE FUNCTION checker_may_decide() RETURNS trigger
LANGUAGE plpgsql AS $$
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
CREATE TRIGGER proposal_decision_by_who_may BEFORE INSERT ON proposal_decision
    FOR EACH ROW WHEN (NEW.decision <> 'expired') EXECUTE FUNCTION checker_may_decide();

-- Every value that a policy ever got; the newest one holds, and before the first the settings do.
CREATE TABLE policy_change (
    change_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text        NOT NULL,
    before      text        NOT NULL,
    value       text        NOT NULL,
    proposal_id bigint      NOT NULL,
    decision    text        NOT NULL DEFAULT 'approved',
    changed_at  timestamptz NOT NULL,
    CONSTRAINT policy_change_once_per_proposal UNIQUE (proposal_id),
    CONSTRAINT policy_change_was_approved CHECK (decision = 'approved'),
    CONSTRAINT policy_change_by_a_decision FOREIGN KEY (proposal_id, decision)
        REFERENCES proposal_decision (proposal_id, decision)
        DEFERRABLE INITIALLY DEFERRED,          -- so that a change can be tried and undone
    CONSTRAINT policy_change_to_something CHECK (
        CASE
            WHEN name IN ('underpaid', 'overpaid', 'topped_up', 'late') THEN value IN ('review', 'credit')
            WHEN name = 'alone_most_cents' THEN value ~ '^(0|[1-9][0-9]{0,9})$'
            ELSE false
        END
    )
);
CREATE INDEX policy_change_newest ON policy_change (name, change_id DESC);

CREATE TRIGGER proposal_never_changes BEFORE UPDATE OR DELETE ON proposal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposal_is_never_truncated BEFORE TRUNCATE ON proposal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposal_decision_never_changes BEFORE UPDATE OR DELETE ON proposal_decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposal_decision_is_never_truncated BEFORE TRUNCATE ON proposal_decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_change_never_changes BEFORE UPDATE OR DELETE ON policy_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_change_is_never_truncated BEFORE TRUNCATE ON policy_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE proposal ENABLE ALWAYS TRIGGER proposal_never_changes;
ALTER TABLE proposal ENABLE ALWAYS TRIGGER proposal_is_never_truncated;
ALTER TABLE proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_by_who_may;
ALTER TABLE proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_never_changes;
ALTER TABLE proposal_decision ENABLE ALWAYS TRIGGER proposal_decision_is_never_truncated;
ALTER TABLE policy_change ENABLE ALWAYS TRIGGER policy_change_never_changes;
ALTER TABLE policy_change ENABLE ALWAYS TRIGGER policy_change_is_never_truncated;

-- What one operator gave away alone today.
CREATE INDEX refund_request_by_whom ON refund_request (requested_by, requested_at);
CREATE INDEX exception_action_by_whom ON exception_action (actor, created_at);


-- What is given up: receivables that nobody will pay.
INSERT INTO account_class (name, asset, floor, shards) VALUES ('losses', 'USD', NULL, 16);

DROP FUNCTION shrink_lot(bigint, lot, bigint);

-- Takes `part` credits of a lot out of the world again, with their cents: the lot is the `place`th of its transaction.
CREATE FUNCTION shrink_lot(
    id bigint, mine lot, part bigint, place integer DEFAULT 1, OUT part_cents bigint
)
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

-- Takes credits of an agent out of the world again, in burn order: nobody used them, so that nothing is earned.
-- What they were paid with is still owed.
CREATE FUNCTION deduct_credits(op operation, mine balance) RETURNS operation_result
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

-- As in 0005_credits.sql, and knows deductions.
CREATE OR REPLACE FUNCTION apply_operations(given operation[]) RETURNS SETOF operation_result
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
            WHEN 'deduct' THEN RETURN NEXT deduct_credits(op, mine);
        END CASE;
    END LOOP;
END $$;
