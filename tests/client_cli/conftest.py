"""The command line of agents against a running house over fake rails."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from ledger.database import Sessions
from ledger.keys import SigningKey
from tests.app.conftest import Doors, opened, settings

Json = dict[str, Any]
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Ran:
    """What a command has printed, and what it ended with."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def envelope(self) -> Json:
        """The reply, having the seven parts that every reply has."""
        reply: Json = json.loads(self.stdout)
        assert set(reply) == {"ok", "command", "trace_id", "actor", "data", "warnings", "error"}
        assert isinstance(reply["warnings"], list)
        assert "Traceback" not in self.stderr
        return reply

    @property
    def data(self) -> Json:
        """The data of a reply that succeeded."""
        assert self.exit_code == 0, self.stdout + self.stderr
        assert self.envelope["ok"] is True
        data: Json = self.envelope["data"]
        return data

    @property
    def error(self) -> Json:
        """The error of a reply that was refused."""
        assert self.exit_code != 0, self.stdout
        assert self.envelope["ok"] is False
        error: Json = self.envelope["error"]
        return error


@dataclass(frozen=True)
class Shell:
    """Where an agent types its commands."""

    config: Path
    base_url: str

    def run(self, *words: str, stdin: str | None = None, **environment: str) -> Ran:
        """One command, in this process."""
        told = CliRunner().invoke(cli, list(words), input=stdin, env=self.environment(**environment))
        return Ran(told.exit_code, told.stdout, told.stderr)

    def spawn(self, *words: str, stdin: str | None = None, **environment: str) -> Ran:
        """One command, in a process of its own."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PENNYRAIL_")}
        given = {name: value for name, value in self.environment(**environment).items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            env=clean | given,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def environment(self, **changed: str) -> dict[str, str | None]:
        """The variables of this shell; None is one that is not set."""
        return {
            "PENNYRAIL_TOKEN": None,
            "PENNYRAIL_DISCOVERY_SOURCE": None,
            "PENNYRAIL_CONFIG_PATH": str(self.config),
            "PENNYRAIL_API_BASE_URL": self.base_url,
            "COLUMNS": "80",
            **changed,
        }

    def signed_up(self, *more: str) -> "Shell":
        """The same shell, with an agent's token saved."""
        assert self.run("signup", "--agent", "--agent-name", "a", "--runtime", "t", *more).exit_code == 0
        return self

    def elsewhere(self, base_url: str) -> "Shell":
        """The same shell, pointed at another service."""
        return replace(self, base_url=base_url)

    def saved(self) -> Json:
        """What is saved."""
        found: Json = json.loads(self.config.read_text())
        return found

    def bought(self) -> Json:
        """The data of a fresh attempt to buy 500 credits."""
        quoted = self.run(
            "credits", "quote", "--pack", "starter-500", "--payment-method", "fake_deposit"
        ).data
        quote_id = quoted["quote_id"]
        return self.run(
            "credits",
            "buy",
            "--provider=fake_deposit",
            f"--quote-id={quote_id}",
            f"--idempotency-key=purchase:{quote_id}",
        ).data


@pytest.fixture
def doors(sessions: Sessions) -> Iterator[Doors]:
    """A house with its doors open."""
    with opened(sessions, settings()) as found:
        yield found


@pytest.fixture
def shell(doors: Doors, tmp_path: Path) -> Shell:
    """A shell at the house, with nothing saved."""
    return Shell(tmp_path / "agent" / "config.json", doors.url)


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """A shell without a service."""
    return Shell(tmp_path / "agent" / "config.json", NOBODY)


@pytest.fixture
def key() -> SigningKey:
    """A key to sign receipts with."""
    return SigningKey.generate()
