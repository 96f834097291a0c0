"""Log lines: one format for every process, as text or JSON, and no secret and no forged line in it."""

import asyncio
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Collection
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

from typing_extensions import override

from rails import redaction
from rails.telemetry import trace

Mask = Callable[[str], str]
"""Takes out of a text what must not be kept."""
# What ends a line somewhere, moves a cursor, or turns the direction of writing.
_CONTROLS: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Random, or checked for their form before: no secret can stand there.
_OUR_OWN: Final = ("trace_id", "request_id")
# What a record says of itself if all of it, fields included, comes from closed sets: names of routes, codes,
# numbers and ids of our own. A line a request is most of what is logged, and searching it most of its cost.
CLOSED: Final = "closed"
# Shorter ones are words as well: a password of three letters would blacken the log and hide nothing.
_SHORTEST_SECRET: Final = 6
# These tell of every request, with the processor's ids in the path; what they tell in DEBUG, with headers.
_CHATTY: Final = ("stripe", "httpx", "httpcore", "urllib3", "celery.app.trace", "celery.worker.strategy")


class Redactor:
    """Takes out what looks like a secret, and these very secrets wherever they stand."""

    def __init__(self, secrets: Collection[str] = (), mask: Mask = redaction.redact) -> None:
        known = sorted({each for each in secrets if len(each) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._mask = mask

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub("[redacted]", text)
        return self._mask(redaction.redact(text))


class _Formatter(logging.Formatter):
    def __init__(self, redact: Mask) -> None:
        super().__init__()
        self._redact = redact

    def said(self, record: logging.LogRecord) -> str:
        """The message. One that cannot be put together is told of by its form alone."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = f"{record.msg} (its arguments do not fit)"
        return text if getattr(record, CLOSED, False) else self._redact(text)

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What is told beside the message."""
        story = {name: self.field(name, each) for name, each in trace.named().items()}
        more = getattr(record, "fields", None)
        if not isinstance(more, dict):
            return story
        if getattr(record, CLOSED, False):
            return story | more
        return story | {name: self.field(name, each) for name, each in more.items()}

    def field(self, name: str, told: object) -> object:
        """One of them as it may be told. Searching ids of our own making would cost more than the line."""
        return self._redact(told) if isinstance(told, str) and name not in _OUR_OWN else told

    def broken(self, record: logging.LogRecord) -> str | None:
        """Where and with what something broke."""
        frames = getattr(record, "frames", None)
        if isinstance(frames, str):
            return self._redact(frames)
        if record.exc_info and record.exc_info[0] is not None:
            return self._redact("".join(traceback.format_exception(*record.exc_info)))
        return None


class JsonLines(_Formatter):
    """An object a line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record's line. JSON in ASCII encodes every control character."""
        told: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self.said(record),
            **self.fields(record),
        }
        broken = self.broken(record)
        if broken is not None:
            told["exception"] = broken
        return json.dumps(told, default=lambda each: self._redact(str(each)))


class TextLines(_Formatter):
    """A line for people. What is indented belongs to the line above."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and where it broke."""
        # What else is told stands in the message for people.
        fields = "".join(f" {name}={self.field(name, each)}" for name, each in trace.named().items())
        line = encoded(f"{_time(record)} {record.levelname} {record.name} {self.said(record)}{fields}")
        broken = self.broken(record)
        if broken is None:
            return line
        return "\n".join([line, *(f"    {encoded(each)}" for each in broken.split("\n") if each)])


class _Together(logging.StreamHandler[TextIO]):
    """Writes at once what one turn of an event loop has to say: a write for each line holds up everybody.

    What is worse than usual is written before anything else happens, and so is what a thread says.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock."""
        try:
            self._said.append(self.format(record) + self.terminator)
            loop = _loop() if record.levelno < logging.WARNING else None
            if loop is None:
                self.flush()
            elif len(self._said) == 1:
                loop.call_soon(self.flush)
        except Exception:
            self.handleError(record)

    @override
    def flush(self) -> None:
        """Write what was gathered."""
        with self.lock or nullcontext():
            said, self._said = "".join(self._said), []
            if said:
                self.stream.write(said)
            super().flush()


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def encoded(text: str) -> str:
    """The text in one line, what cannot be seen spelled out."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def configure(
    form: Literal["text", "json"] = "text",
    level: str = "INFO",
    *,
    secrets: Collection[str] = (),
    mask: Mask = redaction.redact,
) -> None:
    """Log to standard error, whatever was configured before."""
    redact = Redactor(secrets, mask)
    handler = _Together()
    handler.setFormatter((JsonLines if form == "json" else TextLines)(redact))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # Our lines tell none of it, and finding it out for each costs a third of making a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

    # What nobody catches ends a process, and must not end in the log as it was said.
    def uncaught(kind: type[BaseException], error: BaseException, _frames: object) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, error.__traceback__)
        else:
            logging.getLogger("pennyrail").critical("ended by an error", exc_info=error)

    sys.excepthook = uncaught


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
