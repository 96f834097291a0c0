"""Holds replies against the document that the same house serves."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import jsonschema_rs

_kept: "WeakKeyDictionary[httpx.Client, Promised]" = WeakKeyDictionary()


@dataclass
class Promised:
    """A document, ready to hold replies against."""

    document: dict[str, Any]
    text: str

    def check(self, response: httpx.Response) -> None:
        """Fail unless this reply, its status, its headers and every field of it are promised."""
        operation = self._operation(response)
        if operation is None:
            _validator(self.text, "#/components/schemas/Refusal").validate(response.json())
            return
        path, method = operation
        place = f"#/paths/{_pointer(path)}/{method}/responses/{response.status_code}"
        replies = self.document["paths"][path][method]["responses"]
        assert str(response.status_code) in replies, f"{method} {path} never said {response.status_code}"
        reply = replies[str(response.status_code)]
        if "$ref" in reply:
            place = reply["$ref"]
            reply = self.document["components"]["responses"][place.rpartition("/")[2]]
        self._check_headers(reply, response)
        if "content" not in reply:
            assert response.content == b""
            return
        kind = response.headers["content-type"].partition(";")[0]
        _validator(self.text, f"{place}/content/{_pointer(kind)}/schema").validate(response.json())

    def _check_headers(self, reply: dict[str, Any], response: httpx.Response) -> None:
        known = self.document["components"]["headers"]
        promised = {name: known[each["$ref"].rpartition("/")[2]] for name, each in reply["headers"].items()}
        missing = [
            name for name, each in promised.items() if each.get("required") and name not in response.headers
        ]
        assert missing == [], f"promised headers are missing: {missing}"
        told = {name.lower() for name in promised}
        for name in ("retry-after", "www-authenticate", "etag", "idempotent-replayed"):
            assert name not in response.headers or name in told, f"{name} was never promised"

    def _operation(self, response: httpx.Response) -> tuple[str, str] | None:
        sent = response.request
        # A fixed path stands before one with a reference in it.
        for path in sorted(self.document["paths"], key=lambda each: "{" in each):
            method = sent.method.lower()
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), sent.url.path):
                return (path, method) if method in self.document["paths"][path] else None
        return None


def hold(http: httpx.Client, response: httpx.Response) -> None:
    """Hold a reply against the document. Pages for people and streams are read by who asked for them."""
    kind = response.headers.get("content-type", "application/json").partition(";")[0]
    # At /mcp another protocol is spoken.
    if response.url.path in ("/openapi.json", "/mcp") or response.request.method == "HEAD":
        return
    if kind == "application/json" and response.status_code != 302:
        response.read()
        promised_by(http).check(response)


def promised_by(http: httpx.Client) -> Promised:
    """What the house behind this client promises, read once for each client."""
    if http not in _kept:
        text = http.get("/openapi.json").text
        _kept[http] = Promised(_parsed(text), text)
    return _kept[http]


@lru_cache(maxsize=16)
def _parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = httpx.Response(200, text=text).json()
    return document


@lru_cache(maxsize=512)
def _validator(text: str, place: str) -> jsonschema_rs.Draft202012Validator:
    """Compiled once for each place of each document: a reply then costs microseconds."""
    return jsonschema_rs.Draft202012Validator({"$ref": place, **_parsed(text)})


def _pointer(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
