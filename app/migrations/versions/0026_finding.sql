-- Everything that an operator may know of a payment leads to it, however many payments there are.

CREATE INDEX deposit_of_transaction ON deposit (tx_hash);
CREATE INDEX deposit_from ON deposit (sender, block_number DESC);
CREATE INDEX chain_outflow_of_transaction ON chain_outflow (tx_hash);
CREATE INDEX evidence_named ON evidence (external_id);

-- Which notices are about a payment, whatever of it they mention.
CREATE INDEX notice_mentions ON notice USING gin (refs);

CREATE INDEX stripe_balance_transaction_of_intent ON stripe_balance_transaction (payment_intent);
CREATE INDEX stripe_balance_transaction_of_source ON stripe_balance_transaction (source);
CREATE INDEX stripe_balance_transaction_of_transfer ON stripe_balance_transaction (transaction_hash)
WHERE transaction_hash IS NOT NULL;

-- What a job did. Holds too are found by what was told of them, which is written once: their own row is written
-- again when they close, in every index that it has.
CREATE INDEX ledger_transaction_of_job ON ledger_transaction ((details ->> 'job'))
WHERE kind IN ('hold', 'debit') AND outcome = 'done';

-- What became of the credits of one purchase, without walking over all that its agent ever did.
CREATE INDEX lot_entry_of_lot ON lot_entry (lot_id, transaction_id);

-- The newest purchases, of one state or rail if wanted, page by page.
CREATE INDEX payment_attempt_newest ON payment_attempt (created_at, payment_attempt_id);
CREATE INDEX payment_attempt_of_state ON payment_attempt (state, created_at, payment_attempt_id);
CREATE INDEX payment_attempt_of_rail ON payment_attempt (rail_id, created_at, payment_attempt_id);
CREATE INDEX payment_attempt_of_rail_and_state
ON payment_attempt (rail_id, state, created_at, payment_attempt_id);
-- In the whole order of a page, so that its rows need no sorting.
DROP INDEX payment_attempt_of_agent;
CREATE INDEX payment_attempt_of_agent ON payment_attempt (agent_id, created_at, payment_attempt_id);
