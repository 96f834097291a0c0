"""What must never come out of a rail: its keys, and the time of a clock that nobody passed in."""

import ast
import inspect
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rails import errors, instructions
from rails.conformance.claims import proves, shows
from rails.conformance.harness import Cannot
from rails.conformance.stage import Stage
from rails.rail import Rail

# A secret wherever it stands: keys and signing secrets of processors, bearer tokens, logins in addresses.
_ALWAYS: Final = re.compile(
    r"[sr]k_(?:live|test)_\w+|whsec_[\w+/=]+|_secret_[A-Za-z0-9]{8,}|(?i:bearer\s+)[\w.\-]{8,}|://[^/\s:@]*:[^/\s@]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_CLOCKS: Final = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)


class SecrecyCases:
    """Errors, evidence, instructions and log lines, read for secrets."""

    @proves("secrets stay inside")
    def test_nothing_that_the_rail_says_holds_a_secret(self, stage: Stage) -> None:
        """From opening to the receipt: instructions, evidence and everything that is logged."""
        with _logged() as lines:
            payment = stage.buy()
            stage.pay(payment)
            view = stage.settle(payment)

        told = json.dumps(instructions.write(payment.instructions))
        evidence = [
            json.dumps({"id": row.external_id, "state": row.state, **row.detail}) for row in view.evidence
        ]
        _no_secret(stage, "the instructions", [told])
        _no_secret(stage, "the evidence", evidence)
        _no_secret(stage, "the log", lines)

    @shows("secrets stay inside")
    def test_no_error_holds_a_secret(self, stage: Stage) -> None:
        """A processor that is silent or says no is told of without its keys."""
        with _logged() as lines:
            payment = stage.buy()
            with stage.harness.unreachable():
                lines += [_said(lambda: stage.rail.open(stage.order())), _said(lambda: stage.ask(payment))]
            with suppress(Cannot), stage.harness.refusing():
                lines.append(_said(lambda: stage.rail.open(stage.order())))

        _no_secret(stage, "an error or its log line", lines)

    @proves("secrets stay inside")
    def test_the_rail_does_not_show_its_keys_when_it_is_printed(self, stage: Stage) -> None:
        """A rail ends up in tracebacks and debuggers."""
        _no_secret(
            stage, "repr(rail)", [repr(stage.rail), str(stage.rail), str(asdict(stage.rail.capabilities))]
        )


class TimeCases:
    """A rail reads no clock: `now` is passed in."""

    @proves("time is passed in")
    def test_no_line_of_the_rail_reads_a_clock(self, stage: Stage) -> None:
        """Of the files of its folder, tests and sandbox aside."""
        read = [f"{file.name}:{line} {call}" for file in _files(stage.rail) for line, call in _clocks(file)]

        assert not read, f"the rail reads a clock of its own: {', '.join(read)}"


@contextmanager
def _logged() -> Iterator[list[str]]:
    """The lines that anybody logs in this block, as they would be written without redaction."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter().format(record))

    root, kept = logging.getLogger(), Kept(logging.DEBUG)
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(kept)
        root.setLevel(before)


def _said(ask: Callable[[], object]) -> str:
    try:
        return repr(ask())
    except errors.RailError as error:
        return f"{error!r} {error}"


def _no_secret(stage: Stage, where: str, texts: Sequence[str]) -> None:
    try:
        named = [secret for secret in stage.harness.secrets() if secret]
    except Cannot:
        named = []
    for text in texts:
        # The secret itself would stand in the report of the failure.
        assert not any(secret in text for secret in named), f"{where} holds a secret of the rail"
        assert not _ALWAYS.search(text), f"{where} holds what looks like a secret"


def _files(rail: Rail) -> Sequence[Path]:
    folder = Path(inspect.getfile(type(rail))).parent
    mine = Path(inspect.getfile(type(rail)))
    beside = (
        [file for file in folder.glob("*.py") if _belongs(file)] if (folder / "__init__.py").exists() else []
    )
    return sorted({mine, *beside})


def _belongs(file: Path) -> bool:
    return not file.name.startswith(("test_", "sandbox", "conftest", "harness", "fakes"))


def _clocks(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            call = ".".join(ast.unparse(node.func).split(".")[-2:])
            if call in _CLOCKS:
                yield node.lineno, f"{call}()"
