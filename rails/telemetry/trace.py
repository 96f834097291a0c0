"""Which story is being told: a trace that goes from process to process, and what log lines name of it.

source: https://www.w3.org/TR/trace-context/
"""

import os
import re
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = "traceparent"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
# Drawn many at a time: asking the system at every request costs more than reading the request.
_DRAWN: Final[deque[str]] = deque()
os.register_at_fork(after_in_child=_DRAWN.clear)


@dataclass(frozen=True, slots=True)
class Trace:
    """One story, and the step of it that is being done."""

    trace_id: str
    span_id: str
    has_parent: bool = False
    """Whether somebody recorded the step of `span_id`, so that others may hang below it."""
    sampled: bool = True

    @property
    def header(self) -> str:
        """As it is sent on."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


@dataclass(slots=True)
class _Scope:
    trace: Trace
    names: dict[str, str] = field(default_factory=dict)


_NOW: Final[ContextVar[_Scope | None]] = ContextVar("pennyrail_trace", default=None)


def fresh() -> Trace:
    """A story that begins here."""
    return Trace(_drawn() + _drawn(), _drawn())


def read(header: str | None) -> Trace | None:
    """The story a caller is telling, None if the header is not one of the standard's."""
    found = _FORM.fullmatch(header.strip()) if header is not None else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id, span_id, has_parent=True, sampled=bool(int(flags, 16) & 1))


def of(trace_id: str | None) -> Trace:
    """A step of a story that was written down, a fresh one if none was."""
    if trace_id is None or _TRACE_ID.fullmatch(trace_id) is None:
        return fresh()
    return Trace(trace_id, _drawn())


def current() -> Trace | None:
    """The story of this thread or task, None outside of any."""
    scope = _NOW.get()
    return scope.trace if scope is not None else None


def current_id() -> str | None:
    """The id to write down for whoever goes on."""
    scope = _NOW.get()
    return scope.trace.trace_id if scope is not None else None


def headers() -> dict[str, str]:
    """What a request to somebody else carries."""
    scope = _NOW.get()
    return {HEADER: scope.trace.header} if scope is not None else {}


@contextmanager
def within(trace: Trace, **names: str) -> Iterator[None]:
    """Tell this story until the end of the block. What was named outside stays named inside."""
    outside = _NOW.get()
    token = _NOW.set(_Scope(trace, {**(outside.names if outside is not None else {}), **names}))
    try:
        yield
    finally:
        _NOW.reset(token)


def name(**names: str) -> None:
    """Name something in every line that follows in this story. Outside of one: nowhere to name it."""
    scope = _NOW.get()
    if scope is not None:
        scope.names.update(names)


def named() -> Mapping[str, str]:
    """What log lines say of the story."""
    scope = _NOW.get()
    return {"trace_id": scope.trace.trace_id, **scope.names} if scope is not None else {}


def _drawn() -> str:
    try:
        found = _DRAWN.popleft()
    except IndexError:
        many = secrets.token_hex(8 * 512)
        _DRAWN.extend(many[at : at + 16] for at in range(0, len(many), 16))
        found = _DRAWN.popleft()
    # All zeros is nobody's id.
    return found if found.strip("0") else "0000000000000001"
