-- What the roles may do: all of it, and only here. `pennyrail migrate` says it anew after every migration, so
-- that a table or a function that is not named below belongs to nobody but its owner.
--
--   pennyrail_api      serves agents, services and operators: it cannot write what the witnesses say
--   pennyrail_worker   asks the witnesses, settles, seals and tells: it cannot make operators, tokens or agents
--   pennyrail_service  both, for commands and for a house of one login
--   pennyrail_reader   reads, for reports

REVOKE ALL ON ALL TABLES IN SCHEMA public
FROM PUBLIC, pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public
FROM PUBLIC, pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public
FROM PUBLIC, pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;
GRANT USAGE ON SCHEMA public TO pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;

-- Everybody in the house reads, but nobody reads credentials who does not check them.
GRANT SELECT ON ALL TABLES IN SCHEMA public
TO pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;
REVOKE SELECT ON agent_token, service_token, webhook_secret, operator, operator_session FROM pennyrail_reader;
REVOKE SELECT ON agent_token, service_token, operator, operator_session FROM pennyrail_worker;
REVOKE SELECT ON webhook_secret FROM pennyrail_api;

-- The past, for reading.
GRANT EXECUTE ON FUNCTION
    outcome_of(text),
    shards_at(bigint, timestamptz),
    balance_at(text, timestamptz),
    seal_time(timestamptz),
    closed_until()
TO pennyrail_service, pennyrail_reader, pennyrail_api, pennyrail_worker;

-- The pens of the book. Nobody writes its tables but these functions, which run as their owner.
GRANT EXECUTE ON FUNCTION
    apply_operations(operation[]),
    post_transaction(text, bytea, text, timestamptz, text, jsonb, text[], text[], bigint[]),
    settle_all_due(timestamptz, integer),
    settle_agent(text, timestamptz)
TO pennyrail_service, pennyrail_api, pennyrail_worker;

-- Who is frozen is written by the functions alone.
GRANT EXECUTE ON FUNCTION
    freeze_agent(text, text, text, text, timestamptz),
    thaw_agent(bigint, text, text, timestamptz)
TO pennyrail_service, pennyrail_api, pennyrail_worker;

-- A purchase: both look at it. Nothing is ever deleted.
GRANT INSERT ON
    receipt, activity, evidence, payment_exception, exception_action, notice,
    owned_address, agent_deposit_address, transfer_claim, closed_deposit,
    payment_reversal, payment_reversal_state, reversal_watch, refund_request,
    audit_log, proposal_decision, reconciliation_item_state
TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT UPDATE ON
    payment_attempt, evidence, payment_exception, notice,
    payment_reversal, reversal_watch, refund_request, webhook_delivery
TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT UPDATE (tries, asked_at, try_at, refused, intent_id, released_at) ON transfer_claim
TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT UPDATE (state, expected_units, found_units, closed_at, how) ON reconciliation_item
TO pennyrail_service, pennyrail_api, pennyrail_worker;

-- What agents and operators begin.
GRANT INSERT ON quote, buy_key, payment_attempt, agent, agent_token, agent_claim
TO pennyrail_service, pennyrail_api;
-- A row can only be locked by who may change it: of agents the worker locks some.
GRANT UPDATE ON agent TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT UPDATE ON agent_token TO pennyrail_service, pennyrail_api;

-- The office: who signs in, what was done, what they say, and who takes care of what.
GRANT INSERT ON operator, operator_session, note, assignment, notice_action TO pennyrail_service, pennyrail_api;
GRANT UPDATE ON operator TO pennyrail_service, pennyrail_api;
GRANT UPDATE (last_seen_at, stepped_up_at, revoked_at, revoked_by) ON operator_session
TO pennyrail_service, pennyrail_api;

-- Maker and checker. A proposal, its decision and what followed from it are only ever added, as are the switches
-- of the rails and the close of a month.
GRANT INSERT ON proposal, policy_change, rail_switch, period_draft, period_close
TO pennyrail_service, pennyrail_api;
GRANT UPDATE (closed_by) ON reconciliation_item TO pennyrail_service, pennyrail_api;

-- What was seen on the chain: what an alarm is about stays as it was.
GRANT INSERT ON
    chain_cursor, deposit, chain_lease, chain_alarm, chain_outflow, chain_balance
TO pennyrail_service, pennyrail_worker;
GRANT UPDATE ON chain_cursor, deposit, chain_lease, chain_balance TO pennyrail_service, pennyrail_worker;
GRANT UPDATE (detail, last_seen_at, closed_at) ON chain_alarm TO pennyrail_service, pennyrail_worker;

-- What Stripe's books and its list of events said. It is only ever added to.
GRANT INSERT ON
    stripe_balance_transaction, stripe_payout, stripe_payout_part, stripe_booking, notice_cursor,
    reconciliation_cursor, reconciliation_posting, reconciliation_item, reconciliation_run,
    reconciliation_day, reconciliation_progress
TO pennyrail_service, pennyrail_worker;
GRANT UPDATE ON
    reconciliation_cursor, reconciliation_day, reconciliation_progress, notice_cursor
TO pennyrail_service, pennyrail_worker;

-- Seals, which the closing of a month makes as well, and figures: sums that the book can tell again.
GRANT INSERT ON seal, seal_leaf
TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT INSERT ON figure_day, figure_outstanding, figure_funnel
TO pennyrail_service, pennyrail_worker;
GRANT UPDATE ON figure_day, figure_outstanding, figure_funnel, figure_cursor
TO pennyrail_service, pennyrail_worker;

-- What is told to others. Endpoints and their secrets are made by the owner alone: whoever is only the service
-- cannot have the house's news sent elsewhere.
GRANT INSERT ON webhook_event, webhook_attempt TO pennyrail_service, pennyrail_worker;
-- Operators have an event told again.
GRANT INSERT ON webhook_delivery TO pennyrail_service, pennyrail_api, pennyrail_worker;
GRANT UPDATE ON webhook_cursor, webhook_turn TO pennyrail_service, pennyrail_worker;
GRANT UPDATE (state, failing_since, quiet_until, disabled_at, disabled_reason) ON webhook_endpoint
TO pennyrail_service, pennyrail_worker;

-- Exports: what was asked for stays, how far it is changes.
GRANT INSERT ON export TO pennyrail_service, pennyrail_api;
GRANT UPDATE (state, about_rows, rows, tries, lease_until, begun_at, ended_at, failure, file, bytes, sha256)
ON export TO pennyrail_service, pennyrail_api, pennyrail_worker;
