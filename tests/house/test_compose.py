"""`docker-compose.yml` is true: each service of ours runs natively by its own command and environment."""

import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy.engine import make_url

from sandbox import embedded
from sandbox.processes import Child, child
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
GIVEN = {
    "POSTGRES_PASSWORD": "only-for-this-test",
    "PENNYRAIL_APP_PASSWORD": "only-for-this-test-too",
    "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
    "STRIPE_WEBHOOK_SECRETS": "whsec_" + "0" * 24,
    "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1:8402",
    "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return parsed


def environment(service: Mapping[str, Any], **native: str) -> dict[str, str]:
    """The service's own environment, filled in as compose would, with the services' native addresses."""
    filled = {
        name: re.sub(
            r"\$\{(\w+)(?::?[-?]([^}]*))?\}", lambda found: GIVEN.get(found[1], found[2] or ""), str(value)
        )
        for name, value in service["environment"].items()
    }
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | filled | native


def natively(service: Mapping[str, Any], *, port: int) -> list[str]:
    program, *arguments = service["command"]
    assert program == "pennyrail"
    arguments = ["127.0.0.1" if each == "0.0.0.0" else each for each in arguments]  # noqa: S104
    return [
        str(Path(sys.executable).parent / program),
        *(str(port) if each == "8402" else each for each in arguments),
    ]


def natively_at(owner_url: str, given: str) -> str:
    """`given` on the server of `owner_url`, whose owner has another name than in compose."""
    user = make_url(given).username
    named = "postgres" if user == "pennyrail" else user
    return make_url(owner_url).set(username=named).render_as_string(hide_password=False)


def test_compose_has_every_service_and_only_known_images(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "redis", "migrate", "api", "worker", "beat"}
    assert {services[name]["image"] for name in ("migrate", "api", "worker", "beat")} == {"pennyrail:local"}
    assert (ROOT / "Dockerfile").exists()


def test_each_service_of_ours_runs_by_its_own_command(services: dict[str, Any], tmp_path: Path) -> None:
    with (
        embedded.postgres(tmp_path / "postgres") as owner_url,
        embedded.redis(tmp_path / "redis") as redis_url,
    ):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        started: dict[str, Child] = {}
        try:
            for name in ("migrate", "api", "worker", "beat"):
                given = environment(services[name], REDIS_URL=redis_url)
                for each in given.keys() & {"DATABASE_URL", "PENNYRAIL_MIGRATE_DATABASE_URL"}:
                    given[each] = natively_at(owner_url, given[each])
                started[name] = child(
                    natively(services[name], port=port), log=tmp_path / f"{name}.log", environment=given
                )
                if name == "migrate":
                    assert started[name].process.wait(60) == 0, (tmp_path / "migrate.log").read_text()
            eventually(lambda: _healthy(port))
            eventually(lambda: " ready." in (tmp_path / "worker.log").read_text())
            eventually(lambda: "beat: Starting" in (tmp_path / "beat.log").read_text())
            assert not any(running.ended for name, running in started.items() if name != "migrate")
        finally:
            for running in started.values():
                running.stop()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
