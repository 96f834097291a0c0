"""Steps that the flows share."""

from typing import Any

from sandbox.agent import Agent

X402 = ("stripe_x402.exact.usdc", "/v1/credit-purchases/stripe-x402-deposits")
CHECKOUT = ("stripe_checkout", "/v1/credit-purchases/stripe-checkout-sessions")


def buy(agent: Agent, rail: tuple[str, str], *, pack_id: str = "starter-500") -> dict[str, Any]:
    """An open attempt of this agent to buy a pack."""
    method, endpoint = rail
    quoted = agent.quote(pack_id=pack_id, method=method, key="quote-1")
    return agent.buy(quoted["quote_id"], endpoint=endpoint, key="buy-1")


def deposit_address(attempt: dict[str, Any]) -> str:
    """Where a wallet pays this attempt."""
    address: str = attempt["stripe_x402"]["payable_instructions"]["deposit_address"]
    return address


def succeeded(seen: dict[str, Any]) -> bool:
    """Whether a status says that the credits are granted."""
    return bool(seen["state"] == "succeeded")


def witness(seen: dict[str, Any], source: str) -> set[str]:
    """Every state this witness reports."""
    return {row["state"] for row in seen["payment_attempt"]["witnesses"] if row["source"] == source}
