"""The command `pennyrail` without its second of imports: a process that has them forks one for each call.

What is typed runs as a process of its own, with its caller's folder, environment and open files. Only what a
fresh Python would import is there before.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
GROUPS = (
    *("app.chain_cli", "app.exceptions_cli", "app.inbox_cli", "app.ledger_cli", "app.ops_cli.command"),
    *("app.purchase_cli", "app.receipt_cli", "app.reconcile_cli", "app.live", "workers.wiring"),
    *("rails.reconciliation.run", "ledger.audit"),
)
CALLER = """#!{python} -IS
import json, os, socket, sys
asked = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    sys.exit(server.recv(1)[0])
"""


@contextmanager
def command(folder: Path) -> Iterator[Path]:
    """The folder of a command `pennyrail` that begins at once, for as long as the block."""
    # Addresses of sockets are short.
    address, caller = folder / "s", folder / "bin" / "pennyrail"
    caller.parent.mkdir(parents=True)
    caller.write_text(CALLER.format(python=sys.executable, address=str(address)))
    caller.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(address)], cwd=ROOT, env={**os.environ, "COLUMNS": "200"}
    )
    try:
        eventually(lambda: address.exists() or server.poll() is not None)
        assert server.poll() is None, "nobody serves commands"
        yield caller.parent
    finally:
        server.terminate()
        server.wait()


def _serve(address: str) -> None:
    for name in GROUPS:
        import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        while True:
            asking, _ = listening.accept()
            message, files, _, _ = socket.recv_fds(asking, 1 << 20, 3)
            child = os.fork()
            if child == 0:
                listening.close()
                asking.close()
                _be(json.loads(message), files)
            for file in files:
                os.close(file)
            _, status = os.waitpid(child, 0)
            asking.send(bytes([os.waitstatus_to_exitcode(status) & 255]))
            asking.close()


def _be(asked: dict[str, object], files: list[int]) -> None:
    """Be the command that was asked for, and end as it ends."""
    from app import cli

    for target, file in enumerate(files):
        os.dup2(file, target)
    words, environment = asked["words"], asked["environment"]
    assert isinstance(words, list)
    assert isinstance(environment, dict)
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["pennyrail", *words]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code: object = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code or 0
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(sys.argv[1])
