"""A pretend processor on loopback, so that the rail can be tried without anybody outside.

Replace it with the processor's own test mode when there is one. It keeps payments in memory, takes an API
key, and shows a page that asks for a code which only a person's phone gets.
"""

import json
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

API_KEY: Final = "key_of_the_pretend_processor"
_PATH: Final = re.compile(r"/(payments|pay)(?:/(\w+))?(?:/(\w+))?")
Reply = tuple[int, dict[str, Any] | str]


@dataclass
class Payment:
    """A payment as the processor knows it."""

    id: str
    attempt: str
    cents: int
    page: str
    state: str = "open"
    received_cents: int = 0


@dataclass
class Processor:
    """The processor's memory, and the switches that break it."""

    url: str = ""
    silent: bool = False
    losing_answers: bool = False
    refusing: bool = False
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    phone: dict[str, str] = field(default_factory=dict)
    """The code that a person's phone got, for each payment."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, attempt: str, cents: int) -> Reply:
        """The payment of an attempt, the same at every call."""
        if self.refusing:
            return 422, {"error": "no new payments"}
        known = next((each for each in self.payments.values() if each.attempt == attempt), None)
        if known is None:
            name = f"btp_{secrets.token_hex(12)}"
            page = f"{self.url}/pay/{name}?lang=en&from=a%2Fb#confirm|'{name}'"
            known = self.payments.setdefault(name, Payment(name, attempt, cents, page))
            self.phone[name] = secrets.token_hex(3)
        return 200, asdict(known)

    def receive(self, name: str, cents: int, *, state: str = "settled") -> None:
        """Let money arrive on a payment."""
        payment = self.payments[name]
        payment.received_cents += cents
        payment.state = state

    def cancel(self, name: str) -> Reply:
        """Close a payment that nobody has paid."""
        payment = self.payments[name]
        if payment.state in ("arrived", "settled"):
            return 409, {"error": "it is paid"}
        payment.state = "canceled"
        return 200, asdict(payment)

    def refund(self, name: str, cents: int, refund_id: str | None) -> Reply:
        """Give money back, once for each `refund_id`; without one it was asked for at the console."""
        made = self.refunds.setdefault(name, [])
        known = next((each for each in made if refund_id and each["refund_id"] == refund_id), None)
        if known is None:
            if sum(each["cents"] for each in made) + cents > self.payments[name].received_cents:
                return 422, {"error": "more than was received"}
            known = {"id": f"btr_{secrets.token_hex(12)}", "cents": cents, "refund_id": refund_id}
            made.append(known)
        return 200, known

    def confirm(self, name: str, code: str) -> Reply:
        """Pay a payment on its page, with the code from the person's phone."""
        payment = self.payments[name]
        if payment.state != "open" or not secrets.compare_digest(code, self.phone[name]):
            return 403, "<p>The code is wrong, or there is nothing to pay.</p>"
        self.receive(name, payment.cents)
        return 200, "<p>Thank you.</p>"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        """The reply to a request of the API or of the page."""
        found = _PATH.fullmatch(path)
        kind, name, verb = found.groups() if found else (None, None, None)
        if kind == "payments" and name is None and method == "POST":
            return self.create(body["attempt"], body["cents"])
        if name not in self.payments:
            return 404, {"error": "no such payment"}
        match kind, verb, method:
            case "payments", None, "GET":
                return 200, asdict(self.payments[name])
            case "payments", "cancel", "POST":
                return self.cancel(name)
            case "payments", "refunds", "GET":
                return 200, {"refunds": self.refunds.get(name, [])}
            case "payments", "refunds", "POST":
                return self.refund(name, body["cents"], body["refund_id"])
            case "pay", None, "GET":
                return 200, "<form method=post><input name=code placeholder='code from your phone'></form>"
            case "pay", None, "POST":
                return self.confirm(name, body.get("code", ""))
            case _:
                return 405, {"error": "not here"}


class _Door(BaseHTTPRequestHandler):
    processor: Processor

    def do_GET(self) -> None:
        self._reply(self._asked())

    def do_POST(self) -> None:
        self._reply(self._asked())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """A sandbox keeps no log."""

    def _asked(self) -> Reply | None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if self.processor.silent:
            return None
        of_api = path.startswith("/payments")
        if of_api and self.headers.get("authorization") != f"Bearer {API_KEY}":
            return 401, {"error": "no such key"}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()} if not of_api else {}
        with self.processor.lock:
            reply = self.processor.answer(
                self.command, path, form if not of_api else json.loads(body or b"{}")
            )
        return None if self.processor.losing_answers and of_api else reply

    def _reply(self, reply: Reply | None) -> None:
        if reply is None:
            # The connection ends without a word, as when a network breaks.
            self.close_connection = True
            return
        status, said = reply
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(said, str) else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[Processor]:
    """A processor on a free port of loopback, for as long as the block."""
    processor = Processor()
    door = type("Door", (_Door,), {"processor": processor})
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        processor.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield processor
        finally:
            server.shutdown()
            thread.join()
