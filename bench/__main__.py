"""Run the benches named, or all: python -m bench [--list] [--quick] [--strict] [name ...].

With --strict a goal that was missed fails the run.

`python -m bench profile hold` shows in which functions of the book an operation spends its time.
"""

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, cast

import bench
from bench import QUICK, Effort, Measured, Row, _drawing, _profile, _report
from bench._run import Run, running

CLEAR_LINE: Final = "\r\033[K"


def benches() -> dict[str, str]:
    """The name of every bench, and the first line of what it says about itself."""
    found = {}
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            text = importlib.import_module(f"bench.{module.name}").__doc__ or ""
            found[module.name] = text.partition("\n")[0]
    return found


def measure(run: Run, name: str) -> Measured:
    """Do one bench, print its table, and write down and draw what it found."""
    work = cast("Callable[[Run], Iterator[Row]]", importlib.import_module(f"bench.{name}").measure)
    began_at = time.monotonic()
    rows = list(work(run))
    measured = Measured(name, time.monotonic() - began_at, rows)
    print(CLEAR_LINE, end="", file=sys.stderr, flush=True)
    print(_report.table(measured))
    for path in (_report.write(measured), *_drawing.draw(measured)):
        print(f"  {path}", file=sys.stderr)
    return measured


def main(arguments: list[str]) -> int:
    """Do what the command line says; 2 if it names no bench, 1 if a goal was missed and that counts."""
    known = benches()
    if arguments[:1] == ["profile"]:
        return _profile.main(arguments[1:])
    if "--list" in arguments:
        for name, purpose in known.items():
            print(f"{name:20}{purpose}")
        return 0
    wanted = [name for name in arguments if name not in ("--quick", "--strict")] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no such bench: {', '.join(unknown)} (there are: {', '.join(known)})", file=sys.stderr)
        return 2
    name = ""

    def progress(step: str) -> None:
        print(f"{CLEAR_LINE}{name}: {step}", end="", file=sys.stderr, flush=True)

    with running(QUICK if "--quick" in arguments else Effort(), progress) as run:
        missed = False
        for name in wanted:
            missed |= measure(run, name).missed
    return int("--strict" in arguments and missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
