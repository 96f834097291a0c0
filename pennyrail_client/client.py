"""The door's calls, each retried under one key when nobody knows how it ended."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from pennyrail_client import errors, replies
from pennyrail_client.errors import PennyrailError, Unavailable
from pennyrail_client.holds import Hold
from pennyrail_client.replies import BatchResult, Done, Introspection, Outcome, Price, Snapshot

Json = dict[str, Any]
LONGEST_PAUSE_SECONDS: Final = 5.0


class Client:
    """A service's way to spend credits for agents.

    Every call that changes something has an idempotency key, made here if none is given. A call that times
    out or is told 502, 503 or 504 is repeated up to `retries` times with the same key, so that it is done
    once. All calls raise a PennyrailError when the door refuses; its `idempotency_key` repeats the call.
    """

    def __init__(self, base_url: str, token: str, *, timeout_seconds: float = 10.0, retries: int = 3) -> None:
        self._retries = retries
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/internal/v1/",
            headers={"authorization": f"Bearer {token}"},
            timeout=timeout_seconds,
        )

    def hold(
        self,
        *,
        agent_id: str,
        credits: int,
        job_id: str,
        timeout_seconds: int = 600,
        in_flight: bool = False,
        expect_version: int | None = None,
        minimum_left: int | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Set credits aside for a job."""
        body = {
            "agent_id": agent_id,
            "credits": credits,
            "job_id": job_id,
            "timeout_seconds": timeout_seconds,
            "in_flight": in_flight,
            "expect_version": expect_version,
            "minimum_left": minimum_left,
        }
        return Hold(self, self._operation("holds", body, idempotency_key))

    def try_hold(self, *, agent_id: str, credits: int, job_id: str, timeout_seconds: int = 600) -> Done:
        """What `hold` would answer, and which lots would burn; nothing is done."""
        body = {
            "agent_id": agent_id,
            "credits": credits,
            "job_id": job_id,
            "timeout_seconds": timeout_seconds,
        }
        return self._operation("holds?dry_run=true", body, None)

    def start(
        self,
        hold_id: str,
        *,
        agent_id: str,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Done:
        """Say that the job of a hold is on its way; `expires_at` can give it more time, never less."""
        until = expires_at.isoformat() if expires_at else None
        body = {"agent_id": agent_id, "expires_at": until}
        return self._operation(f"holds/{quote(hold_id, safe='')}/start", body, idempotency_key)

    def capture(
        self,
        hold_id: str,
        *,
        agent_id: str,
        credits: int | None = None,
        idempotency_key: str | None = None,
    ) -> Done:
        """Spend a hold, all of it or `credits`."""
        body = {"agent_id": agent_id, "credits": credits}
        return self._operation(f"holds/{quote(hold_id, safe='')}/capture", body, idempotency_key)

    def release(self, hold_id: str, *, agent_id: str, idempotency_key: str | None = None) -> Done:
        """Let a hold go."""
        return self._operation(
            f"holds/{quote(hold_id, safe='')}/release", {"agent_id": agent_id}, idempotency_key
        )

    def debit(
        self,
        *,
        agent_id: str,
        credits: int,
        job_id: str,
        expect_version: int | None = None,
        minimum_left: int | None = None,
        idempotency_key: str | None = None,
    ) -> Done:
        """Spend in one step."""
        body = {
            "agent_id": agent_id,
            "credits": credits,
            "job_id": job_id,
            "expect_version": expect_version,
            "minimum_left": minimum_left,
        }
        return self._operation("debits", body, idempotency_key)

    def try_debit(self, *, agent_id: str, credits: int, job_id: str) -> Done:
        """What `debit` would answer, and which lots would burn; nothing is done."""
        body = {"agent_id": agent_id, "credits": credits, "job_id": job_id}
        return self._operation("debits?dry_run=true", body, None)

    def unwind(
        self, *, agent_id: str, spend_key: str, credits: int | None = None, idempotency_key: str | None = None
    ) -> Done:
        """Take back the debit or capture that was made under `spend_key`, all of it or `credits`."""
        body = {"agent_id": agent_id, "spend_key": spend_key, "credits": credits}
        return self._operation("unwinds", body, idempotency_key)

    def grant(
        self,
        *,
        agent_id: str,
        credits: int,
        priority: int = 0,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Done:
        """Give promotional credits."""
        until = expires_at.isoformat() if expires_at else None
        body = {"agent_id": agent_id, "credits": credits, "priority": priority, "expires_at": until}
        return self._operation("grants", body, idempotency_key)

    def batch(
        self, operations: Sequence[Mapping[str, object]], *, dry_run: bool = False
    ) -> tuple[BatchResult, ...]:
        """Do up to 100 operations in one commit; each names its kind in `operation`, and has its own key."""
        keyed = [{"idempotency_key": uuid4().hex, **each} for each in operations]
        keys = [str(each["idempotency_key"]) for each in keyed]
        path = "batch?dry_run=true" if dry_run else "batch"
        with _under(*keys):
            response = self._send("POST", path, {"operations": keyed})
            results, replayed = _data(response)["results"], _replayed(response)
        return tuple(
            replies.batch_result(each, key=key, replayed=replayed)
            for key, each in zip(keys, results, strict=True)
        )

    def balance(self, agent_id: str) -> Snapshot:
        """Balance, holds and lots at one version."""
        return replies.snapshot(_data(self._send("GET", f"agents/{quote(agent_id, safe='')}/balance")))

    def outcome(self, idempotency_key: str) -> Outcome:
        """What came of the operation that this service told under the key."""
        return replies.outcome(_data(self._send("GET", f"outcomes/{quote(idempotency_key, safe='')}")))

    def introspect(self, token: str) -> Introspection:
        """Whose an agent's bearer token is."""
        return replies.introspection(_data(self._send("POST", "tokens/introspect", {"token": token})))

    def price_of_model(self, model: str, *, quantity: int = 1) -> Price:
        """What the rate card says."""
        return replies.price(_data(self._send("POST", "pricing", {"model": model, "quantity": quantity})))

    def price_of_cost(self, provider_cost_usd: Decimal, *, quantity: int = 1) -> Price:
        """What a provider's cost comes to with the house's margin."""
        body = {"provider_cost_usd": f"{provider_cost_usd:f}", "quantity": quantity}
        return replies.price(_data(self._send("POST", "pricing", body)))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _operation(self, path: str, body: Mapping[str, object], key: str | None) -> Done:
        given = {name: value for name, value in body.items() if value is not None}
        key = key or uuid4().hex
        with _under(key):
            response = self._send("POST", path, {**given, "idempotency_key": key})
            return replies.done(_data(response), replayed=_replayed(response))

    def _send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        tried = 0
        while True:
            try:
                response = self._http.request(method, path, json=body)
                if tried == self._retries or not _away(response):
                    return response
                pause = _pause(response, tried)
            except httpx.TransportError as error:
                if tried == self._retries:
                    raise Unavailable("NO_ANSWER", type(error).__name__, retryable=True) from error
                pause = 0.1 * 2**tried
            tried += 1
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS))


@contextmanager
def _under(*keys: str) -> Iterator[None]:
    try:
        yield
    except PennyrailError as error:
        error.idempotency_keys = keys
        raise


def _away(response: httpx.Response) -> bool:
    status = response.status_code
    return status in errors.AWAY or (status >= 500 and not _is_ours(response))


def _is_ours(response: httpx.Response) -> bool:
    try:
        return isinstance(response.json()["error"], dict)
    except (ValueError, KeyError, TypeError):
        return False


def _pause(response: httpx.Response, tried: int) -> float:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdigit() else 0.1 * 2.0**tried


def _replayed(response: httpx.Response) -> bool:
    return bool(response.headers.get("idempotent-replayed") == "true")


def _data(response: httpx.Response) -> Json:
    try:
        # Sums of money are never floats, not even on the way in.
        reply = json.loads(response.text, parse_float=Decimal)
        if reply["ok"]:
            data: Json = reply["data"]
            return data
        error = {**reply["error"]}
    except (ValueError, KeyError, TypeError):
        status = response.status_code
        raise Unavailable(
            "NO_ANSWER", "the reply is not one of Pennyrail's", status=status, retryable=status >= 500
        ) from None
    raise errors.from_reply(response.status_code, error)
