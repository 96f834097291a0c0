"""What a node's refusal means. Providers share codes between meanings, so the text decides."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rails.chain import errors

# Order matters: "block range extends beyond current head block" is a lagging node although it names a
# range, and "exceed max addresses or topics" is a long filter although it exceeds a maximum.
LAGS = re.compile(
    r"beyond (the )?current head|header not found|unknown block|block not found|block height is \d+ but"
    r"|block ?out ?of ?range|node is (syncing|behind)|cannot find block",
    re.IGNORECASE,
)
LONG_FILTER = re.compile(
    r"addresses or topics|topics per search|too many (addresses|topics)|\d+ filters|body size limit",
    re.IGNORECASE,
)
MALFORMED_RANGE = re.compile(r"invalid block range", re.IGNORECASE)
LARGE_RANGE = re.compile(
    r"block range|range (is )?too (large|wide)|blocks? range|limited to an? [\d,]+ range"
    r"|response size|response (is )?too (big|large)|more than [\d,]+ results|exceeds max results"
    r"|too many (results|logs|blocks)|at most [\d,]+ blocks|range limit",
    re.IGNORECASE,
)
RATE = re.compile(
    r"rate.?limit|too many requests|limit exceeded|compute units|capacity|quota|throttl",
    re.IGNORECASE,
)
UNHEALTHY = re.compile(r"no backend|temporarily unavailable|service unavailable", re.IGNORECASE)
LIMIT_EXCEEDED_CODE = -32005
# Digits of ours alone, and no more seconds than a century has.
_SECONDS = re.compile(r"[0-9]{1,10}")


def classify(
    text: str, *, code: int | None = None, status: int = 200, pause_seconds: float | None = None
) -> errors.RpcError:
    """The error that a refusal stands for; `text` must already be free of secrets.

    `pause_seconds` is what the provider asked for, if it did.
    """
    message = f"{text} (code {code}, HTTP {status})"
    if LAGS.search(text):
        return errors.NodeLags(message)
    if LONG_FILTER.search(text) or status in (413, 414):
        return errors.TooManyAddresses(message)
    if LARGE_RANGE.search(text) and not MALFORMED_RANGE.search(text):
        return errors.RangeTooLarge(message)
    if status == 429 or code == LIMIT_EXCEEDED_CODE or RATE.search(text):
        return errors.RateLimited(message, retry_after_seconds=pause_seconds)
    if status >= 500 or UNHEALTHY.search(text):
        return errors.RpcUnreachable(message)
    return errors.RpcRefused(message)


def pause(retry_after: str | None, *, date: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; None where it cannot be read.

    The header may name a moment; it is then measured against the server's own `date`.
    """
    if retry_after is None:
        return None
    if _SECONDS.fullmatch(retry_after.strip()):
        return float(retry_after)
    try:
        until, said_at = _moment(retry_after), _moment(date or "")
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until - said_at).total_seconds())


def _moment(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    # "-0000" tells no zone; a header means Greenwich all the same.
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
