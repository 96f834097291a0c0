"""An agent that knows a base URL and JSON. It reads everything else from the service's own answers."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = Any
Pay = Callable[[str, int], object]
"""Sends so many atomic units of the token to this address, once."""


@dataclass
class Stranger:
    """What it has learned, and every request it has made for it."""

    base_url: str
    requests: list[str] = field(default_factory=list)
    polls: list[Json] = field(default_factory=list)
    waited_seconds: float = 0
    _token: str = ""
    _described: Json = None

    def buy_credits(self, *, pay: Pay) -> int:
        """Buy the first pack that it can pay alone. Returns how many bought credits it has then."""
        paths = self._discover()
        self._sign_up(_path(paths, "signup"))
        listing = self._data("GET", _path(paths, "payment-methods"))
        method = next(row for row in listing["methods"] if _pays_alone(row))
        quote = self._data("POST", listing["quote_endpoint"], body=_terms(method))
        recommended = quote["next_actions"]["recommended_buy"]
        body = {
            "quote_id": quote["quote_id"],
            "idempotency_key": recommended["purchase_idempotency_key"],
        }
        attempt = self._data("POST", method["purchase_endpoint"], body=body)
        told = _first(attempt, "payable_instructions")
        assert told["exact_amount_required"]
        pay(told["deposit_address"], int(told["token_amount_atomic"]))
        self._wait(listing["status_endpoint"], attempt)
        limits = self._data("GET", _path(paths, "quota"))["limits"]
        return int(limits["payment_backed_remaining_credits"])

    def _discover(self) -> Sequence[str]:
        root = self._ask("GET", "/")
        self._described = self._ask("GET", "/openapi.json").json()
        found = list(_paths(self._described["paths"]))
        if root.status_code == 200:
            found = [*_paths(root.json()["data"]["endpoints"]), *found]
        return found

    def _sign_up(self, path: str) -> None:
        signed_up = self._data("POST", path, body=self._smallest_body(path))
        self._token = signed_up["token"]

    def _smallest_body(self, path: str) -> Json:
        """What the description says that must be sent, and the wish to see what is returned."""
        body = self._described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        shape = self._resolved(body["schema"])
        fields = {name: self._resolved(rule) for name, rule in shape["properties"].items()}
        wishes = {name: True for name, rule in fields.items() if rule.get("type") == "boolean"}
        return {**wishes, **{name: "stranger" for name in shape["required"] if name not in wishes}}

    def _resolved(self, schema: Json) -> Json:
        found = schema
        while "$ref" in found:
            for step in ("", *found["$ref"].lstrip("#/").split("/")):
                found = self._described if not step else found[step]
        return found

    def _wait(self, path: str, attempt: Json) -> None:
        """Ask as often as the service says, until it says that there is nothing left to wait for."""
        reference = {"payment_attempt_id": attempt["payment_attempt_id"]}
        while True:
            seen = self._data("GET", path, query=reference, poll=True)
            step = seen["next"]
            if seen.get("terminal", "retry_after_seconds" not in step):
                return
            self.waited_seconds += step["retry_after_seconds"]
            time.sleep(step["retry_after_seconds"])

    def _data(
        self, method: str, path: str, *, body: Json = None, query: Json = None, poll: bool = False
    ) -> Json:
        answer = self._ask(method, path, body=body, query=query, poll=poll)
        envelope = answer.json()
        assert envelope["ok"], envelope["error"]
        if poll:
            self.polls.append(envelope["data"])
        return envelope["data"]

    def _ask(
        self, method: str, path: str, *, body: Json = None, query: Json = None, poll: bool = False
    ) -> httpx.Response:
        if not poll:
            self.requests.append(f"{method} {path}")
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.base_url}{path}"
        return httpx.request(
            method, url, json=body, params=query, headers=headers, timeout=30, trust_env=False
        )


def _pays_alone(row: Json) -> bool:
    return bool(row["available"] and row["agent_settleable"] and not row["requires_browser"])


def _terms(method: Json) -> Json:
    return {"pack_id": method["default_pack_id"], "payment_method": method["method_id"]}


def _path(paths: Sequence[str], word: str) -> str:
    return next(path for path in paths if word in path)


def _paths(document: Json) -> Iterator[str]:
    """Every path in a document, as a name or as a value, with or without the address before it."""
    if isinstance(document, str):
        for word in document.split():
            path = re.sub(r"^https?://[^/]+", "", word)
            if path.startswith("/"):
                yield path
    elif isinstance(document, dict):
        for name, value in document.items():
            yield from _paths(name)
            yield from _paths(value)
    elif isinstance(document, list):
        for value in document:
            yield from _paths(value)


def _first(document: Json, name: str) -> Json:
    """The first value of this name at any depth."""
    if isinstance(document, dict):
        if name in document:
            return document[name]
        return next((found for value in document.values() if (found := _first(value, name))), None)
    return None
