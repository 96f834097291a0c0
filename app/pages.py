"""The few small pages that a person sees on the way to and from Stripe. They show nothing of the request."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #14213d; --soft: #55617a; --line: #dfe4ec; --paper: #fff;
  --ground: #f4f6fa; --accent: #1f5f4a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf4; --soft: #a9b5ca; --line: #33405c; --paper: #1a2540; --ground: #101828;
    --accent: #2f8a6b; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 20px;
  background: var(--ground); color: var(--ink); font: 17px/1.55 system-ui, -apple-system, sans-serif; }
main { width: 100%; max-width: 440px; padding: 28px 24px; background: var(--paper);
  border: 1px solid var(--line); border-radius: 16px; overflow-wrap: anywhere; }
.house { margin: 0 0 20px; color: var(--accent); font-weight: 700; letter-spacing: .02em; }
h1 { margin: 0 0 8px; font-size: 24px; line-height: 1.25; }
p { margin: 0; }
dl { margin: 24px 0 0; padding-top: 16px; border-top: 1px solid var(--line); display: grid;
  grid-template-columns: auto 1fr; gap: 6px 20px; }
dt { color: var(--soft); }
dd { margin: 0; text-align: right; min-width: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.back { display: block; margin-top: 24px; padding: 13px 16px; border-radius: 10px; text-align: center;
  background: var(--accent); color: #fff; font-weight: 600; text-decoration: none; }
.back:focus-visible { outline: 3px solid #7aa7ff; outline-offset: 2px; }
"""

_HOUSE: Final = "Pennyrail"
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$name</title>
<style>$style</style>
</head>
<body><main><p class="house">Pennyrail</p><h1>$title</h1><p>$text</p>$details$back</main></body>
</html>
""")

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# Somebody may look over a shoulder or embed the page; there is nothing to load and nobody to tell.
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """What a page tells of a payment: how much is asked for, and where it is paid. Never what was charged."""

    amount: str
    rail: str
    live_money: bool


def received(payment: Payment) -> HTMLResponse:
    """For a payment that is verified."""
    return _page(
        200,
        "Payment received",
        "Your payment has arrived and your agent has its credits. Do not pay again. You can close this page.",
        payment,
    )


def checking(payment: Payment) -> HTMLResponse:
    """For money that was seen and is not settled, or that waits for a person's decision."""
    return _page(
        200,
        "Your payment is being checked",
        "Something has arrived and is recorded. Do not pay again: your agent sees how it ends.",
        payment,
    )


def done(payment: Payment) -> HTMLResponse:
    """For somebody who comes back from paying. Whether it was paid is for Stripe to say, not for a link."""
    return _page(
        200,
        "Thank you",
        "As soon as the payment is verified your agent has its credits, usually within a minute."
        " Do not pay again meanwhile. You can close this page.",
        payment,
    )


def canceled(payment: Payment, *, back: str) -> HTMLResponse:
    """For somebody who turned back. `back` leads to the payment page again.

    Nothing is said of what was charged: a payment may be made while this page is written.
    """
    return _page(
        200,
        "No payment has reached us so far",
        "If you left before paying, the same link still works until it expires."
        " If you did pay, do not pay again: it can take a minute until we know.",
        payment,
        back=back,
    )


def closed(payment: Payment) -> HTMLResponse:
    """For a link that came too late."""
    return _page(
        410,
        "This payment link has expired",
        "If you have paid, do not pay again: a payment that arrives late is still recorded."
        " If not, ask your agent for a new link.",
        payment,
    )


def welcome(entry: Mapping[str, object]) -> HTMLResponse:
    """For somebody who looks at the bare address: what a program is told there, to read and to follow."""
    rows = [
        f"<dt>{escape(name)}</dt><dd>{_shown(value)}</dd>"
        for part in ("documents", "endpoints")
        for name, value in _named(entry[part])
    ]
    methods = ", ".join(map(str, _listed(entry["payment_methods"]))) or "none is open at the moment"
    text = f"{entry['summary']} Open payment methods: {methods}."
    return _page(200, str(entry["service"]), escape(text), below=f"<dl>{''.join(rows)}</dl>")


def _named(part: object) -> Iterable[tuple[str, object]]:
    assert isinstance(part, Mapping)
    return part.items()


def _listed(part: object) -> Iterable[object]:
    assert isinstance(part, list)
    return part


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(_shown(each) for each in value.values())
    text = escape(str(value))
    return f'<a href="{text}">{text}</a>' if text.startswith("http") else f"<code>{text}</code>"


def unknown() -> HTMLResponse:
    """For a link that leads nowhere."""
    return _page(404, "There is no such payment link", "Check that the link is complete, or ask your agent.")


def _page(
    status: int,
    title: str,
    text: str,
    payment: Payment | None = None,
    *,
    back: str | None = None,
    below: str = "",
) -> HTMLResponse:
    filled = _PAGE.substitute(
        style=_STYLE,
        title=title,
        name=title if title == _HOUSE else f"{title} · {_HOUSE}",
        text=text,
        details=_details(payment) if payment is not None else below,
        back=f'<a class="back" href="{escape(back)}">Back to the payment page</a>' if back else "",
    )
    return HTMLResponse(filled, status_code=status, headers=_HEADERS)


def _details(payment: Payment) -> str:
    amount = escape(payment.amount) + ("" if payment.live_money else " (test money)")
    return f"<dl><dt>Price</dt><dd>{amount}</dd><dt>Payment page</dt><dd>{escape(payment.rail)}</dd></dl>"
