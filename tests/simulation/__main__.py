"""`python -m tests.simulation`: random purchases against a world that misbehaves."""

import logging
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.progress import Progress

from app.migrations.run import migrate
from sandbox import embedded
from tests.conftest import QUICK, TEMPLATE, in_database, memory, new_database
from tests.simulation import processes
from tests.simulation.play import play


def main(
    seed: Annotated[int, typer.Option(help="the first seed")] = 1,
    seeds: Annotated[int, typer.Option(help="how many seeds, one after the other", min=1)] = 1,
    steps: Annotated[int, typer.Option(help="random steps a seed", min=1)] = 2000,
    real_processes: Annotated[
        bool, typer.Option(help="API, workers, beat and Redis as processes that get killed and flushed")
    ] = False,
    at_once: Annotated[int, typer.Option(help="how many seeds play beside each other", min=1)] = 1,
    trace: Annotated[bool, typer.Option(help="print every step")] = False,
) -> None:
    """Play random purchases amid duplicates, losses, reorgs, faults and crashes; check every cent."""
    _hush()
    broken = 0
    if real_processes:
        for number in range(seed, seed + seeds):
            broken += _with_processes(number, steps)
        raise typer.Exit(1 if broken else 0)
    with (
        tempfile.TemporaryDirectory(dir=memory()) as folder,
        embedded.postgres(Path(folder) / "postgres", settings=QUICK) as url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(in_database(url, TEMPLATE))
        wanted = [(url, number, steps, trace) for number in range(seed, seed + seeds)]
        if at_once == 1:
            broken += sum(map(_one, wanted))
        else:
            with ProcessPoolExecutor(at_once, mp_context=get_context("spawn"), initializer=_hush) as pool:
                broken += sum(pool.map(_one, wanted))
    raise typer.Exit(1 if broken else 0)


def _hush() -> None:
    logging.disable(logging.ERROR)


def _one(wanted: tuple[str, int, int, bool]) -> int:
    url, seed, steps, trace = wanted
    began = time.monotonic()
    with new_database(url) as database_url, Progress(transient=True) as bar:
        task = bar.add_task(f"seed {seed}", total=steps)
        played = play(
            database_url, seed=seed, steps=steps, progress=lambda done: bar.update(task, completed=done)
        )
    if trace:
        for number, line in enumerate(played.trace):
            typer.echo(f"{number:6} {line}")
    _tell(
        f"seed {seed}: {steps} steps in {time.monotonic() - began:.0f} s, "
        f"{played.counts['quote_and_buy']} purchases, {played.crashes} crashes, {played.summary}, "
        f"digest {played.digest}",
        played.broken,
    )
    return len(played.broken)


def _with_processes(seed: int, steps: int) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as bar:
        task = bar.add_task(f"seed {seed}", total=steps)
        town, broken = processes.play(
            Path(folder), seed=seed, steps=steps, progress=lambda done: bar.update(task, completed=done)
        )
    done = ", ".join(f"{count} {name}" for name, count in sorted(town.done.items()))
    _tell(f"seed {seed}: {steps} steps in {time.monotonic() - began:.0f} s, {done}", broken)
    return len(broken)


def _tell(what: str, broken: list[str]) -> None:
    typer.echo(f"{what}: {f'BROKEN ({len(broken)})' if broken else 'holds'}")
    for line in broken[:20]:
        typer.echo(f"    {line}")


if __name__ == "__main__":
    typer.run(main)
