"""Schemathesis plays against the doors by their own document: every check, well-formed and malformed input.

`make fuzz` plays more than two thousand cases; here every door gets a few beside the systematic ones.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import Doors

ROOT = Path(__file__).parents[2]
FUZZ = int(os.environ.get("PENNYRAIL_FUZZ_EXAMPLES", "0"))
"""For each door and each kind of input, at random; by default the same few every time."""
FEW = 8


def play(doors: Doors, *, token: str | None, folder: Path, phases: str) -> str:
    """What Schemathesis says at the end of a run; the folder keeps its notes."""
    arguments = [
        "--config-file",
        str(ROOT / "tests" / "app" / "fuzzing.toml"),
        "run",
        f"{doors.url}/openapi.json",
        *("--url", doors.url, "--checks", "all", "--phases", phases, "--no-color", "--no-shrink"),
        *("--max-examples", str(FUZZ or FEW), *(() if FUZZ else ("--generation-deterministic",))),
        *(("--header", f"Authorization: Bearer {token}") if token else ()),
    ]
    # As a process of its own: its plugin would make this run's warnings, and its failures, our own.
    done = subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cases(said: str) -> int:
    """How many requests were generated."""
    [generated] = re.findall(r"([\d,]+) generated", said)
    return int(str(generated).replace(",", ""))


@pytest.mark.timeout(1800)
def test_whatever_an_agent_sends_the_doors_answer_as_the_document_says(doors: Doors, tmp_path: Path) -> None:
    token = doors.agent().token

    said = play(doors, token=token, folder=tmp_path, phases="examples,coverage,fuzzing,stateful")

    assert cases(said) > (2000 if FUZZ else 500)
    assert "API Links" in said


@pytest.mark.timeout(1800)
def test_whatever_somebody_without_a_token_sends_the_doors_answer_as_the_document_says(
    doors: Doors, tmp_path: Path
) -> None:
    said = play(doors, token=None, folder=tmp_path, phases="examples,fuzzing")

    assert cases(said) > 50
