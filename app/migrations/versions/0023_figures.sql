-- The switch of each rail, and the figures of every day.

-- Every turn of a rail's switch; the last one counts, and a rail without any is on. Two people who turn it
-- the same way at the same moment meet at the key.
CREATE TABLE rail_switch (
    rail_id   text        NOT NULL,
    number    integer     NOT NULL, -- of the rail's turns: the odd ones are off
    is_on     boolean     NOT NULL,
    reason    text        NOT NULL,
    turned_by text        NOT NULL,
    turned_at timestamptz NOT NULL,
    CONSTRAINT rail_switch_one_turn_at_a_time PRIMARY KEY (rail_id, number),
    CONSTRAINT rail_switch_goes_to_and_fro CHECK (number > 0 AND is_on = (number % 2 = 0)),
    CONSTRAINT rail_switch_says_who_and_why CHECK (btrim(reason) <> '' AND btrim(turned_by) <> '')
);
CREATE TRIGGER rail_switch_never_changes BEFORE UPDATE OR DELETE ON rail_switch
FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE rail_switch ENABLE ALWAYS TRIGGER rail_switch_never_changes;

-- What the sealed book did on a day of UTC, by where the credits had come from. These are sums: whoever doubts
-- them counts again from the book.
CREATE TABLE figure_day (
    day            date   NOT NULL,
    source         text   NOT NULL, -- clearing:<rail>, promotional, nothing paid; house: not of any lot
    what           text   NOT NULL, -- a movement of the roll-forward
    transactions   bigint NOT NULL,
    credits        bigint NOT NULL, -- outstanding, more or less
    cents          bigint NOT NULL, -- owed for them, more or less
    revenue_cents  bigint NOT NULL,
    breakage_cents bigint NOT NULL,
    CONSTRAINT figure_day_pkey PRIMARY KEY (day, source, what)
);

-- What is outstanding of each source, as far as it was counted.
CREATE TABLE figure_outstanding (
    source  text   PRIMARY KEY,
    credits bigint NOT NULL,
    cents   bigint NOT NULL
);

-- How far purchases came on a day of UTC. What is settled was counted once and is only added to; what is open
-- is counted anew at every pass, because somebody may still be writing it.
CREATE TABLE figure_funnel (
    day        date     NOT NULL,
    rail_id    text     NOT NULL,
    part       text     NOT NULL,
    quotes     bigint   NOT NULL,
    attempts   bigint   NOT NULL,
    paid       bigint   NOT NULL,
    granted    bigint   NOT NULL,
    waited     bigint[] NOT NULL, -- grants by the time since the attempt: the bounds are in office/funnel.py
    CONSTRAINT figure_funnel_pkey PRIMARY KEY (day, rail_id, part),
    CONSTRAINT figure_funnel_part_known CHECK (part IN ('settled', 'open'))
);

-- How far was counted: the book by its seals, purchases by time.
CREATE TABLE figure_cursor (
    only_one        boolean PRIMARY KEY DEFAULT true,
    seal            bigint  NOT NULL, -- the last one that was counted
    purchases_until timestamptz, -- settled before; NULL: nothing yet
    counted_at      timestamptz,
    CONSTRAINT figure_cursor_only_one CHECK (only_one)
);
INSERT INTO figure_cursor (seal) VALUES (0);

-- By time, for the figures and for what is looked at lately.
CREATE INDEX figure_quote_in_time ON quote (created_at) INCLUDE (rail_id);
CREATE INDEX figure_receipt_in_time ON receipt (created_at);

-- What is not over yet, so that nobody reads what is.
CREATE INDEX health_delivery_failed ON webhook_delivery (created_at) WHERE state = 'failed';
CREATE INDEX health_item_open ON reconciliation_item (opened_at) WHERE closed_at IS NULL;
