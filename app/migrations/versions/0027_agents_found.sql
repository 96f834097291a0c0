-- A page of a list costs the same however long the list is. Text that is looked for by its beginning is kept in
-- the order of its bytes: other orders have no beginnings.

CREATE INDEX agent_in_time ON agent (created_at, agent_id);
CREATE INDEX agent_by_name ON agent (lower(agent_name) COLLATE "C", agent_id);
CREATE INDEX agent_by_contact ON agent (contact COLLATE "C", agent_id) WHERE contact IS NOT NULL;
CREATE INDEX agent_token_of_agent ON agent_token (agent_id, created_at);

-- Nothing that happens all day touches these: a freeze is rare, and a lot keeps its owner and its number.
CREATE INDEX balance_frozen ON balance (account_id) WHERE frozen;
CREATE INDEX lot_of_agent ON lot (account_id, id);
