"""The table of a bench for people, and its JSON for machines."""

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import Figure, Measured, Row, Skipped

FOLDER: Final = Path(".pennyrail", "bench")


def table(measured: Measured) -> str:
    """One line a row. `goal` is the least ratio, or the most of the unit where there is no limit."""
    lines = [
        f"{measured.name}, {measured.seconds:.0f} s in all",
        f"{'':34}{'clients':>8}{'value':>12} {'unit':<11}{'limit':>10}{'ratio':>8}{'goal':>8}",
        *(_line(row) for row in measured.rows),
    ]
    return "\n".join(lines) + "\n"


def write(measured: Measured) -> Path:
    """Write the rows, and where and when they were measured, to the bench's file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{measured.name}.json"
    told = {
        "bench": measured.name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "seconds": round(measured.seconds, 1),
        "rows": [_plain(row) for row in measured.rows],
    }
    path.write_text(json.dumps(told, indent=1) + "\n")
    return path


def _plain(row: Row) -> dict[str, object]:
    match row:
        case Figure():
            return {**asdict(row), "ratio": row.ratio, "reached": row.reached}
        case Skipped():
            return {"name": row.name, "skipped": row.reason}


def _line(row: Row) -> str:
    match row:
        case Figure():
            judged = {None: "", True: "  reached", False: "  missed"}[row.reached]
            reached = f"{_number(row.limit):>10}{_number(row.ratio):>8}{_number(row.goal):>8}{judged}"
            return f"{row.name:34}{row.clients:>8}{_number(row.value):>12} {row.unit:<11}{reached}"
        case Skipped():
            return f"{row.name:34}  skipped: {row.reason}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
