"""`python -m tests.simulation`: random purchases against a world that misbehaves."""

from typing import Annotated

import typer

from tests.simulation import playing


def main(
    seed: Annotated[int, typer.Option(help="the first seed")] = 1,
    seeds: Annotated[int, typer.Option(help="how many seeds", min=1)] = 1,
    steps: Annotated[int, typer.Option(help="random steps a seed", min=1)] = 2000,
    real_processes: Annotated[
        bool, typer.Option(help="API, workers, beat and Redis as processes that get killed and flushed")
    ] = False,
    at_once: Annotated[int, typer.Option(help="how many seeds play beside each other", min=1)] = 1,
    trace: Annotated[bool, typer.Option(help="print every step")] = False,
) -> None:
    """Play random purchases amid duplicates, losses, reorgs, faults and crashes; check every cent."""
    playing.hush()
    numbers = range(seed, seed + seeds)
    if real_processes:
        broken = sum(playing.play_with_processes(number, steps) for number in numbers)
    else:
        with playing.server() as url:
            wanted = [playing.Wanted(url, number, steps, trace) for number in numbers]
            broken = playing.play_all(wanted, at_once=at_once)
    raise typer.Exit(1 if broken else 0)


if __name__ == "__main__":
    typer.run(main)
