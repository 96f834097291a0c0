"""Every command that a reply suggests, and the label it carries: built here and nowhere else."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LABELS: Final[Mapping[str, str]] = {
    "/healthz": "doctor",
    "/v1/agent-signups": "signup",
    "/v1/agent-claims": "claim request",
    "/v1/whoami": "whoami",
    "/v1/quota": "usage quota",
    "/v1/models": "models list",
    "/v1/payment-methods": "credits methods",
    "/v1/credit-packs": "credits packs list",
    "/v1/credit-quotes": "credits quote",
    "/v1/credit-purchases/status": "credits status",
    "/v1/receipts/{receipt_id}": "credits receipt",
    "/v1/activity": "activity list",
    "/v1/activity/{reference}": "activity show",
}

FLAGS: Final[Mapping[str, str]] = {
    "agent_contact": "--agent-contact",
    "human_email": "--human-email",
    "contact": "--contact",
    "agent_name": "--agent-name",
    "runtime": "--runtime",
    "discovery_source": "--discovery-source",
    "credits": "--credits",
    "pack_id": "--pack",
    "payment_method": "--payment-method",
    "quote_id": "--quote-id",
    "idempotency_key": "--idempotency-key",
    "payment_attempt_id": "--payment-attempt-id",
    "checkout_session_id": "--checkout-session-id",
    "receipt_id": "--receipt-id",
    "limit": "--limit",
    "subject": "--subject",
}


def label(path_template: str | None) -> str:
    """The words of the client's command that calls a path, `api` if none does."""
    if path_template is None:
        return "api"
    if path_template in LABELS:
        return LABELS[path_template]
    return "credits buy" if path_template.startswith("/v1/credit-purchases/") else "api"


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of a client that is called `client`. Capital words are for the agent to fill in."""

    client: str

    def signup(self) -> str:
        """Become an agent. With a contact, whoever knows it and the name would get the agent's token."""
        return self._line("signup --agent --agent-name my-agent --runtime my-runtime")

    def claim(self) -> str:
        """Name the inbox of whoever may take responsibility."""
        return self._line("claim request --contact CONTACT")

    def quota(self) -> str:
        """Read the balance."""
        return self._line("usage quota")

    def methods(self) -> str:
        """Read the payment methods."""
        return self._line("credits methods")

    def packs(self) -> str:
        """Read the packs."""
        return self._line("credits packs list")

    def activity(self) -> str:
        """Read one's own history."""
        return self._line("activity list --limit 20")

    def quote(
        self, *, rail_id: str, pack_id: str | None = None, credits: int | None = None, key: str | None = None
    ) -> str:
        """Ask for a price. Without a key the client makes one."""
        what = f"--pack {shlex.quote(pack_id)}" if pack_id is not None else f"--credits {credits}"
        line = f"credits quote {what} --payment-method {shlex.quote(rail_id)}"
        return self._line(line if key is None else f"{line} --idempotency-key {shlex.quote(key)}")

    def buy(self, *, provider: str, quote_id: str = "QUOTE_ID", key: str = "KEY") -> str:
        """Open the payment of a quote."""
        return self._line(
            f"credits buy --provider {shlex.quote(provider)} --quote-id {shlex.quote(quote_id)}"
            f" --idempotency-key {shlex.quote(key)}"
        )

    def status_of_quote(self, quote_id: str = "QUOTE_ID") -> str:
        """Read a purchase by its quote."""
        return self._line(f"credits status --quote-id {shlex.quote(quote_id)}")

    def status_of_attempt(self, payment_attempt_id: str = "PAYMENT_ATTEMPT_ID") -> str:
        """Read a purchase by its attempt."""
        return self._line(f"credits status --payment-attempt-id {payment_attempt_id}")

    def _line(self, words: str) -> str:
        return f"{self.client} {words} --json"


def purchase_key(quote_id: str) -> str:
    """The recommended key to buy a quote with: the same at every try, so a retry never pays twice."""
    return f"purchase:{quote_id}"
