"""`python -m sandbox.stripe_twin`: one twin on loopback, until it is told to stop."""

import argparse
import asyncio
import logging
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from sandbox.stripe_twin import settings
from sandbox.stripe_twin.server import app
from sandbox.stripe_twin.settings import Endpoint, MissingSecret, TwinConfig
from sandbox.stripe_twin.world import log


def main() -> None:
    """Read the arguments and serve."""
    arguments = parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stdout)
    log.setLevel(logging.INFO)
    try:
        config = configuration(arguments)
    except MissingSecret as error:
        sys.exit(str(error))
    # Named as TCP, or asyncio would leave Nagle's delay of 40 ms on every answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", arguments.port))
        asyncio.run(serve(config, listener, arguments))


def parser() -> argparse.ArgumentParser:
    """The arguments; secrets come through the environment, where `ps` does not show them."""
    arguments = argparse.ArgumentParser(prog="python -m sandbox.stripe_twin", description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    arguments.add_argument("--rpc-url", help="the Base node to watch; none watches nothing")
    arguments.add_argument("--usdc-contract", default=settings.BASE_USDC)
    arguments.add_argument("--confirmations", type=int, default=1)
    arguments.add_argument("--state", type=Path, help="a file that survives restarts; none forgets")
    arguments.add_argument("--public-url", help="where people reach the hosted page, if not where the API is")
    arguments.add_argument("--webhook-url")
    arguments.add_argument(
        "--webhook-secret-env", action="append", default=[], help="twice during a rotation, newest first"
    )
    arguments.add_argument("--webhook-payload", choices=("snapshot", "thin", "both"), default="snapshot")
    arguments.add_argument("--secret-key-env", default=settings.SECRET_KEY_VARIABLE)
    arguments.add_argument("--live-secret-key-env", default=settings.LIVE_SECRET_KEY_VARIABLE)
    arguments.add_argument("--url-file", type=Path, help="where to write the URL once it listens")
    arguments.add_argument("--die-with-parent", action="store_true", help="stop when standard input ends")
    return arguments


def configuration(arguments: argparse.Namespace) -> TwinConfig:
    """What the arguments and the environment say.

    raises: MissingSecret
    """
    endpoints: tuple[Endpoint, ...] = ()
    if arguments.webhook_url:
        names = arguments.webhook_secret_env or [settings.WEBHOOK_SECRET_VARIABLE]
        secrets = tuple(settings.secret(name) for name in names)
        payload: settings.PayloadStyle = arguments.webhook_payload
        endpoints = (Endpoint(url=arguments.webhook_url, secrets=secrets, payload=payload),)
    return TwinConfig(
        secret_key=settings.secret(arguments.secret_key_env),
        live_secret_key=settings.secret(arguments.live_secret_key_env),
        state_file=arguments.state,
        rpc_url=arguments.rpc_url,
        usdc_contract=arguments.usdc_contract,
        confirmations=arguments.confirmations,
        public_url=arguments.public_url,
        endpoints=endpoints,
    )


async def serve(config: TwinConfig, listener: socket.socket, arguments: argparse.Namespace) -> None:
    """Serve until a signal, or until standard input ends."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    # Uvicorn's own logs would show paths with ids of payments in them, and tracebacks with values.
    server = uvicorn.Server(
        uvicorn.Config(
            app(config),
            access_log=False,
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    if arguments.die_with_parent:
        threading.Thread(target=stop_at_end_of_input, args=(server,), daemon=True).start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    log.info("listening on %s", url)
    if arguments.url_file is not None:
        written = arguments.url_file.with_suffix(".new")
        written.write_text(url)
        written.replace(arguments.url_file)
    await serving


def stop_at_end_of_input(server: uvicorn.Server) -> None:
    """Wait for the parent to go away, then ask the server to stop."""
    # Not through sys.stdin: its lock would be held by this thread when the interpreter wants to end.
    while os.read(0, 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
