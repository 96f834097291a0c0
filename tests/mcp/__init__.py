"""The agents' tools over MCP, with the protocol's own client."""
