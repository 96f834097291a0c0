"""`python -m tests.faults.shifted FOLDER api ...`: a process of the house whose clock can be moved.

The product reads the time in two places, one for the doors and one for the workers; both add what the file
FOLDER/api says. PostgreSQL, Celery's own timers and Redis keep the machine's time, as on another machine.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path


def main() -> None:
    """Run the command as the house would, with our clock."""
    from workers import clock

    folder, name = Path(sys.argv.pop(1)), sys.argv[1]

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=ahead(folder, name))

    clock.now = now
    if name == "api":
        import app.main

        app.main._now = now
    import app.cli

    app.cli.main()


def ahead(folder: Path, name: str) -> float:
    """How many seconds this process's clock is ahead, less than 0 if it is behind."""
    try:
        return float((folder / name).read_text())
    except FileNotFoundError:
        return 0


def move(folder: Path, name: str, seconds: float) -> None:
    """Set how far ahead this process's clock is, from now on."""
    written = folder / f".{name}"
    written.write_text(str(seconds))
    written.rename(folder / name)


if __name__ == "__main__":
    main()
