"""Run the benches named on the command line, or all: python -m bench [--list] [name ...]."""

import importlib
import pkgutil
import sys
import time
from typing import cast

import bench
from bench import Bench


def benches() -> dict[str, str]:
    """The name of every bench, and the first line of what it says about itself."""
    found = {}
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_"):
            text = importlib.import_module(f"bench.{module.name}").__doc__ or ""
            found[module.name] = text.partition("\n")[0]
    return found


def run(name: str) -> None:
    """Print a table of the figures of one bench."""
    measure = cast("Bench", importlib.import_module(f"bench.{name}").measure)
    started_at = time.monotonic()
    figures = list(
        measure(lambda step: print(f"\r\033[K{name}: {step}", end="", file=sys.stderr, flush=True))
    )
    print("\r\033[K", end="", file=sys.stderr, flush=True)
    print(f"{name}, median of the runs, {time.monotonic() - started_at:.0f} s in all")
    print(f"{'':30}{'clients':>8}{'per second':>12}{'limit':>10}{'ratio':>8}")
    for figure in figures:
        print(
            f"{figure.name:30}{figure.clients:>8}{figure.rate:>12,.0f}"
            f"{figure.limit_rate:>10,.0f}{figure.ratio:>8.2f}"
        )


def main(arguments: list[str]) -> int:
    """Do what the command line says; 2 if it names no bench."""
    known = benches()
    if "--list" in arguments:
        for name, purpose in known.items():
            print(f"{name:20}{purpose}")
        return 0
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"no such bench: {', '.join(unknown)} (there are: {', '.join(known)})", file=sys.stderr)
        return 2
    for name in arguments or known:
        run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
