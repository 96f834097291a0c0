"""What the house is made of is listed whole, and an audit that reached nobody is not a clean one."""

import json
import re
from pathlib import Path

import pytest

from tests.supply import audit, sbom

CLEAN = {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
SKIPPED = {"dependencies": [{"name": "a", "skip_reason": "not found"}]}
WEAK = {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}
PARTLY = {"dependencies": [*CLEAN["dependencies"], *SKIPPED["dependencies"]]}
NPM_CLEAN = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 3}}}
NPM_WEAK = {**NPM_CLEAN, "vulnerabilities": {"b": {"severity": "high"}}}


@pytest.mark.parametrize(
    ("pip_said", "npm_said", "code"),
    [
        (CLEAN, NPM_CLEAN, 0),
        (WEAK, NPM_CLEAN, 1),
        (CLEAN, NPM_WEAK, 1),
        (SKIPPED, NPM_WEAK, 1),
        (SKIPPED, NPM_CLEAN, audit.NOT_REACHED),
        (PARTLY, NPM_CLEAN, audit.NOT_REACHED),
        (None, NPM_CLEAN, audit.NOT_REACHED),
        (CLEAN, {"message": "405 Method Not Allowed"}, audit.NOT_REACHED),
        (CLEAN, None, audit.NOT_REACHED),
    ],
)
def test_an_audit_is_clean_only_if_everybody_was_asked(pip_said: object, npm_said: object, code: int) -> None:
    answers = [audit.of_pip_audit(pip_said), audit.of_npm(npm_said)]

    assert audit.exit_code(answers) == code
    assert ("NOT AUDITED" in "\n".join(map(audit.told, answers))) == (
        code == audit.NOT_REACHED or pip_said is SKIPPED
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sbom.write(tmp_path_factory.mktemp("sbom"))


def test_the_bill_of_materials_lists_every_locked_package_with_its_hashes(written: list[Path]) -> None:
    python, node = written

    locked = re.findall(
        r"^([\w.-]+)==([\w.+!-]+)", (sbom.ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    listed = json.loads(python.read_text())["components"]
    assert {(each["name"], each["version"]) for each in listed} == set(locked)
    assert all(each["externalReferences"] or each["hashes"] for each in listed)
    wanted = json.loads((sbom.ROOT / "package-lock.json").read_text())["packages"]
    names = {path.rpartition("node_modules/")[2] for path in wanted if path}
    shown = json.loads(node.read_text())["components"]
    assert {
        f"{each['group']}/{each['name']}" if each.get("group") else each["name"] for each in shown
    } >= names


def test_what_is_no_bill_of_materials_is_told(written: list[Path]) -> None:
    python, _ = written
    spoilt = json.loads(python.read_text())
    spoilt["components"][0]["type"] = "potato"

    assert sbom.problem(python.read_text()) is None
    assert "potato" in (sbom.problem(json.dumps(spoilt, indent=2)) or "")


def test_everything_that_is_installed_is_locked_by_its_hash() -> None:
    lock = (sbom.ROOT / "requirements.lock").read_text()

    pinned = re.split(r"\n(?=[A-Za-z0-9])", lock)
    unhashed = [each.partition(" ")[0] for each in pinned if "==" in each and "--hash=sha256:" not in each]
    packages = json.loads((sbom.ROOT / "package-lock.json").read_text())["packages"]

    assert not unhashed
    assert all("integrity" in each for path, each in packages.items() if path)
    assert "--require-hashes -r requirements.lock" in (sbom.ROOT / "Makefile").read_text()
