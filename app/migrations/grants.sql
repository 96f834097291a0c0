-- What the roles may do: all of it, and only here. `pennyrail migrate` says it anew after every migration, so
-- that a table or a function that is not named below belongs to nobody but its owner.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
GRANT USAGE ON SCHEMA public TO pennyrail_service, pennyrail_reader;

-- Everybody in the house reads, but nobody reads credentials who does not check them.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pennyrail_service, pennyrail_reader;
REVOKE SELECT ON agent_token, service_token, webhook_secret FROM pennyrail_reader;

-- The past, for reading.
GRANT EXECUTE ON FUNCTION
    outcome_of(text),
    shards_at(bigint, timestamptz),
    balance_at(text, timestamptz),
    seal_time(timestamptz)
TO pennyrail_service, pennyrail_reader;

-- The pens of the book. Nobody writes its tables but these functions, which run as their owner.
GRANT EXECUTE ON FUNCTION
    apply_operations(operation[]),
    post_transaction(text, bytea, text, timestamptz, text, jsonb, text[], text[], bigint[]),
    settle_all_due(timestamptz, integer),
    settle_agent(text, timestamptz)
TO pennyrail_service;

-- What the rails and the doors write themselves. Nothing is ever deleted.
GRANT INSERT ON
    quote, buy_key, receipt, activity,
    payment_attempt, evidence, payment_exception, exception_action, notice,
    chain_cursor, deposit,
    agent, agent_token, agent_claim,
    seal, seal_leaf
TO pennyrail_service;

-- UPDATE of an agent: a row can only be locked by who may change it.
GRANT UPDATE ON
    payment_attempt, evidence, payment_exception, notice,
    chain_cursor, deposit,
    agent, agent_token
TO pennyrail_service;

-- What is told to others. Endpoints and their secrets are made by the owner alone: whoever is only the service
-- cannot have the house's news sent elsewhere.
GRANT INSERT ON webhook_event, webhook_delivery, webhook_attempt TO pennyrail_service;
GRANT UPDATE ON webhook_delivery, webhook_cursor, webhook_turn TO pennyrail_service;
GRANT UPDATE (state, failing_since, quiet_until, disabled_at, disabled_reason) ON webhook_endpoint
TO pennyrail_service;
