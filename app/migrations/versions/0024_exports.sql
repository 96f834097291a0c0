-- Exports, and one list of everything that people and the service did.

CREATE TABLE export (
    number      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    export_id   text        NOT NULL,
    data_set    text        NOT NULL,
    format      text        NOT NULL,
    parameters  jsonb       NOT NULL,
    file_name   text        NOT NULL,           -- as whoever downloads it sees it
    asked_by    text        NOT NULL,
    asked_at    timestamptz NOT NULL,
    state       text        NOT NULL,
    about_rows  bigint,                         -- how many rows there may be, guessed
    rows        bigint      NOT NULL,
    tries       integer     NOT NULL,           -- the turn of the worker that writes it
    lease_until timestamptz,
    begun_at    timestamptz,
    ended_at    timestamptz,
    failure     text,
    file        text,                           -- in the folder of exports
    bytes       bigint,
    sha256      text,
    CONSTRAINT export_id_once UNIQUE (export_id),
    CONSTRAINT export_says_who CHECK (asked_by <> ''),
    CONSTRAINT export_counts CHECK (rows >= 0 AND tries >= 0 AND coalesce(bytes, 0) >= 0),
    CONSTRAINT export_is_as_its_state_says CHECK (
        CASE state
            WHEN 'asked' THEN num_nonnulls(lease_until, begun_at, ended_at, failure, file, bytes, sha256) = 0
            WHEN 'running' THEN num_nulls(lease_until, begun_at, file) = 0
                AND num_nonnulls(ended_at, failure, bytes, sha256) = 0
            WHEN 'done' THEN num_nulls(begun_at, ended_at, file, bytes, sha256) = 0
                AND num_nonnulls(lease_until, failure) = 0
            WHEN 'failed' THEN num_nulls(ended_at, failure) = 0 AND num_nonnulls(lease_until, file, bytes) = 0
            WHEN 'cancelled' THEN ended_at IS NOT NULL AND num_nonnulls(lease_until, failure, file, bytes) = 0
            WHEN 'expired' THEN num_nulls(ended_at, bytes, sha256) = 0 AND num_nonnulls(lease_until, file) = 0
            ELSE false
        END
    )
);
CREATE INDEX export_due ON export (number) WHERE state IN ('asked', 'running');
CREATE INDEX export_kept ON export (ended_at) WHERE state = 'done';
CREATE UNIQUE INDEX export_file_once ON export (file) WHERE file IS NOT NULL;

CREATE FUNCTION refuse_changed_export() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was exported, for whom and how it ended is not rewritten' USING ERRCODE = 'PR900';
END
$$;

CREATE TRIGGER export_stays_what_was_asked BEFORE UPDATE ON export
    FOR EACH ROW WHEN (
        (OLD.export_id, OLD.data_set, OLD.format, OLD.parameters, OLD.asked_by, OLD.asked_at)
            IS DISTINCT FROM
            (NEW.export_id, NEW.data_set, NEW.format, NEW.parameters, NEW.asked_by, NEW.asked_at)
        OR OLD.state IN ('failed', 'cancelled', 'expired')
        OR (OLD.state = 'done' AND NEW.state <> 'expired')
    ) EXECUTE FUNCTION refuse_changed_export();
CREATE TRIGGER export_is_never_deleted BEFORE DELETE ON export
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE export ENABLE ALWAYS TRIGGER export_stays_what_was_asked;
ALTER TABLE export ENABLE ALWAYS TRIGGER export_is_never_deleted;

-- Every list of the audit trail is read from its newest row on.
CREATE INDEX audit_trail_log ON audit_log (at, audit_id);
CREATE INDEX audit_trail_log_of_actor ON audit_log (actor, at);
CREATE INDEX audit_trail_log_of_action ON audit_log (action, at);
CREATE INDEX audit_trail_log_not_done ON audit_log (outcome, at) WHERE outcome <> 'done';
CREATE INDEX audit_trail_log_of_service ON audit_log (at) WHERE via = 'service';
CREATE INDEX audit_trail_exception_action ON exception_action (created_at) WHERE actor NOT LIKE 'operator:%';
CREATE INDEX audit_trail_payment_exception_closed ON payment_exception (closed_at) WHERE closed_by = 'house';
CREATE INDEX audit_trail_notice_action ON notice_action (acted_at) WHERE actor LIKE 'sender:%';
CREATE INDEX audit_trail_agent_freeze ON agent_freeze (frozen_at);
CREATE INDEX audit_trail_agent_thaw ON agent_thaw (thawed_at);
CREATE INDEX audit_trail_refund_request_answered ON refund_request (answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX audit_trail_payment_reversal_state ON payment_reversal_state (seen_at);
CREATE INDEX audit_trail_reconciliation_run ON reconciliation_run (started_at);
CREATE INDEX audit_trail_chain_alarm ON chain_alarm (opened_at);

-- What people did stands in audit_log, what the service did by itself in the tables of what it did it to.
-- Nothing stands in two: a branch below leaves out what a person did.
CREATE VIEW audit_trail AS
SELECT
    'operators'::text AS source, told.audit_id::text AS id, told.at AS at, told.actor AS actor,
    told.via AS via, told.role AS role, told.action AS action, told.about_kind AS about_kind,
    told.about_id AS about_id, told.outcome AS outcome, told.reason AS reason, told.before AS before,
    told.after AS after
FROM audit_log AS told
UNION ALL
SELECT
    'exceptions', told.action_id::text, told.created_at, told.actor, 'service', NULL,
    'exception.' || CASE WHEN told.action IN ('wait', 'claim') THEN told.action ELSE 'resolve' END,
    'exception', told.exception_id::text, 'done', told.reason, NULL,
    jsonb_build_object('as', told.action, 'units', told.units::text, 'cents', told.cents, 'transaction', told.ledger_transaction_id)
FROM exception_action AS told
WHERE told.actor NOT LIKE 'operator:%'
UNION ALL
SELECT
    'exceptions closed', told.exception_id::text, told.closed_at, told.closed_by, 'service', NULL,
    'exception.close', 'exception', told.exception_id::text, 'done', told.resolution, NULL,
    jsonb_build_object('kind', told.kind, 'attempt', told.payment_attempt_id)
FROM payment_exception AS told
WHERE told.closed_by = 'house'
UNION ALL
SELECT
    'inbox', told.action_id::text, told.acted_at, told.actor, 'service', NULL,
    'notice.' || told.action, 'notice', told.notice_id::text, 'done', told.reason,
    jsonb_build_object('state', told.from_state), NULL
FROM notice_action AS told
WHERE told.actor LIKE 'sender:%'
UNION ALL
SELECT
    'freezes', told.freeze_id::text, told.frozen_at, told.frozen_by, 'service', NULL,
    'agent.freeze', 'agent', told.agent_id, 'done', told.reason, NULL,
    jsonb_build_object('reference', told.reference)
FROM agent_freeze AS told
WHERE told.frozen_by LIKE 'rail:%'
UNION ALL
SELECT
    'thaws', lifted.freeze_id::text, lifted.thawed_at, lifted.thawed_by, 'service', NULL,
    'agent.lift_freeze', 'agent', told.agent_id, 'done', lifted.reason,
    jsonb_build_object('reference', told.reference), NULL
FROM agent_thaw AS lifted
JOIN agent_freeze AS told ON told.freeze_id = lifted.freeze_id
WHERE lifted.thawed_by LIKE 'rail:%'
UNION ALL
SELECT
    'refunds', told.refund_id, told.answered_at, 'service', 'service', NULL,
    'refund.answer', 'purchase', told.payment_attempt_id,
    CASE told.state WHEN 'failed' THEN 'failed' ELSE 'done' END, coalesce(told.failure, ''), NULL,
    jsonb_build_object('refund', told.refund_id, 'cents', told.cents, 'asked_by', told.requested_by)
FROM refund_request AS told
WHERE told.answered_at IS NOT NULL
UNION ALL
SELECT
    'reversals', told.change_id::text, told.seen_at, 'service', 'service', NULL,
    'reversal.book', 'purchase', whole.payment_attempt_id, 'done', '', NULL,
    jsonb_build_object(
        'reference', told.reference, 'cause', whole.cause, 'state', told.state, 'cents', told.cents,
        'booked_cents', told.booked_cents, 'transactions', to_jsonb(told.transactions)
    )
FROM payment_reversal_state AS told
JOIN payment_reversal AS whole ON whole.reference = told.reference
UNION ALL
SELECT
    'grants', told.receipt_id, told.created_at, 'service', 'service', NULL,
    'credits.grant', 'purchase', told.payment_attempt_id, 'done', '', NULL,
    jsonb_build_object(
        'receipt', told.receipt_id, 'credits', told.credits, 'received_cents', told.received_cents,
        'transaction', told.ledger_transaction_id
    )
FROM receipt AS told
UNION ALL
SELECT
    'reconciliations', told.run_id::text, told.started_at, 'service', 'service', NULL,
    'reconciliation.run', 'reconciliation', told.run_id::text, 'done', '', NULL,
    jsonb_build_object(
        'booked', told.booked, 'opened', told.opened, 'closed', told.closed, 'breaks', told.breaks,
        'processor_cents', told.processor_cents, 'book_cents', told.book_cents
    )
FROM reconciliation_run AS told
UNION ALL
SELECT
    'alarms', told.alarm_id::text, told.opened_at, 'service', 'service', NULL,
    'alarm.raise', 'alarm', told.alarm_id::text, 'done', told.detail, NULL,
    jsonb_build_object('kind', told.kind, 'subject', told.subject)
FROM chain_alarm AS told;

-- What people did before there was a log of it.
INSERT INTO audit_log (at, actor, via, action, about_kind, about_id, outcome, reason, after)
SELECT at, actor, 'command', action, about_kind, about_id, 'done', reason, after
FROM (
    SELECT told.created_at, told.actor,
        'exception.' || CASE WHEN told.action IN ('wait', 'claim') THEN told.action ELSE 'resolve' END,
        'exception', told.exception_id::text, told.reason,
        jsonb_build_object('as', told.action, 'cents', told.cents, 'transaction', told.ledger_transaction_id)
    FROM exception_action AS told
    WHERE told.actor LIKE 'operator:%'
    UNION ALL
    SELECT told.acted_at, told.actor, 'notice.' || told.action, 'notice', told.notice_id::text, told.reason, NULL
    FROM notice_action AS told
    WHERE told.actor NOT LIKE 'sender:%'
    UNION ALL
    SELECT told.frozen_at, told.frozen_by, 'agent.freeze', 'agent', told.agent_id, told.reason, NULL
    FROM agent_freeze AS told
    WHERE told.frozen_by NOT LIKE 'rail:%'
    UNION ALL
    SELECT lifted.thawed_at, lifted.thawed_by, 'agent.lift_freeze', 'agent', told.agent_id, lifted.reason, NULL
    FROM agent_thaw AS lifted
    JOIN agent_freeze AS told ON told.freeze_id = lifted.freeze_id
    WHERE lifted.thawed_by NOT LIKE 'rail:%'
    UNION ALL
    SELECT told.requested_at, told.requested_by, 'refund.create', 'purchase', told.payment_attempt_id,
        told.reason, jsonb_build_object('refund', told.refund_id, 'cents', told.cents)
    FROM refund_request AS told
) AS before_the_log (at, actor, action, about_kind, about_id, reason, after)
WHERE actor <> ''
ORDER BY at;
