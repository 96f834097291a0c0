-- The operators' desk: what they say of things, who takes care of them, and the orders in which queues are read.

-- What an operator says of anything that has a page.
CREATE TABLE note (
    note_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    about_kind text        NOT NULL,
    about_id   text        NOT NULL,
    said       text        NOT NULL,
    author     text        NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT note_about_named CHECK (about_kind ~ '^[a-z][a-z_]{0,31}$' AND about_id <> ''),
    CONSTRAINT note_says_something CHECK (said ~ '\S' AND length(said) <= 4000),
    CONSTRAINT note_says_who CHECK (author ~ '\S')
);
CREATE INDEX note_about ON note (about_kind, about_id, note_id DESC);

-- Who takes care of something: the newest turn counts. Whoever takes it says which turn they saw, so of two at a
-- time one is refused by the key.
CREATE TABLE assignment (
    about_kind  text        NOT NULL,
    about_id    text        NOT NULL,
    turn        integer     NOT NULL,
    owner       text,                           -- NULL: given back, it is nobody's
    assigned_by text        NOT NULL,
    assigned_at timestamptz NOT NULL,
    CONSTRAINT assignment_one_after_another PRIMARY KEY (about_kind, about_id, turn),
    CONSTRAINT assignment_about_named CHECK (about_kind ~ '^[a-z][a-z_]{0,31}$' AND about_id <> ''),
    CONSTRAINT assignment_turns_begin_at_one CHECK (turn >= 1),
    CONSTRAINT assignment_says_who CHECK (owner ~ '\S' AND assigned_by ~ '\S')
);
CREATE INDEX assignment_of_owner ON assignment (owner, about_kind, about_id) WHERE owner IS NOT NULL;

CREATE TRIGGER note_never_changes BEFORE UPDATE OR DELETE ON note
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER note_is_never_truncated BEFORE TRUNCATE ON note
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER assignment_never_changes BEFORE UPDATE OR DELETE ON assignment
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER assignment_is_never_truncated BEFORE TRUNCATE ON assignment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE note ENABLE ALWAYS TRIGGER note_never_changes;
ALTER TABLE note ENABLE ALWAYS TRIGGER note_is_never_truncated;
ALTER TABLE assignment ENABLE ALWAYS TRIGGER assignment_never_changes;
ALTER TABLE assignment ENABLE ALWAYS TRIGGER assignment_is_never_truncated;

-- Whose exception it is: without it, an agent with a million purchases and two exceptions could not be listed.
ALTER TABLE payment_exception ADD COLUMN agent_id text;
ALTER TABLE payment_exception DISABLE TRIGGER payment_exception_closed_stays;
UPDATE payment_exception
SET agent_id = payment_attempt.agent_id
FROM payment_attempt
WHERE payment_attempt.payment_attempt_id = payment_exception.payment_attempt_id;
ALTER TABLE payment_exception ENABLE ALWAYS TRIGGER payment_exception_closed_stays;
ALTER TABLE payment_exception
    ADD CONSTRAINT payment_exception_is_of_its_agent CHECK ((agent_id IS NULL) = (payment_attempt_id IS NULL));

CREATE FUNCTION exception_of_agent() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.agent_id := (SELECT agent_id FROM payment_attempt WHERE payment_attempt_id = NEW.payment_attempt_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER payment_exception_knows_its_agent BEFORE INSERT ON payment_exception
    FOR EACH ROW EXECUTE FUNCTION exception_of_agent();
ALTER TABLE payment_exception ENABLE ALWAYS TRIGGER payment_exception_knows_its_agent;

-- Lists of exceptions, in the order in which they were opened.
CREATE INDEX payment_exception_open ON payment_exception (opened_at, exception_id) WHERE closed_at IS NULL;
CREATE INDEX payment_exception_in_time ON payment_exception (opened_at, exception_id);
CREATE INDEX payment_exception_of_kind ON payment_exception (kind, opened_at, exception_id);
CREATE INDEX payment_exception_of_agent ON payment_exception (agent_id, opened_at, exception_id);

-- Lists of notices of a state and a type, and of those that broke and are tried again.
CREATE INDEX notice_in_state ON notice (state, kind, notice_id);
CREATE INDEX notice_retrying ON notice (kind, notice_id) WHERE state = 'waiting' AND reason IS NOT NULL;

-- Lists of deliveries to an endpoint, and of those that failed and are tried again.
CREATE INDEX webhook_delivery_in_state ON webhook_delivery (endpoint_id, state, created_at, event_id);
CREATE INDEX webhook_delivery_retrying ON webhook_delivery (endpoint_id, created_at, event_id)
    WHERE state = 'pending' AND tries > 0;
