-- The services that may move agents' credits, and the hashes of the tokens they were given.

CREATE TABLE service_token (
    id         text        PRIMARY KEY,
    name       text        NOT NULL,            -- a service may have several tokens: one to rotate to
    token_hash bytea       NOT NULL,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,                     -- NULL if never
    revoked_at timestamptz,
    CONSTRAINT service_token_hash_unique UNIQUE (token_hash),
    CONSTRAINT service_token_is_sha256 CHECK (octet_length(token_hash) = 32),
    -- The name begins the service's keys, which end at the next colon.
    CONSTRAINT service_token_name_is_slug CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT service_token_may_something CHECK (cardinality(scopes) > 0)
);
