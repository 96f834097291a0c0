"""Agents that buy credits on both rails, and their payers outside."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from sandbox.devnet import Devnet
from sandbox.errors import SandboxError
from sandbox.stripe_twin.control import Control
from tests.faults.asking import Asker, Refused, Unanswered
from tests.faults.spending import Account
from tests.flows.buying import CHECKOUT, X402

Data = dict[str, Any]
PACKS: Final = {"starter-500": 500, "builder-2000": 2000}
OPENING_TRIES: Final = 20
POLL_SECONDS: Final = 0.5
PAID: Final = 0.85


@dataclass
class Purchase:
    """A payment that was opened."""

    account: Account
    payment_attempt_id: str
    told: Data
    paid: bool = False
    """Whether its payer knows that money went out."""
    state: str = ""
    sent: str | None = None
    """The transaction that pays it, on the chain."""


@dataclass
class Buyer:
    """One client that buys, pays and asks how purchases stand."""

    asker: Asker
    http: httpx.Client
    twin: Control
    devnet: Devnet
    purchases: list[Purchase] = field(default_factory=list)

    def buy(self, account: Account) -> Purchase | None:
        """Quote, open a payment, and mostly pay it."""
        method, endpoint = self.asker.chance.choice((X402, CHECKOUT))
        pack_id = self.asker.chance.choice(tuple(PACKS))
        quoted = self._post(
            "quote",
            account,
            "/v1/credit-quotes",
            {"pack_id": pack_id, "payment_method": method},
            credits=PACKS[pack_id],
        )
        if quoted is None:
            return None
        purchase = self._open(account, quoted["quote_id"], endpoint, credits=PACKS[pack_id])
        if purchase is not None:
            self.purchases.append(purchase)
            if self.asker.chance.random() < PAID:
                self.pay(purchase)
        return purchase

    def pay(self, purchase: Purchase) -> None:
        """Pay as the payer was told, once: a payer who hears nothing does not pay again."""
        told = purchase.told
        args = {"payment_attempt_id": purchase.payment_attempt_id}
        with suppress(Refused, Unanswered):
            if "checkout_session_id" in told:
                session = told["checkout_session_id"]
                self.asker.once(
                    "pay", purchase.account.agent_id, lambda: self._press(session), lambda _: {}, **args
                )
            else:
                self.asker.once(
                    "pay", purchase.account.agent_id, lambda: self._transfer(purchase), lambda _: {}, **args
                )
            purchase.paid = True

    def look(self, purchase: Purchase) -> None:
        """Ask how a purchase stands."""
        name = purchase.payment_attempt_id

        def send() -> Data:
            query = {"payment_attempt_id": name}
            return self._heard("GET", "/v1/credit-purchases/status", purchase.account, params=query)

        def tell(found: Data) -> Data:
            return {"state": found["state"], "may_pay": found["next"]["may_pay"]}

        with suppress(Refused, Unanswered):
            found = self.asker.once("status", purchase.account.agent_id, send, tell, payment_attempt_id=name)
            purchase.state = found["state"]

    def wait(self) -> None:
        """Look at what was paid until all of it has succeeded, or the load must end."""
        while waiting := [each for each in self.purchases if each.paid and each.state != "succeeded"]:
            for purchase in waiting:
                if self.asker.ending.over:
                    return
                self.look(purchase)
                self._send_again_if_gone(purchase)
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.twin.close()
        self.devnet.close()

    def _open(self, account: Account, quote_id: str, endpoint: str, *, credits: int) -> Purchase | None:
        # The same key: a payment provider that does not answer leaves the payment open without instructions.
        key = self.asker.key()
        for _ in range(OPENING_TRIES):
            attempt = self._post("buy", account, endpoint, {"quote_id": quote_id}, key=key, credits=credits)
            if attempt is None:
                return None
            if told := _told(attempt):
                return Purchase(account, attempt["payment_attempt_id"], told)
            time.sleep(POLL_SECONDS)
        return None

    def _post(
        self, op: str, account: Account, path: str, body: Data, *, key: str | None = None, **args: object
    ) -> Data | None:
        key = key or self.asker.key()
        sent = {**body, "idempotency_key": key}
        return self.asker.keyed(
            op,
            account.agent_id,
            lambda: self._heard("POST", path, account, json=sent),
            lambda found: {name: found[name] for name in ("quote_id", "payment_attempt_id") if name in found},
            key=key,
            **args,
        )

    def _heard(self, method: str, path: str, account: Account, **sent: Any) -> Data:
        return heard(self.http, method, path, headers={"authorization": f"Bearer {account.token}"}, **sent)

    def _press(self, session: str) -> None:
        try:
            self.twin.pay(session)
        except (httpx.HTTPError, SandboxError) as error:
            raise Unanswered(type(error).__name__) from error

    def _transfer(self, purchase: Purchase) -> None:
        units, to = int(purchase.told["token_amount_atomic"]), purchase.told["deposit_address"]
        payer = f"0x{0xA9E17_0000 + self.asker.number:040x}"
        try:
            self.devnet.mint(payer, units)
            purchase.sent = self.devnet.transfer(payer, to, units)
        except (httpx.HTTPError, SandboxError, ValueError) as error:
            raise Unanswered(type(error).__name__) from error

    def _send_again_if_gone(self, purchase: Purchase) -> None:
        """A transfer whose block was replaced is nowhere any more; a network would take it up again."""
        with suppress(httpx.HTTPError, SandboxError, ValueError, Unanswered):
            sent = purchase.sent
            if sent is not None and self.devnet.call("eth_getTransactionByHash", sent) is None:
                self._transfer(purchase)


def heard(http: httpx.Client, method: str, path: str, **sent: Any) -> Data:
    """The data of a reply of the agents' doors.

    raises: Refused, Unanswered
    """
    try:
        reply = http.request(method, path, **sent)
        envelope = reply.json()
        if envelope["ok"]:
            data: Data = envelope["data"]
            return data
        error: Data = envelope["error"]
    except (httpx.TransportError, ValueError, KeyError, TypeError) as broken:
        raise Unanswered(type(broken).__name__) from broken
    if reply.status_code >= 500 or error["retryable"]:
        raise Unanswered(f"{reply.status_code} {error['code']}")
    raise Refused(error["code"])


def _told(attempt: Data) -> Data | None:
    """What the payer is told, None if the payment provider has not answered yet."""
    if "checkout_session_id" in attempt:
        return {"checkout_session_id": attempt["checkout_session_id"]}
    told: Data | None = (attempt.get("stripe_x402") or {}).get("payable_instructions")
    return told
