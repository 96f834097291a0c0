"""docs/schema.sql, the page to read to see the database; `make schema` writes it anew."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from app.migrations.run import migrate
from sandbox import embedded

SNAPSHOT: Final = Path(__file__).parents[2] / "docs" / "schema.sql"
HEADER: Final = "-- The schema after every migration. Written by: make schema\n"


def dump(database_url: str) -> str:
    """The schema of a database without what differs between two dumps of the same schema."""
    command = [
        str(embedded.binary("pg_dump")),
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        database_url,
    ]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Versions, session settings and random tokens of pg_dump say nothing about the schema.
    noise = re.compile(r"^(--.*|SET .*;|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.MULTILINE)
    body, functions = [], re.split(r"(\$(?:\w*)\$.*?\$(?:\w*)\$)", dumped, flags=re.DOTALL)
    for place, part in enumerate(functions):
        # Every second part is the text of a function, whose comments and settings are its own.
        body.append(part if place % 2 else noise.sub("", part))
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", "".join(body)).strip() + "\n"


def main() -> None:
    """Write the snapshot from a throw-away database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.postgres(Path(folder) / "postgres", settings={"fsync": "off"}) as url,
    ):
        migrate(url)
        SNAPSHOT.write_text(dump(url))


if __name__ == "__main__":
    main()
