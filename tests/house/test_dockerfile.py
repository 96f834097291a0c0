"""The image is small, exact, nobody's, and without the sandbox."""

import json
import re
import tomllib

from app.cli import cli
from tests.house import dockerfile
from tests.house.dockerfile import ROOT

INSTRUCTIONS = dockerfile.read()
LOCKED = re.compile(
    r"^([a-z0-9._-]+)==([^ ;\\]+)([^\\]*)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", re.MULTILINE
)


def all_of(word: str, stage: str | None = None) -> list[str]:
    return [each.rest for each in INSTRUCTIONS if each.word == word and stage in (None, each.stage)]


def locked(name: str) -> dict[str, set[str]]:
    """Package and version of a lock, each with its hashes."""
    return {
        f"{found[1]}=={found[2]}": set(re.findall(r"sha256:\w+", found[4]))
        for found in LOCKED.finditer((ROOT / name).read_text())
    }


def test_every_base_is_an_exact_version_that_a_digest_can_replace() -> None:
    bases = dict(each.split("=") for each in all_of("ARG", ""))

    assert {f"${{{name}}}" for name in bases} == {each.split(" ")[0] for each in all_of("FROM")}
    for base in bases.values():
        assert re.fullmatch(r"\w+:\d+\.\d+\.\d+-[\w-]+(@sha256:[0-9a-f]{64})?", base), base


def test_the_python_is_the_one_that_types_and_locks_are_made_for() -> None:
    base = dict(each.split("=") for each in all_of("ARG", ""))["PYTHON_IMAGE"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert base.startswith(f"python:{project['tool']['mypy']['python_version']}.")


def test_nobody_runs_it_by_number_and_the_process_hears_signals() -> None:
    [user] = all_of("USER", "runtime")
    [command] = all_of("CMD", "runtime")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    program, name, *_ = json.loads(command)
    assert program == "pennyrail"
    assert name in {each.name or each.callback.__name__ for each in cli.registered_commands if each.callback}
    assert all_of("STOPSIGNAL") == ["SIGTERM"]
    assert len(all_of("HEALTHCHECK")) == 1
    order = [each.word for each in INSTRUCTIONS if each.stage == "runtime"]
    assert "RUN" not in order[order.index("USER") :]


def test_nothing_is_compiled_downloaded_or_installed_but_by_hash() -> None:
    runs = " && ".join(all_of("RUN"))

    assert not all_of("ADD")
    assert not re.search(r"curl|wget|apt-get|gcc|build-essential|git clone|chmod 777|sudo", runs)
    for step in re.findall(r"pip install [^&]*", runs):
        assert "--require-hashes --only-binary :all: -r " in step or "--no-deps --no-index" in step, step
    assert "npm ci " in runs
    assert "npm install" not in runs


def test_no_secret_is_in_the_image_or_its_history() -> None:
    named = " ".join([*all_of("ENV"), *all_of("ARG"), *all_of("LABEL")])

    assert not re.search(r"SECRET|PASSWORD|TOKEN|_KEY|_URL", named)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source for each in all_of("COPY") if not each.startswith("--from=") for source in each.split(" ")[:-1]
    }
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    assert copied == allowed
    assert all((ROOT / each).exists() for each in copied)


def test_the_runtime_is_what_the_builder_made_and_nothing_else() -> None:
    assert all_of("COPY", "runtime") == ["--from=builder /opt/pennyrail /opt/pennyrail"]
    assert all(each.startswith("install -d ") for each in all_of("RUN", "runtime"))


def test_every_room_of_the_service_is_in_the_image_and_the_sandbox_is_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {each.rstrip("*") for each in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = {each.split(" ")[0] for each in all_of("COPY", "builder")}

    assert rooms - copied == {"sandbox"}


def test_the_lock_of_production_is_a_part_of_the_lock_that_is_tested() -> None:
    whole, production, build = (locked(f"requirements{each}.lock") for each in ("", "-production", "-build"))

    assert len(production) > 100
    assert production.keys() <= whole.keys()
    assert all(production[each] == whole[each] for each in production)
    assert [each.partition("==")[0] for each in build] == ["setuptools"]
    assert build.keys() <= whole.keys()


def test_the_lock_of_production_has_what_the_service_names_and_nothing_of_sandbox_and_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {each.partition("==")[0] for each in locked("requirements-production.lock")}
    extras = {
        extra: {re.split(r"[\[>; ]", each)[0] for each in needed}
        for extra, needed in project["optional-dependencies"].items()
    }

    assert {re.split(r"[\[>; ]", each)[0] for each in project["dependencies"]} | extras["telemetry"] <= names
    assert not names & (extras["sandbox"] | extras["dev"] | extras["bench"])


def test_no_lock_names_a_registry() -> None:
    for name in ("requirements.lock", "requirements-production.lock", "requirements-build.lock"):
        assert "http" not in re.sub(r"[\w-]*http[\w-]*==|#.*", "", (ROOT / name).read_text()), name
