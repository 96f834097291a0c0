"""The embedded servers: data survive, nothing is left running, and a crash needs no cleaning up."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from sandbox import embedded

QUICK = {"fsync": "off", "shared_buffers": "16MB"}

HOLD_SERVERS = """
import sys, time
from pathlib import Path
from sandbox import embedded
folder = Path(sys.argv[1])
with embedded.postgres(folder / "postgres", settings={"fsync": "off"}), embedded.redis(folder / "redis"):
    print("up", flush=True)
    time.sleep(60)
"""


def server_pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def processes_working_over(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Both servers work in their data folder, whatever they call themselves in the list of processes.
        with suppress(OSError):
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(int(entry.name))
    return found


def test_rows_are_still_there_after_a_restart(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "postgres", settings=QUICK) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    with embedded.postgres(tmp_path / "postgres", settings=QUICK) as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT answer FROM kept").fetchone()

    assert row == (42,)


def test_a_server_that_was_killed_starts_again_over_the_same_folder(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "postgres", settings=QUICK):
        os.kill(server_pid(tmp_path / "postgres"), signal.SIGKILL)

    with embedded.postgres(tmp_path / "postgres", settings=QUICK) as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT 1").fetchone()

    assert row == (1,)


def test_a_pid_file_whose_number_went_to_another_program_is_no_obstacle(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "postgres", settings=QUICK):
        pid_file = (tmp_path / "postgres" / "postmaster.pid").read_text()
    bystander = subprocess.Popen(["sleep", "30"], user=os.stat(tmp_path / "postgres").st_uid)
    try:
        lines = [str(bystander.pid), *pid_file.splitlines()[1:]]
        (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")

        with embedded.postgres(tmp_path / "postgres", settings=QUICK) as url:
            psycopg.connect(url).close()

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_second_server_over_the_same_folder_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "postgres", settings=QUICK) as url:
        with (
            pytest.raises(embedded.CannotStart, match=r"postmaster\.pid"),
            embedded.postgres(tmp_path / "postgres", settings=QUICK),
        ):
            pass

        psycopg.connect(url).close()


def test_a_very_long_folder_name_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / ("longer-" * 20)

    with embedded.postgres(folder, settings=QUICK) as url:
        psycopg.connect(url).close()


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_server_is_left_behind_however_the_process_dies(tmp_path: Path, death: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_SERVERS, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        working = processes_working_over(tmp_path)

        process.send_signal(death)
        process.wait()

    deadline = time.monotonic() + 10
    while processes_working_over(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(working) > 2
    assert processes_working_over(tmp_path) == []
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_redis_keeps_its_keys_and_listens_on_loopback_only(tmp_path: Path) -> None:
    with embedded.redis(tmp_path / "redis") as url, Redis.from_url(url) as client:
        client.set("answer", "42")

        assert url.startswith("redis://127.0.0.1:")
        assert client.config_get("bind") == {"bind": "127.0.0.1"}

    with embedded.redis(tmp_path / "redis") as url, Redis.from_url(url) as client:
        assert client.get("answer") == b"42"
