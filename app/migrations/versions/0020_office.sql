-- The operators' office: who may sign in, who has, and everything that was done.

CREATE TABLE operator (
    operator_id       text        PRIMARY KEY,
    email             text        NOT NULL,
    name              text        NOT NULL,
    role              text        NOT NULL,
    password_hash     text,                         -- argon2id; NULL: not enrolled yet, or signs in elsewhere
    totp_sealed       bytea,                        -- encrypted under a key that stands in no table
    totp_last_step    bigint      NOT NULL DEFAULT 0,  -- a code counts once
    invite_hash       bytea,
    invite_expires_at timestamptz,
    sso_subject       text,
    failures          integer     NOT NULL DEFAULT 0,
    locked_until      timestamptz,
    created_at        timestamptz NOT NULL,
    disabled_at       timestamptz,
    CONSTRAINT operator_email_once UNIQUE (email),
    CONSTRAINT operator_sso_subject_once UNIQUE (sso_subject),
    CONSTRAINT operator_email_lower_case CHECK (email = lower(email) AND email ~ '^[^\s@]{1,64}@[^\s@]{1,190}$'),
    CONSTRAINT operator_has_name CHECK (name ~ '\S' AND length(name) <= 200),
    CONSTRAINT operator_role_known CHECK (role IN ('viewer', 'support', 'finance', 'approver', 'admin')),
    CONSTRAINT operator_password_is_argon2 CHECK (password_hash LIKE '$argon2id$%'),
    -- Nobody signs in with a password alone.
    CONSTRAINT operator_password_has_second_factor CHECK ((password_hash IS NULL) = (totp_sealed IS NULL)),
    CONSTRAINT operator_invite_ends CHECK ((invite_hash IS NULL) = (invite_expires_at IS NULL))
);

-- Of a session only the hash of its token is kept.
CREATE TABLE operator_session (
    session_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash    bytea       NOT NULL,
    operator_id   text        NOT NULL REFERENCES operator,
    via           text        NOT NULL,
    method        text        NOT NULL,
    created_at    timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    stepped_up_at timestamptz,
    revoked_at    timestamptz,
    revoked_by    text,
    address       text        NOT NULL,
    user_agent    text        NOT NULL,
    CONSTRAINT operator_session_token_once UNIQUE (token_hash),
    CONSTRAINT operator_session_via_known CHECK (via IN ('console', 'ops')),
    CONSTRAINT operator_session_method_known CHECK (method IN ('password', 'sso')),
    CONSTRAINT operator_session_ends CHECK (expires_at > created_at),
    CONSTRAINT operator_session_revoked_by_whom CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX operator_session_of_operator ON operator_session (operator_id, session_id DESC);

CREATE TABLE audit_log (
    audit_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text        NOT NULL,
    role        text,
    operator_id text        REFERENCES operator,
    session_id  bigint      REFERENCES operator_session,
    via         text        NOT NULL,
    address     text,
    action      text        NOT NULL,
    about_kind  text        NOT NULL,
    about_id    text        NOT NULL,
    outcome     text        NOT NULL,
    reason      text        NOT NULL,
    before      jsonb,
    after       jsonb,
    CONSTRAINT audit_log_says_who CHECK (actor <> ''),
    CONSTRAINT audit_log_action_named CHECK (action ~ '^[a-z][a-z_]*\.[a-z][a-z_]*$'),
    CONSTRAINT audit_log_via_known CHECK (via IN ('console', 'ops', 'command', 'service')),
    CONSTRAINT audit_log_outcome_known CHECK (outcome IN ('asked', 'done', 'failed', 'refused'))
);
CREATE INDEX audit_log_about ON audit_log (about_kind, about_id, audit_id DESC);

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_never_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operator_is_never_deleted BEFORE DELETE ON operator
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operator_session_is_never_deleted BEFORE DELETE ON operator_session
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_is_append_only;
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_is_never_truncated;
ALTER TABLE operator ENABLE ALWAYS TRIGGER operator_is_never_deleted;
ALTER TABLE operator_session ENABLE ALWAYS TRIGGER operator_session_is_never_deleted;
