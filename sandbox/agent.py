"""An agent that speaks the HTTP contract: it knows the base URL and nothing else of the service."""

import time
from collections.abc import Callable
from typing import Any, Self

import httpx

from sandbox.errors import SandboxError

Data = dict[str, Any]


class Refused(SandboxError):
    """The service answered with an error; the message is its code and text."""


class Agent:
    """One agent with its own token."""

    def __init__(self, api_url: str, *, name: str) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=30, trust_env=False)
        signed_up = self._post(
            "/v1/agent-signups", {"agent_name": name, "runtime": "pennyrail-sandbox", "return_token": True}
        )
        self._present(signed_up["token"])

    @classmethod
    def known(cls, api_url: str, *, token: str) -> Self:
        """An agent that has signed up before."""
        agent = cls.__new__(cls)
        agent._http = httpx.Client(base_url=api_url, timeout=30, trust_env=False)
        agent._present(token)
        return agent

    def _present(self, token: str) -> None:
        self.token = token
        self._http.headers["authorization"] = f"Bearer {token}"

    def methods(self) -> list[Data]:
        """Every way to pay, with its capabilities."""
        listed: list[Data] = self._get("/v1/payment-methods")["methods"]
        return listed

    def quote(self, *, pack_id: str, method: str, key: str) -> Data:
        """A price for a pack on one rail."""
        return self._post(
            "/v1/credit-quotes", {"pack_id": pack_id, "payment_method": method, "idempotency_key": key}
        )

    def buy(self, quote_id: str, *, endpoint: str, key: str) -> Data:
        """The attempt to pay a quote."""
        return self._post(endpoint, {"quote_id": quote_id, "idempotency_key": key})

    def status(self, payment_attempt_id: str) -> Data:
        """What has become of an attempt."""
        return self._get("/v1/credit-purchases/status", payment_attempt_id=payment_attempt_id)

    def wait(self, payment_attempt_id: str, *, until: Callable[[Data], bool], seconds: float = 60) -> Data:
        """Poll an attempt until it is as wished.

        raises: TimeoutError with the last state seen.
        """
        give_up_at = time.monotonic() + seconds
        while True:
            seen = self.status(payment_attempt_id)
            if until(seen):
                return seen
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{payment_attempt_id} is still {seen['state']} after {seconds:.0f} s")
            time.sleep(0.25)

    def paid_credits(self) -> int:
        """The paid credits this agent can spend."""
        remaining: int = self._get("/v1/quota")["limits"]["payment_backed_remaining_credits"]
        return remaining

    def free_credits(self) -> int:
        """The credits this agent can spend and nobody has paid for."""
        remaining: int = self._get("/v1/quota")["limits"]["remaining_credits"]
        return remaining

    def grants(self) -> list[Data]:
        """Every grant of this agent's own history."""
        events: list[Data] = self._get("/v1/activity", limit="100")["events"]
        return [event for event in events if event["type"] == "credits.payment_backed_granted"]

    def signed_receipt(self, receipt_id: str) -> str:
        """A receipt as anybody can check it."""
        jws: str = self._get(f"/v1/receipts/{receipt_id}")["jws"]
        return jws

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _get(self, path: str, **query: str) -> Data:
        return self._data(self._http.get(path, params=query))

    def _post(self, path: str, body: Data) -> Data:
        return self._data(self._http.post(path, json=body))

    @staticmethod
    def _data(answer: httpx.Response) -> Data:
        envelope = answer.json()
        if not envelope["ok"]:
            raise Refused(f"{envelope['error']['code']}: {envelope['error']['message']}")
        data: Data = envelope["data"]
        return data
