"""What commands say when they cannot do their work: a line or two, and no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = "postgresql://somebody:their-password@127.0.0.1:1/nowhere"
SETTINGS = ("DATABASE_URL", "REDIS_URL", "STRIPE_", "PENNYRAIL_")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", [("ledger", "verify"), ("migrate",)])
def test_a_database_that_is_down_is_told_in_one_line(command: tuple[str, ...]) -> None:
    refused = run(*command, DATABASE_URL=NOBODY)

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert refused.stderr.startswith("pennyrail: the database does not answer: ")
    assert "their-password" not in refused.stderr


@pytest.mark.parametrize("command", [("ledger", "verify"), ("migrate",), ("chain", "rescan", "0", "1")])
@pytest.mark.parametrize("url", ["nonsense", "mysql://127.0.0.1/x", "postgresql://127.0.0.1:port/x"])
def test_an_address_of_no_database_is_named_by_its_variable(command: tuple[str, ...], url: str) -> None:
    refused = run(*command, DATABASE_URL=url, PENNYRAIL_BASE_RPC_URL="http://127.0.0.1:1")

    assert refused.returncode == 1
    assert "\n  DATABASE_URL: must be an address like postgresql://" in refused.stderr
    assert url not in refused.stderr


def test_a_database_without_tables_is_told_to_be_migrated(postgres_url: str) -> None:
    refused = run("ledger", "verify", DATABASE_URL=postgres_url)

    assert (refused.returncode, "run `pennyrail migrate` first" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (("chain", "rescan", "0", "1"), {"DATABASE_URL", "PENNYRAIL_BASE_RPC_URL"}),
        (("beat",), {"REDIS_URL", "PENNYRAIL_PUBLIC_URL"}),
        (
            ("worker",),
            {
                "DATABASE_URL",
                "REDIS_URL",
                "STRIPE_SECRET_KEY",
                "STRIPE_WEBHOOK_SECRETS",
                "PENNYRAIL_BASE_RPC_URL",
                "PENNYRAIL_PUBLIC_URL",
            },
        ),
    ],
)
def test_every_missing_setting_is_named_at_once(command: tuple[str, ...], missing: set[str]) -> None:
    refused = run(*command)

    assert refused.returncode == 1
    named = {line.strip().removesuffix(" is missing") for line in refused.stderr.splitlines()[1:-1]}
    assert named == missing


def test_a_rescan_goes_forward() -> None:
    refused = run("chain", "rescan", "5", "0")

    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "before the first" in refused.stderr


def test_dev_starts_nothing_where_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = run("dev", "--folder", str(tmp_path / "dev"), "--port", str(port))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"pennyrail: port {port} is in use; choose another with --port\n"
    assert not (tmp_path / "dev" / "postgres").exists()


@pytest.mark.parametrize(
    "options",
    [("--port", "99999"), ("--folder", "/etc/passwd"), ("--folder", "/etc/passwd/dev", "--port", "0")],
)
def test_dev_refuses_what_is_no_port_and_no_folder(options: tuple[str, ...]) -> None:
    refused = run("dev", *options)

    assert refused.returncode in (1, 2)
    assert (refused.stdout, "Traceback" in refused.stderr) == ("", False)
    assert options[0] in refused.stderr
