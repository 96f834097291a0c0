"""One HTTP call to a Pennyrail service, and what its answer means as an outcome."""

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from app.client_cli import outcomes, unanswered
from app.client_cli.outcomes import Fields, Outcome

if TYPE_CHECKING:
    import httpx

EXIT_CODE_HEADER: Final = "x-image-skill-exit-code"
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60
_PORTS: Final = {"http": 80, "https": 443}


class NotAnAddress(ValueError):
    """This is not the address of an API; the message says what one is."""


class Unreachable(Exception):
    """No whole answer came back. `sent` is whether the request may have arrived."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


def origin(address: str) -> str:
    """Scheme, host and port of an address, spelled in one way. Paths are absolute, so a path is dropped.

    raises: NotAnAddress
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise NotAnAddress("must be an address like http://127.0.0.1:8402") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotAnAddress("must be an address like http://127.0.0.1:8402")
    if parts.username is not None or parts.password is not None:
        raise NotAnAddress("must not hold a user or a password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"


def opened(base_url: str, *, read_seconds: float = READ_SECONDS) -> "httpx.Client":
    """A client for one service. It follows no redirect: a token goes to the address it was given for."""
    import httpx

    parts = urlsplit(base_url)
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        headers={"accept": "application/json", "user-agent": "pennyrail-cli"},
        follow_redirects=False,
        # No proxy stands between this machine and itself.
        trust_env=not _loopback(parts),
        # Reading the certificates takes longer than everything else here.
        verify=parts.scheme == "https",
    )


def send(
    client: "httpx.Client",
    method: str,
    path: str,
    *,
    token: str | None = None,
    query: Mapping[str, str] | None = None,
    body: Fields | None = None,
    headers: Mapping[str, str] | None = None,
) -> "httpx.Response":
    """The answer to one request.

    raises: Unreachable
    """
    import httpx

    shown = {"authorization": f"Bearer {token}"} if token else {}
    try:
        return client.request(
            method,
            path,
            params=query or None,
            json=None if body is None else dict(body),
            headers={**shown, **(headers or {})},
        )
    except httpx.ConnectTimeout:
        raise Unreachable(f"no connection within {CONNECT_SECONDS} seconds", sent=False) from None
    except httpx.ConnectError as error:
        raise Unreachable(str(error).strip() or "no connection", sent=False) from None
    except httpx.TimeoutException:
        raise Unreachable("no answer in time", sent=True) from None
    except httpx.RequestError:
        raise Unreachable("the connection broke before the answer was complete", sent=True) from None


def meaning(label: str, response: "httpx.Response") -> Outcome:
    """The envelope of an answer and its exit code, or a failure for an answer that is no envelope."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    if not unanswered.is_envelope(found):
        return _no_envelope(label, response)
    return Outcome(found, exit_code(response, ok=found["ok"] is True))


def exit_code(response: "httpx.Response", *, ok: bool) -> int:
    """What the process ends with: as the header says, else by the status."""
    told = response.headers.get(EXIT_CODE_HEADER, "")
    # A failure that says 0 would be taken for a success.
    if told.isascii() and told.isdigit() and int(told) < 256 and (ok or int(told) > 0):
        return int(told)
    return 0 if ok else _by_status(response.status_code)


def unreachable(label: str, base_url: str, error: Unreachable, *, same_again: str | None = None) -> Outcome:
    """The failure for an answer that never came. `same_again` is the command that is safe to repeat."""
    doctor = f"{outcomes.PROGRAM} doctor --json"
    safe = " Repeat the same command with the same key: it is carried out once" if same_again else ""
    told = unanswered.NOT_REACHED
    return outcomes.failure(
        label,
        told.code,
        f"{base_url} did not answer: {error}.{safe}",
        exit_code=outcomes.PROVIDER,
        retryable=told.retryable,
        recovery={
            **told.recovery,
            "suggested_command": same_again or doctor,
            "suggested_commands": [same_again, doctor] if same_again else [doctor],
            "request_may_have_arrived": error.sent,
        },
    )


def retry_after_seconds(response: "httpx.Response") -> float | None:
    """How long the server asks to wait, None if it does not say."""
    told = response.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() else None


def _no_envelope(label: str, response: "httpx.Response") -> Outcome:
    status = response.status_code
    redirected = 300 <= status < 400
    final = "; redirects are not followed, so give the final address" if redirected else ""
    told = unanswered.no_envelope(status)
    return outcomes.failure(
        label,
        told.code,
        f"HTTP {status} came back without an envelope: is this the address of a Pennyrail service?{final}",
        exit_code=_by_status(status),
        retryable=told.retryable,
        recovery={**told.recovery, "suggested_command": f"{outcomes.PROGRAM} doctor --json"},
    )


def _by_status(status: int) -> int:
    if status in (401, 403):
        return 3
    if status in (402, 429):
        return 5
    return 7 if status >= 500 else 1


def _loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
