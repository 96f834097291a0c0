"""The headers of every answer of the console: what a page may load, who may frame it, what may be kept."""

from typing import Final

from starlette.datastructures import MutableHeaders

_ALWAYS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    # Forms say by it which page they came from; nobody outside is told.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def of_page(headers: MutableHeaders) -> None:
    """Set what every page has: no cache keeps it."""
    headers.update(_ALWAYS)
    headers["cache-control"] = "no-store"
    headers["vary"] = "Accept, Cookie, Authorization, HX-Request"


def of_asset(headers: MutableHeaders) -> None:
    """Set what scripts, styles and pictures have: they are everybody's, for an hour."""
    headers.update(_ALWAYS)
    headers["cache-control"] = "public, max-age=3600"
