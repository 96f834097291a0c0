"""That a form came from a page of ours: what the browser says of it, and a token that only our pages know."""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

from app.console.errors import ForeignForm


def token(secret: str, *, session_hash: bytes) -> str:
    """What every form of a session carries."""
    return hmac.new(secret.encode(), b"form:" + session_hash, hashlib.sha256).hexdigest()


def check(given: str, wanted: str) -> None:
    """Refuse a form that does not carry its session's token.

    raises: ForeignForm
    """
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise ForeignForm("this form is not from this session: go back, load the page again and send it anew")


def check_origin(request: Request) -> None:
    """Refuse what the browser says another site has sent.

    raises: ForeignForm
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site is not None and site not in ("same-origin", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        foreign = True
    if foreign:
        raise ForeignForm("this form was sent by another site")
