"""Waiting for a purchase, as politely as its own status asks, whatever the network does meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from app.client_cli import calls, outcomes
from app.client_cli.calls import Unreachable
from app.client_cli.outcomes import Outcome
from app.client_cli.visit import Visit

if TYPE_CHECKING:
    import httpx

STATUS_PATH: Final = "/v1/credit-purchases/status"
# The longest that the service holds a request until something changes.
HOLD_SECONDS: Final = 20
HOLD_READ_SECONDS: Final = 40
FALLBACK_SECONDS: Final = 10.0
LEAST_SECONDS: Final = 0.5
BACKOFF_MOST_SECONDS: Final = 30.0
# Nothing was opened that could be paid, so nothing comes by waiting.
_AGENTS_TURN: Final = frozenset({"buy", "repeat_buy", "request_new_quote"})
# Only for a service that does not say `terminal` yet.
_ENDS: Final = frozenset({"succeeded", "expired", "failed", "canceled"})


@dataclass(slots=True)
class _Watch:
    """What is known of a purchase so far."""

    etag: str | None = None
    last: Outcome | None = None
    pace_seconds: float = FALLBACK_SECONDS
    failures: int = 0
    holds: bool = True
    trouble: str | None = None


def wait(
    visit: Visit,
    kind: str,
    reference: str,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Outcome:
    """The last status of a purchase: its end, or where it stood when the time was over.

    `kind` is the name of the reference. `tell` hears a line whenever something is new.
    """
    token, give_up_at = visit.required_token(), time.monotonic() + timeout_seconds
    watch = _Watch()
    with calls.opened(visit.base_url, read_seconds=HOLD_READ_SECONDS) as client:
        while (left := give_up_at - time.monotonic()) > 0:
            begun = time.monotonic()
            try:
                response = _look(client, token, watch, {kind: reference}, left)
            except Unreachable as error:
                watch.trouble = f"{visit.base_url} did not answer: {error}"
                pause = _back_off(watch, None, tell)
            else:
                ended, pause = _next(visit, watch, response, time.monotonic() - begun, tell)
                if ended is not None:
                    return ended
            time.sleep(max(0.0, min(pause, give_up_at - time.monotonic())))
    return _timed_out(visit, watch, reference, timeout_seconds)


def _look(
    client: "httpx.Client", token: str, watch: _Watch, query: dict[str, str], left: float
) -> "httpx.Response":
    hold = min(HOLD_SECONDS, int(left))
    # The first look is answered at once, so that there is something to tell.
    held = {"wait": str(hold)} if watch.last is not None and watch.holds and hold >= 1 else {}
    known = {"if-none-match": watch.etag} if watch.etag else {}
    return calls.send(client, "GET", STATUS_PATH, token=token, query={**query, **held}, headers=known)


def _next(
    visit: Visit, watch: _Watch, response: "httpx.Response", took: float, tell: Callable[[str], None]
) -> tuple[Outcome | None, float]:
    """The outcome if this is the end, and else how many seconds to pause."""
    asked = calls.retry_after_seconds(response)
    if response.status_code == 304:
        watch.failures, watch.trouble = 0, None
        # A request that was held has waited already.
        return None, max(LEAST_SECONDS, (watch.pace_seconds if asked is None else asked) - took)
    outcome = calls.meaning(visit.label, response)
    if response.status_code == 429 or response.status_code >= 500:
        watch.trouble = f"{visit.base_url} answered HTTP {response.status_code}"
        return None, _back_off(watch, asked, tell)
    if watch.holds and outcome.error_code == "INVALID_ARGUMENTS":
        # A service that does not hold requests refuses the word; asked without it, it answers.
        watch.holds = False
        return None, 0.0
    if not outcome.ok or "state" not in outcome.data:
        return outcome, 0.0
    return _seen(watch, outcome, response, took, tell)


def _seen(
    watch: _Watch, outcome: Outcome, response: "httpx.Response", took: float, tell: Callable[[str], None]
) -> tuple[Outcome | None, float]:
    state = outcomes.text(outcome.data["state"])
    if watch.last is None or watch.trouble or watch.last.data.get("state") != state:
        step = outcomes.mapping(outcome.data.get("next"))
        tell(f"{state}: {outcomes.text(step.get('message')) or 'waiting'}")
    watch.last, watch.failures, watch.trouble = outcome, 0, None
    if _terminal(outcome):
        return Outcome(outcome.envelope, 0 if state == "succeeded" else 1), 0.0
    watch.pace_seconds = _pace(outcome, response)
    etag = response.headers.get("etag")
    changed = etag is not None and etag != watch.etag
    watch.etag = etag
    if changed and watch.holds:
        return None, LEAST_SECONDS
    return None, max(LEAST_SECONDS, watch.pace_seconds - took)


def _terminal(outcome: Outcome) -> bool:
    told = outcome.data.get("terminal")
    return told if isinstance(told, bool) else outcome.data.get("state") in _ENDS


def _pace(outcome: Outcome, response: "httpx.Response") -> float:
    step = outcomes.mapping(outcome.data.get("next"))
    told = calls.retry_after_seconds(response)
    asked = outcomes.number(step.get("retry_after_seconds")) if told is None else told
    return FALLBACK_SECONDS if asked is None else asked


def _back_off(watch: _Watch, asked_seconds: float | None, tell: Callable[[str], None]) -> float:
    if watch.failures == 0:
        tell(f"{watch.trouble}; asking again")
    watch.failures += 1
    most = min(BACKOFF_MOST_SECONDS, 2.0 ** (watch.failures - 1))
    # Not all who wait come back in the same moment.
    return max(asked_seconds or 0.0, most * SystemRandom().uniform(0.5, 1.0))


def _timed_out(visit: Visit, watch: _Watch, reference: str, timeout_seconds: float) -> Outcome:
    state = outcomes.text(watch.last.data.get("state")) if watch.last is not None else None
    stands = f"the purchase is {state}" if state else "nothing was heard of the purchase"
    trouble = f" ({watch.trouble})" if watch.trouble else ""
    then, commands = _what_then(watch.last, reference)
    told = outcomes.failure(
        visit.label,
        "WAIT_TIMED_OUT",
        f"{stands} after {timeout_seconds:g} seconds{trouble}. {then}",
        exit_code=outcomes.TIMED_OUT,
        retryable=True,
        recovery={
            "suggested_command": commands[0],
            "suggested_commands": commands,
            "retry_after_seconds": int(watch.pace_seconds),
        },
        data=watch.last.data if watch.last is not None else None,
    )
    actor = watch.last.envelope.get("actor") if watch.last is not None else None
    return Outcome(told.envelope | {"actor": actor}, told.exit_code)


def _what_then(last: Outcome | None, reference: str) -> tuple[str, list[str]]:
    """What to do when the time is over, in words and in commands."""
    step = outcomes.mapping(last.data.get("next")) if last is not None else {}
    told = step.get("suggested_commands")
    commands = [each for each in told if isinstance(each, str)] if isinstance(told, list) else []
    if step.get("action") in _AGENTS_TURN and commands:
        message = outcomes.text(step.get("message")) or "it goes on when the next command is run"
        return f"Waiting changes nothing by itself: {message}", commands
    words = (
        "It goes on without this command: what has been sent must not be sent again."
        " Wait again, or read the status later"
    )
    return words, [outcomes.wait_command(reference)]
