"""The command `pennyrail`: the service's processes, the operator's checks, and the sandbox."""

import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import lazily
from app.client_cli import registering as agents
from app.client_cli.arguments import RootGroup
from app.dev_folder import DEV_FOLDER, OR_A_FOLDER, DevHouse

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.house import House

cli = typer.Typer(
    help="Prepaid credits for agents and people: payment rails, and a ledger that keeps their books.",
    cls=RootGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
sandbox_cli = typer.Typer(help="The pretend outside world of `pennyrail dev`.", no_args_is_help=True)
agents.register(cli)
# Nothing of the service is imported up here: an agent waits for it at every command.
cli.add_typer(lazily.group("app.ledger_cli", about="The book."), name="ledger")
cli.add_typer(
    lazily.group("app.agent_cli", about="Tokens of the agents that buy credits."), name="agent-token"
)
cli.add_typer(
    lazily.group("app.service_cli", about="Tokens of the services that spend credits."), name="service-token"
)
cli.add_typer(lazily.group("app.receipt_cli", about="Signed receipts."), name="receipt")
cli.add_typer(
    lazily.group("app.webhook_cli", "endpoint_cli", about="Who is told what happened."),
    name="webhook-endpoint",
)
cli.add_typer(
    lazily.group("app.webhook_cli", "log_cli", about="What was told, and what came of it."), name="webhook"
)
cli.add_typer(lazily.group("app.chain_cli", about="Reading Base."), name="chain")
cli.add_typer(
    lazily.group("app.refund_cli", about="Giving money back, and what left by itself."), name="refund"
)
cli.add_typer(lazily.group("app.freeze_cli", about="Agents that may not spend."), name="agent-spending")
cli.add_typer(
    lazily.group("app.reconcile_cli", about="The processor, the chain and the book, side by side."),
    name="reconcile",
)
cli.add_typer(lazily.group("app.purchase_cli", about="Single purchases."), name="purchase")
cli.add_typer(
    lazily.group("app.inbox_cli", about="Webhooks that came, and what became of them."), name="inbox"
)
cli.add_typer(lazily.group("app.rail_cli", about="The ways of paying, and new ones."), name="rail")
cli.add_typer(lazily.group("app.figures_cli", about="The figures of every day."), name="figures")
cli.add_typer(
    lazily.group(
        "app.exceptions_cli", about="Money that is not as it was asked for, and what is done about it."
    ),
    name="exceptions",
)
cli.add_typer(
    lazily.group("app.ops_cli.command", about="What operators do on the console's pages, as commands."),
    name="ops",
)
cli.add_typer(sandbox_cli, name="sandbox")


class Role(StrEnum):
    """A process that has no door to be asked at."""

    WORKER = "worker"
    WATCHER = "watcher"
    BEAT = "beat"


Port = Annotated[int, typer.Option(help="port of the API", min=0, max=65535)]


@cli.command()
def api(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Port = 8402,
) -> None:
    """Serve the HTTP API."""
    from app import logs, main, serving
    from workers.settings import DrainSettings

    logs.configure()
    serving.serve(main.application, DrainSettings(), host=host, port=port)


@cli.command()
def mcp(
    api_base_url: Annotated[
        str | None, typer.Option(help="the service to speak to, if not the one of PENNYRAIL_API_BASE_URL")
    ] = None,
) -> None:
    """Serve the agents' tools over MCP on standard input and output.

    As the agent of PENNYRAIL_TOKEN or of `pennyrail signup`; as nobody yet if there is neither.
    """
    from app.client_cli.outcomes import Refused
    from app.client_cli.visit import Shared, Visit
    from app.mcp import stdio
    from rails.telemetry import lines

    lines.configure(level="WARNING")
    visit = Visit("mcp", Shared(api_base_url=api_base_url))
    try:
        base_url, shown = visit.base_url, visit.shown
    except Refused as refused:
        _warnings_out().print(refused.outcome.error_message, style="red", soft_wrap=True)
        raise typer.Exit(refused.outcome.exit_code) from None
    stdio.run(base_url=base_url, token=shown.token if shown is not None else "")


@cli.command()
def worker(
    concurrency: Annotated[int, typer.Option(help="processes that work at the same time", min=1)] = 2,
    queues: Annotated[
        str, typer.Option(help="what it takes: celery, chain or both; without chain a watcher has to run")
    ] = "celery,chain",
) -> None:
    """Handle notices, settle attempts and watch deposits."""
    _work("worker", concurrency=concurrency, queues=queues)


@cli.command()
def watcher(
    concurrency: Annotated[int, typer.Option(help="processes that ask nodes at the same time", min=1)] = 1,
) -> None:
    """Watch deposits and nothing else. Run two: one reads under the lease, the other doubts or stands by."""
    _work("watcher", concurrency=concurrency, queues="chain")


def _work(name: str, *, concurrency: int, queues: str) -> None:
    """Be a worker of these queues until a signal ends it."""
    from app import processes
    from workers.queues import ALL

    taken = queues.split(",")
    if unknown := sorted(set(taken) - set(ALL)):
        raise typer.BadParameter(f"no queue is called {unknown[0]!r}; there are {' and '.join(ALL)}")
    # Before anything that measures is imported.
    measures = processes.shared_measures()
    from app import live, logs
    from app.migrations import schema

    logs.configure()
    # A wrong setting ends the process here, not the first task.
    live.require()
    processes.measure_worker(measures)
    from workers.queue import celery
    from workers.wiring import wired

    schema.require(wired().sessions)
    wired().providers.check_chains()
    celery.worker_main(
        [
            "worker",
            "--hostname",
            f"{name}@%h",
            "--concurrency",
            str(concurrency),
            "--queues",
            ",".join(taken),
            "--without-gossip",
            "--without-mingle",
        ]
    )


@cli.command()
def beat(
    schedule: Annotated[Path, typer.Option(help="file that remembers when each task last ran")] = Path(
        ".pennyrail/beat"
    ),
) -> None:
    """Strike the clock for the workers. Run exactly one."""
    from app import live, logs, processes
    from workers import pulse
    from workers.queue import celery

    logs.configure()
    live.require_of_the_clock()
    pulse.follow_the_clock()
    processes.measure_clock()
    schedule.parent.mkdir(parents=True, exist_ok=True)
    celery.start(["beat", "--schedule", str(schedule)])


@cli.command()
def alive(
    role: Annotated[Role, typer.Argument(help="worker, watcher or beat")],
    folder: DevHouse = None,
) -> None:
    """Say when a process on this machine last did its work. Exits 1 if starting it anew may help."""
    if folder is not None:
        from app import where

        raise typer.Exit(where.run_in_the_house(folder, "alive", role.value))
    from app import settings
    from workers import pulse
    from workers.settings import QueueSettings

    settings.require(QueueSettings, otherwise=OR_A_FOLDER)
    found = pulse.found(role.value)
    _out().print(f"{role.value}: {found.told}", soft_wrap=True)
    raise typer.Exit(0 if found.alive else 1)


@cli.command()
def migrate(
    lock_ms: Annotated[int, typer.Option(help="how long others may wait behind it for a lock", min=1)] = 300,
    statement_seconds: Annotated[int, typer.Option(help="how long one statement may take", min=1)] = 60,
    tries: Annotated[int, typer.Option(help="how often to try when others hold a lock", min=1)] = 40,
) -> None:
    """Bring the database to this version, and say what the service's user may do in it."""
    from app import settings
    from app.migrations import patience, roles, run
    from app.settings import MigrationSettings
    from ledger.settings import LedgerSettings

    settings.require(LedgerSettings, MigrationSettings)
    service_url, given = LedgerSettings().database_url, MigrationSettings()
    patient = patience.Patience(lock_ms=lock_ms, statement_seconds=statement_seconds, tries=tries)
    try:
        run.migrate(
            given.migrate_database_url or service_url,
            service_url=service_url,
            api_url=given.api_database_url,
            worker_url=given.worker_database_url,
            patient=patient,
            say=_say,
        )
    except (roles.NotAllowed, patience.NotMigrated) as refusal:
        sys.exit(f"pennyrail cannot migrate: {refusal}")
    _out().print("the database is up to date")


@cli.command()
def connections(
    api: Annotated[
        int, typer.Option(help="API processes at the most, a rolling release included", min=0)
    ] = 1,
    task_processes: Annotated[
        int, typer.Option(help="processes of workers and watchers: their number times --concurrency", min=0)
    ] = 3,
    folder: DevHouse = None,
) -> None:
    """Tell whether PostgreSQL bears so many processes. Exits 1 if it does not."""
    if folder is not None:
        from app import where

        told = (f"--api={api}", f"--task-processes={task_processes}")
        raise typer.Exit(where.run_in_the_house(folder, "connections", *told))
    from app import settings
    from app.connections import Processes, allowed
    from app.internal.settings import InternalSettings
    from ledger.settings import LedgerSettings

    settings.require(LedgerSettings, InternalSettings, otherwise=OR_A_FOLDER)
    ledger = LedgerSettings()
    most = Processes(
        api=api,
        pool_size=ledger.database_pool_size,
        writers=InternalSettings().writers,
        task_processes=task_processes,
    ).most
    there = allowed(ledger.database_url)
    _out().print(f"{most} connections at the most, of {there} that may be open")
    if most > there:
        raise typer.Exit(1)


@cli.command()
def dev(
    port: Port = 8402,
    live_like: Annotated[
        bool, typer.Option("--live-like", help="live-shaped keys against the twin: live_money is true")
    ] = False,
    folder: Annotated[Path, typer.Option(help="where the data stay", file_okay=False)] = DEV_FOLDER,
) -> None:
    """Run everything on this machine until Ctrl-C: services, API, worker, clock, watcher and sandbox."""
    from sandbox import house

    with (
        _ended_by_signals(),
        house.running(folder.absolute(), port=port, mode="live" if live_like else "test", say=_say) as home,
    ):
        for line in _welcome(home, folder):
            # Nobody can copy an address that was broken in two.
            _out().print(line, soft_wrap=True)
        while not home.fallen():
            time.sleep(0.5)
        _warnings_out().print(
            f"{home.fallen()} has ended; see {home.logs / str(home.fallen())}.log", style="red"
        )
        raise typer.Exit(1)


@cli.command()
def demo(
    keep: Annotated[Path | None, typer.Option(help="keep data and logs in this folder")] = None,
) -> None:
    """Watch an agent and a person buy credits, settled for real, granted once. Takes under a minute."""
    from sandbox import demo as shown

    with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="pennyrail-demo-") as thrown_away:
        if not shown.run((keep or Path(thrown_away)).absolute(), out=_out()):
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
    from ledger import database
    from rails import instructions, status
    from sandbox import paying
    from sandbox.errors import AskedWrongly
    from sandbox.house import Addresses

    addresses = Addresses.read(folder)
    engine = database.connect(addresses.database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            attempt = status.attempt_of(session, payment_attempt_id=payment_attempt_id)
    finally:
        engine.dispose()
    told = instructions.read(attempt) if attempt is not None else None
    if attempt is None or told is None:
        raise AskedWrongly(f"no attempt {payment_attempt_id} is open for payment in the house over {folder}")
    warning = paying.warning(told, state=attempt.state, amount_atomic=amount_atomic, times=times)
    if warning is not None:
        _warnings_out().print(warning, style="yellow", soft_wrap=True)
    for line in paying.pay(told, rpc_url=addresses.rpc_url, amount_atomic=amount_atomic, times=times):
        _out().print(line, soft_wrap=True)


@sandbox_cli.command("code")
def sandbox_code(
    who: Annotated[str, typer.Argument(help="finance, approver, admin, support or viewer")],
    folder: Annotated[Path, typer.Option(help="the folder of the running `pennyrail dev`")] = DEV_FOLDER,
) -> None:
    """Print the code that somebody's authenticator app shows now, to sign in at the console."""
    from datetime import UTC, datetime

    from sandbox import people

    typer.echo(people.code(folder, who, now=datetime.now(UTC)))


def _welcome(home: "House", folder: Path) -> list[str]:
    """What `dev` says when everything is up. No line is longer than its longest address."""
    from sandbox import people

    where = "" if folder == DEV_FOLDER else f" --folder {shlex.quote(str(folder))}"
    return [
        f"ready {home.addresses.api_url}",
        f"  Stripe twin  {home.addresses.twin_url}",
        f"  devnet       {home.addresses.rpc_url}, chain id 8453",
        f"  USDC         {home.devnet.token}",
        f"  logs         {home.logs}",
        f"  console      {home.addresses.api_url}/console/",
        *(f"    {each.email}" for each in people.known(folder)),
        f'    password of each: "{people.PASSWORD}"; a code each:',
        f"    {_invoked()} sandbox code finance{where}",
        "  pay with",
        f"    {_invoked()} sandbox pay PAYMENT_ATTEMPT_ID{where}",
        "  stop with Ctrl-C",
    ]


def _invoked() -> str:
    """How this program was called, so that a hint runs as it stands."""
    program = sys.argv[0]
    if program.endswith(".py"):
        return f"{shlex.quote(sys.executable)} -m app.cli"
    name = Path(program).name
    return name if shutil.which(name) == program else shlex.quote(program)


@cache
def _out() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


@cache
def _warnings_out() -> "Console":
    from rich.console import Console

    return Console(highlight=False, stderr=True)


def _say(what: str) -> None:
    _out().print(f"  {what}", style="dim")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End quietly on Ctrl-C and SIGTERM, everything stopped."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        _out().print("stopped")
        raise typer.Exit(0) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run the command. What it cannot do is told on standard error, without a traceback or a secret."""
    try:
        cli()
    except Exception as error:
        from app import failures

        told, exit_code = _told_by_the_sandbox(error) or (failures.told(error), 1)
        if told is None:
            raise
        sys.stderr.write(f"pennyrail: {told}\n")
        sys.exit(exit_code)


def _told_by_the_sandbox(error: Exception) -> tuple[str, int] | None:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "sandbox":
        return "the sandbox is not installed here, as it should not be in production; use a checkout", 1
    try:
        from sandbox.errors import SandboxError
    except ModuleNotFoundError:
        return None
    return (str(error), error.exit_code) if isinstance(error, SandboxError) else None


if __name__ == "__main__":
    main()
