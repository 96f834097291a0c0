"""Writes one export to nowhere, and tells how much memory that took: for a process of its own."""

import json
import os
import resource
import sys
from datetime import UTC, datetime

from ledger import database
from office.exports import catalogue, snapshot
from office.exports.scope import Scope


def main(data_set: str, form: str) -> None:
    """Export everything there is of a data set, and print rows and the most megabytes that were resident."""
    engine = database.connect(os.environ["DATABASE_URL"], pool_size=2)
    rows = 0

    def told(more: int) -> None:
        nonlocal rows
        rows += more

    order = catalogue.order(data_set=data_set, format_name=form, scope=Scope(ends_at=datetime.now(UTC)))
    try:
        with (
            snapshot.opened(database.sessions(engine)) as session,
            open(os.devnull, "wb") as nowhere,
        ):
            catalogue.write(session, order, nowhere, told=told)
    finally:
        engine.dispose()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "megabytes": most}))


if __name__ == "__main__":
    main(*sys.argv[1:])
