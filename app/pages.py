"""The few small pages that a person sees on the way to and from Stripe. They show nothing of the request."""

from string import Template
from typing import Final

from starlette.responses import HTMLResponse

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
       font: 1.1rem/1.6 system-ui, sans-serif; }
main { max-width: 32rem; padding: 2rem; text-align: center; }
h1 { font-size: 1.6rem; line-height: 1.25; }
</style>
</head>
<body><main><h1>$title</h1><p>$text</p></main></body>
</html>
""")

# Somebody may look over a shoulder or embed the page; there is nothing to load and nobody to tell.
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def done() -> HTMLResponse:
    """For somebody who comes back from paying. Whether it was paid is for Stripe to say, not for a link."""
    return _page(
        200,
        "Thank you",
        "As soon as the payment is verified your agent has its credits, usually within a minute."
        " You can close this page.",
    )


def canceled() -> HTMLResponse:
    """For somebody who turned back."""
    return _page(
        200,
        "Nothing was charged",
        "You left before paying. The same link works until it expires; your agent can make a new one.",
    )


def expired() -> HTMLResponse:
    """For a link that came too late."""
    return _page(410, "This payment link has expired", "Ask your agent for a new one. Do not pay twice.")


def unknown() -> HTMLResponse:
    """For a link that leads nowhere."""
    return _page(404, "There is no such payment link", "Check that the link is complete, or ask your agent.")


def _page(status: int, title: str, text: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.substitute(title=title, text=text), status_code=status, headers=_HEADERS)
