"""`python -m tests.faults`: the house as processes under load, struck by all that may fail, then an audit."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.faults import playing, table

TELL_SECONDS = 10.0
TERMINAL_COLUMNS = 110
ARTIFACTS = Path(".artifacts/chaos")


def main(
    seeds: Annotated[str, typer.Option(help="which seeds: 7, or 1-25")] = "1",
    seconds: Annotated[float, typer.Option(help="how long faults happen", min=5)] = 60,
    agents: Annotated[int, typer.Option(help="how many agents there are", min=1)] = 24,
    clients: Annotated[int, typer.Option(help="how many ask at the same time", min=1)] = 12,
    folder: Annotated[Path, typer.Option(help="where histories and logs are kept")] = ARTIFACTS,
) -> None:
    """Play each seed's faults on real processes under load, and check that nothing was lost or done twice."""
    played = []
    for seed in _numbers(seeds):
        wanted = playing.Wanted(seed, seconds, agents, clients, folder / f"seed-{seed}")
        played.append(playing.play(wanted, _Teller()))
        typer.echo(table.of_seed(played[-1]))
    if len(played) > 1:
        typer.echo(table.of_all(played))
    raise typer.Exit(1 if any(each.broken for each in played) else 0)


def _numbers(given: str) -> range:
    first, _, last = given.partition("-")
    return range(int(first), int(last or first) + 1)


class _Teller:
    """Says where we are: all the time to a person, now and then to a file."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line[:TERMINAL_COLUMNS]}")
        elif time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    typer.run(main)
