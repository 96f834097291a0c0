"""One seed: a house, its load, its faults, and the audit after them."""

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ledger import database
from tests.faults import audit, checker, nemesis, world
from tests.faults.checker import Verdict
from tests.faults.clients import Load, Where
from tests.faults.history import History
from tests.faults.nemesis import Nemesis
from tests.faults.world import World

Progress = Callable[[str], None]
WARM_CALLS = 4
WARM_UP_SECONDS = 60


@dataclass(frozen=True)
class Wanted:
    """What to play, and where to keep what came of it."""

    seed: int
    seconds: float
    agents: int
    clients: int
    folder: Path


@dataclass(frozen=True)
class Played:
    """What was done, and what is broken."""

    wanted: Wanted
    took_seconds: float
    struck: Counter[str]
    restarted: Counter[str]
    acknowledged: Counter[str]
    unknown: Counter[str]
    verdict: Verdict
    broken: list[str] = field(default_factory=list)


def play(wanted: Wanted, progress: Progress) -> Played:
    """Play one seed; its history, its plan and every log are kept in the folder."""
    logging.disable(logging.ERROR)
    began = time.monotonic()
    shutil.rmtree(wanted.folder, ignore_errors=True)
    wanted.folder.mkdir(parents=True)
    planned = nemesis.plan(wanted.seed, wanted.seconds)
    (wanted.folder / "plan.json").write_text(json.dumps([asdict(each) for each in planned], indent=1))

    def say(line: str) -> None:
        progress(f"seed {wanted.seed}  {line}")

    with world.running(wanted.folder.absolute() / "house", seed=wanted.seed) as town:
        try:
            return _play(town, Nemesis(town, planned), wanted, began, say)
        finally:
            with suppress(FileNotFoundError):
                shutil.copy(town.home.folder / "postgres" / "log", town.home.logs / "postgres.log")


def _warm_up(load: Load, wanted: Wanted, say: Progress) -> None:
    """Wait until every agent has got something done: faults before that strike nobody."""
    give_up_at = time.monotonic() + WARM_UP_SECONDS
    while load.acknowledged.total() < WARM_CALLS * wanted.agents and time.monotonic() < give_up_at:
        say(f"{load.acknowledged.total():6} done  warming up")
        time.sleep(0.2)


def _play(town: World, spoiler: Nemesis, wanted: Wanted, began: float, say: Progress) -> Played:
    kept = wanted.folder / "history.jsonl"
    addresses = town.home.addresses
    where = Where(addresses.api_url, town.service_token(), addresses.twin_url, addresses.rpc_url)
    load = Load(where, History(kept), seed=wanted.seed, agents=wanted.agents, clients=wanted.clients)
    load.start()
    try:
        _warm_up(load, wanted, say)
        spoiler.run(wanted.seconds, lambda line: say(f"{sum(load.acknowledged.values()):6} done  {line}"))
        audit.recover(town, say)
    finally:
        load.stop()
    broken = [*audit.come_to_rest(town, say), *audit.verified(town)]
    say("checking the history")
    engine = database.connect(town.postgres.url, pool_size=2)
    verdict = checker.check(kept, database.sessions(engine))
    engine.dispose()
    return Played(
        wanted,
        time.monotonic() - began,
        spoiler.struck,
        town.restarted,
        load.acknowledged,
        load.unknown,
        verdict,
        [*broken, *verdict.violations],
    )
