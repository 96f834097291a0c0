"""New migrations make nobody wait and break no code that still runs (docs/runbooks/migrations.md)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.migrations import schema

VERSIONS = Path(schema.__file__).with_name("versions")
# Written before anybody was served.
LAST_FREE = "0027_agents_found"
LONGEST_LOCK_MS = 5_000
EXEMPT = "-- allowed:"
_UNITS = {"ms": 1, "": 1, "s": 1_000, "min": 60_000}
ADDED = r"ADD (COLUMN )?(IF NOT EXISTS )?(?!CONSTRAINT)\w+ "
FAULTS = {
    "makes an index while writers wait: steps.make_index": r"^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)",
    "adds a column that rows cannot have": rf"{ADDED}(?!.*DEFAULT).*NOT NULL",
    "writes every row anew for a column": (
        rf"{ADDED}.*(random\(|clock_timestamp|_uuid\(|uuidv\d|nextval|serial|STORED|IDENTITY)"
    ),
    "writes every row anew for a type": r"ALTER (COLUMN )?\w+ (SET DATA )?TYPE ",
    "reads every row under a lock: NOT VALID, and VALIDATE in the next migration": (
        r"ADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)(?!.*NOT VALID)|ADD COLUMN .* REFERENCES "
    ),
    "reads every row under a lock: a valid CHECK first": r"ALTER (COLUMN )?\w+ SET NOT NULL",
    "makes an index under a lock: USING INDEX": r"ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY)(?! USING INDEX)",
    "locks a table for long": r"^(LOCK|CLUSTER|VACUUM FULL|REINDEX (?!.*CONCURRENTLY)|TRUNCATE)\b",
    "changes rows in one transaction: a task that does some at a time": r"^(UPDATE|DELETE FROM) ",
}
BREAKS = r"DROP (TABLE|COLUMN|FUNCTION|VIEW|TYPE)|RENAME |ALTER (COLUMN )?\w+ SET NOT NULL"


def statements(text: str) -> Iterator[str]:
    """The statements of a migration without the insides of functions, each on a line, its comments first."""
    flat = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", text, flags=re.DOTALL)
    for part in flat.split(";"):
        allowed = EXEMPT in part
        bare = " ".join(re.sub(r"--[^\n]*", "", part).split())
        if bare:
            yield f"{EXEMPT} {bare}" if allowed else bare


def in_python(text: str) -> str:
    """What a migration's module executes itself."""
    return ";".join(re.findall(r'op\.execute\(\s*f?"([^"]*)"', text))


def faults(sql: str, *, needs_code: bool = False) -> list[str]:
    """What is wrong with a migration of these statements."""
    made = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", sql))
    found = []
    if "NOT VALID" in sql and "VALIDATE CONSTRAINT" in sql:
        found.append("validates under the lock of adding: in the next migration")
    for statement in statements(sql):
        if statement.startswith(EXEMPT):
            continue
        about = re.search(
            r"(?:ALTER TABLE(?: IF EXISTS)?(?: ONLY)?|\bON|^UPDATE|^DELETE FROM) (\w+)", statement
        )
        if about is None or about[1] not in made:
            found += [fault for fault, way in FAULTS.items() if re.search(way, statement, re.IGNORECASE)]
        if re.search(BREAKS, statement, re.IGNORECASE) and not needs_code:
            found.append("takes away what running code may use: needs_code")
        waits = re.search(r"lock_timeout *(?:=|TO) *'?(\d+)(ms|s|min|)'?", statement)
        if waits and not 0 < int(waits[1]) * _UNITS[waits[2]] <= LONGEST_LOCK_MS:
            found.append("lets others wait behind it for long")
    return found


def new_migrations() -> list[Path]:
    return [VERSIONS / f"{name}.py" for name in schema.REVISIONS if name > LAST_FREE]


@pytest.mark.parametrize("file", new_migrations(), ids=lambda file: file.stem)
def test_a_new_migration_makes_nobody_wait(file: Path) -> None:
    beside, module = file.with_suffix(".sql"), file.read_text()
    sql = in_python(module) + ";" + (beside.read_text() if beside.exists() else "")

    assert faults(sql, needs_code="\nneeds_code = " in module) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX a ON hold (agent_id)",
        "ALTER TABLE hold ADD COLUMN a text NOT NULL",
        "ALTER TABLE hold ADD a text NOT NULL",
        "ALTER TABLE hold ADD COLUMN a uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE hold ALTER COLUMN a TYPE bigint",
        "ALTER TABLE hold ADD CONSTRAINT a CHECK (b > 0)",
        "ALTER TABLE hold ADD COLUMN a text REFERENCES agent",
        "ALTER TABLE hold ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE hold ADD CONSTRAINT a UNIQUE (b)",
        "ALTER TABLE hold DROP COLUMN a",
        "ALTER TABLE hold RENAME COLUMN a TO b",
        "DROP TABLE hold",
        "UPDATE hold SET a = 1",
        "LOCK TABLE hold",
        "ALTER TABLE hold ADD CONSTRAINT a CHECK (b > 0) NOT VALID; ALTER TABLE hold VALIDATE CONSTRAINT a",
        "SET LOCAL lock_timeout = '1min'",
        "SET lock_timeout = 0",
    ],
)
def test_what_would_make_others_wait_is_found(statement: str) -> None:
    assert faults(f"SELECT 1; {statement}; SELECT 2")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE hold ADD COLUMN a text",
        "ALTER TABLE hold ADD COLUMN a uuid",
        "ALTER TABLE hold VALIDATE CONSTRAINT a",
        "ALTER TABLE hold ADD COLUMN a integer NOT NULL DEFAULT 0",
        "ALTER TABLE hold ADD CONSTRAINT a CHECK (b > 0) NOT VALID",
        "CREATE TABLE new (a text PRIMARY KEY); CREATE INDEX b ON new (a); UPDATE new SET a = ''",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE hold SET a = 1; $$",
        "-- allowed: a dozen rows\nUPDATE account_class SET a = 1",
        "SET LOCAL lock_timeout = '5s'",
    ],
)
def test_what_makes_nobody_wait_passes(sql: str) -> None:
    assert faults(sql) == []
    assert faults("ALTER TABLE hold DROP COLUMN a", needs_code=True) == []
