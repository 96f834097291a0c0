"""One short seed of faults on real processes, and what a seed promises."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sandbox import house
from tests.faults import __main__, nemesis, playing
from tests.faults.checker import Verdict
from tests.faults.playing import Played, Progress, Wanted

SECONDS = 8
SEED = 31
ROOT = Path(__file__).parents[2]


def test_nothing_is_lost_and_nothing_done_twice_while_the_house_is_struck(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults", "--seeds", str(SEED), "--seconds", str(SECONDS)]
    command += ["--agents", "8", "--clients", "4", "--folder", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing done twice" in done.stdout
    kept = tmp_path / f"seed-{SEED}"
    # A plan that strikes nobody would prove nothing.
    planned = {each["name"] for each in json.loads((kept / "plan.json").read_text())}
    assert {"kill api", "kill worker"} <= planned
    assert all(f"{name} x" in done.stdout for name in planned)
    assert (kept / "history.jsonl").stat().st_size > 0
    assert (kept / "house" / "logs" / "api.log").stat().st_size > 0


@pytest.mark.parametrize(("broken", "exit_code", "verdict"), [([], 0, "clean"), (["lost"], 1, "BROKEN (1)")])
def test_a_broken_promise_is_told_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, broken: list[str], exit_code: int, verdict: str
) -> None:
    def played(wanted: Wanted, _: Progress) -> Played:
        return Played(wanted, 1, Counter(), Counter(), Counter(hold=3), Counter(), Verdict(), broken)

    monkeypatch.setattr(playing, "play", played)
    app = typer.Typer()
    app.command()(__main__.main)

    told = CliRunner().invoke(app, ["--seeds", "4-5"])

    assert (told.exit_code, told.stdout.count(verdict)) == (exit_code, 2)
    assert ["requests", "acknowledged", "6"] in [line.split() for line in told.stdout.splitlines()]


def test_a_seed_has_one_plan() -> None:
    assert nemesis.plan(7, 60) == nemesis.plan(7, 60)
    assert nemesis.plan(7, 60) != nemesis.plan(8, 60)


@pytest.mark.parametrize("seed", range(1, 26))
def test_nothing_is_struck_twice_at_once_and_all_is_over_in_time(seed: int) -> None:
    planned = nemesis.plan(seed, 60)

    assert len(planned) > 10
    assert all(each.at + each.seconds <= 60 for each in planned)
    for number, each in enumerate(planned):
        target = nemesis.FAULTS[each.name].target
        later = [other for other in planned[number + 1 :] if nemesis.FAULTS[other.name].target == target]
        assert all(other.at >= each.at + each.seconds for other in later)


def test_many_seeds_strike_everything() -> None:
    struck = {each.name for seed in range(1, 26) for each in nemesis.plan(seed, 60)}

    assert struck == set(nemesis.FAULTS)


def test_every_process_of_the_house_is_killed_and_stopped() -> None:
    for name in house.COMMANDS:
        assert {f"kill {name}", f"stop {name}"} <= set(nemesis.FAULTS)
