"""Postings per second through post_transaction(), against what one statement of the same width reaches.

The limit inserts one row as wide as an entry and updates one balance row, in one statement: no ledger that
commits every posting by itself can be faster. pgbench drives both, so that no client's speed is measured,
with the server's defaults (fsync on). A grant has four legs over four balance rows, a move two over two.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy.engine import make_url

from app.migrations.run import migrate
from bench import Figure, Progress
from sandbox import embedded

CLIENTS: Final = (1, 4, 8)
ROUNDS: Final = 3
SECONDS: Final = "1"

PREPARE: Final = """
CREATE TABLE limit_balance (LIKE balance INCLUDING ALL);
ALTER TABLE limit_balance SET (fillfactor = 50);
CREATE TABLE limit_entry (LIKE entry INCLUDING DEFAULTS);
ALTER TABLE limit_entry ADD COLUMN reference text PRIMARY KEY;
INSERT INTO limit_balance (account_id, shard)
SELECT number, 0
FROM generate_series(1, 1000) AS number;
SELECT posted.outcome
FROM generate_series(1, 1000) AS number
CROSS JOIN LATERAL post_transaction(
    'opening:' || number, '', 'opening', now(), 'bench', '{}',
    ARRAY['issued', 'agent:' || number, 'agent_held:' || number],
    ARRAY['CREDIT', 'CREDIT', 'CREDIT'],
    ARRAY[-2000000000, 1000000000, 1000000000]::bigint[]
) AS posted;
"""

SCRIPTS: Final = {
    "limit": """
\\set agent random(1, 1000)
WITH moved AS (
    UPDATE limit_balance SET posted = posted + 5, seq = seq + 1, last_at = clock_timestamp()
    WHERE account_id = :agent AND shard = 0 RETURNING seq, posted, last_at
)
INSERT INTO limit_entry
SELECT 1, 0, :agent, 0, 5, seq, posted, sha256(''), last_at, 'purchase:' || gen_random_uuid() FROM moved;
""",
    "grant, 4 legs": """
\\set agent random(1, 1000)
SELECT outcome FROM post_transaction(
    'purchase:' || gen_random_uuid(), sha256(''), 'purchase', now(), 'bench', '{}',
    ARRAY['clearing:' || 'stripe_checkout', 'prepaid_liability', 'issued', 'agent:' || :agent::integer],
    ARRAY['USD', 'USD', 'CREDIT', 'CREDIT'], ARRAY[-500, 500, -500, 500]::bigint[]
);
""",
    "move, 2 guarded legs": """
\\set agent random(1, 1000)
SELECT outcome FROM post_transaction(
    'hold:' || gen_random_uuid(), sha256(''), 'hold', now(), 'bench', '{}',
    ARRAY['agent:' || :agent::integer, 'agent_held:' || :agent::integer],
    ARRAY['CREDIT', 'CREDIT'], ARRAY[-1, 1]::bigint[]
);
""",
}


def measure(progress: Progress) -> Iterator[Figure]:
    """The rate of a grant and of a move at each number of clients; about half a minute."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, script in enumerate(SCRIPTS.values()):
            (folder / f"{place}.sql").write_text(script)
        progress("starting a database")
        with embedded.postgres(folder / "postgres") as url:
            migrate(url)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(PREPARE)
                connection.execute("VACUUM ANALYZE")
            for clients in CLIENTS:
                yield from _measure_clients(progress, url, folder, clients)


def _measure_clients(progress: Progress, url: str, folder: Path, clients: int) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in SCRIPTS}
    for turn in range(ROUNDS):
        # Interleaved, so that a busy moment of the machine meets all of them.
        for place, name in enumerate(SCRIPTS):
            progress(f"{clients} clients, round {turn + 1} of {ROUNDS}: {name}")
            rates[name].append(_rate(url, folder / f"{place}.sql", clients))
    limits = rates.pop("limit")
    for name, found in rates.items():
        # The round whose ratio is the median: a rate is only compared to the limit of the same seconds.
        rounds = sorted(zip(found, limits, strict=True), key=lambda pair: pair[0] / pair[1])
        rate, limit_rate = rounds[ROUNDS // 2]
        yield Figure(name=name, clients=clients, rate=rate, limit_rate=limit_rate)


def _rate(url: str, script: Path, clients: int) -> float:
    parsed = make_url(url)
    command = [
        *(str(embedded.binary("pgbench")), "--no-vacuum", "--protocol", "prepared", "--time", SECONDS),
        *("--client", str(clients), "--jobs", str(min(clients, os.cpu_count() or 1)), "--file", str(script)),
        *("--host", str(parsed.query["host"]), "--username", str(parsed.username), str(parsed.database)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    found = re.search(r"tps = ([\d.]+)", printed)
    if done.returncode or not found:
        raise RuntimeError(printed)
    return float(found[1])
