-- What the roles may do: all of it, and only here. `pennyrail migrate` says it anew after every migration, so
-- that a table or a function that is not named below belongs to nobody but its owner.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, pennyrail_service, pennyrail_reader;
GRANT USAGE ON SCHEMA public TO pennyrail_service, pennyrail_reader;

-- Everybody in the house reads, but nobody reads credentials who does not check them.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pennyrail_service, pennyrail_reader;
REVOKE SELECT ON agent_token, service_token, webhook_secret, operator, operator_session FROM pennyrail_reader;

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
    chain_cursor, deposit, chain_lease, chain_alarm, chain_outflow, chain_balance,
    agent, agent_token, agent_claim,
    seal, seal_leaf,
    owned_address, agent_deposit_address, transfer_claim, closed_deposit
TO pennyrail_service;

-- UPDATE of an agent: a row can only be locked by who may change it.
GRANT UPDATE ON
    payment_attempt, evidence, payment_exception, notice,
    chain_cursor, deposit, chain_lease, chain_balance,
    agent, agent_token
TO pennyrail_service;

GRANT UPDATE (tries, asked_at, try_at, refused, intent_id, released_at) ON transfer_claim TO pennyrail_service;

-- What is told to others. Endpoints and their secrets are made by the owner alone: whoever is only the service
-- cannot have the house's news sent elsewhere.
GRANT INSERT ON webhook_event, webhook_delivery, webhook_attempt TO pennyrail_service;
GRANT UPDATE ON webhook_delivery, webhook_cursor, webhook_turn TO pennyrail_service;
GRANT UPDATE (state, failing_since, quiet_until, disabled_at, disabled_reason) ON webhook_endpoint
TO pennyrail_service;

-- What an alarm is about stays as it was.
GRANT UPDATE (detail, last_seen_at, closed_at) ON chain_alarm TO pennyrail_service;

-- What left a payment again, and what the house asked for. Who is frozen is written by the functions alone.
GRANT INSERT ON payment_reversal, payment_reversal_state, reversal_watch, refund_request TO pennyrail_service;
GRANT UPDATE ON payment_reversal, reversal_watch, refund_request TO pennyrail_service;
GRANT EXECUTE ON FUNCTION
    freeze_agent(text, text, text, text, timestamptz),
    thaw_agent(bigint, text, text, timestamptz)
TO pennyrail_service;
-- Reconciliation. What Stripe's books said, and what was made of it, is only ever added to.
GRANT INSERT ON
    stripe_balance_transaction, stripe_payout, stripe_payout_part, stripe_booking,
    reconciliation_cursor, reconciliation_posting,
    reconciliation_item, reconciliation_item_state, reconciliation_run
TO pennyrail_service;
GRANT UPDATE ON reconciliation_cursor TO pennyrail_service;
GRANT UPDATE (state, expected_units, found_units, closed_at, how) ON reconciliation_item TO pennyrail_service;
-- The inbox: what people decided of notices, and how far the processor's own list was read.
GRANT INSERT ON notice_action, notice_cursor TO pennyrail_service;
GRANT UPDATE ON notice_cursor TO pennyrail_service;

-- The office: who signs in, and what was done.
GRANT INSERT ON operator, operator_session, audit_log TO pennyrail_service;
GRANT UPDATE ON operator TO pennyrail_service;
GRANT UPDATE (last_seen_at, stepped_up_at, revoked_at, revoked_by) ON operator_session TO pennyrail_service;
-- The close of a month, of which nothing ever changes, and what a run of reconciliation shows of itself.
GRANT INSERT ON period_draft, period_close TO pennyrail_service;
GRANT EXECUTE ON FUNCTION
    closed_until()
TO pennyrail_service, pennyrail_reader;
GRANT UPDATE (closed_by) ON reconciliation_item TO pennyrail_service;
GRANT INSERT, UPDATE ON reconciliation_day, reconciliation_progress TO pennyrail_service;
-- The operators' desk: what they say, and who takes care of what. Only ever added to.
GRANT INSERT ON note, assignment TO pennyrail_service;


-- Maker and checker. A proposal, its decision and what followed from it are only ever added.
GRANT INSERT ON proposal, proposal_decision, policy_change TO pennyrail_service;

-- The switches of the rails, and the figures: sums that the book can tell again.
GRANT INSERT ON rail_switch, figure_day, figure_outstanding, figure_funnel TO pennyrail_service;
GRANT UPDATE ON figure_day, figure_outstanding, figure_funnel, figure_cursor TO pennyrail_service;

-- Exports: what was asked for stays, how far it is changes.
GRANT INSERT ON export TO pennyrail_service;
GRANT UPDATE (state, about_rows, rows, tries, lease_until, begun_at, ended_at, failure, file, bytes, sha256)
ON export TO pennyrail_service;
