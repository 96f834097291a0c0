"""`docker-compose.yml` is true: each service runs natively, by its own command and health check."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from sqlalchemy.engine import make_url

from sandbox import embedded
from sandbox.processes import Child, child
from tests.house.test_env_example import variables
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
GIVEN = {
    "POSTGRES_PASSWORD": "only-for-this-test",
    "PENNYRAIL_APP_PASSWORD": "only-for-this-test-too",
    "PENNYRAIL_API_PASSWORD": "only-for-doors",
    "PENNYRAIL_WORKER_PASSWORD": "only-for-tasks",
    "REDIS_PASSWORD": "onlyForThisQueue",
    "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
    "STRIPE_WEBHOOK_SECRETS": "whsec_" + "0" * 24,
    "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1:8402",
    "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
}
OURS = ("migrate", "api", "worker", "watcher", "beat")
BESIDE = ("postgres", "redis")
VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


def filled(text: str) -> str:
    """`text` as compose reads it: variables put in, and a doubled dollar is one."""
    return VARIABLE.sub(lambda found: GIVEN.get(found[1], found[3] or ""), text).replace("$$", "$")


def document() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = document()["services"]
    return found


@dataclass(frozen=True)
class Native:
    """This machine in place of the containers."""

    folder: Path
    owner_url: str
    port: int
    redis_port: int

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """The service's own environment, with the addresses of this machine."""
        # A name without a value is handed on if somebody has set it.
        given = {
            name: filled(str(value)) for name, value in service["environment"].items() if value is not None
        }
        # On this machine they would all listen at one.
        given |= {"PENNYRAIL_METRICS_HOST": "127.0.0.1", "PENNYRAIL_METRICS_PORT": str(_free_port())}
        for name in (name for name in given if name.endswith("DATABASE_URL")):
            given[name] = self._database(given[name])
        if "REDIS_URL" in given:
            given["REDIS_URL"] = given["REDIS_URL"].replace("redis:6379", f"127.0.0.1:{self.redis_port}")
        here = Path(sys.executable).parent
        return {
            "PATH": f"{here}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "PYTHONPATH": str(ROOT),
            **given,
        }

    def words(self, command: list[str]) -> list[str]:
        """A command of the file, with the places of this machine."""
        return [self._here(filled(word)) for word in command]

    def answers(self, service: Mapping[str, Any]) -> bool:
        """Whether the health check of a service is content."""
        kind, *words = service["healthcheck"]["test"]
        command = self.words(words) if kind == "CMD" else ["sh", "-c", *self.words(words)]
        asked = subprocess.run(
            command, env=self.environment(service), capture_output=True, timeout=60, check=False
        )
        return asked.returncode == 0

    def _here(self, word: str) -> str:
        if word == "0.0.0.0":  # noqa: S104
            return "127.0.0.1"
        places = {
            "8402": str(self.port),
            "/run/redis": str(self.folder),
            "--dir /data": f"--dir {self.folder} --bind 127.0.0.1 --port {self.redis_port}",
            "redis-cli ": f"redis-cli -p {self.redis_port} ",
            "/tmp": str(self.folder),  # noqa: S108
        }
        return re.sub("|".join(places), lambda found: places[found[0]], word)

    def _database(self, given: str) -> str:
        """The server here, whose owner has another name than in compose."""
        user = make_url(given).username
        named = "postgres" if user == "pennyrail" else user
        return make_url(self.owner_url).set(username=named).render_as_string(hide_password=False)


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Native]:
    with embedded.postgres(tmp_path / "postgres") as owner_url:
        yield Native(tmp_path, owner_url, _free_port(), _free_port())


def test_compose_knows_every_word_of_the_file() -> None:
    told = yaml.safe_load(filled((ROOT / "docker-compose.yml").read_text()))

    read = PyCompose.from_yaml(yaml.safe_dump(told)).to_dict()

    assert set(read["services"]) == {*OURS, *BESIDE}


def test_every_image_is_ours_or_an_exact_version(services: dict[str, Any]) -> None:
    assert {filled(services[name]["image"]) for name in OURS} == {"pennyrail:local"}
    for name in BESIDE:
        assert re.fullmatch(
            rf"{name}:\d+\.\d+(\.\d+)?-\w+(@sha256:[0-9a-f]{{64}})?", filled(services[name]["image"])
        )


def test_nothing_may_do_more_than_it_has_to(services: dict[str, Any]) -> None:
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} == set(limits), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
    assert {service.get("user") for name, service in services.items() if name in OURS} == {"10001:10001"}


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert {name: list(map(filled, ports)) for name, ports in published.items()} == {
        "api": ["127.0.0.1:8402:8402"]
    }
    assert document()["networks"]["inside"] == {"internal": True}
    assert {name for name in services if services[name]["networks"] == ["inside"]} == {*BESIDE, "migrate"}


def test_no_secret_has_a_default_and_the_owner_is_known_to_the_migration_alone(
    services: dict[str, Any],
) -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    for name, how, default in VARIABLE.findall(text):
        if re.search("PASSWORD|SECRET|_KEYS?$|RPC_URL", name):
            assert how == ":?" or (how, default) == (":-", ""), name
    knows_the_owner = {name for name in OURS if "${POSTGRES_PASSWORD" in str(services[name]["environment"])}
    assert knows_the_owner == {"migrate"}


def test_every_setting_of_a_service_is_handed_on() -> None:
    handed_on = set(document()["x-house"]["environment"])
    of_one_alone = {name for name in variables() if name.endswith("DATABASE_URL")}
    elsewhere = {"PENNYRAIL_ANVIL", "XDG_CONFIG_HOME", "PENNYRAIL_API_BASE_URL", "PENNYRAIL_TOKEN"}
    elsewhere |= {"PENNYRAIL_CONFIG_PATH", "PENNYRAIL_DISCOVERY_SOURCE"}
    elsewhere |= {name for name in variables() if name.startswith("PENNYRAIL_OPS_")}

    # Of OpenTelemetry's own, which its library reads by itself.
    of_a_library = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER"}

    assert handed_on - of_a_library == variables() - of_one_alone - elsewhere


def test_each_process_logs_in_as_who_it_is(services: dict[str, Any]) -> None:
    told = {name: services[name]["environment"].get("DATABASE_URL", "") for name in OURS}
    users = {name: make_url(filled(url)).username if url else None for name, url in told.items()}

    assert users == {
        "migrate": "pennyrail_app",
        "api": "pennyrail_app_api",
        "worker": "pennyrail_app_worker",
        "watcher": "pennyrail_app_worker",
        "beat": None,
    }


def test_each_service_runs_by_its_own_command_and_tells_its_health(
    services: dict[str, Any], native: Native
) -> None:
    running: dict[str, Child] = {}
    with ExitStack() as stack:

        def start(name: str) -> None:
            service = services[name]
            running[name] = child(
                native.words([*service.get("entrypoint", []), *service["command"]]),
                log=native.folder / f"{name}.log",
                environment=native.environment(service),
            )
            stack.callback(running[name].stop)

        assert not native.answers(services["redis"])
        start("redis")
        eventually(lambda: native.answers(services["redis"]))
        start("migrate")
        assert running.pop("migrate").process.wait(400) == 0, (native.folder / "migrate.log").read_text()
        # Of a worker nothing is known as long as no clock strikes.
        for name in ("api", "beat"):
            assert not native.answers(services[name]), name
        for name in ("api", "worker", "watcher", "beat"):
            start(name)

        for name in ("api", "worker", "watcher", "beat"):
            eventually(partial(native.answers, services[name]), seconds=400)

        assert {name: each.said() for name, each in running.items() if each.ended} == {}
        assert "NOPERM" not in "".join(each.said() for each in running.values())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
