"""docs/writing-a-rail.md: its commands run as they stand, and its code is that of the example rail."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "writing-a-rail.md").read_text()
EXAMPLE = ROOT / "tests" / "example_rail" / "bank_transfer"


def blocks(language: str) -> list[str]:
    """The blocks of the guide in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder that knows the command `pennyrail`."""
    command = tmp_path / "bin" / "pennyrail"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}:$PYTHONPATH" exec {sys.executable} -m app.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.mark.timeout(600)
def test_the_commands_of_the_guide_make_a_rail_that_passes_and_is_plugged_in(folder: Path) -> None:
    script = "set -e\n" + "\n".join(blocks("sh"))

    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rail conformance: PaperVoucher" in done.stdout
    assert "agent_settleable: false" in done.stdout
    assert "0 FAILED" in done.stdout
    assert "PENNYRAIL_RAILS: paper_voucher:build" in done.stdout


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.strip().partition("\n")[0][:40])
def test_the_code_of_the_guide_is_that_of_the_example_rail(block: str) -> None:
    # The example is run by the conformance suite, and is what a new rail begins with.
    assert [file.name for file in EXAMPLE.glob("*.py") if block in file.read_text()]


def test_the_guide_names_every_file_of_a_new_rail() -> None:
    named = set(re.findall(r"^\| `(\w+\.py)` \|", GUIDE, re.MULTILINE))

    assert named == {file.name for file in EXAMPLE.glob("*.py")}
