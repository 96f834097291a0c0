-- Until when somebody is asking the processor to open the payment. Whoever finds it over, or NULL, may ask:
-- the processor is asked under the attempt's id, so that asking twice opens nothing twice.
ALTER TABLE payment_attempt ADD COLUMN opening_until timestamptz;

-- What an agent bought since midnight.
CREATE INDEX payment_attempt_of_agent ON payment_attempt (agent_id, created_at);
