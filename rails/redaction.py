"""What no log line may hold, and what operators may not see of errors."""

import re
from typing import Final

_MARK: Final = "[redacted]"
_OPENS_A_DOOR: Final = (
    r"(?:isk_(?:r|svc)_|[sr]k_(?:live|test)_)[A-Za-z0-9_\-]+"
    # An operator's session, and an invitation to become one.
    r"|\b(?:pnop_|pninv-)[A-Za-z0-9_\-]+"
    # Secrets of webhooks may be base64.
    r"|whsec_[A-Za-z0-9_\-+/=]+"
    r"|(?i:bearer)\s+[A-Za-z0-9._\-]+"
    r"|://[^/\s:@]*:[^/\s@]+@"
)
_KEY: Final = re.compile(rf"{_OPENS_A_DOOR}|_secret_[A-Za-z0-9]+")
_SECRET: Final = re.compile(
    _OPENS_A_DOOR
    + r"|\b(?:pi|seti|ch|py|cs|evt|pm|re|pyr)_[A-Za-z0-9_]*[A-Za-z0-9]{8,}(?:_secret_[A-Za-z0-9]+)?"
)


def redact(text: str) -> str:
    """The text without tokens, keys, client secrets, processor ids and passwords in URLs."""
    return _SECRET.sub(_mark, text)


def hide_secrets(text: str) -> str:
    """The text without whatever opens a door. The processor's ids stay: operators look things up by them."""
    return _KEY.sub(_mark, text)


def _mark(found: re.Match[str]) -> str:
    return "://[redacted]@" if found[0].startswith("://") else _MARK
