"""Known weaknesses of what is locked, as far as those who list them can be asked."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
NOT_REACHED: Final = 75
"""The exit code if nobody could be asked: neither clean nor vulnerable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a list of advisories said. Not asked is not clean."""

    name: str
    asked: int
    left_out: int
    weaknesses: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether the list said something of anything."""
        return self.asked > self.left_out


def python_packages() -> Answer:
    """What the Python Package Index knows of requirements.lock."""
    command = [
        *(str(Path(sys.executable).with_name("pip-audit")), "--requirement", "requirements.lock"),
        *("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"),
    ]
    return of_pip_audit(_said(command))


def node_packages() -> Answer:
    """What npm's registry knows of package-lock.json."""
    return of_npm(_said(["npm", "audit", "--package-lock-only", "--json"]))


def of_pip_audit(said: Any) -> Answer:
    """The answer in pip-audit's JSON; nobody was reached if there is none."""
    packages = said.get("dependencies", []) if isinstance(said, dict) else []
    weak = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {found['fix_versions']}"
        for each in packages
        for found in each.get("vulns", [])
    ]
    return Answer("Python", len(packages), sum("skip_reason" in each for each in packages), tuple(weak))


def of_npm(said: Any) -> Answer:
    """The answer in npm's JSON; nobody was reached if it is an error."""
    if not isinstance(said, dict) or "vulnerabilities" not in said:
        return Answer("npm", 0, 0)
    weak = [f"{name}: {found['severity']}" for name, found in said["vulnerabilities"].items()]
    return Answer("npm", int(said["metadata"]["dependencies"]["total"]), 0, tuple(weak))


def exit_code(answers: list[Answer]) -> int:
    """1 if something is known to be weak, NOT_REACHED if somebody could not be asked, else 0."""
    if any(each.weaknesses for each in answers):
        return 1
    return 0 if all(each.reached and not each.left_out for each in answers) else NOT_REACHED


def told(answer: Answer) -> str:
    """One line, and one for each weakness."""
    if not answer.reached:
        return f"{answer.name}: NOT AUDITED, the list of advisories could not be reached from here"
    lines = [
        f"{answer.name}: {answer.asked - answer.left_out} packages, {len(answer.weaknesses)} weaknesses known"
    ]
    if answer.left_out:
        lines.append(f"  {answer.left_out} packages NOT AUDITED: nothing could be learnt of them")
    return "\n".join([*lines, *(f"  {each}" for each in answer.weaknesses)])


def _said(command: list[str]) -> Any:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None
