"""Stripe's own SDK, with the timeouts and retries it lacks by default, and its errors in our words."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import stripe

from rails import errors
from rails.stripe.settings import StripeSettings
from rails.telemetry import trace

logger = logging.getLogger("pennyrail.stripe")
Made = TypeVar("Made")
_KEYS: Final = 20
# A call that opens a payment is made once: repeated by the SDK it would use up an answer that broke.
ONE_CALL: Final = 0


class _Traced(stripe.RequestsClient):
    def request(  # type: ignore[override]  # its own parent declares another answer
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Ask, with the trace that the question belongs to."""
        sent = {**(headers or {}), **trace.headers()}
        answer: tuple[bytes, int, Mapping[str, str]] = super().request(method, url, sent, post_data)
        return answer


def connect(settings: StripeSettings) -> stripe.StripeClient:
    """A client that gives up in bounded time and repeats what may be repeated."""
    stripe.enable_telemetry = False
    client = stripe.StripeClient(
        settings.secret_key.get_secret_value(),
        max_network_retries=settings.retries,
        http_client=_Traced(timeout=(settings.connect_seconds, settings.read_seconds)),
        base_addresses={"api": settings.api_base} if settings.api_base else {},
    )
    logger.debug("stripe client ready, live=%s", settings.live)
    return client


@contextmanager
def translated() -> Iterator[None]:
    """Translate what the SDK raises. A definite no is RailRefused, everything else is unknown.

    Stripe's own message may name objects, so it stays out of ours.
    """
    try:
        yield
    except stripe.AuthenticationError as error:
        # A key that was deleted or mistyped says nothing of what was asked: it is asked again under another.
        logger.warning("stripe refused the key: %s", error.http_status)
        raise errors.RailUnreachable("the payment provider does not know our key") from error
    except (stripe.InvalidRequestError, stripe.PermissionError) as error:
        logger.warning("stripe refused: %s %s", error.http_status, error.code or "")
        raise errors.RailRefused(f"the payment provider refused the request ({error.http_status})") from error
    except stripe.StripeError as error:
        if isinstance(error, stripe.IdempotencyError) and error.http_status == 400:
            # The same attempt was sent before with other settings: sending it again will not help.
            raise errors.RailRefused("the payment provider knows this attempt otherwise") from error
        logger.warning("stripe did not answer: %s %s", type(error).__name__, error.http_status or "")
        raise errors.RailUnreachable("the payment provider did not answer") from error


def made_once(make: Callable[[str], Made], key: str) -> Made:
    """What `make` makes under this idempotency key: for everybody the same, however often it is asked.

    Stripe keeps its answer to a key for a day, one that broke too, so when that is told again the next key is
    asked: for everybody the same. Only for what nobody can pay before its answer is known: something may have
    been made in the answer that broke, and is left alone. `make` sends its key with `ONE_CALL` for the number
    of retries: a retry of the SDK is told the broken answer again, and a key would be gone for nothing.

    raises: RailRefused when every key has broken; nothing was made that anybody could pay
    source: https://docs.stripe.com/api/idempotent_requests
    """
    for number in range(1, _KEYS + 1):
        try:
            return _made(make, key if number == 1 else f"{key}:again:{number}")
        except stripe.APIError as error:
            if not is_told_again(error):
                raise
            logger.warning("stripe tells again that key %s of %s of an opening broke", number, _KEYS)
    raise errors.RailRefused("the payment provider broke under every key of this attempt")


def _made(make: Callable[[str], Made], key: str) -> Made:
    try:
        return make(key)
    except stripe.APIConnectionError:
        # Most often a connection that was closed while it was idle. The same key makes nothing twice.
        try:
            return make(key)
        except stripe.APIError as error:
            if is_told_again(error):
                # It broke a moment ago, and its answer was cut off: that was this call's key.
                raise errors.RailUnreachable("the payment provider broke") from error
            raise


def is_told_again(error: stripe.APIError) -> bool:
    """Whether this is the kept answer to a key: what it made, it has made, and it will make no more.

    source: https://docs.stripe.com/api/idempotent_requests
    """
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return headers.get("idempotent-replayed") == "true"
