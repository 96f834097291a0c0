"""What agents and the server that runs their jobs ask for, as requests ready to send."""

import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

# In a hundred: most of what a rail is asked is whether the money has come.
MIX: Final = {
    "signups": 3.0,
    "quotes": 8.0,
    "purchases": 5.0,
    "status": 38.0,
    "holds": 17.0,
    "captures": 14.0,
    "quota": 8.0,
    "activity": 7.0,
}
GROUPS: Final = {
    "signups, quotes": ("signups", "quotes"),
    "purchases": ("purchases",),
    "status": ("status",),
    "holds, captures": ("holds", "captures"),
    "quota, activity": ("quota", "activity"),
}
HOLDS: Final = "/internal/v1/holds"
_RAILS: Final = {
    "stripe_checkout": "/v1/credit-purchases/stripe-checkout-sessions",
    "stripe_x402.exact.usdc": "/v1/credit-purchases/stripe-x402-deposits",
}
_CREDITS: Final = 50
_REMEMBERED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Wish:
    """One request, and as whom."""

    kind: str
    method: str
    path: str
    token: str = ""
    body: Mapping[str, object] | None = None
    about: tuple[str, ...] = ()
    """What the sender keeps beside the reply."""

    def request(self) -> bytes:
        """Ready to send."""
        body = json.dumps(self.body).encode() if self.body is not None else b""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        if body:
            lines.append("content-type: application/json")
        if self.token:
            lines.append(f"authorization: Bearer {self.token}")
        return "\r\n".join([*lines, "", ""]).encode() + body


class Known:
    """What was told before: quotes that nobody has bought, purchases, holds that are open."""

    def __init__(
        self, drawn: random.Random, agents: list[list[str]], service_token: str, known: dict[str, list[Any]]
    ) -> None:
        self.drawn = drawn
        self.agents = agents
        self.service_token = service_token
        self._piles: dict[str, deque[list[str]]] = {
            name: deque(known.get(name, ()), maxlen=_REMEMBERED) for name in ("quotes", "purchases", "holds")
        }

    def agent(self) -> tuple[str, str]:
        """Id and token of anybody."""
        agent_id, token = self.drawn.choice(self.agents)
        return agent_id, token

    def key(self) -> str:
        """A key that nobody has used."""
        return f"load-{self.drawn.getrandbits(96):x}"

    def take(self, pile: str) -> list[str] | None:
        """The oldest of its kind, which nobody else gets."""
        return self._piles[pile].popleft() if self._piles[pile] else None

    def look(self, pile: str) -> list[str] | None:
        """Any of its kind."""
        return self.drawn.choice(self._piles[pile]) if self._piles[pile] else None

    def learn(self, wish: Wish, told: dict[str, Any]) -> None:
        """Remember what the next ones need."""
        match wish.kind:
            case "quotes":
                self._piles["quotes"].append([*wish.about, told["quote_id"]])
            case "purchases":
                self._piles["purchases"].append([*wish.about, told["payment_attempt_id"]])
            case "holds":
                self._piles["holds"].append([*wish.about, told["hold_id"]])

    def kept(self) -> dict[str, list[Any]]:
        """All of it, for whoever comes next."""
        return {name: list(pile) for name, pile in self._piles.items()}


def wish(kind: str, known: Known) -> Wish:
    """A request of a kind; of the kind that must come before it while there is nothing to ask about."""
    agent_id, token = known.agent()
    match kind:
        case "signups":
            return Wish(kind, "POST", "/v1/agent-signups", body={"agent_name": "load", "runtime": "bench"})
        case "purchases" if (quote := known.take("quotes")) is not None:
            owner, rail, quote_id = quote
            body: dict[str, object] = {"quote_id": quote_id, "idempotency_key": known.key()}
            return Wish(kind, "POST", _RAILS[rail], owner, body, (owner,))
        case "status" if (bought := known.look("purchases")) is not None:
            query = urlencode({"payment_attempt_id": bought[1]})
            return Wish(kind, "GET", f"/v1/credit-purchases/status?{query}", bought[0])
        case "captures" if (held := known.take("holds")) is not None:
            owner, hold_id = held
            body = {"idempotency_key": known.key(), "agent_id": owner, "credits": 1}
            return Wish(kind, "POST", f"{HOLDS}/{hold_id}/capture", known.service_token, body)
        case "captures" | "holds":
            body = {
                "idempotency_key": known.key(),
                "agent_id": agent_id,
                "credits": 1,
                "job_id": "job",
                "timeout_seconds": 3600,
            }
            return Wish("holds", "POST", HOLDS, known.service_token, body, (agent_id,))
        case "quota" | "activity":
            return Wish(kind, "GET", f"/v1/{kind}", token)
        case _:
            rail = known.drawn.choice(list(_RAILS))
            terms: dict[str, object] = {"credits": _CREDITS, "payment_method": rail}
            body = {**terms, "idempotency_key": known.key()}
            return Wish("quotes", "POST", "/v1/credit-quotes", token, body, (token, rail))


def payment(told: dict[str, Any], *, rpc_port: int, payer: str, token: str) -> tuple[int, bytes]:
    """The port and the request by which a purchase is paid: on its page, or with a transfer on the devnet."""
    if "checkout_url" in told:
        page = urlsplit(told["checkout_url"])
        assert page.port is not None, "the twin's page has a port"
        body = urlencode({"fragment": page.fragment, "action": "pay"}).encode()
        return page.port, _posted(page.path, "application/x-www-form-urlencoded", body)
    how = told["stripe_x402"]["payable_instructions"]
    units = int(how["token_amount_atomic"])
    data = "0xa9059cbb" + how["deposit_address"][2:].lower().rjust(64, "0") + f"{units:064x}"
    call = {"from": payer, "to": token, "data": data, "gas": hex(200_000)}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [call]}).encode()
    return rpc_port, _posted("/", "application/json", body)


def _posted(path: str, kind: str, body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
