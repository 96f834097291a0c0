"""What was played, as a person reads it."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.faults.playing import Played

MOST_LINES: Final = 20


def of_seed(played: Played) -> str:
    """The faults of one seed, what was acknowledged under them, and what is broken."""
    wanted = played.wanted
    lines = [
        f"\nseed {wanted.seed}: {wanted.seconds:.0f} s of faults, {played.took_seconds:.0f} s in all",
        f"  faults        {_counted(played.struck)}",
        f"  restarted     {_counted(played.restarted)} (ended by itself)",
        f"  acknowledged  {_counted(played.acknowledged)}",
        f"  unknown       {_counted(played.unknown)} (asked again until answered)",
        f"  in all        {played.acknowledged.total()} acknowledged, {played.unknown.total()} unknown",
        f"  verdict       {_verdict(played)}",
        *(f"    {line}" for line in played.broken[:MOST_LINES]),
    ]
    return "\n".join(lines)


def of_all(played: Sequence[Played]) -> str:
    """All seeds together."""
    struck = sum((each.struck for each in played), Counter[str]())
    acknowledged = sum((each.acknowledged for each in played), Counter[str]())
    unknown = sum((each.unknown for each in played), Counter[str]())
    lines = [
        f"\n{len(played)} seeds",
        *(f"  {name:32} {count:6}" for name, count in sorted(struck.items())),
        f"  {'faults in all':32} {struck.total():6}",
        f"  {'requests acknowledged':32} {acknowledged.total():6}",
        f"  {'answers that never came':32} {unknown.total():6}",
        f"  {'seeds with something broken':32} {sum(bool(each.broken) for each in played):6}",
    ]
    return "\n".join(lines)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} x{count}" for name, count in sorted(counter.items())) or "none"


def _verdict(played: Played) -> str:
    if played.broken:
        return f"BROKEN ({len(played.broken)}), see {played.wanted.folder}"
    return "nothing lost, nothing done twice, book and reconciliation clean"
