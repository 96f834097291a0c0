"""The agents' tools over MCP: one thin layer that asks the HTTP doors, and decides nothing."""
