-- NOT VALID: no row has one yet, and nobody waits for the table to be read.
ALTER TABLE payment_attempt
    ADD COLUMN trace_id text,
    ADD CONSTRAINT payment_attempt_trace_is_an_id CHECK (trace_id ~ '^[0-9a-f]{32}$') NOT VALID;
