-- Who is knocking: agents, and the hashes of the tokens they were given.

CREATE TABLE agent (
    agent_id         text        PRIMARY KEY,
    organization_id  text        NOT NULL,
    contact          text,
    agent_name       text        NOT NULL,
    runtime          text        NOT NULL,
    discovery_source text,
    created_at       timestamptz NOT NULL,
    CONSTRAINT agent_has_its_own_organization UNIQUE (organization_id),
    -- Without a contact nobody can come back as the same agent, so NULL is never equal here.
    CONSTRAINT agent_once_per_contact_and_name UNIQUE (contact, agent_name),
    CONSTRAINT agent_contact_lower_case CHECK (contact = lower(contact)),
    CONSTRAINT agent_discovery_source_is_slug CHECK (discovery_source ~ '^[a-z0-9._-]{1,64}$')
);

CREATE TABLE agent_token (
    token_hash bytea       PRIMARY KEY,
    agent_id   text        NOT NULL REFERENCES agent,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT agent_token_is_sha256 CHECK (octet_length(token_hash) = 32)
);
CREATE UNIQUE INDEX agent_token_one_active ON agent_token (agent_id) WHERE revoked_at IS NULL;
