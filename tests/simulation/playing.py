"""Seeds played and told of, one after the other or beside each other."""

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psycopg
import typer
from rich.progress import Progress

from app.migrations.run import migrate
from sandbox import embedded
from tests.conftest import QUICK, TEMPLATE, in_database, memory, new_database
from tests.simulation import processes
from tests.simulation.play import play

MOST_LINES = 20


@dataclass(frozen=True)
class Wanted:
    """What to play, and where."""

    postgres_url: str
    seed: int
    steps: int
    trace: bool


def hush() -> None:
    """Say nothing of what fails on purpose."""
    logging.disable(logging.ERROR)


@contextmanager
def server() -> Iterator[str]:
    """A database server with the house's tables in a template."""
    with (
        tempfile.TemporaryDirectory(dir=memory()) as folder,
        embedded.postgres(Path(folder) / "postgres", settings=QUICK) as url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(in_database(url, TEMPLATE))
        yield url


def play_all(wanted: Sequence[Wanted], *, at_once: int) -> int:
    """How many promises were broken, of all seeds together."""
    if at_once == 1:
        return sum(map(play_one, wanted))
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn"), initializer=hush) as pool:
        return sum(pool.map(play_one, wanted))


def play_one(wanted: Wanted) -> int:
    """How many promises were broken with this seed."""
    began = time.monotonic()
    with new_database(wanted.postgres_url) as database_url, Progress(transient=True) as bar:
        task = bar.add_task(f"seed {wanted.seed}", total=wanted.steps)
        played = play(
            database_url,
            seed=wanted.seed,
            steps=wanted.steps,
            progress=lambda done: bar.update(task, completed=done),
        )
    if wanted.trace:
        for number, line in enumerate(played.trace):
            typer.echo(f"{number:6} {line}")
    tell(
        f"seed {wanted.seed}: {wanted.steps} steps in {time.monotonic() - began:.0f} s, "
        f"{played.counts['quote_and_buy']} purchases, {played.crashes} crashes, {played.summary}, "
        f"digest {played.digest}",
        played.broken,
    )
    return len(played.broken)


def play_with_processes(seed: int, steps: int) -> int:
    """How many promises were broken with every process real."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as bar:
        task = bar.add_task(f"seed {seed}", total=steps)
        town, broken = processes.play(
            Path(folder), seed=seed, steps=steps, progress=lambda done: bar.update(task, completed=done)
        )
    done = ", ".join(f"{count} {name}" for name, count in sorted(town.done.items()))
    tell(f"seed {seed}: {steps} steps in {time.monotonic() - began:.0f} s, {done}", broken)
    return len(broken)


def tell(what: str, broken: Sequence[str]) -> None:
    """Print what was played, and what did not hold."""
    typer.echo(f"{what}: {f'BROKEN ({len(broken)})' if broken else 'holds'}")
    for line in broken[:MOST_LINES]:
        typer.echo(f"    {line}")
