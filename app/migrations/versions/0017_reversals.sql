-- Refunds, disputes and early fraud warnings; refunds that the house asks for; agents that may not spend.

-- A freeze stops new holds and debits of an agent, and nothing else: holds that stand are captured and released
-- as ever. The column says at once what the tables below tell in full.
ALTER TABLE balance ADD COLUMN frozen boolean NOT NULL DEFAULT false;

CREATE TABLE agent_freeze (
    freeze_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id  text        NOT NULL,
    reference text        NOT NULL,             -- what it follows from: 'dispute:dp_123'
    reason    text        NOT NULL,
    frozen_by text        NOT NULL,
    frozen_at timestamptz NOT NULL,
    -- What a person has lifted does not come back by itself.
    CONSTRAINT agent_freeze_once_per_reference UNIQUE (reference)
);

CREATE INDEX agent_freeze_of_agent
ON agent_freeze (agent_id);

CREATE TABLE agent_thaw (
    freeze_id bigint      PRIMARY KEY REFERENCES agent_freeze,
    reason    text        NOT NULL,
    thawed_by text        NOT NULL,
    thawed_at timestamptz NOT NULL
);

CREATE TRIGGER agent_freeze_never_changes BEFORE UPDATE OR DELETE ON agent_freeze
    FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER agent_freeze_is_never_truncated BEFORE TRUNCATE ON agent_freeze
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER agent_thaw_never_changes BEFORE UPDATE OR DELETE ON agent_thaw
    FOR EACH ROW EXECUTE FUNCTION refuse_book_change();
CREATE TRIGGER agent_thaw_is_never_truncated BEFORE TRUNCATE ON agent_thaw
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_book_change();
ALTER TABLE agent_freeze ENABLE ALWAYS TRIGGER agent_freeze_never_changes;
ALTER TABLE agent_freeze ENABLE ALWAYS TRIGGER agent_freeze_is_never_truncated;
ALTER TABLE agent_thaw ENABLE ALWAYS TRIGGER agent_thaw_never_changes;
ALTER TABLE agent_thaw ENABLE ALWAYS TRIGGER agent_thaw_is_never_truncated;

-- Has an agent spend nothing new. The freeze's id, and whether this call made it: a reference freezes once.
CREATE FUNCTION freeze_agent(
    given_agent text, given_reference text, given_reason text, given_by text, given_at timestamptz,
    OUT freeze_id bigint, OUT made boolean
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
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

-- Lifts one freeze, once. Whether this call did; the agent may spend again when none is left.
CREATE FUNCTION thaw_agent(given_freeze_id bigint, given_reason text, given_by text, given_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
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

-- Why the agent may not spend this now, or NULL.
CREATE OR REPLACE FUNCTION spending_refusal(op operation, mine balance) RETURNS text
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


-- One refund, dispute or early fraud warning of a payment, as its processor said last, and what the book took.
CREATE TABLE payment_reversal (
    reference          text        PRIMARY KEY, -- the processor's id of it
    payment_attempt_id text        NOT NULL REFERENCES payment_attempt,
    cause              text        NOT NULL,
    state              text        NOT NULL,
    cents              bigint      NOT NULL,    -- that left, tax included; of what is not gone, what it is about
    booked_cents       bigint      NOT NULL DEFAULT 0, -- that the book has taken for it and not given back
    refused_cents      bigint,                  -- that the book refused to take, while nothing has changed
    takings            integer     NOT NULL DEFAULT 0, -- how often the book was asked to take
    first_seen_at      timestamptz NOT NULL,
    changed_at         timestamptz NOT NULL,
    CONSTRAINT payment_reversal_cause_known CHECK (cause IN ('refund', 'dispute', 'fraud_warning')),
    CONSTRAINT payment_reversal_state_known CHECK (state IN ('pending', 'gone', 'back', 'void')),
    CONSTRAINT payment_reversal_counts CHECK (least(cents, booked_cents, takings) >= 0),
    CONSTRAINT payment_reversal_books_what_is_gone CHECK (booked_cents = 0 OR (state = 'gone' AND booked_cents <= cents)),
    CONSTRAINT payment_reversal_warning_moves_nothing CHECK (cause <> 'fraud_warning' OR state IN ('pending', 'void'))
);

CREATE INDEX payment_reversal_of_attempt
ON payment_reversal (payment_attempt_id);

-- Every change of it: what the processor said, and the transactions of the book that followed.
CREATE TABLE payment_reversal_state (
    change_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference    text        NOT NULL REFERENCES payment_reversal,
    state        text        NOT NULL,
    cents        bigint      NOT NULL,
    booked_cents bigint      NOT NULL,
    transactions bigint[]    NOT NULL,
    detail       jsonb       NOT NULL,
    seen_at      timestamptz NOT NULL
);

CREATE INDEX payment_reversal_state_of_reversal
ON payment_reversal_state (reference, change_id);

-- When somebody asks again what has left a payment, though nobody knocks.
CREATE TABLE reversal_watch (
    payment_attempt_id text        PRIMARY KEY REFERENCES payment_attempt,
    looks              integer     NOT NULL DEFAULT 0,
    looked_at          timestamptz,
    look_at            timestamptz
);

CREATE INDEX reversal_watch_due
ON reversal_watch (look_at)
WHERE look_at IS NOT NULL;

INSERT INTO reversal_watch (payment_attempt_id, look_at)
SELECT receipt.payment_attempt_id, receipt.created_at + interval '1 day'
FROM receipt;

-- A refund that the house asked for, before and after it asked. Nothing is booked for it: what has left is above.
CREATE TABLE refund_request (
    refund_id          text        PRIMARY KEY,
    payment_attempt_id text        NOT NULL REFERENCES payment_attempt,
    idempotency_key    text        NOT NULL,
    cents              bigint      NOT NULL,
    reason             text        NOT NULL,
    requested_by       text        NOT NULL,
    requested_at       timestamptz NOT NULL,
    state              text        NOT NULL,
    reference          text,                    -- the processor's id of it
    failure            text,
    tries              integer     NOT NULL DEFAULT 0,
    try_at             timestamptz,
    answered_at        timestamptz,
    CONSTRAINT refund_request_once_per_key UNIQUE (idempotency_key),
    CONSTRAINT refund_request_once_per_reference UNIQUE (reference),
    CONSTRAINT refund_request_positive CHECK (cents > 0),
    CONSTRAINT refund_request_answered CHECK (
        CASE state
            WHEN 'asked' THEN try_at IS NOT NULL AND answered_at IS NULL AND reference IS NULL AND failure IS NULL
            WHEN 'accepted' THEN try_at IS NULL AND answered_at IS NOT NULL AND reference IS NOT NULL AND failure IS NULL
            WHEN 'failed' THEN try_at IS NULL AND answered_at IS NOT NULL AND failure IS NOT NULL
            ELSE false
        END
    )
);

CREATE INDEX refund_request_of_attempt
ON refund_request (payment_attempt_id);
CREATE INDEX refund_request_due
ON refund_request (try_at)
WHERE try_at IS NOT NULL;

CREATE TRIGGER payment_reversal_is_of_one_payment
    BEFORE UPDATE OF reference, payment_attempt_id, cause, first_seen_at ON payment_reversal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_reversal_is_never_deleted BEFORE DELETE ON payment_reversal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_reversal_state_never_changes BEFORE UPDATE OR DELETE ON payment_reversal_state
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refund_request_is_what_was_asked
    BEFORE UPDATE OF refund_id, payment_attempt_id, idempotency_key, cents, reason, requested_by, requested_at
    ON refund_request
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Made or refused, once; one that was made may still fail at its bank.
CREATE TRIGGER refund_request_is_answered_once BEFORE UPDATE ON refund_request
    FOR EACH ROW WHEN (
        OLD.state = 'failed'
        OR (OLD.state = 'accepted' AND (NEW.state = 'asked' OR NEW.reference IS DISTINCT FROM OLD.reference))
    )
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refund_request_is_never_deleted BEFORE DELETE ON refund_request
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE payment_reversal ENABLE ALWAYS TRIGGER payment_reversal_is_of_one_payment;
ALTER TABLE payment_reversal ENABLE ALWAYS TRIGGER payment_reversal_is_never_deleted;
ALTER TABLE payment_reversal_state ENABLE ALWAYS TRIGGER payment_reversal_state_never_changes;
ALTER TABLE refund_request ENABLE ALWAYS TRIGGER refund_request_is_what_was_asked;
ALTER TABLE refund_request ENABLE ALWAYS TRIGGER refund_request_is_answered_once;
ALTER TABLE refund_request ENABLE ALWAYS TRIGGER refund_request_is_never_deleted;

-- More left a payment than was paid: a person has to see it. Whatever other kinds are known stay known.
DO $$
DECLARE
    known constant text := (
        SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'payment_exception_kind_known'
    );
BEGIN
    IF known NOT LIKE '%reversal_rejected%' THEN
        EXECUTE 'ALTER TABLE payment_exception DROP CONSTRAINT payment_exception_kind_known,'
            || ' ADD CONSTRAINT payment_exception_kind_known '
            || replace(known, 'ARRAY[', 'ARRAY[''reversal_rejected''::text, ');
    END IF;
END $$;
