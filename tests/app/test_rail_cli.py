"""`pennyrail rail`: a new rail passes as it is written, what cannot be written is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.rail_kit import scaffold
from app.rail_kit.report import Row, table
from app.rail_kit.scaffold import CannotWrite

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "example_rail" / "bank_transfer"
FILES = ["__init__.py", "harness.py", "rail.py", "sandbox.py", "settings.py", "test_conformance.py"]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command, as a process of its own outside this repository's folder."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "rail", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "300", **environment},
    )


def test_a_new_rail_is_enabled_by_one_setting(tmp_path: Path) -> None:
    run("new", "paper_voucher", "--into", str(tmp_path))

    listed = run("list", "--json", PYTHONPATH=f"{ROOT}:{tmp_path}", PENNYRAIL_RAILS="paper_voucher:build")

    rails = {each["rail_id"]: each for each in json.loads(listed.stdout)}
    assert rails["paper_voucher"]["asked_for_by"] == "PENNYRAIL_RAILS: paper_voucher:build"
    assert set(rails) == {"paper_voucher", "stripe_checkout", "stripe_x402.exact.usdc"}


def test_a_new_rail_goes_by_its_name_everywhere(tmp_path: Path) -> None:
    written = scaffold.write("paper_voucher", into=tmp_path)

    text = "".join(file.read_text() for file in written)
    assert [file.name for file in written] == FILES
    assert not [
        word for word in ("bank_transfer", "BankTransfer", "BANK_TRANSFER", "bank-transfer") if word in text
    ]
    for word in (
        'RAIL_ID: Final = "paper_voucher"',
        "class PaperVoucher:",
        "PAPER_VOUCHER_",
        "paper-voucher-payments",
    ):
        assert word in text, word


@pytest.mark.parametrize("name", ["Voucher", "1st", "a-b", "a__b", "_a", "a_", "", "x" * 33, "rail\n", "ü"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotWrite, match="is no name of a rail"):
        scaffold.write(name, into=tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["class", "json", "rails", "httpx"])
def test_a_name_that_python_has_already_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotWrite, match=f"a module or word {name} already"):
        scaffold.write(name, into=tmp_path)


def test_the_name_of_an_installed_rail_is_refused(tmp_path: Path) -> None:
    refused = CliRunner().invoke(cli, ["rail", "new", "stripe_checkout", "--into", str(tmp_path)])

    assert refused.exit_code == 2
    assert "a rail stripe_checkout is installed already" in " ".join(refused.output.replace("│", " ").split())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "paper_voucher" / "rail.py"
    mine.parent.mkdir()
    mine.write_text("# a week of work")

    with pytest.raises(CannotWrite, match="nothing is overwritten"):
        scaffold.write("paper_voucher", into=tmp_path)

    assert mine.read_text() == "# a week of work"
    assert list(mine.parent.iterdir()) == [mine]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotWrite, match="cannot be written: Not a directory"):
        scaffold.write("paper_voucher", into=tmp_path / "file")


@pytest.mark.parametrize("name", FILES)
def test_the_template_is_the_example_rail(name: str) -> None:
    template = ROOT / "app" / "rail_kit" / "template" / f"{name}.txt"

    assert template.read_text() == (EXAMPLE / name).read_text()


def test_a_rail_that_is_not_installed_cannot_be_checked() -> None:
    refused = CliRunner().invoke(cli, ["rail", "check", "paper_money"])

    assert refused.exit_code == 2
    assert "no rail paper_money is installed" in " ".join(refused.output.replace("│", " ").split())


def test_a_folder_without_a_suite_is_not_called_proven(tmp_path: Path) -> None:
    (tmp_path / "test_conformance.py").write_text("def test_nothing(): pass\n")

    checked = run("check", str(tmp_path))

    assert checked.returncode == 2
    assert "ran no test of the conformance suite" in checked.stderr


def test_a_report_tells_what_is_proven_what_is_not_and_why() -> None:
    rows = [
        Row("Mine", "limits", "both ends", "proven"),
        Row("Mine", "limits", "outside", "FAILED", "5001 was opened"),
        Row("Mine", "refund", "twice is once", "not shown", "the sandbox knows no refunds"),
        Row("Mine", "cancel", "is over", "not declared"),
    ]

    assert table(rows) == [
        "claim   | proven by",
        "limits  | both ends",
        "        | FAILED: outside (5001 was opened)",
        "refund  | not shown: twice is once (the sandbox knows no refunds)",
        "not declared: cancel",
        "1 proven, 1 not shown, 1 FAILED",
    ]


def test_a_report_of_a_rail_that_fails_is_json_and_exit_one(tmp_path: Path) -> None:
    (tmp_path / "test_conformance.py").write_text(
        "from rails.conformance.claims import proves\n"
        "import pytest\n"
        "class Fake:\n    rail = None\n"
        "class TestMine:\n"
        "    @pytest.fixture\n    def stage(self): return Fake()\n"
        "    @proves('limits')\n"
        "    def test_both_ends(self, stage): assert False, '5000 was refused'\n"
    )

    checked = run("check", str(tmp_path), "--json")

    assert checked.returncode == 1
    assert json.loads(checked.stdout) == [
        {
            "suite": "Mine",
            "claim": "limits",
            "test": "both ends",
            "came": "FAILED",
            "reason": "AssertionError: 5000 was refused",
        }
    ]
