"""Code of before the newest migration at work on the schema of after it, as while a version is rolled out."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from app.migrations import schema

ROOT = Path(__file__).parents[2]
MIGRATIONS = Path("app", "migrations")
# Its own tests of holds and captures at the internal door, of quotes and purchases, of settling and granting.
ITS_WORK = ("tests/internal/test_operations.py", "tests/rails/test_purchase.py")


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def last_before(revision: str) -> str | None:
    """The last commit that did not know this migration, None where history does not reach so far."""
    path = str(MIGRATIONS / "versions" / f"{revision}.py")
    try:
        added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", path).decode().strip()
        # Not committed yet: everything that is committed is of before.
        return git("rev-parse", "--verify", f"{added}^{{commit}}^" if added else "HEAD").decode().strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return None


def lay_out(commit: str, folder: Path) -> None:
    """The code of a commit with the migrations of now."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as packed:
        packed.extractall(folder, filter="data")
    shutil.rmtree(folder / MIGRATIONS / "versions")
    shutil.copytree(ROOT / MIGRATIONS / "versions", folder / MIGRATIONS / "versions")
    for name in ("grants.sql", "steps.py"):
        shutil.copy(ROOT / MIGRATIONS / name, folder / MIGRATIONS / name)


@pytest.mark.timeout(900)
def test_code_of_before_the_newest_migration_works_on_its_schema(tmp_path: Path) -> None:
    before = last_before(schema.REVISIONS[-1])
    if before is None:
        pytest.skip("this clone has no history of before the newest migration")
    lay_out(before, tmp_path)

    old = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *ITS_WORK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert old.returncode == 0, old.stdout[-4000:] + old.stderr[-1000:]
    assert " passed" in old.stdout
