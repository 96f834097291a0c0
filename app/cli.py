"""The command `pennyrail`: the service's processes, the operator's checks, and the sandbox."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlmodel import Session

from ledger import database
from ledger.settings import LedgerSettings

cli = typer.Typer(
    help="Prepaid credits for agents and people: payment rails, and a ledger that keeps their books.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
ledger_cli = typer.Typer(help="The book.", no_args_is_help=True)
chain_cli = typer.Typer(help="Reading Base.", no_args_is_help=True)
sandbox_cli = typer.Typer(help="The pretend outside world of `pennyrail dev`.", no_args_is_help=True)
service_cli = typer.Typer(help="Tokens of the services that spend credits.", no_args_is_help=True)
cli.add_typer(ledger_cli, name="ledger")
cli.add_typer(service_cli, name="service-token")
cli.add_typer(chain_cli, name="chain")
cli.add_typer(sandbox_cli, name="sandbox")

DEV_FOLDER = Path(".pennyrail/dev")
out = Console(highlight=False)


@cli.command()
def api(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 8402,
) -> None:
    """Serve the HTTP API."""
    import uvicorn

    from rails import redaction

    redaction.configure()
    uvicorn.run(
        "app.main:application",
        factory=True,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
    )


@cli.command()
def worker(
    concurrency: Annotated[int, typer.Option(help="processes that work at the same time")] = 2,
) -> None:
    """Handle notices, settle attempts and watch deposits."""
    from workers.queue import celery
    from workers.wiring import wired

    # A wrong setting ends the process here, not the first task.
    wired()
    celery.worker_main(["worker", "--concurrency", str(concurrency), "--without-gossip", "--without-mingle"])


@cli.command()
def beat(
    schedule: Annotated[Path, typer.Option(help="file that remembers when each task last ran")] = Path(
        ".pennyrail/beat"
    ),
) -> None:
    """Strike the clock for the workers. Run exactly one."""
    from workers.queue import celery

    schedule.parent.mkdir(parents=True, exist_ok=True)
    celery.start(["beat", "--schedule", str(schedule)])


@cli.command()
def migrate() -> None:
    """Bring the database to this version."""
    from app.migrations import run

    run.migrate(LedgerSettings().database_url)
    out.print("the database is up to date")


@ledger_cli.command("verify")
def ledger_verify() -> None:
    """Derive every balance again from its entries. Exits 1 if anything has drifted."""
    from ledger import audit

    engine = database.connect(LedgerSettings().database_url, pool_size=1)
    with database.sessions(engine)() as session:
        report = audit.verify(session)
    engine.dispose()
    for line in report.lines():
        out.print(line, soft_wrap=True)
    if not report.clean:
        raise typer.Exit(1)


@service_cli.command("create")
def service_token_create(
    name: Annotated[str, typer.Argument(help="the service; its idempotency keys are its own")],
    scope: Annotated[list[str], typer.Option(help="what it may do; repeat for more than one")],
    expires_in_days: Annotated[int | None, typer.Option(help="never, if not given", min=1, max=3650)] = None,
) -> None:
    """Make a token. It is printed once, alone on the standard output."""
    from app import service_tokens

    now = datetime.now(UTC)
    expires_at = now + timedelta(days=expires_in_days) if expires_in_days else None
    with _session() as session:
        try:
            row, token = service_tokens.make(session, name=name, scopes=scope, expires_at=expires_at, now=now)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    print(f"{row.id} for {row.name}: {', '.join(row.scopes)}", file=sys.stderr)  # noqa: T201
    print(token)  # noqa: T201


@service_cli.command("list")
def service_token_list() -> None:
    """Show every token that was made, never the tokens themselves."""
    from app import service_tokens

    now = datetime.now(UTC)
    with _session() as session:
        for row in service_tokens.listed(session):
            state = "revoked" if row.revoked_at else "active" if row.valid(now) else "expired"
            until = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "without end"
            out.print(f"{row.id}  {row.name}  {state}  {until}  {','.join(row.scopes)}", soft_wrap=True)


@service_cli.command("revoke")
def service_token_revoke(
    name_or_id: Annotated[str, typer.Argument(help="a token's id, or a name for all tokens of that service")],
) -> None:
    """Refuse a token from now on; a running server follows within seconds. Exits 1 if there is none."""
    from app import service_tokens

    with _session() as session:
        revoked = service_tokens.revoke(session, name_or_id=name_or_id, now=datetime.now(UTC))
    out.print(f"{revoked} revoked")
    if not revoked:
        raise typer.Exit(1)


@chain_cli.command("rescan")
def chain_rescan(
    from_block: Annotated[int, typer.Argument(help="first block", min=0)],
    to_block: Annotated[int, typer.Argument(help="last block", min=0)],
) -> None:
    """Read a range of blocks again. What is already known is not counted twice."""
    from rails.chain import scanner
    from workers.watching import StoryWatch
    from workers.wiring import wired

    house, now = wired(), datetime.now(UTC)
    report = scanner.rescan(
        house.sessions,
        house.rpc,
        StoryWatch(now),
        token=house.chain.usdc_address,
        from_block=from_block,
        to_block=to_block,
        now=now,
        limits=house.limits,
    )
    read = f"blocks {report.from_block} to {report.to_block}"
    out.print(f"{read}: {report.rows} transfers seen, {report.new} of them new")


@cli.command()
def dev(
    port: Annotated[int, typer.Option(help="port of the API")] = 8402,
    live_like: Annotated[
        bool, typer.Option("--live-like", help="live-shaped keys against the twin: live_money is true")
    ] = False,
    folder: Annotated[Path, typer.Option(help="where the data stay")] = DEV_FOLDER,
) -> None:
    """Run everything on this machine until Ctrl-C: services, API, worker, clock, watcher and sandbox."""
    from sandbox import house

    with (
        _ended_by_signals(),
        house.running(folder.absolute(), port=port, mode="live" if live_like else "test", say=_say) as home,
    ):
        out.print(f"ready {home.addresses.api_url}", soft_wrap=True)
        out.print(f"  Stripe twin  {home.addresses.twin_url}")
        out.print(f"  devnet       {home.addresses.rpc_url}  (chain id 8453, USDC {home.devnet.token})")
        out.print(f"  logs         {home.logs}", soft_wrap=True)
        out.print("  pay with     pennyrail sandbox pay PAYMENT_ATTEMPT_ID;  stop with Ctrl-C")
        while not home.fallen():
            time.sleep(0.5)
        out.print(f"{home.fallen()} has ended; see {home.logs / str(home.fallen())}.log", style="red")
        raise typer.Exit(1)


@cli.command()
def demo(
    keep: Annotated[Path | None, typer.Option(help="keep data and logs in this folder")] = None,
) -> None:
    """Watch an agent and a person buy credits, settled for real, granted once. Takes under a minute."""
    from sandbox import demo as shown

    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="pennyrail-demo-") as thrown_away:
        if not shown.run((keep or Path(thrown_away)).absolute(), out=out):
            raise typer.Exit(1)


@sandbox_cli.command("pay")
def sandbox_pay(
    payment_attempt_id: Annotated[str, typer.Argument(help="the attempt to pay, payatt_...")],
    amount_atomic: Annotated[
        int | None, typer.Option(help="USDC in atomic units, if not the exact amount", min=0)
    ] = None,
    times: Annotated[int, typer.Option(help="how often to pay", min=1, max=100)] = 1,
    folder: Annotated[Path, typer.Option(help="the folder of the running `pennyrail dev`")] = DEV_FOLDER,
) -> None:
    """Pay an attempt as its payer would: a USDC transfer, or the Pay button on the twin's page."""
    from rails import instructions, status
    from sandbox import paying
    from sandbox.house import Addresses

    try:
        addresses = Addresses.read(folder)
    except FileNotFoundError:
        raise typer.BadParameter(f"no house runs over {folder}; start one with `pennyrail dev`") from None
    engine = database.connect(addresses.database_url, pool_size=1)
    with database.sessions(engine)() as session:
        attempt = status.attempt_of(session, payment_attempt_id=payment_attempt_id)
        told = instructions.read(attempt) if attempt else None
    engine.dispose()
    if told is None:
        raise typer.BadParameter(f"no attempt {payment_attempt_id} is open for payment here")
    for line in paying.pay(told, rpc_url=addresses.rpc_url, amount_atomic=amount_atomic, times=times):
        out.print(line, soft_wrap=True)


@contextmanager
def _session() -> Iterator[Session]:
    engine = database.connect(LedgerSettings().database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()


def _say(what: str) -> None:
    out.print(f"  {what}", style="dim")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End quietly on Ctrl-C and SIGTERM, everything stopped."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        out.print("stopped")
        raise typer.Exit(0) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run the command. A setting that is missing or wrong is told in one line, without its value."""
    from pydantic import ValidationError

    try:
        cli()
    except ValidationError as error:
        wrong = [{"setting": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in error.errors()]
        sys.exit(f"pennyrail cannot start: {json.dumps(wrong)}; see .env.example")


if __name__ == "__main__":
    main()
