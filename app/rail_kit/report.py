"""The report of a conformance run: what the rail claims, which tests prove it, what was not shown."""

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import pytest

from rails.conformance import claims

Came = Literal["proven", "FAILED", "not shown", "not declared"]
_KEY: Final = pytest.StashKey[list["Row"]]()
_PREFIX: Final = "test_"
_OPTION: Final = "--rail-report"


@dataclass(frozen=True, slots=True)
class Row:
    """One test and what came of it."""

    suite: str
    claim: str
    test: str
    came: Came
    reason: str = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a command ask for the report in a file."""
    parser.addoption(_OPTION, metavar="FILE", help="write what a rail's conformance suite proves, as JSON")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember what came of each test of the suite."""
    report = yield
    claim = claims.of(getattr(item, "function", None))
    if claim is None or not (report.when == "call" or (report.when == "setup" and not report.passed)):
        return report
    rows = item.config.stash.setdefault(_KEY, [])
    suite = item.cls.__name__ if isinstance(item, pytest.Function) and item.cls is not None else ""
    name = item.name.removeprefix(_PREFIX).replace("_", " ")
    came, reason = _outcome(report)
    rows.append(Row(suite.removeprefix("Test"), claim.name, name, came, reason))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of every suite that ran."""
    rows = config.stash.get(_KEY, [])
    file = config.getoption(_OPTION, None)
    if file:
        Path(file).write_text(json.dumps([asdict(row) for row in rows], indent=2))
    for suite in dict.fromkeys(row.suite for row in rows):
        of_suite = [row for row in rows if row.suite == suite]
        terminalreporter.section(f"rail conformance: {suite}")
        for line in table(of_suite):
            terminalreporter.write_line(line)


def table(rows: Iterable[Row]) -> list[str]:
    """The lines of a report: a claim, its proofs, and at the end a sum."""
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.claim, []).append(row)
    declared = {
        claim: found for claim, found in grouped.items() if any(each.came != "not declared" for each in found)
    }
    width = max((len(claim) for claim in declared), default=0)
    lines = [f"{'claim'.ljust(width)}  | proven by"]
    for claim, found in declared.items():
        for place, row in enumerate(each for each in found if each.came != "not declared"):
            lines.append(f"{(claim if place == 0 else '').ljust(width)}  | {_shown(row)}")
    undeclared = [claim for claim in grouped if claim not in declared]
    if undeclared:
        lines.append(f"not declared: {', '.join(undeclared)}")
    return [*lines, _sum(grouped)]


def _shown(row: Row) -> str:
    return (
        row.test
        if row.came == "proven"
        else f"{row.came}: {row.test}{f' ({row.reason})' if row.reason else ''}"
    )


def _sum(grouped: Mapping[str, list[Row]]) -> str:
    every = [row.came for rows in grouped.values() for row in rows]
    words: tuple[Came, ...] = ("proven", "not shown", "FAILED")
    return ", ".join(f"{every.count(word)} {word}" for word in words)


def _outcome(report: pytest.TestReport) -> tuple[Came, str]:
    if report.passed:
        return "proven", ""
    if report.skipped:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        reason = reason.removeprefix("Skipped: ")
        return ("not declared", "") if reason == claims.NOT_DECLARED else ("not shown", reason)
    crash = getattr(report.longrepr, "reprcrash", None)
    return "FAILED", str(getattr(crash, "message", "")).partition("\n")[0]
