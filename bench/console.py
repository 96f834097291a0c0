"""Every page of the console over a million purchases, against the same page over a thousand; and exports."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from pydantic import SecretStr

from bench import Figure, Row
from bench._pages import Page, pages
from bench._run import Run
from bench._server import connect
from bench._serving import environment, serving
from bench._shop import shop
from ledger import database
from office import operators, proofs
from office.actor import Actor
from office.settings import ConsoleSettings
from outbound import vault

LIMIT: Final = 5
"""How many times longer than over the small shop a page may take."""
ASKED: Final = 21
WARM: Final = 2
EXPORTED: Final = (("journal", "hledger"), ("purchases", "csv"), ("audit", "parquet"))
MORE_MEMORY: Final = 1.5
"""How many times more memory the process of a large export may have than that of a small one."""
_EMAIL: Final = "bench@example.com"
_PASSWORD: Final = "as long as it needs to be"  # noqa: S105


@dataclass(frozen=True)
class Exported:
    """An export, and the memory that its process had at most."""

    rows: int
    megabytes: float


@dataclass
class Door:
    """One of the two shops, with somebody who is signed in at its console."""

    url: str
    http: httpx.Client
    pages: dict[str, Page]
    taken: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, name: str) -> float:
        """How long a page takes, in milliseconds.

        raises: RuntimeError for a page that does not open
        """
        began = time.perf_counter()
        answer = self.http.get(self.pages[name].path)
        taken = (time.perf_counter() - began) * 1000
        # No role may open every page: what an admin may not propose is refused as fast as it is shown.
        if answer.status_code not in (200, 303, 403):
            raise RuntimeError(f"{self.pages[name].path} answered {answer.status_code}")
        return taken

    def p95(self, name: str) -> float:
        """The time that 95 of 100 requests did not need."""
        return sorted(self.taken[name])[int(len(self.taken[name]) * 0.95)]


def measure(run: Run) -> Iterator[Row]:
    """The p95 of every page over the large shop; the limit is five times that over the small one."""
    with ExitStack() as stack:
        small, large = (_door(run, stack, purchases=count) for count in run.effort.purchases)
        for place, name in enumerate(small.pages):
            run.progress(f"page {place + 1} of {len(small.pages)}: {name}")
            _time(small, large, name)
            yield Figure(
                name,
                clients=1,
                value=large.p95(name),
                limit=LIMIT * small.p95(name),
                unit="ms",
                goal=1.0,
                series="pages",
            )

    for data_set, form in EXPORTED:
        run.progress(f"export of {data_set} as {form}")
        few, many = (_exported(door.url, data_set, form) for door in (small, large))
        yield Figure(
            f"{data_set}.{form}, {many.rows:,} rows",
            clients=1,
            value=many.megabytes,
            limit=MORE_MEMORY * few.megabytes,
            unit="MB",
            goal=1.0,
            series="exports",
        )


def _exported(url: str, data_set: str, form: str) -> Exported:
    done = subprocess.run(
        [sys.executable, "-m", "bench._exporting", data_set, form],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Exported(**json.loads(done.stdout))


def _time(small: Door, large: Door, name: str) -> None:
    for turn in range(WARM + ASKED):
        # In turns, so that whatever else the machine does meets both.
        for door in (small, large):
            taken = door.ask(name)
            if turn >= WARM:
                door.taken.setdefault(name, []).append(taken)


def _door(run: Run, stack: ExitStack, *, purchases: int) -> Door:
    key = vault.new_key()
    url = shop(run.server, f"shop_{purchases}", purchases=purchases, progress=run.progress)
    settings = {
        **environment(url),
        "PENNYRAIL_CONSOLE_KEYS": key,
        "PENNYRAIL_LIMIT_STRANGERS_PER_MINUTE": "0",
    }
    secret = _operator(url, key)
    with connect(url) as connection:
        found = {page.name: page for page in pages(connection)}
    port = stack.enter_context(serving(run, settings, f"shop_{purchases}"))
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120)
    stack.callback(http.close)
    proof = {"email": _EMAIL, "password": _PASSWORD, "code": proofs.code(secret, now=datetime.now(UTC))}
    answer = http.post("/console/sign-in", data=proof, headers={"accept": "application/json"})
    http.headers["authorization"] = f"Bearer {answer.json()['token']}"
    return Door(url, http, found)


def _operator(url: str, key: str) -> str:
    """An operator who may see every page; the secret of its app."""
    secret, then = proofs.new_secret(), datetime.now(UTC) - timedelta(minutes=5)
    engine = database.connect(url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            _, invitation = operators.invite(
                session,
                email=_EMAIL,
                name="Bench",
                role="admin",
                by=Actor("bench"),
                good_for=timedelta(hours=1),
                now=then,
            )
            operators.enrol(
                session,
                email=_EMAIL,
                invitation=invitation,
                password=_PASSWORD,
                secret=secret,
                code=proofs.code(secret, now=then),
                vault=ConsoleSettings(keys=(SecretStr(key),)).vault,
                now=then,
            )
    finally:
        engine.dispose()
    return secret
